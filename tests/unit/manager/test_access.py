"""RBAC users and roles: made, changed, and deleted; tokens seen once."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.manager.manager_kit import HOME, Browser, Site, manager_site

USERS, ROLES = f"{HOME}/rbac/users", f"{HOME}/rbac/roles"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with manager_site(tmp_path, rbac=True) as found:
        yield found


@pytest.fixture
async def tab(site: Site) -> Browser:
    tab = site.tab()
    await tab.sign_in()
    return tab


async def test_a_new_user_gets_a_token_that_is_shown_once(
    site: Site, tab: Browser
) -> None:
    made = await tab.submit(f"{USERS}/new", name="grace", comment="Ops", roles=["adas"])
    token = re.findall(r"<code>([\w-]{43})</code>", made.text)[0]
    user = await site.admin("GET", "/rbac/users/grace/roles")
    page = await tab.get(f"{USERS}/{user['user']['id']}")
    other = site.tab()
    signed = await other.sign_in(token)

    assert [role["name"] for role in user["roles"]] == ["adas"]
    assert signed.status == 302
    assert "grace" in (await other.get("/workspaces")).words
    assert token not in page.text
    assert user["user"]["user_token"] not in page.text


async def test_a_chosen_token_is_not_shown(tab: Browser) -> None:
    made = await tab.submit(f"{USERS}/new", name="grace", user_token="a-token-of-grace")
    page = await tab.get(made.location)

    assert made.status == 302
    assert "a-token-of-grace" not in page.text


async def test_a_made_token_is_shown_though_roles_are_refused(
    site: Site, tab: Browser
) -> None:
    page = await tab.get(f"{USERS}/new")
    values = {**page.values(), "name": "grace", "roles": ["gone"]}
    made = await tab.post(f"{USERS}/new", values)
    token = re.findall(r"<code>([\w-]{43})</code>", made.text)[0]
    typed = {**values, "name": "hedy", "user_token": "a-token-of-hedy"}
    other = await tab.post(f"{USERS}/new", typed)

    assert "The user has no roles yet" in made.words
    assert (await site.tab().sign_in(token)).status == 302
    assert "The user has no roles yet" in other.words
    assert "a-token-of-hedy" not in other.text


async def test_what_is_wrong_with_a_user_stands_at_its_field(tab: Browser) -> None:
    reply = await tab.submit(f"{USERS}/new", name="a,b", user_token="tok-0123")

    assert reply.status == 400
    assert "must have no commas" in reply.text.split('id="name-error"')[1]
    assert reply.values()["name"] == ["a,b"]
    assert "tok-0123" not in reply.text


async def test_a_user_gets_roles_and_loses_them(site: Site, tab: Browser) -> None:
    eve = (await site.admin("GET", "/rbac/users/eve"))["id"]
    page = await tab.get(f"{USERS}/{eve}")
    await tab.submit(f"{USERS}/{eve}", roles=["adas"], enabled=[])
    after = await site.admin("GET", "/rbac/users/eve/roles")

    assert page.values()["roles"] == ["eves"]
    assert [role["name"] for role in after["roles"]] == ["adas"]
    assert not after["user"]["enabled"]


async def test_a_user_goes_after_a_question(site: Site, tab: Browser) -> None:
    eve = (await site.admin("GET", "/rbac/users/eve"))["id"]
    asked = await tab.get(f"{USERS}/{eve}/delete")
    gone = await tab.submit(f"{USERS}/{eve}/delete")
    names = [u["name"] for u in (await site.admin("GET", "/rbac/users"))["data"]]

    assert "Delete user eve?" in asked.words
    assert f"{USERS}?done=deleted" == gone.location
    assert names == ["ada"]


async def test_rules_are_added_and_removed(site: Site, tab: Browser) -> None:
    made = await tab.submit(f"{ROLES}/new", name="readers", comment="May look")
    target = made.location.partition("?")[0]
    wrong = await tab.submit(target, endpoint="", actions=["read"], go="add")
    await tab.submit(target, endpoint="/services/*", workspace="*", actions=["read", "update"], negative="on", go="add")  # fmt: skip
    page = await tab.get(target)
    rules = (await site.admin("GET", "/rbac/roles/readers/endpoints"))["data"]
    rule = {"go": "remove", "workspace": "*", "endpoint": "/services/*"}
    await tab.post(target, rule)
    left = (await site.admin("GET", "/rbac/roles/readers/endpoints"))["data"]

    assert wrong.status == 400
    assert 'id="endpoint-error"' in wrong.text
    assert [
        (r["endpoint"], r["workspace"], r["actions"], r["negative"]) for r in rules
    ] == [("/services/*", "*", ["read", "update"], True)]
    assert "Forbidden" in page.words
    assert left == []


async def test_a_role_goes_after_a_question(site: Site, tab: Browser) -> None:
    role = (await site.admin("GET", "/rbac/roles/eves"))["id"]
    await tab.submit(f"{ROLES}/{role}/delete")

    assert [r["name"] for r in (await site.admin("GET", "/rbac/roles"))["data"]] == ["adas"]  # fmt: skip


async def test_somebody_of_another_workspace_begins_there(
    site: Site, tab: Browser
) -> None:
    await site.admin("POST", "/workspaces", {"name": "team"})
    user = {"name": "kim", "user_token": "a-token-of-kim"}
    await site.admin("POST", "/team/rbac/users", user)
    roles = {"roles": "workspace-super-admin"}
    await site.admin("POST", "/team/rbac/users/kim/roles", roles)
    kim = site.tab()
    await kim.sign_in("a-token-of-kim")
    home = await kim.get("/workspaces")
    made = await kim.submit("/team/services/new", name="s", host="s.test")
    elsewhere = [await kim.get(p) for p in (HOME, f"{HOME}/services", "/team/audit")]
    posted = await kim.post(f"{HOME}/services/new", {"name": "s", "host": "s.test"})

    assert home.status == 200
    assert "team" in home.words
    assert made.status == 302
    assert {403} == {page.status for page in (*elsewhere, posted)}
