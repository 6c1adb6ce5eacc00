"""The parsers, with as many examples as `FUZZ_EXAMPLES` says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz import parsers
from tests.fuzz.conftest import LONG
from tests.fuzz.streams import POINTS, TOKENS, conversations, responses

pytestmark = pytest.mark.timeout(0)


@LONG
@given(conversations(), POINTS)
def test_requests_read_the_same_however_they_are_cut(
    raw: bytes, points: list[int]
) -> None:
    parsers.check_requests_read_the_same_however_cut(raw, points)


@LONG
@given(conversations())
def test_what_is_accepted_can_be_said_in_one_way_only(raw: bytes) -> None:
    parsers.check_what_is_accepted_can_be_said_in_one_way_only(raw)


@LONG
@given(responses(), POINTS, TOKENS, st.integers(0, 1))
def test_responses_read_the_same_however_they_are_cut(
    raw: bytes, points: list[int], method: bytes, minor: int
) -> None:
    parsers.check_responses_read_the_same_however_cut(raw, points, method, minor)


@LONG
@given(st.binary(max_size=80))
def test_chunks_never_gain_bytes(raw: bytes) -> None:
    parsers.check_chunks_never_gain_bytes(raw)


@LONG
@given(st.binary(max_size=200))
def test_noise_is_read_the_same_however_it_is_cut(raw: bytes) -> None:
    parsers.check_requests_read_the_same_however_cut(raw, [len(raw) // 2])
    parsers.check_responses_read_the_same_however_cut(raw, [len(raw) // 3], b"GET", 1)
