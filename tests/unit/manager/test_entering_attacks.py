"""What an attack on the sign-in at a provider tried, and does not get any more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ostiary.ports.pool_store import StoreUnavailable
from tests.unit.manager.manager_kit import Browser
from tests.unit.manager.provider_kit import BACK, COOKIE, EMAIL, Office, office


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as found:
        yield found


@pytest.fixture
def tab(room: Office) -> Browser:
    return room.tab()


@pytest.mark.parametrize(
    "changes",
    [
        ({"status": 3}, {"status": 0}),
        ({"email": "new@example.com", "username": "new@example.com"},),
        ({"username": "new"},),
    ],
)
async def test_a_session_ends_with_who_it_was_begun_as(
    room: Office, tab: Browser, changes: tuple[dict[str, Any], ...]
) -> None:
    """Also where nobody clicked between a revocation and its end."""
    await room.sign_in(tab)
    row = await room.site.admin("GET", f"/admins/{EMAIL}")
    for change in changes:
        await room.site.admin("PATCH", f"/admins/{row['id']}", change)
    page = await tab.get("/workspaces")

    assert page.location.startswith("/auth/sign-in")


async def test_a_session_outlives_what_is_said_of_an_admin_besides(
    room: Office, tab: Browser
) -> None:
    await room.sign_in(tab)
    row = await room.site.admin("GET", f"/admins/{EMAIL}")
    await room.site.admin("PATCH", f"/admins/{row['id']}", {"custom_id": "7"})

    assert (await tab.get("/workspaces")).status == 200


@pytest.mark.parametrize("claim", ["preferred_username", "name"])
async def test_a_claim_that_people_choose_is_nobody_elses_address(
    tmp_path: Path, claim: str
) -> None:
    """An admin's name may be an address, and a profile may say anything."""
    async with office(tmp_path, admin_claim=claim) as room:
        await room.site.admin("POST", "/admins", {"username": EMAIL, "email": EMAIL})
        groups = ["default:super-admin"]
        eve = {"email": "eve@example.com", "email_verified": True}
        room.say(**{claim: EMAIL}, groups=groups, **eve)
        chosen = await room.sign_in(room.tab())
        room.say(**{claim: EMAIL}, groups=groups, email=EMAIL, email_verified=False)
        unverified = await room.sign_in(room.tab())
        room.say(**{claim: EMAIL}, groups=groups, email=EMAIL, email_verified=True)
        own = await room.sign_in(room.tab())

    assert (chosen.status, unverified.status, own.status) == (403, 403, 200)
    assert "not verified" in chosen.words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("Doe, Jane", "cannot be a name"),
        ("x\0y", "cannot be a name"),
        ("a\nb", "cannot be a name"),
        (10**300, "did not say who you are"),
        (" ", "did not say who you are"),
    ],
)
async def test_a_name_that_can_be_none_has_a_page(
    tmp_path: Path, value: object, words: str
) -> None:
    async with office(tmp_path, admin_claim="name") as room:
        room.say(name=value, groups=["default:super-admin"])
        page = await room.sign_in(room.tab())

    assert page.status == 403
    assert words in page.words


async def test_spaces_around_a_name_are_none_of_it(tmp_path: Path) -> None:
    async with office(tmp_path, admin_claim="name") as room:
        room.say(name=" Grace ", groups=["default:super-admin"])
        page = await room.sign_in(room.tab())
        row = await room.site.admin("GET", "/admins/Grace")

    assert page.status == 200
    assert row["username"] == "Grace"


async def test_a_database_that_is_away_is_said_and_tried_again(
    room: Office, tab: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    await room.sign_in(tab)
    other = room.tab()
    back = room.answer(await room.leave(other))

    def away(*_: object) -> None:
        raise StoreUnavailable("away")

    door = room.site.config.door
    people: Any = door.people  # type: ignore[union-attr]  # of a provider
    monkeypatch.setattr(type(people.store), "within", away)
    arriving = await other.get(back, **BACK)
    known = await tab.get("/workspaces")

    assert (arriving.status, known.status) == (503, 503)
    assert "database cannot be reached" in arriving.words
    assert (arriving.header("retry-after"), known.header("retry-after")) == ("1", "1")
    assert COOKIE not in other.jar


async def test_the_page_at_the_providers_answer_names_itself_to_nobody(
    room: Office, tab: Browser
) -> None:
    """Its address has a code."""
    welcome = await room.sign_in(tab)
    other = room.tab()
    refused = await other.get("/auth/callback?error=access_denied", **BACK)

    assert welcome.header("referrer-policy") == "no-referrer"
    assert refused.header("referrer-policy") == "no-referrer"


async def test_the_back_button_after_a_sign_in_leads_on(
    room: Office, tab: Browser
) -> None:
    back = room.answer(await room.leave(tab))
    await tab.get(back, **BACK)
    again = await tab.get(back, **BACK)

    assert (again.status, again.location) == (302, "/workspaces")


async def test_whoever_is_not_let_in_is_in_the_audit_log(
    room: Office, tab: Browser
) -> None:
    room.say(email=EMAIL, email_verified=False, groups=["default:super-admin"])
    await room.sign_in(tab)
    room.say(email=EMAIL, email_verified=True, groups=[])
    await room.sign_in(room.tab())
    rows = (await room.site.admin("GET", "/audit/requests?size=1000"))["data"]

    assert [row["path"] for row in rows if row["status"] == 401] == ["/auth", "/auth"]
