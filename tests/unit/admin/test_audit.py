"""What the audit log records of requests and rows, and what it shows."""

from __future__ import annotations

import base64
import json
import logging
import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from starlette.requests import Request
from starlette.responses import Response

from ostiary.admin.audit import build_signed_text
from ostiary.jose.signing import RsaSigner
from ostiary.model.workspaces import DEFAULT_WORKSPACE
from ostiary.ports.audit import RequestRecord
from ostiary.ports.pool_store import StoreUnavailable
from tests.unit.admin.admin_kit import NOW, Node, database_node
from tests.unit.admin.audit_kit import TTL_S, AuditedNode, audited_node

pytestmark = pytest.mark.spec("gateway#1.17")
ID = "x-kong-admin-request-id"
HEX = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class User:
    id: str = "u1"
    name: str = "anna"


async def make_service(node: Node, name: str = "orders") -> dict[str, Any]:
    got = await node.send("POST", "/services", {"name": name, "host": "up.example"})
    assert got.status == 201, got.text
    found: dict[str, Any] = got.json()
    return found


# The request's id.


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/services", {}, 200),
        ("GET", "/nothing", {}, 404),
        ("PATCH", "/status", {}, 405),
        ("OPTIONS", "/services", {}, 204),
        ("GET", "/services", {"origin": "https://evil.example"}, 403),
        ("GET", "/services", {"sec-fetch-site": "cross-site"}, 403),
    ],
)
async def test_every_answer_has_the_requests_id_without_an_audit_log_too(
    method: str, path: str, headers: dict[str, str], status: int
) -> None:
    node = Node()
    first = await node.call(path, method, headers=headers)
    second = await node.call(path, method, headers=headers)

    assert first.status == second.status == status
    assert HEX.fullmatch(first.headers[ID])
    assert HEX.fullmatch(second.headers[ID])
    assert first.headers[ID] != second.headers[ID]


async def test_an_answer_to_a_fault_of_ours_has_the_id_and_a_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail_inside(*_: object) -> None:
        raise RuntimeError("planted")

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr("ostiary.admin.info.InfoEndpoints.robots", fail_inside)
    async with audited_node(tmp_path) as node:
        inside = await node.call("/robots.txt")
        with monkeypatch.context() as patch:
            patch.setattr("ostiary.web.guard.Guard.refuse", fail)
            outside = await node.call("/services")
        shown = await node.records()

    assert (inside.status, outside.status) == (500, 500)
    assert [r["request_id"] for r in shown] == [outside.headers[ID], inside.headers[ID]]
    assert {r["status"] for r in shown} == {500}
    assert "planted" not in caplog.text


# Requests.


async def test_a_request_is_recorded_with_these_fields(tmp_path: Path) -> None:
    async with audited_node(tmp_path) as node:
        got = await node.send("POST", "/services?token=x", {"host": "up.example"})
        node.clock.now += 3
        shown = await node.last()

    assert shown == {
        "client_ip": "127.0.0.1",
        "method": "POST",
        "path": "/services",
        "payload": '{"host":"up.example"}',
        "rbac_user_id": None,
        "rbac_user_name": None,
        "removed_from_payload": None,
        "request_id": got.headers[ID],
        "request_source": None,
        "request_timestamp": NOW,
        "signature": None,
        "status": 201,
        "ttl": TTL_S - 3,
        "workspace": DEFAULT_WORKSPACE,
    }


async def test_reads_and_errors_and_what_is_refused_are_recorded(
    tmp_path: Path,
) -> None:
    async with audited_node(tmp_path) as node:
        await node.call("/services")
        await node.call("/nothing")
        await node.call("/status", "PATCH")
        await node.send("POST", "/services", {"host": 1})
        await node.call("/services", headers={"origin": "https://evil.example"})
        await node.call("/services", host="evil.example")
        await node.call("/audit/requests")
        shown = await node.records()

    assert [(r["method"], r["path"], r["status"]) for r in reversed(shown)] == [
        ("GET", "/services", 200),
        ("GET", "/nothing", 404),
        ("PATCH", "/status", 405),
        ("POST", "/services", 400),
        ("GET", "/services", 403),
        ("GET", "/services", 403),
        ("GET", "/audit/requests", 200),
    ]


