"""What the Admin API tells of itself: schemas that tools fill defaults from, endpoints, tags."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Route

from ostiary.model.kinds import KINDS
from ostiary.plugins import CATALOG
from tests.unit.admin.admin_kit import NOW, Node, database_node
from tests.unit.admin.rows_kit import BY_KIND, SAMPLES, furnish, place_ids

AUTOMATIC = {"id", "created_at", "updated_at"}
VALID = {"message": "schema validation successful"}
# What plugins need besides defaults.
NEEDED: dict[str, dict[str, Any]] = {
    "acl": {"allow": ["a"]},
    "application-registration": {"display_name": "A"},
    "file-log": {"path": "/tmp/log"},
    "http-log": {"http_endpoint": "http://a.example"},
    "ip-restriction": {"allow": ["10.0.0.0/8"]},
    "openid-connect": {"issuer": "https://idp.example/"},
    "rate-limiting": {"minute": 5},
}


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    async with database_node(tmp_path) as made:
        yield made


@pytest.fixture
async def ids(node: Node) -> dict[str, str]:
    return await furnish(node)


def fill(fields: list[dict[str, Any]], given: dict[str, Any]) -> dict[str, Any]:
    """What is given with the defaults of a schema, as decK fills them."""
    found = {**given}
    for entry in fields:
        for name, told in entry.items():
            value = given.get(name)
            if told["type"] == "record" and (value is not None or told.get("required")):
                found[name] = fill(told["fields"], value or {})
            elif value is None:
                found[name] = told.get("default")
    return found


def told(value: Any) -> Any:
    """Without what is null: fields that are not built yet are not in schemas."""
    if isinstance(value, dict):
        return {name: told(inner) for name, inner in value.items() if inner is not None}
    return value


@pytest.mark.spec("gateway#1.14")
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.kind)
async def test_defaults_of_a_schema_are_those_that_a_row_gets(
    node: Node, ids: dict[str, str], sample: Any
) -> None:
    schema = (await node.call(f"/schemas/{sample.kind}")).json()
    body = place_ids(sample.body, ids)
    row = (await node.send("POST", sample.path, body)).json()
    given = {n: row[n] for n in row if n in AUTOMATIC or n in body or n == "upstream"}
    # Made, not defaults; and the parent that the path names.
    given |= {n: row[n] for n in ("consumer", "cert_digest", "password") if row.get(n)}
    given |= {n: body[n] for n in ("config", "healthchecks") if n in body}
    filled = fill(schema["fields"], given)
    filled = {**filled, "config": row["config"]} if sample.kind == "plugins" else filled
    if sample.kind == "upstreams":
        filled["algorithm"] = "consistent-hashing"  # what hash_on makes of it

    assert told({n: v for n, v in filled.items() if n in row}) == told(row)
    assert filled.keys() - row.keys() <= {"consumer_group"}


@pytest.mark.spec("gateway#1.14")
@pytest.mark.parametrize("name", sorted(CATALOG))
async def test_defaults_of_a_plugins_schema_are_those_that_a_row_gets(
    node: Node, name: str
) -> None:
    schema = (await node.call(f"/schemas/plugins/{name}")).json()
    fields = {k: v for entry in schema["fields"] for k, v in entry.items()}
    given = NEEDED.get(name, {})
    body: dict[str, Any] = {"name": name, "config": given}
    if CATALOG[name].for_service:
        made = await node.send("POST", "/services", {"name": "s", "host": "s"})
        body["service"] = {"id": made.json()["id"]}
    reply = await node.send("POST", "/plugins", body)
    assert reply.status == 201, reply.text
    row = reply.json()

    assert set(fields) == {"consumer", "protocols", "config"}
    assert told(fill(fields["config"]["fields"], given)) == told(row["config"])
    assert fields["protocols"]["default"] == row["protocols"]
    # What is filled in by a tool is the same row.
    body["config"] = fill(fields["config"]["fields"], given)
    again = await node.send("PUT", f"/plugins/{row['id']}", body)
    assert (again.status, again.json()) == (200, row)
    assert (await node.call(f"/plugins/schema/{name}")).json() == fields["config"]


@pytest.mark.spec("gateway#1.14")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_schema_names_every_field_with_its_type(kind: str) -> None:
    schema = (await Node().call(f"/schemas/{kind}")).json()
    names = [name for entry in schema["fields"] for name in entry]
    types = {told["type"] for entry in schema["fields"] for told in entry.values()}
    foreign = {
        name: told["reference"]
        for entry in schema["fields"]
        for name, told in entry.items()
        if told["type"] == "foreign"
    }

    assert schema.keys() == {"fields", "entity_checks"}
    assert len(names) == len(set(names))
    assert {"id", "created_at", "updated_at", "tags"} <= set(names)
    assert types <= {
        "string", "integer", "number", "boolean", "array", "set", "map", "record",
        "foreign",
    }  # fmt: skip
    assert foreign == {r.field: r.kind for r in KINDS[kind].references if not r.is_list}
    dashed = await Node().call(f"/schemas/{kind.replace('_', '-')}")
    assert dashed.json() == schema


@pytest.mark.spec("gateway#1.14")
async def test_schemas_that_are_not_there() -> None:
    node = Node()

    assert [
        ((reply := await node.call(path)).status, reply.json()["message"])
        for path in ("/schemas/x", "/schemas/plugins/x", "/schemas/vaults/x", "/plugins/schema/x")
    ] == [
        (404, "No entity named 'x'"),
        (404, "No plugin named 'x'"),
        (404, "No vault named 'x'"),
        (404, "No plugin named 'x'"),
    ]  # fmt: skip
    vault = (await node.call("/schemas/vaults/env")).json()["fields"][0]["config"]
    assert [name for entry in vault["fields"] for name in entry] == [
        "prefix", "base64_decode",
    ]  # fmt: skip


@pytest.mark.spec("gateway#1.14")
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.kind)
async def test_a_row_is_validated_without_being_made(
    node: Node, ids: dict[str, str], sample: Any
) -> None:
    before = node.changes
    parents = {
        n: v for n, v in sample.row.items() if n in {"consumer", "upstream"} and v
    }
    body = place_ids({**sample.body, **parents}, ids)
    path = f"/schemas/{sample.kind}/validate"
    right = await node.send("POST", path, body)
    wrong = await node.send("POST", path, {**body, "nome": 1})

    assert (right.status, right.json()) == (200, VALID)
    assert wrong.status == 400
    assert wrong.json()["code"] == 2
    assert wrong.json()["fields"]["nome"] == "unknown field"
    assert node.changes == before


@pytest.mark.spec("gateway#1.14")
async def test_plugins_are_validated_without_a_database_too() -> None:
    node = Node()
    right = {"name": "rate-limiting", "config": {"minute": 5}}
    wrong = {"name": "rate-limiting", "config": {"minute": "x"}}
    replies = [
        await node.send("POST", "/schemas/plugins/validate", body)
        for body in (right, wrong)
    ]

    assert (replies[0].status, replies[0].json()) == (200, VALID)
    assert replies[1].json()["fields"] == {"config": {"minute": "expected a number"}}


@pytest.mark.spec("gateway#1.14")
async def test_every_path_is_among_the_endpoints() -> None:
    node = Node()
    found = (await node.call("/endpoints")).json()["data"]
    routes = {
        route.path.replace(":path", "")
        for route in node.app.state.routes
        if isinstance(route, Route) and not route.path.endswith("/")
    } - {"/{rows}"}

    assert routes <= set(found)
    assert found == sorted(set(found), key=lambda path: path.split("/"))
    assert {
        "/",
        "/services/{services}/routes/{routes}",
        "/routes/{routes}/service",
    } <= {*found}
    assert not {p for p in found if "consumer_group_consumers" in p}


@pytest.mark.spec("gateway#1.9")
async def test_tags_are_listed_with_what_has_them(
    node: Node, ids: dict[str, str]
) -> None:
    body = {**BY_KIND["services"].body}
    row = (await node.send("POST", "/services", body)).json()
    consumer = (
        await node.send("POST", "/consumers", {"username": "t", "tags": ["t1"]})
    ).json()
    known = [
        {"entity_name": "consumers", "entity_id": consumer["id"], "tag": "t1"},
        {"entity_name": "services", "entity_id": row["id"], "tag": "t1"},
        {"entity_name": "services", "entity_id": row["id"], "tag": "t2"},
    ]
    found = []
    path = "/tags?size=1"
    while path:
        page = (await node.call(path)).json()
        found += page["data"]
        path = page["next"]

    assert found == known
    one = {"data": known[:2], "next": None}
    assert (await node.call("/tags/t1")).json() == one
    assert (await node.call("/tags/none")).json() == {"data": [], "next": None}


@pytest.mark.spec("gateway#1.18")
async def test_a_licence_is_neither_there_nor_needed(
    node: Node, ids: dict[str, str]
) -> None:
    report = (await node.call("/license/report")).json()

    assert report["license"]["license_key"] == "UNLICENSED"
    assert report["timestamp"] == NOW
    root = (await node.call("/")).json()
    assert root == (await node.call("/kong")).json()
    assert root["edition"] == "community"
    planes = await node.call("/clustering/data-planes")
    assert planes.status == 400
