"""What kind of answer a client wants, who is a person, and the small look-ups of heads."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.http.challenge import build_bearer_challenge, parse_bearer
from ostiary.http.head import Fields, find, find_all
from ostiary.http.negotiate import decide_kind, is_navigation

FAST = settings(max_examples=200, deadline=None, derandomize=True)
CHROME = b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.spec("RFC9110#12.5.1")
@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, "json"),
        (b"", "json"),
        (b"*/*", "json"),
        (b"application/*", "json"),
        (b"application/json", "json"),
        (b"text/html", "html"),
        (b"TEXT/HTML", "html"),
        (CHROME, "html"),
        (b"text/*", "plain"),
        (b"text/plain", "plain"),
        (b"application/xml", "xml"),
        (b"text/html;q=0.1, text/plain;q=0.5", "plain"),
        (b"text/html;q=0, application/xml", "xml"),
        (b"text/html;q=0", "json"),
        (b"text/html;q=x, text/plain", "plain"),
        (b"text/html;q=nan, text/plain", "plain"),
        (b"text/html;q=2, text/plain", "plain"),
        (b"image/png, text/plain;q=0.1", "plain"),
        (b"image/png", "json"),
        (b"text/html;level=1;q=0.4, application/json;q=0.5", "json"),
        (b"\xff", "json"),
    ],
)
def test_the_best_known_type_wins(accept: bytes | None, expected: str) -> None:
    assert decide_kind(accept) == expected


@FAST
@given(st.binary(max_size=60))
def test_any_accept_field_has_a_kind(accept: bytes) -> None:
    assert decide_kind(accept) in {"json", "html", "plain", "xml"}


def fetch(mode: bytes, dest: bytes) -> Fields:
    return ((b"Sec-Fetch-Mode", mode), (b"Sec-Fetch-Dest", dest))


@pytest.mark.spec("D9")
@pytest.mark.parametrize(
    ("method", "fields", "expected"),
    [
        (b"GET", (), True),
        (b"HEAD", (), True),
        (b"POST", (), False),
        (b"OPTIONS", (), False),
        (b"get", (), False),
        (b"GET", fetch(b"navigate", b"document"), True),
        (b"GET", fetch(b"navigate", b"iframe"), True),
        (b"GET", fetch(b"navigate", b"embed"), False),
        (b"GET", fetch(b"cors", b"empty"), False),
        (b"GET", fetch(b"no-cors", b"image"), False),
        (b"POST", fetch(b"navigate", b"document"), False),
        (b"GET", ((b"Sec-Fetch-Mode", b"navigate"),), False),
        (b"GET", ((b"Sec-Fetch-Dest", b"document"),), False),
        (b"GET", ((b"Accept", b"*/*"),), True),
        (b"GET", ((b"Accept", CHROME),), True),
        (b"GET", ((b"Accept", b"application/json"),), False),
        (b"GET", ((b"Accept", b"text/*"),), False),
        (b"GET", ((b"Accept", b"text/html;q=0"),), False),
        (b"GET", ((b"Accept", b"text/event-stream"),), False),
        (b"GET", ((b"Accept", b"text/event-stream, */*"),), False),
        (b"GET", ((b"Accept", b""),), False),
        (b"GET", ((b"X-Requested-With", b"XMLHttpRequest"), (b"Accept", b"*/*")), False),
        (b"GET", ((b"Upgrade", b"websocket"),), False),
    ],
)  # fmt: skip
def test_only_a_person_looking_at_a_page_is_sent_to_a_login(
    method: bytes, fields: Fields, *, expected: bool
) -> None:
    assert is_navigation(method, fields) is expected


@pytest.mark.spec("RFC6750#2.1")
@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (b"Bearer abc.def-_~+/==", "abc.def-_~+/=="),
        (b"bearer abc", "abc"),
        (b"BEARER   abc  ", "abc"),
        (None, None),
        (b"", None),
        (b"Bearer", None),
        (b"Bearer ", None),
        (b"Bearer a b", None),
        (b"Bearer a,b", None),
        (b"Bearer a=b", None),
        (b"Bearer =", None),
        (b"Bearer \xff", None),
        (b"Basic abc", None),
        (b"Bearerabc", None),
        (b"Bearer\tabc", None),
    ],
)
def test_a_bearer_token_is_read_in_one_form_only(
    field: bytes | None, expected: str | None
) -> None:
    assert parse_bearer(field) == expected


@FAST
@given(st.binary(max_size=40))
def test_a_bearer_token_has_only_the_signs_of_one(field: bytes) -> None:
    token = parse_bearer(b"Bearer " + field)

    assert token is None or (token.isascii() and not set(token) & set(' ",;'))


@pytest.mark.spec("RFC6750#3")
@pytest.mark.parametrize(
    ("realm", "error", "expected"),
    [
        ("a.example", None, b'Bearer realm="a.example"'),
        ("a", "invalid_token", b'Bearer realm="a", error="invalid_token"'),
        ('a"b', None, b'Bearer realm="ostiary"'),
        ("a\r\nb", None, b'Bearer realm="ostiary"'),
        ("é", None, b'Bearer realm="ostiary"'),
    ],
)
def test_a_challenge_cannot_be_broken_out_of(
    realm: str, error: str | None, expected: bytes
) -> None:
    assert build_bearer_challenge(realm, error=error) == expected


HEAD: Fields = (
    (b"Accept", b"1"),
    (b"accept", b"2"),
    (b"Connection", b"close, X-Name"),
    (b"CONNECTION", b"Upgrade "),
)


def test_look_ups_fold_case_and_keep_order() -> None:
    assert find(HEAD, b"accept") == b"1"
    assert find(HEAD, b"none") is None
    assert find_all(HEAD, b"accept") == (b"1", b"2")
