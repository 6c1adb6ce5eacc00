"""The file of the node's client keys: made once, sealed, read by every process, turned."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import pytest

from ostiary.jose.jwt import sign_jwt, verify_jwt
from ostiary.jose.keys import ASYMMETRIC_ALGORITHMS, parse_jwks
from ostiary.node.client_keys import KeyFile, is_there
from ostiary.ports.client_keys import ClientKeysUnavailable

pytestmark = pytest.mark.spec("oidc-plugin#12.6")
DATABASE_KEY = bytes(range(32))
NAME = "client-keys.sealed"


async def test_there_is_one_key_for_every_algorithm_the_same_for_every_process(
    tmp_path: Path,
) -> None:
    assert not is_there(tmp_path)
    files = [KeyFile(tmp_path, DATABASE_KEY) for _ in range(4)]
    sets = await asyncio.gather(*(file.public_jwks() for file in files))

    assert all(found == sets[0] for found in sets)
    assert {key["alg"] for key in sets[0]} == ASYMMETRIC_ALGORITHMS
    assert len({key["kid"] for key in sets[0]}) == len(sets[0])
    published = parse_jwks({"keys": sets[0]})
    for algorithm in ASYMMETRIC_ALGORITHMS:
        key = await files[1].find(algorithm)
        assert key is not None
        token = sign_jwt({"sub": "c"}, key)
        found = verify_jwt(token, published, algorithms=frozenset({algorithm}))
        assert found.claims == {"sub": "c"}
    assert await files[0].find("HS256") is None


async def test_nothing_private_is_published_or_lies_open(tmp_path: Path) -> None:
    file = KeyFile(tmp_path, DATABASE_KEY)
    shown = await file.public_jwks()
    path = tmp_path / NAME

    assert not {"d", "p", "q", "dp", "dq", "qi", "k", "oth"} & {
        m for k in shown for m in k
    }
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"kty" not in path.read_bytes()
    key = await file.find("ES256")
    assert key is not None
    assert key.to_private_jwk()["d"] not in repr((file, await file.load(), key))


async def test_turned_keys_sign_at_once_and_those_before_are_still_published(
    tmp_path: Path,
) -> None:
    admin, worker = (KeyFile(tmp_path, DATABASE_KEY) for _ in range(2))
    first = await worker.public_jwks()

    await admin.turn()
    second = await worker.public_jwks()
    assert second[len(first) :] == first
    signing = await worker.find("RS256")
    assert signing is not None
    assert signing.kid in {key["kid"] for key in second[: len(first)]}

    await admin.turn()
    third = await worker.public_jwks()
    assert third[len(first) :] == second[: len(first)]


async def test_keys_can_be_turned_before_there_are_any(tmp_path: Path) -> None:
    file = KeyFile(tmp_path, DATABASE_KEY)
    await file.turn()

    assert {key["alg"] for key in await file.public_jwks()} == ASYMMETRIC_ALGORITHMS


@pytest.mark.parametrize("content", [b"", b"x" * 60, None])
async def test_a_broken_file_is_named_and_not_written_over(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / NAME
    if content is None:  # sealed with another database key
        await KeyFile(tmp_path, os.urandom(32)).load()
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    file = KeyFile(tmp_path, DATABASE_KEY)

    with pytest.raises(ClientKeysUnavailable, match=f"{NAME} is broken; restore"):
        await file.find("ES256")
    with pytest.raises(ClientKeysUnavailable, match="is broken"):
        await file.turn()
    assert path.read_bytes() == before


async def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "gone", DATABASE_KEY)

    with pytest.raises(ClientKeysUnavailable, match="No such file"):
        await file.load()
