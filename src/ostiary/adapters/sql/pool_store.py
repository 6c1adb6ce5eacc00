"""
User pools in an SQL database.

`open_store` applies the migrations and answers a store that many tasks may share.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from sqlalchemy import Select, and_, delete, insert, select, text, update

from ostiary.adapters.sql import rows
from ostiary.adapters.sql.dialects import insert_if_absent
from ostiary.adapters.sql.dumps import dump_tables, restore_tables
from ostiary.adapters.sql.engine import Database
from ostiary.adapters.sql.record_tables import RecordTables
from ostiary.adapters.sql.tables import (
    AUTHORIZATION_CODES,
    CHALLENGES,
    CLIENTS,
    DOMAINS,
    GRANTS,
    HOSTED_SESSIONS,
    POOL_KEYS,
    POOLS,
    RECORDS,
    REFRESH_TOKENS,
)
from ostiary.adapters.sql.user_tables import UserTables
from ostiary.model.pool import (
    RECORDS_OF_CLIENTS,
    AuthorizationCode,
    ChallengeUse,
    Grant,
    HostedSession,
    Pool,
    PoolClient,
    PoolDomain,
    RefreshToken,
    SealedKey,
)
from ostiary.ports.pool_store import TakenCode

T = TypeVar("T")
_KEPT_AFTER_EXPIRY_S = 86400


def _select_pool() -> Select[tuple[object, ...]]:
    prefix, custom = DOMAINS.alias("prefix_domains"), DOMAINS.alias("custom_domains")
    joined = POOLS.outerjoin(
        prefix, and_(prefix.c.pool_id == POOLS.c.id, prefix.c.is_custom.is_(False))
    ).outerjoin(
        custom, and_(custom.c.pool_id == POOLS.c.id, custom.c.is_custom.is_(True))
    )
    columns = (*POOLS.c, prefix.c.prefix, custom.c.prefix.label("custom_domain"))
    return select(*columns).select_from(joined)


# Made once: to make it takes longer than to ask it.
_POOL: Final = _select_pool()


class SqlPoolStore(UserTables, RecordTables):
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

    async def delete_pool(self, pool_id: str) -> None:
        async with self._database.writing() as db:
            await db.execute(delete(POOLS).where(POOLS.c.id == pool_id))

    async def load_pool(self, pool_id: str) -> Pool | None:
        async with self._database.reading() as db:
            found = await db.execute(_POOL.where(POOLS.c.id == pool_id))
            row = found.mappings().first()
        return rows.read_pool(row) if row else None

    async def list_pools(
        self, *, region: str, after: str, limit: int
    ) -> tuple[Pool, ...]:
        wanted = POOLS.c.id.startswith(f"{region}_", autoescape=True)
        query = _POOL.where(wanted, POOLS.c.id > after).order_by(POOLS.c.id)
        async with self._database.reading() as db:
            found = (await db.execute(query.limit(limit))).mappings().all()
        return tuple(map(rows.read_pool, found))

    async def replace_keys(self, pool_id: str, keys: tuple[SealedKey, ...]) -> None:
        async with self._database.writing() as db:
            await db.execute(delete(POOL_KEYS).where(POOL_KEYS.c.pool_id == pool_id))
            for key in keys:
                await db.execute(insert(POOL_KEYS).values(rows.key_values(key)))

    async def load_keys(self, pool_id: str) -> tuple[SealedKey, ...]:
        query = select(POOL_KEYS).where(POOL_KEYS.c.pool_id == pool_id)
        async with self._database.reading() as db:
            found = (await db.execute(query)).mappings().all()
        return tuple(map(rows.read_key, found))

    # Clients and domains

    async def add_client(self, client: PoolClient) -> None:
        async with self._database.writing() as db:
            await db.execute(insert(CLIENTS).values(rows.client_values(client)))

    async def change_client(
        self, client_id: str, rule: Callable[[PoolClient], tuple[PoolClient, T]]
    ) -> T | None:
        wanted = CLIENTS.c.id == client_id
        async with self._database.writing() as db:
            found = await db.execute(select(CLIENTS).where(wanted).with_for_update())
            row = found.mappings().first()
            if row is None:
                return None
            after, answer = rule(rows.read_client(row))
            values = rows.client_values(after)
            await db.execute(update(CLIENTS).where(wanted).values(values))
        return answer

    async def delete_client(self, client: PoolClient) -> None:
        kinds = [kind.value for kind in RECORDS_OF_CLIENTS]
        async with self._database.writing() as db:
            await db.execute(
                delete(RECORDS).where(
                    RECORDS.c.pool_id == client.pool_id,
                    RECORDS.c.owner == client.id,
                    RECORDS.c.kind.in_(kinds),
                )
            )
            await db.execute(delete(CLIENTS).where(CLIENTS.c.id == client.id))

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

    async def save_domain(self, domain: PoolDomain) -> None:
        async with self._database.writing() as db:
            await db.execute(
                update(DOMAINS)
                .where(DOMAINS.c.prefix == domain.prefix)
                .values(rows.domain_values(domain))
            )

    async def delete_domain(self, prefix: str) -> None:
        async with self._database.writing() as db:
            await db.execute(delete(DOMAINS).where(DOMAINS.c.prefix == prefix))

    async def load_domain(self, prefix: str) -> PoolDomain | None:
        query = select(DOMAINS).where(DOMAINS.c.prefix == prefix)
        async with self._database.reading() as db:
            row = (await db.execute(query)).mappings().first()
        return rows.read_domain(row) if row else None

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

    async def revoke_grants(self, *, pool_id: str, username: str) -> None:
        async with self._database.writing() as db:
            await db.execute(
                update(GRANTS)
                .where(GRANTS.c.pool_id == pool_id, GRANTS.c.username == username)
                .values(revoked=True)
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
        values = rows.refresh_token_values(token)
        async with self._database.writing() as db:
            await db.execute(insert(REFRESH_TOKENS).values(values))

    async def rotate_refresh_token(
        self, token_hash: str, fresh: RefreshToken, *, now: float, grace_s: float
    ) -> bool:
        tokens = REFRESH_TOKENS
        async with self._database.writing() as db:
            marked = await db.execute(
                update(tokens)
                .where(tokens.c.token_hash == token_hash, tokens.c.rotated_at.is_(None))
                .values(rotated_at=now)
            )
            if marked.rowcount != 1:
                query = select(tokens.c.rotated_at)
                found = await db.execute(query.where(tokens.c.token_hash == token_hash))
                rotated_at = found.scalar_one_or_none()
                # Without a grace period the second is late, whatever its clock says.
                if not grace_s or rotated_at is None or now > rotated_at + grace_s:
                    return False
            values = rows.refresh_token_values(fresh)
            await db.execute(insert(tokens).values(values))
            return True

    async def load_refresh_token(self, token_hash: str) -> RefreshToken | None:
        query = select(REFRESH_TOKENS).where(REFRESH_TOKENS.c.token_hash == token_hash)
        async with self._database.reading() as db:
            row = (await db.execute(query)).mappings().first()
        return RefreshToken(**row) if row else None

    # Challenges and hosted sessions

    async def use_challenge(
        self,
        id_hash: str,
        *,
        expires_at: float,
        rule: Callable[[ChallengeUse], tuple[ChallengeUse, T]],
    ) -> T:
        wanted = CHALLENGES.c.id_hash == id_hash
        fresh = {
            "id_hash": id_hash,
            "tries": 0,
            "spent": False,
            "expires_at": expires_at,
        }
        async with self._database.writing() as db:
            await insert_if_absent(db, CHALLENGES, fresh)
            found = await db.execute(select(CHALLENGES).where(wanted).with_for_update())
            after, answer = rule(rows.read_challenge(found.mappings().one()))
            values = {"tries": after.tries, "spent": after.spent}
            await db.execute(update(CHALLENGES).where(wanted).values(values))
        return answer

    async def load_challenge(self, id_hash: str) -> ChallengeUse:
        query = select(CHALLENGES).where(CHALLENGES.c.id_hash == id_hash)
        async with self._database.reading() as db:
            row = (await db.execute(query)).mappings().first()
        return rows.read_challenge(row) if row else ChallengeUse()

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

    async def dump(self) -> dict[str, Any]:  # Any: JSON
        async with self._database.reading() as db:
            return await dump_tables(db)

    async def restore(self, data: Mapping[str, Any]) -> None:  # Any: JSON
        async with self._database.writing() as db:
            await restore_tables(db, data)

    async def delete_expired(self, now: float) -> None:
        ended = now - _KEPT_AFTER_EXPIRY_S
        async with self._database.writing() as db:
            for table in (
                AUTHORIZATION_CODES,
                REFRESH_TOKENS,
                HOSTED_SESSIONS,
                CHALLENGES,
            ):
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
