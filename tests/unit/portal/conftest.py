from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.portal.portal_kit import PortalWorld, portal_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[PortalWorld]:
    """A portal that is switched on as the page says."""
    async with portal_world(tmp_path) as made:
        await made.switch_on()
        yield made
