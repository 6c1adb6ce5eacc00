"""
The Admin API: rows by the table of kinds, what the node tells of itself, what plugins bring.

Spec: Kong's Admin API (gateway §1.10-1.14, §2.3); interop hook 5; decision D25.
"""

from __future__ import annotations

import logging
import re
import time
import traceback
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route, Router

from ostiary.admin import refusals
from ostiary.admin.admins import PATHS as ADMIN_PATHS
from ostiary.admin.admins import AdminEndpoints, answer_auth
from ostiary.admin.applications import PATHS as APPLICATION_PATHS
from ostiary.admin.applications import ApplicationEndpoints
from ostiary.admin.audit import Audited, Auditor, AuditRules, build_auditor
from ostiary.admin.audit_records import AUDIT_PATHS, build_audit_routes
from ostiary.admin.autofill import Autofill
from ostiary.admin.certificates import CertificateNames
from ostiary.admin.collections import Collections, allow
from ostiary.admin.configuration import ConfigurationEndpoint, WholeConfiguration
from ostiary.admin.developer_credentials import PATHS as CREDENTIAL_PATHS
from ostiary.admin.developer_credentials import CredentialEndpoints
from ostiary.admin.developers import PATHS as DEVELOPER_PATHS
from ostiary.admin.developers import DeveloperEndpoints, PortalDesk
from ostiary.admin.documents import PATHS as DOCUMENT_PATHS
from ostiary.admin.documents import DocumentEndpoints
from ostiary.admin.entities import Entities
from ostiary.admin.files import PATHS as FILE_PATHS
from ostiary.admin.files import FileEndpoints
from ostiary.admin.gate import Access, Gate, OpenAccess
from ostiary.admin.groups import OF_CONSUMER, OF_GROUP, GroupEndpoints
from ostiary.admin.health import Health, HealthEndpoints
from ostiary.admin.info import InfoEndpoints, KnownPlugins
from ostiary.admin.issuers import IssuerEndpoints, Providers
from ostiary.admin.lines import Form, Write, build_line
from ostiary.admin.openapi.endpoint import OpenapiEndpoint
from ostiary.admin.operator_groups import PATHS as GROUP_PATHS
from ostiary.admin.operator_groups import OperatorGroups
from ostiary.admin.portal_files import WorkspaceBeginnings
from ostiary.admin.rbac import PATHS as RBAC_PATHS
from ostiary.admin.rbac import RbacEndpoints
from ostiary.admin.refusals import Refused
from ostiary.admin.roles import WorkspaceRoles
from ostiary.admin.scope import raw_path, scoped, split_path
from ostiary.admin.sessions import PATHS as SESSION_PATHS
from ostiary.admin.sessions import SessionDesk, SessionEndpoints
from ostiary.admin.state import NodeView, describe_redirect_uris
from ostiary.admin.status import StatusEndpoints
from ostiary.admin.traffic import PATHS as TRAFFIC_PATHS
from ostiary.admin.traffic import TrafficBook, TrafficEndpoints
from ostiary.admin.workspaces import WorkspaceEndpoints
from ostiary.model.kinds import KINDS
from ostiary.model.words import Problem
from ostiary.model.workspaces import Workspace
from ostiary.ports.app_clients import AppClients
from ostiary.ports.client_keys import ClientKeysUnavailable, PublishedKeys
from ostiary.ports.config_store import ConfigStore
from ostiary.ports.pool_store import StoreUnavailable
from ostiary.ports.usage import UsageStore
from ostiary.web.guard import build_guard

