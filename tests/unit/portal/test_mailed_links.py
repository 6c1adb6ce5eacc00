"""Mailed links: addresses that are verified, registrations that are undone, passwords chosen anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from ostiary.jose.configured import SecretVerifier
from ostiary.jose.jwt import read_unverified_claims, sign_jwt
from ostiary.jose.keys import SharedSecret
from ostiary.model.portal import Developer
from ostiary.portal.tokens import MailedTokens
from ostiary.sessions.keys import KeyRing, RingKey
from tests.support.ports import FakeClock
from tests.unit.portal.own_kit import (
    PASSWORD,
    enter,
    is_in,
    link_in,
    mails,
    register,
    sign_up,
    switch_own,
    token_in,
)
from tests.unit.portal.portal_kit import (
    ADMIN,
    EMAIL,
    HOME,
    PortalWorld,
    portal_world,
)

RING = KeyRing((RingKey(b"aaaa", b"s" * 32), RingKey(b"bbbb", b"t" * 32)))
ADA = Developer(id="11111111-2222-4333-8444-555555555555", email=EMAIL, status=5)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[PortalWorld]:
    """A portal with passwords of its own whose addresses are verified."""
    async with portal_world(tmp_path) as made:
        await switch_own(made, portal_email_verification=True)
        yield made


async def status_of(world: PortalWorld, email: str = EMAIL) -> int | None:
    reply = await world.node.call(f"/developers/{email}")
    return reply.json()["status"] if reply.status == 200 else None


def verifying(token: str, password: str = PASSWORD) -> dict[str, str]:
    """What verifies an address of a portal with passwords."""
    return {"token": token, "password": password}


# Verification.


@pytest.mark.spec("portal#1.5")
@pytest.mark.parametrize(("approves", "status"), [(False, 1), (True, 0)])
async def test_an_address_is_verified_by_the_button_behind_the_link(
    world: PortalWorld, approves: bool, status: int
) -> None:
    """Looking at a link does nothing; even with auto-approve nobody gets in before."""
    await world.configure(portal_auto_approve=approves)
    browser = world.browser()
    registered = await register(browser)
    (mail,) = await mails(world)
    early = await enter(browser)
    link = link_in(mail, "account/verify")
    looked = await browser.ask(link)
    before = await status_of(world)
    token = parse_qs(urlsplit(link).query)["token"][0]
    done = await browser.post(f"{HOME}/account/verify", token=token, password=PASSWORD)
    again = await browser.post(f"{HOME}/account/verify", token=token)

    assert registered.json()["developer"]["status"] == 5
    assert mail.recipient == EMAIL
    assert (early.status, early.json()["standing"]) == (403, "unverified")
    assert "Verify my address" in looked.text
    assert before == 5
    assert (done.status, await status_of(world)) == (200, status)
    assert "Your address is verified" in done.text
    assert (again.status, "not good any more" in again.text) == (401, True)
    told = [m.recipient for m in (await mails(world))[1:]]
    assert told == ([EMAIL] if approves else [EMAIL, ADMIN])


@pytest.mark.spec("portal#1.6")
async def test_scripts_verify_with_the_token(world: PortalWorld) -> None:
    browser = world.browser()
    await register(browser)
    token = token_in((await mails(world))[0])
    missing = await browser.call("POST", "/verify-account", {})
    bad = await browser.call("POST", "/verify-account", verifying(token[:-2] + "xx"))
    done = await browser.call("POST", "/verify-account", verifying(token))
    used = await browser.call("POST", "/verify-account", verifying(token))

    assert (missing.status, missing.json()) == (400, {"message": "token is required"})
    for refused in (bad, used):
        assert (refused.status, refused.json()) == (401, {"message": "Unauthorized"})
    assert (done.status, done.json()) == (200, {"status": 1})


async def test_a_token_is_for_one_thing_at_one_place_and_for_a_time(
    world: PortalWorld,
) -> None:
    await world.node.send("POST", "/workspaces", {"name": "team"})
    config = {"portal": True, "portal_auth": "basic-auth"}
    await world.node.send("PATCH", "/workspaces/team", {"config": config})
    browser = world.browser()
    await register(browser)
    token = token_in((await mails(world))[0])
    reset = await browser.call("POST", "/validate-reset", {"token": token})
    elsewhere = await browser.ask(
        "https://kong-ee:8447/team/verify-account", "POST", navigates=False,
        body=f"token={token}".encode(),
        fields={"content-type": "application/x-www-form-urlencoded"},
    )  # fmt: skip
    world.base.clock.move(3 * 24 * 3600)
    late = await browser.call("POST", "/verify-account", verifying(token))

    assert [s.status for s in (reset, elsewhere, late)] == [401, 401, 401]
    assert await status_of(world) == 5


async def test_a_link_to_an_address_verifies_no_other(world: PortalWorld) -> None:
    """An admin may put an address right meanwhile: the old mailbox says nothing of the new one."""
    browser = world.browser()
    await register(browser)
    token = token_in((await mails(world))[0])
    await world.node.send("PATCH", f"/developers/{EMAIL}", {"email": "new@b.c"})
    done = await browser.call("POST", "/verify-account", verifying(token))

    assert done.status == 401
    assert await status_of(world, "new@b.c") == 5


@pytest.mark.spec("portal#1.6")
async def test_whoever_did_not_register_deletes_it(world: PortalWorld) -> None:
    """Left there, the address would be taken by whoever chose the password."""
    browser = world.browser()
    await register(browser)
    (mail,) = await mails(world)
    link = link_in(mail, "account/invalidate-verification")
    looked = await browser.ask(link)
    before = await status_of(world)
    token = token_in(mail)
    done = await browser.post(f"{HOME}/account/invalidate-verification", token=token)
    verify = await browser.call("POST", "/verify-account", verifying(token))
    missing = await browser.call("POST", "/invalidate-account-verification", {})

    assert "Delete the registration" in looked.text
    assert before == 5
    assert "was deleted" in done.text
    assert await status_of(world) is None
    assert verify.status == 401
    assert missing.json() == {"message": "token is required"}
    assert (await register(browser, password="mine and mine alone")).status == 200


async def test_a_verified_account_is_not_deleted_by_its_old_link(
    world: PortalWorld,
) -> None:
    browser = world.browser()
    await register(browser)
    token = token_in((await mails(world))[0])
    await browser.call("POST", "/verify-account", verifying(token))
    path = "/invalidate-account-verification"
    done = await browser.call("POST", path, {"token": token})

    assert done.status == 401
    assert await status_of(world) == 1


@pytest.mark.spec("portal#1.6")
async def test_a_mail_is_sent_again_and_says_nothing_of_anybody(
    world: PortalWorld,
) -> None:
    await register(world.browser())
    await sign_up(world, "fine@b.c")
    told = set()
    for email in (EMAIL, "fine@b.c", "nobody@b.c", "no address"):
        path = "/resend-account-verification"
        api = await world.browser().call("POST", path, {"email": email})
        page = await world.browser().post(f"{HOME}/account/resend-verification", email=email)  # fmt: skip
        told.add((api.status, api.text, page.status, page.text.replace(email, "")[:500]))  # fmt: skip

    assert len(told) == 1
    sent = [m.subject for m in await mails(world, EMAIL)]
    assert len(sent) == 3
    assert len({*sent}) == 1


async def test_a_mailbox_is_not_filled(world: PortalWorld) -> None:
    """Whoever registers somebody else, or asks again and again, sends three mails and no more."""
    for number in range(6):
        await register(world.browser(f"10.0.0.{number}"))
    asked = await world.browser("10.0.1.1").call(
        "POST", "/resend-account-verification", {"email": EMAIL}
    )

    assert len(await mails(world, EMAIL)) == 3
    assert asked.status == 204
    world.base.clock.move(301)
    await register(world.browser("10.0.2.1"))
    assert len(await mails(world, EMAIL)) == 4


@pytest.mark.spec("T-C3")
async def test_whoever_reads_the_mailbox_chooses_the_password(
    world: PortalWorld,
) -> None:
    """Whoever registers with somebody else's address first has not chosen their password."""
    first = await register(world.browser(), password="the attacker's password")
    second = await register(world.browser("10.0.0.2"), password="the owner's password")
    token = token_in((await mails(world))[-1])
    browser = world.browser()
    bare = await browser.call("POST", "/verify-account", {"token": token})
    weak = await browser.post(f"{HOME}/account/verify", token=token, password="x")
    done = await browser.call("POST", "/verify-account", verifying(token))
    await world.set_status(0)

    assert first.text == second.text
    assert bare.json()["fields"] == {"password": "required field missing"}
    assert (weak.status, 'id="password-error"' in weak.text) == (400, True)
    assert done.json() == {"status": 1}
    for tried, status in (
        ("the attacker's password", 401),
        ("the owner's password", 401),
        (PASSWORD, 200),
    ):
        assert (await enter(world.browser(), password=tried)).status == status


