"""The Admin API's document, with a few of the examples that `FUZZ_EXAMPLES` says for each operation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from schemathesis.generation import GenerationMode

from tests.contract import openapi_kit as kit
from tests.contract.openapi_kit import Site, Told
from tests.fuzz.conftest import EXAMPLES

pytestmark = pytest.mark.timeout(0)
EACH = max(EXAMPLES // 4000, 1)
MAKERS: dict[str, Callable[[Path], Site]] = {
    "database": kit.database_site,
    "file": lambda _: kit.file_site(),
}


@pytest.fixture(params=[*MAKERS])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    made = MAKERS[request.param](tmp_path)
    yield made
    made.close()


def test_the_edges_of_every_operation_are_answered_as_documented(site: Site) -> None:
    told = Told()
    modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
    for operation in kit.operations(kit.load(site)):
        kit.cover(site, operation, modes=modes, told=told, most=30 * EACH)

    assert told.report() == ""


@pytest.mark.parametrize("mode", [*GenerationMode])
def test_whatever_is_sent_is_answered_as_documented(
    site: Site, mode: GenerationMode
) -> None:
    told = Told()
    for operation in kit.operations(kit.load(site)):
        if mode is GenerationMode.POSITIVE or operation.body or operation.query:
            kit.explore(site, operation, mode=mode, examples=EACH, told=told)

    assert told.report() == ""
