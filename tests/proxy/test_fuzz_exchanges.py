"""A short run of whole exchanges; `tests/fuzz` does the same at length."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.arena import Arena
from tests.fuzz.streams import POINTS, conversations


@pytest.fixture(scope="module")
def arena() -> Iterator[Arena]:
    made = Arena()
    yield made
    made.close()


@pytest.mark.spec("RFC9112#9.3.2")
@settings(max_examples=100, deadline=None, suppress_health_check=[*HealthCheck])
@given(st.lists(st.tuples(conversations(), POINTS), min_size=1, max_size=2))
def test_every_answer_belongs_to_its_request_and_nothing_else_reaches_the_upstream(
    arena: Arena, streams: list[tuple[bytes, list[int]]]
) -> None:
    arena.run(arena.check(streams))
