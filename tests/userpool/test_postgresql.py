"""What only a database server can do to a store: go away, hang, refuse, be elsewhere."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ostiary.adapters.sql.engine import Database
from ostiary.adapters.sql.pool_store import SqlPoolStore, open_store
from ostiary.adapters.sql.postgresql import has_to_prove_itself
from ostiary.ports.pool_store import PoolStore, StoreUnavailable
from tests.support.postgres_server import PostgresServer, find_program
from tests.userpool.pool_kit import PASSWORD, Demo, build_demo, open_site, query_of
from tests.userpool.pool_sdk import serve_sdk
from tests.userpool.test_store import CLIENT, KEY, NAMES, POOL, USER

WITHIN_S = 0.5


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[PoolStore]:
    """A store that gives up soon."""
    database = Database(postgres_url, within_s=WITHIN_S)
    opened = SqlPoolStore(database)
    await opened.add_pool(POOL, (KEY,))
    await opened.add_client(CLIENT)
    await opened.add_user(USER)
    yield opened
    await database.close()


async def ask_all(store: PoolStore) -> list[Any]:
    return await asyncio.gather(
        *(store.load_user(**NAMES) for _ in range(8)), return_exceptions=True
    )


async def test_a_server_that_ends_is_unavailable_and_comes_back_by_itself(
    store: PoolStore, postgres: PostgresServer
) -> None:
    assert await ask_all(store) == [USER] * 8
    postgres.stop()
    try:
        gone = await ask_all(store)
    finally:
        postgres.start()

    assert {type(answer) for answer in gone} == {StoreUnavailable}
    assert await ask_all(store) == [USER] * 8


async def test_a_restart_that_nobody_saw_is_not_noticed(
    store: PoolStore, postgres: PostgresServer
) -> None:
    assert await ask_all(store) == [USER] * 8
    await asyncio.to_thread(postgres.stop)
    await asyncio.to_thread(postgres.start)

    assert await ask_all(store) == [USER] * 8


async def test_a_server_that_hangs_is_given_up_and_comes_back_by_itself(
    store: PoolStore, postgres: PostgresServer
) -> None:
    assert await ask_all(store) == [USER] * 8
    postgres.pause()
    try:
        started = time.monotonic()
        hung = await ask_all(store)
        waited_s = time.monotonic() - started
    finally:
        postgres.resume()

    assert {type(answer) for answer in hung} == {StoreUnavailable}
    assert waited_s < 6 * WITHIN_S
    assert await ask_all(store) == [USER] * 8


async def test_a_cancelled_caller_leaves_nothing_locked(
    store: PoolStore, postgres_url: str
) -> None:
    other = Database(postgres_url)
    async with other.writing() as db:
        await db.exec_driver_sql("SELECT * FROM users FOR UPDATE")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await store.save_user(USER)
    await other.close()

    await store.save_user(USER)


async def test_a_lock_that_is_not_given_is_unavailable_not_a_hang(
    store: PoolStore, postgres_url: str
) -> None:
    other = Database(postgres_url)
    async with other.writing() as db:
        await db.exec_driver_sql("SELECT * FROM users FOR UPDATE")
        with pytest.raises(StoreUnavailable):
            await store.save_user(USER)
    await other.close()

    await store.save_user(USER)


async def test_the_loser_of_a_deadlock_is_told_to_come_again(postgres_url: str) -> None:
    database = Database(postgres_url)
    store = SqlPoolStore(database)
    await store.add_pool(POOL, (KEY,))
    await store.add_client(CLIENT)
    both = asyncio.Barrier(2)

    async def lock(first: str, second: str) -> None:
        async with database.writing() as db:
            await db.exec_driver_sql(f"SELECT * FROM {first} FOR UPDATE")
            await both.wait()
            await db.exec_driver_sql(f"SELECT * FROM {second} FOR UPDATE")

    ended = await asyncio.gather(
        lock("pools", "clients"), lock("clients", "pools"), return_exceptions=True
    )
    await database.close()

    assert [str(e) for e in ended if e is not None] == [
        "the database failed: DeadlockDetectedError 40P01"
    ]


async def test_who_reads_cannot_write(postgres_url: str) -> None:
    database = Database(postgres_url)
    with pytest.raises(StoreUnavailable, match="25006"):
        async with database.reading() as db:
            await db.exec_driver_sql("DELETE FROM pools")
    await database.close()


REFUSED = [
    "postgresql://ostiary:wrong-secret@/{name}?host={folder}",
    "postgresql://ostiary:wrong-secret@/nowhere?host={folder}",
    "postgresql://ostiary:wrong-secret@/{name}?host={folder}/nowhere",
    "postgresql://ostiary:wrong-secret@/{name}?host={folder}&sslmode=wrong-secret",
    "postgresql://ostiary:wrong-secret@/{name}?host={folder}&sslrootcert=/no/such&sslmode=verify-full",
    "postgresql://ostiary:wrong-secret/more@127.0.0.1/{name}",
    "postgresql://ostiary:9@wrong-secret:wrong-secret/{name}",
    "postgresql://[wrong-secret/{name}",
    "postgresql://ostiary:wrong-secret@127.0.0.1:1/{name}",
    "postgresql://ostiary:wrong-secret@nowhere.invalid/{name}",
    "mysql://ostiary:wrong-secret@/{name}",
    "wrong-secret",
]


@pytest.mark.parametrize("url", REFUSED)
async def test_a_database_that_cannot_be_opened_is_told_without_the_secret(
    postgres: PostgresServer, migrated: str, url: str
) -> None:
    filled = url.format(name=migrated, folder=postgres.folder)
    with pytest.raises(StoreUnavailable) as caught:
        async with open_store(filled):
            pass

    assert "wrong-secret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("url", "proof"),
    [
        ("postgresql://u:p@db.example/pool", True),
        ("postgresql://u:p@db.example:5433/pool?application_name=x", True),
        ("postgresql://u:p@localhost,db.example/pool", True),
        ("postgresql://u:p@/pool?host=db.example", True),
        ("postgresql://u:p@/pool?host=/run/postgresql,db.example", True),
        ("postgresql://db.example/pool?host=localhost", True),
        ("postgresql:///pool", True),  # where it is, is said elsewhere
        ("postgresql://u:p@db.example/pool?sslmode=require", False),
        ("postgresql://u:p@localhost/pool", False),
        ("postgresql://127.0.0.1:1,localhost:2/pool", False),
        ("postgresql://[::1]:2,127.0.0.1:1/pool", False),
        ("postgresql://u:p@/pool?host=/run/postgresql", False),
        ("postgresql://u:p@%2Frun%2Fpostgresql/pool", False),
    ],
)
def test_a_server_elsewhere_proves_itself_unless_the_url_says_how(
    url: str, *, proof: bool
) -> None:
    assert has_to_prove_itself(url) is proof


async def test_the_forms_of_a_url_mean_the_same(postgres_url: str) -> None:
    rest = postgres_url.partition("://")[2]
    for scheme in ("postgres", "postgresql+asyncpg"):
        async with open_store(f"{scheme}://{rest}&application_name=ostiary") as store:
            await store.ping()


def test_a_machine_without_postgresql_is_told_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match="package postgresql"):
        find_program("initdb", tmp_path)


@pytest.fixture
async def demo(tmp_path: Path, postgres_url: str) -> AsyncIterator[Demo]:
    async with open_site(tmp_path, database_url=postgres_url) as site:
        yield await build_demo(site)


async def test_the_sdk_and_a_browser_get_a_person_through_the_pool(demo: Demo) -> None:
    confirmed = await demo.confirm()
    tokens = await demo.exchange(query_of(confirmed.location)["code"])
    again = await demo.exchange(query_of(confirmed.location)["code"])
    refreshed = await demo.token(
        {
            "grant_type": "refresh_token",
            "client_id": demo.client_id,
            "refresh_token": tokens.json()["refresh_token"],
        }
    )

    assert (tokens.status, again.status) == (200, 400)
    # The code was shown twice: what came of it is over.
    assert refreshed.status == 400
    async with serve_sdk(demo.site.app) as sdk:
        listed = await sdk.call("ListUsers", UserPoolId=demo.pool_id)
        name = listed["Users"][0]["Username"]
        person = await sdk.call(
            "AdminGetUser", UserPoolId=demo.pool_id, Username="ada@example.org"
        )
        code, _ = await sdk.refused(
            "CreateUserPoolDomain", UserPoolId=demo.pool_id, Domain="demo"
        )

    assert person["UserStatus"] == "CONFIRMED"
    assert person["Username"] == name
    assert code == "InvalidParameterException"


NUL_IN_NAMES = [
    ("demo.auth.localhost:9443", "/login?client_id=a%00&response_type=code"),
    ("demo.auth.localhost:9443", "/oauth2/authorize?client_id=a%00"),
    ("demo.auth.localhost:9443", "/logout?client_id=a%00"),
    ("de\0mo.auth.localhost:9443", "/login?client_id=a"),
    ("cognito-idp.localhost:9443", "/a%00/.well-known/jwks.json"),
]


async def test_what_no_table_can_hold_is_what_nobody_has(demo: Demo) -> None:
    for host, path in NUL_IN_NAMES:
        answer = await demo.site.browser(host=host).get(path)

        assert answer.status in {302, 400, 404}, path

    for name in ("ada\0@example.org", "\0", "a" * 5000):
        page = await demo.browser.get(f"/login?{demo.query()}")
        fields = {"username": name, "password": PASSWORD}
        answer = await demo.browser.submit(page, fields)

        assert "Incorrect username or password." in answer.text
