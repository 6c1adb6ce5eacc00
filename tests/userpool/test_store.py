"""What every pool store keeps its word on. Run on each adapter."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from ostiary.adapters.sql.engine import Database
from ostiary.adapters.sql.pool_store import open_store
from ostiary.adapters.sql.tables import METADATA
from ostiary.model.pool import (
    Attempts,
    AuthorizationCode,
    CodeKind,
    CustomDomain,
    Grant,
    HostedSession,
    MailedCode,
    PasswordRecord,
    Pool,
    PoolClient,
    PoolDomain,
    RefreshToken,
    SealedKey,
    SealedSecret,
    User,
    UserStatus,
)
from ostiary.model.pool_settings import ClientSettings, PoolSettings
from ostiary.ports.pool_store import AlreadyExists, PoolStore, StoreUnavailable

POOL = Pool(
    id="eu-west-1_a",
    name="one",
    settings=PoolSettings(UsernameAttributes=("email",)),
    created_at=1.5,
    modified_at=2.5,
)
KEY = SealedKey(
    pool_id=POOL.id, purpose="id", kid="k", public_jwk={"kty": "RSA"}, sealed=b"\x00s"
)
CLIENT = PoolClient(
    id="client",
    pool_id=POOL.id,
    name="c",
    settings=ClientSettings(CallbackURLs=("https://a/cb",)),
    created_at=1,
    modified_at=1,
    secrets=(SealedSecret(id="client--1", created_at=1, sealed=b"\x00sealed"),),
)
USER = User(
    pool_id=POOL.id,
    username="u",
    sub="s",
    login_key="a@b.c",
    attributes={"sub": "s", "email": "A@b.c"},
    status=UserStatus.UNCONFIRMED,
    password=PasswordRecord(argon2="h", srp_salt="8f", srp_verifier="ab"),
    created_at=1,
    modified_at=1,
)
GRANT = Grant(
    id="g",
    pool_id=POOL.id,
    client_id=CLIENT.id,
    username="u",
    scopes=("openid", "email"),
    auth_time=7,
    nonce="n",
)
CODE = AuthorizationCode(
    code_hash="h",
    grant_id="g",
    redirect_uri="https://a/cb",
    code_challenge="c",
    expires_at=300,
)
NAMES = {"pool_id": POOL.id, "username": "u"}


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[PoolStore]:
    async with open_store(database_url) as opened:
        await opened.add_pool(POOL, (KEY,))
        await opened.add_client(CLIENT)
        await opened.add_user(USER)
        yield opened


async def test_what_was_kept_comes_back_as_it_was(store: PoolStore) -> None:
    assert await store.load_pool(POOL.id) == POOL
    assert await store.load_keys(POOL.id) == (KEY,)
    assert await store.load_client(CLIENT.id) == CLIENT
    assert await store.load_user(**NAMES) == USER
    assert await store.find_user(pool_id=POOL.id, login_key="a@b.c") == USER


async def test_what_is_not_there_is_none(store: PoolStore) -> None:
    assert await store.load_pool("no") is None
    assert await store.load_client("no") is None
    assert await store.load_user(pool_id=POOL.id, username="no") is None
    assert await store.find_user(pool_id="no", login_key="a@b.c") is None
    assert await store.load_domain("no") is None
    assert await store.load_grant("no") is None
    assert await store.take_code("no") is None
    assert await store.load_refresh_token("no") is None
    assert await store.load_hosted_session("no") is None


async def test_names_are_unique(store: PoolStore) -> None:
    with pytest.raises(AlreadyExists):
        await store.add_user(replace(USER, username="v", sub="t"))
    await store.add_domain(
        PoolDomain(prefix="p", pool_id=POOL.id, managed_login_version=1, created_at=1)
    )
    with pytest.raises(AlreadyExists):
        await store.add_domain(
            PoolDomain(
                prefix="q", pool_id=POOL.id, managed_login_version=1, created_at=1
            )
        )
    own = PoolDomain(
        prefix="id.example.org",
        pool_id=POOL.id,
        managed_login_version=2,
        created_at=1,
        custom=CustomDomain(certificate_arn="arn", security_policy="TLS_V1"),
    )
    await store.add_domain(own)
    pool = await store.load_pool(POOL.id)
    assert pool is not None

    assert (pool.domain, pool.custom_domain) == ("p", "id.example.org")
    assert await store.load_domain("id.example.org") == own


async def test_changes_replace(store: PoolStore) -> None:
    changed = replace(USER, status=UserStatus.CONFIRMED, attributes={"sub": "s"})
    await store.save_user(changed)
    renamed = replace(CLIENT, name="d", settings=ClientSettings())
    assert await store.change_client(CLIENT.id, lambda c: (renamed, c)) == CLIENT
    assert await store.change_client("no", lambda c: (c, c)) is None
    await store.save_pool(replace(POOL, name="two"))

    assert await store.load_user(**NAMES) == changed
    assert await store.load_client(CLIENT.id) == renamed
    assert await store.load_pool(POOL.id) == replace(POOL, name="two")


async def test_listings_go_on_after_a_name(store: PoolStore) -> None:
    other = replace(USER, username="v", sub="t", login_key="b")
    await store.add_user(other)

    assert await store.list_users(pool_id=POOL.id, after="", limit=9) == (USER, other)
    assert await store.list_users(pool_id=POOL.id, after="u", limit=9) == (other,)
    assert await store.count_users(POOL.id) == 2
    assert await store.list_pools(region="eu-west-1", after="", limit=9) == (POOL,)
    assert await store.list_pools(region="eu-west", after="", limit=9) == ()
    assert await store.list_clients(pool_id=POOL.id, after="", limit=9) == (CLIENT,)
    assert await store.list_clients(pool_id=POOL.id, after="z", limit=9) == ()


@pytest.mark.spec("RFC6749#4.1.2")
async def test_of_many_takers_of_a_code_one_is_first(store: PoolStore) -> None:
    await store.add_grant(GRANT, CODE)
    taken = await asyncio.gather(*(store.take_code("h") for _ in range(10)))

    assert sum(t is not None and t.first for t in taken) == 1
    assert all(t is not None and t.code == CODE and t.grant == GRANT for t in taken)


async def test_attempts_are_counted_one_by_one(store: PoolStore) -> None:
    def count(before: Attempts) -> tuple[Attempts, int]:
        return replace(before, failures=before.failures + 1), before.failures + 1

    seen = await asyncio.gather(
        *(store.update_attempts(**NAMES, rule=count) for _ in range(10))
    )

    assert sorted(seen) == list(range(1, 11))


async def test_codes_are_kept_per_kind(store: PoolStore) -> None:
    def keep(before: MailedCode) -> tuple[MailedCode, MailedCode]:
        return replace(before, mac=b"m", tries=before.tries + 1), before

    first = await store.update_code(**NAMES, kind=CodeKind.RESET, rule=keep)
    second = await store.update_code(**NAMES, kind=CodeKind.RESET, rule=keep)
    other = await store.update_code(**NAMES, kind=CodeKind.CONFIRM, rule=keep)

    assert (first, second, other) == (
        MailedCode(),
        MailedCode(mac=b"m", tries=1),
        MailedCode(),
    )


async def test_a_grant_is_revoked_and_no_other(store: PoolStore) -> None:
    await store.add_grant(GRANT, None)
    await store.add_grant(replace(GRANT, id="h"), None)
    await store.revoke_grant("g")

    assert await store.load_grant("g") == replace(GRANT, revoked=True)
    assert await store.load_grant("h") == replace(GRANT, id="h")


async def test_what_ended_long_ago_is_forgotten_and_nothing_else(
    store: PoolStore,
) -> None:
    await store.add_grant(GRANT, CODE)
    token = RefreshToken(token_hash="t", grant_id="g", expires_at=1000)
    session = HostedSession(
        id_hash="i", pool_id=POOL.id, username="u", auth_time=1, expires_at=500
    )
    await store.add_refresh_token(token)
    await store.add_hosted_session(session)
    await store.delete_expired(86400 + 499)

    assert await store.take_code("h") is None
    assert await store.load_hosted_session("i") == session
    assert await store.load_refresh_token("t") == token

    await store.delete_hosted_session("i")

    assert await store.load_hosted_session("i") is None


async def test_a_broken_database_is_unavailable_not_empty(
    empty_database_url: str,
) -> None:
    async with open_store(empty_database_url) as store:
        other = Database(empty_database_url)
        async with other.writing() as db:
            await db.execute(text("DROP TABLE hosted_sessions"))
        await other.close()
        with pytest.raises(StoreUnavailable):
            await store.load_hosted_session("x")


async def test_what_belongs_to_nobody_is_not_said_to_be_taken(store: PoolStore) -> None:
    with pytest.raises(StoreUnavailable):
        await store.add_grant(replace(GRANT, username="no"), None)


async def test_errors_hold_no_values(store: PoolStore) -> None:
    with pytest.raises(AlreadyExists) as taken:
        await store.add_user(replace(USER, username="v", sub="t"))
    stranger = replace(GRANT, username=USER.login_key)
    with pytest.raises(StoreUnavailable) as failed:
        await store.add_grant(stranger, None)

    for caught in (taken, failed):
        assert USER.login_key not in "".join(traceback.format_exception(caught.value))


async def test_a_store_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        async with open_store(f"sqlite:///{tmp_path}/no/such/folder/pool.db"):
            pass


async def test_a_store_opens_again_with_what_it_held(database_url: str) -> None:
    async with open_store(database_url) as store:
        await store.add_pool(POOL, ())
    async with open_store(database_url) as store:
        assert await store.load_pool(POOL.id) == POOL


async def test_two_nodes_migrate_an_empty_database_at_once(
    empty_database_url: str,
) -> None:
    async def start(name: str) -> None:
        async with open_store(empty_database_url) as store:
            await store.add_pool(replace(POOL, id=name, name=name), ())

    await asyncio.gather(start("a_1"), start("b_1"), start("c_1"))
    async with open_store(empty_database_url) as store:
        found = await store.list_pools(region="b", after="", limit=9)

    assert [pool.name for pool in found] == ["b_1"]


async def test_two_nodes_count_together(store: PoolStore, database_url: str) -> None:
    def attempt(before: Attempts) -> tuple[Attempts, int]:
        return replace(before, failures=before.failures + 1), before.failures

    def send(before: MailedCode) -> tuple[MailedCode, int]:
        return replace(before, sends=before.sends + 1), before.sends

    async with open_store(database_url) as other:
        both = (store, other) * 10
        attempts = await asyncio.gather(
            *(s.update_attempts(**NAMES, rule=attempt) for s in both)
        )
        sends = await asyncio.gather(
            *(s.update_code(**NAMES, kind=CodeKind.CONFIRM, rule=send) for s in both)
        )

    assert sorted(attempts) == list(range(20))
    assert sorted(sends) == list(range(20))


@pytest.mark.spec("RFC6749#4.1.2")
async def test_of_two_nodes_one_is_first_with_a_code(
    store: PoolStore, database_url: str
) -> None:
    await store.add_grant(GRANT, CODE)
    async with open_store(database_url) as other:
        taken = await asyncio.gather(*(s.take_code("h") for s in (store, other) * 5))

    assert sum(t is not None and t.first for t in taken) == 1


async def test_the_migrations_make_exactly_the_tables(empty_database_url: str) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection)
        found: list[object] = compare_metadata(context, METADATA)
        return found

    async with open_store(empty_database_url):
        pass
    database = Database(empty_database_url)
    async with database.reading() as db:
        found = await db.run_sync(differences)
    await database.close()

    assert found == []


@pytest.mark.parametrize(("grace_s", "expected"), [(0, 1), (10, 5)])
async def test_a_refresh_token_is_rotated_once_and_in_the_grace_period(
    store: PoolStore, grace_s: int, expected: int
) -> None:
    await store.add_grant(GRANT, None)
    old = RefreshToken(token_hash="old", grant_id=GRANT.id, expires_at=900)
    await store.add_refresh_token(old)

    async def rotate(name: str, now: float) -> bool:
        return await store.rotate_refresh_token(
            "old", replace(old, token_hash=name), now=now, grace_s=grace_s
        )

    told = await asyncio.gather(*(rotate(f"new-{n}", 100) for n in range(5)))
    late = await rotate("late", 111)
    there = [await store.load_refresh_token(f"new-{n}") for n in range(5)]

    assert sum(told) == expected
    assert [found is not None for found in there] == told
    assert late is False
    assert await store.load_refresh_token("late") is None
