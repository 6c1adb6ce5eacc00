"""
What sign-in is asked, and the named steps it answers with.

A door (the plugin, a portal) builds a `SigninRequest` and carries a `Step` out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ostiary.http.head import Field, Fields
from ostiary.http.path import Target
from ostiary.http.url import build_origin
from ostiary.ports.body import Body
from ostiary.ports.client_keys import ClientKeys
from ostiary.ports.clock import Clock, Entropy
from ostiary.ports.consumers import NO_CONSUMERS, Consumer, Consumers
from ostiary.ports.fetch import Fetch
from ostiary.ports.session_store import Stores
from ostiary.ports.shared import Shared
from ostiary.sessions.keys import KeyRing
from ostiary.sessions.session import Session


@dataclass(slots=True, kw_only=True)
class SigninRequest:
    """
    One request at a door. Scheme, host and port are as the browser sees them.

    `host` has no port; `port` None is the scheme's default.
    `route_prefix` is the plain path prefix that matched, None for other matches.
    """

    method: bytes
    target: Target
    fields: Fields = field(repr=False)
    scheme: str
    host: str
    port: int | None
    route_prefix: str | None
    request_id: str
    client_ip: str
    body: Body = field(repr=False)
    consumers: Consumers = field(default=NO_CONSUMERS, repr=False)

    @property
    def origin(self) -> str:
        """The origin as the browser sees it."""
        return build_origin(self.scheme, self.host, self.port)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """
    Let the request through, with these edits. `session` is None for credentials of one request.

    `marks` are what its streams end by: the session's id, and the provider's names for it.
    `is_ambient` when a browser sends the credential by itself, whoever's page asks.
    `credential` names who asks where there is no consumer; `clear` are the client's fields that
    do not go on, in lower case; `new_body` takes the place of the body.
    """

    method: str
    subject: str
    session: Session | None
    marks: tuple[str, ...] = ()
    is_ambient: bool = False
    consumer: Consumer | None = None
    credential: str | None = None
    groups: tuple[str, ...] | None = None
    clear: frozenset[bytes] = frozenset()
    upstream_fields: Fields = field(repr=False)
    downstream_fields: Fields = field(default=(), repr=False)
    strip_query: tuple[str, ...] = ()
    strip_cookies: frozenset[str] = frozenset()
    new_body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendAway:
    """Redirect the browser. `why` is a word for the log."""

    status: int
    location: str = field(repr=False)
    why: str
    fields: tuple[Field, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """
    Do not let it through. `code` names the page and the log line; `message` is for the client.

    `error` is the OAuth word for WWW-Authenticate, `login_url` where a person may sign in.
    """

    status: int
    code: str
    message: str
    detail: str = ""
    error: str | None = None
    challenge: bool = False
    login_url: str | None = None
    retry_after_s: int | None = None
    fields: tuple[Field, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Respond:
    """Answer 200 with a JSON text (`login_action: response`, logout without a target)."""

    body: bytes = field(repr=False)
    fields: tuple[Field, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmLogout:
    """Ask the person whether to log out: the request comes from another site. `action` is a URL."""

    action: str | None


Step = Allowed | SendAway | Refused | Respond | ConfirmLogout


def _count_nothing(_: str) -> None:
    """For whoever keeps no numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolbox:
    """
    The ports that sign-in works with.

    `log` takes a level word and a line without secrets; `count` the name of what happened.
    `stores` opens the stores of sessions that lie outside cookies; `keep_trace` takes the story of
    a decision (JSON values, no secrets); `client_keys` sign who our clients are.
    """

    fetch: Fetch
    shared: Shared
    clock: Clock
    entropy: Entropy
    ring: KeyRing = field(repr=False)
    log: Callable[[str, str], None]
    count: Callable[[str], None] = _count_nothing
    stores: Stores | None = None
    keep_trace: Callable[[Mapping[str, Any]], None] | None = None
    client_keys: ClientKeys | None = None
