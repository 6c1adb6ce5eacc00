"""
The configuration's database as a node opens it: at first use, and again after it was away.

Spec: gateway §5.5; the data plane serves while the database is away.
"""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import quote, urlencode

from ostiary.admin.roles import prepare_access
from ostiary.model.row import Row
from ostiary.ports.audit import AuditLog, Found, ObjectRecord, RequestRecord, Search
from ostiary.ports.clock import Clock
from ostiary.ports.config_store import (
    ConfigStore,
    ConfigWrites,
    Page,
    Tagged,
    Wanted,
    Written,
)
from ostiary.ports.pool_store import StoreUnavailable
from ostiary.ports.session_store import ListedStore, SessionStore
from ostiary.ports.shared import SharedUnavailable
from ostiary.ports.usage import UsageStore, Used
from ostiary.settings import Settings

_LOG = logging.getLogger("ostiary.control")
_NOBODY: Final = (
    "enforce_rbac lets nobody use the Admin API: no user is known in the workspace default; set "
    "KONG_PASSWORD (or password) to the token of a first one, kong_admin, and start again"
)
# Of Debian, Fedora, Alpine.
_SYSTEM_LISTS: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)


class SiteSessions(SessionStore, ListedStore, Protocol):
    """The sessions of the node's sites, which can be looked through."""


class AuditedStore(ConfigStore, Protocol):
    """A configuration with an audit log beside it."""

    @property
    def audit(self) -> AuditLog:
        """The records of what was asked and changed."""
        ...

    def open_usage(self) -> UsageStore:
        """How much applications are used."""
        ...

    def open_sessions(self, clock: Clock) -> SiteSessions:
        """The sessions of the node's sites."""
        ...

    def within(self, workspace: str) -> AuditedStore:
        """The same rows, seen from the workspace of an id."""
        ...


class LateStore:
    """The configuration store port; whoever asks first opens it. All raise StoreUnavailable."""

    def __init__(self, opener: Callable[[], Awaitable[AuditedStore]]) -> None:
        self._opener = opener
        self._store: AuditedStore | None = None
        self._lock = asyncio.Lock()
        self.audit = LateAudit(self.open)
        self.usage = LateUsage(self.open)

    async def open(self) -> AuditedStore:
        """The store itself. Raises StoreUnavailable."""
        async with self._lock:
            if self._store is None:
                self._store = await self._opener()
            return self._store

    def within(self, workspace: str) -> LateStore:
        async def enter() -> AuditedStore:
            return (await self.open()).within(workspace)

        return LateStore(enter)

    async def get(self, kind: str, identity: str) -> Row | None:
        return await (await self.open()).get(kind, identity)

    async def find(self, kind: str, values: Mapping[str, str]) -> Row | None:
        return await (await self.open()).find(kind, values)

    async def page(self, wanted: Wanted, *, after: str = "", size: int) -> Page:
        return await (await self.open()).page(wanted, after=after, size=size)

    async def tags(
        self, tag: str | None, *, after: tuple[str, str, str] | None, size: int
    ) -> tuple[Tagged, ...]:
        return await (await self.open()).tags(tag, after=after, size=size)

    async def counts(self) -> Mapping[str, int]:
        return await (await self.open()).counts()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[ConfigWrites]:
        async with (await self.open()).writing() as write:
            yield write

    async def revision(self) -> int:
        return await (await self.open()).revision()

    async def files_revision(self) -> int:
        return await (await self.open()).files_revision()

    async def load(self) -> Written:
        return await (await self.open()).load()

    async def lines(self) -> tuple[int, list[bytes]]:
        return await (await self.open()).lines()

    async def since(self, revision: int) -> Written | None:
        return await (await self.open()).since(revision)

    async def close(self) -> None:
        if self._store is not None:
            await self._store.close()


