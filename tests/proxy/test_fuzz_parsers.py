"""A short run of what `tests/fuzz` does at length."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import parsers
from tests.fuzz.streams import POINTS, TOKENS, conversations, responses

SHORT = settings(max_examples=150, deadline=None, suppress_health_check=[*HealthCheck])


@pytest.mark.spec("RFC9112#2.2")
@SHORT
@given(conversations(), POINTS)
def test_requests_read_the_same_however_they_are_cut(
    raw: bytes, points: list[int]
) -> None:
    parsers.check_requests_read_the_same_however_cut(raw, points)


@pytest.mark.spec("RFC9112#11.2")
@SHORT
@given(conversations())
def test_what_is_accepted_can_be_said_in_one_way_only(raw: bytes) -> None:
    parsers.check_what_is_accepted_can_be_said_in_one_way_only(raw)


@pytest.mark.spec("RFC9112#6.3")
@SHORT
@given(responses(), POINTS, TOKENS, st.integers(0, 1))
def test_responses_read_the_same_however_they_are_cut(
    raw: bytes, points: list[int], method: bytes, minor: int
) -> None:
    parsers.check_responses_read_the_same_however_cut(raw, points, method, minor)


@SHORT
@given(st.binary(max_size=80))
def test_chunks_never_gain_bytes(raw: bytes) -> None:
    parsers.check_chunks_never_gain_bytes(raw)
