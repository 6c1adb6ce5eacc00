"""What an attack on admins, their links and their roles tried, and does not get any more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.admin.admins_kit import EMAIL, arrive, crew, roles_of
from tests.unit.admin.test_admins import TOKEN, invite, link_of, register
from tests.unit.admin.test_rbac import Guarded, can

LINK = "?generate_register_url=true"


@pytest.fixture
async def root(tmp_path: Path) -> AsyncIterator[Guarded]:
    async with crew(tmp_path) as made:
        yield made


@pytest.fixture
async def boss(root: Guarded) -> Guarded:
    """Somebody who may do everything in `team`, and nothing elsewhere."""
    return await root.hire("boss", "workspace-super-admin", prefix="/team")


# Links.


async def test_whoever_may_only_read_gets_no_link(root: Guarded) -> None:
    """With it they would register as the admin; and it would make the good one worth nothing."""
    await invite(root)
    await root.make("/admins/ada/roles", {"roles": "super-admin"})
    good = await link_of(root)
    reader = await root.hire("reader", "read-only")
    replies = [await reader.send(m, f"/admins/ada{LINK}") for m in ("GET", "HEAD")]

    assert [reply.status for reply in replies] == [403, 403]
    assert "register_url" not in replies[0].text
    assert (await reader.get("/admins/ada")).status == 200
    assert (await register(root, **good, password=TOKEN)).status == 201


async def test_whoever_may_read_and_update_admins_gets_a_link(root: Guarded) -> None:
    await invite(root)
    rule = can(endpoint="/admins/*", actions="read,update")
    await root.role("hr", rule)
    clerk = await root.hire("clerk", "hr")

    assert (await link_of(clerk))["username"] == "ada"


async def test_a_link_is_not_made_where_nobody_would_see_it(root: Guarded) -> None:
    await invite(root)
    good = await link_of(root)
    reply = await root.send("HEAD", f"/admins/ada{LINK}")

    assert reply.status == 405
    assert (await register(root, **good, password=TOKEN)).status == 201


async def test_an_admin_who_has_no_token_registers_none(root: Guarded) -> None:
    await invite(root)
    link = await link_of(root)
    await root.send("PATCH", "/admins/ada", {"rbac_token_enabled": False})
    again = await root.get(f"/admins/ada{LINK}")

    assert (await register(root, **link, password=TOKEN)).status == 400
    assert again.status == 400
    assert "rbac_token_enabled" in again.json()["message"]
    assert (await root.be(TOKEN).get("/auth")).status == 401


@pytest.mark.parametrize("said", [{"email": "x@example.com"}, {"username": "x"}])
async def test_a_link_is_nothing_to_whom_the_row_is_meant_for_now(
    root: Guarded, said: dict[str, str]
) -> None:
    await invite(root)
    link = await link_of(root)
    await root.send("PATCH", "/admins/ada", said)
    named = {**link, "username": said.get("username", "ada")}

    assert (await register(root, **named, password=TOKEN)).status == 400


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/admins/ada/roles", {"roles": "super-admin"}),
        ("/rbac/users/ada/roles", {"roles": "super-admin"}),
        ("/rbac/roles/ada/endpoints", can()),
    ],
)
async def test_a_workspaces_link_is_worth_nothing_after_a_promotion(
    root: Guarded, boss: Guarded, path: str, said: Any
) -> None:
    """Whoever made it in `team` would register as somebody who may do more."""
    await invite(boss, "/team")
    link = await link_of(boss, prefix="/team")
    await root.make(path, said)

    assert (await register(root, **link, password=TOKEN)).status == 400
    assert (await boss.get(f"/team/admins/ada{LINK}")).status in {403, 404}


async def test_a_workspaces_link_stays_good_for_its_own_roles(
    root: Guarded, boss: Guarded
) -> None:
    await invite(boss, "/team")
    link = await link_of(boss, prefix="/team")
    await boss.make("/team/admins/ada/roles", {"roles": "workspace-admin"})

    assert (await register(root, **link, password=TOKEN)).status == 201


# Who decides about whom.


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/rbac/users/ada/roles", {"roles": "super-admin"}),
        ("/rbac/roles/ada/endpoints", can()),
    ],
)
@pytest.mark.parametrize("place", ["", "/team"])
async def test_roles_count_however_they_were_given(
    root: Guarded, boss: Guarded, path: str, said: Any, place: str
) -> None:
    """A workspace decides about nobody who may do something elsewhere."""
    row = await invite(root, place)
    await root.make(path, said)
    await boss.make("/team/admins/ada/roles", {"roles": "workspace-read-only"})
    tried = [
        await boss.send("PATCH", "/team/admins/ada", {"email": "boss@example.com"}),
        await boss.send("PATCH", "/team/admins/ada", {"status": 2}),
        await boss.get(f"/team/admins/ada{LINK}"),
        await boss.send("DELETE", "/team/admins/ada"),
    ]

    assert [reply.status for reply in tried] == [403] * 4
    assert (await root.get("/admins/ada")).json() == row


async def test_a_workspace_does_not_decide_about_whom_another_one_invited(
    root: Guarded, boss: Guarded
) -> None:
    """They have no role yet: whoever took them over now would have those of later."""
    await invite(root)
    await boss.make("/team/admins/ada/roles", {"roles": "workspace-read-only"})
    link = await boss.get(f"/team/admins/ada{LINK}")
    changed = await boss.send("PATCH", "/team/admins/ada", {"email": "x@example.com"})

    assert (link.status, changed.status) == (403, 403)
    taken = {"roles": "workspace-read-only"}
    gone = await boss.send("DELETE", "/team/admins/ada/roles", taken)
    assert gone.status == 204


# Roles that are somebody's alone.


@pytest.mark.parametrize("path", ["/admins/ada/roles", "/rbac/users/ada/roles"])
async def test_a_role_that_is_one_users_alone_is_given_to_nobody(
    root: Guarded, path: str
) -> None:
    await invite(root)
    await root.hire("bob")
    reply = await root.send("POST", path, {"roles": "bob"})

    assert reply.status == 400
    await root.send("DELETE", "/admins/ada")
    assert (await root.get("/rbac/roles/bob")).status == 200


# Roles at every arrival.


async def test_roles_given_in_other_ways_do_not_survive_an_arrival(
    root: Guarded,
) -> None:
    await invite(root)
    await root.make("/rbac/users/ada/roles", {"roles": "super-admin"})
    told = await arrive(root, groups=["team:workspace-read-only"])

    assert told["outcome"] == "admitted"
    assert await roles_of(root, "ada") == set()
    assert (await root.get("/rbac/users/ada/roles")).json()["roles"] == []


async def test_whose_only_role_was_given_by_rbac_is_let_in_where_groups_are_not_read(
    root: Guarded,
) -> None:
    await invite(root)
    await root.make("/rbac/users/ada/roles", {"roles": "read-only"})

    assert (await arrive(root))["outcome"] == "admitted"
    assert (await root.get(f"/admins/{EMAIL}")).json()["status"] == 0