@pytest.mark.spec("portal#2.4")
async def test_with_a_provider_an_address_is_verified_too(world: PortalWorld) -> None:
    """By the link, or by the provider's word: nobody needs both."""
    await world.switch_on()
    stranger = await register(world.browser())
    browser = world.browser()
    await browser.sign_in()
    told = await browser.ask(f"{HOME}/unauthorized")
    token = token_in((await mails(world, EMAIL))[0])
    await browser.post(f"{HOME}/account/verify", token=token)

    assert stranger.json()["developer"]["status"] == 5
    assert "Your address is not verified yet" in told.text
    assert "account/resend-verification" in told.text
    assert await status_of(world) == 1

    await world.node.send("DELETE", f"/developers/{EMAIL}")
    proven = world.browser()
    await proven.sign_in()
    await proven.post(f"{HOME}/register", meta__full_name="Ada L")
    assert await status_of(world) == 1


async def test_a_new_address_counts_when_its_own_link_was_used(
    world: PortalWorld,
) -> None:
    await sign_up(world)
    await sign_up(world, "taken@b.c")
    browser = world.browser()
    await enter(browser)
    free = await browser.call("PATCH", "/developer/email", {"email": "new@b.c", "password": PASSWORD})  # fmt: skip
    taken = await browser.call("PATCH", "/developer/email", {"email": "taken@b.c", "password": PASSWORD})  # fmt: skip
    page = await browser.post(
        f"{HOME}/settings/email", email="other@b.c", current_password=PASSWORD
    )
    before = (await browser.call("GET", "/developer")).json()["email"]
    (mail,) = await mails(world, "new@b.c")
    token = token_in(mail)
    done = await world.browser().post(f"{HOME}/account/verify", token=token)
    again = await world.browser().post(f"{HOME}/account/verify", token=token)

    assert (free.status, taken.status) == (200, 200)
    assert free.text == taken.text
    assert "A mail is on its way" in page.text
    assert before == EMAIL
    assert (done.status, again.status) == (200, 401)
    assert await status_of(world, "new@b.c") == 0
    told = [m for m in await mails(world, EMAIL) if "was changed" in m.subject]
    assert len(told) == 1
    assert "new@b.c" not in told[0].text
    assert [m.recipient for m in await mails(world) if "new address" in m.subject] == ["new@b.c", "other@b.c"]  # fmt: skip