MAX_FLOWS = 100
PORTAL_PATHS = (
    *DEVELOPER_PATHS,
    *CREDENTIAL_PATHS,
    *APPLICATION_PATHS,
    *DOCUMENT_PATHS,
    *FILE_PATHS,
)
_LOG = logging.getLogger("ostiary.admin")
# Starlette's own stops where a name has a line feed.
_ANYTHING = re.compile(r"^/(?P<rows>.*)\Z", re.DOTALL)
_EVERY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]


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
    What `create_app` needs. `store` holds the rows, and `changed` is called after every write.

    `health` is what workers know of upstreams. `status` are the endpoints that the status listener serves too; `flows` knows the stories of
    sign-in decisions; `client_keys` sign for clients without a key of their own; `providers` are
    those that workers have fetched. `settings` are shown at the root: no secret is in them.
    `access` lets in whoever may, `rbac` says who that is; without it there are no users.
    `admins` are those among them who sign in to the Manager; `sessions` knows who is signed in at
    the sites, `traffic` how many requests there were.
    `portal` knows the workspaces' portals; without it there are none. `usage` is how much
    applications are used, and `app_clients` makes clients for them in a user pool.
    With `keeps_routes_apart` no route takes the requests of another workspace's.
    """

    view: NodeView
    store: ConfigStore
    whole: WholeConfiguration
    plugins: KnownPlugins
    autofill: Autofill
    status: StatusEndpoints
    client_keys: PublishedKeys
    providers: Providers
    health: Health
    changed: Callable[[], Awaitable[None]]
    writable: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict)
    flows: Flows | None = None
    allowed_hosts: tuple[str, ...] = ()
    gui_url: str | None = None
    access_log: Write | None = None
    access_form: Form = "kong"
    access: Access = field(default_factory=OpenAccess)
    rbac: RbacEndpoints | None = None
    admins: AdminEndpoints | None = None
    sessions: SessionDesk | None = None
    traffic: TrafficBook | None = None
    keeps_routes_apart: bool = True
    audit: AuditRules | None = None
    portal: PortalDesk | None = None
    usage: UsageStore | None = None
    app_clients: AppClients | None = None


class _Keys:
    """The public keys of this node, and what it knows of sign-ins."""

    def __init__(self, config: AdminConfig) -> None:
        self._config = config

    async def jwks(self, _: Request) -> Response:
        """The public keys of this node's assertions and of its clients."""
        try:
            own = await self._config.client_keys.public_jwks()
        except ClientKeysUnavailable as error:
            raise refusals.say(503, str(error)) from error
        keys = [*self._config.view.jwks, *own]
        return JSONResponse({"keys": keys}, media_type="application/jwk-set+json")

    async def turn_jwks(self, _: Request) -> Response:
        """New client keys; those before are still published."""
        try:
            await self._config.client_keys.turn()
        except ClientKeysUnavailable as error:
            raise refusals.say(503, str(error)) from error
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
        if found is None:
            raise refusals.not_found()
        return JSONResponse(found)

    async def redirect_uris(self, _: Request) -> Response:
        """What to register at providers."""
        found = describe_redirect_uris(self._config.view)
        return JSONResponse({"data": found, "next": None})


