"""Signing in at the portal itself: by address and password, without a provider."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ostiary.ports.shared import SharedUnavailable
from tests.unit.portal.own_kit import (
    PASSWORD,
    basic,
    enter,
    fill_in,
    is_in,
    session_of,
    sign_up,
    switch_own,
)
from tests.unit.portal.portal_kit import (
    API,
    EMAIL,
    GUI,
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
async def test_a_developer_registers_is_approved_and_signs_in(
    world: PortalWorld,
) -> None:
    """The whole way, with the pages alone."""
    browser = world.browser()
    form = await browser.ask(f"{HOME}/register")
    done = await browser.post(
        f"{HOME}/register", email="Ada@Example.com", password=PASSWORD,
        meta__full_name="Ada L",
    )  # fmt: skip
    early = await fill_in(browser)
    await world.set_status(0)
    late = await fill_in(browser, email=" ADA@example.com ")
    page = await browser.ask(f"{HOME}/dashboard")

    assert 'autocomplete="new-password"' in form.text
    assert done.status == 200
    assert "approve" in done.text
    assert "identity provider" not in done.text + form.text
    assert early.status == 403
    assert "waits for approval" in early.text
    assert (late.status, late.field("location")) == (303, "/default/dashboard")
    assert "Hello, Ada L" in page.text


@pytest.mark.spec("portal#1.6")
async def test_whatever_is_wrong_is_told_alike(world: PortalWorld) -> None:
    """Neither a text nor a field tells who is registered, or what their status is."""
    await sign_up(world)
    for number in (1, 2, 3, 5):
        await sign_up(world, f"s{number}@b.c", status=number)
    who = [EMAIL, "nobody@b.c", "not an address", *(f"s{n}@b.c" for n in (1, 2, 3, 5))]
    api, pages = set(), set()
    for email in who:
        browser = world.browser()
        seen = await enter(browser, email, "wrong password")
        api.add((seen.status, seen.text, tuple(n for n, _ in seen.fields)))
        page = await fill_in(browser, email, "wrong password")
        pages.add((page.status, page.text.replace(email, "E")[:3000].count("wrong")))
        assert session_of(browser) is None

    assert api == {next(iter(api))}
    assert next(iter(api))[0] == 401
    assert "Invalid authentication credentials" in next(iter(api))[1]
    assert len(pages) == 1


@pytest.mark.spec("portal#1.5")
@pytest.mark.parametrize(
    ("status", "standing", "words"),
    [
        (1, "pending", "waits for approval"),
        (2, "rejected", "was not approved"),
        (3, "revoked", "was withdrawn"),
        (5, "unverified", "account/resend-verification"),
    ],
)
async def test_the_right_password_alone_tells_somebody_their_standing(
    world: PortalWorld, status: int, standing: str, words: str
) -> None:
    await sign_up(world, status=status)
    browser = world.browser()
    seen = await enter(browser)
    page = await fill_in(browser)

    assert (seen.status, seen.json()["standing"]) == (403, standing)
    assert page.status == 403
    assert words in page.text
    assert session_of(browser) is None


@pytest.mark.spec("T-K4")
async def test_an_account_of_one_workspace_is_none_in_another(
    world: PortalWorld,
) -> None:
    await world.node.send("POST", "/workspaces", {"name": "team"})
    config = {"portal": True, "portal_auth": "basic-auth"}
    await world.node.send("PATCH", "/workspaces/team", {"config": config})
    await sign_up(world)
    browser = world.browser()
    await enter(browser)
    cookie = session_of(browser)
    other = f"{API}/team"
    seen = await browser.ask(
        f"{other}/auth", fields={**basic(), "origin": GUI}, navigates=False
    )
    team = world.browser()
    await team.ask(f"{GUI}/team/login")
    team.jar |= dict.fromkeys(("__Host-ostiary-portal-team",), cookie or "")

    assert seen.status == 401
    for name in list(browser.jar):
        team.jar[name] = cookie or ""
    told = await team.ask(f"{other}/developer", navigates=False)
    assert told.status == 401


@pytest.mark.spec("T-C12")
async def test_nobody_is_signed_in_by_a_link_or_another_page(
    world: PortalWorld,
) -> None:
    """A link may hold a name and a password: who follows it would be signed in as its author."""
    await sign_up(world)
    browser = world.browser()
    linked = await browser.ask(f"{API}/default/auth", fields=basic())
    foreign = await browser.call("GET", "/auth", **basic(), origin="https://evil.example")  # fmt: skip
    silent = await browser.ask(
        f"{API}/default/auth", fields={**basic(), "sec-fetch-site": "cross-site"}, navigates=False,
    )  # fmt: skip
    posted = await browser.ask(
        f"{HOME}/login", "POST", body=b"email=a&password=b",
        fields={"content-type": "application/x-www-form-urlencoded", "origin": "https://evil.example", "sec-fetch-site": "cross-site"},
    )  # fmt: skip

    assert (linked.status, linked.field("location")) == (303, f"{HOME}/login")
    assert [s.status for s in (foreign, silent, posted)] == [403, 403, 403]
    assert session_of(browser) is None


@pytest.mark.spec("T-R3")
@pytest.mark.parametrize(
    ("wanted", "location"),
    [
        ("/default/settings", "/default/settings"),
        ("//evil.example", "/default/dashboard"),
        ("https://evil.example", "/default/dashboard"),
        ("/team/settings", "/default/dashboard"),
    ],
)
async def test_a_sign_in_ends_at_a_page_of_this_portal(
    world: PortalWorld, wanted: str, location: str
) -> None:
    await sign_up(world)
    done = await fill_in(world.browser(), next=wanted)

    assert (done.status, done.field("location")) == (303, location)


async def test_whoever_may_not_see_a_page_comes_back_to_it(world: PortalWorld) -> None:
    await sign_up(world)
    browser = world.browser()
    sent = await browser.ask(f"{HOME}/settings")
    form = await browser.ask(f"{GUI}{sent.field('location')}")

    assert sent.field("location") == "/default/login?next=/default/settings"
    assert 'name="next" value="/default/settings"' in form.text


@pytest.mark.spec("portal#1.2")
async def test_an_account_is_locked_after_so_many_wrong_passwords(
    world: PortalWorld,
) -> None:
    """The right one does not open it either; another one does, and a success starts anew."""
    await world.configure(portal_auth_login_attempts=3)
    row = await sign_up(world)
    browser = world.browser()
    for wrong in range(2):
        assert (await enter(browser, password=f"wrong {wrong}")).status == 401
    assert (await enter(browser)).status == 200
    for wrong in range(3):
        assert (await enter(browser, password=f"wrong {wrong}")).status == 401
    locked = await enter(browser)
    await world.node.send("PATCH", f"/developers/{row['id']}", {"password": "another one 12"})  # fmt: skip
    opened = await enter(browser, password="another one 12")

    assert (locked.status, locked.json()) == (401, {"message": "Invalid authentication credentials"})  # fmt: skip
    assert opened.status == 200


async def test_for_nobody_the_same_is_done_as_for_somebody(
    world: PortalWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many hashes and as many words with the stores, known, locked or not: time tells nothing."""
    await world.configure(portal_auth_login_attempts=2)
    await sign_up(world)
    done: list[str] = []
    store = world.base.stores.store
    hashing = world.site.sign_ins._hashing
    for owner, name in ((store, "get"), (store, "set"), (hashing, "is_right")):
        real = getattr(owner, name)

        async def noted(*args: Any, _real: Any = real, _name: str = name, **more: Any) -> Any:  # fmt: skip
            done.append(_name)
            return await _real(*args, **more)

        monkeypatch.setattr(owner, name, noted)
    told = []
    for email in ("nobody@b.c", "no address", EMAIL, EMAIL, EMAIL, EMAIL, "nobody@b.c"):
        done.clear()
        assert (await enter(world.browser(), email, "wrong")).status == 401
        told.append(tuple(done))

    assert {*told} == {("get", "set", "is_right")}


