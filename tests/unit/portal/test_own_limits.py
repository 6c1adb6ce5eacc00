"""Limits of accounts: they stop whoever guesses, and nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ostiary.portal.hashing import MAX_WAITING
from ostiary.ports.shared import SharedUnavailable
from tests.unit.portal.own_kit import enter, sign_up, switch_own
from tests.unit.portal.portal_kit import PortalWorld, portal_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[PortalWorld]:
    """A portal with passwords of its own."""
    async with portal_world(tmp_path) as made:
        await switch_own(made)
        yield made


# Attempts that are given back.


async def test_a_password_that_was_not_judged_is_no_wrong_one(
    world: PortalWorld,
) -> None:
    await world.configure(portal_auth_login_attempts=3)
    await sign_up(world)
    hashing = world.site.sign_ins._hashing
    hashing._waiting = MAX_WAITING
    busy = [(await enter(world.browser(), password="x")).status for _ in range(4)]
    hashing._waiting = 0

    assert busy == [503] * 4
    assert (await enter(world.browser())).status == 200


async def test_whoever_goes_away_meanwhile_has_not_been_wrong(
    world: PortalWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.configure(portal_auth_login_attempts=2)
    await sign_up(world)

    async def never(*_: Any) -> bool:
        begun.set()
        await asyncio.Event().wait()
        return True

    for _ in range(3):
        begun = asyncio.Event()
        with monkeypatch.context() as patch:
            patch.setattr(world.site.sign_ins._hashing, "is_right", never)
            task = asyncio.create_task(enter(world.browser()))
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    assert (await enter(world.browser())).status == 200


async def test_a_locked_account_stays_locked_however_busy_it_is(
    world: PortalWorld,
) -> None:
    await world.configure(portal_auth_login_attempts=2)
    await sign_up(world)
    for _ in range(2):
        await enter(world.browser(), password="wrong")
    hashing = world.site.sign_ins._hashing
    hashing._waiting = MAX_WAITING
    busy = [(await enter(world.browser())).status for _ in range(3)]
    hashing._waiting = 0

    assert busy == [503] * 3
    assert (await enter(world.browser())).status == 401


async def test_an_attempt_that_cannot_be_given_back_is_told_as_a_closed_door(
    world: PortalWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.configure(portal_auth_login_attempts=2)
    await sign_up(world)
    sign_ins = world.site.sign_ins
    sign_ins._hashing._waiting = MAX_WAITING
    real, counted = sign_ins._marks.set, []

    async def once(key: str, value: bytes, **more: Any) -> None:
        counted.append(key)
        if len(counted) > 1:
            raise SharedUnavailable("away")
        await real(key, value, **more)

    monkeypatch.setattr(sign_ins._marks, "set", once)

    assert (await enter(world.browser())).status == 503
    assert len(counted) == 2
