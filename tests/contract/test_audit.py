"""The audit log: its store on each database, and a node that keeps it."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from ostiary.adapters.sql.audit_store import GONE_AT_ONCE
from ostiary.adapters.sql.config_store import SqlConfigStore, open_config_store
from ostiary.model.gateway import Service
from ostiary.ports.audit import ObjectRecord, RequestRecord, Search
from ostiary.ports.config_store import ConfigStore
from tests.support.lean_node import Got, LeanNode, eventually, lean_node
from tests.support.postgres_server import PASSWORD, PostgresServer, postgres_server

pytestmark = pytest.mark.spec("gateway#1.17")
KEY = b"k" * 32
NOW = 1_800_000_000
PLANTED = "pLaNtEd7x"
UUID = "11111111-1111-4111-8111-111111111111"


def request(number: int, **more: Any) -> RequestRecord:
    made = RequestRecord(
        request_id=f"{number:032x}",
        request_timestamp=NOW + number,
        expires_at=NOW + number + 1000,
        client_ip="127.0.0.1",
        method="GET",
        path="/services",
        status=200,
        workspace=UUID,
    )
    return replace(made, **more)


def thing(number: int, **more: Any) -> ObjectRecord:
    made = ObjectRecord(
        id=UUID[:-2] + f"{number:02}",
        request_id=f"{number:032x}",
        request_timestamp=NOW + number,
        expires_at=NOW + number + 1000,
        dao_name="services",
        entity_key=UUID,
        operation="create",
        entity='{"name":"\u00e9"}',
    )
    return replace(made, **more)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as found:
        yield found


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'config.db'}"
    found: PostgresServer = request.getfixturevalue("server")
    return found.url(found.make_database())


@pytest.fixture
async def store(url: str) -> AsyncIterator[SqlConfigStore]:
    made = await open_config_store(url, KEY)
    yield made
    await made.close()


async def test_records_are_found_as_they_were_kept_newest_first(
    store: SqlConfigStore,
) -> None:
    log = store.audit
    kept = [
        request(1),
        request(2, method="POST", status=201, payload='{"a":"\\u0000\u00e9"}'),
        request(3, rbac_user_name="anna", path="/a%00", client_ip=None, signature="s"),
    ]
    for record in kept:
        await log.keep(record)
    whole = await log.requests(Search(), now=NOW)
    first = await log.requests(Search(size=2), now=NOW)
    rest = await log.requests(Search(size=2, behind=first.behind), now=NOW)

    assert list(whole.records) == kept[::-1]
    assert (whole.total, whole.behind) == (3, None)
    assert (*first.records, *rest.records) == whole.records
    assert (first.total, rest.total, rest.behind) == (3, 3, None)
    for search, found in (
        (Search(values={"method": "POST", "status": 201}), [kept[1]]),
        (Search(values={"rbac_user_name": "anna"}), [kept[2]]),
        (Search(values={"path": "a\x00"}), []),
        (Search(after=NOW + 2), [kept[2], kept[1]]),
        (Search(before=NOW + 2), [kept[0]]),
    ):
        assert list((await log.requests(search, now=NOW)).records) == found


async def test_records_of_rows_are_kept_with_their_write_or_not_at_all(
    store: SqlConfigStore,
) -> None:
    row = Service(id=UUID, name="orders", host="h")
    with pytest.raises(RuntimeError, match="planted"):
        await _write(store, row, fails=True)
    assert (await store.audit.objects(Search(), now=NOW)).total == 0
    await _write(store, row, fails=False)
    found = await store.audit.objects(Search(values={"dao_name": "services"}), now=NOW)

    assert found.records == (thing(2), thing(1))
    assert await store.revision() == 1


async def _write(store: ConfigStore, row: Service, *, fails: bool) -> None:
    async with store.writing() as write:
        await write.put(row)
        assert [(d.operation, d.row) for d in write.deeds] == [("create", row)]
        await write.note([thing(1), thing(2)])
        if fails:
            raise RuntimeError("planted")


async def test_what_is_over_goes_when_something_comes_and_not_too_much_at_once(
    store: SqlConfigStore,
) -> None:
    log, over = store.audit, NOW + 5000
    for number in range(3):
        await log.keep(request(number))
    async with store.writing() as write:
        old = [thing(1, request_id=f"{n:032x}") for n in range(GONE_AT_ONCE + 7)]
        await write.note([*old, thing(2, expires_at=over + 9)])
    # Nobody is shown what is over, gone or not.
    assert (await log.objects(Search(), now=over)).total == 1
    await log.keep(request(8, request_timestamp=over, expires_at=over + 9))
    assert (await log.requests(Search(), now=0)).total == 1
    assert (await log.objects(Search(), now=0)).total == 8
    await log.keep(request(9, request_timestamp=over, expires_at=over + 9))
    assert (await log.objects(Search(), now=0)).total == 8  # once in a second
    await log.keep(request(9, request_timestamp=over + 1, expires_at=over + 9))
    assert (await log.objects(Search(), now=0)).records == (
        thing(2, expires_at=over + 9),
    )


async def test_nodes_that_record_at_once_lose_nothing(url: str) -> None:
    one, two = await open_config_store(url, KEY), await open_config_store(url, KEY)
    try:
        async with one.writing() as write:
            await write.note([thing(1, expires_at=NOW) for _ in range(600)])
        await asyncio.gather(
            *((one, two)[n % 2].audit.keep(request(n)) for n in range(24))
        )
        found = await two.audit.requests(Search(), now=NOW)
        assert found.total == 24
        ids = {record.request_id for record in found.records}
        assert ids == {request(n).request_id for n in range(24)}
    finally:
        await one.close()
        await two.close()


# A node.


def verify(shown: dict[str, Any], key: rsa.RSAPrivateKey) -> None:
    names = sorted(set(shown) - {"signature", "ttl", "expire"})
    text = "|".join(str(shown[n]) for n in names if shown[n] is not None)
    signature = base64.b64decode(shown["signature"], validate=True)
    key.public_key().verify(signature, text.encode(), padding.PKCS1v15(), SHA256())


async def send(node: LeanNode, method: str, path: str, data: Any = None) -> Got:
    body = None if data is None else json.dumps(data)
    fields = {} if data is None else {"content_type": "application/json"}
    return await node.get(node.ports.admin, path, method=method, body=body, **fields)


def make_key(folder: Path) -> tuple[rsa.RSAPrivateKey, Path]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path = folder / "audit.pem"
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(pem)
    return key, path


@pytest.mark.spec("gateway#5.7")
async def test_a_node_records_what_its_admin_api_is_asked(
    tmp_path: Path, server: PostgresServer
) -> None:
    key, path = make_key(tmp_path)
    settings = {
        "database": "postgres", "pg_host": str(server.folder), "pg_user": "ostiary",
        "pg_password": PASSWORD, "pg_database": server.make_database(),
        "audit_log": "on", "audit_log_signing_key": str(path),
        "audit_log_ignore_paths": "^/robots", "pg_timeout": "1000",
    }  # fmt: skip
    async with lean_node(tmp_path, **settings) as node:
        await send(node, "GET", "/robots.txt")
        await send(node, "PUT", "/consumers/ada", {"custom_id": "a1"})
        made = await send(node, "POST", "/consumers/ada/key-auth", {"key": PLANTED})
        await send(node, "GET", f"/key-auths/{PLANTED}")
        await send(node, "GET", "/nothing")
        gone = await send(node, "DELETE", "/consumers/ada")
        requests = (await send(node, "GET", "/audit/requests")).json()
        query = f"?request_id={gone.headers['X-Kong-Admin-Request-ID']}"
        things = (await send(node, "GET", f"/audit/objects{query}")).json()["data"]

        assert (requests["total"], requests["next"]) == (5, None)
        assert [(r["method"], r["path"], r["status"]) for r in requests["data"]] == [
            ("DELETE", "/consumers/ada", 204),
            ("GET", "/nothing", 404),
            ("GET", "/key-auths/***", 200),
            ("POST", "/consumers/ada/key-auth", 201),
            ("PUT", "/consumers/ada", 200),
        ]
        record = requests["data"][3]
        assert record["request_id"] == made.headers["X-Kong-Admin-Request-ID"]
        assert record["removed_from_payload"] == "key"
        assert {(t["operation"], t["dao_name"]) for t in things} == {
            ("delete", "consumers"), ("delete", "keyauth_credentials")
        }  # fmt: skip
        assert PLANTED not in json.dumps([requests, things])
        for shown in (*requests["data"], *things):
            verify(shown, key)
        await _check_without_database(node, server)


async def _check_without_database(node: LeanNode, server: PostgresServer) -> None:
    """An answer goes out without its record, and the log names it."""
    server.stop()
    try:
        got = await send(node, "GET", "/")
        refused = await send(node, "POST", "/consumers", {"username": PLANTED})
    finally:
        server.start()

    assert (got.status, refused.status) == (200, 503)
    log = (node.prefix / "logs/error.log").read_text()
    for answer, named in ((got, "(GET, 200)"), (refused, "(POST, 503)")):
        identity = answer.headers["X-Kong-Admin-Request-ID"]
        assert f"no audit record of the request {identity} {named}" in log
    assert PLANTED not in log

    async def records_again() -> bool:
        return (await send(node, "GET", "/audit/requests")).status == 200

    await eventually(records_again)
