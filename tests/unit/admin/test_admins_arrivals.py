"""Somebody whom the provider knows arrives: who they are here, and which roles they have then."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ostiary.admin.inside import InsideClient
from ostiary.ports.admin_client import Operator
from tests.unit.admin.admins_kit import ADA, EMAIL, arrive, crew, roles_of
from tests.unit.admin.test_rbac import Guarded

NEW: dict[str, Any] = {"may_create": True, "groups": ["default:read-only"]}


@pytest.fixture
async def root(tmp_path: Path) -> AsyncIterator[Guarded]:
    async with crew(tmp_path) as made:
        yield made


async def names(root: Guarded) -> list[str]:
    rows = (await root.get("/admins?all_workspaces=true")).json()["data"]
    return [row["username"] for row in rows]


@pytest.mark.spec("portal#2.7")
async def test_somebody_new_with_a_role_is_made_an_admin(root: Guarded) -> None:
    told = await arrive(root, **NEW)
    row = (await root.get(f"/admins/{EMAIL}")).json()

    assert told["outcome"] == "admitted"
    assert (row["status"], row["username"], row["email"]) == (0, EMAIL, EMAIL)
    assert await roles_of(root, EMAIL) == {"read-only"}
    assert (await root.get(f"/rbac/users/{told['user']}")).json()["enabled"] is True


@pytest.mark.spec("portal#2.7")
@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ({"groups": []}, "no_roles"),
        ({"groups": None}, "no_roles"),
        ({"groups": ["default:none", "none:admin", "admin", "default", ":admin", "default:"]}, "no_roles"),
        ({"may_create": False}, "unknown"),
    ],
)  # fmt: skip
async def test_nobody_is_made_who_may_do_nothing(
    root: Guarded, said: dict[str, Any], outcome: str
) -> None:
    assert await arrive(root, **{**NEW, **said}) == {"outcome": outcome}
    assert await names(root) == []


async def test_without_an_rbac_token_somebody_new_gets_none(root: Guarded) -> None:
    await arrive(root, **NEW, rbac_token_enabled=False)

    row = (await root.get(f"/admins/{EMAIL}")).json()

    assert row["rbac_token_enabled"] is False


@pytest.mark.spec("portal#2.7")
async def test_roles_are_made_anew_at_every_arrival(root: Guarded) -> None:
    both = ["default:read-only", "team:workspace-admin"]
    await arrive(root, may_create=True, groups=both)
    await root.make(f"/admins/{EMAIL}/roles", {"roles": "super-admin"})
    by_hand = await roles_of(root, EMAIL)
    await arrive(root, groups=["team:workspace-read-only"])

    assert by_hand == {"read-only", "super-admin"}
    assert await roles_of(root, EMAIL) == set()
    assert await roles_of(root, EMAIL, of="/team") == {"workspace-read-only"}
    places = (await root.get(f"/admins/{EMAIL}/workspaces")).json()
    assert [place["name"] for place in places] == ["team"]


@pytest.mark.spec("portal#2.7")
async def test_whoever_has_no_group_any_more_loses_all_roles(root: Guarded) -> None:
    await arrive(root, may_create=True, groups=["default:super-admin"])
    told = await arrive(root, may_create=True, groups=[])

    assert told == {"outcome": "no_roles"}
    assert await roles_of(root, EMAIL) == set()


async def test_roles_by_hand_stay_where_groups_are_not_read(root: Guarded) -> None:
    await root.send("POST", "/admins", ADA)
    before = await arrive(root)
    await root.make("/admins/ada/roles", {"roles": "read-only"})

    assert before == {"outcome": "no_roles"}
    assert (await arrive(root))["outcome"] == "admitted"
    assert await roles_of(root, "ada") == {"read-only"}


@pytest.mark.spec("portal#1.5")
async def test_somebody_invited_is_approved_when_they_come(root: Guarded) -> None:
    await root.send("POST", "/admins", ADA)
    before = await arrive(root, groups=[])
    invited = (await root.get("/admins/ada")).json()["status"]
    told = await arrive(root, groups=["default:read-only"])

    assert before == {"outcome": "no_roles"}
    assert invited == 4
    assert told["outcome"] == "admitted"
    assert (await root.get("/admins/ada")).json()["status"] == 0


@pytest.mark.spec("portal#1.5")
async def test_somebody_revoked_stays_out_whatever_their_groups(root: Guarded) -> None:
    await arrive(root, **NEW)
    await root.send("PATCH", f"/admins/{EMAIL}", {"status": 3})
    told = await arrive(root, may_create=True, groups=["default:super-admin"])

    assert told == {"outcome": "refused"}
    assert await roles_of(root, EMAIL) == {"read-only"}


async def test_a_disabled_rbac_user_is_a_disabled_admin(root: Guarded) -> None:
    await arrive(root, **NEW)
    await root.send("PATCH", f"/rbac/users/{EMAIL}", {"enabled": False})

    assert await arrive(root, **NEW) == {"outcome": "refused"}


async def test_the_name_of_an_rbac_user_makes_nobody_them(root: Guarded) -> None:
    """At a provider where people choose names one of them may call themselves `kong_admin`."""
    said = {"known_by": "username", "value": "kong_admin", "email": None}

    assert await arrive(root, **{**NEW, **said}) == {"outcome": "taken"}
    assert await names(root) == []


async def test_an_address_in_a_name_is_nobodys_address(root: Guarded) -> None:
    """Whoever may invite must not plant a row that somebody else signs in to."""
    planted = {"username": EMAIL, "email": "eve@example.com"}
    reply = await root.send("POST", "/admins", planted)
    told = await arrive(root, may_create=True, groups=["default:super-admin"])

    assert reply.status == 400
    assert told["outcome"] == "admitted"
    assert (await root.get(f"/admins/{EMAIL}")).json()["email"] == EMAIL


async def test_a_group_stands_for_its_roles(root: Guarded) -> None:
    await root.make("/groups", {"name": "ops"})
    of_team = {"rbac_role_id": "workspace-admin", "workspace_id": "team"}
    await root.make("/groups/ops/roles", of_team)
    await root.make("/groups/ops/roles", {"rbac_role_id": "read-only"})
    told = await arrive(root, may_create=True, groups=["ops"])

    assert told["outcome"] == "admitted"
    assert await roles_of(root, EMAIL) == {"read-only"}
    assert await roles_of(root, EMAIL, of="/team") == {"workspace-admin"}


async def test_a_group_of_a_roles_name_takes_nothing_away(root: Guarded) -> None:
    """Whoever may make groups could shut out everybody by listing one."""
    await root.make("/groups", {"name": "default:read-only"})
    of_group = {"rbac_role_id": "admin"}
    await root.make("/groups/default:read-only/roles", of_group)

    told = await arrive(root, may_create=True, groups=["default:read-only"])

    assert told["outcome"] == "admitted"
    assert await roles_of(root, EMAIL) == {"read-only", "admin"}


@pytest.mark.parametrize("value", ["Doe, Jane", "a\nb", "x\0y", "x" * 256])
async def test_what_can_be_no_name_is_refused(root: Guarded, value: str) -> None:
    told = await arrive(root, **{**NEW, "known_by": "username", "value": value})

    assert told["name"] == "schema violation"
    assert await names(root) == []


async def test_a_role_that_is_one_users_alone_is_no_groups(root: Guarded) -> None:
    await root.hire("nobody")

    assert await arrive(root, may_create=True, groups=["default:nobody"]) == {
        "outcome": "no_roles"
    }


async def test_rows_in_another_workspace_are_made_as_their_admin(root: Guarded) -> None:
    groups = ["team:workspace-super-admin"]
    told = await arrive(root, may_create=True, groups=groups)
    client = InsideClient(root.node.app)
    ada = Operator(site="kong-manager", user=told["user"])
    body = {"name": "s", "host": "h.example"}

    made = await client.call(ada, "POST", "/team/services", body=body)
    refused = await client.call(ada, "POST", "/services", body=body)

    assert (made.status, refused.status) == (201, 403)


@pytest.mark.parametrize(
    "said",
    [
        {"known_by": "id"},
        {"known_by": "custom_id"},
        {"value": ""},
        {"email": "no address"},
        {"groups": [1]},
        {"more": 1},
    ],
)
async def test_what_no_manager_says_is_refused(
    root: Guarded, said: dict[str, Any]
) -> None:
    told = await arrive(root, **{**NEW, **said})

    assert told["name"] == "schema violation"
    assert await names(root) == []


@pytest.mark.parametrize(
    "operator",
    [
        Operator(site="portal"),
        Operator(site="kong-manager", user="10000000-0000-4000-8000-000000000000"),
    ],
)
async def test_nobody_but_the_manager_says_who_arrives(
    root: Guarded, operator: Operator
) -> None:
    client = InsideClient(root.node.app)
    body = {"known_by": "email", "value": EMAIL, "email": EMAIL, **NEW}
    reply = await client.call(operator, "POST", "/admins/arrivals", body=body)
    outside = await root.send("POST", "/admins/arrivals", body)

    assert reply.status in {401, 405}
    assert outside.status == 405
    assert await names(root) == []