async def test_whoever_guesses_has_to_wait(world: PortalWorld) -> None:
    """An account is guarded against the world, and the portal against a network."""
    await sign_up(world)
    many = [await enter(world.browser(f"10.0.{n}.1"), password="x") for n in range(21)]
    unknown = [
        await enter(world.browser(f"10.1.{n}.1"), "no@b.c", "x") for n in range(21)
    ]
    one = [await enter(world.browser("10.2.0.1"), f"a{n}@b.c", "x") for n in range(31)]
    page = await fill_in(world.browser("10.2.0.1"), "b@b.c", "x")

    for asked in (many, unknown):
        assert [seen.status for seen in asked] == [401] * 20 + [429]
    assert [seen.status for seen in one] == [401] * 30 + [429]
    assert page.status == 429
    assert "Please wait" in page.text
    world.base.clock.move(31)
    assert (await enter(world.browser("10.3.0.1"))).status == 200


@pytest.mark.spec("T-K3")
async def test_a_store_that_does_not_answer_lets_nobody_in(world: PortalWorld) -> None:
    await sign_up(world)
    browser = world.browser()
    await enter(browser)

    class Away:
        def __getattr__(self, _: str) -> object:
            raise SharedUnavailable("away")

    world.site.sign_ins._sessions._store = Away()  # type: ignore[assignment]  # a store that is down

    assert (await browser.call("GET", "/developer")).status == 503
    assert (await browser.ask(f"{HOME}/dashboard")).status == 503
    assert (await enter(browser)).status == 503


