"""A Manager beside a portal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ostiary.adapters.declarative import dump_yaml
from ostiary.adapters.shared import MemoryShared
from ostiary.admin.inside import InsideClient
from ostiary.manager.app import create_manager
from ostiary.manager.config import ManagerConfig, OpenDoor
from ostiary.node.manager import choose_portals
from ostiary.web.guard import build_guard
from tests.unit.manager.manager_kit import Browser
from tests.unit.portal.portal_kit import PortalWorld, portal_world


@dataclass
class Desk:
    """A Manager beside a portal."""

    world: PortalWorld
    browser: Browser


@asynccontextmanager
async def open_desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with portal_world(tmp_path) as world:

        async def examine(*_: object) -> tuple[()]:
            return ()

        config = ManagerConfig(
            admin=InsideClient(world.node.app),
            shared=MemoryShared(world.base.clock),
            clock=world.base.clock,
            entropy=world.base.entropy,
            door=OpenDoor(admits_strangers=False),
            guard=build_guard(allowed_hosts=(), gui_url=None),
            examine=examine,
            dump_yaml=dump_yaml,
            version="1",
            portals=choose_portals(world.settings),
        )
        yield Desk(world=world, browser=Browser(create_manager(config)))
