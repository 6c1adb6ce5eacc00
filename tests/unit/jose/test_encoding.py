"""base64url with one spelling, JSON with one meaning."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.jose.encoding import (
    MAX_JSON_DEPTH,
    decode_base64url,
    encode_base64url,
    parse_json_object,
)
from ostiary.jose.errors import MalformedToken

FAST = settings(max_examples=200, deadline=None, derandomize=True)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.mark.spec("RFC7515#2")
@FAST
@given(st.binary(max_size=64))
def test_bytes_come_back(data: bytes) -> None:
    text = encode_base64url(data)

    assert decode_base64url(text) == data
    assert decode_base64url(text.encode()) == data
    assert "=" not in text


@pytest.mark.spec("RFC4648#3.5")
@FAST
@given(st.text("ABCZabcz019-_+/= \n", max_size=12))
def test_every_text_that_is_read_is_the_only_one_for_its_bytes(text: str) -> None:
    try:
        data = decode_base64url(text)
    except MalformedToken:
        return

    assert encode_base64url(data) == text
    assert base64.urlsafe_b64decode(text + "==") == data


@pytest.mark.spec("RFC7515#2")
@pytest.mark.parametrize(
    "text", ["A", "AA=", "AA==", "AB", "AAB", "+A", "/A", "A A", "AA\n", "é", "AA.A"]
)
def test_another_spelling_is_refused(text: str) -> None:
    with pytest.raises(MalformedToken) as caught:
        decode_base64url(text)

    assert caught.value.code == "malformed_token"


@FAST
@given(st.dictionaries(st.text(max_size=4), JSON, max_size=4))
def test_an_object_is_read_as_it_was_written(value: dict[str, object]) -> None:
    assert parse_json_object(json.dumps(value).encode()) == value


@FAST
@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_any_bytes_are_an_object_or_refused(data: bytes) -> None:
    try:
        found = parse_json_object(data)
    except MalformedToken:
        return

    assert isinstance(found, dict)


@pytest.mark.spec("T-J19")
@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":1}', b'{"a":{"b":1,"b":2}}', b'{"a":1,"\\u0061":2}', b'[{"a":1,"a":2}]',
        b"", b"null", b"1", b"[]", b'"a"', b"{", b"{}x", b"{'a':1}", b'{"a":NaN}',
        b'{"a":Infinity}', b'{"a":-Infinity}', b'{"a":1e999}', b'{"a":-1e999}', b'{"a":"\xff"}',
        b'{"a":' + b"9" * 5000 + b"}", b'{"a":"\n"}',
    ],
)  # fmt: skip
def test_json_that_readers_take_differently_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedToken):
        parse_json_object(text)


@pytest.mark.spec("RFC8259#8.1")
@pytest.mark.parametrize(
    "encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"]
)
def test_only_utf_8_without_a_mark_is_json(encoding: str) -> None:
    with pytest.raises(MalformedToken):
        parse_json_object('{"a": 1}'.encode(encoding))


@pytest.mark.spec("T-J14")
@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
@pytest.mark.parametrize("depth", [MAX_JSON_DEPTH + 1, 5_000])
def test_deep_json_is_refused_before_it_is_parsed(opening: bytes, depth: int) -> None:
    with pytest.raises(MalformedToken) as caught:
        parse_json_object(b'{"x":' + opening * depth)

    assert caught.value.detail == "JSON is nested too deeply"


def test_depth_counts_nesting_and_not_signs() -> None:
    wide = {"a": [[1]] * 50, "b": "[" * 100, "c": '\\"[{' * 20}
    deep = b'{"a":' + b"[" * (MAX_JSON_DEPTH - 1) + b"]" * (MAX_JSON_DEPTH - 1) + b"}"

    assert parse_json_object(json.dumps(wide).encode()) == wide
    assert list(parse_json_object(deep)) == ["a"]
