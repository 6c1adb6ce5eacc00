"""Sealed values: opened with the same key for the same purpose, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.jose.errors import BrokenSeal
from ostiary.jose.seal import NONCE_BYTES, TAG_BYTES, derive_key, mac, seal, unseal

FAST = settings(max_examples=200, deadline=None, derandomize=True)
KEY, OTHER = derive_key(b"s" * 32, b"one"), derive_key(b"s" * 32, b"two")
NONCE = b"n" * NONCE_BYTES


@FAST
@given(st.binary(max_size=80), st.binary(max_size=20))
def test_what_was_sealed_is_opened(plaintext: bytes, aad: bytes) -> None:
    sealed = seal(KEY, plaintext, aad=aad, nonce=NONCE)

    assert unseal(KEY, sealed, aad=aad) == plaintext
    assert len(sealed) == NONCE_BYTES + len(plaintext) + TAG_BYTES


@pytest.mark.spec("T-K6")
@FAST
@given(st.data())
def test_a_single_bit_breaks_the_seal(data: st.DataObject) -> None:
    sealed = bytearray(seal(KEY, b"secret", aad=b"cookie", nonce=NONCE))
    at = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[at // 8] ^= 1 << at % 8
    with pytest.raises(BrokenSeal) as caught:
        unseal(KEY, bytes(sealed), aad=b"cookie")

    assert caught.value.code == "broken_seal"


@pytest.mark.spec("T-K6")
@pytest.mark.parametrize(
    ("key", "aad"),
    [(OTHER, b"session"), (KEY, b"state"), (KEY, b""), (KEY, b"session\x00")],
)
def test_another_key_or_purpose_does_not_open(key: bytes, aad: bytes) -> None:
    sealed = seal(KEY, b"secret", aad=b"session", nonce=NONCE)
    with pytest.raises(BrokenSeal):
        unseal(key, sealed, aad=aad)


@FAST
@given(st.binary(max_size=60))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(BrokenSeal):
        unseal(KEY, data, aad=b"")


@pytest.mark.parametrize("length", [0, 27, 28])
def test_a_cut_value_is_refused(length: int) -> None:
    with pytest.raises(BrokenSeal):
        unseal(KEY, seal(KEY, b"x" * 20, aad=b"", nonce=NONCE)[:length], aad=b"")


@pytest.mark.spec("RFC5869")
def test_derived_keys_are_those_of_the_specification() -> None:
    ikm, info = bytes.fromhex("0b" * 22), b""
    expected = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"

    assert derive_key(ikm, info).hex() == expected


@pytest.mark.spec("T-K5")
@FAST
@given(
    st.lists(st.binary(max_size=4), max_size=4),
    st.lists(st.binary(max_size=4), max_size=4),
)
def test_no_two_lists_have_the_same_code(one: list[bytes], two: list[bytes]) -> None:
    assert (mac(KEY, *one) == mac(KEY, *two)) is (one == two)
