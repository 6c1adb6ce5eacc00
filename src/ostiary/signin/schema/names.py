"""
Names of header fields as a configuration writes them: checked here, or every request would fail.

Underscores mean hyphens where we set a field ourselves (`header_of`); they are accepted everywhere.

Spec: RFC 9110 §5.1; oidc-plugin §8.2 (`<header>:bearer`), §2.2 (`bearer_token_header_name`).
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator

from ostiary.model.fields import NonEmpty

_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
STANDARD_LOOK_UP: Final = "authorization:bearer"
# A second one, or one with a claim in it, would change where a message ends or goes (T-F1).
_FRAMING: Final = frozenset(
    {
        "connection", "content-length", "host", "keep-alive", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
    }
)  # fmt: skip


def belongs_to_connection(name: str) -> bool:
    """Tell whether a header is the proxy's own: nothing else may set it."""
    return name.lower().replace("_", "-") in _FRAMING


def _check_name(value: str) -> str:
    if not _TOKEN.fullmatch(value):
        # repr: line breaks of a bad name stay out of logs and terminals.
        raise ValueError(
            f"bad header name {value!r}, allowed characters are A-Z, a-z, 0-9 "
            "and !#$%&'*+-.^_`|~"
        )
    return value


def _check_set_name(value: str) -> str:
    _check_name(value)
    if belongs_to_connection(value):
        raise ValueError(
            f"the header '{value}' belongs to the connection, choose another name"
        )
    return value


def _check_token_header(value: str) -> str:
    name, colon, form = value.partition(":")
    if colon and form.lower() != "bearer":
        raise ValueError(
            f"bad header name {value!r}, only ':bearer' may follow the name"
        )
    _check_set_name(name)
    return value


def _check_look_up(value: str) -> str:
    if value.lower() == STANDARD_LOOK_UP:
        return value
    if ":" in value:
        raise ValueError(
            f"bad header name {value!r}, expected a name or '{STANDARD_LOOK_UP}'"
        )
    return _check_name(value)


def _check_prefix(value: str) -> str:
    if not _TOKEN.fullmatch(value):
        raise ValueError(f"{value!r} cannot begin a header name")
    return value


AnyHeader = Annotated[NonEmpty, AfterValidator(_check_name)]
SetHeader = Annotated[NonEmpty, AfterValidator(_check_set_name)]
TokenHeaderName = Annotated[NonEmpty, AfterValidator(_check_token_header)]
TokenLookUp = Annotated[NonEmpty, AfterValidator(_check_look_up)]
HeaderPrefix = Annotated[NonEmpty, AfterValidator(_check_prefix)]
