"""
The configuration of `request-transformer`.

Spec: gateway §4.5 (request-transformer).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Final

from pydantic import AfterValidator

from ostiary.kit import Entity
from ostiary.kit.fields import LIST, SECRET, Field, NonEmpty
from ostiary.plugins.request_transformer.template import parse_template

_HEADER: Final = re.compile(r"[a-zA-Z0-9\-_]+")
# What only the gateway says to upstreams, and what frames a message.
OWN_FIELDS: Final = frozenset(
    {
        "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port",
        "x-forwarded-path", "x-forwarded-prefix", "x-real-ip", "via", "x-kong-request-id",
        "connection", "content-length", "transfer-encoding", "keep-alive", "te", "trailer",
        "upgrade", "cookie",
    }
)  # fmt: skip


def split_pair(text: str) -> tuple[str, str]:
    """A name and what stands behind its colon."""
    name, _, value = text.partition(":")
    return name, value


def _check_header(name: str) -> str:
    if not _HEADER.fullmatch(name):
        raise ValueError(f"'{name}' is not a valid header")
    return name


def _check_pair(text: str) -> str:
    name, value = split_pair(text)
    if not value:
        raise ValueError(f"key '{name}' has no value")
    return text


def _check_value(text: str) -> str:
    parse_template(split_pair(_check_pair(text))[1])
    return text


def _check_header_value(text: str) -> str:
    _check_header(split_pair(_check_value(text))[0])
    return text


def _check_header_rename(text: str) -> str:
    old, new = split_pair(_check_pair(text))
    _check_header(old)
    _check_header(new)
    if old.lower() == "cookie":
        # Our own sessions are among the cookies: no upstream may hold one.
        raise ValueError("cookies in other fields are not supported yet")
    return text


def _check_method(text: str) -> str:
    if not re.fullmatch(r"[A-Z]+", text):
        raise ValueError(f"invalid value: {text}")
    return text


def _check_uri(text: str) -> str:
    parse_template(text)
    return text


Header = Annotated[NonEmpty, AfterValidator(_check_header)]
Pair = Annotated[NonEmpty, AfterValidator(_check_pair)]
Value = Annotated[NonEmpty, AfterValidator(_check_value)]
HeaderRename = Annotated[NonEmpty, AfterValidator(_check_header_rename)]
HeaderValue = Annotated[NonEmpty, AfterValidator(_check_header_value)]
Names = Annotated[tuple[NonEmpty, ...], LIST]
Headers = Annotated[tuple[Header, ...], LIST]
Pairs = Annotated[tuple[Pair, ...], LIST]
Values = Annotated[tuple[Value, ...], LIST]
HeaderRenames = Annotated[tuple[HeaderRename, ...], LIST]
HeaderValues = Annotated[tuple[HeaderValue, ...], LIST]


class RemoveRecord(Entity):
    """Names that go."""

    body: Names = Field((), description="Names in the body.")
    headers: Headers = Field((), description="Fields.")
    querystring: Names = Field((), description="Arguments.")


class RenameRecord(Entity):
    """`old:new`."""

    body: Pairs = Field((), description="Names in the body.")
    headers: HeaderRenames = Field((), description="Fields.")
    querystring: Pairs = Field((), description="Arguments.")


class AddRecord(Entity):
    """`name:value`."""

    body: Values = Field(
        (), description="Values in the body.", json_schema_extra=SECRET, repr=False
    )
    headers: HeaderValues = Field(
        (), description="Fields.", json_schema_extra=SECRET, repr=False
    )
    querystring: Values = Field(
        (), description="Arguments.", json_schema_extra=SECRET, repr=False
    )


class ReplaceRecord(AddRecord):
    """`name:value`, and the path."""

    uri: Annotated[NonEmpty, AfterValidator(_check_uri)] | None = Field(
        None, description="The whole path that the upstream is asked for."
    )


class RequestTransformerConfig(Entity):
    """`config` of the plugin."""

    http_method: Annotated[NonEmpty, AfterValidator(_check_method)] | None = Field(
        None, description="The method that the upstream is asked with."
    )
    remove: RemoveRecord = Field(
        default_factory=RemoveRecord, description="What goes, first."
    )
    rename: RenameRecord = Field(
        default_factory=RenameRecord, description="`old:new`, if there is an old one."
    )
    replace: ReplaceRecord = Field(
        default_factory=ReplaceRecord, description="`name:value`, if there is one."
    )
    add: AddRecord = Field(
        default_factory=AddRecord, description="`name:value`, if there is none."
    )
    append: AddRecord = Field(
        default_factory=AddRecord, description="`name:value`, besides those there are."
    )


def _set_headers(config: RequestTransformerConfig) -> Iterable[str]:
    for text in config.rename.headers:
        yield split_pair(text)[1]
    for record in (config.replace, config.add, config.append):
        for text in record.headers:
            yield split_pair(text)[0]


def describe_warnings(config: RequestTransformerConfig) -> tuple[str, ...]:
    """What operators should know of a config that is accepted."""
    own = sorted({n.lower() for n in _set_headers(config)} & OWN_FIELDS)
    return tuple(f"{name} is the gateway's own: it is not changed" for name in own)
