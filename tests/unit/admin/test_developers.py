"""`/developers`: who registered, what became of it, who hears of it, and their roles."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.admin.access import RbacAccess, Users
from ostiary.admin.inside import InsideClient
from ostiary.admin.paging import build_offset
from ostiary.admin.roles import prepare_access
from ostiary.model.portal import (
    STATUS_NAMES,
    TRANSITIONS,
    judge_meta,
    may_become,
    read_meta_fields,
)
from ostiary.ports.admin_client import Operator
from tests.unit.admin.admin_kit import NOW, Node, database_node
from tests.unit.portal.portal_kit import EMAIL, PortalWorld, portal_world

META = json.dumps({"full_name": "Ada L"})


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[PortalWorld]:
    async with portal_world(tmp_path) as made:
        await made.switch_on()
        yield made


@pytest.mark.spec("portal#1.7")
async def test_a_developer_is_made_shown_changed_and_deleted(
    world: PortalWorld,
) -> None:
    node = world.node
    made = await node.send(
        "POST", "/developers", {"email": "Ada@Example.com", "meta": META}
    )
    shown = await node.call(f"/developers/{EMAIL}")
    by_id = await node.call(f"/developers/{made.json()['id']}")
    changed = await node.send("PATCH", "/developers/ADA%40example.com", {"status": 0})

    assert made.status == 200
    row = made.json()
    assert row == shown.json() == by_id.json()
    assert {k: row[k] for k in ("email", "status", "meta", "custom_id", "roles")} == {
        "email": EMAIL, "status": 1, "meta": META, "custom_id": None, "roles": [],
    }  # fmt: skip
    assert "was_approved" not in row
    assert changed.json()["developer"]["status"] == 0
    assert (await node.send("DELETE", f"/developers/{EMAIL}")).status == 204
    assert (await node.send("DELETE", f"/developers/{EMAIL}")).status == 204
    assert (await node.call(f"/developers/{EMAIL}")).status == 404
    assert (
        await node.send("PATCH", f"/developers/{EMAIL}", {"status": 0})
    ).status == 404


@pytest.mark.spec("portal#1.7")
async def test_a_form_means_what_json_means(world: PortalWorld) -> None:
    made = await world.node.form(
        "POST", "/developers", f"email={EMAIL}&meta=%7B%22full_name%22%3A%22A%22%7D"
    )
    approved = await world.node.form("PATCH", f"/developers/{EMAIL}", "status=0")

    assert made.status == 200
    assert approved.json()["developer"]["status"] == 0


@pytest.mark.spec("portal#1.5")
@pytest.mark.parametrize("before", STATUS_NAMES)
@pytest.mark.parametrize("after", STATUS_NAMES)
async def test_a_status_changes_only_as_it_may(
    world: PortalWorld, before: int, after: int
) -> None:
    await world.developer(status=before)
    reply = await world.node.send("PATCH", f"/developers/{EMAIL}", {"status": after})

    if may_become(before, after):
        assert reply.json()["developer"]["status"] == after
    else:
        old, new = STATUS_NAMES[before], STATUS_NAMES[after]
        assert reply.status == 400
        assert reply.json()["fields"] == {
            "status": f"cannot change from {old} to {new}"
        }


def test_every_status_leads_somewhere_and_none_back_to_unverified() -> None:
    assert set(TRANSITIONS) == set(STATUS_NAMES)
    assert not any(5 in after for after in TRANSITIONS.values())


@pytest.mark.spec("portal#1.9")
async def test_an_address_is_one_developers_in_a_workspace(world: PortalWorld) -> None:
    await world.developer()
    again = await world.node.send("POST", "/developers", {"email": EMAIL, "meta": META})
    await world.node.send(
        "POST", "/workspaces", {"name": "team", "config": {"portal": True}}
    )
    elsewhere = await world.node.send(
        "POST", "/team/developers", {"email": EMAIL, "meta": META}
    )

    assert again.status == 409
    assert again.json()["fields"] == {"email": EMAIL}
    assert elsewhere.status == 200
    for path, count in (("/developers", 1), ("/team/developers", 1)):
        assert (await world.node.call(path)).json()["total"] == count
    counts = (await world.node.call("/workspaces/team/meta")).json()["counts"]
    assert counts["developers"] == 1
    assert (await world.node.send("DELETE", "/workspaces/team")).status == 400


@pytest.mark.spec("portal#1.7")
async def test_lists_have_pages_and_a_filter(world: PortalWorld) -> None:
    for number in range(5):
        await world.developer(f"d{number}@b.c", status=number % 2)
    first = (await world.node.call("/developers?size=2")).json()
    waiting = (await world.node.call("/developers?status=1")).json()

    assert (len(first["data"]), first["total"]) == (2, 5)
    rest = (await world.node.call(first["next"])).json()
    emails = [row["email"] for row in (*first["data"], *rest["data"])]
    assert len(set(emails)) == 4
    assert [row["status"] for row in waiting["data"]] == [1, 1]
    assert (await world.node.call("/developers?status=9")).status == 400
    assert (await world.node.call("/developers?offset=x")).status == 400


async def test_a_page_goes_on_where_the_last_row_was_deleted(
    world: PortalWorld,
) -> None:
    for number in range(5):
        await world.developer(f"d{number}@b.c")
    first = (await world.node.call("/developers?size=2")).json()
    await world.node.call(f"/developers/{first['data'][-1]['id']}", "DELETE")
    second = (await world.node.call(first["next"])).json()
    third = (await world.node.call(second["next"])).json()

    emails = [row["email"] for row in (*first["data"], *second["data"], *third["data"])]
    assert emails == [f"d{number}@b.c" for number in range(5)]
    assert third["next"] is None


@pytest.mark.parametrize("after", [("x", "a@b.c"), ("", "a@b.c"), ("9" * 5000, "a@b.c"), ("1",)])  # fmt: skip
async def test_an_offset_that_no_page_gave_is_refused(
    world: PortalWorld, after: tuple[str, ...]
) -> None:
    reply = await world.node.call(f"/developers?offset={build_offset(after)}")

    assert (reply.status, reply.json()["name"]) == (400, "invalid offset")


@pytest.mark.spec("portal#1.7")
async def test_an_export_is_a_table_that_no_program_computes(
    world: PortalWorld,
) -> None:
    await world.developer("=1+1@b.c")
    await world.developer("a@b.c", status=3)
    reply = await world.node.call("/developers/export")

    assert reply.headers["content-type"].startswith("text/csv")
    lines = reply.text.splitlines()
    assert lines[0] == "Email, Status"
    assert set(lines[1:]) == {"'=1+1@b.c,PENDING", "a@b.c,REVOKED"}


@pytest.mark.spec("portal#1.7")
async def test_invitations_are_told_one_by_one(world: PortalWorld) -> None:
    invited = await world.node.send(
        "POST", "/developers/invite", {"emails": ["a@b.c", "A@b.c", "d@e.f"]}
    )
    world.post.is_down = True
    failed = await world.node.send("POST", "/developers/invite", {"emails": ["x@y.z"]})

    assert invited.json() == {
        "sent": {"count": 2, "emails": {"a@b.c": True, "d@e.f": True}},
        "error": {"count": 0, "emails": {}},
        "smtp_mock": False,
    }
    assert failed.json()["error"] == {"count": 1, "emails": {"x@y.z": "down"}}
    assert all("/default/register" in mail.text for mail in world.post.mails)
    for wrong in (None, [], "x", [5], ["x"], ["a@b.c\nBcc: d@e.f"]):
        reply = await world.node.send("POST", "/developers/invite", {"emails": wrong})
        assert reply.status == 400


@pytest.mark.spec("portal#3.4")
async def test_roles_are_given_and_go_with_their_role(world: PortalWorld) -> None:
    node = world.node
    role = await node.send(
        "POST", "/developers/roles", {"name": "partner", "comment": "c"}
    )
    await world.developer(roles=["partner"])
    unknown = await node.send(
        "PATCH", f"/developers/{EMAIL}", {"roles": ["partner", "none"]}
    )

    assert role.status == 201
    assert role.json()["permissions"] == {}
    assert unknown.json()["fields"] == {"roles": [None, "there is no role named none"]}
    renamed = await node.send("PATCH", "/developers/roles/partner", {"name": "other"})
    assert renamed.status == 400
    assert (await node.send("DELETE", "/developers/roles/partner")).status == 204
    assert (await node.call(f"/developers/{EMAIL}")).json()["roles"] == []
    assert (await node.call("/developers/roles")).json()["data"] == []


@pytest.mark.parametrize(
    "path", ["/developers", "/developers/export", f"/developers/{EMAIL}"]
)
async def test_other_verbs_are_refused_with_those_there_are(
    world: PortalWorld, path: str
) -> None:
    reply = await world.node.send("PUT", path, {})

    assert reply.status == 405
    assert "GET" in reply.headers["allow"]


async def test_a_node_without_a_portal_has_no_developers(tmp_path: Path) -> None:
    async with database_node(tmp_path) as node:
        assert (await node.call("/developers")).status == 404


async def test_nobody_registers_where_the_portal_is_off(world: PortalWorld) -> None:
    await world.configure(portal=False)
    reply = await world.node.send("POST", "/developers", {"email": EMAIL, "meta": META})

    assert reply.status == 400
    assert reply.json()["message"] == "the portal of this workspace is off"


# Within the node.


@pytest.mark.spec("gateway#1.16")
async def test_a_site_asks_in_its_own_name_and_nobody_outside_can(
    tmp_path: Path,
) -> None:
    async with database_node(tmp_path) as plain:
        store = plain.store
        await prepare_access(store, now=NOW, salt=b"s" * 16, password="planted-root")
        users = Users(store, secret=b"k" * 32)
        access = RbacAccess(
            store=store, users=users, level="on", header="Kong-Admin-Token"
        )
        node = Node(store=store, access=access)
        inside = InsideClient(node.app)
        site = await inside.call(Operator(site="portal"), "GET", "/services")
        user = await store.find("rbac_users", {"name": "kong_admin"})
        assert user is not None
        known = Operator(site="kong-manager", user=user.id)
        nobody = Operator(
            site="kong-manager", user="11111111-2222-4333-8444-555555555555"
        )
        as_user = await inside.call(known, "GET", "/services", query={"size": "1"})
        refused = await inside.call(nobody, "GET", "/services")
        outside = await node.call(
            "/services", headers={"ostiary.operator": "x", "x-request-source": "portal"}
        )

        assert (site.status, as_user.status) == (200, 200)
        assert (refused.status, outside.status) == (401, 401)
        assert refused.message == "Invalid RBAC credentials"


# What developers tell of themselves.


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "c", "d"]),
        st.one_of(
            st.none(), st.text(), st.integers(), st.booleans(), st.lists(st.text())
        ),
    )
)
def test_what_is_judged_fine_has_what_is_required_and_nothing_unknown(
    meta: dict[str, Any],
) -> None:
    fields = read_meta_fields(
        '[{"label":"A","title":"a","validator":{"required":true}},'
        '{"label":"B","title":"b","validator":{"type":"number"}},{"label":"C","title":"c"}]'
    )
    if not judge_meta(fields, meta):
        assert isinstance(meta.get("a"), str)
        assert meta["a"].strip()
        assert "d" not in meta
        assert not isinstance(meta.get("b"), bool | list)


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[1]", '[{"label":"A"}]', '[{"label":"A","title":"email"}]',
     '[{"label":"A","title":"a"},{"label":"B","title":"a"}]', '[{"label":"A","title":"a b"}]'],
)  # fmt: skip
async def test_meta_fields_that_cannot_be_are_refused(
    world: PortalWorld, text: str
) -> None:
    body = {"config": {"portal_developer_meta_fields": text}}
    reply = await world.node.send("PATCH", "/workspaces/default", body)

    assert reply.status == 400
    assert "portal_developer_meta_fields" in reply.json()["fields"]["config"]