async def test_a_stranger_writes_nothing_into_a_mailbox(world: PortalWorld) -> None:
    """Nobody has proven yet whose it is: a name of theirs could be an advertisement."""
    await register(world.browser(), meta='{"full_name":"Cheap watches, call 555"}')
    (mail,) = await mails(world, EMAIL)

    assert "watches" not in mail.text + mail.html + mail.subject
    assert f"Hello {EMAIL}" in mail.text


# A forgotten password.


async def ask_reset(world: PortalWorld, email: str = EMAIL) -> str:
    await world.browser().call("POST", "/forgot-password", {"email": email})
    return token_in((await mails(world, email))[-1])


@pytest.mark.spec("portal#1.6")
async def test_a_forgotten_password_is_chosen_anew(world: PortalWorld) -> None:
    """The link shows a form; with it every session ends and a locked account opens."""
    await world.configure(portal_auth_login_attempts=1)
    await sign_up(world)
    old = world.browser()
    await enter(old)
    await enter(world.browser(), password="wrong")
    form = await world.browser().ask(f"{HOME}/reset-password")
    asked = await world.browser().post(f"{HOME}/reset-password", email=EMAIL)
    mail = (await mails(world, EMAIL))[-1]
    token = token_in(mail)
    shown = await world.browser().ask(link_in(mail, "reset-password"))
    weak = await world.browser().post(f"{HOME}/reset-password", token=token, password="x")  # fmt: skip
    done = await world.browser().post(f"{HOME}/reset-password", token=token, password="a new password")  # fmt: skip
    again = await world.browser().post(f"{HOME}/reset-password", token=token, password="a third one")  # fmt: skip

    assert "Forgot your password?" in form.text
    assert "If there is an account with this address" in asked.text
    assert "good for 6 hours" in asked.text
    assert "within 6 hours" in mail.text
    assert 'id="portal-reset-form"' in shown.text
    assert (weak.status, "must have at least 8" in weak.text) == (400, True)
    assert "Your password was changed" in done.text
    assert again.status == 401
    assert not await is_in(old)
    assert (await enter(world.browser(), password="a new password")).status == 200
    assert (await enter(world.browser())).status == 401
    assert "was changed" in (await mails(world, EMAIL))[-1].subject


