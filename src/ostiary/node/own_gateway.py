"""
The gateway of this node, as its portal may use it: for routes of one workspace, and no others.

All workspaces share the listeners. Which route takes a request is decided by the router itself,
over the routes of all of them: a request that another workspace's route would take is not sent.

Requests come from this machine. Where the gateway does not believe what this machine says of
clients (`trusted_ips`), a route that looks at addresses (`ip-restriction`) is not called: it
would let everybody in who may be let in from here.

Spec: portal §5.2, §6.2; security T-F2; decision 0048.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from ostiary.adapters.loopback import Listener, Loopback
from ostiary.gateway.forwarded import is_forwarded
from ostiary.gateway.router import Match, Query, Router, build_entries, build_router
from ostiary.http.path import AmbiguousTarget, parse_target
from ostiary.http.url import MalformedUrl, split_host
from ostiary.model.gateway import Plugin, Route, Service
from ostiary.model.row import Row
from ostiary.model.workspaces import DEFAULT_WORKSPACE
from ostiary.node.certificate import default_certificate
from ostiary.node.likely_routes import LikelyRoutes, read_likely_routes
from ostiary.ports.config_store import ConfigReads, ConfigStore, Wanted
from ostiary.ports.own_gateway import NotRouted, OwnReply, OwnRequest
from ostiary.settings import ListenAddress, Settings

_MANY: Final = 500
_RESTRICTS: Final = "ip-restriction"
_ANY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "*": "127.0.0.1"}  # noqa: S104 - read, not listened on
_NO_ROUTE: Final = (
    "No route of this portal’s workspace takes this request, so it was not sent. The server that "
    "the specification names, and the path, must be those of a route here."
)
_NO_LISTENER: Final = "The route takes requests only over a protocol that this node does not listen for."  # fmt: skip
_BY_ADDRESS: Final = (
    "This API lets requests in by their address (ip-restriction), and requests from here would "
    "have the portal’s. Whoever runs the gateway can change that: with this machine in trusted_ips, "
    "the gateway is told yours."
)


@dataclass(frozen=True, slots=True)
class _Plan:
    """The routes of all workspaces, as of a revision, and what lets in by address."""

    revision: int
    router: Router = field(repr=False)
    restricting: tuple[Plugin, ...] = ()
    likely: Mapping[str, LikelyRoutes] = field(default_factory=dict, repr=False)


class NodeGateway:
    """Sends to this node's own listeners what a workspace's own routes take."""

    def __init__(self, settings: Settings, store: ConfigStore, prefix: Path) -> None:
        self._settings = settings
        self._store = store
        self._loopback = Loopback()
        self._plain, self._secure = find_listeners(settings, prefix)
        self._plan: _Plan | None = None
        self._lock = asyncio.Lock()

    @property
    def is_there(self) -> bool:
        """Whether the node listens for requests at all."""
        return self._plain is not None or self._secure is not None

    @property
    def scheme(self) -> str:
        """As the port says."""
        return "https" if self._secure is not None else "http"

    @property
    def port(self) -> int:
        """As the port says."""
        listener = self._secure or self._plain
        own = listener.port if listener is not None else 443
        return self._publish(own)

    def _publish(self, port: int) -> int:
        return {own: public for public, own in self._settings.port_maps}.get(port, port)

    async def may_take(
        self, method: str, host: str, path: str, *, workspace: str
    ) -> bool:
        """As the port says."""
        plan = await self._load()
        likely = plan.likely.get(workspace)
        listeners = (self._plain, self._secure)
        ports = frozenset(self._publish(a.port) for a in listeners if a is not None)
        return likely is not None and likely.may_take(method, host, path, ports=ports)

    async def send(self, request: OwnRequest, *, workspace: str) -> OwnReply:
        """As the port says."""
        plan = await self._load()
        # As it is sent: routes may go by any of its fields, ours too.
        signed = self._sign(request)
        listener = self._choose(plan, signed, workspace)
        return await self._loopback.send(signed, listener)

    def _choose(self, plan: _Plan, request: OwnRequest, workspace: str) -> Listener:
        """
        The listener at which a route of the workspace takes a request; a plain one first.

        Raises:
            NotRouted: There is none.
        """
        reason = _NO_LISTENER
        for listener, scheme in ((self._plain, "http"), (self._secure, "https")):
            if listener is None:
                continue
            match = self._match(plan.router, request, listener)
            if match is None or (match.route.ws_id or DEFAULT_WORKSPACE) != workspace:
                reason = _NO_ROUTE
                continue
            if scheme not in match.route.protocols:
                continue
            is_told = self._trusts(listener) and self._is_somebody(request.client_ip)
            if not is_told and _is_restricted(plan, match):
                raise NotRouted(_BY_ADDRESS)
            return listener
        raise NotRouted(reason)

    def _match(
        self, router: Router, request: OwnRequest, listener: Listener
    ) -> Match | None:
        """The route that the gateway will choose, in every reading of the path."""
        try:
            host, port = split_host(request.host)
            target = parse_target(request.target.encode("ascii"))
        except (MalformedUrl, AmbiguousTarget, UnicodeEncodeError):
            return None
        own = (
            ("host", request.host),
            ("content-length", str(len(request.body))),
            ("connection", "close"),
        )
        query = Query(
            method=request.method.encode(),
            host=host,
            port=self._publish(listener.port if port is None else port),
            path=target.path,
            fields=tuple(
                (n.lower().encode(), v.encode()) for n, v in (*own, *request.fields)
            ),
            tls=listener.certificate is not None,
            sni=None,
        )
        try:
            found = router.match(query)
            others = [router.match(replace(query, path=p)) for p in target.others]
        except AmbiguousTarget:
            return None
        if found is None or any(o is None or o.route is not found.route for o in others):  # fmt: skip
            return None
        return found

    def _is_somebody(self, client_ip: str) -> bool:
        """Whether the gateway takes this address for the client's, and for nobody nearer."""
        try:
            found = ipaddress.ip_address(client_ip)
        except ValueError:
            return False
        address = getattr(found, "ipv4_mapped", None) or found
        if address.is_loopback or getattr(found, "scope_id", None):
            return False
        networks = map(ipaddress.ip_network, self._settings.trusted_ips)
        return not any(address in network for network in networks)

    def _trusts(self, listener: Listener) -> bool:
        """Whether the gateway believes what we say of the client."""
        try:
            own = ipaddress.ip_address(listener.host)
        except ValueError:
            return False
        networks = map(ipaddress.ip_network, self._settings.trusted_ips)
        return any(own in network for network in networks)

    def _sign(self, request: OwnRequest) -> OwnRequest:
        """A request that says for whom it is sent, and nothing of that from anybody else."""
        names = dict.fromkeys(("X-Forwarded-For", self._settings.real_ip_header))
        ours = {name.lower().replace("_", "-") for name in names}
        kept = [
            (name, value)
            for name, value in request.fields
            if (folded := name.lower().replace("_", "-")) not in ours
            and not is_forwarded(folded.encode())
        ]
        told = [(name, request.client_ip) for name in names if request.client_ip]
        if not any(name.lower() == "user-agent" for name, _ in kept):
            told.insert(0, ("User-Agent", "Ostiary-Portal"))
        return replace(request, fields=(*kept, *told))

    async def _load(self) -> _Plan:
        revision = await self._store.revision()
        if self._plan is not None and self._plan.revision == revision:
            return self._plan
        async with self._lock:
            # Whoever waited may know an older one.
            revision = await self._store.revision()
            if self._plan is not None and self._plan.revision == revision:
                return self._plan
            self._plan = await self._read(revision)
            return self._plan

    async def _read(self, revision: int) -> _Plan:
        spaces = {row.id or "" for row in await _read_all(self._store, "workspaces")}
        services: dict[str, Service] = {}
        routes: list[Route] = []
        plugins: list[Plugin] = []
        for space in {*spaces, DEFAULT_WORKSPACE}:
            reads = self._store.within(space)
            for row in await _read_all(reads, "services"):
                if isinstance(row, Service):
                    services[row.id or ""] = row
            routes += [r for r in await _read_all(reads, "routes") if isinstance(r, Route)]  # fmt: skip
            plugins += [p for p in await _read_all(reads, "plugins") if isinstance(p, Plugin)]  # fmt: skip
        routes = [r for r in routes if _is_served(r, services)]
        router = await asyncio.to_thread(_build, routes, services)
        likely = await asyncio.to_thread(_read_likely, routes)
        restricting = (p for p in plugins if p.name == _RESTRICTS and p.enabled)
        return _Plan(revision, router, tuple(restricting), likely)

    async def close(self) -> None:
        """Let connections go."""
        await self._loopback.close()


