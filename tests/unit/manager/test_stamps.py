"""Nobody overwrites what somebody else changed meanwhile, in the same second either."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.manager.manager_kit import HOME, Site, manager_site

CHANGED = "Somebody changed this meanwhile"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with manager_site(tmp_path) as found:
        yield found


async def test_a_change_in_the_same_second_is_not_overwritten(site: Site) -> None:
    row = await site.admin("POST", "/services", {"name": "orders", "host": "h.test"})
    target, tab = f"{HOME}/services/{row['id']}/edit", site.tab()
    values = {**(await tab.get(target)).values(), "retries": "3"}
    await site.admin("PATCH", f"/services/{row['id']}", {"retries": 9})
    reply = await tab.post(target, values)
    again = await tab.post(target, reply.values())

    assert (reply.status, again.status) == (409, 409)
    assert CHANGED in reply.words
    assert (await site.admin("GET", f"/services/{row['id']}"))["retries"] == 9


async def test_a_change_of_what_has_no_time_is_not_overwritten(site: Site) -> None:
    bob = await site.admin("POST", "/consumers", {"username": "bob"})
    acl = await site.admin("POST", "/consumers/bob/acls", {"group": "a"})
    target = f"{HOME}/consumers/{bob['id']}/acls/{acl['id']}/edit"
    tab = site.tab()
    values = {**(await tab.get(target)).values(), "tags": "x"}
    await site.admin("PATCH", f"/consumers/bob/acls/{acl['id']}", {"group": "b"})
    reply = await tab.post(target, values)

    assert reply.status == 409
    assert (await site.admin("GET", "/consumers/bob/acls"))["data"][0]["group"] == "b"


async def test_a_user_who_changed_meanwhile_is_not_overwritten(
    tmp_path: Path,
) -> None:
    async with manager_site(tmp_path, rbac=True) as site:
        tab = site.tab()
        await tab.sign_in()
        eve = (await site.admin("GET", "/rbac/users/eve"))["id"]
        target = f"{HOME}/rbac/users/{eve}"
        values = {**(await tab.get(target)).values(), "comment": "mine"}
        body = {"roles": "adas"}
        await site.admin("POST", f"/rbac/users/{eve}/roles", body)
        reply = await tab.post(target, values)
        after = await site.admin("GET", f"/rbac/users/{eve}/roles")

    assert reply.status == 409
    assert CHANGED in reply.words
    assert sorted(role["name"] for role in after["roles"]) == ["adas", "eves"]
    assert after["user"]["comment"] is None