@pytest.mark.spec("portal#1.6")
async def test_scripts_reset_with_the_token(world: PortalWorld) -> None:
    await sign_up(world)
    browser = world.browser()
    token = await ask_reset(world)
    missing = await browser.call("POST", "/validate-reset", {})
    good = [await browser.call("POST", "/validate-reset", {"token": token}) for _ in range(2)]  # fmt: skip
    bare = await browser.call("POST", "/reset-password", {"token": token})
    none = await browser.call("POST", "/reset-password", {"password": PASSWORD})
    done = await browser.call("POST", "/reset-password", {"token": token, "password": "a new password"})  # fmt: skip
    used = await browser.call("POST", "/validate-reset", {"token": token})

    assert missing.json() == none.json() == {"message": "token is required"}
    assert [s.status for s in good] == [200, 200]
    assert bare.json() == {"code": 2, "fields": {"password": "password is required"}}
    assert (done.status, done.json()) == (200, {})
    assert (used.status, used.json()) == (401, {"message": "Unauthorized"})


async def test_nobody_learns_by_forgetting_who_is_registered(
    world: PortalWorld,
) -> None:
    await sign_up(world)
    await sign_up(world, "revoked@b.c", status=3)
    await sign_up(world, "unverified@b.c", status=5)
    before = len(await mails(world))
    told = set()
    for email in (EMAIL, "revoked@b.c", "unverified@b.c", "nobody@b.c", "x"):
        api = await world.browser().call("POST", "/forgot-password", {"email": email})
        page = await world.browser().post(f"{HOME}/reset-password", email=email)
        told.add((api.status, api.text, page.status, page.text[:500]))

    assert len(told) == 1
    assert {m.recipient for m in (await mails(world))[before:]} == {EMAIL}


@pytest.mark.spec("portal#1.2")
async def test_a_token_ends_with_its_time_and_with_what_it_was_made_for(
    world: PortalWorld,
) -> None:
    await world.configure(portal_token_exp=60)
    row = await sign_up(world)
    browser = world.browser()

    async def is_good(token: str) -> bool:
        reply = await browser.call("POST", "/validate-reset", {"token": token})
        return reply.status == 200

    first = await ask_reset(world)
    assert await is_good(first)
    world.base.clock.move(61)
    assert not await is_good(first)
    second = await ask_reset(world)
    await world.node.send("PATCH", f"/developers/{row['id']}", {"email": "moved@b.c"})
    assert not await is_good(second)
    third = await ask_reset(world, "moved@b.c")
    await world.node.send("PATCH", f"/developers/{row['id']}", {"status": 3})
    assert not await is_good(third)


@pytest.mark.spec("portal#1.2")
async def test_without_its_mail_nobody_resets_a_password(world: PortalWorld) -> None:
    await sign_up(world)
    token = await ask_reset(world)
    await world.configure(portal_reset_email=False)
    browser = world.browser()
    replies = [
        await browser.call("POST", "/forgot-password", {"email": EMAIL}),
        await browser.call("POST", "/reset-password", {"token": token, "password": PASSWORD}),
        await browser.call("POST", "/validate-reset", {"token": token}),
    ]  # fmt: skip
    page = await browser.ask(f"{HOME}/reset-password?token={token}")
    form = await browser.ask(f"{HOME}/login")

    assert [reply.status for reply in replies] == [404, 404, 401]
    assert "Passwords are not reset here" in page.text
    assert "reset-password" not in form.text


