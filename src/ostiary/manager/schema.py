"""
The Admin API's schemas as a tree of form fields. Pure.

Nothing of any entity or plugin is known here: what a field is shown as follows from its type alone.

Spec: gateway §1.14 (`/schemas/*`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

Json = Mapping[str, Any]  # Any: JSON
Widget = Literal[
    "text", "area", "choice", "switch", "lines", "commas", "boxes", "pairs", "record",
    "json", "foreign",
]  # fmt: skip
_SCALARS: Final = frozenset({"string", "integer", "number"})
_NUMBERS: Final = frozenset({"integer", "number"})
# Fields of several lines: PEM, JSON, and what is sent as a body.
_LONG: Final = frozenset(
    {
        "cert", "cert_alt", "jwk", "public_key", "private_key", "rsa_public_key", "body",
        "key_alt", "portal_auth_conf", "portal_developer_meta_fields",
    }
)  # fmt: skip
_WORDS: Final[Mapping[str, str]] = {
    "id": "ID", "uri": "URI", "uris": "URIs", "url": "URL", "jwt": "JWT", "jwks": "JWKS", "jwk": "JWK",
    "ssl": "SSL", "tls": "TLS", "http": "HTTP", "https": "HTTPS", "ip": "IP", "pem": "PEM",
    "sni": "SNI", "snis": "SNIs", "oidc": "OIDC", "ttl": "TTL", "api": "API", "tcp": "TCP",
    "dpop": "DPoP", "mtls": "mTLS", "kid": "Key ID", "ca": "CA", "srv": "SRV", "acl": "ACL",
    "hmac": "HMAC", "pkce": "PKCE", "rsa": "RSA", "cert": "Certificate", "alg": "algorithm",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """
    One field of a form. `id` is its path with dots, the name that it is posted under.

    `choices` are the only values it takes; `fields` are those of a record. A `secret` is never
    shown. `may_be_null`: the API takes null for it.
    """

    path: tuple[str, ...]
    kind: str
    widget: Widget
    label: str
    hint: str = ""
    required: bool = False
    may_be_null: bool = True
    default: Any = None  # Any: JSON
    choices: tuple[tuple[str, str], ...] = ()
    fields: tuple[Field, ...] = ()
    secret: bool = False
    reference: str = ""
    element: str = "string"
    holds_lists: bool = False
    limits: str = ""

    @property
    def id(self) -> str:
        """The name that it is posted under."""
        return ".".join(self.path)

    @property
    def name(self) -> str:
        """Its name on the wire."""
        return self.path[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Fields under one heading. One that is not `open` is folded until something in it matters."""

    title: str
    fields: tuple[Field, ...]
    open: bool = True
    hint: str = ""
    anchor: str = field(default="")


def say_name(name: str) -> str:
    """A wire name as a label: `connect_timeout` is `Connect timeout`."""
    words = [_WORDS.get(word, word) for word in name.replace("-", "_").split("_")]
    text = " ".join(word for word in words if word)
    return text[:1].upper() + text[1:]


def read_fields(
    schema: Json, path: tuple[str, ...] = (), *, area: frozenset[str] = _LONG
) -> tuple[Field, ...]:
    """Every field of a record that a person may set; what the API fills in itself is left out."""
    found = []
    for named in schema.get("fields", ()):
        for name, described in named.items():
            if described.get("auto") or ("eq" in described and described["eq"] is None):
                continue
            found.append(_read_field((*path, name), described, area))
    return tuple(found)


def _read_field(path: tuple[str, ...], told: Json, area: frozenset[str]) -> Field:
    name, kind = path[-1], told["type"]
    widget = _choose_widget(name, told, area)
    required = bool(told.get("required"))
    choices = told.get("one_of") or told.get("elements", {}).get("one_of") or ()
    shown = tuple((str(choice), str(choice)) for choice in choices)
    if kind == "boolean" and widget == "choice":
        shown = (("true", "Yes"), ("false", "No"))
    limits = told.get("between")
    return Field(
        path=path,
        kind=kind,
        widget=widget,
        label=say_name(name),
        hint=told.get("description", "").replace("`", ""),
        required=required and told.get("default") is None and kind != "record",
        may_be_null=not required,
        default=told.get("default"),
        choices=shown,
        fields=read_fields(told, path) if kind == "record" else (),
        secret=bool(told.get("encrypted")),
        reference=told.get("reference", ""),
        element=told.get("elements", {}).get("type", "string"),
        holds_lists=told.get("values", {}).get("type") == "array",
        limits=f"From {limits[0]:,} to {limits[1]:,}." if limits else "",
    )


def _choose_widget(name: str, told: Json, area: frozenset[str]) -> Widget:
    kind = told["type"]
    if kind == "foreign":
        return "foreign"
    if kind == "record":
        return "record"
    if kind == "boolean":
        return "switch" if told.get("required") else "choice"
    if kind in _SCALARS:
        if told.get("one_of"):
            return "choice"
        return "area" if name in area else "text"
    if kind in {"set", "array"}:
        return _choose_for_list(name, told.get("elements", {}))
    values = told.get("values", {})
    if kind == "map" and (
        values.get("type") == "string"
        or values.get("elements", {}).get("type") == "string"
    ):
        return "pairs"
    return "json"


def _choose_for_list(name: str, elements: Json) -> Widget:
    if elements.get("one_of"):
        return "boxes"
    if elements.get("type") in _NUMBERS or name == "tags":
        return "commas"
    return "lines" if elements.get("type") == "string" else "json"


def pick(fields: Sequence[Field], *names: str) -> tuple[Field, ...]:
    """Some of the fields, in the order of their names; those that are not there are left out."""
    by_name = {f.name: f for f in fields}
    return tuple(by_name[name] for name in names if name in by_name)


def without(fields: Sequence[Field], *names: str) -> tuple[Field, ...]:
    """All fields but these."""
    return tuple(f for f in fields if f.name not in names)


def change(fields: Sequence[Field], name: str, **more: Any) -> tuple[Field, ...]:
    """The fields, one of them said otherwise; Any: of any attribute."""
    return tuple(replace(f, **more) if f.name == name else f for f in fields)


def walk(fields: Sequence[Field]) -> Iterator[Field]:
    """Every field and those of records, in order."""
    for one in fields:
        yield one
        yield from walk(one.fields)