class LateSessions:
    """
    The session store port, of a database that is opened at first use.

    Everything raises SharedUnavailable while it does not answer.
    """

    def __init__(self, store: LateStore, clock: Clock) -> None:
        self._late = store
        self._clock = clock
        self._store: SiteSessions | None = None

    async def _open(self) -> SiteSessions:
        if self._store is None:
            try:
                self._store = (await self._late.open()).open_sessions(self._clock)
            except StoreUnavailable as error:
                raise SharedUnavailable(str(error)) from error
        return self._store

    async def keys(self, part: str, *, most: int) -> tuple[tuple[str, float], ...]:
        return await (await self._open()).keys(part, most=most)

    async def records(
        self, start: str, *, most: int
    ) -> tuple[tuple[str, bytes, float], ...]:
        return await (await self._open()).records(start, most=most)

    async def get(self, key: str) -> bytes | None:
        return await (await self._open()).get(key)

    async def set(self, key: str, value: bytes, *, ttl_s: float) -> None:
        await (await self._open()).set(key, value, ttl_s=ttl_s)

    async def replace(self, key: str, old: bytes, new: bytes, *, ttl_s: float) -> bool:
        return await (await self._open()).replace(key, old, new, ttl_s=ttl_s)

    async def overwrite(self, key: str, value: bytes, *, ttl_s: float) -> bool:
        return await (await self._open()).overwrite(key, value, ttl_s=ttl_s)

    async def keep(self, key: str, *, ttl_s: float) -> bool:
        return await (await self._open()).keep(key, ttl_s=ttl_s)

    async def delete(self, key: str) -> None:
        await (await self._open()).delete(key)

    async def index(self, name: str, member: str, *, ttl_s: float) -> None:
        await (await self._open()).index(name, member, ttl_s=ttl_s)

    async def members(self, name: str) -> tuple[str, ...]:
        return await (await self._open()).members(name)

    async def unindex(self, name: str, member: str) -> None:
        await (await self._open()).unindex(name, member)


class LateUsage:
    """The usage port, of a store that is opened at first use."""

    def __init__(self, opener: Callable[[], Awaitable[AuditedStore]]) -> None:
        self._open = opener

    async def add(self, used: Sequence[Used]) -> None:
        await (await self._open()).open_usage().add(used)

    async def read(self, application: str, *, since: int) -> tuple[Used, ...]:
        store = (await self._open()).open_usage()
        return await store.read(application, since=since)


class LateAudit:
    """The audit log port, of a store that is opened at first use."""

    def __init__(self, opener: Callable[[], Awaitable[AuditedStore]]) -> None:
        self._open = opener

    async def keep(self, record: RequestRecord) -> None:
        await (await self._open()).audit.keep(record)

    async def requests(self, search: Search, *, now: int) -> Found[RequestRecord]:
        return await (await self._open()).audit.requests(search, now=now)

    async def objects(self, search: Search, *, now: int) -> Found[ObjectRecord]:
        return await (await self._open()).audit.objects(search, now=now)


def build_url(settings: Settings, prefix: Path) -> str:
    """The database of the settings as a URL; SQLite's is a file in the prefix."""
    if settings.database == "sqlite":
        return f"sqlite:///{prefix.resolve() / 'config.db'}"
    user = quote(settings.pg_user, safe="")
    if settings.pg_password:
        user += ":" + quote(settings.pg_password, safe="")
    host = settings.pg_host
    if host.startswith("/"):
        place, query = "", {"host": host, "port": str(settings.pg_port)}
    else:
        place, query = f"{host}:{settings.pg_port}", {}
    query |= _tls(settings)
    if settings.pg_schema:
        query["search_path"] = settings.pg_schema
    name = quote(settings.pg_database, safe="")
    return f"postgresql://{user}@{place}/{name}?{urlencode(query)}"


def _tls(settings: Settings) -> dict[str, str]:
    """How TLS is spoken with PostgreSQL, in libpq's words."""
    if not settings.pg_ssl:
        return {"sslmode": "disable"}
    query = {"sslmode": "require"}
    trusted = settings.lua_ssl_trusted_certificate
    if settings.pg_ssl_verify:
        query["sslmode"] = "verify-full"
        found = _find_system_list() if trusted == "system" else trusted
        query |= {"sslrootcert": found} if found else {}
    if settings.pg_ssl_version == "tlsv1_3":
        query["ssl_min_protocol_version"] = "TLSv1.3"
    if settings.pg_ssl_cert and settings.pg_ssl_cert_key:
        query |= {"sslcert": settings.pg_ssl_cert, "sslkey": settings.pg_ssl_cert_key}
    return query


def _find_system_list() -> str | None:
    """The file with the machine's certificate authorities: libpq's words have none for it."""
    known = ssl.get_default_verify_paths().cafile
    return next((p for p in (known, *_SYSTEM_LISTS) if p and Path(p).is_file()), None)


async def open_database(settings: Settings, prefix: Path, key: bytes) -> AuditedStore:
    """
    The database of the settings, its tables up to date, with the first roles.

    Raises:
        StoreUnavailable: It does not answer.
    """
    # Late: a node without a database never loads an SQL library.
    from ostiary.adapters.sql.config_store import open_config_store

    store = await open_config_store(
        build_url(settings, prefix), key, within_s=settings.pg_timeout / 1000
    )
    try:
        is_known = await prepare_access(
            store,
            now=int(time.time()),
            salt=os.urandom(16),
            password=settings.password,
        )
    except BaseException:
        await store.close()
        raise
    if settings.enforce_rbac != "off" and not is_known:
        _LOG.error("%s", _NOBODY)
    return store
