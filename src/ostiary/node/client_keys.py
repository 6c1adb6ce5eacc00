"""
The keys with which this node signs who its clients are: a sealed file that every process reads.

They are made when first asked for. Turning them keeps the set before, which is still published,
so that what was signed a moment ago can be verified.

Spec: oidc-plugin §12.6; decision D17.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ostiary.adapters.certificates import write_private
from ostiary.jose.errors import BrokenSeal, MalformedKey
from ostiary.jose.keys import PrivateKey
from ostiary.jose.seal import NONCE_BYTES, seal, unseal
from ostiary.ports.client_keys import ClientKeysUnavailable

_NAME = "client-keys.sealed"
_AAD = b"ostiary client keys 1"
_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_EC = ("ES256", "ES384", "ES512")
Mark = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySets:
    """What signs now, and what signed before; both are published."""

    current: tuple[PrivateKey, ...] = field(repr=False)
    previous: tuple[PrivateKey, ...] = field(default=(), repr=False)


def is_there(prefix: Path) -> bool:
    """Tell whether the node in a folder has made its keys."""
    return (prefix / _NAME).exists()


def make_keys() -> tuple[PrivateKey, ...]:
    """A new key for every algorithm. Takes about half a second: call it in a thread."""

    def name() -> str:
        return os.urandom(8).hex()

    return (
        *(PrivateKey.generate_rsa(name(), alg=alg) for alg in _RSA),
        *(PrivateKey.generate_ec(name(), alg=alg) for alg in _EC),
        PrivateKey.generate_ed25519(name()),
    )


class KeyFile:
    """The file of one node; implements the ports `ClientKeys` and `PublishedKeys`."""

    def __init__(self, prefix: Path, database_key: bytes) -> None:
        self._path = prefix / _NAME
        self._key = database_key
        self._seen: tuple[Mark, KeySets] | None = None

    async def find(self, algorithm: str) -> PrivateKey | None:
        """As the port says."""
        sets = await self.load()
        return next((key for key in sets.current if key.alg == algorithm), None)

    async def public_jwks(self) -> list[dict[str, str]]:
        """As the port says: the current keys first."""
        sets = await self.load()
        return [key.public_jwk() for key in (*sets.current, *sets.previous)]

    async def load(self) -> KeySets:
        """
        The keys, made now where there are none.

        Raises:
            ClientKeysUnavailable: They cannot be read or written.
        """
        found = self._read()
        return await asyncio.to_thread(self._make) if found is None else found

    async def turn(self) -> None:
        """As the port says."""
        await asyncio.to_thread(self._turn)

    def _read(self) -> KeySets | None:
        try:
            found = self._path.stat()
            mark = (found.st_mtime_ns, found.st_ino)
            if self._seen is None or self._seen[0] != mark:
                self._seen = (mark, self._open())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable(error.strerror or "cannot be read") from error
        except (BrokenSeal, MalformedKey, ValueError, TypeError) as error:
            raise self._unusable("is broken; restore it from a backup") from error
        return self._seen[1]

    def _open(self) -> KeySets:
        rows = json.loads(unseal(self._key, self._path.read_bytes(), aad=_AAD))
        current, previous = (
            tuple(PrivateKey.from_private_jwk(jwk) for jwk in rows[name])
            for name in ("current", "previous")
        )
        return KeySets(current=current, previous=previous)

    def _make(self) -> KeySets:
        with self._held():
            found = self._read()
            return self._write(KeySets(current=make_keys())) if found is None else found

    def _turn(self) -> None:
        with self._held():
            known = self._read()
            previous = () if known is None else known.current
            self._write(KeySets(current=make_keys(), previous=previous))

    def _write(self, sets: KeySets) -> KeySets:
        rows = {
            "current": [key.to_private_jwk() for key in sets.current],
            "previous": [key.to_private_jwk() for key in sets.previous],
        }
        nonce = os.urandom(NONCE_BYTES)
        data = seal(self._key, json.dumps(rows).encode(), aad=_AAD, nonce=nonce)
        try:
            write_private(self._path, data)
        except OSError as error:
            raise self._unusable(error.strerror or "cannot be written") from error
        return sets

    @contextmanager
    def _held(self) -> Iterator[None]:
        """One process at a time: two that make keys at once would publish one and use another."""
        try:
            lock = os.open(
                self._path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o600
            )
        except OSError as error:
            raise self._unusable(error.strerror or "cannot be locked") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _unusable(self, why: str) -> ClientKeysUnavailable:
        return ClientKeysUnavailable(f"the node's client keys: {self._path} {why}")
