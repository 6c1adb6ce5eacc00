"""What was remembered is given back, and no more than fits is remembered."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.http.memo import OVERHEAD, Memo
from ostiary.http.value import frozen

KEYS = st.binary(min_size=1, max_size=40)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.booleans(), KEYS), max_size=80))
def test_it_never_gives_another_s_result_and_stays_small(
    steps: list[tuple[bool, bytes]],
) -> None:
    limit = 10 * (OVERHEAD + 40)
    memo: Memo[bytes, bytes] = Memo(limit, max_key=30)
    for puts, key in steps:
        if puts:
            memo.put(key, b"of " + key, len(key))
        assert memo.get(key) in {None, b"of " + key}
        assert len(memo) * OVERHEAD <= limit
        if puts and len(key) <= 30:
            assert memo.get(key) == b"of " + key


def test_what_is_asked_for_survives_what_is_not() -> None:
    memo: Memo[bytes, int] = Memo(8 * (OVERHEAD + 1))
    memo.put(b"a", 1, 1)
    for number in range(50):
        assert memo.get(b"a") == 1
        memo.put(bytes([number]), number + 1, 1)

    assert memo.get(b"\x00") is None
    memo.clear()
    assert memo.get(b"a") is None


@frozen
class Pair:
    """Two numbers."""

    one: int
    two: int = 2


def test_a_value_is_compared_and_hashed_by_its_fields() -> None:
    assert Pair(one=1) == Pair(one=1, two=2)
    assert len({Pair(one=1), Pair(one=1), Pair(one=2)}) == 2
    assert repr(Pair(one=1)) == "Pair(one=1, two=2)"
    with pytest.raises(AttributeError):
        Pair(one=1).three = 3  # type: ignore[attr-defined]