async def test_a_portal_of_a_provider_has_no_passwords_to_reset(
    world: PortalWorld,
) -> None:
    await world.switch_on()
    browser = world.browser()

    for path in ("/forgot-password", "/reset-password"):
        assert (await browser.call("POST", path, {"email": EMAIL, "token": "x"})).status == 404  # fmt: skip
    assert (await browser.ask(f"{HOME}/reset-password")).status == 404
    assert (await browser.call("POST", "/validate-reset", {"token": "x"})).status == 401


@pytest.mark.spec("T-C12")
async def test_another_page_uses_no_link_of_anybody(world: PortalWorld) -> None:
    await register(world.browser())
    token = token_in((await mails(world))[0])
    fields = {"content-type": "application/x-www-form-urlencoded", "origin": "https://evil.example", "sec-fetch-site": "cross-site"}  # fmt: skip
    for path in ("account/verify", "account/invalidate-verification", "reset-password"):
        seen = await world.browser().ask(
            f"{HOME}/{path}", "POST", body=f"token={token}&password={PASSWORD}".encode(), fields=fields,
        )  # fmt: skip
        assert seen.status == 403
    assert await status_of(world) == 5


@pytest.mark.parametrize("path", ["account/verify", "account/invalidate-verification"])
async def test_what_stands_in_a_link_is_a_text(world: PortalWorld, path: str) -> None:
    seen = await world.browser().ask(f"{HOME}/{path}?token=%22%3E%3Cscript%3E&email=%22%3E%3Cscript%3E")  # fmt: skip

    assert seen.status == 200
    assert "<script" not in seen.text


# Tokens.


def issue(tokens: MailedTokens) -> str:
    return tokens.issue("verify", "w", ADA, EMAIL, for_s=60)


@pytest.mark.spec("portal#1.6")
def test_a_token_is_a_jwt_with_an_id_and_an_end() -> None:
    clock = FakeClock()
    tokens = MailedTokens(RING, clock.now)
    token = issue(tokens)
    claims = read_unverified_claims(token)

    assert (claims["id"], claims["exp"]) == (ADA.id, int(clock.now()) + 60)
    found = tokens.read("verify", "w", token)
    assert found is not None
    assert found.is_of(ADA)
    assert not found.is_of(ADA.model_copy(update={"epoch": 1}))


def test_a_token_of_the_key_before_is_good_and_one_of_none_is_not() -> None:
    now = FakeClock().now
    old = issue(MailedTokens(KeyRing(RING.keys[1:]), now))
    other = issue(MailedTokens(KeyRing((RingKey(b"cccc", b"u" * 32),)), now))
    tokens = MailedTokens(RING, now)

    assert tokens.read("verify", "w", old) is not None
    assert tokens.read("verify", "w", other) is None
    assert tokens.read("reset", "w", old) is None
    assert tokens.read("verify", "v", old) is None


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "e30.e30.", "x" * 5000, "é.é.é"])
def test_what_is_no_token_is_none(token: str) -> None:
    assert MailedTokens(RING, FakeClock().now).read("verify", "w", token) is None


@pytest.mark.parametrize("claims", [{}, {"id": 5}, {"exp": "soon"}, {"ws": "w", "id": "x", "email": "e", "epoch": "0", "exp": 2e9}])  # fmt: skip
def test_a_token_of_ours_without_its_claims_says_nothing(
    claims: dict[str, object],
) -> None:
    tokens = MailedTokens(RING, FakeClock().now)
    secret = tokens._secrets("verify")[0]
    token = sign_jwt(claims, SharedSecret(secret, "HS256"))

    verifier = SecretVerifier(algorithm="HS256", secret=secret.encode())
    assert verifier.verify(token) == claims
    assert tokens.read("verify", "w", token) is None


async def test_a_link_that_is_used_twice_at_once_works_once(world: PortalWorld) -> None:
    await sign_up(world)
    token = await ask_reset(world)
    words = [f"password number {n}" for n in range(4)]
    replies = await asyncio.gather(
        *(
            world.browser().call("POST", "/reset-password", {"token": token, "password": word})
            for word in words
        )
    )  # fmt: skip
    entered = [await enter(world.browser(), password=word) for word in words]

    assert sorted(r.status for r in replies) == [200, 401, 401, 401]
    assert [e.status for e in entered] == [r.status if r.status == 200 else 401 for r in replies]  # fmt: skip
