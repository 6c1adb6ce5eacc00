"""YAML and JSON of strangers: plain values or a reason, and never without end."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.model.safe_yaml import BadText, _read_pairs, parse_json, parse_yaml

BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "\n".join(
    f"{n}: &{n} [{','.join([f'*{p}'] * 10)}]"
    for p, n in zip("abcdefg", "bcdefgh", strict=True)
)
TEXT = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=12)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4)
    ),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (BOMB, "aliases counted"),
        ("&a [*a]", "nested deeper"),
        ("[" * 500 + "]" * 500, "nested deeper"),
        ("a: !!python/object/apply:os.system [id]", "tag"),
        ("a: 1\n---\nb: 2", "more than one document"),
        ("? [a]\n: b", "a key must be a text"),
        ("a: 1\nb: 2\na: 3", "line 3: the key 'a' occurs twice"),
        ("<<: 7", "<< needs a record"),
        ("x" * 3_000_001, "longer than"),
    ],
)
def test_yaml_beyond_a_limit_is_refused_with_a_reason(text: str, told: str) -> None:
    with pytest.raises(BadText) as caught:
        parse_yaml(text)

    assert caught.value.code == "bad_text"
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"a": 1, "a": 2}', "occurs twice"),
        ("[" * 100_000, "nested deeper"),
        ("[" * 300 + "]" * 300, "nested deeper"),
        ('{"a": NaN}', "NaN"),
        ("[1e999]", "too great"),
        ('["\\ud800"]', "half of a character"),
        ('{\n"a":}', "line 2"),
        (json.dumps([0] * 400_001), "more than 400,000 values"),
    ],
)
def test_json_beyond_a_limit_is_refused_with_a_reason(text: str, told: str) -> None:
    with pytest.raises(BadText, match=told):
        parse_json(text)


def test_scalars_are_those_of_yaml_1_2() -> None:
    text = "a: on\nb: 1:30\nc: 010\nd: 0x1f\ne: 2026-01-01\nf: 1.5\ng: ~\nh: true"

    assert parse_yaml(text) == {
        "a": "on", "b": "1:30", "c": 10, "d": 31, "e": "2026-01-01", "f": 1.5,
        "g": None, "h": True,
    }  # fmt: skip


def test_merge_keys_give_way_to_what_is_said() -> None:
    text = "base: &b {a: 1, b: 2}\nmade: {<<: *b, b: 3}"

    assert parse_yaml(text)["made"] == {"a": 1, "b": 3}


@settings(max_examples=150, deadline=None)
@given(PLAIN)
def test_json_reads_alike_as_json_and_as_yaml(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False)

    assert parse_json(text) == value
    assert parse_yaml(text) == value


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_a_value_or_a_reason(text: str) -> None:
    seen: list[str] = []
    for parse in (parse_yaml, parse_json):
        try:
            parse(text)
        except BadText as error:
            seen.append(error.reason)

    assert all(seen)


def test_a_key_that_occurs_twice_is_found_in_one_pass() -> None:
    class Name(str):
        """Counts how often it is compared."""

        __slots__ = ()
        compared = 0

        def __eq__(self, other: object) -> bool:
            Name.compared += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    names = [Name(f"k{n}") for n in range(2000)]
    with pytest.raises(ValueError, match="the key 'k1999' occurs twice"):
        _read_pairs([(name, 1) for name in (*names, Name("k1999"))])

    assert Name.compared < 4000
    assert _read_pairs([("a", 1), ("b", 2)]) == {"a": 1, "b": 2}
