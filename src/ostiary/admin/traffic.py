"""
`/vitals/status_codes/by_workspace`: requests by status code, minute by minute, as Kong's Vitals has it.

The numbers are this node's, of the last twelve hours at most, and begin anew when it starts.

Spec: portal §4.1 (workspace dashboard).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ostiary.admin import refusals
from ostiary.admin.scope import scoped
from ostiary.model.workspaces import DEFAULT_WORKSPACE

PATHS: Final = ("/vitals/status_codes/by_workspace",)
LONGEST_MINUTES: Final = 720
_USUAL_MINUTES: Final = 60


class TrafficBook(Protocol):
    """Knows how many requests there were."""

    def read(
        self, workspace: str, *, minutes: int
    ) -> Sequence[tuple[int, Mapping[int, int]]]:
        """The last minutes of a workspace ("" is `default`): their ends, and counts by code."""
        ...


@dataclass(frozen=True, slots=True)
class TrafficEndpoints:
    """Tells how many requests there were."""

    book: TrafficBook

    async def by_workspace(self, request: Request) -> Response:
        """`GET /vitals/status_codes/by_workspace`, with `?minutes=`."""
        text = request.query_params.get("minutes", str(_USUAL_MINUTES))
        is_number = text.isascii() and text.isdecimal() and len(text) <= 3
        minutes = int(text) if is_number else 0
        if not 1 <= minutes <= LONGEST_MINUTES:
            told = f"minutes must be a number from 1 to {LONGEST_MINUTES}"
            raise refusals.say(400, told)
        place = scoped(request).workspace
        rows = self.book.read(
            "" if place == DEFAULT_WORKSPACE else place, minutes=minutes
        )
        return JSONResponse(
            {
                "meta": {
                    "entity_type": "workspace",
                    "entity_id": place,
                    "level": "node",
                    "interval": "minutes",
                    "interval_width": 60,
                    "earliest_ts": rows[0][0] if rows else None,
                    "latest_ts": rows[-1][0] if rows else None,
                    "stat_labels": ["status_codes_per_workspace_total"],
                },
                "stats": {
                    "node": {
                        str(at): {str(code): count for code, count in codes.items()}
                        for at, codes in rows
                    }
                },
            }
        )
