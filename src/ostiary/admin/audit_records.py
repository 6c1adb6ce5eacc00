"""
`/audit/requests` and `/audit/objects`: records, newest first, in pages.

A filter is the exact value of a field; `after` and `before` are Unix seconds, the first one in
and the last one out. A filter that nobody knows would be one that quietly finds too much: it is
refused.

Spec: gateway §§1.12 (pages), 1.17; portal §4.4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ostiary.admin import refusals
from ostiary.admin.audit import AuditRules, show_object, show_request
from ostiary.admin.paging import build_offset, read_asked
from ostiary.ports.audit import AuditLog, Search

AUDIT_PATHS: Final = ("/audit/requests", "/audit/objects")
OF_REQUESTS: Final = (
    "method", "path", "status", "rbac_user_name", "request_id", "workspace",
)  # fmt: skip
OF_OBJECTS: Final = ("dao_name", "operation", "entity_key", "request_id")
_OPERATIONS: Final = ("create", "update", "delete")
_TIMES: Final = ("after", "before")
_PAGES: Final = ("size", "offset")
_GREATEST: Final = 2**53


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEndpoints:
    """What was recorded; `now` in Unix seconds."""

    log: AuditLog
    now: Callable[[], float]

    async def requests(self, request: Request) -> Response:
        """
        `GET /audit/requests`.

        Raises:
            Refused: A filter, a size or an offset is none.
        """
        now = int(self.now())
        search = read_search(request.query_params, OF_REQUESTS)
        found = await self.log.requests(search, now=now)
        rows = [show_request(record, now) for record in found.records]
        return _page(request, rows, total=found.total, behind=found.behind)

    async def objects(self, request: Request) -> Response:
        """
        `GET /audit/objects`.

        Raises:
            Refused: A filter, a size or an offset is none.
        """
        now = int(self.now())
        search = read_search(request.query_params, OF_OBJECTS)
        found = await self.log.objects(search, now=now)
        rows = [show_object(record, now) for record in found.records]
        return _page(request, rows, total=found.total, behind=found.behind)


def build_audit_routes(
    rules: AuditRules | None, now: Callable[[], float]
) -> list[Route]:
    """Both paths; none where nothing is recorded."""
    if rules is None:
        return []
    ends = AuditEndpoints(log=rules.log, now=now)
    both = zip(AUDIT_PATHS, (ends.requests, ends.objects), strict=True)
    return [Route(path, endpoint, methods=["GET"]) for path, endpoint in both]


def read_search(query: QueryParams, fields: Sequence[str]) -> Search:
    """
    What a query asks for.

    Raises:
        Refused: A filter is unknown, there twice, or cannot be; or a size or an offset is none.
    """
    known = (*fields, *_TIMES, *_PAGES)
    for name in query:
        if name not in known:
            text = f"unknown filter, must be one of {', '.join(known)}"
            raise refusals.invalid_option(name, text)
        if len(query.getlist(name)) > 1:
            raise refusals.invalid_option(name, "must be there only once")
    asked = read_asked({name: query[name] for name in _PAGES if name in query})
    return Search(
        values={name: _read(name, query[name]) for name in fields if name in query},
        after=_read_time(query, "after"),
        before=_read_time(query, "before"),
        behind=_read_behind(query, asked.after),
        size=asked.size,
    )


def _read(name: str, text: str) -> str | int:
    if name == "status":
        if not (text.isascii() and text.isdecimal() and len(text) == 3):
            raise refusals.invalid_option(name, "must be a status code, such as 404")
        return int(text)
    if name == "operation" and text not in _OPERATIONS:
        raise refusals.invalid_option(name, f"must be one of {', '.join(_OPERATIONS)}")
    if not text:
        raise refusals.invalid_option(name, "cannot be empty")
    return text


def _read_time(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if (
        not (text.isascii() and text.isdecimal())
        or len(text) > 16
        or int(text) > _GREATEST
    ):
        raise refusals.invalid_option(name, "must be Unix seconds")
    return int(text)


def _read_behind(query: Mapping[str, str], after: Sequence[str]) -> int | None:
    if not after:
        return None
    number = after[0]
    if not (number.isascii() and number.isdecimal()) or len(number) > 16:
        raise refusals.invalid_offset(query["offset"], "it is of another list")
    return int(number)


def _page(
    request: Request, rows: list[dict[str, Any]], *, total: int, behind: int | None
) -> Response:
    shown: dict[str, Any] = {"data": rows, "total": total, "next": None}
    if behind is not None:
        offset = build_offset((str(behind),))
        rest = {k: v for k, v in request.query_params.items() if k != "offset"}
        query = urlencode({**rest, "offset": offset}, quote_via=quote)
        path = request.url.path.removesuffix("/")
        shown |= {"offset": offset, "next": f"{path}?{query}"}
    return JSONResponse(shown)
