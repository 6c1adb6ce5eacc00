"""Accounts with a password of the portal: what is told of them, and what their owners change."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from ostiary.model.portal import Developer
from tests.unit.portal.own_kit import (
    META,
    PASSWORD,
    basic,
    enter,
    is_in,
    mails,
    register,
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


@pytest.mark.spec("T-K14")
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
    taken = await browser.post(f"{HOME}/settings/email", email="taken@b.c", current_password="a new password")  # fmt: skip
    moved = await browser.post(f"{HOME}/settings/email", email="New@b.c", current_password="a new password")  # fmt: skip
    again = await browser.ask(f"{HOME}/settings/email")

    assert 'id="portal-password-form"' in form.text
    assert "identity provider" not in form.text
    assert (wrong.status, "Old password is invalid" in wrong.text) == (400, True)
    assert "The new one counts from now on" in done.text
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
    wrong = await browser.call("PATCH", "/developer/email", {"email": "x", "password": PASSWORD})  # fmt: skip
    taken = await browser.call("PATCH", "/developer/email", {"email": "taken@b.c", "password": PASSWORD})  # fmt: skip
    done = await browser.call("PATCH", "/developer/email", {"email": "N@b.c", "password": PASSWORD})  # fmt: skip

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


async def test_passwords_of_other_letters_are_passwords(world: PortalWorld) -> None:
    """What is sent is UTF-8 (the original broke on it)."""
    await sign_up(world, password="пароль для всех")

    assert (await enter(world.browser(), password="пароль для всех")).status == 200


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


@pytest.mark.parametrize("body", [{}, {"password": "wrong"}, {"password": 5}])
async def test_whoever_has_only_a_session_changes_no_address(
    world: PortalWorld, body: dict[str, Any]
) -> None:
    """With the address goes the account: its password is asked for, and told wrong at its field."""
    await sign_up(world)
    browser = world.browser()
    await enter(browser)
    refused = await browser.call("PATCH", "/developer/email", {"email": "n@b.c", **body})  # fmt: skip
    typed = {k: str(v) for k, v in body.items()}
    page = await browser.post(f"{HOME}/settings/email", email="n@b.c", **typed)

    assert (refused.status, refused.json()["fields"]) == (400, {"password": "must be your current password"})  # fmt: skip
    assert page.status == 400
    assert 'id="current_password-error"' in page.text
    assert (await browser.call("GET", "/developer")).json()["email"] == EMAIL


async def test_a_mailbox_hears_what_somebody_who_is_signed_in_changes(
    world: PortalWorld,
) -> None:
    """The address that it was: whoever took the account over reads the other one."""
    await sign_up(world)
    browser = world.browser()
    await enter(browser)
    new = {"old_password": PASSWORD, "password": "a new password"}
    await browser.call("PATCH", "/developer/password", new)
    moved = {"email": "n@b.c", "password": "a new password"}
    await browser.call("PATCH", "/developer/email", moved)
    told = [m.subject for m in await mails(world, EMAIL) if "was changed" in m.subject]

    assert told == [
        "Your password for the developer portal (default) was changed",
        "Your address for the developer portal (default) was changed",
    ]
    assert not [m for m in await mails(world, "n@b.c") if "was changed" in m.subject]


async def test_what_is_not_changed_is_told_to_nobody(world: PortalWorld) -> None:
    await sign_up(world)
    await sign_up(world, "taken@b.c")
    browser = world.browser()
    await enter(browser)
    await browser.call("PATCH", "/developer/password", {"old_password": PASSWORD, "password": "short"})  # fmt: skip
    for email in (EMAIL, "taken@b.c"):
        await browser.call("PATCH", "/developer/email", {"email": email, "password": PASSWORD})  # fmt: skip

    assert not [m for m in await mails(world) if "was changed" in m.subject]
