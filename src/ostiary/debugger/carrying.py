"""
A run on its way through the browser: packed, sealed, and opened again.

Nothing of it is kept here, so there is nothing to expire, to clean up or to steal; what a page
carries can be opened only with the node's key, and only for whoever it was sealed for.

Spec: decision 0051; RFC 9700 §4.7 (state is bound to the browser).
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass, replace
from typing import Final

from pydantic import TypeAdapter, ValidationError

from ostiary.debugger.values import Flow, Run, Setup
from ostiary.jose.encoding import decode_base64url, encode_base64url
from ostiary.jose.errors import JoseError
from ostiary.ports.clock import Entropy
from ostiary.ports.debugging import FLOW_COOKIE
from ostiary.sessions.keys import KeyRing, Sealer

MAX_STEPS: Final = 30
MAX_COOKIE: Final = 3900
MAX_BYTES: Final = 400_000
# A secret in a page that somebody has saved is good for so long.
MAX_AGE_S: Final = 12 * 3600
_RUN: Final = TypeAdapter(tuple[float, Run])
_AWAY: Final = TypeAdapter(tuple[Setup, Flow])


class CannotCarry(Exception):
    """What was carried is not ours, was changed, is somebody else's, or is too large."""

    code = "cannot_carry"


def name_cookie(state: str) -> str:
    """The cookie of a sign-in, by its state, which the name does not tell."""
    return FLOW_COOKIE + hashlib.sha256(state.encode()).hexdigest()[:12]


def _bind(owner: str, name: str) -> str:
    return f"{len(owner)}:{owner}:{name}"


@dataclass(frozen=True, slots=True)
class Carrier:
    """Seals and opens runs."""

    runs: Sealer
    flows: Sealer
    entropy: Entropy

    @classmethod
    def of(cls, ring: KeyRing, entropy: Entropy) -> Carrier:
        """The carrier of a node."""
        return cls(Sealer(ring, b"debugger run"), Sealer(ring, b"debugger flow"), entropy)  # fmt: skip

    def _seal(self, sealer: Sealer, data: bytes, owner: str) -> str:
        packed = zlib.compress(data, 9)
        nonce = self.entropy.bytes(12)
        return encode_base64url(sealer.seal(packed, binding=owner.encode(), nonce=nonce))  # fmt: skip

    @staticmethod
    def _open(sealer: Sealer, text: str, owner: str) -> bytes:
        try:
            packed = sealer.open(decode_base64url(text), binding=owner.encode())
            return zlib.decompress(packed)
        except (JoseError, zlib.error) as error:
            raise CannotCarry("not ours, or changed") from error

    def pack(self, run: Run, owner: str, *, now: float) -> str:
        """A run as a field of a form; of many or long steps the oldest are left behind."""
        kept = replace(run, steps=run.steps[-MAX_STEPS:])
        data = _RUN.dump_json((now, kept))
        while len(data) > MAX_BYTES and len(kept.steps) > 1:
            kept = replace(kept, steps=kept.steps[1:])
            data = _RUN.dump_json((now, kept))
        return self._seal(self.runs, data, owner)

    def unpack(self, text: str, owner: str, *, now: float) -> Run:
        """
        The run of a form.

        Raises:
            CannotCarry: There is none, or it is from half a day ago.
        """
        try:
            at, run = _RUN.validate_json(self._open(self.runs, text, owner))
        except ValidationError as error:
            raise CannotCarry("of another version") from error
        if not 0 <= now - at <= MAX_AGE_S:
            raise CannotCarry("too old")
        return run

    def pack_flow(self, setup: Setup, flow: Flow, owner: str) -> tuple[str, str]:
        """
        A sign-in as a cookie: its name and its value.

        Raises:
            CannotCarry: What was typed is too long for a cookie.
        """
        name = name_cookie(flow.state)
        binding = _bind(owner, name)
        text = self._seal(self.flows, _AWAY.dump_json((setup, flow)), binding)
        if len(text) > MAX_COOKIE:
            raise CannotCarry("what was typed is too long for a cookie")
        return name, text

    def unpack_flow(self, text: str, state: str, owner: str) -> tuple[Setup, Flow]:
        """
        The sign-in that a state belongs to.

        Raises:
            CannotCarry: It is another's.
        """
        return self.unpack_named(text, name_cookie(state), owner)

    def unpack_named(self, text: str, name: str, owner: str) -> tuple[Setup, Flow]:
        """
        The sign-in of a cookie.

        Raises:
            CannotCarry: It is none of ours.
        """
        try:
            return _AWAY.validate_json(self._open(self.flows, text, _bind(owner, name)))
        except ValidationError as error:
            raise CannotCarry("of another version") from error
