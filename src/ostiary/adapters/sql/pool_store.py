"""
User pools in an SQL database.

`open_store` applies the migrations and answers a store that many tasks may share.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from sqlalchemy import Select, delete, func, insert, select, text, update

from ostiary.adapters.sql import rows
from ostiary.adapters.sql.engine import Database
from ostiary.adapters.sql.tables import (
    AUTHORIZATION_CODES,
    CLIENTS,
    CODES,
    DOMAINS,
    GRANTS,
    HOSTED_SESSIONS,
    POOL_KEYS,
    POOLS,
    REFRESH_TOKENS,
    USERS,
)
from ostiary.model.pool import (
    Attempts,
    AuthorizationCode,
    CodeKind,
    Grant,
    HostedSession,
    MailedCode,
    Pool,
    PoolClient,
    PoolDomain,
    RefreshToken,
    SealedKey,
    User,
)
from ostiary.ports.pool_store import TakenCode

T = TypeVar("T")
_KEPT_AFTER_EXPIRY_S = 86400


def _select_pool() -> Select[tuple[object, ...]]:
    return select(*POOLS.c, DOMAINS.c.prefix).select_from(POOLS.outerjoin(DOMAINS))


class SqlPoolStore:
    """The pool store port on a database. Made by `open_store`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ping(self) -> None:
        async with self._database.reading() as db:
            await db.execute(text("SELECT 1"))

    # Pools

    async def add_pool(self, pool: Pool, keys: tuple[SealedKey, ...]) -> None:
        async with self._database.writing() as db:
            await db.execute(insert(POOLS).values(rows.pool_values(pool)))
            for key in keys:
                await db.execute(insert(POOL_KEYS).values(rows.key_values(key)))

    async def save_pool(self, pool: Pool) -> None:
        async with self._database.writing() as db:
            await db.execute(
                update(POOLS)
                .where(POOLS.c.id == pool.id)
                .values(rows.pool_values(pool))
            )

    async def load_pool(self, pool_id: str) -> Pool | None:
        async with self._database.reading() as db:
            found = await db.execute(_select_pool().where(POOLS.c.id == pool_id))
            row = found.mappings().first()
        return rows.read_pool(row) if row else None

    async def list_pools(
        self, *, region: str, after: str, limit: int
    ) -> tuple[Pool, ...]:
        wanted = POOLS.c.id.startswith(f"{region}_", autoescape=True)
        query = _select_pool().where(wanted, POOLS.c.id > after).order_by(POOLS.c.id)
        async with self._database.reading() as db:
            found = (await db.execute(query.limit(limit))).mappings().all()
        return tuple(map(rows.read_pool, found))

    async def load_keys(self, pool_id: str) -> tuple[SealedKey, ...]:
        query = select(POOL_KEYS).where(POOL_KEYS.c.pool_id == pool_id)
        async with self._database.reading() as db:
            found = (await db.execute(query)).mappings().all()
        return tuple(map(rows.read_key, found))

    # Clients and domains

    async def add_client(self, client: PoolClient) -> None:
        async with self._database.writing() as db:
            await db.execute(insert(CLIENTS).values(rows.client_values(client)))

    async def save_client(self, client: PoolClient) -> None:
        async with self._database.writing() as db:
            await db.execute(
                update(CLIENTS)
                .where(CLIENTS.c.id == client.id)
                .values(rows.client_values(client))
            )

    async def load_client(self, client_id: str) -> PoolClient | None:
        query = select(CLIENTS).where(CLIENTS.c.id == client_id)
        async with self._database.reading() as db:
            row = (await db.execute(query)).mappings().first()
        return rows.read_client(row) if row else None

    async def list_clients(
        self, *, pool_id: str, after: str, limit: int
    ) -> tuple[PoolClient, ...]:
        query = (
            select(CLIENTS)
            .where(CLIENTS.c.pool_id == pool_id, CLIENTS.c.id > after)
            .order_by(CLIENTS.c.id)
            .limit(limit)
        )
        async with self._database.reading() as db:
            found = (await db.execute(query)).mappings().all()
        return tuple(map(rows.read_client, found))

    async def add_domain(self, domain: PoolDomain) -> None:
        async with self._database.writing() as db:
            await db.execute(insert(DOMAINS).values(rows.domain_values(domain)))

    async def load_domain(self, prefix: str) -> PoolDomain | None:
        query = select(DOMAINS).where(DOMAINS.c.prefix == prefix)
        async with self._database.reading() as db:
            row = (await db.execute(query)).mappings().first()
        return rows.read_domain(row) if row else None

    # Users

    async def add_user(self, user: User) -> None:
        values = {**rows.user_values(user), **rows.attempts_values(Attempts())}
        async with self._database.writing() as db:
            await db.execute(insert(USERS).values(values))

    async def save_user(self, user: User) -> None:
        query = update(USERS).where(
            USERS.c.pool_id == user.pool_id, USERS.c.username == user.username
        )
        async with self._database.writing() as db:
            await db.execute(query.values(rows.user_values(user)))

    async def load_user(self, *, pool_id: str, username: str) -> User | None:
        return await self._find_user(
            select(USERS).where(
                USERS.c.pool_id == pool_id, USERS.c.username == username
            )
        )

    async def find_user(self, *, pool_id: str, login_key: str) -> User | None:
        return await self._find_user(
            select(USERS).where(
                USERS.c.pool_id == pool_id, USERS.c.login_key == login_key
            )
        )

    async def _find_user(self, query: Select[tuple[object, ...]]) -> User | None:
        async with self._database.reading() as db:
            row = (await db.execute(query)).mappings().first()
        return rows.read_user(row) if row else None

    async def list_users(
        self, *, pool_id: str, after: str, limit: int
    ) -> tuple[User, ...]:
        query = (
            select(USERS)
            .where(USERS.c.pool_id == pool_id, USERS.c.username > after)
            .order_by(USERS.c.username)
            .limit(limit)
        )
        async with self._database.reading() as db:
            found = (await db.execute(query)).mappings().all()
        return tuple(map(rows.read_user, found))

    async def count_users(self, pool_id: str) -> int:
        query = (
            select(func.count()).select_from(USERS).where(USERS.c.pool_id == pool_id)
        )
        async with self._database.reading() as db:
            return (await db.execute(query)).scalar_one()

    async def update_attempts(
        self,
        *,
        pool_id: str,
        username: str,
        rule: Callable[[Attempts], tuple[Attempts, T]],
    ) -> T:
        wanted = (USERS.c.pool_id == pool_id, USERS.c.username == username)
        async with self._database.writing() as db:
            found = await db.execute(select(USERS).where(*wanted).with_for_update())
            row = found.mappings().first()
            before = rows.read_attempts(row) if row else Attempts()
            after, answer = rule(before)
            if after != before:
                values = rows.attempts_values(after)
                await db.execute(update(USERS).where(*wanted).values(values))
        return answer

    async def update_code(
        self,
        *,
        pool_id: str,
        username: str,
        kind: CodeKind,
        rule: Callable[[MailedCode], tuple[MailedCode, T]],
    ) -> T:
        names = {"pool_id": pool_id, "username": username, "kind": kind.value}
        wanted = tuple(CODES.c[name] == value for name, value in names.items())
        async with self._database.writing() as db:
            found = await db.execute(select(CODES).where(*wanted).with_for_update())
            row = found.mappings().first()
            before = rows.read_code(row) if row else MailedCode()
            after, answer = rule(before)
            values = rows.code_values(after)
            if row is not None:
                await db.execute(update(CODES).where(*wanted).values(values))
            elif after != before:
                await db.execute(insert(CODES).values({**names, **values}))
        return answer

    # Grants, codes, tokens

    async def add_grant(self, grant: Grant, code: AuthorizationCode | None) -> None:
        async with self._database.writing() as db:
            await db.execute(insert(GRANTS).values(rows.grant_values(grant)))
            if code is not None:
                values = rows.authorization_code_values(code)
                await db.execute(insert(AUTHORIZATION_CODES).values(values))

    async def load_grant(self, grant_id: str) -> Grant | None:
        query = select(GRANTS).where(GRANTS.c.id == grant_id)
        async with self._database.reading() as db:
            row = (await db.execute(query)).mappings().first()
        return rows.read_grant(row) if row else None

    async def revoke_grant(self, grant_id: str) -> None:
        async with self._database.writing() as db:
            await db.execute(
                update(GRANTS).where(GRANTS.c.id == grant_id).values(revoked=True)
            )

    async def take_code(self, code_hash: str) -> TakenCode | None:
        codes = AUTHORIZATION_CODES
        async with self._database.writing() as db:
            took = await db.execute(
                update(codes)
                .where(codes.c.code_hash == code_hash, codes.c.used == 0)
                .values(used=1)
            )
            found = await db.execute(
                select(codes).where(codes.c.code_hash == code_hash)
            )
            row = found.mappings().first()
            if row is None:
                return None
            code = rows.read_authorization_code(row)
            grant = await db.execute(select(GRANTS).where(GRANTS.c.id == code.grant_id))
            return TakenCode(
                code=code,
                grant=rows.read_grant(grant.mappings().one()),
                first=took.rowcount == 1,
            )

    async def add_refresh_token(self, token: RefreshToken) -> None:
        values = {
            "token_hash": token.token_hash,
            "grant_id": token.grant_id,
            "expires_at": token.expires_at,
        }
        async with self._database.writing() as db:
            await db.execute(insert(REFRESH_TOKENS).values(values))

    async def load_refresh_token(self, token_hash: str) -> RefreshToken | None:
        query = select(REFRESH_TOKENS).where(REFRESH_TOKENS.c.token_hash == token_hash)
        async with self._database.reading() as db:
            row = (await db.execute(query)).mappings().first()
        return RefreshToken(**row) if row else None

    # Hosted sessions

    async def add_hosted_session(self, session: HostedSession) -> None:
        async with self._database.writing() as db:
            values = rows.session_values(session)
            await db.execute(insert(HOSTED_SESSIONS).values(values))

    async def load_hosted_session(self, id_hash: str) -> HostedSession | None:
        query = select(HOSTED_SESSIONS).where(HOSTED_SESSIONS.c.id_hash == id_hash)
        async with self._database.reading() as db:
            row = (await db.execute(query)).mappings().first()
        return rows.read_session(row) if row else None

    async def delete_hosted_session(self, id_hash: str) -> None:
        async with self._database.writing() as db:
            await db.execute(
                delete(HOSTED_SESSIONS).where(HOSTED_SESSIONS.c.id_hash == id_hash)
            )

    async def delete_expired(self, now: float) -> None:
        ended = now - _KEPT_AFTER_EXPIRY_S
        async with self._database.writing() as db:
            for table in (AUTHORIZATION_CODES, REFRESH_TOKENS, HOSTED_SESSIONS):
                await db.execute(delete(table).where(table.c.expires_at < ended))


@asynccontextmanager
async def open_store(url: str) -> AsyncIterator[SqlPoolStore]:
    """
    A store on the database at `url`, with its schema brought up to date.

    Args:
        url: `sqlite:////absolute/path` or any SQLAlchemy URL with an async driver.

    Raises:
        StoreUnavailable: The database cannot be opened or migrated.
    """
    database = Database(url)
    try:
        await database.upgrade()
        yield SqlPoolStore(database)
    finally:
        await database.close()
