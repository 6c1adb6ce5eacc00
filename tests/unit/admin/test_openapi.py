"""The document of the Admin API: valid, complete, and true of what it is made from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from ostiary.admin.admins import PATHS as ADMIN_PATHS
from ostiary.admin.app import PORTAL_PATHS
from ostiary.admin.audit_records import AUDIT_PATHS
from ostiary.admin.openapi.document import build_document
from ostiary.admin.openapi.others import build_others
from ostiary.admin.openapi.rows import EXAMPLES, PluginModels
from ostiary.admin.openapi.values import Writer
from ostiary.admin.operator_groups import PATHS as GROUP_PATHS
from ostiary.admin.rbac import PATHS as RBAC_PATHS
from ostiary.model.kinds import KINDS
from ostiary.plugins import CATALOG
from tests.unit.admin.admin_kit import Node, database_node
from tests.unit.admin.audit_kit import audited_node
from tests.unit.admin.desk_kit import OpenDesk
from tests.unit.admin.rows_kit import SAMPLES, furnish, place_ids

Json = dict[str, Any]
MODELS = {name: kind.schema for name, kind in CATALOG.items()}
DOCUMENT = build_document(PluginModels(models=MODELS), version="1.2.3")
SCHEMAS: Json = DOCUMENT["components"]["schemas"]
VERBS = ("get", "post", "put", "patch", "delete")


def judge(schema: Json, value: Any) -> list[str]:
    """What a schema of the document says against a value."""
    whole = {**schema, "components": DOCUMENT["components"]}
    return [error.message for error in Draft202012Validator(whole).iter_errors(value)]


def body_of(path: str, verb: str) -> Json:
    content = DOCUMENT["paths"][path][verb]["requestBody"]["content"]
    found: Json = content["application/json"]["schema"]
    return found


def test_it_is_valid_openapi() -> None:
    assert [*OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []


def test_the_validator_can_find_something() -> None:
    broken = {**DOCUMENT, "paths": {"/": {"get": {"responses": {"200": {}}}}}}

    assert [*OpenAPIV31SpecValidator(broken).iter_errors()] != []


async def test_it_is_served_and_made_once() -> None:
    node = Node()
    node.view.plugins = dict.fromkeys(MODELS, 1)

    reply = await node.call("/openapi.json")
    again = await node.call("/openapi.json")

    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    expected = build_document(PluginModels(models=MODELS), version="1")
    assert reply.json() == json.loads(json.dumps(expected))
    assert again.body is reply.body or again.body == reply.body


async def test_its_paths_are_those_of_endpoints(tmp_path: Path) -> None:
    bare = (await Node().call("/endpoints")).json()["data"]
    async with audited_node(tmp_path, portal=OpenDesk()) as node:
        whole = (await node.call("/endpoints")).json()["data"]
        served = (await node.call("/openapi.json")).json()

    assert sorted(DOCUMENT["paths"]) == sorted(bare)
    assert sorted(served["paths"]) == sorted(whole)
    assert {*whole} - {*bare} == {
        *AUDIT_PATHS, *RBAC_PATHS, *ADMIN_PATHS, *GROUP_PATHS, *PORTAL_PATHS,
    }  # fmt: skip
    assert [*OpenAPIV31SpecValidator(served).iter_errors()] == []


async def test_every_verb_of_every_path_is_there() -> None:
    node = Node()
    paths = {
        path: {verb.upper() for verb in item if verb in VERBS}
        for path, item in DOCUMENT["paths"].items()
    }
    # A plugin might be called so.
    paths["/schemas/plugins/validate"].add("GET")
    served = {}
    for path in paths:
        reply = await node.call(path.replace("{", "").replace("}", ""), "OPTIONS")
        served[path] = {*reply.headers["allow"].split(", ")} - {"HEAD", "OPTIONS"}

    assert served == paths


def test_what_is_not_about_rows_has_its_own_entry_once() -> None:
    assert all(set(item) & {*VERBS} for item in build_others().values())


def test_every_kind_and_every_plugin_has_schemas() -> None:
    kinds = {kind.model.__name__ for kind in KINDS.values()}
    plugins = {
        f"{name.title().replace('-', '')}{what}"
        for name in MODELS
        for what in ("Plugin", "PluginInput", "Config", "ConfigInput")
    }

    assert kinds | {f"{kind}Input" for kind in kinds} | plugins <= SCHEMAS.keys()


def test_operations_have_names_of_their_own() -> None:
    names = [
        item[verb]["operationId"]
        for item in DOCUMENT["paths"].values()
        for verb in VERBS
        if verb in item
    ]

    assert len({*names}) == len(names)
    assert {"listServices", "createRouteOfService", "getServiceOfRoute"} <= {*names}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.kind)
async def test_samples_are_rows_of_the_document(sample: Any, tmp_path: Path) -> None:
    ids = dict.fromkeys(
        ("service", "route", "consumer", "group", "upstream", "certificate", "set"),
        "00000000-0000-4000-8000-000000000000",
    )
    async with database_node(tmp_path) as node:
        ids = await furnish(node)
        reply = await node.send("POST", sample.path, place_ids(sample.body, ids))

    model = KINDS[sample.kind].model.__name__
    asked = {"$ref": f"#/components/schemas/{model}Input"}
    assert judge(asked, place_ids(sample.body, ids)) == []
    assert judge({"$ref": f"#/components/schemas/{model}"}, reply.json()) == []


@pytest.mark.parametrize("kind", [*EXAMPLES])
def test_examples_are_of_the_document(kind: str) -> None:
    found = KINDS[kind]
    schema = SCHEMAS[
        "NamedPluginInput" if kind == "plugins" else f"{found.model.__name__}Input"
    ]

    assert judge(schema, EXAMPLES[kind]) == []


def test_a_service_needs_a_host_or_a_url() -> None:
    schema = body_of("/services", "post")

    assert judge(schema, {"host": "a.example"}) == []
    assert judge(schema, {"url": "http://a.example"}) == []
    assert judge(schema, {"name": "a"}) != []
    assert judge(schema, {"host": "a.example", "colour": "red"}) != []


def test_a_plugin_is_told_by_its_name() -> None:
    schema = body_of("/plugins", "post")

    assert judge(schema, {"name": "acl", "config": {"allow": ["a"]}}) == []
    assert judge(schema, {"name": "acl", "config": {"minute": 5}}) != []
    assert judge(schema, {"name": "nobody's"}) != []
    assert judge(schema, {"name": "rate-limiting", "config": {"minute": "5"}}) != []


def test_what_is_made_by_itself_need_not_be_said() -> None:
    assert judge(body_of("/consumers/{consumers}/key-auth", "post"), {}) == []
    assert judge(body_of("/consumers/{consumers}/acls", "post"), {}) != []
    assert judge(body_of("/key-auths", "post"), {}) != []


def test_a_name_in_the_path_need_not_be_in_the_body() -> None:
    assert judge(body_of("/consumer_groups/{consumer_groups}", "put"), {}) == []
    assert judge(body_of("/consumer_groups", "post"), {}) != []


def test_checks_of_fields_are_said() -> None:
    fields = Writer(owner="Service", way="request").fields(KINDS["services"].model)

    assert fields["retries"] == {
        "type": ["integer", "null"], "minimum": 0, "maximum": 32767, "default": 5,
    }  # fmt: skip
    assert fields["host"]["type"] == "string"
    assert fields["protocol"]["enum"] == ["http", "https", None]
    assert SCHEMAS["Service"]["properties"]["client_certificate"] == {
        "anyOf": [{"$ref": "#/components/schemas/Link"}, {"type": "null"}]
    }


async def test_a_refused_verb_names_those_there_are() -> None:
    node = Node()

    for path, method, allowed in (
        ("/status", "POST", "GET, HEAD, OPTIONS"),
        ("/services", "TRACE", "GET, HEAD, OPTIONS, POST"),
        ("/services/x", "POST", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
        ("/upstreams/x/health", "PUT", "GET, HEAD, OPTIONS"),
        ("/upstreams/x/targets/y/healthy", "GET", "OPTIONS, POST, PUT"),
        ("/consumers/x/consumer_groups/y", "POST", "DELETE, GET, HEAD, OPTIONS"),
        # A file says what there is.
        ("/services", "POST", "GET, HEAD, OPTIONS"),
    ):
        reply = await node.call(path, method)
        assert (reply.status, reply.headers["allow"]) == (405, allowed)


async def test_whole_numbers_may_have_a_point(tmp_path: Path) -> None:
    async with database_node(tmp_path) as node:
        body = b'{"host": "a.example", "retries": 7.0, "port": 1e3}'
        reply = await node.call(
            "/services", "POST", body=body, headers={"content-type": "application/json"}
        )

    assert (reply.status, reply.json()["retries"], reply.json()["port"]) == (
        201,
        7,
        1000,
    )


async def test_a_form_cannot_switch_on_what_is_not_there_yet(tmp_path: Path) -> None:
    form = "prefix=v-1&name=env&config.base64_decode=true"
    async with database_node(tmp_path) as node:
        reply = await node.form("POST", "/vaults", form)

    assert reply.status == 400
    assert reply.json()["fields"] == {"config": {"base64_decode": "not supported yet"}}


async def test_a_name_may_have_a_line_feed(tmp_path: Path) -> None:
    async with database_node(tmp_path) as node:
        made = await node.send("POST", "/consumers", {"username": "a\nb"})
        found = await node.call("/consumers/a\nb")

    assert (made.status, found.status) == (201, 200)
    assert found.json()["id"] == made.json()["id"]


async def test_a_file_may_have_escaped_signs_beyond_the_first_plane() -> None:
    node = Node()

    text = json.dumps(
        {"_format_version": "3.0", "consumers": [{"username": "\U0001f600"}]}
    )
    taken = await node.post(text)
    halves = await node.post('{"_format_version": "3.0", "\\ud83d": 1}')

    assert taken.status == 201
    [row] = taken.json()["consumers"].values()
    assert row["username"] == "\U0001f600"
    assert halves.status == 400


@pytest.mark.spec("gateway#1.13")
async def test_json_of_a_config_means_what_it_says(tmp_path: Path) -> None:
    text = {"name": "rate-limiting", "config": {"minute": "5"}}
    async with database_node(tmp_path) as node:
        asked = await node.send("POST", "/plugins", text)
        lone = await node.send(
            "POST", "/plugins", {"name": "acl", "config": {"allow": "a"}}
        )
        form = await node.form("POST", "/plugins", "name=rate-limiting&config.minute=5")
        patched = await node.send(
            "PATCH", f"/plugins/{form.json()['id']}", {"config": {"hour": 60}}
        )

    assert asked.json()["fields"] == {"config": {"minute": "expected a number"}}
    assert lone.json()["fields"] == {"config": {"allow": "expected an array"}}
    assert form.json()["config"]["minute"] == 5
    assert (patched.status, patched.json()["config"]["hour"]) == (200, 60)


@pytest.mark.parametrize("name", [*MODELS])
def test_what_is_kept_of_a_config_can_be_sent(name: str) -> None:
    least: dict[str, Json] = {
        "acl": {"allow": ["a"]},
        "application-registration": {"display_name": "A"},
        "rate-limiting": {"minute": 5},
        "ip-restriction": {"allow": ["10.0.0.0/8"]},
        "file-log": {"path": "/tmp/x"},
        "http-log": {"http_endpoint": "http://a.example"},
        "openid-connect": {
            "issuer": "https://a.example",
            "consumer_claims": [["sub"]],
            "redis": {"sentinel_nodes": [{"host": "a"}]},
        },
    }
    kept = MODELS[name].model_validate(least.get(name, {}), strict=False)

    again = MODELS[name].model_validate(kept.model_dump(mode="json"))

    assert again == kept
