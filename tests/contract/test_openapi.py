"""Whatever the document of the Admin API allows or forbids: answers are as it says, none is a fault."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from requests import PreparedRequest
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode

from tests.contract import openapi_kit as kit
from tests.contract.openapi_kit import Site, Told
from tests.unit.demo.asgi import Reply

BOTH = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = kit.database_site(tmp_path_factory.mktemp("openapi"))
    yield site
    site.close()


@pytest.fixture(scope="module")
def file() -> Iterator[Site]:
    site = kit.file_site()
    yield site
    site.close()


def test_the_edges_of_every_operation_are_answered_as_documented(
    database: Site,
) -> None:
    told = Told()
    for operation in kit.operations(kit.load(database)):
        kit.cover(database, operation, modes=BOTH, told=told, most=6)

    assert told.report() == ""
    known = {operation.label for operation in kit.operations(kit.load(database))}
    assert told.asked == known
    assert {200, 201, 204, 400, 404, 405, 409} <= {*told.statuses}


def test_what_can_be_sent_is_answered_as_documented(database: Site) -> None:
    told = Told()
    for operation in kit.operations(kit.load(database)):
        count = 2 if operation.body else 1
        kit.explore(
            database, operation, mode=GenerationMode.POSITIVE, examples=count, told=told
        )

    assert told.report() == ""
    assert {200, 201, 204, 400, 404, 409} <= {*told.statuses}


def test_bodies_that_cannot_be_are_refused_as_documented(database: Site) -> None:
    told = Told()
    for operation in kit.operations(kit.load(database)):
        if operation.method == "post":
            kit.explore(
                database, operation, mode=GenerationMode.NEGATIVE, examples=2, told=told
            )

    assert told.report() == ""


def test_a_node_with_a_file_answers_as_documented(file: Site) -> None:
    told = Told()
    for operation in kit.operations(kit.load(file)):
        kit.cover(file, operation, modes=BOTH, told=told, most=4)

    assert told.report() == ""
    assert {200, 400, 404, 405} <= {*told.statuses}


def test_the_file_is_replaced_as_documented(file: Site) -> None:
    told = Told()
    [load] = [o for o in kit.operations(kit.load(file)) if o.label == "POST /config"]
    kit.explore(file, load, mode=GenerationMode.POSITIVE, examples=30, told=told)

    assert told.report() == ""
    assert {201, 400} <= {*told.statuses}


def test_rows_live_as_documented(database: Site) -> None:
    told = Told()
    kinds = "consumers|consumer_groups|key-sets"
    kit.live(database, told, paths=rf"^/({kinds})(/\{{[a-z_]+\}})?$", lives=25)

    assert {("POST", 201), ("GET", 200), ("DELETE", 204)} <= {*told.steps}


def drop_a_field(reply: Reply) -> Reply:
    return _change(reply, lambda row: row.pop("host", None))


def add_a_field(reply: Reply) -> Reply:
    return _change(reply, lambda row: row.update(secret="planted"))


def turn_a_type(reply: Reply) -> Reply:
    return _change(reply, lambda row: row.update(port=str(row["port"])))


def fail(reply: Reply) -> Reply:
    return replace(reply, status=500)


def say_another_status(reply: Reply) -> Reply:
    return replace(reply, status=202)


def say_another_type(reply: Reply) -> Reply:
    return replace(reply, headers={**reply.headers, "content-type": "text/html"})


def hide_how_long_it_took(reply: Reply) -> Reply:
    headers = {k: v for k, v in reply.headers.items() if k != "x-kong-admin-latency"}
    return replace(reply, headers=headers)


def _change(reply: Reply, change: Callable[[dict[str, object]], object]) -> Reply:
    if reply.status != 200:
        return reply
    row = json.loads(reply.body)
    change(row)
    return replace(reply, body=json.dumps(row).encode())


@pytest.mark.parametrize(
    ("plant", "found"),
    [
        (drop_a_field, "JsonSchemaError"),
        (add_a_field, "JsonSchemaError"),
        (turn_a_type, "JsonSchemaError"),
        (fail, "ServerError"),
        (say_another_status, "UndefinedStatusCode"),
        (say_another_type, "UndefinedContentType"),
        (hide_how_long_it_took, "MissingHeaders"),
    ],
)
def test_a_planted_violation_is_found(
    database: Site,
    monkeypatch: pytest.MonkeyPatch,
    plant: Callable[[Reply], Reply],
    found: str,
) -> None:
    site, honest = database, database.answer
    monkeypatch.setattr(site, "answer", lambda request: plant(honest(request)))
    told = Told()
    for operation in kit.operations(kit.load(site)):
        if operation.label == "GET /services/{services}":
            kit.explore(
                site, operation, mode=GenerationMode.POSITIVE, examples=4, told=told
            )

    assert ("GET /services/{services}", found) in told.problems


def test_a_site_that_takes_anything_is_found(
    database: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, honest = database, database.answer
    taken = lambda request: replace(honest(request), status=201)  # noqa: E731
    monkeypatch.setattr(site, "answer", taken)
    told = Told()
    for operation in kit.operations(kit.load(site)):
        if operation.label == "POST /services":
            kit.explore(
                site, operation, mode=GenerationMode.NEGATIVE, examples=10, told=told
            )

    assert ("POST /services", "AcceptedNegativeData") in told.problems


def test_a_document_that_promises_too_much_is_found(database: Site) -> None:
    document = json.loads(json.dumps(database.document))
    fields = document["components"]["schemas"]["ConsumerInput"]["properties"]
    fields["username"] = {"type": "integer"}
    told = Told()
    for operation in kit.operations(kit.load(database, document)):
        if operation.label == "PATCH /consumers/{consumers}":
            kit.cover(database, operation, modes=BOTH, told=told)

    assert ("PATCH /consumers/{consumers}", "WellFormedRefused") in told.problems


def test_a_row_that_does_not_go_is_found(
    database: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = database.answer

    def keep(request: PreparedRequest) -> Reply:
        if request.method == "DELETE":
            headers = {
                "x-kong-admin-latency": "0",
                "x-kong-admin-request-id": "0" * 32,
            }
            return Reply(status=204, headers=headers, body=b"")
        return honest(request)

    monkeypatch.setattr(database, "answer", keep)
    with pytest.raises(FailureGroup, match="Deleted resource still available"):
        kit.live(database, Told(), paths=r"^/key-sets(/\{[a-z_]+\})?$", lives=100)
