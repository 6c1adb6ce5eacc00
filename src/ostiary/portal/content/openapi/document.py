"""
A specification as a whole: what it is called, where it is served, how to sign in, what it can do.

Swagger 2.0 and OpenAPI 3.x read alike. Nothing here fails: what a document lacks is left out.
Pure.

Spec: Swagger 2.0; OpenAPI 3.0.4, 3.1.1, 3.2.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from ostiary.portal.content.openapi.lengths import MAX_LABEL_CHARS
from ostiary.portal.content.openapi.refs import Json, Refs, items, record, text

METHODS: Final = ("get", "post", "put", "patch", "delete", "head", "options", "trace", "query")  # fmt: skip
# Neither CONNECT, which makes tunnels, nor TRACE, which shows what proxies add.
TRIED: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
MAX_OPERATIONS: Final = 2000
MAX_TAGS: Final = 500
MAX_URL_CHARS: Final = 2000
UNTAGGED: Final = "Operations"
_NOT_IN_SLUGS: Final = re.compile(r"[^a-z0-9]+")
_LONGEST_SLUG: Final = 100
_MAX_TAGS_EACH: Final = 20
_MAX_SUMMARY_CHARS: Final = 500
_MAX_TEXT_CHARS: Final = 20_000
_MAX_TEXTS_CHARS: Final = 2_000_000
_MAX_SCHEMES: Final = 50
_MAX_SCOPES: Final = 100
_IN_BRACES: Final = re.compile(r"\{([^{}]{1,200})\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where an API is served."""

    url: str
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One way of OAuth 2.0."""

    name: str
    authorization_url: str = ""
    token_url: str = ""
    scopes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """A way to say who calls. `where` and `field_name` are of API keys."""

    name: str
    kind: str
    scheme: str = ""
    where: str = ""
    field_name: str = ""
    description: str = ""
    issuer_url: str = ""
    flows: tuple[Flow, ...] = ()

    @property
    def title(self) -> str:
        """What people call it."""
        match self.kind, self.scheme:
            case "apiKey", _:
                return f"API key in the {self.where or 'header'} {self.field_name}"
            case "http", "bearer":
                return "Bearer token"
            case "http", "basic":
                return "User name and password"
            case "oauth2", _:
                return "OAuth 2.0"
            case "openIdConnect", _:
                return "OpenID Connect"
            case "mutualTLS", _:
                return "Client certificate"
        return f"HTTP {self.scheme}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """
    One thing that an API can do; `slug` is its part of the page's address.

    `raw` and `shared` are the operation and its path as they are written.
    """

    slug: str
    method: str
    path: str
    summary: str
    description: str
    tags: tuple[str, ...]
    is_deprecated: bool
    raw: Json = field(repr=False)
    shared: Json = field(repr=False)

    @property
    def title(self) -> str:
        """Its summary, or else its method and path."""
        return self.summary or f"{self.method} {self.path}"

    @property
    def can_be_tried(self) -> bool:
        """Whether requests of its kind are sent from the portal at all."""
        return self.method in TRIED


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The operations of a tag."""

    name: str
    description: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """A specification, read."""

    title: str
    version: str
    summary: str
    description: str
    format: str
    servers: tuple[Server, ...]
    schemes: Mapping[str, Scheme]
    groups: tuple[Group, ...]
    tags: tuple[str, ...]
    contact: str = ""
    licence: str = ""
    terms_url: str = ""
    docs_url: str = ""
    refs: Refs = field(repr=False)

    @property
    def operations(self) -> Iterator[Operation]:
        """All of them, each once."""
        seen: set[str] = set()
        for group in self.groups:
            for operation in group.operations:
                if operation.slug not in seen:
                    seen.add(operation.slug)
                    yield operation

    @property
    def is_swagger(self) -> bool:
        """Whether it is in the older format."""
        return "swagger" in self.refs.document

    def find(self, slug: str) -> Operation | None:
        """The operation of an address."""
        return next((o for o in self.operations if o.slug == slug), None)


def read_api(document: Json, *, fallback: str) -> Api:
    """
    A document as an API.

    Args:
        fallback: Its title where it has none.
    """
    info = record(document.get("info"))
    refs = Refs(document=document)
    version = text(document.get("openapi")) or text(document.get("swagger"))
    name = "Swagger" if "swagger" in document else "OpenAPI"
    operations = [*_read_operations(refs)]
    return Api(
        title=text(info.get("title")) or fallback,
        version=text(info.get("version")),
        summary=text(info.get("summary")),
        description=text(info.get("description")),
        format=f"{name} {version}".strip(),
        servers=tuple(read_servers(document)),
        schemes={s.name: s for s in _read_schemes(refs)},
        groups=tuple(_group(document, operations)),
        tags=_list_tags(document, operations),
        contact=text(record(info.get("contact")).get("email")),
        licence=text(record(info.get("license")).get("name")),
        terms_url=text(info.get("termsOfService")),
        docs_url=text(record(document.get("externalDocs")).get("url")),
        refs=refs,
    )


def fill_url(url: str, values: Mapping[str, str]) -> str:
    """A URL with the values of what stands in braces; values are not filled in themselves."""

    def fill(found: re.Match[str]) -> str:
        return values.get(found[1], "")[:MAX_URL_CHARS] or found[0]

    return _IN_BRACES.sub(fill, url[:MAX_URL_CHARS])[:MAX_URL_CHARS]