async def test_who_asked_and_where_is_what_other_layers_found_out(
    tmp_path: Path,
) -> None:
    async with audited_node(tmp_path) as node:
        node.with_state(rbac_user=User())
        team = (await node.send("POST", "/workspaces", {"name": "team"})).json()["id"]
        await node.send("POST", "/team/services", {"host": "up.example"})
        request, thing = await node.last(), (await node.records("objects"))[0]

    assert (request["rbac_user_id"], request["rbac_user_name"]) == ("u1", "anna")
    assert (request["workspace"], request["path"]) == (team, "/team/services")
    assert thing["rbac_user_id"] == "u1"


async def test_what_is_found_out_on_the_way_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def find_out(_: object, request: Request) -> Response:
        request.state.rbac_user, request.state.workspace = User(), "w2"
        return Response(status_code=204)

    monkeypatch.setattr("ostiary.admin.info.InfoEndpoints.robots", find_out)
    async with audited_node(tmp_path) as node:
        await node.call("/robots.txt")
        shown = await node.last()

    assert (shown["rbac_user_name"], shown["workspace"]) == ("anna", "w2")


async def test_the_manager_says_that_it_is(tmp_path: Path) -> None:
    async with audited_node(tmp_path) as node:
        for said in ("kong-manager", "Kong-Manager", "curl", ""):
            await node.call("/services", headers={"x-request-source": said})
        shown = await node.records()

    found = [r["request_source"] for r in reversed(shown)]
    assert found == ["kong-manager", "kong-manager", None, None]


async def test_a_form_is_written_down_as_what_it_means(tmp_path: Path) -> None:
    async with audited_node(tmp_path) as node:
        await node.form(
            "POST", "/services", "host=a.example&tags[]=x&tags[]=y&password=p"
        )
        shown = await node.last()

    assert json.loads(shown["payload"]) == {"host": "a.example", "tags": ["x", "y"]}
    assert shown["removed_from_payload"] == "password"


@pytest.mark.parametrize(
    ("body", "kind", "why"),
    [
        (b"{", "application/json", "neither"),
        (b"[1]", "application/json", "neither"),
        (b'"planted"', "application/json", "neither"),
        (b"planted", "text/plain", "neither"),
        (b"planted", "application/x-www-form-urlencoded", "neither"),
        (b"name=a&planted", "application/x-www-form-urlencoded", "neither"),
        (b"a=\xff", "application/x-www-form-urlencoded", "neither"),
        (b"a=1&a.b=2", "application/x-www-form-urlencoded", "neither"),
        (b"--x\r\nplanted", "multipart/form-data; boundary=x", "neither"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "application/json", "neither"),
        (b'{"host":"' + b"x" * 65536 + b'"}', "application/json", "more than 65536 bytes"),
    ],
)  # fmt: skip
async def test_a_body_that_cannot_be_read_is_not_written_down(
    tmp_path: Path, body: bytes, kind: str, why: str
) -> None:
    async with audited_node(tmp_path) as node:
        await node.call("/services", "POST", body=body, headers={"content-type": kind})
        shown = await node.last()

    assert shown["payload"] is None
    assert shown["removed_from_payload"].startswith(f"the whole payload: {why}")
    assert "planted" not in node.written()


async def test_a_body_that_nobody_read_is_said_to_be_there(tmp_path: Path) -> None:
    async with audited_node(tmp_path) as node:
        told = {"content-length": "9", "origin": "https://evil.example"}
        await node.call("/services", "POST", body=b"planted-x", headers=told)
        shown = await node.last()

    assert shown["status"] == 403
    assert shown["removed_from_payload"] == "the whole payload: nobody read it"


async def test_what_is_ignored_is_not_recorded(tmp_path: Path) -> None:
    rules = {
        "ignored_methods": frozenset({"OPTIONS"}),
        "ignored_paths": ("^/audit/", "stat.s"),
        "ignored_kinds": frozenset({"services"}),
    }
    async with audited_node(tmp_path, rules=rules) as node:
        await node.call("/services", "OPTIONS")
        await node.call("/status")
        await make_service(node)
        await node.send("POST", "/consumers", {"username": "ada"})
        await node.call("/x/audit/")
        shown, things = await node.records(), await node.records("objects")

    found = [r["path"] for r in reversed(shown)]
    assert found == ["/services", "/consumers", "/x/audit/"]
    assert [r["dao_name"] for r in things] == ["consumers"]


