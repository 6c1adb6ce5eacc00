"""
The secrets folder: session keys, database key, and the key that signs assertions; made once.

Spec: decision D17. The folder is 0700, its files 0600; wrong permissions stop the start.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ostiary.adapters.certificates import write_private
from ostiary.jose.errors import MalformedKey
from ostiary.jose.keys import PrivateKey
from ostiary.sessions.keys import KeyRing, RingKey

KEPT = 2
RING_FILE = "session-keys.json"
DATABASE_FILE = "database.key"
ASSERTION_FILE = "assertion-key.json"
CONSOLE_FILE = "console-token"


class SecretsUnsafe(Exception):
    """The folder or a file is open to others, or broken; the text names it."""

    code = "secrets_unsafe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What the supervisor hands to the processes that need it."""

    ring: KeyRing = field(repr=False)
    database_key: bytes = field(repr=False)
    assertion_key: Mapping[str, str] = field(repr=False)


def dump_ring(ring: KeyRing) -> list[list[str]]:
    """The ring as JSON values."""
    return [[key.id.hex(), key.secret.hex()] for key in ring.keys]


def load_ring(rows: list[list[str]]) -> KeyRing:
    """Read back what `dump_ring` wrote."""
    return KeyRing(tuple(RingKey(bytes.fromhex(i), bytes.fromhex(s)) for i, s in rows))


def _new_key() -> RingKey:
    return RingKey(os.urandom(4), os.urandom(32))


def _check_private(path: Path) -> None:
    if path.stat().st_mode & 0o077:
        raise SecretsUnsafe(f"{path} can be read by others; run: chmod go= {path}")


def open_secrets(prefix: Path) -> Secrets:
    """
    The secrets of a prefix, made when there are none.

    Raises:
        SecretsUnsafe: They can be read by others, or are broken.
        OSError: They cannot be read or written.
    """
    folder = prefix / "secrets"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_private(folder)
    ring_path, key_path = folder / RING_FILE, folder / DATABASE_FILE
    if not ring_path.exists():
        write_private(ring_path, json.dumps(dump_ring(KeyRing((_new_key(),)))).encode())
    if not key_path.exists():
        write_private(key_path, os.urandom(32).hex().encode())
    assertion_path = folder / ASSERTION_FILE
    if not assertion_path.exists():
        made = PrivateKey.generate_ec(os.urandom(8).hex()).to_private_jwk()
        write_private(assertion_path, json.dumps(made).encode())
    for path in (ring_path, key_path, assertion_path):
        _check_private(path)
    try:
        ring = load_ring(json.loads(ring_path.read_text()))
        database_key = bytes.fromhex(key_path.read_text().strip())
        assertion_key = json.loads(assertion_path.read_text())
        PrivateKey.from_private_jwk(assertion_key)
    except (ValueError, TypeError, AttributeError, MalformedKey) as error:
        raise SecretsUnsafe(
            f"a file in {folder} is broken; restore it from a backup"
        ) from error
    if not ring.keys or len(database_key) != 32:
        raise SecretsUnsafe(f"a file in {folder} is broken; restore it from a backup")
    return Secrets(ring=ring, database_key=database_key, assertion_key=assertion_key)


def open_console_token(prefix: Path, *, fresh: bool = False) -> str:
    """
    The token of the user pool's console, made when there is none or another is wanted.

    Raises:
        SecretsUnsafe: It can be read by others, or is broken.
        OSError: It cannot be read or written.
    """
    folder = prefix / "secrets"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_private(folder)
    path = folder / CONSOLE_FILE
    if fresh or not path.exists():
        write_private(path, f"{secrets.token_urlsafe(32)}\n".encode())
    _check_private(path)
    token = path.read_text(encoding="utf-8").strip()
    if len(token) < 32:
        raise SecretsUnsafe(f"{path} is too short to be a token; delete it")
    return token


def rotate_ring(prefix: Path) -> KeyRing:
    """Put a new key first and keep the one before it, so that nobody is signed out."""
    ring = open_secrets(prefix).ring
    fresh = KeyRing((_new_key(), *ring.keys[: KEPT - 1]))
    path = prefix / "secrets" / RING_FILE
    write_private(path, json.dumps(dump_ring(fresh)).encode())
    return fresh
