"""Signing in with a key, as `key-auth` of a portal has it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ostiary.portal.own import BAD_KEY
from tests.unit.portal.own_kit import is_in, mails, session_of, switch_own, token_in
from tests.unit.portal.portal_kit import EMAIL, HOME, PortalWorld, portal_world

KEY = "k9fXw2Lq8ZrT5vBn3MdY7hJc"
OTHER = "Qw3rTy7uIoP1aSdF5gHjK9lZ"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[PortalWorld]:
    """A portal with keys of its own."""
    async with portal_world(tmp_path) as made:
        await switch_own(made, "key-auth")
        yield made


@pytest.mark.spec("portal#1.6")
async def test_a_developer_registers_with_a_key_and_signs_in_with_it(
    world: PortalWorld,
) -> None:
    body = {"email": EMAIL, "meta": {"full_name": "Ada"}, "key": KEY}
    browser = world.browser()
    missing = await browser.call("POST", "/register", {**body, "key": None})
    weak = await browser.call("POST", "/register", {**body, "key": "short"})
    done = await browser.call("POST", "/register", body)
    early = await browser.call("GET", "/auth", apikey=KEY)
    await world.set_status(0)
    wrong = await browser.call("GET", "/auth", apikey=OTHER)
    none = await browser.call("GET", "/auth")
    entered = await browser.call("GET", "/auth", apikey=KEY)

    assert missing.json()["fields"] == {"key": "key is required"}
    assert "24 to 256" in weak.json()["fields"]["key"]
    assert (done.status, KEY in done.text) == (200, False)
    assert (early.status, early.json()["standing"]) == (403, "pending")
    assert wrong.status == none.status == 401
    assert wrong.text == none.text
    assert entered.status == 200
    assert await is_in(browser)


async def test_the_pages_ask_for_a_key(world: PortalWorld) -> None:
    browser = world.browser()
    form = await browser.ask(f"{HOME}/register")
    await browser.post(f"{HOME}/register", email=EMAIL, key=KEY, meta__full_name="Ada")
    await world.set_status(0)
    wrong = await browser.post(f"{HOME}/login", key=OTHER)
    done = await browser.post(f"{HOME}/login", key=KEY)

    assert 'name="key"' in form.text
    assert 'name="password"' not in form.text
    assert (wrong.status, "This key is wrong" in wrong.text) == (401, True)
    assert done.status == 303
    assert session_of(browser) is not None


async def test_a_key_is_somebody_elses_and_nobody_hears_of_it(
    world: PortalWorld,
) -> None:
    """Whoever learned that a key is taken could sign in with it: it is told as a bad one."""
    await world.developer(key=KEY, status=0)
    await world.developer("b@b.c", key=OTHER, status=0)
    body = {"email": "new@b.c", "meta": {"full_name": "Ada"}}
    taken = await world.browser().call("POST", "/register", {**body, "key": KEY})
    poor = await world.browser().call("POST", "/register", {**body, "key": "ab" * 12})
    known = await world.browser().call("POST", "/register", {**body, "email": EMAIL, "key": OTHER})  # fmt: skip
    browser = world.browser()
    await browser.call("GET", "/auth", apikey=OTHER)
    moved = await browser.call("PATCH", "/developer/password", {"key": KEY})

    assert (taken.status, taken.text) == (poor.status, poor.text)
    assert (known.status, known.text) == (taken.status, taken.text)
    assert moved.json()["fields"] == {"key": BAD_KEY}
    assert (await world.node.call("/developers/new@b.c")).status == 404
    assert (await world.browser().call("GET", "/auth", apikey=OTHER)).status == 200


async def test_another_key_ends_the_one_before(world: PortalWorld) -> None:
    await world.developer(key=KEY, status=0)
    browser, other = world.browser(), world.browser()
    for one in (browser, other):
        await one.call("GET", "/auth", apikey=KEY)
    done = await browser.call("PATCH", "/developer/password", {"key": OTHER})

    assert done.status == 204
    assert (await is_in(browser), await is_in(other)) == (True, False)
    assert (await other.call("GET", "/auth", apikey=KEY)).status == 401
    assert (await other.call("GET", "/auth", apikey=OTHER)).status == 200


async def test_a_lost_key_is_chosen_anew(world: PortalWorld) -> None:
    await world.developer(key=KEY, status=0)
    await world.browser().call("POST", "/forgot-password", {"email": EMAIL})
    token = token_in((await mails(world, EMAIL))[-1])
    body = {"token": token, "key": OTHER}
    done = await world.browser().call("POST", "/reset-password", body)

    assert done.status == 200
    assert (await world.browser().call("GET", "/auth", apikey=OTHER)).status == 200


async def test_what_is_kept_of_a_key_is_not_the_key(world: PortalWorld) -> None:
    row = await world.developer(key=KEY, status=0)
    kept = await world.node.store.find("developer_secrets", {"developer": row["id"]})
    wrong = await world.node.send("PATCH", f"/developers/{EMAIL}", {"password": "a long password"})  # fmt: skip

    assert KEY not in str(kept.model_dump() if kept else "")
    assert KEY not in str(row)
    assert "does not sign in with it" in wrong.json()["fields"]["password"]


async def test_whoever_tries_keys_has_to_wait(world: PortalWorld) -> None:
    browser = world.browser()
    told = [(await browser.call("GET", "/auth", apikey=OTHER)).status for _ in range(21)]  # fmt: skip

    assert told == [401] * 20 + [429]


async def test_another_key_is_told_by_mail_and_chosen_only_so_often(
    world: PortalWorld,
) -> None:
    await world.developer(key=KEY, status=0)
    world.site.accounts._acts.burst = 3
    browser = world.browser()
    await browser.call("GET", "/auth", apikey=KEY)
    moved = await browser.call("PATCH", "/developer/email", {"email": "new@b.c"})
    told = set()
    for number in range(4):
        body = {"key": f"{OTHER}{number}"}
        told.add((await browser.call("PATCH", "/developer/password", body)).status)
    subjects = [m.subject for m in await mails(world, "new@b.c")]

    assert moved.status == 200
    assert told == {204, 429}
    assert len(subjects) == 3
    assert {*subjects} == {"Your password for the developer portal (default) was changed"}  # fmt: skip


async def test_a_key_that_is_taken_is_shown_to_no_admin_either(
    world: PortalWorld,
) -> None:
    await world.developer(key=KEY, status=0)
    body = {"email": "b@b.c", "meta": '{"full_name":"B"}', "key": KEY}
    made = await world.node.send("POST", "/developers", body)
    same = await world.node.send("PATCH", f"/developers/{EMAIL}", {"key": KEY})

    assert (made.status, made.json()["fields"]) == (409, {"key": "in use"})
    assert same.status == 200


async def test_whoever_verifies_with_a_taken_key_chooses_another(
    tmp_path: Path,
) -> None:
    async with portal_world(tmp_path) as world:
        await switch_own(world, "key-auth", portal_email_verification=True)
        await world.developer("b@b.c", key=OTHER, status=0)
        body = {"email": EMAIL, "meta": {"full_name": "Ada"}, "key": KEY}
        await world.browser().call("POST", "/register", body)
        token = token_in((await mails(world, EMAIL))[0])
        taken = await world.browser().call("POST", "/verify-account", {"token": token, "key": OTHER})  # fmt: skip
        done = await world.browser().call("POST", "/verify-account", {"token": token, "key": KEY})  # fmt: skip

        assert (taken.status, taken.json()["fields"]) == (400, {"key": BAD_KEY})
        assert done.status == 200
