"""
Keys of a pool and of the site: made, sealed at rest, opened once per process.

The first signing key signs ID tokens, the second access tokens, as Cognito does.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ostiary.jose.keys import KeySet, PrivateKey, parse_jwks
from ostiary.jose.seal import NONCE_BYTES, derive_key, seal, unseal
from ostiary.model.pool import SealedKey
from ostiary.ports.clock import Entropy
from ostiary.ports.pool_store import PoolStore
from ostiary.userpool.identifiers import new_kid

PURPOSES: Final = ("id", "access")
_CACHED_POOLS: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeys:
    """A pool's opened keys, and their public halves in the order they are published."""

    id_key: PrivateKey
    access_key: PrivateKey
    public_jwks: tuple[dict[str, str], ...]
    key_set: KeySet


class Vault:
    """Seals and opens with keys derived from the database key, one per purpose."""

    def __init__(self, database_key: bytes, entropy: Entropy) -> None:
        self._entropy = entropy
        self._at_rest = derive_key(database_key, b"ostiary pool at rest")
        self._in_transit = derive_key(database_key, b"ostiary pool in transit")
        self.code_key = derive_key(database_key, b"ostiary pool codes")

    def __repr__(self) -> str:
        return "Vault()"

    def seal(self, plaintext: bytes, *, purpose: str) -> bytes:
        """For the database."""
        nonce = self._entropy.bytes(NONCE_BYTES)
        return seal(self._at_rest, plaintext, aad=purpose.encode(), nonce=nonce)

    def unseal(self, sealed: bytes, *, purpose: str) -> bytes:
        """From the database. Raises JoseError when the key is another or bits changed."""
        return unseal(self._at_rest, sealed, aad=purpose.encode())

    def wrap(self, plaintext: bytes, *, purpose: str) -> bytes:
        """For cookies and page tokens."""
        nonce = self._entropy.bytes(NONCE_BYTES)
        return seal(self._in_transit, plaintext, aad=purpose.encode(), nonce=nonce)

    def unwrap(self, sealed: bytes, *, purpose: str) -> bytes:
        """From cookies and page tokens. Raises JoseError for anything not ours."""
        return unseal(self._in_transit, sealed, aad=purpose.encode())


@dataclass(slots=True)
class KeyRing:
    """Opened signing keys, remembered per pool."""

    store: PoolStore
    vault: Vault
    _opened: dict[str, SigningKeys] = field(default_factory=dict, repr=False)

    def forget(self, pool_id: str | None) -> None:
        """Forget a pool's opened keys, or all of them."""
        if pool_id is None:
            self._opened.clear()
        else:
            self._opened.pop(pool_id, None)

    async def load(self, pool_id: str) -> SigningKeys:
        """The pool's keys; it must exist."""
        found = self._opened.get(pool_id)
        if found is None:
            found = open_keys(await self.store.load_keys(pool_id), self.vault)
            if len(self._opened) >= _CACHED_POOLS:
                self._opened.pop(next(iter(self._opened)))
            self._opened[pool_id] = found
        return found


def open_keys(sealed: tuple[SealedKey, ...], vault: Vault) -> SigningKeys:
    """Unseal a pool's keys."""
    by_purpose = {key.purpose: key for key in sealed}
    private = {
        purpose: PrivateKey.from_private_jwk(
            json.loads(vault.unseal(key.sealed, purpose=_purpose(key.pool_id, purpose)))
        )
        for purpose, key in by_purpose.items()
    }
    public = tuple(dict(by_purpose[purpose].public_jwk) for purpose in PURPOSES)
    return SigningKeys(
        id_key=private["id"],
        access_key=private["access"],
        public_jwks=public,
        key_set=parse_jwks({"keys": list(public)}),
    )


async def issue_keys(
    pool_id: str,
    *,
    vault: Vault,
    entropy: Entropy,
    make_key: Callable[[str], PrivateKey],
) -> tuple[SealedKey, ...]:
    """Two new RSA keys for a pool, sealed. `make_key` makes one for a key id, slowly."""
    made = [
        (purpose, await asyncio.to_thread(make_key, new_kid(entropy)))
        for purpose in PURPOSES
    ]
    return tuple(
        SealedKey(
            pool_id=pool_id,
            purpose=purpose,
            kid=key.kid,
            public_jwk=key.public_jwk(),
            sealed=vault.seal(
                json.dumps(key.to_private_jwk()).encode(),
                purpose=_purpose(pool_id, purpose),
            ),
        )
        for purpose, key in made
    )


def _purpose(pool_id: str, purpose: str) -> str:
    return f"signing key {purpose} of {pool_id}"
