"""
What a row gets without anybody saying it: id, times, keys; and what only a clock can judge.

Spec: gateway §§1.1 (auto fields), 1.4 (generated keys, the hash of basic-auth), 1.8.
"""

from __future__ import annotations

import string
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from ostiary.model.identity import hash_password
from ostiary.model.kinds import Kind
from ostiary.model.pem import read_certificates
from ostiary.model.words import Problem

_LETTERS: Final = string.ascii_letters + string.digits
_KEY_CHARS: Final = 32
_SHARED_SECRETS: Final = ("HS256", "HS384", "HS512")


class Bytes(Protocol):
    """Where random bytes come from."""

    def bytes(self, count: int) -> bytes:
        """That many."""
        ...


def new_key(entropy: Bytes) -> str:
    """32 letters and digits, 190 random bits."""
    # 62 letters of 256 values: what is over is thrown away, so that none comes more often.
    found = ""
    while len(found) < _KEY_CHARS:
        fair = (b for b in entropy.bytes(2 * _KEY_CHARS) if b < 248)
        found += "".join(_LETTERS[b % len(_LETTERS)] for b in fair)
    return found[:_KEY_CHARS]


@dataclass(frozen=True, slots=True, kw_only=True)
class Autofill:
    """Fills what is missing; `now` in Unix seconds."""

    now: Callable[[], float]
    entropy: Bytes

    def complete(
        self,
        kind: Kind,
        data: dict[str, Any],
        given: Mapping[str, Any],
    ) -> None:
        """Complete `data`; `given` is what was typed."""
        now = round(self.now(), 3)
        stamp: float = now if kind.name == "targets" else int(now)
        if data.get("id") is None:
            data["id"] = str(uuid.UUID(bytes=self.entropy.bytes(16), version=4))
        if data.get("created_at") is None:
            data["created_at"] = stamp
        data["updated_at"] = stamp
        if kind.name in {"keyauth_credentials", "jwt_secrets"} and not data.get("key"):
            data["key"] = new_key(self.entropy)
        if kind.name == "jwt_secrets" and data.get("secret") is None:
            data["secret"] = new_key(self.entropy)
        password, consumer = given.get("password"), data.get("consumer")
        if (
            kind.name == "basicauth_credentials"
            and isinstance(password, str)
            and isinstance(consumer, str)
        ):
            data["password"] = hash_password(password, consumer)

    def judge(self, kind: Kind, data: Mapping[str, Any]) -> tuple[Problem, ...]:
        """What is wrong today and was not yesterday."""
        cert = data.get("cert")
        if kind.name != "ca_certificates" or not isinstance(cert, str):
            return ()
        try:
            ends_at = read_certificates(cert).ends_at
        except ValueError:
            return ()  # told already
        if ends_at <= datetime.fromtimestamp(self.now(), UTC):
            text = 'certificate expired, "Not After" time is in the past'
            return ((("cert",), text),)
        return ()
