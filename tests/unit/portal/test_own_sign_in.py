"""Signing in at the portal itself: by address and password, without a provider."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from ostiary.model.portal import Developer
from ostiary.portal.sessions import Sessions
from ostiary.ports.shared import SharedUnavailable
from ostiary.sessions.keys import KeyRing, RingKey
from tests.support.browser import RING
from tests.unit.portal.own_kit import (
    META,
    PASSWORD,
    SECRET,
    basic,
    enter,
    fill_in,
    is_in,
    register,
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


async def test_the_cookie_is_an_id_for_this_host_alone(world: PortalWorld) -> None:
    await sign_up(world)
    entered = await enter(world.browser())
    said = entered.field("set-cookie") or ""

    assert said.startswith("__Host-ostiary-portal-")
    assert said.endswith("; Path=/; SameSite=Lax; Secure; HttpOnly")
    assert EMAIL not in said


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


async def test_no_password_is_shown_logged_or_listed(
    world: PortalWorld, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await register(world.browser())
    row = await sign_up(world, "b@b.c")
    shown = await world.node.call(f"/developers/{row['id']}")
    listed = await world.node.call("/developers")
    changed = await world.node.send("PATCH", f"/developers/{row['id']}", {"password": "a third password"})  # fmt: skip
    counts = await world.node.call("/workspaces/default/meta")
    kept = await world.node.store.find("developer_secrets", {"developer": row["id"]})

    for text in (shown.text, listed.text, changed.text, counts.text, caplog.text, repr(kept)):  # fmt: skip
        for secret in (PASSWORD, "a third", "argon2", "password", "epoch"):
            assert secret not in text
    assert kept is not None
    assert kept.password.startswith("$argon2id$")  # type: ignore[attr-defined]  # a secret


@pytest.mark.spec("portal#1.6")
@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"password": "password is required"}),
        ({"password": ""}, {"password": "password is required"}),
        ({"password": 12345678}, {"password": "password is required"}),
        ({"password": "short"}, {"password": "must have at least 8 characters"}),
        ({"password": "x" * 257}, {"password": "must have at most 256 characters"}),
        ({"password": EMAIL}, {"password": "must not be the e-mail address"}),
    ],
)
async def test_a_password_that_is_not_taken_is_said_at_its_field(
    world: PortalWorld, body: dict[str, object], fields: dict[str, str]
) -> None:
    said = {"email": EMAIL, "meta": META, **body}
    reply = await world.browser().call("POST", "/register", said)

    assert (reply.status, reply.json()) == (400, {"code": 2, "fields": fields})
    listed = (await world.node.call("/developers")).json()["data"]
    assert listed == []


async def test_nobody_learns_by_registering_who_is_registered(
    world: PortalWorld,
) -> None:
    await sign_up(world, "known@b.c")
    told = set()
    for email in ("known@b.c", "new@b.c"):
        api = await register(world.browser(), email)
        told.add((api.status, api.text.replace(email, "E")))

    assert len(told) == 1
    assert (await enter(world.browser(), "known@b.c")).status == 200


@pytest.mark.spec("portal#1.6")
async def test_a_password_is_changed_by_whoever_knows_the_old_one(
    world: PortalWorld,
) -> None:
    await sign_up(world)
    browser, other = world.browser(), world.browser()
    await enter(browser)
    await enter(other)
    wrong = await browser.call("PATCH", "/developer/password", {"password": "a new password", "old_password": "\ud800"})  # fmt: skip
    missing = await browser.call("PATCH", "/developer/password", {"password": "a new password"})  # fmt: skip
    weak = await browser.call("PATCH", "/developer/password", {"password": "x", "old_password": PASSWORD})  # fmt: skip
    done = await browser.call("PATCH", "/developer/password", {"password": "a new password", "old_password": PASSWORD})  # fmt: skip

    for refused in (wrong, missing):
        assert (refused.status, refused.json()) == (400, {"message": "Old password is invalid"})  # fmt: skip
    assert weak.json()["fields"] == {"password": "must have at least 8 characters"}
    assert done.status == 204
    assert (await is_in(browser), await is_in(other)) == (True, False)
    assert (await enter(other)).status == 401
    assert (await enter(other, password="a new password")).status == 200


async def test_the_settings_page_changes_password_and_address(
    world: PortalWorld,
) -> None:
    await sign_up(world)
    await sign_up(world, "taken@b.c")
    browser = world.browser()
    await enter(browser)
    form = await browser.ask(f"{HOME}/settings")
    wrong = await browser.post(f"{HOME}/settings/password", old_password="x", password="a new password")  # fmt: skip
    done = await browser.post(f"{HOME}/settings/password", old_password=PASSWORD, password="a new password")  # fmt: skip
    taken = await browser.post(f"{HOME}/settings/email", email="taken@b.c")
    moved = await browser.post(f"{HOME}/settings/email", email="New@b.c")
    again = await browser.ask(f"{HOME}/settings/email")

    assert 'id="portal-password-form"' in form.text
    assert "identity provider" not in form.text
    assert (wrong.status, "Old password is invalid" in wrong.text) == (400, True)
    assert "Your new password counts" in done.text
    assert (taken.status, "cannot be used" in taken.text) == (400, True)
    assert 'value="new@b.c"' in moved.text
    assert again.field("location") == "/default/settings"
    assert await is_in(browser)
    assert (await enter(world.browser(), "new@b.c", "a new password")).status == 200


@pytest.mark.spec("portal#1.6")
async def test_the_api_changes_an_address_and_says_what_is_wrong(
    world: PortalWorld,
) -> None:
    await sign_up(world)
    await sign_up(world, "taken@b.c")
    browser = world.browser()
    await enter(browser)
    wrong = await browser.call("PATCH", "/developer/email", {"email": "x"})
    taken = await browser.call("PATCH", "/developer/email", {"email": "taken@b.c"})
    done = await browser.call("PATCH", "/developer/email", {"email": "N@b.c"})

    assert wrong.json()["fields"] == {"email": "must be an e-mail address, in ASCII"}
    assert (taken.status, taken.json()["code"]) == (409, 5)
    assert done.json()["developer"]["email"] == "n@b.c"
    assert await is_in(browser)


async def test_whoever_leaves_is_signed_out(world: PortalWorld) -> None:
    await sign_up(world)
    browser = world.browser()
    await enter(browser)
    asked = await browser.ask(f"{HOME}/settings/delete")
    done = await browser.post(f"{HOME}/settings/delete")

    assert "identity provider" not in asked.text + done.text
    assert "Your account was deleted" in done.text
    assert session_of(browser) is None
    assert (await enter(browser)).status == 401


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


async def test_passwords_of_other_letters_are_passwords(world: PortalWorld) -> None:
    """What is sent is UTF-8 (the original broke on it)."""
    await sign_up(world, password="пароль для всех")

    assert (await enter(world.browser(), password="пароль для всех")).status == 200


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


async def test_what_an_admin_ends_meanwhile_does_not_begin_anew(
    world: PortalWorld,
) -> None:
    """Somebody changes their password while they are revoked and approved again."""
    row = await sign_up(world)
    before = await world.node.store.get("developers", row["id"])
    assert isinstance(before, Developer)
    path = f"/developers/{row['id']}"
    for change in ({"status": 3}, {"status": 0}, {"password": PASSWORD[::-1]}):
        await world.node.send("PATCH", path, change)
    portal = await world.site.find("default")
    request = Request({"type": "http", "headers": []})
    fields = await world.site.renew(request, portal, before)

    assert [b"Max-Age=0" in value for _, value in fields] == [True]


async def test_where_nobody_signs_in_there_is_nothing_of_it(
    world: PortalWorld,
) -> None:
    await switch_own(world, "none")
    browser = world.browser()
    api = [
        await browser.call("GET", "/auth", **basic()),
        await browser.call("POST", "/register", {"email": EMAIL, "meta": META, "password": PASSWORD}),
        await browser.call("POST", "/forgot-password", {"email": EMAIL}),
        await browser.call("POST", "/resend-account-verification", {"email": EMAIL}),
    ]  # fmt: skip
    paths = ("login", "register", "reset-password", "account/verify", "account/resend-verification", "account/invalidate-verification")  # fmt: skip
    pages = [await browser.ask(f"{HOME}/{path}") for path in paths]

    assert [reply.status for reply in api] == [404] * 4
    assert {page.status for page in pages} == {404}


async def test_nothing_is_posted_to_the_door_of_the_api(world: PortalWorld) -> None:
    reply = await world.browser().call("POST", "/auth", {}, **basic())

    assert reply.status == 405
