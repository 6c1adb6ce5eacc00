"""Whoever may do something with one row takes no other by it: not by its id, its parent or its name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.admin.test_rbac import SERVICE, TEAM, Guarded, can, guarded

OTHER = "33333333-2222-4333-8444-555555555555"


@pytest.fixture(params=["on", "entity", "both"])
async def root(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[Guarded]:
    async with guarded(tmp_path, request.param) as made:
        yield made


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[Guarded]:
    async with guarded(tmp_path, "both") as made:
        yield made


@pytest.fixture
async def entity(tmp_path: Path) -> AsyncIterator[Guarded]:
    async with guarded(tmp_path, "entity") as made:
        yield made


async def status(who: Guarded, method: str, path: str, body: Any = None) -> int:
    return (await who.send(method, path, body)).status


async def may_read(root: Guarded, role: str, kind: str, row: dict[str, Any]) -> None:
    rule = {"entity_id": row["id"], "entity_type": kind, "actions": "read"}
    await root.make(f"/rbac/roles/{role}/entities", rule)


@pytest.mark.spec("gateway#1.16")
async def test_a_row_is_not_taken_by_putting_its_id_at_another_name(
    root: Guarded,
) -> None:
    service = await root.make("/services", SERVICE)
    await root.role("makers", can(endpoint="/services/mine"))
    bob = await root.hire("bob", "makers")
    taking = {"id": service["id"], "host": "evil.example"}

    assert await status(bob, "PUT", "/services/mine", taking) in {400, 403, 409}
    assert (await root.get("/services/s")).json() == service


@pytest.mark.spec("gateway#1.16")
async def test_a_row_is_not_taken_by_putting_it_below_ones_own(root: Guarded) -> None:
    mine = await root.make("/services", {"name": "mine", "host": "mine.example"})
    theirs = await root.make("/services", SERVICE)
    route = await root.make("/services/s/routes", {"name": "r", "paths": ["/r"]})
    await root.role("makers", can(endpoint="/services/mine/routes/*"))
    bob = await root.hire("bob", "makers")
    path = f"/services/mine/routes/{route['id']}"

    assert await status(bob, "PUT", path, {"paths": ["/r"]}) in {400, 403, 409}
    found = (await root.get("/routes/r")).json()
    assert found["service"] == {"id": theirs["id"]} != {"id": mine["id"]}


@pytest.mark.spec("gateway#1.16")
async def test_a_user_is_not_taken_by_putting_their_id_at_another_name(
    root: Guarded,
) -> None:
    admin = (await root.get("/rbac/users/kong_admin")).json()
    await root.role("clerks", can(endpoint="/rbac/users/*", actions="update"))
    bob = await root.hire("bob", "clerks")
    taking = {"id": admin["id"], "user_token": "planted-token-of-bob"}

    assert await status(bob, "PUT", "/rbac/users/friend", taking) >= 400
    assert (await root.get("/services")).status == 200
    stranger = root.be("planted-token-of-bob")
    assert await status(stranger, "GET", "/rbac/users") == 401


@pytest.mark.spec("gateway#1.16")
async def test_a_role_of_their_name_is_only_from_whoever_may_give_it(
    root: Guarded,
) -> None:
    await root.role("clerks", can(endpoint="/rbac/users", actions="create"))
    bob = await root.hire("bob", "clerks")
    body = {"name": "super-admin", "user_token": "planted-token"}

    assert await status(bob, "POST", "/rbac/users", body) == 201
    assert await status(root.be("planted-token"), "GET", "/rbac/users") == 403

    made = await root.hire("read-only")
    shown = (await root.get("/rbac/users/read-only/roles")).json()
    assert [role["name"] for role in shown["roles"]] == ["read-only"]
    assert made.token


@pytest.mark.spec("gateway#1.16")
async def test_without_a_role_nothing_is_made_in_other_workspaces(
    entity: Guarded,
) -> None:
    for identity, name in ((TEAM, "team"), (OTHER, "other")):
        await entity.make("/workspaces", {"id": identity, "name": name})
    tim = await entity.hire("tim", prefix="/team")

    for path in ("/other/services", "/services"):
        assert await status(tim, "POST", path, SERVICE) == 403
    assert await status(tim, "POST", "/team/services", SERVICE) == 201


@pytest.mark.spec("gateway#1.16")
async def test_a_workspace_does_not_show_the_others(entity: Guarded) -> None:
    for identity, name in ((TEAM, "team"), (OTHER, "other")):
        body = {"id": identity, "name": name, "tags": [f"of-{name}"]}
        await entity.make("/workspaces", body)
    tim = await entity.hire("tim", "workspace-read-only", prefix="/team")

    listed = (await tim.get("/team/workspaces")).json()["data"]
    assert [row["name"] for row in listed] == ["team"]
    assert await status(tim, "GET", "/team/workspaces/other/meta") == 403
    tags = (await tim.get("/team/tags")).json()["data"]
    assert tags == []


@pytest.mark.spec("gateway#1.16")
async def test_what_hangs_on_a_row_changes_it(both: Guarded) -> None:
    service = await both.make("/services", SERVICE)
    consumer = await both.make("/consumers", {"username": "ada"})
    await both.role("readers", can())
    await may_read(both, "readers", "services", service)
    await may_read(both, "readers", "consumers", consumer)
    bob = await both.hire("bob", "readers")
    stop = {"name": "request-termination", "service": {"id": service["id"]}}
    route = {"paths": ["/r"], "service": {"name": "s"}}

    assert await status(bob, "GET", "/services/s") == 200
    assert await status(bob, "POST", "/plugins", stop) == 403
    assert await status(bob, "POST", "/routes", route) == 403
    key = {"consumer": {"id": consumer["id"]}, "key": "mine"}
    assert await status(bob, "POST", "/key-auths", key) == 403


@pytest.mark.spec("gateway#1.16")
async def test_what_must_not_go_does_not_go_along(both: Guarded) -> None:
    await both.make("/consumers", {"username": "ada"})
    key = await both.make("/consumers/ada/key-auth", {"key": "k"})
    await both.role("cleaners", can())
    rules = "/rbac/roles/cleaners/entities"
    await both.make(rules, {"entity_id": "*", "actions": "*"})
    about = {"entity_id": key["id"], "actions": "delete", "negative": True}
    await both.make(rules, about)
    bob = await both.hire("bob", "cleaners")

    assert await status(bob, "DELETE", "/consumers/ada") == 403
    assert await status(both, "DELETE", "/consumers/ada") == 204


@pytest.mark.spec("gateway#1.16")
async def test_a_rule_says_which_of_two_rows_of_an_id_it_is_about(
    both: Guarded,
) -> None:
    consumer = await both.make("/consumers", {"username": "ada"})
    await both.make("/services", {**SERVICE, "id": consumer["id"]})
    await both.role("r", can())
    rule = {"entity_id": consumer["id"], "actions": "update", "negative": True}

    refused = await both.send("POST", "/rbac/roles/r/entities", rule)
    assert refused.status == 400
    assert "say which" in refused.json()["fields"]["entity_type"]
    named = {**rule, "entity_type": "consumers"}
    assert (await both.make("/rbac/roles/r/entities", named))[
        "entity_type"
    ] == "consumers"


@pytest.mark.parametrize(
    "target",
    ["/services?offset=WyJcdWQ4MDAiXQ==", "/tags?offset=WyJcdWQ4MDAiLCJhIiwiYiJd"],
)
async def test_half_of_a_letter_is_no_offset(both: Guarded, target: str) -> None:
    assert (await both.get(target)).status == 400


@pytest.mark.parametrize("charset", ["unicode_escape", "utf-7", "raw_unicode_escape"])
async def test_a_multipart_body_is_utf8(both: Guarded, charset: str) -> None:
    kind = f"multipart/form-data; boundary=x; charset={charset}"
    body = (
        b'--x\r\nContent-Disposition: form-data; name="host"\r\n\r\na\\x\r\n--x--\r\n'
    )
    fields = {"content-type": kind, "kong-admin-token": both.token or ""}
    reply = await both.node.call("/services", "POST", body=body, headers=fields)

    assert reply.status == 415
