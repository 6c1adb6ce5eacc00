"""
Field types that entities share, with Kong's checks and Kong's words.

Spec: Kong's typedefs (names, tags, hosts, paths, methods, headers, timeouts).
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Annotated

import re2
from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from ostiary.http.path import AmbiguousTarget, normalise_path
from ostiary.http.url import MalformedUrl, split_host

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAME = re.compile(r"[A-Za-z0-9.\-_~\u0080-\U0010ffff]+")
_TAG = re.compile(r"[\x20-\x2b\x2d\x2e\x30-\x7e\u0080-\U0010ffff]+")
_PATH = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:@/%]*")


def _check_uuid(value: str) -> str:
    if not _UUID.fullmatch(value):
        raise ValueError("expected a valid UUID")
    return value


def _check_name(value: str) -> str:
    if not value:
        raise ValueError("length must be at least 1")
    if not _NAME.fullmatch(value):
        raise ValueError(
            f"invalid value '{value}': the only accepted ascii characters are "
            "alphanumerics or ., -, _, and ~"
        )
    return value


def _check_tag(value: str) -> str:
    if not _TAG.fullmatch(value):
        raise ValueError(
            f"invalid tag '{value}': expected printable ascii (except `,` and `/`) "
            "or valid utf-8 sequences"
        )
    return value


def _check_host(value: str) -> str:
    try:
        _, port = split_host(value)
    except MalformedUrl as error:
        raise ValueError(f"invalid value: {value}") from error
    if port is not None:
        raise ValueError("must not have a port")
    return value


def _check_host_and_port(value: str) -> str:
    try:
        split_host(value)
    except MalformedUrl as error:
        raise ValueError(f"invalid value: {value}") from error
    return value


def is_ip(value: str) -> bool:
    """Whether a text is an address of IPv4 or IPv6, in brackets or not."""
    try:
        ipaddress.ip_address(value.strip("[]"))
    except ValueError:
        return False
    return True


def _check_server_name(value: str) -> str:
    if value.count("*") > 1:
        raise ValueError("only one wildcard must be specified")
    if "*" in value and not (
        value == "*" or value.startswith("*.") or value.endswith(".*")
    ):
        raise ValueError("wildcard must be leftmost or rightmost character")
    if is_ip(value):
        raise ValueError("must not be an IP")
    return _check_host(value.replace("*", "x")) and value


def _check_route_host(value: str) -> str:
    if value.count("*") > 1:
        raise ValueError("invalid wildcard: must have at most one wildcard")
    if "*" in value and not (
        value.startswith("*.") or re.search(r"\.\*(:\d+)?$", value)
    ):
        raise ValueError(
            "invalid wildcard: must be placed at leftmost or rightmost label"
        )
    try:
        split_host(value.replace("*", "x"))
    except MalformedUrl as error:
        raise ValueError(f"invalid value: {value}") from error
    return value


def _check_path(value: str) -> str:
    if not value.startswith("/"):
        raise ValueError("should start with: /")
    if "//" in value:
        raise ValueError("must not have empty segments")
    if not _PATH.fullmatch(value):
        raise ValueError(
            f"invalid path: '{value}' (characters outside of the reserved list of RFC 3986 found)"
        )
    if bad := re.search(r"%(?![0-9A-Fa-f]{2}).{0,2}", value):
        raise ValueError(f"invalid url-encoded value: '{bad[0]}'")
    return value


def compile_pattern(pattern: str) -> re2._Regexp:
    """
    A linear-time regex, anchored by its caller (decision D27).

    Raises:
        ValueError: RE2 does not accept it.
    """
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else "unknown"
        text = reason.decode() if isinstance(reason, bytes) else str(reason)
        raise ValueError(
            f"invalid regex: '{pattern}' (RE2 returned: {text})"
        ) from error


def _check_route_path(value: str) -> str:
    if value.startswith("~"):
        if not value.startswith("~/"):
            raise ValueError("should start with: / (fixed path) or ~/ (regex path)")
        compile_pattern(value[1:])
        return value
    if not value.startswith("/"):
        raise ValueError("should start with: / (fixed path) or ~/ (regex path)")
    _check_path(value)
    try:
        normal = normalise_path(value)
    except AmbiguousTarget as error:
        raise ValueError(f"invalid path: '{value}' ({error.reason})") from error
    if normal != value:
        raise ValueError(f"non-normalized path, consider use '{normal}' instead")
    return value


def _check_method(value: str) -> str:
    if not re.fullmatch(r"[A-Z]+", value):
        raise ValueError(f"invalid value: {value}")
    return value


def _check_header_name(value: str) -> str:
    if not re.fullmatch(r"[a-zA-Z0-9\-_]+", value):
        raise ValueError(
            f"bad header name '{value}', allowed characters are A-Z, a-z, 0-9, '_', and '-'"
        )
    return value


@dataclass(frozen=True, slots=True)
class Limits(AfterValidator):
    """Bounds of a number."""

    low: float = 0
    high: float = 0


@dataclass(frozen=True, slots=True)
class OneOf(AfterValidator):
    """A closed choice."""

    choices: tuple[str | int, ...] = ()


def between(low: int, high: int) -> AfterValidator:
    """Bounds of a number, in Kong's words."""

    def check(value: float) -> float:
        if not low <= value <= high:
            raise ValueError(f"value should be between {low} and {high}")
        return value

    return Limits(check, low, high)


