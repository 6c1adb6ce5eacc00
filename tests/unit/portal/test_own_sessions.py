"""Sessions of those who signed in at the portal itself: named by a cookie, ended for good."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ostiary.portal.sessions import Sessions
from ostiary.sessions.keys import KeyRing, RingKey
from tests.support.browser import RING
from tests.unit.portal.own_kit import (
    PASSWORD,
    SECRET,
    enter,
    fill_in,
    is_in,
    session_of,
    sign_up,
    switch_own,
)
from tests.unit.portal.portal_kit import (
    EMAIL,
    HOME,
    PortalWorld,
    portal_world,
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[PortalWorld]:
    """A portal with passwords of its own."""
    async with portal_world(tmp_path) as made:
        await switch_own(made)
        yield made


@pytest.mark.spec("portal#1.6")
async def test_scripts_sign_in_look_at_their_session_and_sign_out(
    world: PortalWorld,
) -> None:
    await sign_up(world)
    browser = world.browser()
    before = await browser.call("GET", "/session")
    entered = await enter(browser)
    shown = (await browser.call("GET", "/session")).json()["session"]
    me = (await browser.call("GET", "/developer")).json()
    cookie = session_of(browser)
    left = await browser.call("DELETE", "/auth?session_logout=true")
    browser.jar[f"{next(iter(browser.jar), 'x')}"] = "x"

    assert before.status == 401
    assert (entered.status, entered.json()) == (200, {})
    assert shown["expires"] == world.base.clock.now() + 900
    assert shown["cookie"] == {"lifetime": 3600, "renew": 900}
    assert me["email"] == EMAIL
    assert left.status == 200
    assert session_of(browser) is None
    assert cookie is not None
    again = world.browser()
    again.jar = dict.fromkeys(("__Host-ostiary-portal-x",), cookie)
    assert not await is_in(again)


async def test_a_session_that_was_ended_is_none_for_whoever_kept_its_cookie(
    world: PortalWorld,
) -> None:
    await sign_up(world)
    browser = world.browser()
    await enter(browser)
    kept = dict(browser.jar)
    await browser.ask(f"{HOME}/logout")
    browser.jar = kept

    assert not await is_in(browser)


@pytest.mark.spec("T-K8")
@pytest.mark.spec("T-K16")
async def test_the_cookie_is_an_id_for_this_host_alone(world: PortalWorld) -> None:
    await sign_up(world)
    entered = await enter(world.browser())
    said = entered.field("set-cookie") or ""

    assert said.startswith("__Host-ostiary-portal-")
    assert said.endswith("; Path=/; SameSite=Lax; Secure; HttpOnly")
    assert EMAIL not in said


@pytest.mark.spec("T-C3")
async def test_the_id_of_a_session_is_new_whatever_came_along(
    world: PortalWorld,
) -> None:
    """Who plants a cookie has none of the session that begins (fixation)."""
    await sign_up(world)
    other = world.browser()
    await enter(other)
    planted = dict(other.jar)
    browser = world.browser()
    browser.jar = dict(planted)
    await fill_in(browser)

    assert session_of(browser) != next(iter(planted.values()))
    assert await is_in(browser)
    assert not await is_in(other)


@pytest.mark.spec("T-K3")
@pytest.mark.parametrize("value", ["", "x", "0" * 63, "0" * 64, "A" * 64, "0" * 65])
async def test_a_cookie_that_nobody_gave_out_is_no_session(
    world: PortalWorld, value: str
) -> None:
    await sign_up(world)
    browser = world.browser()
    await enter(browser)
    name = next(iter(browser.jar))
    browser.jar = {name: value}

    assert not await is_in(browser)


async def test_what_is_kept_of_a_session_does_not_name_it(world: PortalWorld) -> None:
    """Whoever reads the database signs in as nobody."""
    await sign_up(world)
    browser = world.browser()
    await enter(browser)
    said = session_of(browser) or ""
    rows = str(vars(world.base.stores.store))

    assert said not in rows
    assert bytes.fromhex(said).hex() not in rows


@pytest.mark.spec("portal#1.2")
async def test_a_session_ends_when_nobody_comes_and_after_a_day(
    world: PortalWorld,
) -> None:
    await sign_up(world)
    browser = world.browser()
    await enter(browser)
    world.base.clock.move(901)
    assert not await is_in(browser)

    conf = {"secret": SECRET, "idling_timeout": 0, "rolling_timeout": 20_000}
    await world.configure(portal_session_conf=json.dumps(conf))
    await enter(browser)
    for _ in range(4):
        world.base.clock.move(19_000)
        assert await is_in(browser)
    world.base.clock.move(86_400 - 4 * 19_000)
    assert not await is_in(browser)


@pytest.mark.spec("portal#1.2")
async def test_times_and_names_are_the_operators(world: PortalWorld) -> None:
    conf = {
        "secret": SECRET, "cookie_name": "portal_session", "cookie_lifetime": 100,
        "idling_timeout": 0, "cookie_samesite": "Strict", "cookie_secure": True, "storage": "kong",
    }  # fmt: skip
    await world.configure(portal_session_conf=json.dumps(conf))
    await sign_up(world)
    browser = world.browser()
    entered = await enter(browser)
    world.base.clock.move(99)
    soon = await is_in(browser)
    world.base.clock.move(101)

    assert (entered.field("set-cookie") or "").startswith("portal_session=")
    assert "SameSite=Strict" in (entered.field("set-cookie") or "")
    assert soon
    assert not await is_in(browser)


async def test_another_secret_ends_every_session(world: PortalWorld) -> None:
    await sign_up(world)
    browser = world.browser()
    await world.configure(portal_session_conf=json.dumps({"secret": SECRET}))
    await enter(browser)
    before = await is_in(browser)
    await world.configure(portal_session_conf=json.dumps({"secret": SECRET[::-1]}))

    assert before
    assert not await is_in(browser)


@pytest.mark.spec("T-K10")
@pytest.mark.spec("T-K11")
@pytest.mark.parametrize("change", ["revoke", "delete", "password", "email"])
async def test_what_ends_trust_ends_every_session(
    world: PortalWorld, change: str
) -> None:
    row = await sign_up(world)
    browsers = [world.browser(), world.browser()]
    for browser in browsers:
        await enter(browser)
    path = f"/developers/{row['id']}"
    if change == "delete":
        await world.node.send("DELETE", path)
    else:
        said = {"revoke": {"status": 3}, "password": {"password": PASSWORD[::-1]}, "email": {"email": "x@y.z"}}  # fmt: skip
        assert (await world.node.send("PATCH", path, said[change])).status == 200

    assert [await is_in(browser) for browser in browsers] == [False, False]
    if change == "revoke":
        await world.node.send("PATCH", path, {"status": 0})
        assert [await is_in(browser) for browser in browsers] == [False, False]


@pytest.mark.parametrize(
    ("conf", "begin", "end"),
    [
        ({"cookie_domain": "kong-ee"}, "ostiary-portal-", "; Domain=kong-ee; Path=/; SameSite=Lax; Secure; HttpOnly"),
        ({"cookie_same_site": "None", "cookie_secure": False}, "ostiary-portal-", "; Path=/; SameSite=None; Secure; HttpOnly"),
        ({"cookie_samesite": "off"}, "__Host-ostiary-portal-", "; Path=/; Secure; HttpOnly"),
    ],
)  # fmt: skip
async def test_a_cookie_is_as_the_operator_says(
    world: PortalWorld, conf: dict[str, object], begin: str, end: str
) -> None:
    await world.configure(portal_session_conf=json.dumps({"secret": SECRET, **conf}))
    await sign_up(world)
    browser = world.browser()
    said = (await enter(browser)).field("set-cookie") or ""

    assert said.startswith(begin)
    assert said.endswith(end)
    assert await is_in(browser)
    left = await browser.call("DELETE", "/auth?session_logout=true")
    assert (left.field("set-cookie") or "").startswith(f"{said.partition('=')[0]}=;")


async def test_a_session_of_a_key_that_is_gone_is_none(world: PortalWorld) -> None:
    """After two rotations of the ring everybody signs in again; after one nobody does."""
    await sign_up(world)
    browser = world.browser()
    await enter(browser)
    old = RING.keys[0]
    fresh = RingKey(b"bbbb", b"t" * 32)
    sign_ins = world.site.sign_ins

    def turn(ring: KeyRing) -> None:
        sign_ins._sessions = Sessions(
            world.base.stores.store, world.base.clock, world.base.entropy, ring
        )

    turn(KeyRing((fresh, old)))
    once = await is_in(browser)
    turn(KeyRing((fresh,)))

    assert once
    assert not await is_in(browser)
