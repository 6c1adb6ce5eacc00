"""Answers that take as long whether somebody is known or not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ostiary.portal.pace import STEP_S, Pace
from tests.unit.portal.own_kit import (
    META,
    PASSWORD,
    enter,
    register,
    sign_up,
    switch_own,
)
from tests.unit.portal.portal_kit import EMAIL, HOME, PortalWorld, portal_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[PortalWorld]:
    """A portal with passwords of its own whose addresses are verified."""
    async with portal_world(tmp_path) as made:
        await switch_own(made, portal_email_verification=True)
        yield made


@pytest.mark.parametrize(
    ("took", "rest"),
    [(0.0, 0.25), (0.125, 0.125), (0.25, 0.25), (0.625, 0.125), (-3600.125, 0.125)],
)
async def test_an_answer_waits_for_the_next_whole_step(
    took: float, rest: float
) -> None:
    """However long it took, and whatever becomes of the clock meanwhile."""
    times, rests = iter((1000.0, 1000.0 + took)), []

    async def wait(seconds: float) -> None:
        rests.append(seconds)

    async with Pace(lambda: next(times), wait).even():
        assert rests == []

    assert rests == [rest]
    assert 0 < rest <= STEP_S


async def test_what_fails_is_not_held() -> None:
    rests: list[float] = []

    async def wait(seconds: float) -> None:
        rests.append(seconds)

    with pytest.raises(RuntimeError):
        async with Pace(lambda: 0.0, wait).even():
            raise RuntimeError

    assert rests == []


@pytest.mark.parametrize("path", ["/forgot-password", "/resend-account-verification"])
async def test_asking_for_a_mail_takes_as_long_for_nobody(
    world: PortalWorld, path: str
) -> None:
    await sign_up(world)
    pages = {"/forgot-password": "reset-password", "/resend-account-verification": "account/resend-verification"}  # fmt: skip
    for email in (EMAIL, "nobody@b.c", "no address"):
        await world.browser().call("POST", path, {"email": email})
        await world.browser().post(f"{HOME}/{pages[path]}", email=email)

    assert world.rests == [STEP_S] * 6


async def test_a_registration_takes_as_long_for_whoever_is_known(
    world: PortalWorld,
) -> None:
    await sign_up(world)
    form = {"password": PASSWORD, "meta__full_name": "Ada L"}
    for email in (EMAIL, "new@b.c"):
        await register(world.browser(), email)
        await world.browser().post(f"{HOME}/register", email=email, **form)
    wrong = {"email": "new@b.c", "meta": json.dumps(META), "password": "short"}
    await world.browser().call("POST", "/register", wrong)

    assert world.rests == [STEP_S] * 5


async def test_a_wish_for_an_address_takes_as_long_for_one_that_is_taken(
    world: PortalWorld,
) -> None:
    await sign_up(world)
    await sign_up(world, "taken@b.c")
    browser = world.browser()
    await enter(browser)
    for email in ("taken@b.c", "free@b.c"):
        body = {"email": email, "password": PASSWORD}
        await browser.call("PATCH", "/developer/email", body)
        await browser.post(f"{HOME}/settings/email", email=email, current_password=PASSWORD)  # fmt: skip

    assert world.rests == [STEP_S] * 4
