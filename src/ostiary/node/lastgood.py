"""The last good configuration on disk, sealed with the database key: it holds client secrets."""

from __future__ import annotations

import os
from pathlib import Path

from ostiary.adapters.certificates import write_private
from ostiary.jose.seal import NONCE_BYTES, seal, unseal

_NAME = "last-good.config"
_AAD = b"ostiary last good configuration 1"


def save_last_good(prefix: Path, database_key: bytes, data: bytes) -> None:
    """
    Keep a configuration for the next start.

    Raises:
        OSError: It cannot be written (a full disk); the one before stays whole.
    """
    sealed = seal(database_key, data, aad=_AAD, nonce=os.urandom(NONCE_BYTES))
    write_private(prefix / _NAME, sealed)


def open_last_good(prefix: Path, database_key: bytes) -> bytes | None:
    """
    The configuration kept, or None.

    Raises:
        BrokenSeal: The file was changed, or the database key is another.
        OSError: It cannot be read.
    """
    path = prefix / _NAME
    return unseal(database_key, path.read_bytes(), aad=_AAD) if path.exists() else None
