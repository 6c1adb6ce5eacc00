"""
What of a request is hashed, so that alike requests meet the same target.

Spec: gateway §3.10 (`hash_on`, `hash_fallback`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID, uuid5

from ostiary.http.cookies import parse_cookies
from ostiary.http.head import Fields, find_all
from ostiary.http.value import frozen
from ostiary.model.balancing import Upstream
from ostiary.model.fields import compile_pattern

_COOKIES = UUID("6f0f3c0e-5c37-4a58-9d0c-9d2a9d0f8a11")


@frozen
class Asked:
    """What requests are told apart by. `who` is the consumer, else the credential."""

    request_id: str
    who: str | None
    ip: str
    fields: Fields
    path: str
    query: str | None
    route_paths: Sequence[str]


@frozen
class Key:
    """What is hashed; and the cookie that shall bring it back, where it is new."""

    text: str | None
    cookie: bytes | None = None


NO_KEY = Key(text=None)


def read_key(upstream: Upstream, asked: Asked) -> Key:
    """The key of a request: by `hash_on`, else by `hash_fallback`."""
    on = upstream.hash_on
    if on == "none":
        return NO_KEY
    found = _read(upstream, asked, on, "hash_on")
    if found is not None:
        return Key(text=found)
    fallback = upstream.hash_fallback
    if on == "cookie":
        return _new_cookie(upstream, asked)
    if fallback == "none":
        return NO_KEY
    found = _read(upstream, asked, fallback, "hash_fallback")
    if found is None and fallback == "cookie":
        return _new_cookie(upstream, asked)
    return Key(text=found)


def _read(upstream: Upstream, asked: Asked, on: str, prefix: str) -> str | None:
    match on:
        case "consumer":
            return asked.who
        case "ip":
            return asked.ip
        case "path":
            return asked.path
        case "cookie":
            cookies = parse_cookies(find_all(asked.fields, b"cookie"))
            name = upstream.hash_on_cookie
            return next((value for known, value in cookies if known == name), None)
    name = str(getattr(upstream, f"{prefix}_{on}"))
    match on:
        case "header":
            values = find_all(asked.fields, name.lower().encode("latin-1"))
            return b", ".join(values).decode("latin-1") if values else None
        case "query_arg":
            return _read_argument(asked.query, name)
        case _:
            return _read_capture(asked, name)


def _read_argument(query: str | None, name: str) -> str | None:
    """The values of an argument in one order, however they were sent."""
    pairs = parse_qsl(query or "", keep_blank_values=True)
    found = sorted(value for known, value in pairs if known == name)
    return ",".join(found) if found else None


def _read_capture(asked: Asked, name: str) -> str | None:
    for path in asked.route_paths:
        if path.startswith("~"):
            found = _compile(path[1:]).match(asked.path)
            if found is not None:
                named: dict[str, str | None] = found.groupdict()
                numbered = {str(n): v for n, v in enumerate(found.groups(), 1)}
                return named.get(name, numbered.get(name))
    return None


@lru_cache(maxsize=1024)
def _compile(pattern: str) -> Any:  # Any: re2 has no types
    return compile_pattern(pattern)


def _new_cookie(upstream: Upstream, asked: Asked) -> Key:
    # It names nobody and opens nothing: that it can be made from the request's id harms nobody.
    value = str(uuid5(_COOKIES, asked.request_id))
    name, path = upstream.hash_on_cookie, upstream.hash_on_cookie_path
    return Key(
        text=value, cookie=f"{name}={value}; Path={path}; HttpOnly".encode("ascii")
    )