class _Rows:
    """
    Every path that is about rows, those with ways of their own first.

    `others` are the paths that are not, which come here with verbs that they do not know.
    """

    def __init__(self, config: AdminConfig, others: Sequence[Route]) -> None:
        self._config = config
        self._others = others
        self._workspaces = WorkspaceEndpoints(clients=config.app_clients)

    async def answer(self, request: Request) -> Response:
        """Answer whatever path has no route of its own."""
        known = [
            route.methods or set()
            for route in self._others
            if route.matches(request.scope)[0] != Match.NONE
        ]
        if known and request.method == "OPTIONS":
            return allow(tuple(set().union(*known)))
        if known:
            raise refusals.not_allowed(set().union(*known))
        steps = [unquote(step) for step in split_path(raw_path(request))]
        entities = scoped(request)
        groups = GroupEndpoints(entities=entities)
        match steps:
            case ["rbac", *rest] if self._config.rbac is not None:
                return await self._config.rbac.answer(request, rest)
            case (
                ["applications", *_]
                | ["application_instances"]
                | ["developers", _, "applications", *_]
                | ["services", _, "application_instances"]
            ) if self._config.portal is not None:
                applications = ApplicationEndpoints(
                    desk=self._config.portal,
                    usage=self._config.usage,
                    clients=self._config.app_clients,
                )
                return await applications.answer(request, steps)
            case ["document_objects", *_] | ["services", _, "document_objects"] if (
                self._config.portal is not None
            ):
                return await DocumentEndpoints().answer(request, steps)
            case ["admins", *rest] if self._config.admins is not None:
                return await self._config.admins.answer(request, rest)
            case ["groups", *rest] if self._config.admins is not None:
                return await OperatorGroups().answer(request, rest)
            case ["auth"] if self._config.admins is not None:
                return await answer_auth(request)
            case ["developers", _, "credentials", _, *_] | [
                "developers",
                _,
                "usage",
            ] if self._config.portal is not None and steps[1] != "roles":
                credentials = CredentialEndpoints(
                    desk=self._config.portal, usage=self._config.usage
                )
                return await credentials.answer(request, steps[1:])
            case ["developers", *rest] if self._config.portal is not None:
                developers = DeveloperEndpoints(
                    desk=self._config.portal, clients=self._config.app_clients
                )
                return await developers.answer(request, rest)
            case ["files", *rest] if self._config.portal is not None:
                return await FileEndpoints().answer(request, rest)
            case ["workspaces", *_]:
                return await self._workspaces.answer(request, steps)
            case ["upstreams", key, "health"] | ["upstreams", key, "targets", "all"]:
                return await self._health(entities).answer(request, key, steps[2:])
            case ["upstreams", key, "targets", _, _, *rest] if len(rest) <= 1:
                return await self._health(entities).answer(request, key, steps[2:])
            case ["consumer_groups", key, "consumers", *rest] if len(rest) <= 1:
                other = rest[0] if rest else None
                return await groups.answer(request, OF_GROUP, key, other)
            case ["consumers", key, "consumer_groups", *rest] if len(rest) <= 1:
                other = rest[0] if rest else None
                return await groups.answer(request, OF_CONSUMER, key, other)
            case ["consumer_groups", key] if request.method in {"GET", "HEAD"}:
                kind = KINDS["consumer_groups"]
                row = await entities.find(entities.store, kind, key)
                if row is None:
                    raise refusals.not_found()
                members = request.query_params.get("list_consumers") != "false"
                shown = await groups.show_group(row, members=members)
                return JSONResponse(shown)
        return await Collections(entities=entities).answer(request, steps)

    def _health(self, entities: Entities) -> HealthEndpoints:
        config = self._config
        return HealthEndpoints(
            entities=entities, health=config.health, node_id=config.view.node_id
        )


def _middleware(config: AdminConfig) -> type[BaseHTTPMiddleware]:
    guard = build_guard(allowed_hosts=config.allowed_hosts, gui_url=config.gui_url)

    class Guarded(BaseHTTPMiddleware):
        """Refuses what the guard refuses; adds CORS for the Manager; writes the access log."""

        async def dispatch(
            self, request: Request, call_next: RequestResponseEndpoint
        ) -> Response:
            began = time.monotonic()
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
                    f"Content-Type, {config.access.header}"
                )
            else:
                try:
                    response = await call_next(request)
                except Exception as error:  # noqa: BLE001 - the next request may be better
                    response = _failed(error)
            if origin is not None and reason is None:
                response.headers["Access-Control-Allow-Origin"] = origin
                response.headers["Access-Control-Allow-Credentials"] = "true"
                response.headers["Vary"] = "Origin"
            response.headers["Server"] = f"ostiary/{config.view.version}"
            response.headers["Cache-Control"] = "no-store"
            if response.headers.get("content-type") == "application/json":
                response.headers["Content-Type"] = "application/json; charset=utf-8"
            took = round((time.monotonic() - began) * 1000)
            response.headers["X-Kong-Admin-Latency"] = str(took)
            if config.access_log is not None:
                line = build_line(
                    request, response, form=config.access_form, now=time.time()
                )
                config.access_log(line)
            return response

    return Guarded


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    if error.body is None:
        return Response(status_code=error.status, headers=error.headers)
    return JSONResponse(error.body, status_code=error.status, headers=error.headers)


