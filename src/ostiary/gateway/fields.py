"""
Which fields cross the gateway, and which are ours alone to write.

Names are judged once and remembered; clients' invented ones cannot fill the memory.

Spec: Kong's headers (gateway §3.7); security tests T-F2, T-H1 to T-H4, T-H10, T-H11.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from ostiary.gateway.forwarded import is_forwarded
from ostiary.http.cookies import OWN_PREFIXES, remove_cookies
from ostiary.http.head import Field, Fields, fold_name
from ostiary.http.memo import Memo
from ostiary.kit import OwnCookies

_KEEP: Final = 0
_DROP: Final = 1
_VIA: Final = 2
_COOKIE: Final = 3
_SERVER: Final = 4
_OURS = frozenset(
    (
        b"x-kong-upstream-latency",
        b"x-kong-proxy-latency",
        b"x-kong-response-latency",
        b"x-kong-upstream-status",
        b"x-kong-request-id",
    )
)


class _Roles(dict[bytes, int]):
    """What each name is to us."""

    def __init__(self, judge: Callable[[bytes], int]) -> None:
        super().__init__()
        self._judge = judge

    def __missing__(self, name: bytes) -> int:
        role = self._judge(fold_name(name))
        if len(self) < 4096 and len(name) <= 64:
            self[name] = role
        return role


def _judge_request(folded: bytes) -> int:
    if folded in {b"host", b"proxy"} or is_forwarded(folded):
        return _DROP
    return {b"via": _VIA, b"cookie": _COOKIE}.get(folded, _KEEP)


def _judge_response(folded: bytes) -> int:
    if folded in _OURS:
        return _DROP
    return {b"via": _VIA, b"server": _SERVER}.get(folded, _KEEP)


_REQUEST_ROLES = _Roles(_judge_request)
_RESPONSE_ROLES = _Roles(_judge_response)


class CookieFilter:
    """Takes the gateway's own cookies out of Cookie fields."""

    __slots__ = ("_memo", "own")

    def __init__(self, own: OwnCookies) -> None:
        self.own = own
        self._memo: Memo[bytes, bytes] = Memo()

    def strip(self, values: list[bytes]) -> bytes:
        """The one Cookie field for the upstream, maybe empty; other cookies stay as they are."""
        joined = values[0] if len(values) == 1 else b"; ".join(values)
        if not self.own.names and b"ostiary-" not in joined:
            return joined
        found = self._memo.get(joined)
        if found is None:
            found = remove_cookies(
                joined,
                names=self.own.names,
                prefixes=(*OWN_PREFIXES, *self.own.prefixes),
            )
            self._memo.put(joined, found, len(joined))
        return found


def keep_client_fields(
    fields: Fields, cleared: Collection[bytes], cookies: CookieFilter
) -> tuple[list[Field], list[bytes]]:
    """
    The client's fields that go on to the upstream, and its Via values.

    Args:
        cleared: Folded names of what only plugins may say.
    """
    kept: list[Field] = []
    via: list[bytes] = []
    jar: list[bytes] = []
    for field in fields:
        role = _REQUEST_ROLES[field[0]]
        if role == _KEEP:
            if not cleared or fold_name(field[0]) not in cleared:
                kept.append(field)
        elif role == _COOKIE:
            if b"cookie" not in cleared:
                jar.append(field[1])
        elif role == _VIA:
            via.append(field[1])
    if jar and (left := cookies.strip(jar)):
        kept.append((b"Cookie", left))
    return kept, via


def drop_cookies(fields: list[Field], names: frozenset[str]) -> list[Field]:
    """The fields with some cookies taken out of Cookie."""
    found: list[Field] = []
    for name, value in fields:
        if name != b"Cookie":
            found.append((name, value))
        elif left := remove_cookies(value, names=names, prefixes=()):
            found.append((name, left))
    return found


def keep_upstream_fields(fields: Fields) -> tuple[list[Field], list[bytes], bool]:
    """The upstream's fields that go on to the client, its Via values, and whether it has Server."""
    kept: list[Field] = []
    via: list[bytes] = []
    has_server = False
    for field in fields:
        role = _RESPONSE_ROLES[field[0]]
        if role == _KEEP:
            kept.append(field)
        elif role == _SERVER:
            has_server = True
            kept.append(field)
        elif role == _VIA:
            via.append(field[1])
    return kept, via, has_server
