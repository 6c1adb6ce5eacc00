"""Whole exchanges, with as many examples as `FUZZ_EXAMPLES` says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.arena import Arena
from tests.fuzz.conftest import LONG
from tests.fuzz.streams import POINTS, conversations

pytestmark = pytest.mark.timeout(0)


@pytest.fixture(scope="module")
def arena() -> Iterator[Arena]:
    made = Arena()
    yield made
    made.close()


@LONG
@given(st.lists(st.tuples(conversations(), POINTS), min_size=1, max_size=2))
def test_every_answer_belongs_to_its_request_and_nothing_else_reaches_the_upstream(
    arena: Arena, streams: list[tuple[bytes, list[int]]]
) -> None:
    arena.run(arena.check(streams))
