"""How long the long runs are, and how long they took."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "20000"))
LONG = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[*HealthCheck],
)


@pytest.fixture(autouse=True)
def _clock(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> Iterator[None]:
    begun = time.monotonic()
    yield
    with capsys.disabled():
        took = time.monotonic() - begun
        print(f"\n{request.node.name}: up to {EXAMPLES} examples in {took:.1f} s")