async def _away(_: Request, error: Exception) -> Response:
    _LOG.error("the configuration cannot be read or written: %s", error)
    message = f"the configuration cannot be read or written now: {error}"
    return JSONResponse(
        {"message": message}, status_code=503, headers={"Retry-After": "1"}
    )


def _failed(error: Exception) -> Response:
    # Without its text: errors of validators quote what was sent, which may be a secret.
    frames = traceback.extract_tb(error.__traceback__)
    places = " < ".join(f"{f.name}:{f.lineno}" for f in reversed(frames[-4:]))
    _LOG.error("a request failed: %s in %s", type(error).__name__, places)
    message = "An unexpected error occurred"
    return JSONResponse({"message": message}, status_code=500)


async def _not_found(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"message": "Not found"}, status_code=404)


async def _not_allowed(_request: Request, error: Exception) -> Response:
    headers = error.headers if isinstance(error, HTTPException) else None
    body = {"message": "Method not allowed"}
    return JSONResponse(body, status_code=405, headers=headers)


def _with_slashes(routes: Iterable[Route]) -> Iterator[Route]:
    """The same, and with a slash at the end; but a path as a value may end in one of its own."""
    for route in routes:
        if not route.path.endswith(("/", ":path}")):
            yield Route(f"{route.path}/", route.endpoint, methods=route.methods)
        yield route


def _route(path: str, endpoint: Any, *methods: str) -> Route:
    return Route(path, endpoint, methods=[*methods] or ["GET"])


def _list_routes(config: AdminConfig) -> list[Route]:
    """Every path that is not about rows."""
    has_rbac = config.rbac is not None and config.writable
    has_admins = config.admins is not None and config.writable
    more = (
        *(() if config.audit is None else AUDIT_PATHS),
        *(RBAC_PATHS if has_rbac else ()),
        *((*ADMIN_PATHS, *GROUP_PATHS) if has_admins else ()),
        *(() if config.sessions is None else SESSION_PATHS),
        *(() if config.traffic is None else TRAFFIC_PATHS),
        *(() if config.portal is None else PORTAL_PATHS),
    )
    keys = _Keys(config)
    issuers = IssuerEndpoints(config.providers)
    info = InfoEndpoints(
        view=config.view,
        plugins=config.plugins,
        settings=config.settings,
        now=config.autofill.now,
        more=more,
    )
    whole = ConfigurationEndpoint(whole=config.whole)
    openapi = OpenapiEndpoint(view=config.view, plugins=config.plugins, more=more)
    below = "/openid-connect/issuers/{key:path}"  # an issuer has slashes

    return [
        _route("/", info.root),
        _route("/kong", info.root),
        _route("/robots.txt", info.robots),
        _route("/status", config.status.status),
        _route("/metrics", config.status.metrics),
        _route("/endpoints", info.endpoints),
        _route("/openapi.json", openapi.answer),
        _route("/config", whole.answer, "GET", "POST"),
        _route("/tags", info.tags),
        _route("/tags/{tag}", info.tags),
        _route("/license/report", info.license_report),
        _route("/clustering/data-planes", info.data_planes),
        _route("/plugins/enabled", info.enabled_plugins),
        _route("/plugins/schema/{name}", info.plugin_config_schema),
        _route("/schemas/plugins/validate", info.validate_plugin, "POST"),
        _route("/schemas/plugins/{name}", info.plugin_schema),
        _route("/schemas/vaults/{name}", info.vault_schema),
        _route("/schemas/{name}", info.schema),
        _route("/schemas/{name}/validate", info.validate, "POST"),
        _route("/openid-connect/redirect-uris", keys.redirect_uris),
        _route("/openid-connect/jwks", keys.jwks),
        _route("/openid-connect/jwks", keys.turn_jwks, "DELETE"),
        _route("/openid-connect/issuers", issuers.list_issuers),
        _route("/openid-connect/issuers", issuers.forget_issuers, "DELETE"),
        _route(below, issuers.one_issuer),
        _route(below, issuers.forget_issuer, "DELETE"),
        _route("/openid-connect/flows", keys.flows),
        _route("/openid-connect/flows/{request_id}", keys.one_flow),
        *_list_session_routes(config.sessions),
        *_list_traffic_routes(config.traffic),
        *build_audit_routes(config.audit, config.autofill.now),
    ]


