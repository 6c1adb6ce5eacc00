"""
Where a message ends, and which fields belong to one connection only. Pure.

Stricter than the specification on purpose: whatever two parsers could read in two ways
is refused, because that is how requests are smuggled.

Spec: RFC 9112 §6, §7.6.1 of RFC 9110.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ostiary.http.head import Field
from ostiary.proxy.faults import BadMessage

CHUNKED = -1
UNTIL_CLOSE = -2

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HOST = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=%:\[\]-]*")
_ORIGIN = re.compile(rb'/[!-"$-~]*')
_ABSOLUTE = re.compile(rb'https?://([^/?#@\\]+)([/?][!-"$-~]*)?', re.IGNORECASE)

_HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"content-length",
        b"upgrade",
    )
)
_NEVER_NAMED = _HOP_BY_HOP | {b"host", b"close"}


class FieldNames(dict[bytes, bytes]):
    """
    Remembers which spellings are special: name -> lower case, or b"" for plain ones.

    Bounded, so that a client sending invented names cannot fill the memory.
    """

    def __init__(self, special: frozenset[bytes]) -> None:
        super().__init__()
        self._special = special

    def __missing__(self, name: bytes) -> bytes:
        if _TOKEN.fullmatch(name) is None:
            raise BadMessage(400, "Bad request: invalid field name")
        lower = name.lower()
        verdict = lower if lower in self._special else b""
        if len(self) < 4096 and len(name) <= 64:
            self[name] = verdict
        return verdict


class Hosts(dict[bytes, bytes]):
    """Remembers which short values are hosts, a bounded number of them."""

    def __missing__(self, value: bytes) -> bytes:
        if _HOST.fullmatch(value) is None:
            raise BadMessage(400, "Bad request: invalid Host")
        if len(self) < 4096 and len(value) <= 64:
            self[value] = value
        return value


HOSTS = Hosts()
REQUEST_NAMES = FieldNames(_HOP_BY_HOP | {b"host", b"expect", b"authorization"})
RESPONSE_NAMES = FieldNames(_HOP_BY_HOP)
OWNED_NAMES = FieldNames(_HOP_BY_HOP)


def parse_length(value: bytes) -> int:
    """
    The number in a Content-Length: digits and nothing else.

    Spec: RFC 9110 §8.6.

    Raises:
        BadMessage: It has a sign, a comma, white space, or more than 18 digits.
    """
    if not value.isdigit() or len(value) > 18:
        raise BadMessage(400, "Bad request: invalid Content-Length")
    return int(value)


def decide_request_framing(
    minor: int, lengths: Sequence[bytes], codings: Sequence[bytes]
) -> int | None:
    """
    Bytes of the body, CHUNKED, or None when the request announces no body.

    Spec: RFC 9112 §6.1, §6.3.

    Raises:
        BadMessage: More than one reading is possible.
    """
    if codings:
        if minor == 0 or lengths or len(codings) > 1:
            raise BadMessage(400, "Bad request: ambiguous message length")
        if codings[0].lower() != b"chunked":
            raise BadMessage(501, "Transfer-Encoding other than chunked")
        return CHUNKED
    if not lengths:
        return None
    if len(lengths) > 1:
        raise BadMessage(400, "Bad request: more than one Content-Length")
    return parse_length(lengths[0])


def is_bodyless(method: bytes, status: int) -> bool:
    """Tell whether a response can have no body, whatever its fields say (RFC 9112 §6.3)."""
    return method == b"HEAD" or status in {204, 304} or status < 200


def decide_response_framing(
    *,
    method: bytes,
    status: int,
    minor: int,
    lengths: Sequence[bytes],
    codings: Sequence[bytes],
) -> int:
    """
    Bytes of the response's body, CHUNKED or UNTIL_CLOSE.

    Spec: RFC 9112 §6.3.

    Raises:
        BadMessage: More than one reading is possible.
    """
    if codings and (
        minor == 0 or lengths or len(codings) > 1 or codings[0].lower() != b"chunked"
    ):
        raise BadMessage(502, "ambiguous upstream message length")
    if len(lengths) > 1:
        raise BadMessage(502, "more than one Content-Length from the upstream")
    length = parse_length(lengths[0]) if lengths else UNTIL_CLOSE
    if is_bodyless(method, status):
        return 0
    return CHUNKED if codings else length


def parse_tokens(value: bytes) -> frozenset[bytes]:
    """The tokens of a comma-separated field, lower case."""
    return frozenset(part.strip(b" \t").lower() for part in value.split(b","))


class Tokens(dict[bytes, frozenset[bytes]]):
    """Remembers the tokens of short values, a bounded number of them."""

    def __missing__(self, value: bytes) -> frozenset[bytes]:
        tokens = parse_tokens(value)
        if len(self) < 1024 and len(value) <= 64:
            self[value] = tokens
        return tokens


TOKENS = Tokens()


def is_kept_alive(minor: int, tokens: frozenset[bytes]) -> bool:
    """Tell whether the sender wants the connection to last (RFC 9112 §9.3)."""
    return b"close" not in tokens and (minor == 1 or b"keep-alive" in tokens)


def drop_named(fields: list[Field], tokens: frozenset[bytes]) -> list[Field]:
    """The fields without those that Connection names; Host cannot be named away."""
    named = tokens - _NEVER_NAMED
    if not named:
        return fields
    return [field for field in fields if field[0].lower() not in named]


def check_target(method: bytes, target: bytes, host: bytes | None) -> bytes:
    """
    The target in origin form (or `*`), or the reason why it is none.

    An absolute target must name the same authority as Host, so that no two readers can
    disagree about where the request goes.

    Spec: RFC 9112 §3.2.

    Raises:
        BadMessage: Fragment, control or raw non-ASCII bytes, or a foreign authority.
    """
    if _ORIGIN.fullmatch(target):
        return target
    if target == b"*" and method == b"OPTIONS":
        return target
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        raise BadMessage(400, "Bad request: invalid target")
    if host is None or absolute[1].lower() != host.lower():
        raise BadMessage(400, "Bad request: target and Host differ")
    path: bytes = absolute[2] or (b"*" if method == b"OPTIONS" else b"/")
    return path if path[:1] in {b"/", b"*"} else b"/" + path


def check_host(minor: int, hosts: Sequence[bytes]) -> bytes | None:
    """
    The one Host; HTTP/1.0 may have none.

    Spec: RFC 9112 §3.2.

    Raises:
        BadMessage: None on 1.1, several, or characters no authority has.
    """
    if not hosts:
        if minor == 0:
            return None
        raise BadMessage(400, "Bad request: no Host")
    if len(hosts) > 1:
        raise BadMessage(400, "Bad request: invalid Host")
    return HOSTS[hosts[0]]
