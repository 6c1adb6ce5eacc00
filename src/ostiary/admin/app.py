"""
The Admin API of a node without a database: everything can be read, `/config` replaces it all.

Spec: Kong's Admin API (gateway §1.10-1.14, §2.3); interop hook 5; decision D25.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ostiary.admin.guard import build_guard
from ostiary.admin.issuers import IssuerEndpoints, Providers
from ostiary.admin.lines import Form, Write, build_line
from ostiary.admin.state import (
    NodeView,
    describe_redirect_uris,
    find_row,
    rows_of,
    show_row,
)
from ostiary.admin.status import StatusEndpoints
from ostiary.http.forms import MalformedForm, first, parse_form
from ostiary.model.declarative import DeclarativeInvalid, dump_config
from ostiary.ports.client_keys import ClientKeysUnavailable, PublishedKeys
from ostiary.web.body import FORM_TYPE, BodyTooLarge, read_body

COLLECTIONS = ("services", "routes", "consumers", "plugins")
MAX_FLOWS = 100
MAX_BODY_BYTES = 32 * 1024 * 1024
_OPERATIONS = {
    "POST": "create",
    "PATCH": "update",
    "PUT": "create or update",
    "DELETE": "remove",
}
_WRITES = list(_OPERATIONS)


class Flows(Protocol):
    """The stories of sign-in decisions, JSON values without secrets."""

    def find(self, request_id: str) -> dict[str, Any] | None:
        """The story of a request."""
        ...

    def latest(self, count: int) -> list[dict[str, Any]]:
        """The newest first, without their details."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminConfig:
    """
    What `create_app` needs. `apply_text` checks a declarative text and makes it live.

    `status` are the endpoints that the status listener serves too; `flows` knows the stories of
    sign-in decisions; `client_keys` sign for clients without a key of their own; `providers` are
    those that workers have fetched.
    """

    view: NodeView
    apply_text: Callable[[str], Awaitable[None]]
    status: StatusEndpoints
    client_keys: PublishedKeys
    providers: Providers
    flows: Flows | None = None
    allowed_hosts: tuple[str, ...] = ()
    gui_url: str | None = None
    access_log: Write | None = None
    access_form: Form = "kong"


def _unwrap(text: str, content_type: str) -> str:
    """The declarative text in a body: the body itself, or its field `config`."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == FORM_TYPE:
        return first(parse_form(text), "config") or ""
    if kind == "application/json":
        try:
            wrapped = json.loads(text)
        except RecursionError as error:
            raise ValueError("the body is nested too deeply") from error
        inner = wrapped.get("config") if isinstance(wrapped, dict) else None
        if isinstance(inner, str):
            return inner
    return text


def _not_found() -> Response:
    return JSONResponse({"message": "Not found"}, status_code=404)


def _not_allowed() -> Response:
    return JSONResponse({"message": "Method not allowed"}, status_code=405)


def _refuse_write(request: Request) -> Response:
    kind = request.path_params.get("below", request.path_params["kind"])
    message = f"cannot {_OPERATIONS[request.method]} '{kind}' entities when not using a database"
    body = {"code": 12, "name": "operation unsupported", "message": message}
    return JSONResponse(body, status_code=405)


class _Endpoints:
    """The endpoints over one view."""

    def __init__(self, config: AdminConfig) -> None:
        self._config = config
        self._view = config.view

    async def root(self, _: Request) -> Response:
        view = self._view
        return JSONResponse(
            {
                "version": "3.9.0",
                "edition": "community",
                "tagline": "Welcome to Ostiary",
                "ostiary_version": view.version,
                "node_id": view.node_id,
                "hostname": view.hostname,
                "lua_version": None,
                "configuration": {
                    "database": "off",
                    "router_flavor": "traditional_compatible",
                    "rbac": "off",
                    "portal": False,
                },
                "plugins": {
                    "available_on_server": {
                        name: {"priority": priority, "version": view.version}
                        for name, priority in view.plugins.items()
                    },
                    "enabled_in_cluster": sorted({p.name for p in view.config.plugins}),
                },
            }
        )

    async def list_rows(self, request: Request) -> Response:
        kind = request.path_params["kind"]
        if kind not in COLLECTIONS:
            return _not_found()
        if request.method in _OPERATIONS:
            return _refuse_write(request)
        rows = [show_row(self._view, row) for row in rows_of(self._view, kind)]
        return JSONResponse({"data": rows, "next": None})

    async def one_row(self, request: Request) -> Response:
        kind = request.path_params["kind"]
        if kind not in COLLECTIONS:
            return _not_found()
        if request.method in _OPERATIONS:
            return _refuse_write(request)
        row = find_row(self._view, kind, request.path_params["key"])
        return _not_found() if row is None else JSONResponse(show_row(self._view, row))

    async def rows_below(self, request: Request) -> Response:
        kind, below = request.path_params["kind"], request.path_params["below"]
        if (kind, below) not in {
            ("services", "routes"),
            ("services", "plugins"),
            ("routes", "plugins"),
        }:
            return _not_found()
        if request.method in _OPERATIONS:
            return _refuse_write(request)
        parent = find_row(self._view, kind, request.path_params["key"])
        if parent is None:
            return _not_found()
        column = kind.removesuffix("s")
        rows = [
            show_row(self._view, row)
            for row in rows_of(self._view, below)
            if getattr(row, column) == parent.id
        ]
        return JSONResponse({"data": rows, "next": None})

    async def config(self, request: Request) -> Response:
        if request.method == "GET":
            text = json.dumps(
                {"_format_version": "3.0", **dump_config(self._view.config)}
            )
            return JSONResponse({"config": text})
        try:
            text = (await read_body(request, MAX_BODY_BYTES)).decode()
            await self._config.apply_text(
                _unwrap(text, request.headers.get("content-type", ""))
            )
        except BodyTooLarge:
            return JSONResponse({"message": "request body too large"}, status_code=413)
        except DeclarativeInvalid as error:
            body = {
                "code": 14,
                "name": "invalid declarative configuration",
                "message": f"declarative config is invalid: {error}",
                "fields": error.fields,
            }
            return JSONResponse(body, status_code=400)
        except OSError as error:
            message = f"the configuration cannot be kept: {error.strerror}"
            return JSONResponse({"message": message}, status_code=503)
        except MalformedForm as error:
            return JSONResponse({"message": str(error)}, status_code=400)
        except Exception as error:
            if getattr(error, "code", None) != "file_unusable" and not isinstance(
                error, ValueError
            ):
                raise
            return JSONResponse({"message": str(error)}, status_code=400)
        return JSONResponse(dump_config(self._view.config), status_code=201)

    async def jwks(self, _: Request) -> Response:
        """The public keys of this node's assertions and of its clients."""
        try:
            own = await self._config.client_keys.public_jwks()
        except ClientKeysUnavailable as error:
            return JSONResponse({"message": str(error)}, status_code=503)
        return JSONResponse(
            {"keys": [*self._view.jwks, *own]}, media_type="application/jwk-set+json"
        )

    async def turn_jwks(self, _: Request) -> Response:
        """New client keys; those before are still published."""
        try:
            await self._config.client_keys.turn()
        except ClientKeysUnavailable as error:
            return JSONResponse({"message": str(error)}, status_code=503)
        return Response(status_code=204)

    async def flows(self, _: Request) -> Response:
        """The latest sign-in decisions."""
        known = self._config.flows
        rows = [] if known is None else known.latest(MAX_FLOWS)
        return JSONResponse({"data": rows, "next": None})

    async def one_flow(self, request: Request) -> Response:
        """Why one request was decided as it was."""
        known = self._config.flows
        name = request.path_params["request_id"]
        found = None if known is None else known.find(name)
        return _not_found() if found is None else JSONResponse(found)

    async def redirect_uris(self, _: Request) -> Response:
        return JSONResponse({"data": describe_redirect_uris(self._view), "next": None})


