"""
What user-pool sites for tests do not make anew, because it takes longer than most tests.

Keys are real and have names of their own, tables are those that the steps of the schema make, and
passwords are hashed as ever, at next to no cost. Tests that are about these make them anew.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from joserfc.jwk import RSAKey

from ostiary.adapters.sql.engine import Database
from ostiary.adapters.sql.pool_store import SqlPoolStore, open_store
from ostiary.jose.keys import PrivateKey
from ostiary.web.hashes import HashCost

CHEAP = HashCost(memory_kib=8)  # the least that argon2 takes
# A pool has two, and two more when they are rotated: none of them is the same.
_ENOUGH_KEYS = 6
_KEYS: list[PrivateKey] = []
_TABLES: list[bytes] = []


def reuse_key(kid: str) -> PrivateKey:
    """A real RSA key, used before, under a name of its own."""
    if len(_KEYS) < _ENOUGH_KEYS:
        _KEYS.append(PrivateKey.generate_rsa(kid))
        return _KEYS[-1]
    _KEYS.append(_KEYS.pop(0))
    # As it is: to read a key takes as long as to make one, for it is checked.
    return PrivateKey(_KEYS[-1].library_key, kid=kid, alg=_KEYS[-1].alg)


def read_keys_once(patch: pytest.MonkeyPatch) -> None:
    """Let private keys be checked when they are read first, and not again: 45 ms for each pool."""
    read = RSAKey.binding.import_private_key
    known: dict[str, RSAPrivateKey] = {}

    def remember(obj: Any) -> RSAPrivateKey:  # Any: a type of the library's inside
        numbers = json.dumps(obj, sort_keys=True)
        if numbers not in known:
            known[numbers] = read(obj)
        return known[numbers]

    patch.setattr(RSAKey.binding, "import_private_key", remember)


@asynccontextmanager
async def open_new_store(file: Path) -> AsyncIterator[SqlPoolStore]:
    """A store on a new SQLite database, whose tables are there already."""
    if not _TABLES:
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "pool.db"
            async with open_store(f"sqlite:///{made}"):
                pass
            _TABLES.append(made.read_bytes())
    file.write_bytes(_TABLES[0])
    database = Database(f"sqlite:///{file}")
    yield SqlPoolStore(database)
    await database.close()
