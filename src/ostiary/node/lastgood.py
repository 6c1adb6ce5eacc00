"""The last good configuration on disk, sealed with the database key: it holds client secrets."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ostiary.adapters.certificates import write_private
from ostiary.jose.seal import NONCE_BYTES, seal, unseal
from ostiary.node.delivery import Base

_NAME = "last-good.config"
_AAD = b"ostiary last good configuration 1"
_REVISION = re.compile(rb"[0-9a-f]{32}")


def save_last_good(prefix: Path, database_key: bytes, base: Base) -> None:
    """
    Keep a configuration for the next start.

    Raises:
        OSError: It cannot be written (a full disk); the one before stays whole.
    """
    data = base.revision.encode() + b"\n" + base.data
    sealed = seal(database_key, data, aad=_AAD, nonce=os.urandom(NONCE_BYTES))
    write_private(prefix / _NAME, sealed)


def is_kept(prefix: Path) -> bool:
    """Tell whether there is a configuration, which workers begin with."""
    return (prefix / _NAME).exists()


def open_last_good(prefix: Path, database_key: bytes) -> Base | None:
    """
    The configuration kept, or None.

    Raises:
        BrokenSeal: The file was changed, or the database key is another.
        OSError: It cannot be read.
    """
    if not is_kept(prefix):
        return None
    data = unseal(database_key, (prefix / _NAME).read_bytes(), aad=_AAD)
    head, _, lines = data.partition(b"\n")
    if not _REVISION.fullmatch(head):
        return Base(revision="", data=data)  # of a version that told none
    return Base(revision=head.decode(), data=lines)
