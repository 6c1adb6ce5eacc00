"""Forms, queries, hosts and origins: what is read is what was written."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.http.forms import (
    MAX_FIELDS,
    MalformedForm,
    add_query,
    build_form,
    first,
    parse_form,
    repeated,
)
from ostiary.http.url import (
    MalformedUrl,
    build_origin,
    is_http_url,
    origin_of,
    split_host,
)

FAST = settings(max_examples=200, deadline=None, derandomize=True)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("a=1&b=2", (("a", "1"), ("b", "2"))),
        ("a=&b", (("a", ""), ("b", ""))),
        ("a=1&a=2", (("a", "1"), ("a", "2"))),
        ("a=x+y%20z", (("a", "x y z"),)),
        ("%61=%C3%A9", (("a", "é"),)),
        ("a=b=c", (("a", "b=c"),)),
        ("a=1;b=2", (("a", "1;b=2"),)),
        (b"a=1", (("a", "1"),)),
    ],
)
def test_a_form_is_ordered_pairs(
    text: str | bytes, expected: tuple[tuple[str, str], ...]
) -> None:
    assert parse_form(text) == expected


@pytest.mark.parametrize(
    "text", ["a=%FF", "%C3=1", b"a=\xc3\xa9", "&".join(["a=1"] * (MAX_FIELDS + 1))]
)
def test_what_is_no_form_is_refused(text: str | bytes) -> None:
    with pytest.raises(MalformedForm) as caught:
        parse_form(text)

    assert caught.value.code == "malformed_form"


def test_a_hundred_fields_are_a_form() -> None:
    assert len(parse_form("&".join(["a=1"] * MAX_FIELDS))) == MAX_FIELDS


@FAST
@given(st.lists(st.tuples(TEXT, TEXT), max_size=8))
def test_a_written_form_is_read_back(pairs: list[tuple[str, str]]) -> None:
    text = build_form(pairs)

    assert text.isascii()
    assert "+" not in text
    assert list(parse_form(text)) == pairs


@FAST
@given(st.one_of(st.binary(max_size=60), st.text(max_size=60)))
def test_any_text_is_a_form_or_refused(text: str | bytes) -> None:
    try:
        pairs = parse_form(text)
    except MalformedForm:
        return

    assert all(isinstance(part, str) for pair in pairs for part in pair)


@pytest.mark.spec("RFC6749#3.1")
def test_a_parameter_given_twice_is_noticed() -> None:
    pairs = parse_form("state=1&code=2&state=3")

    assert repeated(pairs, ("code", "state")) == "state"
    assert repeated(pairs, ("code",)) is None
    assert first(pairs, "state") == "1"
    assert first(pairs, "nonce") is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a/b", "https://a/b?x=1%202"),
        ("https://a/b?", "https://a/b?x=1%202"),
        ("https://a/b?c=%7e&d", "https://a/b?c=%7e&d&x=1%202"),
        ("https://a/b?c#f", "https://a/b?c&x=1%202#f"),
    ],
)
def test_arguments_are_added_and_those_there_stay(url: str, expected: str) -> None:
    assert add_query(url, {"x": "1 2"}) == expected
    assert add_query(url, [("x", "1 2")]) == expected
    assert add_query(url, ()) == url


@pytest.mark.spec("RFC9110#7.2")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.example", ("a.example", None)),
        ("A.Example:8443", ("a.example", 8443)),
        ("127.0.0.1:80", ("127.0.0.1", 80)),
        ("[::1]:8443", ("[::1]", 8443)),
        ("[::1]", ("[::1]", None)),
        ("kong-ee_1", ("kong-ee_1", None)),
        ("a.example.", ("a.example", None)),
        ("a:65535", ("a", 65535)),
    ],
)
def test_a_host_field_is_split(text: str, expected: tuple[str, int | None]) -> None:
    assert split_host(text) == expected


@pytest.mark.spec("T-F5")
@pytest.mark.parametrize(
    "text",
    [
        "", ":80", "a:", "a:x", "a:65536", "a:100000", "a b", "a/b", "a@b", "a,b", "::1",
        "[::1", "[::g]", "-a", "a-", "a\n", "a\r\nb", "é", "http://a", "a?b", "a#b", "a\\b",
    ],
)  # fmt: skip
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(MalformedUrl) as caught:
        split_host(text)

    assert caught.value.code == "malformed_url"


@FAST
@given(st.text(max_size=30))
def test_any_text_is_a_host_or_refused(text: str) -> None:
    try:
        name, port = split_host(text)
    except MalformedUrl:
        return

    assert split_host(name if port is None else f"{name}:{port}") == (name, port)


@pytest.mark.spec("RFC6454#4")
@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://A.example/x?y", "https://a.example"),
        ("https://a:443/", "https://a"),
        ("http://a:80", "http://a"),
        ("http://a:443", "http://a:443"),
        ("https://[::1]:8443/x", "https://[::1]:8443"),
        ("https://u:p@a/", "https://a"),
    ],
)
def test_the_origin_of_a_url(url: str, expected: str) -> None:
    assert origin_of(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a",
        "/a",
        "//a",
        "ftp://a",
        "https://",
        "https:///x",
        "https://a:99999",
        "javascript:alert(1)",
        "https://[::1",
        "data:text/html,x",
    ],
)
def test_other_texts_have_no_origin(url: str) -> None:
    with pytest.raises(MalformedUrl):
        origin_of(url)

    assert not is_http_url(url)


@pytest.mark.parametrize(
    "url", ["https://u@a/", "https://a /", "https://a/\n", "https://a/\x7f"]
)
def test_a_url_with_user_or_blanks_is_none_of_ours(url: str) -> None:
    assert not is_http_url(url)


@pytest.mark.spec("T-J7")
@pytest.mark.parametrize(
    "host", ["[fd00:ec2::254%251]", "[fd00:ec2::254%1]:8443", "169%2e254.169.254"]
)
def test_a_host_has_no_zone_and_no_escape(host: str) -> None:
    assert not is_http_url(f"https://{host}/")
    assert is_http_url("https://[fd00::1]:8443/a%20b?c=%25")


@pytest.mark.parametrize(
    ("scheme", "port", "expected"),
    [
        ("https", None, "https://a"),
        ("https", 443, "https://a"),
        ("https", 80, "https://a:80"),
        ("http", 80, "http://a"),
    ],
)
def test_default_ports_are_left_out(
    scheme: str, port: int | None, expected: str
) -> None:
    assert build_origin(scheme, "a", port) == expected
