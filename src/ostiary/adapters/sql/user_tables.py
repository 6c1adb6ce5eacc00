"""People of pools: who they are, what else they are called, their counters and codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    Select,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from ostiary.adapters.sql import rows
from ostiary.adapters.sql.dialects import json_text
from ostiary.adapters.sql.engine import Database
from ostiary.adapters.sql.tables import ALIASES, CODES, POOLS, RECORDS, USERS
from ostiary.model.pool import (
    RECORDS_OF_USERS,
    Attempts,
    CodeKind,
    MailedCode,
    User,
)
from ostiary.ports.pool_store import AlreadyExists, UserFilter

T = TypeVar("T")
_ENABLED: Final = {"Enabled": True, "Disabled": False}


class UserTables:
    """The part of the pool store that is about users."""

    _database: Database

    async def add_user(self, user: User) -> None:
        values = {**rows.user_values(user), **rows.attempts_values(Attempts())}
        async with self._database.writing() as db:
            await db.execute(insert(USERS).values(values))
            await _save_names(db, user)

    async def save_user(self, user: User) -> None:
        async with self._database.writing() as db:
            await _save(db, user)

    async def change_user(
        self, *, pool_id: str, username: str, rule: Callable[[User], tuple[User, T]]
    ) -> T | None:
        wanted = (USERS.c.pool_id == pool_id, USERS.c.username == username)
        async with self._database.writing() as db:
            # Locked first, read then: the aliases are another table's.
            await db.execute(select(USERS.c.username).where(*wanted).with_for_update())
            before = await _first(db, select(USERS).where(*wanted))
            if before is None:
                return None
            after, answer = rule(before)
            if after != before:
                await _save(db, after)
        return answer

    async def delete_user(self, *, pool_id: str, username: str) -> bool:
        kinds = [kind.value for kind in RECORDS_OF_USERS]
        wanted = (USERS.c.pool_id == pool_id, USERS.c.username == username)
        async with self._database.writing() as db:
            # First the user, as everybody locks: two in another order would wait for each other.
            await db.execute(select(USERS.c.username).where(*wanted).with_for_update())
            await db.execute(
                delete(RECORDS).where(
                    RECORDS.c.pool_id == pool_id,
                    RECORDS.c.owner == username,
                    RECORDS.c.kind.in_(kinds),
                )
            )
            gone = await db.execute(delete(USERS).where(*wanted))
        return gone.rowcount > 0

    async def load_user(self, *, pool_id: str, username: str) -> User | None:
        query = select(USERS).where(
            USERS.c.pool_id == pool_id, USERS.c.username == username
        )
        async with self._database.reading() as db:
            return await _first(db, query)

    async def find_user(self, *, pool_id: str, login_key: str) -> User | None:
        by_key = select(USERS).where(
            USERS.c.pool_id == pool_id, USERS.c.login_key == login_key
        )
        by_alias = (
            select(USERS)
            .join(ALIASES)
            .where(ALIASES.c.pool_id == pool_id, ALIASES.c.alias == login_key)
        )
        async with self._database.reading() as db:
            # One after the other: with OR neither database uses an index. Both are always asked,
            # so that a stranger's name takes as long as a user's.
            named = (await db.execute(by_key)).mappings().first()
            aliased = (await db.execute(by_alias)).mappings().first()
            return await _read_user(db, named or aliased)

    async def list_users(
        self,
        *,
        pool_id: str,
        after: str,
        limit: int,
        where: UserFilter | None = None,
    ) -> tuple[User, ...]:
        wanted = [USERS.c.pool_id == pool_id, USERS.c.username > after]
        query = select(USERS).order_by(USERS.c.username).limit(limit)
        async with self._database.reading() as db:
            if where is not None:
                wanted.append(_matches(db, where))
            query = query.where(*wanted)
            found = (await db.execute(query)).mappings().all()
            names = [row["username"] for row in found]
            aliases = await _aliases(db, pool_id, names)
        return tuple(rows.read_user(r, aliases.get(r["username"], ())) for r in found)

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
        holder = (USERS.c.pool_id == pool_id, USERS.c.username == username)
        async with self._database.writing() as db:
            # The user's row is the lock: a code that is not there yet has none.
            await db.execute(select(USERS.c.username).where(*holder).with_for_update())
            found = await db.execute(select(CODES).where(*wanted))
            row = found.mappings().first()
            before = rows.read_code(row) if row else MailedCode()
            after, answer = rule(before)
            values = rows.code_values(after)
            if row is not None:
                await db.execute(update(CODES).where(*wanted).values(values))
            elif after != before:
                await db.execute(insert(CODES).values({**names, **values}))
        return answer


def _matches(db: AsyncConnection, where: UserFilter) -> ColumnElement[bool]:
    value: Any = where.value  # Any: what a column may hold
    match where.field:
        case "username":
            column: ColumnElement[Any] = USERS.c.username
        case "sub":
            column = USERS.c.sub
        case "cognito:user_status":
            column = USERS.c.status
        case "status":
            hits = [
                enabled
                for word, enabled in _ENABLED.items()
                if (word.startswith(value) if where.is_prefix else word == value)
            ]
            return USERS.c.enabled.in_(hits)
        case name:
            column = json_text(db, USERS.c.attributes, name)
    # Not LIKE, which folds case on SQLite and reads wildcards.
    read = func.substr(column, 1, len(value)) if where.is_prefix else column
    hit: ColumnElement[bool] = read == value
    return hit


async def _first(db: AsyncConnection, query: Select[tuple[object, ...]]) -> User | None:
    return await _read_user(db, (await db.execute(query)).mappings().first())


async def _read_user(db: AsyncConnection, row: RowMapping | None) -> User | None:
    # Aliases are asked for in any case: what is not there takes as long as what is.
    pool_id, username = (row["pool_id"], row["username"]) if row else ("", "")
    aliases = await _aliases(db, pool_id, [username])
    return rows.read_user(row, aliases.get(username, ())) if row else None


async def _aliases(
    db: AsyncConnection, pool_id: str, usernames: list[str]
) -> dict[str, tuple[str, ...]]:
    if not usernames:
        return {}
    query = (
        select(ALIASES.c.username, ALIASES.c.alias)
        .where(ALIASES.c.pool_id == pool_id, ALIASES.c.username.in_(usernames))
        .order_by(ALIASES.c.alias)
    )
    found: dict[str, tuple[str, ...]] = {}
    for username, alias in (await db.execute(query)).all():
        found[username] = (*found.get(username, ()), alias)
    return found


async def _save(db: AsyncConnection, user: User) -> None:
    wanted = (USERS.c.pool_id == user.pool_id, USERS.c.username == user.username)
    await db.execute(update(USERS).where(*wanted).values(rows.user_values(user)))
    await _save_names(db, user)


async def _save_names(db: AsyncConnection, user: User) -> None:
    """Replace a user's aliases; no name may mean two users."""
    mine = (ALIASES.c.pool_id == user.pool_id, ALIASES.c.username == user.username)
    others = USERS.c.pool_id == user.pool_id, USERS.c.username != user.username
    # Names stand in two tables: who gives some to a user has the pool for itself.
    await db.execute(
        select(POOLS.c.id)
        .where(POOLS.c.id == user.pool_id)
        .with_for_update(key_share=True)
    )
    await db.execute(delete(ALIASES).where(*mine))
    taken = await db.execute(
        select(USERS.c.username).where(*others, USERS.c.login_key.in_(user.aliases))
    )
    taken_by_alias = await db.execute(
        select(ALIASES.c.username).where(
            ALIASES.c.pool_id == user.pool_id, ALIASES.c.alias == user.login_key
        )
    )
    if taken.first() is not None or taken_by_alias.first() is not None:
        raise AlreadyExists("a sign-in name is taken")
    for alias in user.aliases:
        values = {"pool_id": user.pool_id, "username": user.username, "alias": alias}
        await db.execute(insert(ALIASES).values(values))
