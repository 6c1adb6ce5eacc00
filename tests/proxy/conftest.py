"""Everything here runs on the loop the product runs on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
import uvloop

from tests.proxy import certificates
from tests.proxy.support import Stage


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """A stage on which nothing fails unheard in a callback or a task."""
    unheard: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, context: unheard.append(context)
    )
    made = Stage()
    yield made
    await made.close()

    assert unheard == []


@pytest.fixture(scope="session")
def cert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for gate.test and app.test, with its key."""
    folder = tmp_path_factory.mktemp("tls")
    return certificates.make(folder / "cert.pem", "gate.test", "app.test")


@pytest.fixture(scope="session")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate our side shows to upstreams that ask, with its key."""
    return certificates.make(tmp_path_factory.mktemp("tls") / "c.pem", "proxy.test")