def one_of(*choices: str | int) -> AfterValidator:
    """A closed choice, in Kong's words."""

    def check(value: str | int) -> str | int:
        if value not in choices:
            raise ValueError(f"expected one of: {', '.join(map(str, choices))}")
        return value

    return OneOf(check, choices)


# The context in which a lone text is no array: a body of the Admin API in JSON.
ARRAYS_ALONE = {"arrays_alone": True}


def as_list(value: object, info: ValidationInfo) -> object:
    """
    A lone text where an array is expected becomes an array; `{}` is an empty one.

    In the context `ARRAYS_ALONE` a lone text is wrong.
    """
    if isinstance(value, str):
        return value if info.context == ARRAYS_ALONE else (value,)
    if isinstance(value, dict) and not value:
        return ()
    return tuple(value) if isinstance(value, list) else value


def as_set(value: object, info: ValidationInfo) -> object:
    """As `as_list`, and duplicates go."""
    found = as_list(value, info)
    if found is not None and not isinstance(found, tuple | frozenset | set):
        raise ValueError("expected a set")
    if not isinstance(found, tuple) or not all(isinstance(v, str) for v in found):
        return found
    return tuple(dict.fromkeys(found))


LIST = BeforeValidator(as_list)
SET = BeforeValidator(as_set)
NonEmpty = Annotated[str, Field(min_length=1)]
Uuid = Annotated[str, AfterValidator(_check_uuid)]
Name = Annotated[str, AfterValidator(_check_name)]
# As long as the database's column.
Tag = Annotated[str, Field(max_length=255), AfterValidator(_check_tag)]
Tags = Annotated[tuple[Tag, ...] | None, SET]
Host = Annotated[str, AfterValidator(_check_host)]
RouteHost = Annotated[str, AfterValidator(_check_route_host)]
Path = Annotated[str, AfterValidator(_check_path)]
RoutePath = Annotated[str, AfterValidator(_check_route_path)]
Method = Annotated[str, AfterValidator(_check_method)]
HeaderName = Annotated[str, AfterValidator(_check_header_name)]
HostAndPort = Annotated[str, AfterValidator(_check_host_and_port)]
ServerName = Annotated[str, AfterValidator(_check_server_name)]
Port = Annotated[int, between(0, 65535)]
Timeout = Annotated[int, between(1, 2147483646)]
