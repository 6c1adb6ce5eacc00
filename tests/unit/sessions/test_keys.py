"""The ring of keys: one seals, all open, strangers do neither."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.jose.errors import BrokenSeal
from ostiary.sessions.keys import KeyRing, RingKey, Sealer

FAST = settings(max_examples=200, deadline=None, derandomize=True)
OLD, NEW = RingKey(b"old!", b"o" * 32), RingKey(b"new!", b"n" * 32)
NONCE = b"0" * 12


def sealer(*keys: RingKey, purpose: bytes = b"session") -> Sealer:
    return Sealer(KeyRing(keys), purpose)


@pytest.mark.spec("D17")
def test_rotation_keeps_what_was_sealed() -> None:
    sealed = sealer(OLD).seal(b"x", binding=b"b", nonce=NONCE)
    rotated = sealer(NEW, OLD)

    assert rotated.open(sealed, binding=b"b") == b"x"
    assert rotated.seal(b"y", binding=b"b", nonce=NONCE)[1:5] == b"new!"


@pytest.mark.spec("D17")
def test_a_key_that_left_the_ring_opens_nothing() -> None:
    sealed = sealer(OLD).seal(b"x", binding=b"b", nonce=NONCE)
    with pytest.raises(BrokenSeal) as caught:
        sealer(NEW).open(sealed, binding=b"b")

    assert caught.value.detail == "sealed with a key that is not in the ring"
    with pytest.raises(BrokenSeal):
        KeyRing((NEW,)).derive(b"old!", b"session")


@pytest.mark.parametrize(
    ("other", "binding"),
    [
        (sealer(OLD, purpose=b"state"), b"b"),
        (sealer(OLD), b"c"),
        (sealer(OLD), b""),
        (sealer(RingKey(b"old!", b"p" * 32)), b"b"),
    ],
)
def test_another_purpose_binding_or_secret_does_not_open(
    other: Sealer, binding: bytes
) -> None:
    sealed = sealer(OLD).seal(b"x", binding=b"b", nonce=NONCE)
    with pytest.raises(BrokenSeal):
        other.open(sealed, binding=binding)


@pytest.mark.spec("T-K5")
def test_the_key_id_is_part_of_what_is_sealed() -> None:
    twin = RingKey(b"twin", b"o" * 32)
    sealed = bytearray(sealer(OLD).seal(b"x", binding=b"b", nonce=NONCE))
    sealed[1:5] = b"twin"
    with pytest.raises(BrokenSeal):
        sealer(OLD, twin).open(bytes(sealed), binding=b"b")


@FAST
@given(st.binary(max_size=50) | st.binary(max_size=40).map(lambda b: b"\x01old!" + b))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(BrokenSeal):
        sealer(OLD).open(data, binding=b"b")


def test_secrets_are_not_shown() -> None:
    assert "ooo" not in repr(OLD)
    assert KeyRing((NEW, OLD)).current_id == b"new!"
