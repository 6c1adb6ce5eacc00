"""The Admin API: who may talk to it, what it shows, what it refuses to write."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from ostiary.ports.client_keys import ClientKeysUnavailable
from ostiary.signin.schema import OpenidConnectConfig
from ostiary.web.guard import build_guard
from tests.unit.admin.admin_kit import Node as BaseNode

FILE: dict[str, Any] = {
    "_format_version": "3.0",
    "services": [{"name": "s", "host": "up.example"}],
    "routes": [
        {"name": "r", "paths": ["/cognito/"], "hosts": ["kong-ee"], "service": "s"},
        {"name": "x", "paths": ["~/x"]},
    ],
    "plugins": [
        {"name": "openid-connect", "route": "r", "instance_name": "login"},
        {"name": "openid-connect", "route": "x"},
        {"name": "openid-connect", "service": "s"},
    ],
}


class Node(BaseNode):
    """A node with the file above."""

    def __init__(self, **more: Any) -> None:
        super().__init__(FILE, **more)


@pytest.mark.spec("D25")
@pytest.mark.parametrize(
    ("host", "origin", "site", "allowed"),
    [
        ("localhost:8001", None, None, True),
        ("a.localhost", None, None, True),
        ("127.0.0.1:8001", None, None, True),
        ("[::1]:8001", None, None, True),
        ("192.0.2.7", None, None, True),
        ("KONG-EE:8001", None, None, True),
        ("extra.example", None, None, True),
        ("evil.example", None, None, False),
        ("localhost.evil.example", None, None, False),
        ("127.0.0.1.evil.example", None, None, False),
        ("", None, None, False),
        ("a b", None, None, False),
        ("localhost", "http://kong-ee:8002", None, True),
        ("localhost", "http://kong-ee:8002", "cross-site", True),
        ("localhost", "https://kong-ee:8002", None, False),
        ("localhost", "http://kong-ee", None, False),
        ("localhost", "http://localhost:8001", None, False),
        ("localhost", "null", None, False),
        ("localhost", "", None, False),
        ("localhost", None, "cross-site", False),
        ("localhost", None, "same-site", True),
        ("localhost", None, "same-origin", True),
        ("localhost", None, "none", True),
    ],
)
def test_known_hosts_only_and_no_foreign_page(
    host: str, origin: str | None, site: str | None, *, allowed: bool
) -> None:
    guard = build_guard(
        allowed_hosts=["Extra.Example"], gui_url="http://kong-ee:8002/x"
    )

    assert (guard.refuse(host=host, origin=origin, site=site) is None) is allowed


@pytest.mark.spec("T-C12")
async def test_a_refused_request_changes_nothing_and_hears_why() -> None:
    node = Node()
    reply = await node.call(
        "/config",
        "POST",
        body=b'{"_format_version": "3.0"}',
        headers={"origin": "https://evil.example"},
    )

    assert reply.status == 403
    assert "admin_gui_url" in reply.json()["message"]
    assert "access-control-allow-origin" not in reply.headers
    assert len(node.config.services) == 1


async def test_the_manager_may_ask_first() -> None:
    node = Node(gui_url="http://kong-ee:8002")
    origin = {"origin": "http://kong-ee:8002"}
    asked = await node.call("/services", "OPTIONS", headers=origin)
    got = await node.call("/services", headers=origin)

    assert asked.status == 204
    assert "DELETE" in asked.headers["access-control-allow-methods"]
    assert got.headers["access-control-allow-origin"] == "http://kong-ee:8002"
    assert got.headers["vary"] == "Origin"
    assert got.headers["cache-control"] == "no-store"


@pytest.mark.spec("gateway#1.14")
async def test_the_node_tells_who_it_is() -> None:
    node = Node()
    root, status = await node.call("/"), await node.call("/status")

    assert root.json()["version"] == "3.9.1"
    assert root.json()["plugins"]["enabled_in_cluster"] == ["openid-connect"]
    assert status.json()["configuration_hash"] == "0" * 32
    size = root.headers["content-length"]
    assert node.lines[0].endswith(f'"GET / HTTP/1.1" 200 {size} "-" "-"')


@pytest.mark.parametrize("kind", ["services", "routes", "plugins"])
async def test_rows_are_listed_and_found_by_id_and_name(kind: str) -> None:
    node = Node()
    rows = (await node.call(f"/{kind}")).json()
    label = "instance_name" if kind == "plugins" else "name"
    first = next(row for row in rows["data"] if row[label])

    assert rows["next"] is None
    assert (await node.call(f"/{kind}/{first['id']}")).json() == first
    assert (await node.call(f"/{kind}/{first[label]}")).json() == first


async def test_references_are_shown_as_records_and_every_field_is_there() -> None:
    row = (await Node().call("/routes/r")).json()

    assert row["service"] == {"id": (await Node().call("/services/s")).json()["id"]}
    assert row["methods"] is None
    assert row["https_redirect_status_code"] == 426


@pytest.mark.parametrize(
    ("path", "count"),
    [("/services/s/routes", 1), ("/services/s/plugins", 1), ("/routes/r/plugins", 1)],
)
async def test_rows_below_another_are_listed(path: str, count: int) -> None:
    assert len((await Node().call(path)).json()["data"]) == count


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/services/none", "/targets", "/plugins/openid-connect", "/a/b/c/d", "/services/none/routes", "/plugins/login/routes", "/snis/x/certificate"],
)  # fmt: skip
async def test_what_is_not_there_is_said_in_the_words_of_kong(path: str) -> None:
    reply = await Node().call(path)

    assert (reply.status, reply.json()) == (404, {"message": "Not found"})


@pytest.mark.spec("gateway#2.3")
@pytest.mark.parametrize(
    ("method", "path", "words"),
    [
        ("POST", "/services", "create 'services' entities"),
        ("PATCH", "/routes/r", "update 'routes' entities by 'name'"),
        (
            "PUT",
            "/plugins/login",
            "create or update 'plugins' entities by 'instance_name'",
        ),
        ("DELETE", "/services/s", "remove 'services' entities by 'name'"),
        ("POST", "/services/s/routes", "create 'routes' entities"),
        ("POST", "/routes/r/plugins", "create 'plugins' entities"),
    ],
)
async def test_rows_are_not_written_one_by_one(
    method: str, path: str, words: str
) -> None:
    reply = await Node().call(path, method)

    assert reply.status == 405
    assert reply.json() == {
        "code": 12,
        "name": "operation unsupported",
        "message": f"cannot {words} when not using a database",
    }


async def test_another_method_is_refused_as_json() -> None:
    reply = await Node().call("/services", "TRACE")

    assert (reply.status, reply.json()) == (405, {"message": "Method not allowed"})


TEXT = '{"_format_version": "3.0", "services": [{"name": "new", "host": "b"}]}'


@pytest.mark.spec("gateway#2.3")
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (TEXT, "application/json"),
        (json.dumps({"config": TEXT}), "application/json; charset=utf-8"),
        (TEXT, "text/yaml"),
        ("_format_version: '3.0'\nservices:\n- {name: new, host: b}", "application/yaml"),
        (urlencode({"config": TEXT}), "application/x-www-form-urlencoded"),
    ],
)  # fmt: skip
async def test_a_posted_configuration_replaces_everything(body: str, kind: str) -> None:
    node = Node()
    reply = await node.post(body, kind)

    assert reply.status == 201
    assert [s["name"] for s in reply.json()["services"].values()] == ["new"]
    assert [s.name for s in node.config.services] == ["new"]
    assert node.config.routes == ()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{", "application/json"),
        (b"\xff", "application/json"),
        (b"[" * 100_000, "application/json"),
        (b'{"a":' * 100_000, "application/json"),
        (b"[" * 9_000, "text/yaml"),
        (b"a: 1\na: 2", "text/yaml"),
        (b'{"_format_version": "3.0", "_format_version": "3.0"}', "application/json"),
        (b"", "text/yaml"),
        (b"config=%FF", "application/x-www-form-urlencoded"),
        (b"other=1", "application/x-www-form-urlencoded"),
        (b"5", "application/json"),
    ],
)
async def test_a_body_that_is_no_configuration_changes_nothing(
    body: bytes, kind: str
) -> None:
    node = Node()
    before = node.config
    reply = await node.post(body, kind)

    assert reply.status == 400
    assert reply.json()["message"]
    assert node.config is before


async def test_problems_are_told_with_their_place() -> None:
    bad = {"_format_version": "3.0", "services": [{"host": "a"}, {"nome": 1}]}
    body = (await Node().post(json.dumps(bad))).json()

    assert body["code"] == 14
    assert body["name"] == "invalid declarative configuration"
    assert body["message"].startswith("declarative config is invalid: in 'services[1]")
    assert body["fields"] == {
        "services": [None, {"host": "required field missing", "nome": "unknown field"}]
    }


async def test_a_disk_that_is_full_is_no_configuration_error() -> None:
    node = Node()
    node.error = OSError(28, "No space left on device")

    assert (await node.post(TEXT)).status == 503


async def test_what_is_shown_can_be_posted_again() -> None:
    node = Node()
    before = node.config
    text = (await node.call("/config")).json()["config"]

    assert (await node.post(text, "text/yaml")).status == 201
    assert node.config == before


@pytest.mark.spec("D8")
async def test_the_uri_to_register_is_shown() -> None:
    node = Node()
    row = node.config.plugins[0]
    config = OpenidConnectConfig.model_validate(
        {"issuer": "https://op.example", "redirect_uri": ["https://a/cb"]}, strict=False
    )
    node.view.plugin_configs = {row.id or "": config}
    rows = (await node.call("/openid-connect/redirect-uris")).json()["data"]

    assert rows[0] == {
        "plugin": row.id, "route": "r", "configured": ["https://a/cb"],
        "hosts": ["kong-ee"], "paths": ["/cognito"], "note": None,
    }  # fmt: skip
    assert (
        rows[1]["note"] == "no plain path: the redirect URI is the URL of each request"
    )
    assert rows[2]["route"] is None


@pytest.mark.spec("D12")
@pytest.mark.parametrize(
    ("own", "shown"), [(None, False), ({"websocket_origins": ["https://a.b"]}, True)]
)
async def test_our_own_record_is_shown_only_when_set(
    own: object, *, shown: bool
) -> None:
    config = {"issuer": "https://op.example", "client_id": ["c"], "ostiary": own}
    row = {"name": "openid-connect", "instance_name": "login", "config": config}
    node = BaseNode({"_format_version": "3.0", "plugins": [row]})

    assert ("ostiary" in (await node.call("/plugins/login")).json()["config"]) is shown


async def test_the_public_keys_of_assertions_and_clients_are_one_jwks() -> None:
    node = Node()
    node.view.jwks = ({"kty": "EC", "kid": "k", "alg": "ES256", "use": "sig"},)
    reply = await node.call("/openid-connect/jwks")

    assert reply.status == 200
    own = {"kty": "EC", "kid": "client0"}
    assert reply.json() == {"keys": [*node.view.jwks, own]}
    assert reply.headers["content-type"] == "application/jwk-set+json"


@pytest.mark.spec("oidc-plugin#12.7")
async def test_the_client_keys_can_be_turned() -> None:
    node = Node()
    reply = await node.call("/openid-connect/jwks", "DELETE")

    assert (reply.status, reply.body) == (204, b"")
    assert (await node.call("/openid-connect/jwks")).json()["keys"][0][
        "kid"
    ] == "client1"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_client_keys_that_cannot_be_had_are_said_so(method: str) -> None:
    node = Node()
    node.error = ClientKeysUnavailable("the keys are away")
    reply = await node.call("/openid-connect/jwks", method)

    assert (reply.status, reply.json()) == (503, {"message": "the keys are away"})


async def test_a_fault_of_ours_tells_neither_client_nor_log_what_was_sent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    node = Node()
    node.error = RuntimeError("planted")
    reply = await node.post(TEXT)

    assert (reply.status, reply.json()) == (
        500,
        {"message": "An unexpected error occurred"},
    )
    assert "a request failed: RuntimeError in apply:" in caplog.text
    assert "planted" not in caplog.text
