"""A form is ours by the browser's word, or by its token where the browser says nothing."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from starlette.requests import Request

from ostiary.web.csrf import is_own_call, is_own_form, is_token

TOKEN = "3f2a1b00-0000-4000-8000-00000000000a"
OTHER = "3f2a1b00-0000-4000-8000-00000000000b"
HOST = {"host": "demo.auth.localhost:9443"}


def _is_own(
    headers: Mapping[str, str],
    *,
    cookie: str | None = TOKEN,
    field: str | None = TOKEN,
    scheme: str = "https",
    home: str | None = None,
    takes_null: bool = True,
) -> bool:
    scope = {
        "type": "http",
        "method": "POST",
        "scheme": scheme,
        "path": "/login",
        "query_string": b"",
        "headers": [(k.encode(), v.encode()) for k, v in {**HOST, **headers}.items()],
    }
    return is_own_form(
        Request(scope), cookie=cookie, field=field, home=home, takes_null=takes_null
    )


@pytest.mark.parametrize(
    ("site", "with_token", "without"),
    [
        ("same-origin", True, True),
        ("none", True, False),
        (None, True, False),
        ("same-site", False, False),
        ("cross-site", False, False),
        ("", False, False),
        ("Same-Origin", False, False),
        ("same-origin, cross-site", False, False),
    ],
)
def test_the_browsers_word_comes_first_and_the_token_where_it_says_nothing(
    site: str | None, with_token: bool, without: bool
) -> None:
    headers = {} if site is None else {"sec-fetch-site": site}

    assert _is_own(headers) is with_token
    assert _is_own(headers, cookie=OTHER) is without
    assert _is_own(headers, field=None) is without
    assert _is_own(headers, cookie=None) is without
    assert _is_own(headers, cookie=None, field=None) is without
    assert _is_own(headers, cookie="", field="") is without


@pytest.mark.parametrize("headers", [{}, {"sec-fetch-site": "same-origin"}])
@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("https://demo.auth.localhost:9443", True),
        # What our own pages send: they hide where they are.
        ("null", True),
        ("http://demo.auth.localhost:9443", False),
        ("https://demo.auth.localhost", False),
        ("https://demo.auth.localhost:9444", False),
        ("https://auth.localhost:9443", False),
        ("https://evil.example", False),
        ("https://demo.auth.localhost:9443.evil.example", False),
        ("demo.auth.localhost:9443", False),
        ("", False),
    ],
)
def test_another_origin_is_refused_whatever_else_is_right(
    headers: dict[str, str], origin: str, expected: bool
) -> None:
    assert _is_own({**headers, "origin": origin}) is expected


@pytest.mark.parametrize(
    ("host", "origin", "scheme"),
    [
        ("login.example:443", "https://login.example", "https"),
        ("Login.Example", "https://login.example", "https"),
        ("[::1]:9443", "https://[::1]:9443", "https"),
        # A terminator before us: the browser's scheme is not the one we see.
        ("login.example", "https://login.example", "http"),
        ("localhost:9000", "http://localhost:9000", "http"),
    ],
)
def test_the_host_names_the_pages_own_origin(
    host: str, origin: str, scheme: str
) -> None:
    assert _is_own({"host": host, "origin": origin}, scheme=scheme)


def test_the_name_that_a_site_is_known_by_is_its_own_behind_a_proxy_too() -> None:
    headers = {"host": "10.0.0.7:9000", "origin": "https://demo.auth.example"}

    assert _is_own(headers, home="https://demo.Auth.example")
    assert not _is_own(headers, home=None)
    assert not _is_own(headers, home="https://other.auth.example")


@pytest.mark.parametrize("text", [None, "", "x", TOKEN.upper(), TOKEN + "0", "é" * 36])
def test_what_is_not_a_token_is_none(text: str | None) -> None:
    assert is_token(TOKEN)
    assert not is_token(text)
    assert not _is_own({}, cookie=text, field=text)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"origin": "null"}, False),
        ({"origin": "null", "sec-fetch-site": "none"}, True),
        ({"origin": "null", "sec-fetch-site": "same-origin"}, True),
        ({"origin": "https://demo.auth.localhost:9443"}, True),
        ({"origin": "https://demo.auth.localhost:8000"}, False),
        ({}, True),
    ],
)
def test_pages_that_tell_their_origin_take_no_null_for_it(
    headers: Mapping[str, str], expected: bool
) -> None:
    assert _is_own(headers, takes_null=False) is expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "same-origin", "origin": "null"}, True),
        ({"origin": "null"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "same-site", "origin": "null"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
    ],
)
def test_a_call_without_an_origin_is_of_our_page_or_of_no_browser(
    headers: dict[str, str], *, expected: bool
) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]

    assert is_own_call(Request({"type": "http", "headers": raw})) is expected
