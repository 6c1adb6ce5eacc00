"""
Lists of rows that are all known when they are asked for: a page of them, and how many there are.

Spec: gateway §1.12; portal §1.7 (`{data, next, total}`).
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ostiary.admin.paging import build_list, read_asked
from ostiary.admin.scope import shown_path
from ostiary.admin.shapes import Json
from ostiary.model.row import Row


def answer_known(
    request: Request, rows: Sequence[Row], shown: Sequence[Json]
) -> Response:
    """
    The page that a request asks for; `shown` are the rows as JSON.

    Raises:
        Refused: Its size or offset is none.
    """
    query = dict(request.query_params)
    asked = read_asked(query)
    seen = asked.after[0] if asked.after else None
    start = next((n for n, row in enumerate(rows, 1) if row.id == seen), 0)
    ends = start + asked.size
    after = (rows[ends - 1].id or "",) if ends < len(rows) else None
    found = build_list(
        shown[start:ends], after=after, path=shown_path(request), query=query
    )
    return JSONResponse({**found, "total": len(rows)})
