"""Secrets in a text: masked where they are shown, put back where they return, never mixed up."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.manager.masking import MASK, find_masks, mask, unmask
from ostiary.manager.schema import read_fields

SCHEMA = read_fields(
    {
        "fields": [
            {"client_jwk": {"type": "array", "encrypted": True, "elements": {"type": "record", "fields": []}}},
            {"introspection_headers_values": {"type": "array", "encrypted": True, "elements": {"type": "string"}}},
            {"extra": {"type": "map", "encrypted": True}},
            {"redis": {"type": "record", "fields": [{"pin": {"type": "string", "encrypted": True}}]}},
        ]
    }
)  # fmt: skip


def again(typed: Any, old: dict[str, Any]) -> Any:  # Any: JSON
    return unmask(typed, old, mask(old, SCHEMA))


def test_what_a_schema_marks_is_masked_whole() -> None:
    conf = {
        "client_jwk": [{"kty": "RSA", "n": "N", "d": "PRIVATE", "p": "P"}],
        "introspection_headers_values": ["Basic zzz", "x"],
        "extra": {"a": {"b": "c"}},
        "redis": {"pin": "1234", "host": "h"},
        "scopes": ["openid"],
    }
    shown = mask(conf, SCHEMA)

    assert shown == {
        "client_jwk": [MASK],
        "introspection_headers_values": [MASK, MASK],
        "extra": MASK,
        "redis": {"pin": MASK, "host": "h"},
        "scopes": ["openid"],
    }
    assert again(shown, conf) == conf


def test_private_keys_and_headers_are_masked_without_a_schema() -> None:
    conf = {"client_jwk": [{"d": "PRIVATE"}], "introspection_headers_values": "Basic z"}

    assert mask(conf) == {"client_jwk": [MASK], "introspection_headers_values": MASK}


def test_a_secret_is_kept_when_another_is_added() -> None:
    old = {"client_id": ["a"], "client_secret": ["s3cret"]}
    typed = {"client_id": ["a", "b"], "client_secret": [MASK, "two"]}

    assert again(typed, old)["client_secret"] == ["s3cret", "two"]


@pytest.mark.parametrize(
    ("ids", "secrets"),
    [
        (["b", "c"], [MASK, "new"]),
        (["b"], [MASK]),
        (["z", "b"], [MASK, MASK]),
        (["a", "b"], [MASK, MASK, MASK]),
    ],
)
def test_a_secret_is_never_given_to_another_client(
    ids: list[str], secrets: list[str]
) -> None:
    old = {"client_id": ["a", "b"], "client_secret": ["of-a", "of-b"]}
    found = again({"client_id": ids, "client_secret": secrets}, old)

    assert find_masks(found) == ("client_secret",)


def test_a_single_secret_stays_with_its_client() -> None:
    old = {"client_id": "a", "client_secret": "of-a"}

    assert again({"client_id": "a", "client_secret": MASK, "x": 1}, old) == {**old, "x": 1}  # fmt: skip
    assert find_masks(again({"client_id": "b", "client_secret": MASK}, old)) == ("client_secret",)  # fmt: skip


def test_a_mask_with_nothing_behind_it_is_found_at_any_depth() -> None:
    typed: dict[str, Any] = {"a": MASK, "b": ["x", MASK], "c": {"d": [{"e": MASK}]}, "f": "*"}  # fmt: skip
    found = again(typed, {"a": "plain", "b": ["x"], "f": "x"})

    assert found == typed
    assert find_masks(found) == ("a", "b", "c")


def test_what_was_typed_may_be_nested_deep() -> None:
    deep: Any = MASK  # Any: JSON
    for _ in range(5000):
        deep = [deep]

    assert find_masks({"a": deep}) == ("a",)
