"""Workspaces: rows of one are nothing to another, and paths say which is meant."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ostiary.admin.collisions import collides
from ostiary.model.gateway import Route
from ostiary.model.kinds import KINDS
from ostiary.model.workspaces import (
    DEFAULT_WORKSPACE,
    RESERVED,
    Workspace,
    WorkspaceConfig,
)
from tests.unit.admin.admin_kit import Node, database_node
from tests.unit.admin.rows_kit import BY_KIND, SAMPLES, Sample, furnish, place_ids

TEAM = "22222222-2222-4333-8444-555555555555"
OTHER = "33333333-2222-4333-8444-555555555555"
APART = tuple(sample for sample in SAMPLES if KINDS[sample.kind].in_workspace)
EVERYWHERE = {kind.name for kind in KINDS.values() if kind.everywhere}


@asynccontextmanager
async def opened(folder: Path, **more: Any) -> AsyncIterator[Node]:
    """A node with two workspaces besides `default`."""
    async with database_node(folder, **more) as made:
        for identity, name in ((TEAM, "team"), (OTHER, "other")):
            body = {"id": identity, "name": name}
            assert (await made.send("POST", "/workspaces", body)).status == 201
        yield made


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    async with opened(tmp_path) as made:
        yield made


@pytest.fixture
async def mingled(tmp_path: Path) -> AsyncIterator[Node]:
    """Where routes of several workspaces may ask for the same."""
    async with opened(tmp_path, keeps_routes_apart=False) as made:
        yield made


async def make(node: Node, path: str, body: dict[str, Any]) -> dict[str, Any]:
    reply = await node.send("POST", path, body)
    assert reply.status == 201, reply.text
    row: dict[str, Any] = reply.json()
    return row


async def names(node: Node, path: str) -> list[str]:
    reply = await node.call(path)
    assert reply.status == 200, reply.text
    return [row["name"] for row in reply.json()["data"]]


@pytest.mark.spec("T-O7")
@pytest.mark.parametrize("sample", APART, ids=lambda s: s.kind)
async def test_a_row_of_a_workspace_is_not_there_for_another(
    mingled: Node, sample: Sample
) -> None:
    node = mingled
    inside, outside = await furnish(node, "/team"), await furnish(node, "/other")
    made = await make(node, f"/team{sample.path}", place_ids(sample.body, inside))
    elsewhere = f"/other{sample.path}"

    for key in (made["id"], sample.name or made["id"]):
        place = f"{elsewhere}/{key}"
        assert (await node.call(place)).status == 404
        assert (await node.send("PATCH", place, sample.change)).status == 404
        assert (await node.call(place, "DELETE")).status == 204
    listed = (await node.call(elsewhere)).json()["data"]
    assert made["id"] not in {row["id"] for row in listed}
    assert (await node.call(f"/team{sample.path}/{made['id']}")).status == 200
    # Its id is not taken over, and its name is free but for what is unique everywhere.
    body = place_ids(sample.body, outside)
    stolen = await node.send("PUT", f"{elsewhere}/{made['id']}", body)
    assert stolen.status in {400, 404, 409}, stolen.text
    again = await node.send("POST", elsewhere, body)
    is_free = sample.kind not in EVERYWHERE and "snis" not in sample.body
    assert again.status == (201 if is_free else 409), again.text


@pytest.mark.spec("T-O7")
async def test_a_row_cannot_refer_to_one_of_another_workspace(node: Node) -> None:
    service = await make(node, "/team/services", {"name": "s", "host": "h.example"})
    by_id = {"paths": ["/x"], "service": {"id": service["id"]}}
    by_name = {"paths": ["/x"], "service": {"name": "s"}}

    for prefix in ("", "/default", "/other"):
        assert (await node.send("POST", f"{prefix}/routes", by_id)).json()["code"] == 4
        named = await node.send("POST", f"{prefix}/routes", by_name)
        assert named.json()["code"] == 13
        below = f"{prefix}/services/{service['id']}/routes"
        assert (await node.send("POST", below, {"paths": ["/x"]})).status == 404
    assert (await node.send("POST", "/team/routes", by_id)).status == 201


@pytest.mark.spec("gateway#1.15")
async def test_a_workspace_is_named_by_its_id_or_name(node: Node) -> None:
    made = await make(node, "/team/services", {"name": "s", "host": "h.example"})

    for prefix in ("/team", f"/{TEAM}"):
        assert (await node.call(f"{prefix}/services/s")).json() == made
    assert (await node.call("/services/s")).status == 404
    assert (await node.call(f"/{DEFAULT_WORKSPACE}/services/s")).status == 404
    assert (await node.call("/nobody/services")).status == 404
    assert (await node.call("/team/team/services")).status == 404
    assert (await node.call("/team/kong")).status == 200
    assert (await node.call("/team/workspaces/team")).json()["id"] == TEAM
    assert (await node.call("/team")).json()["version"]


@pytest.mark.spec("gateway#1.12")
async def test_pages_lead_on_in_the_same_workspace(node: Node) -> None:
    for number in range(3):
        body = {"name": f"s{number}", "host": "h.example", "tags": ["t"]}
        await make(node, "/team/services", body)
    first = (await node.call("/team/services?size=2")).json()
    rest = (await node.call(first["next"])).json()
    tags = (await node.call("/team/tags/t?size=2")).json()

    assert first["next"].startswith("/team/services?offset=")
    assert [len(first["data"]), len(rest["data"])] == [2, 1]
    assert tags["next"].startswith("/team/tags/t?offset=")
    assert len((await node.call(tags["next"])).json()["data"]) == 1
    assert (await node.call("/tags/t")).json()["data"] == []


@pytest.mark.spec("gateway#1.15")
async def test_what_is_in_no_workspace_is_there_for_all(node: Node) -> None:
    sample = BY_KIND["ca_certificates"]
    made = await make(node, f"/team{sample.path}", sample.body)

    assert (await node.call(f"{sample.path}/{made['id']}")).json() == made
    assert (await node.call(f"/other{sample.path}/{made['id']}")).json() == made


@pytest.mark.spec("gateway#1.15")
async def test_a_row_says_no_workspace_but_its_own(node: Node) -> None:
    body = {"host": "h.example"}
    wrong = await node.send("POST", "/team/services", {**body, "ws_id": OTHER})
    right = await node.send("POST", "/team/services", {**body, "ws_id": TEAM})

    assert wrong.json()["fields"] == {"ws_id": "must be the workspace of the path"}
    assert right.status == 201
    assert "ws_id" not in right.json()


@pytest.mark.spec("gateway#1.15")
async def test_default_is_always_there(node: Node) -> None:
    shown = (await node.call("/workspaces/default")).json()
    listed = (await node.call("/workspaces?size=1")).json()

    assert shown["id"] == DEFAULT_WORKSPACE
    assert listed["data"] == [shown]
    assert await names(node, listed["next"]) == ["team"]
    changed = await node.send("PATCH", "/workspaces/default", {"comment": "c"})
    assert changed.json() == {**shown, "comment": "c", **_times(changed.json())}
    assert await names(node, "/workspaces") == ["default", "team", "other"]
    assert (await node.call("/workspaces/default", "DELETE")).status == 400
    again = await node.send("POST", "/workspaces", {"name": "default"})
    assert again.status == 409
    assert again.json()["fields"] == {"name": "default"}


def _times(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("created_at", "updated_at")}


@pytest.mark.spec("gateway#1.15")
async def test_a_workspace_keeps_its_name(node: Node) -> None:
    for method in ("PATCH", "PUT"):
        reply = await node.send(method, f"/workspaces/{TEAM}", {"name": "crew"})
        assert reply.status == 400
        assert reply.json() == {"message": "Cannot rename a workspace"}
    put = await node.send("PUT", "/workspaces/team", {"comment": "c"})
    assert put.json()["id"] == TEAM


@pytest.mark.spec("gateway#1.15")
@pytest.mark.parametrize("name", ["services", "rbac", "key-auths", "a/b", ""])
async def test_some_names_are_not_for_workspaces(node: Node, name: str) -> None:
    reply = await node.send("POST", "/workspaces", {"name": name})

    assert reply.json()["code"] == 2
    assert set(reply.json()["fields"]) == {"name"}


@pytest.mark.spec("gateway#1.15")
async def test_no_path_begins_with_what_a_workspace_may_be_called(node: Node) -> None:
    paths = (await node.call("/endpoints")).json()["data"]

    assert {path.split("/")[1] for path in paths} - {""} <= RESERVED
    assert KINDS.keys() <= RESERVED


@pytest.mark.spec("gateway#1.15")
async def test_a_portal_that_is_not_there_is_not_switched_on(node: Node) -> None:
    body = {"config": {"portal": True, "portal_auth": "openid-connect"}}
    reply = await node.send("PATCH", "/workspaces/team", body)

    text = "the portal is off on this node: see the setting portal"
    told = {"portal": text, "portal_auth": text}
    assert reply.json()["fields"] == {"config": told}


@pytest.mark.spec("portal#1.2")
async def test_where_there_is_no_portal_what_it_had_is_taken_away_and_nothing_added(
    node: Node,
) -> None:
    had = WorkspaceConfig(
        portal=True,
        portal_auto_approve=True,
        portal_developer_credentials=("key-auth", "jwt"),
        portal_token_exp=60,
    )
    async with node.store.writing() as write:
        row = await write.get("workspaces", TEAM)
        assert isinstance(row, Workspace)
        await write.put(row.model_copy(update={"config": had}))

    async def say(**config: Any) -> Any:
        return await node.send("PATCH", "/workspaces/team", {"config": config})

    added = [
        await say(portal_developer_credentials=["key-auth", "basic-auth"]),
        await say(portal_token_exp=61),
        await say(portal_auth_login_attempts=0),
        await say(portal_email_verification=True),
    ]
    kept = [
        await say(portal_developer_credentials=[]),
        await say(portal=False, portal_auto_approve=False),
        await say(portal_token_exp=None),
        await node.send("PATCH", "/workspaces/team", {"comment": "closed"}),
    ]
    config = kept[-1].json()["config"]
    # What was taken away is new again.
    back = await say(portal=True)

    assert [reply.status for reply in added] == [400] * 4
    assert [len(reply.json()["fields"]["config"]) for reply in added] == [1] * 4
    assert [reply.status for reply in kept] == [200] * 4
    assert config["portal_developer_credentials"] == []
    assert config["portal"] is config["portal_auto_approve"] is False
    assert back.json()["fields"]["config"].keys() == {"portal"}


@pytest.mark.spec("gateway#1.15")
async def test_a_workspace_with_rows_goes_only_with_all_of_them(node: Node) -> None:
    service = await make(node, "/team/services", {"name": "s", "host": "h.example"})
    await make(node, "/team/services/s/routes", {"paths": ["/x"]})
    kept = await make(node, "/services", {"name": "s", "host": "h.example"})
    counts = (await node.call("/workspaces/team/meta")).json()
    refused = await node.call("/workspaces/team", "DELETE")

    assert counts == {"counts": {"routes": 1, "services": 1}}
    assert refused.status == 400
    assert refused.json() == {"message": "Workspace is not empty"}
    gone = await node.call("/workspaces/team?cascade=true", "DELETE")
    assert gone.status == 204
    assert (await node.call("/team/services")).status == 404
    assert (await node.call("/workspaces/other", "DELETE")).status == 204
    assert (await node.call("/workspaces/nobody", "DELETE")).status == 204
    assert await names(node, "/workspaces") == ["default"]
    assert (await node.call("/services/s")).json() == kept
    # What was in it is gone: the id is free.
    path = f"/services/{service['id']}"
    assert (await node.send("PUT", path, {"host": "h.example"})).status == 200


@pytest.mark.spec("gateway#1.15")
async def test_meta_is_only_read(node: Node) -> None:
    assert (await node.call("/workspaces/team/meta", "POST")).status == 405
    options = await node.call("/workspaces/team/meta", "OPTIONS")
    assert options.headers["allow"] == "GET, HEAD, OPTIONS"
    assert (await node.call("/workspaces/nobody/meta")).status == 404


COLLISIONS = [
    ({"paths": ["/x"]}, {"paths": ["/x"]}, True),
    ({"paths": ["/x/y"]}, {"paths": ["/x"]}, True),
    ({"paths": ["/x"]}, {"paths": ["/x/y"]}, False),
    ({"paths": ["/x1"]}, {"paths": ["~/x[0-9]"]}, True),
    ({"paths": ["~/x"]}, {"paths": ["~/y"]}, False),
    ({"paths": ["~/x"]}, {"paths": ["/"]}, True),
    ({"paths": ["/x"], "hosts": ["a.test"]}, {"paths": ["/x"]}, True),
    ({"paths": ["/x"]}, {"paths": ["/x"], "hosts": ["a.test"]}, False),
    ({"hosts": ["A.test"]}, {"hosts": ["a.TEST"]}, True),
    ({"hosts": ["a.test"]}, {"hosts": ["*.test"]}, True),
    ({"hosts": ["*.a.test"]}, {"hosts": ["*.test"]}, True),
    ({"hosts": ["a.*"]}, {"hosts": ["*.test"]}, True),
    ({"hosts": ["*.a.test"]}, {"hosts": ["*.b.test"]}, False),
    ({"hosts": ["*.test"]}, {"hosts": ["a.test"]}, False),
    ({"hosts": ["a.test:80"]}, {"hosts": ["a.test"]}, True),
    ({"paths": ["~/api/.+"]}, {"paths": ["/api"]}, True),
    ({"paths": ["~/a[p]i/"]}, {"paths": ["/api"]}, True),
    ({"paths": ["~/api/.*"]}, {"paths": ["~/api/[a-z]+"]}, True),
    ({"paths": ["~/(b|api)"]}, {"paths": ["/api"]}, True),
    ({"paths": ["~/other/.*"]}, {"paths": ["/api"]}, False),
    ({"hosts": ["*.test"]}, {"hosts": ["*.test"]}, True),
    ({"hosts": ["a.test"]}, {"hosts": ["b.test"]}, False),
    ({"methods": ["GET"]}, {"methods": ["POST"]}, False),
    ({"methods": ["GET", "POST"]}, {"methods": ["POST"]}, True),
    ({"paths": ["/x"], "headers": {"V": ["1"]}}, {"paths": ["/x"], "headers": {"v": ["1", "2"]}}, True),
    ({"paths": ["/x"]}, {"paths": ["/x"], "headers": {"v": ["1"]}}, False),
    ({"paths": ["/x"], "protocols": ["http"]}, {"paths": ["/x"], "protocols": ["https"]}, False),
    ({"snis": ["a.test"], "protocols": ["https"]}, {"snis": ["a.test"], "protocols": ["https"]}, True),
]  # fmt: skip


@pytest.mark.spec("gateway#1.15")
@pytest.mark.parametrize(("new", "old", "expected"), COLLISIONS)
def test_routes_collide_where_one_takes_requests_of_the_other(
    new: dict[str, Any], old: dict[str, Any], expected: bool
) -> None:
    made = (Route.model_validate(data, strict=False) for data in (new, old))

    assert collides(*made) is expected


@pytest.mark.spec("gateway#1.15")
async def test_a_route_does_not_take_requests_of_another_workspace(node: Node) -> None:
    first = await make(node, "/team/routes", {"name": "r", "paths": ["/x"]})
    taking = await node.send("POST", "/routes", {"paths": ["/x/y"]})
    beside = await make(node, "/routes", {"name": "beside", "paths": ["/y"]})
    changed = await node.send("PATCH", "/routes/beside", {"paths": ["/x"]})
    put = await node.send("PUT", f"/other/routes/{OTHER}", {"paths": ["/y"]})

    for reply in (taking, changed, put):
        assert reply.status == 409
        told = {"message": "API route collides with an existing API"}
        assert reply.json() == told
    assert (await node.send("PATCH", "/team/routes/r", {"paths": ["/x"]})).status == 200
    assert (await node.call("/team/routes/r")).json()["paths"] == first["paths"]
    assert (await node.call("/routes/beside")).json() == beside


@pytest.mark.spec("gateway#5.6")
async def test_routes_may_collide_where_the_operator_says_so(mingled: Node) -> None:
    await make(mingled, "/team/routes", {"paths": ["/x"]})

    assert (await mingled.send("POST", "/routes", {"paths": ["/x"]})).status == 201


@pytest.mark.spec("gateway#1.15")
async def test_a_file_has_workspaces_too() -> None:
    node = Node(
        {
            "_format_version": "3.0",
            "workspaces": [{"name": "team", "id": TEAM}],
            "services": [
                {"name": "s", "host": "one.example"},
                {"name": "s", "host": "two.example", "ws_id": TEAM},
            ],
        }
    )

    assert (await node.call("/services/s")).json()["host"] == "one.example"
    assert (await node.call("/team/services/s")).json()["host"] == "two.example"
    assert await names(node, "/workspaces") == ["default", "team"]
    meta = (await node.call("/workspaces/team/meta")).json()
    assert meta == {"counts": {"services": 1}}
    refused = await node.call("/workspaces/team", "DELETE")
    assert refused.json()["code"] == 12
