"""Paths: one spelling for match, decision and upstream; ambiguous ones are refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.http.path import (
    AmbiguousTarget,
    normalise_path,
    parse_target,
    remove_dot_segments,
)

FAST = settings(max_examples=200, deadline=None, derandomize=True)
PIECES = st.sampled_from(
    [
        "/",
        "//",
        ".",
        "..",
        "%2e",
        "%2E",
        "%2f",
        "%2F",
        "%41",
        "%7e",
        "%25",
        "%20",
        "a",
        "B",
        ";",
        "..;",
        "%5c",
        "\\",
        "#",
        "%0",
        "%00",
        "~",
        "é",
        "😀",
        "%c3%a9",
        "?",
    ]
)


@pytest.mark.spec("RFC3986#6.2.2")
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("/", "/"),
        ("", "/"),
        ("/a/b/", "/a/b/"),
        ("/%41%7e%2D%5F", "/A~-_"),
        ("/a%2fb", "/a%2Fb"),
        ("/a%2Fb", "/a%2Fb"),
        ("/%e4%b8", "/%E4%B8"),
        ("/a%20b", "/a%20b"),
        ("/a//b///c", "/a/b/c"),
        ("//", "/"),
        ("/./a", "/a"),
        ("/a/.", "/a/"),
        ("/a/b/..", "/a/"),
        ("/a/../b", "/b"),
        ("/../../a", "/a"),
        ("/..", "/"),
        ("/a/%2e%2E/b", "/b"),
        ("/a/%2e/b", "/a/b"),
        ("/a//../b", "/b"),
        ("/...", "/..."),
        ("/a./b..", "/a./b.."),
        ("/.well-known", "/.well-known"),
        ("/%252e%252e/a", "/%252e%252e/a"),
        ("/a;b=c/d", "/a;b=c/d"),
    ],
)
def test_a_path_has_one_spelling(given: str, expected: str) -> None:
    assert normalise_path(given) == expected


@pytest.mark.spec("D21")
@pytest.mark.parametrize(
    "target",
    [
        b"/a#b", b"/a\x00", b"/a%00", b"/a\x1f", b"/a\x7f", b"/a%7F", b"/a%0d%0ab",
        b"/a\\b", b"/a%5cb", b"/a%5Cb", b"/a%", b"/a%4", b"/a%zz", b"/a b", b"/..;/a",
        b"/a/..;x=1/b", b"/.;/a", b"/%2e%2e;/a", b"/\xc3\xa9", b"a", b"*", b"", b"?x",
        b"http://h/a", b"/a?b#c", b"/a?b c", b"/a?\x01", b"/a?b\x7f",
    ],
)  # fmt: skip
def test_a_target_that_can_be_read_in_two_ways_is_refused(target: bytes) -> None:
    with pytest.raises(AmbiguousTarget) as caught:
        parse_target(target)

    assert caught.value.code == "ambiguous_target"
    assert caught.value.reason


@pytest.mark.spec("D21")
@pytest.mark.parametrize("path", ["/\u00e9", "/\uffff", "/\U0001f600"])
def test_a_configured_path_outside_ascii_is_refused(path: str) -> None:
    with pytest.raises(AmbiguousTarget):
        normalise_path(path)


@pytest.mark.parametrize(
    ("target", "path", "raw_path", "query"),
    [
        (b"/a", "/a", "/a", None),
        (b"/a?", "/a", "/a", ""),
        (b"/a?x=%zz&y=%41", "/a", "/a", "x=%zz&y=%41"),
        (b"/a/../b?c?d", "/b", "/a/../b", "c?d"),
        (b"//evil.example/a", "/evil.example/a", "//evil.example/a", None),
    ],
)
def test_the_query_stays_byte_for_byte(
    target: bytes, path: str, raw_path: str, query: str | None
) -> None:
    parsed = parse_target(target)

    assert (parsed.path, parsed.raw_path, parsed.query) == (path, raw_path, query)
    assert parsed.raw.encode() == target


@FAST
@given(st.lists(PIECES, max_size=12).map(lambda parts: "/" + "".join(parts)))
def test_normalising_twice_changes_nothing(path: str) -> None:
    try:
        once = normalise_path(path)
    except AmbiguousTarget:
        return

    assert normalise_path(once) == once
    assert once.startswith("/")
    assert "//" not in once
    assert not {".", ".."} & set(once.split("/"))


@FAST
@given(st.text("/abcZ09._~!$&'()*+,;=:@-", max_size=20).map(lambda text: "/" + text))
def test_the_short_way_and_the_long_way_agree(path: str) -> None:
    """Plain paths skip the work; a path with an escape of a plain sign takes all of it."""
    try:
        expected = normalise_path(path + "%61")
    except AmbiguousTarget:
        with pytest.raises(AmbiguousTarget):
            normalise_path(path + "a")
        return

    assert normalise_path(path + "a") == expected


@FAST
@given(st.binary(max_size=40))
def test_any_bytes_are_a_target_or_refused(data: bytes) -> None:
    try:
        parsed = parse_target(b"/" + data)
    except AmbiguousTarget:
        return

    assert parsed.path.isascii()
    assert not re.search(r"[\x00-\x20\x7f#\\]", parsed.path)


@FAST
@given(st.lists(st.sampled_from(["a", "b", ".", "..", ""]), max_size=8))
def test_dot_segments_never_climb_above_the_root(segments: list[str]) -> None:
    expected: list[str] = []
    for segment in segments:
        if segment == "..":
            expected[-1:] = []
        elif segment != ".":
            expected.append(segment)
    if segments and segments[-1] in {".", ".."}:
        expected.append("")

    assert remove_dot_segments("/" + "/".join(segments)) == "/" + "/".join(expected)
