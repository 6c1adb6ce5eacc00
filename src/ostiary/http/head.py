"""
Message heads as values, and the few look-ups everyone needs.

Field names keep the spelling they arrived with; look-ups fold ASCII case.

Spec: RFC 9110 §5, RFC 9112 §2-3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NewType

from ostiary.http.value import frozen

Field = tuple[bytes, bytes]
Fields = tuple[Field, ...]


@frozen
class RequestHead:
    """
    A request's first line and fields; `target` is as received, `minor` the x of HTTP/1.x.

    `websocket` says that it asks for a WebSocket.
    """

    method: bytes
    target: bytes
    fields: Fields
    minor: int = 1
    websocket: bool = False


@frozen
class ResponseHead:
    """A response's first line and fields."""

    status: int
    fields: Fields
    reason: bytes = b""
    minor: int = 1


@frozen
class Reply:
    """A whole response made by us. Fronts add Date, Content-Length and Connection."""

    status: int
    fields: Fields = ()
    body: bytes = b""


_SIGNS = re.compile(rb"[^a-z0-9]")


class _Folded(dict[bytes, bytes]):
    """Remembers how names fold; bounded, because clients invent names."""

    def __missing__(self, name: bytes) -> bytes:
        folded = _SIGNS.sub(b"-", name.lower())
        if len(self) < 4096 and len(name) <= 64:
            self[name] = folded
        return folded


_FOLDED = _Folded()


def fold_name(name: bytes) -> bytes:
    """A field name as careless upstreams read it: CGI folds every sign into one (T-H1)."""
    return _FOLDED[name]


FoldedNames = NewType("FoldedNames", frozenset[bytes])


def fold_names(names: Iterable[bytes]) -> FoldedNames:
    """Names folded once, for comparing with `fold_name` of whatever arrives."""
    return FoldedNames(frozenset(fold_name(name) for name in names))


def find(fields: Iterable[Field], name: bytes) -> bytes | None:
    """The first value of a field, or None. `name` is lower case."""
    for key, value in fields:
        if key.lower() == name:
            return value
    return None


def find_all(fields: Iterable[Field], name: bytes) -> tuple[bytes, ...]:
    """Every value of a field, in order. `name` is lower case."""
    return tuple([value for key, value in fields if key.lower() == name])
