"""One gateway for the whole run; the rows that only wait come last."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.security.gateways import Gateway, elsewhere, ostiary


@pytest.fixture(scope="session")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with ExitStack() as stack:
        if "SECURITY_GATEWAY" in os.environ:
            gateway = stack.enter_context(elsewhere())
        else:
            folder = tmp_path_factory.mktemp("ostiary")
            gateway = stack.enter_context(ostiary(folder))
        gateway.start_slow_heads()
        yield gateway
        for wire in gateway.slow:
            wire.close()


@pytest.fixture
def gateway(_running: Gateway) -> Iterator[Gateway]:
    """The gateway under test."""
    yield _running
    _running.close()


def _place(item: pytest.Item) -> int:
    if item.path.stem == "test_cases_can_fail":
        return 1
    return 2 if "out_of_time" in item.name else 0


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The gateway's minute for a slow head passes while the naive gateway is tried."""
    items.sort(key=_place)