def _middleware(config: AdminConfig) -> type[BaseHTTPMiddleware]:
    guard = build_guard(allowed_hosts=config.allowed_hosts, gui_url=config.gui_url)

    class Guarded(BaseHTTPMiddleware):
        """Refuses what the guard refuses; adds CORS for the Manager; writes the access log."""

        async def dispatch(
            self, request: Request, call_next: RequestResponseEndpoint
        ) -> Response:
            origin = request.headers.get("origin")
            reason = guard.refuse(
                host=request.headers.get("host", ""),
                origin=origin,
                site=request.headers.get("sec-fetch-site"),
            )
            if reason is not None:
                response: Response = JSONResponse({"message": reason}, status_code=403)
            elif request.method == "OPTIONS" and origin is not None:
                response = Response(status_code=204)
                response.headers["Access-Control-Allow-Methods"] = (
                    "GET, POST, PUT, PATCH, DELETE"
                )
                response.headers["Access-Control-Allow-Headers"] = (
                    "Content-Type, Kong-Admin-Token"
                )
            else:
                response = await call_next(request)
            if origin is not None and reason is None:
                response.headers["Access-Control-Allow-Origin"] = origin
                response.headers["Access-Control-Allow-Credentials"] = "true"
                response.headers["Vary"] = "Origin"
            response.headers["Server"] = f"ostiary/{config.view.version}"
            response.headers["Cache-Control"] = "no-store"
            if config.access_log is not None:
                line = build_line(
                    request, response, form=config.access_form, now=time.time()
                )
                config.access_log(line)
            return response

    return Guarded


def create_app(config: AdminConfig) -> Starlette:
    """The Admin API over a node's view."""
    ends = _Endpoints(config)
    issuers = IssuerEndpoints(config.providers)
    verbs: list[str] = ["GET", *_WRITES]
    below = "/openid-connect/issuers/{key:path}"  # an issuer has slashes

    def route(path: str, endpoint: Any, methods: list[str]) -> Route:
        return Route(path, endpoint, methods=methods)

    app = Starlette(
        routes=[
            route("/", ends.root, ["GET"]),
            route("/status", config.status.status, ["GET"]),
            route("/metrics", config.status.metrics, ["GET"]),
            route("/config", ends.config, ["GET", "POST"]),
            route("/openid-connect/redirect-uris", ends.redirect_uris, ["GET"]),
            route("/openid-connect/jwks", ends.jwks, ["GET"]),
            route("/openid-connect/jwks", ends.turn_jwks, ["DELETE"]),
            route("/openid-connect/issuers", issuers.list_issuers, ["GET"]),
            route("/openid-connect/issuers", issuers.forget_issuers, ["DELETE"]),
            route(below, issuers.one_issuer, ["GET"]),
            route(below, issuers.forget_issuer, ["DELETE"]),
            route("/openid-connect/flows", ends.flows, ["GET"]),
            route("/openid-connect/flows/{request_id}", ends.one_flow, ["GET"]),
            route("/{kind}", ends.list_rows, verbs),
            route("/{kind}/{key}", ends.one_row, verbs),
            route("/{kind}/{key}/{below}", ends.rows_below, verbs),
        ],
        exception_handlers={
            404: lambda _request, _error: _not_found(),
            405: lambda _request, _error: _not_allowed(),
        },
    )
    app.add_middleware(_middleware(config))
    return app
