"""
The node's ring of session keys: one seals, all open. Rotation keeps everybody signed in.

Spec: decision D17.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ostiary.jose.errors import BrokenSeal
from ostiary.jose.seal import derive_key, seal, unseal

KEY_ID_BYTES = 4
FORMAT = b"\x01"


@dataclass(frozen=True, slots=True)
class RingKey:
    """One secret of 32 bytes and its public name of 4."""

    id: bytes
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Current key first, then those that may still open."""

    keys: tuple[RingKey, ...]

    def derive(self, key_id: bytes, purpose: bytes) -> bytes:
        """
        The key of a ring member for one purpose.

        Raises:
            BrokenSeal: The ring has no such member (any more).
        """
        for key in self.keys:
            if key.id == key_id:
                return derive_key(key.secret, purpose)
        raise BrokenSeal("sealed with a key that is not in the ring")

    @property
    def current_id(self) -> bytes:
        """The name of the key that seals."""
        return self.keys[0].id


class Sealer:
    """Seals and opens values of one purpose; derived keys are made once."""

    __slots__ = ("_keys", "_purpose", "current_id")

    def __init__(self, ring: KeyRing, purpose: bytes) -> None:
        self._purpose = purpose
        self._keys = {key.id: ring.derive(key.id, purpose) for key in ring.keys}
        self.current_id = ring.current_id

    def key(self, key_id: bytes) -> bytes:
        """
        The derived key of a ring member.

        Raises:
            BrokenSeal: The ring has no such member.
        """
        try:
            return self._keys[key_id]
        except KeyError as error:
            raise BrokenSeal("sealed with a key that is not in the ring") from error

    def seal(self, plaintext: bytes, *, binding: bytes, nonce: bytes) -> bytes:
        """Format, key id, and the sealed value, bound to `binding`."""
        head = FORMAT + self.current_id
        aad = self._purpose + b"\x00" + head + b"\x00" + binding
        return head + seal(self._keys[self.current_id], plaintext, aad=aad, nonce=nonce)

    def open(self, sealed: bytes, *, binding: bytes) -> bytes:
        """
        What was sealed for this purpose and binding.

        Raises:
            BrokenSeal: It was not, or has changed.
        """
        head, rest = sealed[: 1 + KEY_ID_BYTES], sealed[1 + KEY_ID_BYTES :]
        if head[:1] != FORMAT:
            raise BrokenSeal("sealed in another format")
        aad = self._purpose + b"\x00" + head + b"\x00" + binding
        return unseal(self.key(head[1:]), rest, aad=aad)
