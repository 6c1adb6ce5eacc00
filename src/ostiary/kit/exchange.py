"""
One request on its way through the plugins, and everything they may do to it.

Spec: Kong's plugin phases (access, header_filter); oidc-plugin §8.7 (anti-spoofing).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Protocol

from ostiary.http.head import (
    Field,
    FoldedNames,
    Reply,
    find,
    fold_name,
    fold_names,
)
from ostiary.http.negotiate import Kind, decide_kind
from ostiary.ports.consumers import Consumer
from ostiary.signin.values import SigninRequest


class NeedsIo:
    """What a hook's sync form answers when it cannot answer without I/O."""

    def __repr__(self) -> str:
        return "NEEDS_IO"


NEEDS_IO: Final = NeedsIo()
_NO_NAMES = fold_names(())


@dataclass(slots=True, kw_only=True)
class Exchange(SigninRequest):
    """
    One exchange: the request as routed, and the edits made so far.

    `bound_to` names what ends its streams when it ends. `credential` is set once a plugin has authenticated it: a consumer's id, or who else asks.
    """

    websocket: bool
    service_id: str | None = None
    upstream_fields: list[Field] = field(default_factory=list)
    downstream_fields: list[Field] = field(default_factory=list)
    cleared: FoldedNames = _NO_NAMES
    stripped_query: tuple[str, ...] = ()
    stripped_cookies: frozenset[str] = frozenset()
    new_body: bytes | None = None
    bound_to: tuple[str, ...] = ()
    subject: str | None = None
    consumer: Consumer | None = None
    credential: str | None = None
    groups: tuple[str, ...] | None = None

    @property
    def error_kind(self) -> Kind:
        """The form in which the client wants to hear of errors."""
        return decide_kind(find(self.fields, b"accept"))

    def clear(self, names: FoldedNames) -> None:
        """Remove the client's fields of these names, in every spelling."""
        self.cleared = FoldedNames(self.cleared | names) if self.cleared else names

    def set_upstream(self, name: bytes, value: bytes) -> None:
        """Send a field to the upstream; the client's own of that name goes."""
        folded = fold_name(name)
        if folded not in self.cleared:
            self.cleared = FoldedNames(self.cleared | {folded})
        self.upstream_fields.append((name, value))


AccessResult = Reply | NeedsIo | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCookies:
    """
    Cookies that are between the browser and the gateway: names, and beginnings of names.

    No upstream of any route sees them: whoever holds one could use it here.
    """

    names: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()


class Handler(Protocol):
    """One configured instance of a plugin. Without cookies of its own it says `OwnCookies()`."""

    own_cookies: OwnCookies

    def access(self, exchange: Exchange) -> AccessResult:
        """Answer, let pass with None, or say that I/O is needed."""
        ...

    async def access_io(self, exchange: Exchange) -> Reply | None:
        """The same with I/O; called only after NEEDS_IO."""
        ...
