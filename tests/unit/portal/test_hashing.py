"""Hashing is slow and takes turns; who would wait too long comes again."""

from __future__ import annotations

import asyncio

import pytest

from ostiary.portal.hashing import MAX_WAITING, Hashing, TooBusy, hash_key
from ostiary.web import hashes
from ostiary.web.hashes import HashCost
from tests.support.ports import FakeEntropy

CHEAP = HashCost(memory_kib=8)


async def test_a_password_is_known_by_its_hash_and_each_hash_is_another() -> None:
    hashing = Hashing(FakeEntropy(), cost=CHEAP)
    kept, again = await hashing.make("a password"), await hashing.make("a password")

    assert kept != again
    assert kept.startswith("$argon2id$")
    assert await hashing.is_right("a password", kept)
    assert not await hashing.is_right("another", kept)
    assert not await hashing.is_right("a password", "no hash")


async def test_where_none_is_kept_as_much_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not even the password of the dummy is right."""
    done: list[bytes] = []

    def verify(kept: bytes, *_: object) -> bool:
        done.append(kept)
        return True

    monkeypatch.setattr(hashes, "verify_secret", verify)
    hashing = Hashing(FakeEntropy(), cost=CHEAP)

    assert not await hashing.is_right("nobody has this password", None)
    assert len(done) == 1
    assert b"m=8,t=1,p=1" in done[0]


async def test_too_many_are_told_to_come_again() -> None:
    hashing = Hashing(FakeEntropy(), cost=CHEAP)
    asked = [hashing.is_right("x", None) for _ in range(MAX_WAITING + 3)]
    told = await asyncio.gather(*asked, return_exceptions=True)

    assert sum(isinstance(one, TooBusy) for one in told) == 3
    assert not await hashing.is_right("x", None)


def test_a_key_is_found_by_what_is_kept_of_it() -> None:
    assert hash_key("a") == hash_key("a") != hash_key("b")
