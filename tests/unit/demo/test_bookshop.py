"""The demo's bookshop does what the portal's example specification says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ostiary.cli.demo.bookshop import BOOKS, bookshop_app
from ostiary.cli.demo.steps import _BOOKSHOP_SERVERS
from ostiary.model.safe_yaml import parse_yaml
from ostiary.portal.content.defaults import load_shipped_files
from ostiary.portal.content.openapi.document import read_api
from tests.unit.demo.asgi import call

ORDER = {"lines": [{"book": "b-17", "count": 2}], "address": "1 Main Street"}


def shipped() -> str:
    return next(
        f.contents for f in load_shipped_files() if f.path == "specs/bookshop.yaml"
    )


async def order(app: Any, body: Any, **fields: str) -> Any:
    return await call(
        app,
        "/orders",
        method="POST",
        body=json.dumps(body).encode(),
        headers={"content-type": "application/json", **fields},
    )


async def test_books_are_listed_by_author_and_price() -> None:
    app = bookshop_app()
    every = json.loads((await call(app, "/books")).body)["books"]
    hers = json.loads(
        (await call(app, "/books?author=Ursula%20K.%20Le%20Guin&order=price")).body
    )["books"]
    one = json.loads((await call(app, "/books?size=1")).body)["books"]

    assert len(every) == len(BOOKS)
    assert [book["id"] for book in hers] == ["b-18", "b-17"]
    assert len(one) == 1


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/books/b-17", 200),
        ("/books/b-99", 404),
        ("/books?order=colour", 400),
        ("/books?size=many", 400),
        ("/orders/o-1", 404),
    ],
)
async def test_what_is_there_is_told_and_what_is_not_is_a_problem(
    path: str, status: int
) -> None:
    reply = await call(bookshop_app(), path)

    assert reply.status == status
    assert ("message" in json.loads(reply.body)) == (status >= 400)


async def test_an_order_is_taken_once_for_one_key_followed_and_cancelled() -> None:
    app = bookshop_app()
    first = await order(app, ORDER, **{"idempotency-key": "k"})
    again = await order(app, ORDER, **{"idempotency-key": "k"})
    name = json.loads(first.body)["id"]
    shown = await call(app, f"/orders/{name}")
    gone = await call(app, f"/orders/{name}", method="DELETE")
    after = await call(app, f"/orders/{name}")

    assert (first.status, again.status, shown.status) == (201, 201, 200)
    assert json.loads(again.body)["id"] == name
    assert json.loads(shown.body)["total"] == {"amount": 2598, "currency": "EUR"}
    assert (gone.status, after.status) == (204, 404)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ([], 400),
        ({**ORDER, "lines": []}, 400),
        ({**ORDER, "lines": [{"book": "b-17", "count": 0}]}, 400),
        ({**ORDER, "lines": [{"book": 1, "count": 1}]}, 400),
        ({**ORDER, "lines": "x"}, 400),
        ({**ORDER, "address": None}, 400),
        ({**ORDER, "lines": [{"book": "b-34", "count": 1}]}, 409),
        ({**ORDER, "lines": [{"book": "b-99", "count": 1}]}, 409),
    ],
)
async def test_what_is_no_order_or_not_in_stock_is_a_problem(
    body: Any, status: int
) -> None:
    reply = await order(bookshop_app(), body)

    assert reply.status == status
    assert {"message", "code"} == {*json.loads(reply.body)}


async def test_orders_do_not_grow_without_end() -> None:
    app = bookshop_app()
    first = json.loads((await order(app, ORDER)).body)["id"]
    for number in range(100):
        await order(app, ORDER, **{"idempotency-key": str(number)})

    assert (await call(app, f"/orders/{first}")).status == 404


async def test_the_shipped_specification_is_that_of_the_shop() -> None:
    """Its operations are there, and the demo knows the servers that it puts its own in place of."""
    app, api = bookshop_app(), read_api(parse_yaml(shipped()), fallback="")
    found = {(o.method, o.path) for o in api.operations}
    routes = {(m, r.path) for r in app.routes for m in r.methods - {"HEAD"}}  # type: ignore[attr-defined]  # routes

    assert _BOOKSHOP_SERVERS in shipped()
    assert found == routes
