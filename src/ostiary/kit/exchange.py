"""
One request on its way through the plugins, and everything they may do to it.

Spec: Kong's plugin phases (access, header_filter); oidc-plugin §8.7 (anti-spoofing).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final, Protocol, runtime_checkable

from ostiary.http.head import Field, Reply, RequestHead
from ostiary.http.negotiate import Kind
from ostiary.http.path import Target


class Body(Protocol):
    """The request body, for plugins that must look into it."""

    async def read(self, limit: int) -> bytes:
        """The whole body, of at most `limit` bytes."""
        ...


class NeedsIo:
    """What a hook's sync form answers when it cannot answer without I/O."""

    def __repr__(self) -> str:
        return "NEEDS_IO"


NEEDS_IO: Final = NeedsIo()


@dataclass(slots=True, kw_only=True)
class Exchange:
    """
    One exchange: the request as routed, and the edits made so far.

    `scheme`, `host` and `port` are as the browser sees them; `port` None is the default.
    """

    head: RequestHead
    target: Target
    scheme: str
    host: str
    port: int | None
    client_ip: str
    route_prefix: str | None
    request_id: str
    error_kind: Kind
    body: Body
    upstream_fields: list[Field] = field(default_factory=list)
    downstream_fields: list[Field] = field(default_factory=list)
    cleared: set[bytes] = field(default_factory=set)
    stripped_query: tuple[str, ...] = ()
    session_id: str | None = None
    subject: str | None = None

    def clear(self, names: Collection[bytes]) -> None:
        """Remove the client's fields of these lower-case names, in every spelling."""
        self.cleared.update(names)

    def set_upstream(self, name: bytes, value: bytes) -> None:
        """Send a field to the upstream; the client's own of that name goes."""
        self.cleared.add(name.lower())
        self.upstream_fields.append((name, value))


AccessResult = Reply | NeedsIo | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCookies:
    """Cookies that are between the browser and the gateway: names, and beginnings of names."""

    names: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()


@runtime_checkable
class KeepsCookies(Protocol):
    """
    A handler with cookies of its own.

    No upstream of any route sees them: whoever holds one could use it here.
    """

    own_cookies: OwnCookies


class Handler(Protocol):
    """One configured instance of a plugin."""

    def access(self, exchange: Exchange) -> AccessResult:
        """Answer, let pass with None, or say that I/O is needed."""
        ...

    async def access_io(self, exchange: Exchange) -> Reply | None:
        """The same with I/O; called only after NEEDS_IO."""
        ...
