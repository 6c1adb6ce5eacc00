"""A configuration that is read out, loaded into a fresh node and read out again is the same."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ostiary.model.declarative import iterate_rows
from ostiary.model.kinds import KINDS
from tests.unit.admin.admin_kit import Node, database_node
from tests.unit.admin.rows_kit import (
    AUTHORITY,
    JWK,
    OTHER,
    PAIR,
    SAMPLES,
    furnish,
    place_ids,
)

CERTIFICATE = "11111111-2222-4333-8444-555555555555"
WORKSPACE = "22222222-2222-4333-8444-555555555555"
FILE: dict[str, Any] = {
    "_format_version": "3.0",
    "workspaces": [{"id": WORKSPACE, "name": "team", "comment": "ours"}],
    "certificates": [
        {"id": CERTIFICATE, "cert": PAIR.cert, "key": PAIR.key, "snis": [{"name": "a.example"}, {"name": "b.example"}]},
        {"cert": OTHER.cert, "key": OTHER.key, "tags": ["t"]},
    ],
    "ca_certificates": [{"cert": AUTHORITY.cert}],
    "vaults": [{"prefix": "my-env", "name": "env", "config": {"prefix": "X_"}}],
    "key_sets": [{"name": "ring", "keys": [{"name": "k", "kid": "k1", "jwk": JWK}]}],
    "keys": [{"kid": "lone", "pem": {"public_key": PAIR.public}}],
    "consumer_groups": [{"name": "gold", "plugins": [{"name": "rate-limiting", "config": {"hour": 5}}]}],
    "consumers": [
        {
            "username": "ada", "custom_id": "1", "groups": [{"name": "gold"}],
            "keyauth_credentials": [{"key": "secret"}],
            "basicauth_credentials": [{"username": "ada", "password": "p"}],
            "jwt_secrets": [{"key": "i", "secret": "s"}],
            "acls": [{"group": "staff"}],
            "plugins": [{"name": "rate-limiting", "config": {"minute": 5}}],
        },
        {"custom_id": "2"},
    ],
    "services": [
        {"name": "one", "host": "pool.internal", "plugins": [{"name": "key-auth"}], "routes": [{"name": "r", "paths": ["/r", "~/x$"], "headers": {"x": ["1"]}, "plugins": [{"name": "cors"}]}]},
        {"name": "two", "url": "https://b.example/x", "client_certificate": CERTIFICATE},
    ],
    "routes": [{"paths": ["/lone"]}, {"name": "r", "paths": ["/team"], "ws_id": WORKSPACE}],
    "upstreams": [
        {"name": "pool.internal", "targets": [{"target": "10.0.0.1:80"}, {"target": "a.example", "weight": 0}]},
        {"name": "hash.internal", "hash_on": "header", "hash_on_header": "X-User"},
        {"name": "least.internal", "algorithm": "least-connections"},
    ],
    "plugins": [
        {"name": "correlation-id", "instance_name": "ids", "enabled": False},
        {"name": "rate-limiting", "consumer": "ada", "service": "one", "config": {"minute": 5}},
    ],
}  # fmt: skip


async def export(node: Node) -> str:
    reply = await node.call("/config")
    assert reply.status == 200
    text: str = reply.json()["config"]
    return text


@pytest.mark.spec("gateway#2.3")
async def test_an_export_loaded_into_a_fresh_node_is_exported_the_same() -> None:
    first = Node(FILE)
    text = await export(first)
    second = Node()
    reply = await second.post(text, "text/yaml")
    again = await export(second)

    assert reply.status == 201, reply.text
    assert {kind.name for kind, _ in iterate_rows(first.config)} == KINDS.keys()
    assert again == text
    assert second.revision == first.revision
    # As a field of JSON too, and what is live already is told.
    third = Node()
    assert (await third.post(json.dumps({"config": text}))).status == 201
    assert await export(third) == text
    same = await third.call(
        "/config?check_hash=1", "POST", body=text.encode(),
        headers={"content-type": "text/yaml"},
    )  # fmt: skip
    assert same.status == 304


@pytest.mark.spec("gateway#2.3")
async def test_an_export_names_its_format_and_hides_no_password_twice() -> None:
    data = yaml.safe_load(await export(Node(FILE)))
    hashed = data["basicauth_credentials"][0]["password"]

    assert data["_format_version"] == "3.0"
    assert data["_transform"] is False
    assert len(hashed) == 40


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    async with database_node(tmp_path) as made:
        yield made


@pytest.mark.spec("gateway#1.10")
async def test_rows_shown_by_one_node_can_be_put_into_another(
    node: Node, tmp_path: Path
) -> None:
    ids = await furnish(node)
    (tmp_path / "other").mkdir()
    async with database_node(tmp_path / "other") as other:
        for path in (
            "/services",
            "/routes",
            "/consumers",
            "/upstreams",
            "/certificates",
            "/key-sets",
        ):
            for row in (await node.call(path)).json()["data"]:
                await other.send("PUT", f"{path}/{row['id']}", row)
        for sample in SAMPLES:
            body = place_ids(sample.body, ids)
            row = (await node.send("POST", sample.path, body)).json()
            method, path = "PUT", f"{sample.path}/{row['id']}"
            if sample.kind == "targets":
                method, path = "POST", sample.path
            shown = {n: v for n, v in row.items() if n != "password"}
            if sample.kind == "basicauth_credentials":
                shown["password"] = body["password"]
            reply = await other.send(method, path, shown)

            assert reply.status in {200, 201}, reply.text
            assert reply.json() == row