class Broken:
    """A log whose database is away, or worse."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def keep(self, record: RequestRecord) -> None:
        raise self.error


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (StoreUnavailable("the database failed: X"), "the database failed: X"),
        (ValueError("planted"), "ValueError"),
    ],
)
async def test_an_answer_goes_out_without_its_record_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, error: Exception, why: str
) -> None:
    async with audited_node(tmp_path, rules={"log": Broken(error)}) as node:
        body = {"host": "planted.example"}
        with caplog.at_level(logging.ERROR):
            got = await node.send("POST", "/services", body)

    assert got.status == 201
    lines = [r.getMessage() for r in caplog.records if r.name == "ostiary.admin"]
    assert lines == [
        f"no audit record of the request {got.headers[ID]} (POST, 201): {why}"
    ]
    assert "planted" not in caplog.text


async def test_an_answer_does_not_wait_long_for_a_busy_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("ostiary.admin.audit.KEPT_WITHIN_S", 0.05)
    async with audited_node(tmp_path) as node:
        other = sqlite3.connect(tmp_path / "config.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        got = await node.call("/robots.txt")
        other.execute("ROLLBACK")
        other.close()
        monkeypatch.undo()
        later = await node.call("/services")
        shown = await node.records()

    assert got.status == 200
    assert f"the request {got.headers[ID]} (GET, 200): TimeoutError" in caplog.text
    assert [r["request_id"] for r in shown] == [later.headers[ID]]


# Rows.


async def test_rows_that_come_change_and_go_are_recorded(tmp_path: Path) -> None:
    async with audited_node(tmp_path) as node:
        made = await make_service(node)
        put = await node.send("PUT", "/services/orders", {"host": "b.example"})
        await node.send("PATCH", "/services/orders", {"port": 99})
        await node.call("/services/orders", "DELETE")
        await node.call("/services/orders", "DELETE")
        shown = await node.records("objects")

    found = [(r["operation"], json.loads(r["entity"])) for r in reversed(shown)]
    assert [name for name, _ in found] == ["create", "update", "update", "delete"]
    assert [row["host"] for _, row in found[1:]] == ["b.example"] * 3
    assert [row["port"] for _, row in found] == [80, 80, 99, 99]
    assert {(r["dao_name"], r["entity_key"]) for r in shown} == {
        ("services", made["id"])
    }
    assert shown[2]["request_id"] == put.headers[ID]
    assert shown[0].keys() == {
        "dao_name", "entity", "entity_key", "expire", "id", "operation", "rbac_user_id",
        "removed_from_entity", "request_id", "request_timestamp", "signature", "ttl",
    }  # fmt: skip
    assert (shown[0]["ttl"], shown[0]["expire"]) == (TTL_S, (NOW + TTL_S) * 1000)


async def test_what_goes_along_has_records_of_its_own(tmp_path: Path) -> None:
    async with audited_node(tmp_path) as node:
        await node.send("PUT", "/consumers/ada", {})
        await node.send("POST", "/consumers/ada/key-auth", {"key": "planted"})
        await node.send("POST", "/consumers/ada/acls", {"group": "g"})
        got = await node.call("/consumers/ada", "DELETE")
        shown = await node.records("objects", f"?request_id={got.headers[ID]}")

    assert {(r["operation"], r["dao_name"]) for r in shown} == {
        ("delete", "consumers"), ("delete", "acls"), ("delete", "keyauth_credentials")
    }  # fmt: skip


async def test_a_write_that_fails_leaves_no_record_of_rows(tmp_path: Path) -> None:
    async with audited_node(tmp_path) as node:
        made = await make_service(node)
        route = {"paths": ["/a"], "service": {"id": made["id"]}}
        await node.send("POST", "/routes", route)
        twice = await node.send("POST", "/services", {"name": "orders", "host": "x"})
        needed = await node.call("/services/orders", "DELETE")
        shown = await node.records("objects")

    assert (twice.status, needed.status) == (409, 400)
    assert [r["dao_name"] for r in reversed(shown)] == ["services", "routes"]


async def test_a_change_whose_record_cannot_be_kept_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise StoreUnavailable("planted")

    async with audited_node(tmp_path) as node:
        with monkeypatch.context() as patch:
            patch.setattr("ostiary.adapters.sql.config_writes.keep_objects", fail)
            got = await node.send("POST", "/services", {"host": "up.example"})
        rows = (await node.call("/services")).json()["data"]

    assert got.status == 503
    assert rows == []


# Signatures.

PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def signed_by_hand(shown: dict[str, Any]) -> bytes:
    names = sorted(set(shown) - {"signature", "ttl", "expire"})
    return "|".join(str(shown[n]) for n in names if shown[n] is not None).encode()


def verify(shown: dict[str, Any]) -> None:
    made = base64.b64decode(shown["signature"], validate=True)
    PRIVATE.public_key().verify(
        made, signed_by_hand(shown), padding.PKCS1v15(), SHA256()
    )


async def test_records_are_signed_as_kong_signs_them(tmp_path: Path) -> None:
    rules = {"sign": RsaSigner(PRIVATE).sign}
    async with audited_node(tmp_path, rules=rules) as node:
        await make_service(node)
        node.clock.now += 5
        shown = [await node.last(), *(await node.records("objects"))]

    assert signed_by_hand(shown[0]).startswith(b"127.0.0.1|POST|/services|{")
    for record in shown:
        verify(record)
        changed = {**record, "request_timestamp": NOW + 1}
        with pytest.raises(InvalidSignature):
            verify(changed)


def test_what_is_signed_is_values_by_name_without_nulls_and_flat() -> None:
    shown = {
        "b": 2, "a": "x", "signature": "s", "ttl": 3, "expire": 4, "c": None,
        "d": {"z": 1, "y": ["p", {"q": "r"}]},
    }  # fmt: skip

    assert build_signed_text(shown) == "x|2|p|r|1"


# Reading.


async def test_without_an_audit_log_there_is_no_such_path(tmp_path: Path) -> None:
    async with database_node(tmp_path) as node:
        for kind in ("requests", "objects"):
            got = await node.call(f"/audit/{kind}")
            assert (got.status, got.json()) == (404, {"message": "Not found"})
        listed = (await node.call("/endpoints")).json()["data"]

    assert [path for path in listed if "audit" in path] == []


async def test_with_one_there_are_two_that_are_only_read(tmp_path: Path) -> None:
    async with audited_node(tmp_path) as node:
        listed = (await node.call("/endpoints")).json()["data"]
        for kind in ("requests", "objects"):
            assert f"/audit/{kind}" in listed
            for method in ("POST", "PUT", "PATCH", "DELETE"):
                got = await node.call(f"/audit/{kind}", method)
                assert (got.status, got.json()) == (
                    405,
                    {"message": "Method not allowed"},
                )
        assert (await node.call("/audit/requests", "OPTIONS")).status == 204


async def walk(node: AuditedNode, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while path:
        page = (await node.call(path)).json()
        found += page["data"]
        path = page["next"] or ""
        assert ("offset" in page) == bool(path)
    return found


@pytest.mark.spec("gateway#1.12")
async def test_pages_go_from_the_newest_to_the_oldest(tmp_path: Path) -> None:
    rules = {"ignored_paths": ("^/audit",)}
    async with audited_node(tmp_path, rules=rules) as node:
        for number in range(7):
            await node.call(f"/n{number}")
        whole = (await node.call("/audit/requests")).json()
        first = (await node.call("/audit/requests?size=3")).json()
        await node.call("/later")
        second = (await node.call(first["next"])).json()
        found = await walk(node, "/audit/requests?size=2&status=404")

    paths = [f"/n{number}" for number in reversed(range(7))]
    assert [r["path"] for r in whole["data"]] == paths
    assert (whole["total"], whole["next"]) == (7, None)
    assert [r["path"] for r in first["data"]] == paths[:3]
    # What came meanwhile moves nothing.
    assert [r["path"] for r in second["data"]] == paths[3:6]
    assert (first["total"], second["total"]) == (7, 8)
    assert [r["path"] for r in found] == ["/later", *paths]


async def test_a_page_has_a_hundred_records_unless_asked_otherwise(
    tmp_path: Path,
) -> None:
    rules = {"ignored_paths": ("^/audit",)}
    async with audited_node(tmp_path, rules=rules) as node:
        for _ in range(101):
            await node.call("/robots.txt")
        page = (await node.call("/audit/requests")).json()

    assert (len(page["data"]), page["total"]) == (100, 101)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("method=POST", 1),
        ("method=post", 0),
        ("path=/services", 2),
        ("path=/serv", 0),
        ("status=404", 1),
        ("rbac_user_name=anna", 4),
        ("rbac_user_name=eve", 0),
        (f"workspace={DEFAULT_WORKSPACE}", 4),
        ("workspace=w1", 0),
        (f"after={NOW + 10}", 3),
        (f"before={NOW + 10}", 1),
        (f"after={NOW + 10}&before={NOW + 20}", 1),
        ("method=GET&path=/services&status=200", 1),
        ("path=a%00b", 0),
    ],
)
async def test_requests_are_found_by_exact_values_and_times(
    tmp_path: Path, query: str, count: int
) -> None:
    rules = {"ignored_paths": ("^/audit",)}
    async with audited_node(tmp_path, rules=rules) as node:
        node.with_state(rbac_user=User())
        for method, path in (
            ("GET", "/services"), ("POST", "/services"), ("GET", "/nothing"), ("GET", "/")
        ):  # fmt: skip
            await node.call(path, method)
            node.clock.now += 10
        page = (await node.call(f"/audit/requests?{query}")).json()

    assert (len(page["data"]), page["total"]) == (count, count)


async def test_rows_are_found_by_what_was_done_to_which(tmp_path: Path) -> None:
    async with audited_node(tmp_path) as node:
        made = await make_service(node)
        await make_service(node, "other")
        got = await node.call("/services/orders", "DELETE")
        for query, count in {
            "dao_name=services": 3, "dao_name=routes": 0, "operation=delete": 1,
            f"entity_key={made['id']}": 2, f"request_id={got.headers[ID]}": 1,
            f"entity_key={made['id']}&operation=create": 1,
        }.items():  # fmt: skip
            assert len(await node.records("objects", f"?{query}")) == count, query


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("requests?nobody=1", "invalid option (nobody: unknown filter, must be one of method,"),
        ("objects?method=GET", "invalid option (method: unknown filter"),
        ("requests?tags=a", "invalid option (tags: unknown filter"),
        ("requests?status=abc", "invalid option (status: must be a status code"),
        ("requests?status=\u0664\u0660\u0664", "invalid option (status: must be a status code"),
        ("requests?status=404&status=200", "invalid option (status: must be there only once)"),
        ("requests?after=yesterday", "invalid option (after: must be Unix seconds)"),
        ("requests?before=-1", "invalid option (before: must be Unix seconds)"),
        ("requests?before=99999999999999999999", "invalid option (before: must be Unix seconds)"),
        ("requests?path=", "invalid option (path: cannot be empty)"),
        ("objects?operation=read", "invalid option (operation: must be one of create, update"),
        ("requests?size=0", "size must be an integer between 1 and 1000"),
        ("requests?offset=%21", "'!' is not a valid offset: bad base64 encoding"),
        ("requests?offset=WyJ4Il0", "'WyJ4Il0' is not a valid offset: it is of another list"),
    ],
)  # fmt: skip
async def test_a_filter_that_is_none_is_refused_with_what_it_is(
    tmp_path: Path, target: str, said: str
) -> None:
    async with audited_node(tmp_path) as node:
        got = await node.call(f"/audit/{target}")

    assert got.status == 400
    assert got.json()["message"].startswith(said)


async def test_what_is_over_is_not_shown(tmp_path: Path) -> None:
    async with audited_node(tmp_path) as node:
        await make_service(node)
        node.clock.now += TTL_S - 1
        assert (await node.last())["ttl"] == 1
        node.clock.now += 1
        shown, things = await node.records(), await node.records("objects")

    assert [r["path"] for r in shown] == ["/audit/requests"]
    assert things == []
