"""Limits of accounts: they stop whoever guesses, and nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ostiary.portal import familiar
from ostiary.portal.familiar import Familiar
from ostiary.portal.hashing import MAX_WAITING
from ostiary.portal.mailed import NETWORK_BURST
from ostiary.ports.shared import SharedUnavailable
from tests.unit.portal.own_kit import enter, mails, sign_up, switch_own
from tests.unit.portal.portal_kit import EMAIL, HOME, PortalWorld, portal_world


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


# Strangers.


async def resets(world: PortalWorld) -> int:
    return sum("Reset your password" in m.subject for m in await mails(world, EMAIL))


async def test_strangers_who_guess_do_not_stop_whoever_was_right_from_there(
    world: PortalWorld,
) -> None:
    """A network that nobody was right from waits for all of them; one that somebody was, for itself."""
    await sign_up(world)
    home = world.browser("10.9.0.1")
    assert (await enter(home)).status == 200
    for n in range(25):
        await enter(world.browser(f"10.0.{n}.1"), password="x")
    new = await enter(world.browser("10.8.0.1"))

    assert new.status == 429
    assert (await enter(home)).status == 200


async def test_from_a_known_network_is_guessed_no_more_often(
    world: PortalWorld,
) -> None:
    await sign_up(world)
    home = world.browser("10.9.0.1")
    told = [(await enter(home)).status]
    told += [(await enter(home, password="x")).status for _ in range(20)]

    assert told == [200] + [401] * 19 + [429]


def test_networks_of_one_account_do_not_push_out_those_of_another() -> None:
    known = Familiar()
    known.remember(("w", "ada"), "home")
    for n in range(100):
        known.remember(("w", "bob"), str(n))

    assert known.has(("w", "ada"), "home")
    assert known.has(("w", "bob"), "99")
    assert not known.has(("w", "bob"), "0")
    assert not known.has(("v", "ada"), "home")


def test_accounts_that_are_known_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(familiar, "_ACCOUNTS", 2)
    known = Familiar()
    for who in "abc":
        known.remember(who, "home")

    assert [known.has(who, "home") for who in "abc"] == [False, True, True]


async def test_a_stranger_who_asks_for_mails_keeps_nobody_from_theirs(
    world: PortalWorld,
) -> None:
    """Asked too often the answer is the usual one; the owner has the mails that were sent."""
    await sign_up(world)
    path, body = "/forgot-password", {"email": EMAIL}
    asked = [
        await world.browser(f"10.0.{n}.1").call("POST", path, body) for n in range(5)
    ]
    page = await world.browser("10.1.0.1").post(f"{HOME}/reset-password", email=EMAIL)
    nobody = await world.browser("10.1.0.1").post(f"{HOME}/reset-password", email="n@b.c")  # fmt: skip

    assert {(seen.status, seen.text) for seen in asked} == {(200, "{}")}
    assert (page.status, page.text) == (nobody.status, nobody.text)
    assert await resets(world) == 3


async def test_mails_that_are_not_due_use_nothing_up(world: PortalWorld) -> None:
    await sign_up(world)
    path, body = "/resend-account-verification", {"email": EMAIL}
    for n in range(5):
        await world.browser(f"10.0.{n}.1").call("POST", path, body)
    await world.browser().call("POST", "/forgot-password", body)

    assert await resets(world) == 1


async def test_a_network_that_asks_for_mails_again_and_again_waits(
    world: PortalWorld,
) -> None:
    body = {"email": "nobody@b.c"}
    told = [
        (await world.browser().call("POST", "/forgot-password", body)).status
        for _ in range(NETWORK_BURST + 1)
    ]

    assert told == [200] * NETWORK_BURST + [429]
