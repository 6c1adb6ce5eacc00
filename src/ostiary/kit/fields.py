"""
Types of fields that configs of plugins share, with Kong's checks and Kong's words.

Spec: Kong's typedefs (gateway §1.1), plugin configs (§4.5).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer
from pydantic.config import JsonDict

from ostiary.http.url import is_http_url
from ostiary.model.entity import Check
from ostiary.model.fields import (
    LIST,
    SET,
    HeaderName,
    Host,
    NonEmpty,
    Port,
    between,
    compile_pattern,
    one_of,
)
from ostiary.model.row import NotYet, NotYetTrue
from ostiary.model.words import Problem

__all__ = [
    "LIST",
    "ROW",
    "SECRET",
    "SET",
    "Field",
    "HeaderName",
    "Host",
    "IpOrCidr",
    "NonEmpty",
    "NotYet",
    "NotYetTrue",
    "Number",
    "Port",
    "Positive",
    "Url",
    "at_least_one_of",
    "between",
    "check_pattern",
    "check_url",
    "compile_pattern",
    "not_yet",
    "one_of",
]

SECRET: Final[JsonDict] = {"secret": True}
# Where a rule is about the plugin's row as a whole, in Kong's words `@entity`; the fields are
# then named `config.…`.
ROW: Final = ("@entity",)


def _plain(value: float) -> float:
    """Whole numbers are shown without a fraction, as Kong shows them."""
    return int(value) if value == int(value) else value


def _check_positive(value: float) -> float:
    if value <= 0:
        raise ValueError("value must be greater than 0")
    return value


def _check_network(value: str) -> str:
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError as error:
        raise ValueError(f"invalid ip or cidr range: '{value}'") from error
    return value


def check_url(value: str) -> str:
    """
    A URL for requests of ours, as it was written.

    Raises:
        ValueError: It is none.
    """
    if "://" not in value:
        raise ValueError("missing scheme in url")
    if not is_http_url(value):
        raise ValueError("missing host in url")
    return value


def check_pattern(value: str) -> str:
    """
    A regular expression, as it was written.

    Raises:
        ValueError: It is none.
    """
    try:
        compile_pattern(value)
    except ValueError as error:
        raise ValueError(f"not a valid regex: {value}") from error
    return value


Number = Annotated[
    float, AfterValidator(_plain), PlainSerializer(_plain, return_type=int | float)
]
Positive = Annotated[Number, AfterValidator(_check_positive)]
IpOrCidr = Annotated[str, AfterValidator(_check_network)]
Url = Annotated[str, AfterValidator(check_url)]


def not_yet(*values: object) -> BeforeValidator:
    """Values that Kong knows and we refuse until we can honour them (decision D28)."""

    def check(value: object) -> object:
        if value in values:
            raise ValueError("not supported yet")
        return value

    return BeforeValidator(check)


def at_least_one_of(*names: str) -> Check:
    """One of these fields must say something."""
    shown = ", ".join(f"'config.{name}'" for name in names)

    def judge(values: Mapping[str, Any]) -> Iterable[Problem]:
        if all(values[name] in (None, ()) for name in names):
            yield ROW, f"at least one of these fields must be non-empty: {shown}"

    return Check(fields=names, judge=judge)
