"""Teams: admins are invited, register, get roles and go; groups of the provider have roles."""

from __future__ import annotations

from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.unit.manager.manager_kit import ADA, EVE, Browser, Reply, Site, manager_site
from tests.unit.manager.provider_kit import BACK

GUI = "https://gui.example:8445"
TOKEN = "a-token-that-grace-chose"
GRACE = {"email": "grace@example.com", "username": "grace"}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with manager_site(tmp_path, rbac=True, gui_url=GUI) as found:
        yield found


@pytest.fixture
async def tab(site: Site) -> Browser:
    found = site.tab(host="gui.example:8445", scheme="https")
    await found.sign_in(ADA)
    return found


async def invite(tab: Browser, prefix: str = "/default") -> str:
    """The page of somebody who was invited."""
    reply = await tab.submit(f"{prefix}/admins/invite", **GRACE)
    assert reply.status == 302, reply.words
    return reply.location.partition("?")[0]


async def press(tab: Browser, page: str, go: str, **more: Any) -> Reply:
    """A button of the page of an admin."""
    values = (await tab.get(page)).values()
    return await tab.post(page, {"_csrf": values["_csrf"][0], "stamp": values["stamp"][0], "go": go, **more})  # fmt: skip


async def link_of(tab: Browser, page: str) -> str:
    reply = await press(tab, page, "link")
    text = unescape(reply.text.partition("<code>")[2].partition("</code>")[0])
    assert text.startswith(f"{GUI}/auth/register?")
    parts = urlsplit(text)
    return f"{parts.path}?{parts.query}"


@pytest.mark.spec("portal#4.1")
async def test_somebody_invited_is_listed_with_a_form(tab: Browser) -> None:
    empty = await tab.get("/default/admins")
    page = await invite(tab)
    listed = await tab.get("/default/admins")
    shown = await tab.get(page)

    assert "No admin yet" in empty.words
    assert "grace@example.com" in listed.words
    assert "Invited" in listed.words
    assert "Make a registration link" in shown.words
    assert "no workspace yet" in shown.words


@pytest.mark.parametrize(
    ("said", "field", "words"),
    [
        ({"email": ""}, "email-error", "required"),
        ({"email": "none"}, "email-error", "must be an e-mail address"),
        ({"username": ""}, "username-error", "required"),
        ({"username": "a,b"}, "username-error", "no commas"),
    ],
)
async def test_what_is_wrong_stands_at_its_field(
    tab: Browser, said: dict[str, str], field: str, words: str
) -> None:
    reply = await tab.submit("/default/admins/invite", **{**GRACE, **said})

    assert reply.status == 400
    error = reply.text.partition(f'id="{field}"')[2].partition("</p>")[0]
    assert words in error


@pytest.mark.spec("portal#4.1")
async def test_roles_are_ticked_and_taken(site: Site, tab: Browser) -> None:
    page = await invite(tab)
    await press(tab, page, "roles", roles=["eves", "adas"])
    both = (await site.admin("GET", "/admins/grace/roles"))["roles"]
    await press(tab, page, "roles", roles=["eves"])
    one = (await site.admin("GET", "/admins/grace/roles"))["roles"]

    assert sorted(role["name"] for role in both) == ["adas", "eves"]
    assert [role["name"] for role in one] == ["eves"]
    assert "Roles in default" in (await tab.get(page)).words


@pytest.mark.spec("portal#2.7")
async def test_whoever_was_invited_chooses_a_token_and_signs_in(
    site: Site, tab: Browser
) -> None:
    page = await invite(tab)
    await press(tab, page, "roles", roles=["adas"])
    link = await link_of(tab, page)
    guest = site.tab(host="gui.example:8445", scheme="https")
    opened = await guest.get(link, **BACK)
    done = await guest.submit(link, password=TOKEN, again=TOKEN)
    signed_in = await guest.sign_in(TOKEN)
    again = await guest.submit(link, password=TOKEN, again=TOKEN)

    assert "You were invited as grace" in opened.words
    assert done.location == "/auth/sign-in?done=registered"
    assert signed_in.status == 302
    assert (await guest.get("/default/services")).status == 200
    assert again.status == 400
    assert "link is not good" in again.words


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"again": "something-else-altogether"}, "This is not the same"),
        ({"password": "short", "again": "short"}, "at least 16"),
        ({"token": "0" * 64}, "link is not good"),
        ({"username": "ada"}, "link is not good"),
    ],
)
async def test_what_cannot_be_registered_is_told_on_the_page(
    site: Site, tab: Browser, said: dict[str, str], words: str
) -> None:
    link = await link_of(tab, await invite(tab))
    guest = site.tab(host="gui.example:8445", scheme="https")
    typed = {"password": TOKEN, "again": TOKEN, **said}
    reply = await guest.submit(link, **typed)

    assert reply.status == 400
    assert words in reply.words
    assert TOKEN not in reply.text
    assert (await guest.sign_in(TOKEN)).status == 403


async def test_links_cannot_be_guessed_for_ever(site: Site, tab: Browser) -> None:
    link = await link_of(tab, await invite(tab))
    guest = site.tab(host="gui.example:8445", scheme="https")
    tries = [
        await guest.submit(link, password=TOKEN, again=TOKEN, token=f"{n:064}")
        for n in range(7)
    ]

    assert [reply.status for reply in tries] == [400] * 5 + [403] * 2


