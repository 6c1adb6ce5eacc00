"""Operators sign in at their provider: who is let in, as whom, and until when."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ostiary.ports.fetch import FetchFailed
from tests.support.provider import ISSUER
from tests.unit.manager.manager_kit import ADA, Browser
from tests.unit.manager.provider_kit import (
    BACK,
    COOKIE,
    EMAIL,
    HOME,
    NAVIGATES,
    Office,
    office,
    onward,
)


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as found:
        yield found


@pytest.fixture
def tab(room: Office) -> Browser:
    return room.tab()


async def sent_to(room: Office) -> dict[str, str]:
    query = urlsplit(await room.leave(room.tab())).query
    return {k: v[0] for k, v in parse_qs(query).items()}


@pytest.mark.spec("portal#2.7")
async def test_whoever_is_not_known_sees_a_button(tab: Browser) -> None:
    page = await tab.get("/default/services")
    asked = await tab.get(page.location)

    assert page.location == "/auth/sign-in?next=/default/services"
    assert 'href="/auth/provider?next=/default/services"' in asked.text
    assert 'name="token"' not in asked.text


@pytest.mark.spec("portal#2.7")
async def test_the_button_leads_to_the_provider(room: Office) -> None:
    asked = await sent_to(room)

    assert asked["redirect_uri"] == f"{HOME}/auth/callback"
    assert asked["scope"] == "openid profile email"
    assert asked["code_challenge_method"] == "S256"
    assert asked["nonce"]


@pytest.mark.spec("portal#2.7")
async def test_an_admin_comes_back_to_the_page_that_they_wanted(
    room: Office, tab: Browser
) -> None:
    back = await room.sign_in(tab, "/default/services")
    page = await tab.get(onward(back))

    assert back.status == 200
    assert onward(back) == "/default/services"
    assert page.status == 200
    assert EMAIL in page.words


async def test_the_cookie_is_the_managers_own(room: Office, tab: Browser) -> None:
    back = await room.sign_in(tab)
    own = [c for c in back.cookies if not c.startswith(COOKIE) and "Max-Age=0" not in c]
    cookie = next(c for c in back.cookies if c.startswith(f"{COOKIE}="))

    assert {*cookie.split("; ")[1:]} == {
        "Path=/", "SameSite=Strict", "Secure", "HttpOnly",
    }  # fmt: skip
    assert all("ostiary-" in name for name in tab.jar)
    assert not any("id_token" in c for c in own)


async def test_every_sign_in_is_another_session(room: Office, tab: Browser) -> None:
    tab.jar[COOKIE] = "f" * 64
    answers = [room.answer(await room.leave(tab)) for _ in range(2)]
    await tab.get(answers[0], **BACK)
    first = tab.jar[COOKIE]
    await tab.get(answers[1], **BACK)
    copy = room.tab(jar={COOKIE: first})

    assert first != "f" * 64
    assert tab.jar[COOKIE] != first
    assert (await copy.get("/workspaces")).status == 302


@pytest.mark.spec("portal#2.7")
async def test_pages_show_what_the_roles_of_the_admin_say(
    room: Office, tab: Browser
) -> None:
    await room.site.admin("POST", "/workspaces", {"name": "team"})
    await room.site.admin("POST", "/services", {"name": "orders", "host": "o.example"})
    room.say(email=EMAIL, email_verified=True, groups=["team:workspace-read-only"])
    await room.sign_in(tab)
    places = await tab.get("/workspaces")
    mine = await tab.get("/team/services")
    other = await tab.get("/default/services")

    assert "team" in places.words
    assert "default" not in places.words
    assert mine.status == 200
    assert other.status == 403
    assert "orders" not in other.words


@pytest.mark.spec("portal#2.7")
async def test_changes_are_recorded_in_the_admins_name(
    room: Office, tab: Browser
) -> None:
    await room.sign_in(tab)
    await tab.submit("/default/services/new", host="h.example", name="orders")
    await tab.post("/auth/sign-out")
    rows = (await room.site.admin("GET", "/audit/requests?size=1000"))["data"]
    done = {(r["method"], r["path"]) for r in rows if r["rbac_user_name"] == EMAIL}

    assert {
        ("GET", "/auth"),
        ("POST", "/default/services"),
        ("DELETE", "/auth"),
    } <= done


@pytest.mark.spec("portal#2.7")
@pytest.mark.parametrize(
    ("claims", "title"),
    [
        ({"email": ""}, "did not say who you are"),
        ({"email": "no address"}, "did not say who you are"),
        ({"email": ["ada@example.com"]}, "did not say who you are"),
        ({"email_verified": None}, "address is not verified"),
        ({"email_verified": False}, "address is not verified"),
        ({"email_verified": "false"}, "address is not verified"),
        ({"email_verified": "True"}, "address is not verified"),
        ({"email_verified": 1}, "address is not verified"),
        ({"groups": None}, "You have no role here"),
        ({"groups": []}, "You have no role here"),
        ({"groups": "admins"}, "You have no role here"),
        ({"groups": {"a": "default:super-admin"}}, "You have no role here"),
    ],
)
async def test_whoever_cannot_be_let_in_reads_why(
    room: Office, tab: Browser, claims: dict[str, Any], title: str
) -> None:
    said = {
        "email": EMAIL, "email_verified": True, "groups": ["default:super-admin"], **claims,
    }  # fmt: skip
    room.say(**{k: v for k, v in said.items() if v is not None})
    back = await room.sign_in(tab)

    assert back.status == 403
    assert title in back.words
    assert COOKIE not in tab.jar
    assert "http-equiv" not in back.text
    assert (await tab.get("/workspaces")).location.startswith("/auth/sign-in")


@pytest.mark.parametrize("verified", [True, "true"])
async def test_cognito_says_of_an_address_in_a_text_that_it_is_verified(
    room: Office, tab: Browser, verified: Any
) -> None:
    room.say(email=EMAIL, email_verified=verified, groups=["default:super-admin"])

    assert (await room.sign_in(tab)).status == 200


async def test_user_info_says_what_the_id_token_does_not(
    room: Office, tab: Browser
) -> None:
    room.say(email=None)
    room.tell(email=EMAIL, email_verified="true", groups=["default:super-admin"])

    assert (await room.sign_in(tab)).status == 200


async def test_one_address_is_not_verified_by_what_is_said_of_another(
    room: Office, tab: Browser
) -> None:
    room.say(email="boss@example.com", groups=["default:super-admin"])
    room.tell(email=EMAIL, email_verified=True)
    back = await room.sign_in(tab)

    assert back.status == 403
    assert "not verified" in back.words


@pytest.mark.spec("portal#2.7")
async def test_a_revoked_admin_is_out_at_the_next_request(
    room: Office, tab: Browser
) -> None:
    await room.sign_in(tab)
    before = await tab.get("/workspaces")
    await room.site.admin("PATCH", f"/admins/{EMAIL}", {"status": 3})
    after = await tab.get("/workspaces")
    again = await room.sign_in(tab)

    assert before.status == 200
    assert after.location.startswith("/auth/sign-in")
    assert again.status == 403
    assert "taken back" in again.words


async def test_an_rbac_user_that_is_enabled_makes_no_revoked_admin_one(
    room: Office, tab: Browser
) -> None:
    await room.sign_in(tab)
    await room.site.admin("PATCH", f"/admins/{EMAIL}", {"status": 3})
    await room.site.admin("PATCH", f"/rbac/users/{EMAIL}", {"enabled": True})

    assert (await tab.get("/workspaces")).location.startswith("/auth/sign-in")


async def test_cognitos_groups_are_roles(tmp_path: Path) -> None:
    claim = ["cognito:groups"]
    async with office(tmp_path, authenticated_groups_claim=claim) as room:
        groups = {"cognito:groups": ["default:super-admin"]}
        room.say(email=EMAIL, **groups)
        room.tell(email=EMAIL, email_verified="true")
        back = await room.sign_in(room.tab())

    assert back.status == 200


async def test_a_deleted_admin_is_out_at_the_next_request(
    room: Office, tab: Browser
) -> None:
    await room.sign_in(tab)
    await room.site.admin("DELETE", f"/admins/{EMAIL}")

    assert (await tab.get("/workspaces")).location.startswith("/auth/sign-in")


async def test_whoever_lost_their_groups_may_do_nothing_in_older_sessions(
    room: Office, tab: Browser
) -> None:
    await room.sign_in(tab)
    room.say(email=EMAIL, email_verified=True)
    other = await room.sign_in(room.tab())
    page = await tab.get("/default/services")

    assert other.status == 403
    assert page.status == 403


async def test_nobody_uninvited_is_made_an_admin_where_that_is_off(
    tmp_path: Path,
) -> None:
    async with office(tmp_path, admin_auto_create=False) as room:
        back = await room.sign_in(room.tab())
        body = {"username": "ada-l", "email": EMAIL}
        await room.site.admin("POST", "/admins", body)
        later = await room.sign_in(room.tab())

    assert "You are no admin here" in back.words
    assert later.status == 200
    assert "Welcome, ada-l" in later.words


async def test_another_claim_is_a_name(tmp_path: Path) -> None:
    async with office(tmp_path, admin_claim="preferred_username") as room:
        room.say(preferred_username="ada-l", groups=["default:super-admin"])
        back = await room.sign_in(room.tab())
        row = await room.site.admin("GET", "/admins/ada-l")
        room.say(preferred_username="kong", email=EMAIL, email_verified=False, groups=["default:super-admin"])  # fmt: skip
        await room.sign_in(room.tab())
        other = await room.site.admin("GET", "/admins/kong")

    assert back.status == 200
    assert row["email"] is None
    assert other["email"] is None


async def test_a_name_that_somebody_has_makes_nobody_them(tmp_path: Path) -> None:
    """The RBAC user `ada` may do everything; at the provider anybody may be called so."""
    async with office(tmp_path, admin_claim="preferred_username") as room:
        tab = room.tab()
        room.say(preferred_username="ada", groups=["default:super-admin"])
        back = await room.sign_in(tab)

    assert back.status == 403
    assert "Somebody else has your name" in back.words
    assert COOKIE not in tab.jar


# What browsers and providers do.


async def test_the_provider_may_refuse(room: Office, tab: Browser) -> None:
    state = parse_qs(urlsplit(await room.leave(tab)).query)["state"][0]
    back = await tab.get(f"/auth/callback?error=access_denied&state={state}", **BACK)

    assert back.status == 400
    assert "did not sign you in" in back.words
    assert COOKIE not in tab.jar


async def test_an_answer_that_is_opened_in_another_browser_is_refused(
    room: Office, tab: Browser
) -> None:
    """Login CSRF: whoever is sent a link must not find themselves signed in as somebody else."""
    back = room.answer(await room.leave(tab))
    victim = room.tab()
    page = await victim.get(back, **BACK)

    assert page.status == 400
    assert "not this browser's" in page.words
    assert COOKIE not in victim.jar


async def test_an_answer_is_good_once(room: Office, tab: Browser) -> None:
    back = room.answer(await room.leave(tab))
    jar = dict(tab.jar)
    await tab.get(back, **BACK)
    page = await room.tab(jar=jar).get(back, **BACK)

    assert page.status == 400


@pytest.mark.parametrize(
    "query", ["state=x&code=y", "code=y", "error=x", "state=%ff&code=%00", "state="]
)
async def test_an_answer_to_nothing_is_refused_without_a_loop(
    tab: Browser, query: str
) -> None:
    page = await tab.get(f"/auth/callback?{query}", **BACK)

    assert page.status in {302, 400}
    assert not page.location.startswith(ISSUER)
    assert COOKIE not in tab.jar


async def test_an_address_without_an_answer_leads_to_sign_in(tab: Browser) -> None:
    assert (await tab.get("/auth/callback")).location == "/auth/sign-in"


async def test_a_provider_that_is_down_has_a_page(room: Office, tab: Browser) -> None:
    room.world.provider.down = True
    page = await tab.get("/auth/provider", **NAVIGATES)

    assert page.status == 502
    assert "cannot be reached" in page.words
    assert FetchFailed.__name__ not in page.text


async def test_before_3_6_answers_come_to_the_page_of_a_workspace(
    tmp_path: Path,
) -> None:
    async with office(tmp_path, redirect_uri=[f"{HOME}/default"]) as room:
        tab = room.tab()
        back = await room.sign_in(tab, "/default/services")
        page = await tab.get("/default")

    assert back.status == 200
    assert onward(back) == "/default/services"
    assert page.status == 200
    assert "What is here" in page.words


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "https://evil.example", "/auth/sign-out", "/\\evil"]
)
async def test_nobody_is_led_to_another_site(
    room: Office, tab: Browser, wanted: str
) -> None:
    back = await room.sign_in(tab, wanted)

    assert onward(back) == "/workspaces"


async def test_a_planted_cookie_leads_to_no_other_site(
    room: Office, tab: Browser
) -> None:
    back = room.answer(await room.leave(tab))
    tab.jar["ostiary-manager-next"] = "%2F%2Fevil.example"
    page = await tab.get(back, **BACK)

    assert onward(page) == "/workspaces"


async def test_other_pages_of_the_manager_are_not_opened_by_other_sites(
    room: Office, tab: Browser
) -> None:
    await room.sign_in(tab)

    assert (await tab.get("/workspaces", **BACK)).status == 403
    assert (await tab.get("/auth/provider", **BACK)).status == 403
    assert (await tab.get("/auth/sign-out", **BACK)).status == 403


async def test_the_provider_may_send_people_to_the_page_to_sign_in(
    tab: Browser,
) -> None:
    page = await tab.get("/auth/sign-in", **BACK)

    assert page.status == 200
    assert (await tab.get("/auth/sign-in", sec_fetch_site="cross-site")).status == 403


async def test_at_another_address_somebody_is_told_where_to_sign_in(
    room: Office,
) -> None:
    tab = room.tab(host="127.0.0.1:8002", scheme="http")
    page = await tab.get("/auth/provider?next=/default", **NAVIGATES)

    assert page.status == 200
    assert f'href="{HOME}/auth/sign-in?next=/default"' in page.text
    assert tab.jar.keys() == {"ostiary-manager-csrf"}


async def test_a_manager_without_encryption_is_for_this_machine_alone(
    tmp_path: Path,
) -> None:
    home = "http://gui.example:8002"
    async with office(tmp_path, home=home) as room:
        here = {"host": "gui.example:8002", "scheme": "http"}
        near = await room.tab(**here).get("/auth/provider", **NAVIGATES)
        far = await room.tab(**here, address="203.0.113.9").get(
            "/auth/provider", **NAVIGATES
        )

    assert near.status == 302
    assert far.status == 200
    assert "another address" in far.words


async def test_a_token_is_no_way_in_where_there_is_a_provider(
    room: Office, tab: Browser
) -> None:
    reply = await tab.sign_in(ADA)

    assert reply.status == 403
    assert COOKIE not in tab.jar


# Leaving.


@pytest.mark.spec("portal#2.7")
async def test_signing_out_ends_the_session_here_and_at_the_provider(
    room: Office, tab: Browser
) -> None:
    await room.sign_in(tab)
    cookie = tab.jar[COOKIE]
    reply = await tab.post("/auth/sign-out")
    away = urlsplit(onward(reply))
    said = parse_qs(away.query)
    copy = room.tab(jar={COOKIE: cookie})

    assert away.geturl().startswith(f"{ISSUER}/end?")
    assert said["post_logout_redirect_uri"] == [f"{HOME}/auth/sign-in"]
    assert said["id_token_hint"][0].count(".") == 2
    assert COOKIE not in tab.jar
    assert (await copy.get("/workspaces")).status == 302


async def test_a_provider_without_a_logout_page_leads_to_ours(
    room: Office, tab: Browser
) -> None:
    room.world.provider.metadata_edits = {"end_session_endpoint": None}
    await room.sign_in(tab)
    reply = await tab.post("/auth/sign-out")

    assert onward(reply) == f"{HOME}/auth/sign-in"
    assert COOKIE not in tab.jar


async def test_what_lies_in_the_nodes_state_is_no_token(
    room: Office, tab: Browser
) -> None:
    await room.sign_in(tab)
    kept = repr(vars(vars(room.site.shared)["_rows"]))

    assert "manager:session:" in kept
    assert "eyJ" not in kept
    assert tab.jar[COOKIE] not in kept


async def test_whoever_is_nobody_is_sent_to_no_provider(
    room: Office, tab: Browser
) -> None:
    await tab.get("/auth/sign-in")
    reply = await tab.post("/auth/sign-out")

    assert reply.status == 302
    assert reply.location.startswith("/auth/sign-in?")


async def test_signing_out_works_while_the_provider_is_down(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as room:
        tab = room.tab()
        await room.sign_in(tab)
        room.world.provider.down = True
        room.world.clock.move(100_000)
        reply = await tab.post("/auth/sign-out")

    assert reply.status in {200, 302}
    assert COOKIE not in tab.jar


async def test_what_goes_wrong_is_logged_without_what_is_secret(
    room: Office, tab: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    room.say(email=EMAIL, email_verified=False, groups=["default:super-admin"])
    await room.sign_in(tab)
    room.say(email=EMAIL, email_verified=True, groups=["default:super-admin"])
    await room.sign_in(tab)
    told = caplog.text + json.dumps([str(line) for line in vars(room.world.log).values()])  # fmt: skip

    assert "unverified" in told
    assert "eyJ" not in told
    assert tab.jar[COOKIE] not in told
