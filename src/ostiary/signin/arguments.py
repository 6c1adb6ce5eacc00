"""
The arguments of a request: of its query, and of a body that is a form or a JSON object.

Spec: oidc-plugin §5 (look-up places, body types), §8.5 (what is taken out again).
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl, unquote_plus

from ostiary.http.forms import MalformedForm, Pairs, first, parse_form
from ostiary.http.head import find_all
from ostiary.jose.encoding import parse_json_object
from ostiary.jose.errors import JoseError
from ostiary.ports.body import BodyTooLarge
from ostiary.signin.values import SigninRequest

MAX_BODY_BYTES = 64 * 1024
Kind = Literal["form", "json"]
_KINDS: dict[bytes, Kind] = {
    b"application/x-www-form-urlencoded": "form",
    b"application/json": "json",
}
NO_PAIRS: Pairs = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """What a request says in arguments. `raw` is the body when it was read."""

    query: Pairs = field(default=NO_PAIRS, repr=False)
    body: Pairs = field(default=NO_PAIRS, repr=False)
    kind: Kind | None = None
    raw: bytes = field(default=b"", repr=False)

    def find(self, name: str, *, body: bool = True) -> str | None:
        """The first value of a name: of the query, then of the body."""
        found = first(self.query, name)
        return first(self.body, name) if found is None and body else found

    def body_without(self, names: Collection[str]) -> bytes:
        """The body as the upstream gets it: without some arguments, else as it came."""
        if self.kind == "form":
            parts = self.raw.split(b"&")
            return b"&".join(p for p in parts if _name(p) not in names)
        document = parse_json_object(self.raw)
        kept = {name: value for name, value in document.items() if name not in names}
        return json.dumps(kept, separators=(",", ":"), ensure_ascii=False).encode()


NO_ARGUMENTS = Arguments()


def _name(part: bytes) -> str:
    return unquote_plus(part.partition(b"=")[0].decode("latin-1"))


def body_kind(request: SigninRequest) -> Kind | None:
    """How the body's arguments are written; None for a body that has none."""
    if request.method in {b"GET", b"HEAD", b"OPTIONS"}:
        return None
    types = find_all(request.fields, b"content-type")
    if len(types) != 1:
        return None
    return _KINDS.get(types[0].partition(b";")[0].strip().lower())


def read_query(request: SigninRequest) -> Pairs:
    """The arguments of the query; none where it is malformed."""
    if not request.target.query:
        return NO_PAIRS
    try:
        return parse_form(request.target.query)
    except MalformedForm:
        return NO_PAIRS


def read_query_loosely(request: SigninRequest) -> Pairs:
    """The arguments of the query as far as they can be told, however malformed it is."""
    return tuple(parse_qsl(request.target.query or "", keep_blank_values=True))


async def read_arguments(request: SigninRequest, *, body: bool) -> Arguments:
    """
    The arguments of a request.

    A body that is too large, malformed, or no object says nothing (Kong 3.9: JSON `null`).

    Args:
        body: Whether the body counts; it is not read otherwise.
    """
    query = read_query(request)
    kind = body_kind(request) if body else None
    if kind is None:
        return Arguments(query=query)
    try:
        raw = await request.body.read(MAX_BODY_BYTES)
    except BodyTooLarge:
        return Arguments(query=query)
    pairs = _read_form(raw) if kind == "form" else _read_json(raw)
    if not pairs:
        return Arguments(query=query)
    return Arguments(query=query, body=pairs, kind=kind, raw=raw)


def _read_form(raw: bytes) -> Pairs:
    try:
        return parse_form(raw)
    except MalformedForm:
        return NO_PAIRS


def _read_json(raw: bytes) -> Pairs:
    try:
        document = parse_json_object(raw)
    except JoseError:
        return NO_PAIRS
    return tuple((k, v) for k, v in document.items() if isinstance(v, str))
