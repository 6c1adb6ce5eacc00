"""
One request on its way through the plugins, and everything they may do to it.

Spec: Kong's plugin phases (access, header_filter); oidc-plugin §8.7 (anti-spoofing).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from ostiary.http.forms import remove_arguments
from ostiary.http.head import (
    Field,
    FoldedNames,
    Reply,
    find,
    fold_name,
    fold_names,
)
from ostiary.http.negotiate import Kind, decide_kind
from ostiary.model.fields import compile_pattern
from ostiary.model.gateway import Route, Service
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

    `bound_to` names what ends its streams when it ends. `credential` is set once a plugin has
    authenticated it: a credential's or a consumer's id, or who else asks. A consumer without
    one is the anonymous consumer. `max_body_bytes` is the most that plugins let through, 0 for
    no limit. `secret_fields` (folded) and `secret_arguments` name what
    credentials came in: no log shows their values.
    """

    websocket: bool
    route: Route | None = None
    service: Service | None = None
    upstream_fields: list[Field] = field(default_factory=list)
    downstream_fields: list[Field] = field(default_factory=list)
    cleared: FoldedNames = _NO_NAMES
    stripped_query: tuple[str, ...] = ()
    stripped_cookies: frozenset[str] = frozenset()
    new_method: bytes | None = None
    new_host: bytes | None = None
    new_path: str | None = None
    new_query: str | None = None
    new_body: bytes | None = field(default=None, repr=False)
    max_body_bytes: int = 0
    bound_to: tuple[str, ...] = ()
    subject: str | None = None
    consumer: Consumer | None = None
    credential: str | None = None
    groups: tuple[str, ...] | None = None
    secret_fields: frozenset[bytes] = frozenset()
    secret_arguments: frozenset[str] = frozenset()
    _kept: dict[object, Any] | None = field(default=None, init=False, repr=False)

    @property
    def service_id(self) -> str | None:
        return None if self.service is None else self.service.id

    def keep(self, owner: object, value: object) -> None:
        """Keep what a handler needs in a later phase."""
        if self._kept is None:
            self._kept = {}
        self._kept[owner] = value

    def kept(self, owner: object) -> Any:  # Any: whatever the owner kept
        """What this handler has kept, or None."""
        return None if self._kept is None else self._kept.get(owner)

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

    def drop(self, names: FoldedNames) -> None:
        """Send none of these fields, whoever set them."""
        self.clear(names)
        self.upstream_fields[:] = [
            f for f in self.upstream_fields if fold_name(f[0]) not in names
        ]

    def sent_values(self, name: bytes) -> tuple[bytes, ...]:
        """What the upstream would get of a field, by the edits made so far."""
        folded = fold_name(name)
        theirs = () if folded in self.cleared else self.fields
        fields = (*theirs, *self.upstream_fields)
        return tuple([v for n, v in fields if fold_name(n) == folded])

    @property
    def sent_query(self) -> str | None:
        """The query that the upstream would get, by the edits made so far; None for none."""
        if self.new_query is not None:
            return self.new_query or None
        query = self.target.query
        if query and self.stripped_query:
            return remove_arguments(query, self.stripped_query)
        return query

    @property
    def captures(self) -> Mapping[str, str]:
        """What the groups of the route's regex path caught: by name, and by number from 1."""
        for path in self.route.paths or () if self.route is not None else ():
            if path.startswith("~"):
                found = _compile(path[1:]).match(self.target.path)
                if found is not None:
                    numbered = enumerate(found.groups(), 1)
                    named = found.groupdict()
                    return {
                        **{str(n): v for n, v in numbered if v is not None},
                        **{n: v for n, v in named.items() if v is not None},
                    }
        return {}


@lru_cache(maxsize=1024)
def _compile(pattern: str) -> re.Pattern[str]:
    # Of the standard library's shape, but linear in time (decision D27).
    compiled: re.Pattern[str] = compile_pattern(pattern)
    return compiled


AccessResult = Reply | NeedsIo | None