def find_listeners(
    settings: Settings, prefix: Path
) -> tuple[Listener | None, Listener | None]:
    """The first listener without TLS and the first with it, as this machine reaches them."""
    certificate, _ = default_certificate(settings, prefix)
    plain = next((a for a in settings.proxy_listen if not a.tls), None)
    secure = next((a for a in settings.proxy_listen if a.tls), None)
    return _reach(plain, None), _reach(secure, certificate)


def _reach(address: ListenAddress | None, certificate: Path | None) -> Listener | None:
    if address is None:
        return None
    host = _ANY_ADDRESS.get(address.host, address.host)
    host = "127.0.0.1" if host == "localhost" else host
    return Listener(host=host, port=address.port, certificate=certificate)


def _build(routes: Iterable[Route], services: dict[str, Service]) -> Router:
    return build_router(
        entry
        for route in routes
        for entry in build_entries(route, services.get(route.service or ""))
    )


def _is_served(route: Route, services: Mapping[str, Service]) -> bool:
    service = services.get(route.service or "")
    return service is None or service.enabled


def _read_likely(routes: Iterable[Route]) -> dict[str, LikelyRoutes]:
    """What routes could take, by their workspaces."""
    spaces: dict[str, list[Route]] = {}
    for route in routes:
        spaces.setdefault(route.ws_id or DEFAULT_WORKSPACE, []).append(route)
    return {space: read_likely_routes(some) for space, some in spaces.items()}


def _is_restricted(plan: _Plan, match: Match) -> bool:
    """Whether a plugin that looks at addresses may take part; consumers count as all of them."""
    route, service = match.route, match.service
    space = route.ws_id or DEFAULT_WORKSPACE
    return any(
        (plugin.ws_id or DEFAULT_WORKSPACE) == space
        and plugin.route in {None, route.id}
        and plugin.service in {None, None if service is None else service.id}
        for plugin in plan.restricting
    )


async def _read_all(reads: ConfigReads, kind: str) -> list[Row]:
    found: list[Row] = []
    after: str | None = ""
    while after is not None:
        page = await reads.page(Wanted(kind=kind), after=after, size=_MANY)
        found += page.rows
        after = page.after
    return found