@pytest.mark.spec("T-C15")
async def test_another_site_signs_nobody_out(world: PortalWorld) -> None:
    await sign_up(world)
    browser = world.browser()
    await enter(browser)
    foreign = await browser.ask(
        f"{HOME}/logout", fields={"sec-fetch-site": "cross-site"}
    )
    ahead = await browser.ask(f"{HOME}/logout", fields={"sec-purpose": "prefetch"})
    still = await is_in(browser)
    await browser.ask(f"{HOME}/logout")

    assert foreign.status == 403
    assert ahead.status == 303
    assert still
    assert not await is_in(browser)


async def test_a_count_that_cannot_be_kept_lets_nobody_in(world: PortalWorld) -> None:
    await world.configure(portal_auth_login_attempts=3)
    await sign_up(world)

    class Away:
        def __getattr__(self, _: str) -> object:
            raise SharedUnavailable("away")

    world.site.sign_ins._marks = Away()  # type: ignore[assignment]  # a store that is down

    assert (await enter(world.browser())).status == 503
    assert (await enter(world.browser(), password="wrong")).status == 503
    assert (await fill_in(world.browser())).status == 503


async def test_nothing_is_posted_to_the_door_of_the_api(world: PortalWorld) -> None:
    reply = await world.browser().call("POST", "/auth", {}, **basic())

    assert reply.status == 405


async def test_pages_of_the_portal_may_send_what_signs_in(world: PortalWorld) -> None:
    """A browser asks first; only origins that are known hear yes."""
    asked = {"access-control-request-method": "GET", "access-control-request-headers": "authorization"}  # fmt: skip
    ours = await world.browser().call("OPTIONS", "/auth", **asked)
    foreign = await world.browser().call("OPTIONS", "/auth", **asked, origin="https://evil.example")  # fmt: skip

    allowed = (ours.field("access-control-allow-headers") or "").lower()
    assert "authorization" in allowed
    assert "apikey" in allowed
    assert ours.field("access-control-allow-origin") == GUI
    assert foreign.status == 403
    assert foreign.field("access-control-allow-origin") is None