async def test_a_link_is_not_opened_without_encryption(
    site: Site, tab: Browser
) -> None:
    link = await link_of(tab, await invite(tab))
    far = site.tab(host="gui.example:8002", address="203.0.113.9")
    page = await far.get(link)
    reply = await far.post("/auth/register", {"_csrf": page.values().get("_csrf", [""])[0], "password": TOKEN, "again": TOKEN})  # fmt: skip

    assert "without encryption" in page.words
    assert reply.status == 403


@pytest.mark.spec("portal#1.5")
async def test_a_revoked_admin_is_shown_so_and_let_in_again(
    site: Site, tab: Browser
) -> None:
    page = await invite(tab)
    link = await link_of(tab, page)
    await site.tab(host="gui.example:8445", scheme="https").submit(
        link, password=TOKEN, again=TOKEN
    )
    guest = site.tab(host="gui.example:8445", scheme="https")
    await guest.sign_in(TOKEN)
    await press(tab, page, "status", status="3")
    revoked = await tab.get(page)
    out = await guest.get("/workspaces")
    await press(tab, page, "status", status="0")

    assert "Revoked" in revoked.words
    assert out.location.startswith("/auth/sign-in")
    assert "Active" in (await tab.get(page)).words


async def test_who_is_known_by_something_else_is_kept(site: Site, tab: Browser) -> None:
    page = await invite(tab)
    same = await tab.submit(page, go="save")
    values = {**(await tab.get(page)).values(), "go": "save", "username": "hopper"}
    reply = await tab.post(page, values)

    assert reply.location.endswith("done=saved")
    assert same.location.endswith("done=same")
    assert (await site.admin("GET", "/admins/hopper"))["email"] == GRACE["email"]


async def test_a_page_that_is_old_changes_nothing(site: Site, tab: Browser) -> None:
    page = await invite(tab)
    values = (await tab.get(page)).values()
    await site.admin("POST", "/admins/grace/roles", {"roles": "eves"})
    reply = await tab.post(page, {"_csrf": values["_csrf"][0], "stamp": values["stamp"][0], "go": "roles"})  # fmt: skip

    assert reply.status == 409
    assert (await site.admin("GET", "/admins/grace/roles"))["roles"] != []


async def test_a_deleted_admin_is_gone(tab: Browser) -> None:
    page = await invite(tab)
    asked = await tab.get(f"{page}/delete")
    reply = await tab.post(f"{page}/delete", {"_csrf": asked.values()["_csrf"][0]})

    assert "Delete admin grace?" in asked.words
    assert reply.location == "/default/admins?done=deleted"
    assert (await tab.get(page)).status == 404


@pytest.mark.spec("portal#4.1")
async def test_a_group_of_the_provider_gets_roles(site: Site, tab: Browser) -> None:
    made = await tab.submit("/default/groups/new", name="platform", comment="Ops")
    page = made.location.partition("?")[0]
    given = await tab.submit(page, rbac_role_id="eves")
    wrong = await tab.submit(page, rbac_role_id="none")
    shown = await tab.get(page)
    row = (await site.admin("GET", "/groups/platform/roles"))["data"][0]
    said = {"_csrf": shown.values()["_csrf"][0], "go": "remove", "rbac_role_id": row["rbac_role"]["id"], "workspace_id": row["workspace"]["id"]}  # fmt: skip
    taken = await tab.post(page, said)
    gone = await tab.post(f"{page}/delete", {"_csrf": said["_csrf"]})

    assert given.status == 302
    assert wrong.status == 400
    assert "no such role" in wrong.words
    assert "eves" in shown.words
    assert taken.status == 302
    assert gone.location == "/default/groups?done=deleted"


async def test_whoever_may_not_see_admins_sees_none(site: Site, tab: Browser) -> None:
    await invite(tab)
    eve = site.tab(host="gui.example:8445", scheme="https")
    await eve.sign_in("eve-token-0123456789")

    for path in ("/default/admins", "/default/admins/grace", "/default/groups"):
        page = await eve.get(path)
        assert page.status == 403
        assert GRACE["email"] not in page.text


async def test_names_are_no_markup(tab: Browser) -> None:
    evil = "<script>alert(1)</script>"
    await tab.submit("/default/admins/invite", email="x@example.com", username=evil)
    page = await tab.get("/default/admins")

    assert evil not in page.text
    assert "&lt;script&gt;" in page.text


async def test_a_link_is_offered_to_whoever_may_make_one(
    site: Site, tab: Browser
) -> None:
    """Reading an admin is not enough: whoever has the link registers as them."""
    page = await invite(tab)
    for role, actions in (("readers", "read"), ("clerks", "read,update")):
        await site.admin("POST", "/rbac/roles", {"name": role})
        rule = {"endpoint": "*", "workspace": "*", "actions": actions}
        await site.admin("POST", f"/rbac/roles/{role}/endpoints", rule)
    await site.admin("DELETE", "/rbac/users/eve/roles", {"roles": "eves"})
    eve = site.tab(host="gui.example:8445", scheme="https")
    await eve.sign_in(EVE)
    await site.admin("POST", "/rbac/users/eve/roles", {"roles": "readers"})
    reading = await eve.get(page)
    pressed = await press(eve, page, "link")
    await site.admin("POST", "/rbac/users/eve/roles", {"roles": "clerks"})

    assert reading.status == 200
    assert "Make a registration link" not in reading.words
    assert pressed.status == 403
    assert "token=" not in pressed.text
    assert "Make a registration link" in (await eve.get(page)).words


async def test_who_has_no_token_is_offered_no_link(site: Site, tab: Browser) -> None:
    page = await invite(tab)
    said = {"rbac_token_enabled": False}
    await site.admin("PATCH", "/admins/grace", said)

    assert "Make a registration link" not in (await tab.get(page)).words
