"""The node's own keys, with which its clients sign who they are (`private_key_jwt`)."""

from __future__ import annotations

from typing import Protocol

from ostiary.jose.keys import PrivateKey


class ClientKeysUnavailable(Exception):
    """The keys cannot be read or made now; the text says why, without anything of the keys."""

    code = "client_keys_unavailable"


class ClientKeys(Protocol):
    """One current key per algorithm, the same for every worker of the node."""

    async def find(self, algorithm: str) -> PrivateKey | None:
        """The current key, or None for an algorithm without one. Raises ClientKeysUnavailable."""
        ...


class PublishedKeys(Protocol):
    """The same keys, for whoever publishes and turns them."""

    async def public_jwks(self) -> list[dict[str, str]]:
        """The public halves of all that may have signed. Raises ClientKeysUnavailable."""
        ...

    async def turn(self) -> None:
        """Put new keys first, keep those before published. Raises ClientKeysUnavailable."""
        ...
