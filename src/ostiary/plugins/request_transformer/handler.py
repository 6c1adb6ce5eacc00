"""
Changes fields, query, path, method and named values of bodies on their way to the upstream.

Templates see the request as the plugins before have left it. All are filled before anything is
changed.

Spec: gateway §4.5 (request-transformer).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import quote

from ostiary.http.head import Fields, find, fold_name, fold_names
from ostiary.http.path import AmbiguousTarget, normalise_path
from ostiary.kit import (
    NEEDS_IO,
    NO_COOKIES,
    AccessResult,
    BodyTooLarge,
    Exchange,
    Reply,
    Services,
    refuse,
)
from ostiary.kit.bodies import Form, parse_named
from ostiary.plugins.request_transformer.schema import (
    OWN_FIELDS,
    RequestTransformerConfig,
    split_pair,
)
from ostiary.plugins.request_transformer.template import (
    LookUp,
    Template,
    parse_template,
)

MAX_BODY_BYTES: Final = 8 << 20
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f]")
_BODYLESS: Final = frozenset({b"GET", b"HEAD", b"TRACE"})
_KINDS: Final = re.compile(
    rb"application/json|application/x-www-form-urlencoded|multipart/form-data",
    re.IGNORECASE,
)
_FORM: Final = b"application/x-www-form-urlencoded"
Filled = Sequence[tuple[str, str]]


class Named(Protocol):
    """What can be edited by name."""

    def find(self, name: str) -> Sequence[object]: ...
    def remove(self, name: str) -> None: ...
    def rename(self, old: str, new: str) -> None: ...
    def replace(self, name: str, value: str) -> None: ...
    def append(self, name: str, value: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Edits:
    """Changes by name, in the order in which they happen."""

    remove: tuple[str, ...]
    rename: tuple[tuple[str, str], ...]
    replace: tuple[tuple[str, Template], ...]
    add: tuple[tuple[str, Template], ...]
    append: tuple[tuple[str, Template], ...]

    def __bool__(self) -> bool:
        return bool(
            self.remove or self.rename or self.replace or self.add or self.append
        )

    def fill(self, look_up: LookUp) -> FilledEdits:
        """The same with what templates say of one request."""

        def filled(pairs: tuple[tuple[str, Template], ...]) -> Filled:
            return [(name, template.render(look_up)) for name, template in pairs]

        return FilledEdits(
            edits=self,
            replace=filled(self.replace),
            add=filled(self.add),
            append=filled(self.append),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledEdits:
    """Changes with their values."""

    edits: Edits
    replace: Filled
    add: Filled
    append: Filled

    def apply(self, target: Named) -> None:
        """Change it."""
        for name in self.edits.remove:
            target.remove(name)
        for old, new in self.edits.rename:
            target.rename(old, new)
        for name, value in self.replace:
            target.replace(name, value)
        for name, value in self.add:
            if not target.find(name):
                target.append(name, value)
        for name, value in self.append:
            target.append(name, value)


def _pairs(texts: Sequence[str]) -> tuple[tuple[str, Template], ...]:
    split = map(split_pair, texts)
    return tuple((name, parse_template(value)) for name, value in split)


def build_edits(config: RequestTransformerConfig, what: str) -> Edits:
    """The changes of `body`, `headers` or `querystring`."""
    return Edits(
        remove=getattr(config.remove, what),
        rename=tuple(split_pair(text) for text in getattr(config.rename, what)),
        replace=_pairs(getattr(config.replace, what)),
        add=_pairs(getattr(config.add, what)),
        append=_pairs(getattr(config.append, what)),
    )


class SentFields:
    """The fields of an exchange, to be edited by name. Host can only be replaced."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def find(self, name: str) -> Sequence[object]:
        if name.lower() == "host" or name.lower() in OWN_FIELDS:
            return (name,)  # always there
        return self._exchange.sent_values(name.encode("ascii"))

    def remove(self, name: str) -> None:
        self._exchange.drop(fold_names((name.encode("ascii"),)))

    def rename(self, old: str, new: str) -> None:
        values = self._exchange.sent_values(old.encode("ascii"))
        if values and old.lower() != "host":
            self.remove(old)
            if new.lower() not in {"host", *OWN_FIELDS}:
                self.remove(new)
                self._exchange.upstream_fields += [
                    (new.encode("ascii"), value) for value in values
                ]

    def replace(self, name: str, value: str) -> None:
        if name.lower() == "host":
            self._exchange.new_host = _safe(value)
        elif name.lower() not in OWN_FIELDS and self.find(name):
            self.remove(name)
            self.append(name, value)

    def append(self, name: str, value: str) -> None:
        if name.lower() not in {"host", *OWN_FIELDS}:
            self._exchange.upstream_fields.append((name.encode("ascii"), _safe(value)))


