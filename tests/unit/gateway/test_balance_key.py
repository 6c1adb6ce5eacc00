"""What of a request is hashed."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.gateway.balance_key import Asked, Key, read_key
from tests.unit.gateway.balance_kit import upstream


def asked(**more: Any) -> Asked:
    values: dict[str, Any] = {
        "request_id": "r1",
        "who": None,
        "ip": "192.0.2.1",
        "fields": (),
        "path": "/a/b",
        "query": None,
        "route_paths": (),
        **more,
    }
    return Asked(**values)


HEADER = {"hash_on": "header", "hash_on_header": "X-Who"}
ARGUMENT = {"hash_on": "query_arg", "hash_on_query_arg": "q"}
CAPTURE = {"hash_on": "uri_capture", "hash_on_uri_capture": "user"}
COOKIE = {"hash_on": "cookie", "hash_on_cookie": "seat"}


@pytest.mark.spec("Kong#3.10")
@pytest.mark.parametrize(
    ("on", "request_", "expected"),
    [
        ({}, {}, None),
        ({"hash_on": "consumer"}, {"who": "c1"}, "c1"),
        ({"hash_on": "consumer"}, {}, None),
        ({"hash_on": "ip"}, {}, "192.0.2.1"),
        ({"hash_on": "path"}, {}, "/a/b"),
        (HEADER, {"fields": ((b"x-who", b"me"),)}, "me"),
        (HEADER, {"fields": ((b"X-Who", b"a"), (b"X-WHO", b"b"))}, "a, b"),
        (HEADER, {"fields": ((b"X-Whom", b"me"),)}, None),
        (ARGUMENT, {"query": "x=1&q=b&q=a"}, "a,b"),
        (ARGUMENT, {"query": "q="}, ""),
        (ARGUMENT, {"query": "x=1"}, None),
        (ARGUMENT, {}, None),
        (CAPTURE, {"route_paths": ("/x", "~/(?P<user>[a-z]+)/")}, "a"),
        ({**CAPTURE, "hash_on_uri_capture": "1"}, {"route_paths": ("~/([a-z]+)/",)}, "a"),
        (CAPTURE, {"route_paths": ("~/(?P<other>[a-z]+)/",)}, None),
        (CAPTURE, {"route_paths": ("~/(?P<user>[0-9]+)/", "/a")}, None),
        (COOKIE, {"fields": ((b"Cookie", b"x=1; seat=7"),)}, "7"),
    ],
)  # fmt: skip
def test_each_kind_of_key_is_found_or_not(
    on: dict[str, Any], request_: dict[str, Any], expected: str | None
) -> None:
    assert read_key(upstream(**on), asked(**request_)) == Key(text=expected)


@pytest.mark.spec("Kong#3.10")
@pytest.mark.parametrize(
    ("fallback", "expected"),
    [
        ({"hash_fallback": "ip"}, "192.0.2.1"),
        ({"hash_fallback": "header", "hash_fallback_header": "X-Other"}, "you"),
        ({"hash_fallback": "none"}, None),
    ],
)
def test_what_is_not_there_falls_back(
    fallback: dict[str, Any], expected: str | None
) -> None:
    fields = ((b"X-Other", b"you"),)
    row = upstream(**HEADER, **fallback)

    assert read_key(row, asked(fields=fields)).text == expected
    assert read_key(row, asked(fields=(*fields, (b"X-Who", b"me")))).text == "me"


@pytest.mark.spec("Kong#3.10")
@pytest.mark.parametrize(
    "on",
    [COOKIE, {**HEADER, "hash_fallback": "cookie", "hash_on_cookie": "seat"}],
)
def test_who_has_no_cookie_gets_one_that_finds_the_way_back(on: dict[str, Any]) -> None:
    row = upstream(**on, hash_on_cookie_path="/a")
    first, other = read_key(row, asked()), read_key(row, asked(request_id="r2"))
    assert first.cookie is not None
    pair, _, attributes = first.cookie.partition(b"; ")
    again = read_key(row, asked(fields=((b"Cookie", pair),)))

    assert attributes == b"Path=/a; HttpOnly"
    assert again == Key(text=first.text)
    assert first.text != other.text