def _list_traffic_routes(book: TrafficBook | None) -> list[Route]:
    """The path of traffic, where it is counted."""
    if book is None:
        return []
    return [_route(TRAFFIC_PATHS[0], TrafficEndpoints(book).by_workspace)]


def _list_session_routes(desk: SessionDesk | None) -> list[Route]:
    """The paths of sessions, where there are sites."""
    if desk is None:
        return []
    ends = SessionEndpoints(desk)
    every, one = SESSION_PATHS
    return [
        _route(every, ends.list_sessions),
        _route(one, ends.end_session, "DELETE"),
    ]


def _build_entities(config: AdminConfig, auditor: Auditor | None) -> Entities:
    return Entities(
        store=config.store,
        plugins=config.plugins,
        autofill=config.autofill,
        changed=config.changed,
        record=None if auditor is None else auditor.note,
        writable=config.writable,
        extras={
            "certificates": CertificateNames(autofill=config.autofill),
            "workspaces": WorkspaceBeginnings(
                WorkspaceRoles(), config.portal, config.autofill
            ),
        },
        keeps_routes_apart=config.keeps_routes_apart,
        judge_portal=_portal_judge(config.portal),
    )


def _portal_judge(
    desk: PortalDesk | None,
) -> Callable[[Workspace, Workspace | None], Sequence[Problem]]:
    """What is wrong with a workspace's portal; a node without any keeps nothing new of one."""
    return _refuse_portal if desk is None else lambda row, _: desk.judge(row)


def _refuse_portal(workspace: Workspace, before: Workspace | None) -> list[Problem]:
    """
    Everything that a portal would be told; what takes away may be said all the same.

    That is what was said before, `false`, and an empty list.
    """
    text = "the portal is off on this node: see the setting portal"
    known = {} if before is None else before.config.model_dump(exclude_defaults=True)
    said = workspace.config.model_dump(exclude_defaults=True)
    return [
        (("config", name), text)
        for name, value in said.items()
        if value is not False and value != () and value != known.get(name)
    ]


def create_app(config: AdminConfig) -> Starlette:
    """The Admin API over a node's view and rows."""
    schemas = {name: config.plugins.schema(name) for name in config.view.plugins}
    auditor = build_auditor(config.audit, schemas, config.autofill.entropy)
    entities = _build_entities(config, auditor)
    known = [*_with_slashes(_list_routes(config))]
    rows = _Rows(config, known)
    everything = _route("/{rows:path}", rows.answer, *_EVERY_METHOD)
    inner = Router(routes=[*known, everything], redirect_slashes=False)
    whole = Route("/{rows:path}", Gate(entities, config.access, inner))
    whole.path_regex = everything.path_regex = _ANYTHING
    app = Starlette(
        routes=[whole],
        exception_handlers={
            404: _not_found,
            405: _not_allowed,
            Refused: _refused,
            StoreUnavailable: _away,
        },
    )
    app.router.redirect_slashes = False
    app.state.routes = inner.routes
    app.add_middleware(_middleware(config))
    app.add_middleware(
        Audited, auditor=auditor, entropy=config.autofill.entropy,
        now=config.autofill.now, failed=_failed,
    )  # fmt: skip
    return app