def read_servers(document: Json) -> Iterator[Server]:
    """The servers that a document, or a part of one, names; variables have their defaults."""
    if "swagger" in document:
        host = text(document.get("host"))
        path = "/" + text(document.get("basePath")).strip("/")
        schemes = [text(s) for s in items(document.get("schemes"))] or ["https"]
        for scheme in schemes[:5] if host else ():
            yield Server(url=f"{scheme}://{host}{path.rstrip('/')}"[:MAX_URL_CHARS])
        if not host and path != "/":
            yield Server(url=path[:MAX_URL_CHARS])
        return
    for server in items(document.get("servers"))[:20]:
        variables = record(record(server).get("variables"))
        values = {str(k): text(record(v).get("default")) for k, v in variables.items()}
        url = fill_url(text(record(server).get("url")), values)
        if url:
            said = text(record(server).get("description"))
            yield Server(url=url.rstrip("/") or "/", description=said)


def _read_schemes(refs: Refs) -> Iterator[Scheme]:
    document = refs.document
    found = record(document.get("securityDefinitions")) or record(
        record(document.get("components")).get("securitySchemes")
    )
    for name, value in [*found.items()][:_MAX_SCHEMES]:
        said, _ = refs.follow(value)
        kind = text(said.get("type"))
        scheme = text(said.get("scheme"))[:MAX_LABEL_CHARS].lower()
        if kind == "basic":  # Swagger 2.0
            kind, scheme = "http", "basic"
        flows = record(said.get("flows")) or (
            {text(said.get("flow")): said} if said.get("flow") else {}
        )
        yield Scheme(
            name=str(name),
            kind=kind,
            scheme=scheme,
            where=text(said.get("in"))[:MAX_LABEL_CHARS],
            field_name=text(said.get("name"))[:MAX_LABEL_CHARS],
            description=text(said.get("description")),
            issuer_url=text(said.get("openIdConnectUrl")),
            flows=tuple(
                Flow(
                    name=str(flow),
                    authorization_url=text(record(how).get("authorizationUrl")),
                    token_url=text(record(how).get("tokenUrl")),
                    scopes=tuple(
                        (str(k)[:MAX_LABEL_CHARS], text(v)[:_MAX_SUMMARY_CHARS])
                        for k, v in [*record(record(how).get("scopes")).items()][
                            :_MAX_SCOPES
                        ]
                    ),
                )
                for flow, how in flows.items()
            ),
        )


def _read_operations(refs: Refs) -> Iterator[Operation]:
    taken: set[str] = set()
    room = _MAX_TEXTS_CHARS
    for path, value in record(refs.document.get("paths")).items():
        shared, _ = refs.follow(value)
        more = record(shared.get("additionalOperations"))
        listed = [(m, shared.get(m)) for m in METHODS] + [*more.items()]
        for method, raw in listed:
            if not isinstance(raw, Mapping) or len(taken) >= MAX_OPERATIONS:
                continue
            said = text(raw.get("operationId")) or f"{method} {path}"
            slug = base = _slug(said[: 2 * _LONGEST_SLUG])
            count = 1
            while slug in taken:
                count += 1
                slug = f"{base}-{count}"
            taken.add(slug)
            named = items(raw.get("tags"))[:_MAX_TAGS_EACH]
            tags = dict.fromkeys(text(t)[:MAX_LABEL_CHARS] for t in named if text(t))
            # One text may be that of very many operations.
            told = text(raw.get("description")) or text(shared.get("description"))
            told = told[: min(_MAX_TEXT_CHARS, room)]
            room -= len(told)
            yield Operation(
                slug=slug,
                method=str(method).upper(),
                path=str(path),
                summary=text(raw.get("summary"))[:_MAX_SUMMARY_CHARS],
                description=told,
                tags=tuple(tags),
                is_deprecated=raw.get("deprecated") is True,
                raw=raw,
                shared=shared,
            )


def _slug(said: str) -> str:
    # Camel case in words: `getPetById` is get-pet-by-id.
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", said).lower()
    return _NOT_IN_SLUGS.sub("-", apart).strip("-")[:_LONGEST_SLUG] or "operation"


def _describe_tags(document: Json) -> dict[str, str]:
    return {
        text(record(tag).get("name"))[:MAX_LABEL_CHARS]: text(
            record(tag).get("description")
        )
        for tag in items(document.get("tags"))[:MAX_TAGS]
        if text(record(tag).get("name"))
    }


def _group(document: Json, operations: list[Operation]) -> Iterator[Group]:
    described = _describe_tags(document)
    inside: dict[str, list[Operation]] = {
        name: [] for name in (*_list_tags(document, operations), UNTAGGED)
    }
    for operation in operations:
        # Tags beyond the limit have no group of their own.
        known = [tag for tag in operation.tags if tag in inside]
        for name in known or (UNTAGGED,):
            inside[name].append(operation)
    for name, found in inside.items():
        if found:
            yield Group(
                name=name,
                description=described.get(name, ""),
                operations=tuple(found),
            )


def _list_tags(document: Json, operations: list[Operation]) -> tuple[str, ...]:
    named = [*_describe_tags(document), *(tag for o in operations for tag in o.tags)]
    return tuple(dict.fromkeys(named))[:MAX_TAGS]
