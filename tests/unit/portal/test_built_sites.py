"""Sites are built when a file has changed, and once for all who wait."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ostiary.adapters.sql.config_rows import Sealer
from ostiary.adapters.sql.config_store import STEPS, SqlConfigStore
from ostiary.adapters.sql.engine import Database
from ostiary.model.files import File
from ostiary.model.portal import Developer
from ostiary.model.workspaces import DEFAULT, Workspace
from ostiary.portal.built_sites import FRESH_S, BuiltSites
from ostiary.portal.content.access import ANONYMOUS
from ostiary.portal.content.search import search
from tests.support.ports import FakeClock
from tests.unit.admin.admin_kit import KEY, database_node

TEAM = Workspace(id="22222222-2222-4333-8444-555555555555", name="team")


def file(number: int, contents: str, workspace: str | None = None) -> File:
    return File(
        id=f"11111111-2222-4333-8444-{number:012}",
        path=f"content/p{number}.md",
        contents=contents,
        ws_id=workspace,
    )


async def open_store(folder: Path) -> SqlConfigStore:
    async with database_node(folder):
        pass  # the tables are made
    url = f"sqlite:///{folder / 'config.db'}"
    return SqlConfigStore(Database(url, steps=STEPS), Sealer(KEY))


async def test_a_site_follows_its_files_and_is_kept_otherwise(tmp_path: Path) -> None:
    store = await open_store(tmp_path)
    clock = FakeClock()
    sites = BuiltSites(store, clock)
    async with store.writing() as write:
        await write.add(file(1, "one"))
    first = await sites.load(DEFAULT, has_auth=True)
    async with store.writing() as write:
        identity = "33333333-2222-4333-8444-555555555555"
        await write.add(Developer(id=identity, email="a@b.example"))
    sites.forget()
    other_write = await sites.load(DEFAULT, has_auth=True)
    async with store.writing() as write:
        await write.put(file(1, "two words"))
    not_told = await sites.load(DEFAULT, has_auth=True)
    sites.forget()
    changed = await sites.load(DEFAULT, has_auth=True)
    async with store.writing() as write:
        await write.put(file(1, "of another node"))
    clock.move(FRESH_S)
    later = await sites.load(DEFAULT, has_auth=True)
    public = await sites.load(DEFAULT, has_auth=False)
    await store.close()

    assert other_write is first
    assert not_told is first
    assert changed is not first
    assert later is not changed
    assert [h.route for h in search(changed.site, changed.index, "two", ANONYMOUS)] == ["/p1"]  # fmt: skip
    assert not public.site.has_auth


async def test_who_waits_for_the_same_site_gets_the_same_and_each_workspace_its_own(
    tmp_path: Path,
) -> None:
    store = await open_store(tmp_path)
    sites = BuiltSites(store, FakeClock())
    async with store.writing() as write:
        await write.add(TEAM)
        for number in range(1, 251):
            await write.add(file(number, "x"))
        await write.add(file(300, "y", TEAM.id))
    found = await asyncio.gather(
        *(sites.load(DEFAULT, has_auth=True) for _ in range(5))
    )
    team = await sites.load(TEAM, has_auth=True)
    await store.close()

    assert {id(one) for one in found} == {id(found[0])}
    assert len(found[0].site.routes) == 250
    assert [*team.site.routes] == ["/p300"]
    assert team.site.base == "/team"