def _safe(value: str) -> bytes:
    """A value that stays one: an argument may hold line ends once it is decoded."""
    return _CONTROLS.sub("", value).encode("utf-8", "replace")


def build_look_up(exchange: Exchange) -> LookUp:
    """What templates see of an exchange, as it is now."""
    theirs = exchange.fields
    kept: Fields = tuple(f for f in theirs if fold_name(f[0]) not in exchange.cleared)
    fields = (*exchange.upstream_fields, *kept)
    query = Form(exchange.target.query or "")
    captures = exchange.captures

    def look_up(source: str, name: str) -> str | None:
        match source:
            case "headers":
                folded = fold_name(name.encode("utf-8"))
                found = (v for n, v in fields if fold_name(n) == folded)
                value = next(found, None)
                return None if value is None else value.decode("utf-8", "replace")
            case "query_params":
                return next(iter(query.find(name)), None)
            case "uri_captures":
                return captures.get(name)
        return None  # nothing is shared by plugins here

    return look_up


class RequestTransformer:
    """One configured `request-transformer` plugin."""

    own_cookies = NO_COOKIES

    def __init__(
        self,
        config: RequestTransformerConfig,
        row_id: str,  # noqa: ARG002 - what every plugin is built with
        services: Services,
    ) -> None:
        self._log = services.log_as("request-transformer")
        method = config.http_method
        self._method = None if method is None else method.encode("ascii")
        self._headers = build_edits(config, "headers")
        self._query = build_edits(config, "querystring")
        self._body = build_edits(config, "body")
        uri = config.replace.uri
        self._uri = None if uri is None else parse_template(uri)

    def access(self, exchange: Exchange) -> AccessResult:
        kind = find(exchange.fields, b"content-type") or b""
        if (self._body and _KINDS.match(kind.strip())) or self._moves_body(kind):
            return NEEDS_IO
        return self._edit(exchange, None)

    async def access_io(self, exchange: Exchange) -> Reply | None:
        body = exchange.new_body
        if body is None:
            try:
                body = await exchange.body.read(MAX_BODY_BYTES)
            except BodyTooLarge:
                return refuse(exchange, 413, "Payload too large")
        return self._edit(exchange, body)

    def _moves_body(self, kind: bytes) -> bool:
        return self._method in _BODYLESS and kind.strip().lower().startswith(_FORM)

    def _edit(self, exchange: Exchange, body: bytes | None) -> Reply | None:
        look_up = build_look_up(exchange)
        headers, query = self._headers.fill(look_up), self._query.fill(look_up)
        in_body = self._body.fill(look_up)
        if self._uri is not None and (refusal := self._set_path(exchange, look_up)):
            return refusal
        kind = find(exchange.fields, b"content-type") or b""
        exchange.new_method = self._method or exchange.new_method
        headers.apply(SentFields(exchange))
        if body is not None:
            self._edit_body(exchange, kind, body, in_body)
        if self._query or self._moves_body(kind):
            text = exchange.sent_query or ""
            if self._moves_body(kind) and body:
                text = "&".join(t for t in (text, body.decode("latin-1")) if t)
            form = Form(text)
            query.apply(form)
            exchange.new_query = form.dump_text()
        return None

    def _edit_body(
        self, exchange: Exchange, kind: bytes, body: bytes, edits: FilledEdits
    ) -> None:
        named = parse_named(kind, body) if self._body else None
        if named is not None:
            edits.apply(named)
            exchange.new_body = named.dump()

    def _set_path(self, exchange: Exchange, look_up: LookUp) -> Reply | None:
        """Ask for another path; what a client's values would lead astray is refused."""
        assert self._uri is not None

        def escaped(source: str, name: str) -> str | None:
            found = look_up(source, name)
            # What a regex path caught is a piece of a path already.
            if found is None or source == "uri_captures":
                return found
            return quote(found, safe="")

        path = quote(self._uri.render(escaped), safe="/%~!$&'()*+,;=:@")
        try:
            is_plain = path.startswith("/") and normalise_path(path) == path
        except AmbiguousTarget:
            is_plain = False
        if not is_plain:
            self._log("info", "replace.uri made no plain path of this request")
            return refuse(exchange, 400, "Bad request")
        exchange.new_path = path
        return None
