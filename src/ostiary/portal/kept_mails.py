"""
Mails that wait, kept in the database: a node that stops sends them when it is back.

They are sealed, for there are links in them that are good once; and they are of one node, so that no
other sends them as well.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict
from typing import Final

from ostiary.jose.errors import BrokenSeal
from ostiary.jose.seal import NONCE_BYTES
from ostiary.portal.outbox import Letter
from ostiary.ports.clock import Entropy
from ostiary.ports.mail import Message
from ostiary.ports.session_store import SessionStore
from ostiary.ports.shared import SharedUnavailable
from ostiary.sessions.keys import KeyRing, Sealer

_LOG: Final = logging.getLogger("ostiary.portal")
# A mail that is a day late helps nobody any more.
KEPT_FOR_S: Final = 24 * 3600.0


class KeptMails:
    """The mails that one node could not send yet."""

    def __init__(
        self, store: SessionStore, entropy: Entropy, ring: KeyRing, *, node: str
    ) -> None:
        self._store = store
        self._entropy = entropy
        self._sealer = Sealer(ring, b"portal mail")
        self._name = f"portal-mails:{hashlib.sha256(node.encode()).hexdigest()}"

    async def keep(self, letter: Letter) -> str | None:
        """Keep a mail; under what, or None where that does not work now."""
        key = f"portal-mail:{self._entropy.bytes(16).hex()}"
        said = {"message": asdict(letter.message), "about": letter.about, "of": letter.of}  # fmt: skip
        sealed = self._sealer.seal(
            json.dumps(said).encode(),
            binding=key.encode(),
            nonce=self._entropy.bytes(NONCE_BYTES),
        )
        try:
            await self._store.set(key, sealed, ttl_s=KEPT_FOR_S)
            await self._store.index(self._name, key, ttl_s=KEPT_FOR_S)
        except SharedUnavailable as error:
            _LOG.warning("a mail that waits is not kept: %s", error)
            return None
        return key

    async def forget(self, key: str) -> None:
        """Let a mail go that was sent, or never will be."""
        try:
            await self._store.delete(key)
            await self._store.unindex(self._name, key)
        except SharedUnavailable as error:
            _LOG.warning("a mail that was sent is kept still: %s", error)

    async def load(self) -> list[tuple[str, Letter]]:
        """What this node has kept, by its keys; nothing where that cannot be known now."""
        found: list[tuple[str, Letter]] = []
        try:
            for key in await self._store.members(self._name):
                sealed = await self._store.get(key)
                if sealed is not None and (letter := self._open(key, sealed)):
                    found.append((key, letter))
        except SharedUnavailable as error:
            _LOG.warning("mails that were kept are not sent now: %s", error)
        return found

    def _open(self, key: str, sealed: bytes) -> Letter | None:
        try:
            said = json.loads(self._sealer.open(sealed, binding=key.encode()))
            message = Message(**said["message"])
        except (BrokenSeal, ValueError, TypeError, KeyError):
            return None  # of a key that is gone, or of another version
        return Letter(message=message, about=said["about"], of=said["of"])
