"""The pytest plugin: the fixture `cognito`, one process for all tests, empty for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ostiary.testing.pool import LocalUserPool, running_user_pool


@pytest.fixture(scope="session")
def cognito_process() -> Iterator[LocalUserPool]:
    """The user pool that all tests share."""
    with running_user_pool() as pool:
        yield pool


@pytest.fixture
def cognito(cognito_process: LocalUserPool) -> LocalUserPool:
    """A user pool with nothing in it."""
    cognito_process.reset()
    return cognito_process
