"""
What a node says of itself: `/status`, `/status/ready`, `/metrics`.

The status listener serves nothing else, so that it can be opened to probes and scrapers where
the Admin API must not be.

Spec: Kong's status API (gateway §1.14).
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ostiary.admin.lines import Form, Write, build_line
from ostiary.admin.state import NodeView

NO_CONFIGURATION = "0" * 32
_UNITS = {"b": (1, ""), "k": (1024, " KiB"), "m": (1024**2, " MiB"), "g": (1024**3, " GiB")}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerNow:
    """One worker that answered."""

    number: int
    pid: int
    revision: str
    resident_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeNow:
    """The workers at this moment; `missing` are the numbers of those that did not answer."""

    workers: tuple[WorkerNow, ...] = ()
    missing: tuple[int, ...] = ()
    connections: Mapping[str, int] = field(default_factory=dict)
    requests: int = 0


class Look(Protocol):
    """How a site learns of the workers."""

    async def __call__(self, *, counts: bool) -> NodeNow:
        """The workers now; without `counts` no numbers, which is quicker."""
        ...


Expose = Callable[[str], Awaitable[tuple[bytes, str]]]


class BadUnit(ValueError):
    """`unit` or `scale` of `/status` is not one."""

    code = "bad_unit"


def format_bytes(size: int, unit: str, scale: int) -> str | int:
    """A size as Kong shows it: `45.12 MiB`; a number for `b`."""
    if unit.lower() not in _UNITS:
        raise BadUnit(f"invalid unit '{unit}' (expected 'k/K', 'm/M', or 'g/G')")
    divisor, word = _UNITS[unit.lower()]
    return size if divisor == 1 else f"{size / divisor:.{scale}f}{word}"


def read_scale(text: str) -> int:
    """
    How many digits follow the point.

    Raises:
        BadUnit: It is no number from 0 to 9.
    """
    if len(text) != 1 or text not in "0123456789":
        raise BadUnit("invalid scale (expected an integer from 0 to 9)")
    return int(text)


def describe_status(
    view: NodeView, now: NodeNow, *, unit: str = "m", scale: int = 2
) -> dict[str, Any]:
    """
    The answer of `/status`.

    `memory` shows resident memory where Kong shows that of its Lua machines.

    Raises:
        BadUnit: There is no such unit.
    """
    seen = now.connections
    return {
        "database": {"reachable": True},
        "memory": {
            "lua_shared_dicts": {},
            "workers_lua_vms": [
                {
                    "pid": w.pid,
                    "http_allocated_gc": format_bytes(w.resident_bytes, unit, scale),
                }
                for w in now.workers
            ],
        },
        "server": {
            "connections_accepted": seen.get("accepted", 0),
            "connections_handled": seen.get("handled", 0),
            "connections_active": seen.get("active", 0),
            "total_requests": now.requests,
        },
        "configuration_hash": view.revision,
        "workers": {str(w.number): w.revision for w in now.workers},
        "warnings": list(view.warnings),
        "problem": view.problem,
    }


def explain_unready(now: NodeNow, *, may_be_empty: bool = False) -> str | None:
    """
    Why traffic should not come here yet, or None.

    A database may be empty; a node without one has not got its file yet.
    """
    if now.missing:
        named = ", ".join(str(n) for n in now.missing)
        return f"worker {named} does not answer"
    if not may_be_empty and any(w.revision == NO_CONFIGURATION for w in now.workers):
        return "no configuration available (empty configuration present)"
    return None


class StatusEndpoints:
    """The endpoints that the Admin API and the status listener share."""

    def __init__(self, view: NodeView, look: Look, expose: Expose) -> None:
        self._view = view
        self._look = look
        self._expose = expose

    async def status(self, request: Request) -> Response:
        query = request.query_params
        try:
            scale = read_scale(query.get("scale", "2"))
            unit = query.get("unit", "m")
            format_bytes(0, unit, scale)
        except BadUnit as error:
            return JSONResponse({"message": str(error)}, status_code=400)
        now = await self._look(counts=True)
        return JSONResponse(describe_status(self._view, now, unit=unit, scale=scale))

    async def ready(self, _: Request) -> Response:
        reason = explain_unready(
            await self._look(counts=False), may_be_empty=self._view.database != "off"
        )
        if reason is None:
            return JSONResponse({"message": "ready"})
        return JSONResponse({"message": reason}, status_code=503)

    async def metrics(self, request: Request) -> Response:
        body, kind = await self._expose(request.headers.get("accept", ""))
        # Set by hand: Starlette would add a second charset.
        return Response(body, headers={"Content-Type": kind})


def create_status_app(
    ends: StatusEndpoints,
    *,
    version: str,
    access_log: Write | None = None,
    access_form: Form = "kong",
) -> Starlette:
    """The status listener's site."""

    class Finished(BaseHTTPMiddleware):
        """Names the server and writes the access log."""

        async def dispatch(
            self, request: Request, call_next: RequestResponseEndpoint
        ) -> Response:
            response = await call_next(request)
            response.headers["Server"] = f"ostiary/{version}"
            response.headers["Cache-Control"] = "no-store"
            if access_log is not None:
                access_log(
                    build_line(request, response, form=access_form, now=time.time())
                )
            return response

    app = Starlette(
        routes=[
            Route("/status", ends.status, methods=["GET"]),
            Route("/status/ready", ends.ready, methods=["GET"]),
            Route("/metrics", ends.metrics, methods=["GET"]),
        ],
        exception_handlers={
            404: lambda _request, _error: JSONResponse(
                {"message": "Not found"}, status_code=404
            ),
            405: lambda _request, _error: JSONResponse(
                {"message": "Method not allowed"}, status_code=405
            ),
        },
    )
    app.add_middleware(Finished)
    return app
