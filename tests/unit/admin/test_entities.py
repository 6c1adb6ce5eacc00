"""Every kind of row: made, shown, changed, put and let go, as Kong does it."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ostiary.model.kinds import KINDS
from tests.unit.admin.admin_kit import NOW, Node, database_node
from tests.unit.admin.rows_kit import SAMPLES, Sample, furnish, place_ids

AUTOMATIC = {"id", "created_at", "updated_at"}
MISSING = "11111111-2222-4333-8444-555555555555"
of_every_kind = pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.kind)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def furnished(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[bytes, dict[str, str]]:
    """A database with what rows refer to, and the ids of that: made once, copied often."""
    folder = tmp_path_factory.mktemp("furnished")
    async with database_node(folder) as made:
        found = await furnish(made)
    return (folder / "config.db").read_bytes(), found


@pytest.fixture
async def node(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    furnished: tuple[bytes, dict[str, str]],
) -> AsyncIterator[Node]:
    data = furnished[0] if "ids" in request.fixturenames else None
    async with database_node(tmp_path, data=data) as made:
        if data is not None:
            made.entropy.count = 1000  # beyond the ids that are there
        yield made


@pytest.fixture
def ids(furnished: tuple[bytes, dict[str, str]]) -> dict[str, str]:
    return furnished[1]


def bare(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in AUTOMATIC}


def expected(sample: Sample, ids: dict[str, str]) -> dict[str, Any]:
    row: dict[str, Any] = place_ids(sample.row, ids)
    if row.get("password") == "#":
        text = ("pw" + ids["consumer"]).encode()
        row["password"] = hashlib.sha1(text).hexdigest()
    return row


async def make(node: Node, sample: Sample, ids: dict[str, str]) -> dict[str, Any]:
    reply = await node.send("POST", sample.path, place_ids(sample.body, ids))
    assert reply.status == 201, reply.text
    made: dict[str, Any] = reply.json()
    return made


async def show(node: Node, path: str) -> dict[str, Any]:
    """A row, whether it is wrapped or not."""
    reply = await node.call(path)
    assert reply.status == 200, reply.text
    row: dict[str, Any] = reply.json()
    inner: dict[str, Any] = row.get("consumer_group", row)
    return inner


def test_there_is_a_sample_of_every_kind() -> None:
    assert {s.kind for s in SAMPLES} == KINDS.keys() - {"consumer_group_consumers"}


@pytest.mark.spec("gateway#1.10")
@of_every_kind
async def test_a_posted_row_has_every_field_with_its_default(
    node: Node, ids: dict[str, str], sample: Sample
) -> None:
    made = await make(node, sample, ids)

    assert bare(made) == expected(sample, ids)
    assert str(uuid.UUID(made["id"])) == made["id"]
    assert made["created_at"] == made["updated_at"] == NOW
    assert await show(node, f"{sample.path}/{made['id']}") == made


@pytest.mark.spec("gateway#1.13")
@of_every_kind
async def test_a_form_says_the_same_as_json(
    node: Node, ids: dict[str, str], sample: Sample
) -> None:
    body = sample.encoded().replace("%40service", ids["service"])
    body = body.replace("%40certificate", ids["certificate"])
    reply = await node.form("POST", sample.path, body)

    assert reply.status == 201, reply.text
    assert bare(reply.json()) == expected(sample, ids)


@pytest.mark.spec("gateway#1.13")
@of_every_kind
async def test_a_multipart_body_says_the_same_as_json(
    node: Node, ids: dict[str, str], sample: Sample
) -> None:
    # PEM texts are sent as files, as `curl -F cert=@cert.pem` does.
    parts = b""
    for name, value in sample.form:
        is_file = value.startswith("-----")
        file = f'; filename="{name}.pem"' if is_file else ""
        kind = "Content-Type: application/x-x509-ca-cert\r\n" if is_file else ""
        head = f'--b\r\nContent-Disposition: form-data; name="{name}"{file}\r\n{kind}'
        parts += f"{head}\r\n{place_ids(value, ids)}\r\n".encode()
    headers = {"content-type": "multipart/form-data; boundary=b"}
    reply = await node.call(
        sample.path, "POST", body=parts + b"--b--\r\n", headers=headers
    )

    assert reply.status == 201, reply.text
    assert bare(reply.json()) == expected(sample, ids)


@pytest.mark.spec("gateway#1.10")
@of_every_kind
async def test_a_row_is_found_by_its_name_as_by_its_id(
    node: Node, ids: dict[str, str], sample: Sample
) -> None:
    made = await make(node, sample, ids)
    if sample.name is None:
        return  # this kind has ids alone

    assert await show(node, f"{sample.path}/{sample.name}") == made
    assert await show(node, f"{sample.path}/{sample.name}/") == made


@pytest.mark.spec("gateway#1.10")
@of_every_kind
async def test_a_row_put_at_a_new_id_is_made_with_it(
    node: Node, ids: dict[str, str], sample: Sample
) -> None:
    if sample.kind == "targets":
        return  # tested below: they are not made by PUT
    body = place_ids(sample.body, ids)
    reply = await node.send("PUT", f"{sample.path}/{MISSING}", body)

    assert reply.status == 200, reply.text
    assert bare(reply.json()) == expected(sample, ids)
    assert reply.json()["id"] == MISSING
    assert await show(node, f"{sample.path}/{MISSING}") == reply.json()


@pytest.mark.spec("gateway#1.10")
@of_every_kind
async def test_a_row_put_at_a_new_name_has_it(
    node: Node, ids: dict[str, str], sample: Sample
) -> None:
    if sample.name is None or sample.kind == "targets":
        return
    body = place_ids(sample.body, ids)
    kept = {n: v for n, v in body.items() if v not in (sample.name, [sample.name])}
    reply = await node.send("PUT", f"{sample.path}/{sample.name}", kept)

    assert reply.status == 200, reply.text
    assert bare(reply.json()) == expected(sample, ids)


@pytest.mark.spec("gateway#1.10")
@of_every_kind
async def test_a_row_put_again_is_what_is_given_and_defaults(
    node: Node, ids: dict[str, str], sample: Sample
) -> None:
    made = await make(node, sample, ids)
    path = f"{sample.path}/{made['id']}"
    changed = await node.send("PATCH", path, sample.change)
    body = place_ids(sample.body, ids)
    reply = await node.send("PUT", path, body)

    assert (changed.status, reply.status) == (200, 200), changed.text + reply.text
    assert bare(reply.json()) == expected(sample, ids)
    assert reply.json()["created_at"] == made["created_at"]
    assert (await node.call(sample.path)).json()["next"] is None


@pytest.mark.spec("gateway#1.10")
@of_every_kind
async def test_a_patch_changes_what_it_names(
    node: Node, ids: dict[str, str], sample: Sample
) -> None:
    made = await make(node, sample, ids)
    path = f"{sample.path}/{sample.name or made['id']}"
    before = len((await node.call(sample.path)).json()["data"])
    # The id of a row is what it is.
    reply = await node.send("PATCH", path, {**sample.change, "id": MISSING})

    assert reply.status == 200, reply.text
    assert reply.json() == {**made, **sample.change}
    assert await show(node, f"{sample.path}/{made['id']}") == reply.json()
    assert len((await node.call(sample.path)).json()["data"]) == before


@pytest.mark.spec("gateway#1.10")
@of_every_kind
async def test_a_deleted_row_is_gone_and_can_be_deleted_again(
    node: Node, ids: dict[str, str], sample: Sample
) -> None:
    made = await make(node, sample, ids)
    path = f"{sample.path}/{made['id']}"
    first, second = await node.send("DELETE", path), await node.send("DELETE", path)
    gone = await node.call(path)

    assert (first.status, first.body, second.status) == (204, b"", 204)
    assert (gone.status, gone.json()) == (404, {"message": "Not found"})


@pytest.mark.spec("gateway#1.11")
@of_every_kind
async def test_everything_that_is_missing_or_unknown_is_said_at_once(
    node: Node, ids: dict[str, str], sample: Sample
) -> None:
    reply = await node.send("POST", sample.path, {"nome": 1, "tags": ["a,b"]})
    body = reply.json()

    assert reply.status == 400
    assert (body["code"], body["name"]) == (2, "schema violation")
    tag = "invalid tag 'a,b': expected printable ascii (except `,` and `/`) or valid utf-8 sequences"
    assert body["fields"]["nome"] == "unknown field"
    assert body["fields"]["tags"] == [tag]
    assert f"tags.1: {tag}" in body["message"]
    for name in sample.required:
        assert body["fields"][name] == "required field missing"
        assert f"{name}: required field missing" in body["message"]


@pytest.mark.spec("gateway#1.12")
@of_every_kind
async def test_rows_are_listed_page_by_page_and_by_tag(
    node: Node, ids: dict[str, str], sample: Sample
) -> None:
    made = await make(node, sample, ids)
    await node.send("PATCH", f"{sample.path}/{made['id']}", {"tags": ["x", "y"]})
    found: list[str] = []
    target = f"{sample.path}?size=1"
    while target:
        page = (await node.call(target)).json()
        assert ("offset" in page) is (page["next"] is not None)
        found += [row["id"] for row in page["data"]]
        target = page["next"]
    tagged = [
        [row["id"] for row in (await node.call(f"{sample.path}?tags={t}")).json()["data"]]
        for t in ("x,y", "x/z", "x,z", "z")
    ]  # fmt: skip

    assert found.count(made["id"]) == 1
    assert len(found) == len(set(found))
    assert tagged == [[made["id"]], [made["id"]], [], []]


@pytest.mark.spec("gateway#1.10")
@of_every_kind
async def test_verbs_of_lists_and_rows_are_those_of_kong(
    node: Node, ids: dict[str, str], sample: Sample
) -> None:
    made = await make(node, sample, ids)
    path = f"{sample.path}/{made['id']}"
    lists, rows = (
        await node.call(sample.path, "OPTIONS"),
        await node.call(path, "OPTIONS"),
    )
    head, got = await node.call(path, "HEAD"), await node.call(path)
    wrong = [await node.call(sample.path, m) for m in ("PUT", "PATCH", "DELETE")]
    wrong += [await node.call(path, "POST")]

    assert lists.status == rows.status == 204
    assert lists.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert rows.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"
    assert rows.headers["access-control-allow-methods"] == rows.headers["allow"]
    assert rows.headers["access-control-allow-headers"] == "Content-Type"
    assert head.status == 200
    assert head.headers["content-length"] == got.headers["content-length"]
    assert [(r.status, r.json()) for r in wrong] == [
        (405, {"message": "Method not allowed"})
    ] * 4
