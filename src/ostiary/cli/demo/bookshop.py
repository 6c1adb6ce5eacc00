"""
The API that the portal's example specification describes, so that it can be tried in the demo.

A shop of a few books; orders are kept in memory, the oldest go. It asks nobody for a token: that would
be the gateway's business, and is shown on the routes beside it.

Spec: `specs/bookshop.yaml` of the portal's shipped files.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Json = dict[str, Any]  # Any: JSON
_MOST_ORDERS: Final = 100
_MOST_BYTES: Final = 64 * 1024
_MOST_LINES: Final = 50
_SHELF: Final = (
    ("b-17", "The Dispossessed", "Ursula K. Le Guin", 1974, 1299, 12),
    ("b-18", "The Left Hand of Darkness", "Ursula K. Le Guin", 1969, 1199, 4),
    ("b-21", "Kindred", "Octavia E. Butler", 1979, 1099, 7),
    ("b-34", "Solaris", "Stanisław Lem", 1961, 999, 0),
    ("b-42", "The Hitchhiker’s Guide to the Galaxy", "Douglas Adams", 1979, 899, 42),
)
BOOKS: Final[dict[str, Json]] = {
    id_: {
        "id": id_, "title": title, "author": author, "published": year,
        "price": {"amount": cents, "currency": "EUR"}, "in_stock": stock,
    }
    for id_, title, author, year, cents, stock in _SHELF
}  # fmt: skip
_ORDERS_BY: Final = {
    "title": lambda book: book["title"],
    "published": lambda book: book["published"],
    "price": lambda book: book["price"]["amount"],
}


def _say(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"message": message, "code": code}, status_code=status)


@dataclass(slots=True)
class Bookshop:
    """The shop and its orders."""

    orders: OrderedDict[str, Json] = field(default_factory=OrderedDict)
    by_key: dict[str, str] = field(default_factory=dict)
    made: int = 2040

    async def list_books(self, request: Request) -> Response:
        """`GET /books`: by what comes first, those of one author, so many."""
        query = request.query_params
        order = query.get("order", "title")
        said = query.get("size", "20")
        if order not in _ORDERS_BY or not (said.isascii() and said.isdecimal()):
            return _say(400, "invalid", "order is title, published or price; size a number.")  # fmt: skip
        author = query.get("author")
        found = [b for b in BOOKS.values() if author in {None, "", b["author"]}]
        found.sort(key=_ORDERS_BY[order])
        return JSONResponse({"books": found[: int(said[:3])], "next": None})

    async def get_book(self, request: Request) -> Response:
        """`GET /books/{book}`."""
        name = request.path_params["book"]
        if name not in BOOKS:
            return _say(404, "not_found", f"There is no book {name[:40]}.")
        return JSONResponse(BOOKS[name])

    async def create_order(self, request: Request) -> Response:
        """`POST /orders`: what is named, if all of it is in stock; once for one key."""
        key = request.headers.get("idempotency-key", "")[:100]
        if key and (before := self.orders.get(self.by_key.get(key, ""))) is not None:
            return JSONResponse(before, status_code=201)
        body = await request.body()
        lines = _read_lines(body)
        if lines is None:
            return _say(400, "invalid", "An order has lines of a book and a count, and an address.")  # fmt: skip
        for book, count in lines:
            if BOOKS.get(book, {"in_stock": 0})["in_stock"] < count:
                return _say(409, "out_of_stock", f"There are not {count} of {book[:40]}.")  # fmt: skip
        self.made += 1
        total = sum(BOOKS[book]["price"]["amount"] * count for book, count in lines)
        order = {
            **json.loads(body), "id": f"o-{self.made}", "status": "taken",
            "total": {"amount": total, "currency": "EUR"},
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }  # fmt: skip
        self._keep(order, key)
        place = f"{request.url.path}/{order['id']}"
        return JSONResponse(order, status_code=201, headers={"Location": place})

    def _keep(self, order: Json, key: str) -> None:
        self.orders[order["id"]] = order
        if key:
            self.by_key[key] = order["id"]
        while len(self.orders) > _MOST_ORDERS:
            gone, _ = self.orders.popitem(last=False)
            self.by_key = {k: o for k, o in self.by_key.items() if o != gone}

    async def get_order(self, request: Request) -> Response:
        """`GET /orders/{order}`."""
        found = self.orders.get(request.path_params["order"])
        return _no_order(request) if found is None else JSONResponse(found)

    async def cancel_order(self, request: Request) -> Response:
        """`DELETE /orders/{order}`."""
        found = self.orders.pop(request.path_params["order"], None)
        return _no_order(request) if found is None else Response(status_code=204)


def _no_order(request: Request) -> Response:
    name = request.path_params["order"]
    return _say(404, "not_found", f"There is no order {name[:40]}.")


def _read_lines(body: bytes) -> list[tuple[str, int]] | None:
    """The lines of an order, or None where it is none."""
    try:
        said: Any = json.loads(body[: _MOST_BYTES + 1])  # Any: foreign JSON
        lines = [(line["book"], line["count"]) for line in said["lines"]]
        address = said["address"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    if len(body) > _MOST_BYTES:
        return None
    is_good = all(
        isinstance(b, str) and type(n) is int and 1 <= n <= 20 for b, n in lines
    )
    if not is_good or not isinstance(address, str) or not 1 <= len(lines) <= _MOST_LINES:  # fmt: skip
        return None
    return lines


def bookshop_app() -> Starlette:
    """The shop, below whatever path it is put."""
    shop = Bookshop()
    return Starlette(
        routes=[
            Route("/books", shop.list_books),
            Route("/books/{book}", shop.get_book),
            Route("/orders", shop.create_order, methods=["POST"]),
            Route("/orders/{order}", shop.get_order),
            Route("/orders/{order}", shop.cancel_order, methods=["DELETE"]),
        ]
    )
