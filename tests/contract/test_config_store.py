"""What every store of configurations keeps its word on. Run on each database."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from ostiary.adapters.rows import RowsOfFile
from ostiary.adapters.sql import config_store
from ostiary.adapters.sql.config_store import STEPS, SqlConfigStore, open_config_store
from ostiary.adapters.sql.config_tables import METADATA, VERSION_TABLE
from ostiary.adapters.sql.engine import Database
from ostiary.model.access import RbacUser
from ostiary.model.config import Config
from ostiary.model.declarative import (
    build_config,
    dump_rows,
    iterate_rows,
    read_declarative,
)
from ostiary.model.gateway import Consumer, Plugin, Service
from ostiary.model.row import Row
from ostiary.model.workspaces import Workspace
from ostiary.ports.config_store import (
    ConfigStore,
    ForeignKeyMissing,
    PrimaryKeyViolation,
    StillReferenced,
    UniqueViolation,
    Wanted,
)
from ostiary.ports.pool_store import StoreUnavailable
from tests.support.postgres_server import PostgresServer, postgres_server

KEY = b"k" * 32
SECRET = "planted-secret"
TEAM = "22222222-2222-4333-8444-555555555555"
THEIRS = "33333333-2222-4333-8444-555555555555"
FILE: dict[str, Any] = {
    "_format_version": "3.0",
    "services": [
        {
            "name": "orders",
            "host": "up.example",
            "tags": ["a", "b"],
            "routes": [{"name": "r", "paths": ["/x"], "tags": ["a"]}],
            "plugins": [{"name": "cors"}],
        },
        {"name": "other", "host": "up.example", "tags": ["b"]},
    ],
    "consumers": [
        {"username": "ada", "keyauth_credentials": [{"key": SECRET}]},
        {"username": "eve", "acls": [{"group": "g"}]},
    ],
}


def rows_of(config: Config) -> list[Row]:
    return [row for _, row in iterate_rows(config)]


CONFIG = read_declarative(FILE)
ORDERS, OTHER = CONFIG.services
ADA, EVE = CONFIG.consumers


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as found:
        yield found


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'config.db'}"
    found: PostgresServer = request.getfixturevalue("server")
    return found.url(found.make_database())


@pytest.fixture
async def store(url: str) -> AsyncIterator[SqlConfigStore]:
    made = await open_config_store(url, KEY)
    yield made
    await made.close()


async def fill(store: ConfigStore) -> None:
    async with store.writing() as write:
        await write.put_all(rows_of(CONFIG))


async def put(store: ConfigStore, row: Row) -> None:
    async with store.writing() as write:
        await write.put(row)


async def replace_all(store: ConfigStore, rows: list[Row]) -> None:
    async with store.writing() as write:
        await write.clear()
        await write.put_all(rows)


async def write_and_fail(store: ConfigStore) -> None:
    async with store.writing() as write:
        await write.put(OTHER.model_copy(update={"port": 99}))
        raise RuntimeError("planted")


async def ids(store: ConfigStore, **wanted: Any) -> list[str]:
    page = await store.page(Wanted(**wanted), size=100)
    return [getattr(row, "name", None) or row.id or "" for row in page.rows]


async def test_what_is_kept_is_found_as_it_was(store: SqlConfigStore) -> None:
    await fill(store)
    whole = await store.load()

    key = lambda row: (type(row).__name__, row.id or "")  # noqa: E731 - once
    assert sorted(whole.rows, key=key) == sorted(rows_of(CONFIG), key=key)
    assert await store.get("services", ORDERS.id or "") == ORDERS
    assert await store.find("services", {"name": "orders"}) == ORDERS
    assert await store.find("services", {"name": "nobody"}) is None
    found = await store.find("keyauth_credentials", {"key": SECRET})
    assert found == CONFIG.keyauth_credentials[0]
    acl = {"consumer": EVE.id or "", "group": "g"}
    assert await store.find("acls", acl) == CONFIG.acls[0]


@pytest.mark.spec("gateway#1.12")
async def test_rows_are_paged_and_filtered(store: SqlConfigStore) -> None:
    await fill(store)
    first = await store.page(Wanted(kind="services"), size=1)
    rest = await store.page(Wanted(kind="services"), after=first.after or "", size=1)

    assert first.after == first.rows[0].id
    assert {row.id for row in (*first.rows, *rest.rows)} == {ORDERS.id, OTHER.id}
    assert rest.after is None
    both = ("a", "b")
    assert await ids(store, kind="services", tags=both) == ["orders"]
    any_of = await ids(store, kind="services", tags=both, any_tag=True)
    assert sorted(any_of) == ["orders", "other"]
    where = {"service": ORDERS.id or ""}
    assert await ids(store, kind="routes", where=where) == ["r"]
    assert await ids(store, kind="routes", where={"service": OTHER.id or ""}) == []
    tagged = await store.tags("a", after=None, size=10)
    assert [(t.kind, t.tag) for t in tagged] == [("routes", "a"), ("services", "a")]
    after = (tagged[0].tag, tagged[0].kind, tagged[0].id)
    assert await store.tags("a", after=after, size=10) == tagged[1:]


async def test_a_file_is_asked_as_a_database_is(store: SqlConfigStore) -> None:
    await fill(store)
    file = RowsOfFile()
    file.show(CONFIG)
    for wanted in (
        Wanted(kind="services"),
        Wanted(kind="services", tags=("a", "b")),
        Wanted(kind="services", tags=("a", "b"), any_tag=True),
        Wanted(kind="routes", where={"service": ORDERS.id or ""}),
        Wanted(kind="upstreams"),
    ):
        for size in (1, 10):
            expected = await store.page(wanted, size=size)
            assert await file.page(wanted, size=size) == expected
    assert await file.find("consumers", {"username": "ada"}) == ADA
    assert await file.tags(None, after=None, size=3) == await store.tags(
        None, after=None, size=3
    )


@pytest.mark.spec("gateway#1.9")
async def test_what_others_need_stays_and_what_depends_goes_along(
    store: SqlConfigStore,
) -> None:
    await fill(store)
    with pytest.raises(StillReferenced) as caught:
        async with store.writing() as write:
            await write.delete("services", ORDERS.id or "")
    assert (caught.value.kind, caught.value.by) == ("services", "routes")
    assert await store.revision() == 1

    async with store.writing() as write:
        assert await write.delete("consumers", ADA.id or "")
        assert not await write.delete("consumers", ADA.id or "")
        await write.delete("routes", CONFIG.routes[0].id or "")
        await write.delete("services", ORDERS.id or "")
    assert await ids(store, kind="keyauth_credentials") == []
    assert await ids(store, kind="plugins") == []
    assert await ids(store, kind="services") == ["other"]


async def test_what_must_be_unique_is(store: SqlConfigStore) -> None:
    await fill(store)
    again = OTHER.model_copy(update={"name": "orders"})
    with pytest.raises(UniqueViolation) as caught:
        await put(store, again)
    assert caught.value.fields == {"name": "orders"}
    assert await store.get("services", OTHER.id or "") == OTHER

    row = Plugin(
        id="11111111-1111-4111-8111-111111111111", name="cors", service=ORDERS.id
    )
    with pytest.raises(UniqueViolation) as caught:
        await put(store, row)
    assert caught.value.fields["service"] == {"id": ORDERS.id}
    assert caught.value.fields["route"] is None
    await put(store, row.model_copy(update={"service": OTHER.id}))

    with pytest.raises(PrimaryKeyViolation):
        async with store.writing() as write:
            await write.add(ORDERS.model_copy(update={"name": "new"}))
    await put(store, ORDERS)  # itself is in nobody's way


async def test_a_reference_that_leads_nowhere_is_refused(store: SqlConfigStore) -> None:
    nowhere = "22222222-2222-4222-8222-222222222222"
    with pytest.raises(ForeignKeyMissing) as caught:
        await put(store, Plugin(id=ORDERS.id, name="cors", service=nowhere))
    assert (caught.value.field, caught.value.kind) == ("service", "services")
    assert caught.value.identity == nowhere
    assert await store.revision() == 0


async def test_a_write_and_its_revision_are_one(store: SqlConfigStore) -> None:
    await fill(store)
    with pytest.raises(RuntimeError, match="planted"):
        await write_and_fail(store)
    assert await store.get("services", OTHER.id or "") == OTHER
    assert await store.revision() == 1
    async with store.writing():
        pass  # nothing is written: nothing is new
    assert await store.revision() == 1


async def test_what_changed_since_is_told(store: SqlConfigStore) -> None:
    await fill(store)
    changed = OTHER.model_copy(update={"port": 99})
    await put(store, changed)
    async with store.writing() as write:
        await write.delete("consumers", EVE.id or "")
    news = await store.since(1)

    assert news is not None
    assert (news.revision, news.rows) == (3, (changed,))
    assert set(news.gone) == {
        ("consumers", EVE.id),
        ("acls", CONFIG.acls[0].id),
    }
    same = await store.since(3)
    assert same is not None
    assert (same.rows, same.gone) == ((), ())
    assert await store.since(4) is None  # another database's number

    async with store.writing() as write:
        await write.clear()
        await write.put_all([OTHER])
    assert await store.since(3) is None  # everything is to be read
    assert (await store.load()).rows == (OTHER,)


async def test_those_who_write_at_once_come_one_after_the_other(url: str) -> None:
    """Four connections of two nodes: no number twice, no name twice, nothing lost."""
    one, two = await open_config_store(url, KEY), await open_config_store(url, KEY)

    def service(number: int, name: str) -> Service:
        identity = f"{number:08d}-1111-4111-8111-111111111111"
        return Service(id=identity, name=name, host="h")

    async def write(store: ConfigStore, number: int) -> None:
        await put(store, service(number, f"s{number}"))

    async def fight(store: ConfigStore, number: int) -> bool:
        try:
            await put(store, service(number, "the-one"))
        except UniqueViolation:
            return False
        return True

    try:
        await asyncio.gather(*(write((one, two)[n % 2], n) for n in range(20)))
        won = await asyncio.gather(
            *(fight((one, two)[n % 2], n + 50) for n in range(10))
        )
        assert await one.revision() == await two.revision() == 21
        assert sum(won) == 1
        assert len((await two.load()).rows) == 21
        news = await two.since(5)
        assert news is not None
        assert len(news.rows) == 16
    finally:
        await one.close()
        await two.close()


@pytest.mark.spec("D17")
async def test_no_secret_is_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "config.db"
    store = await open_config_store(f"sqlite:///{path}", KEY)
    await fill(store)
    await put(store, Plugin(id=OTHER.id, name="x", config={"client_secret": [SECRET]}))
    await store.close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()

    assert SECRET.encode() not in path.read_bytes()
    other = await open_config_store(f"sqlite:///{path}", b"x" * 32)
    with pytest.raises(StoreUnavailable, match="sealed with another key"):
        await other.load()
    await other.close()


async def test_long_names_and_odd_ones_are_told_apart(store: SqlConfigStore) -> None:
    names = ["x" * 300, "x" * 299 + "y", "=x", "#x", "é", "E\u0301", "a\u0000b"]
    for number, name in enumerate(names):
        identity = f"{number:08d}-1111-4111-8111-111111111111"
        row = Consumer(
            id=identity, username=name.replace("\x00", ""), custom_id=name[-200:]
        )
        await put(store, row)
        assert (
            await store.find("consumers", {"username": name.replace("\x00", "")}) == row
        )


async def test_the_migrations_make_the_tables_of_the_code(url: str) -> None:
    database = Database(url, steps=STEPS)
    await database.upgrade()

    def compare(connection: Connection) -> list[Any]:
        options = {"version_table": VERSION_TABLE}
        context = MigrationContext.configure(connection, opts=options)
        return [*compare_metadata(context, METADATA)]

    async with database.writing() as db:
        assert await db.run_sync(compare) == []
    await database.close()


async def test_a_database_that_is_away_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        await open_config_store(f"sqlite:///{tmp_path / 'none' / 'x.db'}", KEY)
    with pytest.raises(StoreUnavailable):
        await open_config_store("postgresql://u@127.0.0.1:1/x", KEY)


async def test_lines_are_those_of_the_rows(store: SqlConfigStore) -> None:
    await fill(store)
    number, lines = await store.lines()
    file = RowsOfFile()
    file.show(CONFIG)

    assert number == 1
    assert sorted(lines) == sorted(dump_rows(CONFIG))
    assert sorted((await file.lines())[1]) == sorted(lines)


@pytest.mark.spec("T-O7")
async def test_a_workspace_is_part_of_every_look_up(store: SqlConfigStore) -> None:
    team = Workspace(id=TEAM, name="team")
    theirs = ORDERS.model_copy(update={"id": THEIRS, "ws_id": TEAM, "host": "theirs"})
    async with store.writing() as write:
        await write.put_all([*rows_of(CONFIG), team, theirs])
    inside = store.within(TEAM)
    file = RowsOfFile()
    file.show(build_config((await store.load()).rows))

    for ours, other in ((store, inside), (file, file.within(TEAM))):
        assert await ours.get("services", THEIRS) is None
        assert await other.get("services", THEIRS) == theirs
        assert await other.get("services", ORDERS.id or "") is None
        assert await ours.find("services", {"name": "orders"}) == ORDERS
        assert await other.find("services", {"name": "orders"}) == theirs
        assert await other.find("consumers", {"username": "ada"}) is None
        assert (await other.page(Wanted(kind="services"), size=9)).rows == (theirs,)
        assert [t.id for t in await other.tags("a", after=None, size=9)] == [THEIRS]
        assert THEIRS not in [t.id for t in await ours.tags("a", after=None, size=9)]
        assert await other.counts() == {"services": 1}
        assert await other.get("workspaces", TEAM) == team
    assert {row.id for row in (await store.load()).rows} >= {TEAM, THEIRS}


@pytest.mark.spec("T-O7")
async def test_rows_neither_leave_their_workspace_nor_refer_to_another(
    store: SqlConfigStore,
) -> None:
    await fill(store)
    moved = ORDERS.model_copy(update={"ws_id": TEAM})
    for keep in ("add", "put"):
        with pytest.raises(PrimaryKeyViolation):
            async with store.within(TEAM).writing() as write:
                await getattr(write, keep)(moved)
    route = CONFIG.routes[0].model_copy(update={"id": THEIRS, "ws_id": TEAM})
    with pytest.raises(ForeignKeyMissing):
        await put(store, route)
    with pytest.raises(ForeignKeyMissing):
        await replace_all(store, [*rows_of(CONFIG), route])
    async with store.within(TEAM).writing() as write:
        assert not await write.delete("services", OTHER.id or "")
    assert await store.revision() == 1


@pytest.mark.spec("gateway#1.15")
async def test_all_rows_of_a_workspace_go_at_once(store: SqlConfigStore) -> None:
    await fill(store)
    theirs = ADA.model_copy(update={"id": THEIRS, "ws_id": TEAM})
    await put(store, theirs)
    async with store.within(TEAM).writing() as write:
        await write.leave()

    changed = await store.since(2)
    assert changed is not None
    assert changed.gone == (("consumers", THEIRS),)
    assert await store.get("consumers", ADA.id or "") == ADA
    # Its name is free again.
    await put(store, theirs.model_copy(update={"id": TEAM}))


@pytest.mark.spec("gateway#1.16")
async def test_who_may_use_the_admin_api_is_nothing_to_those_who_serve(
    store: SqlConfigStore,
) -> None:
    await fill(store)
    user = RbacUser(id=THEIRS, name="ada", user_token="hash")
    await put(store, user)

    assert await store.get("rbac_users", THEIRS) == user
    assert user not in (await store.load()).rows
    assert not any(b"rbac" in line for line in (await store.lines())[1])
    assert await store.revision() == 1
    async with store.writing() as write:
        await write.clear()
    assert await store.get("rbac_users", THEIRS) == user


async def test_writing_goes_on_when_old_changes_are_forgotten(
    store: SqlConfigStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_store, "_PRUNE_EVERY", 3)
    monkeypatch.setattr(config_store, "_KEPT_REVISIONS", 4)
    await fill(store)
    for number in range(9):
        await put(store, ADA.model_copy(update={"custom_id": str(number)}))
    now = await store.revision()

    assert await store.since(now - 8) is None
    assert (await store.since(now - 2)) is not None
    found = await store.find("consumers", {"custom_id": "8"})
    assert found is not None
    assert found.id == ADA.id
