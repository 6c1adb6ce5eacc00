"""One node, its providers and a person of the pool for the whole session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from anyio.from_thread import start_blocking_portal

from ostiary.testing import LocalUserPool, running_user_pool
from tests.interop.apache import MISSING as APACHE_MISSING
from tests.interop.apache import Apache, find_binary, running_apache
from tests.interop.clients import SECRETS
from tests.interop.deck import DECK, NOT_RUN
from tests.interop.install import MISSING, is_installed
from tests.interop.pool_clients import NEW_PASSWORD, PASSWORD
from tests.interop.stage import Stage, Visitor, running_providers, start_with_all
from tests.interop.streams import holding_upstream
from tests.support.node import running_node

EMAIL = "ada@example.com"
SECRET_WORDS = (PASSWORD, NEW_PASSWORD)
# Who has no decK is told, and has no failure.
collect_ignore = [] if DECK else ["test_deck.py"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not DECK:
        terminalreporter.write_line(NOT_RUN)


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    if not is_installed():
        pytest.fail(MISSING, pytrace=False)
    context = running_node(tmp_path_factory.mktemp("interop"))
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(context) as node,
        running_providers(node) as providers,
        holding_upstream() as holding,
    ):
        made, pool = start_with_all(node, providers, holding)
        yield Stage(node=node, providers=providers, made=made, pool=pool)
        pool.close()
        logs = node.logs()
        assert "Traceback" not in logs
        assert [s for s in (*SECRETS, providers.key["d"]) if s in logs] == []


@pytest.fixture(scope="session")
def apache(stage: Stage) -> Iterator[Apache]:
    """Apache as relying party of the pool, and as a resource server that takes its tokens."""
    if find_binary() is None:
        pytest.fail(APACHE_MISSING, pytrace=False)
    with running_apache(stage) as server:
        yield server
        logs = stage.node.logs()
        known = [c.client_secret for c in server.clients.values() if c.client_secret]
        assert [s for s in known if s in logs] == []


@pytest.fixture(scope="session")
def user_pool() -> Iterator[LocalUserPool]:
    """A user pool alone, as an application's own tests run it."""
    if not is_installed():
        pytest.fail(MISSING, pytrace=False)
    with running_user_pool() as pool:
        yield pool
        output = (pool.folder / "output.log").read_text()
        logs = "".join(p.read_text() for p in pool.folder.rglob("*.log"))
        assert "Traceback" not in output + logs
        assert [s for s in SECRET_WORDS if s in output + logs] == []


@pytest.fixture
def visitor(stage: Stage) -> Visitor:
    return stage.visitor()


@pytest.fixture(scope="session")
def member(stage: Stage) -> str:
    """The address of somebody who has an account in the pool."""
    page = stage.visitor().sign_up(stage.node, stage.page("members"), EMAIL)
    assert page.status == 200
    return EMAIL
