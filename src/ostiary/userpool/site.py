"""
Which pool a request is for, and where that pool's pages are.

The host decides (`<prefix>.<domain suffix>`, or a name of a pool's own); on other hosts the path
does (`/_domain/<prefix>/...`), or, for a single port, the client that is named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from ostiary.http.forms import MalformedForm, parse_form
from ostiary.model.pool import Pool
from ostiary.oidc.op.parameters import Parameters, parse_parameters
from ostiary.userpool.services import Services

_FALLBACK: Final = "/_domain/"
DOMAIN: Final = "ostiary.domain"
BASE: Final = "ostiary.base"
HOST: Final = "ostiary.host"


class UnknownSite(Exception):
    """There is no pool behind this host, path or client."""

    code = "unknown_site"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A pool and the path that its pages start with (empty on its own host)."""

    pool: Pool
    base: str

    @property
    def cookie_path(self) -> str:
        return f"{self.base}/"

    def url(self, path: str, query: str = "") -> str:
        """The address of a page of this site."""
        return f"{self.base}{path}{'?' if query else ''}{query}"


class DomainRouting:
    """Finds the domain's prefix in host or path, and takes it off the path."""

    def __init__(self, app: ASGIApp, *, suffix: str) -> None:
        self._app = app
        self._ending = f".{suffix.lower()}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, **self._locate(scope)}
        await self._app(scope, receive, send)

    def _locate(self, scope: Scope) -> dict[str, object]:
        host = next((v for k, v in scope["headers"] if k == b"host"), b"")
        name = host.decode("latin-1").partition(":")[0].lower()
        if name.endswith(self._ending):
            return {DOMAIN: name.removesuffix(self._ending), BASE: "", HOST: name}
        path: str = scope["path"]
        if path.startswith(_FALLBACK):
            prefix, _, rest = path.removeprefix(_FALLBACK).partition("/")
            base = f"{_FALLBACK}{prefix}"
            return {DOMAIN: prefix, BASE: base, HOST: name, "path": f"/{rest}"}
        return {DOMAIN: None, BASE: "", HOST: name}


def raw_query(request: Request) -> str:
    """The query as it came. Not from `request.url`, which a strange Host can break."""
    query: bytes = request.scope["query_string"]
    return query.decode("latin-1")


def read_query(request: Request) -> Parameters:
    """The query's parameters; an unreadable query has none."""
    try:
        return parse_parameters(parse_form(raw_query(request)))
    except MalformedForm:
        return Parameters()


async def load_site(
    services: Services, request: Request, client_id: str | None = None
) -> Site:
    """
    The pool that a request is for.

    Raises:
        UnknownSite: There is none.
    """
    store = services.config.store
    prefix, host = request.scope[DOMAIN], request.scope[HOST]
    domain = None
    if prefix is not None or "." in host:
        domain = await store.load_domain(prefix or host)
    if prefix is not None or domain is not None:
        pool = await store.load_pool(domain.pool_id) if domain else None
    else:
        named = client_id or read_query(request).get("client_id")
        client = await store.load_client(named) if named else None
        pool = await store.load_pool(client.pool_id) if client else None
    if pool is None:
        raise UnknownSite("no pool is served here")
    return Site(pool=pool, base=request.scope[BASE])
