"""
PostgreSQL through asyncpg: how connections are made, and which of them are still alive.

URLs are libpq's and asyncpg reads them itself: `sslmode`, several hosts and
`target_session_attrs` mean what they mean everywhere. Must not let a value of a row or a part
of the URL into an error: the server quotes values, the driver parts of URLs.
"""

from __future__ import annotations

import ssl
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ostiary.ports.pool_store import StoreUnavailable

SCHEMES: Final = ("postgresql", "postgres", "postgresql+asyncpg")
# What is read is of one moment, as on SQLite, and cannot fail for what others write meanwhile.
READING: Final = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
# A statement sees what was committed before it, so what follows a lock is the newest; nothing
# has to be tried again. Said here because a role or database may have another default.
WRITING: Final = {"isolation_level": "READ COMMITTED"}
# What the driver raises while connecting, where SQLAlchemy does not translate yet.
ERRORS: Final = (asyncpg.PostgresError, asyncpg.InterfaceError)
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_CONNECT_WITHIN_S: Final = 10.0
# "Ostiary!" in ASCII: nobody else's number in a database that others use as well.
_MIGRATING: Final = int.from_bytes(b"Ostiary!")


def _is_local(host: str) -> bool:
    return host.startswith("/") or urlsplit(f"//{host}").hostname in _LOCAL


def has_to_prove_itself(url: str) -> bool:
    """
    Whether the server at `url` must show a certificate that the system's list vouches for.

    libpq takes whoever answers where `sslmode` is not said: who is on the way would be told
    the password. So a server elsewhere is verified unless the URL says how it is to be.

    Raises:
        ValueError: It is no URL.
    """
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    _, at, after = parts.netloc.partition("@")
    named = unquote(after if at else parts.netloc) or query.get("host", [""])[-1]
    return "sslmode" not in query and not all(map(_is_local, named.split(",")))


def _unreadable() -> StoreUnavailable:
    # Raised from nothing: texts quote what they could not read, such as half a password.
    return StoreUnavailable("the database's URL cannot be read, or its user not told")


def build_engine(url: str, *, within_s: float) -> AsyncEngine:
    """
    An engine for a libpq URL.

    Args:
        within_s: seconds after which a command, or waiting for one of the pool's
            connections, is given up.
    """
    dsn = f"postgresql://{url.partition('://')[2]}"
    try:
        proof = has_to_prove_itself(url)
    except ValueError:
        raise _unreadable() from None
    # Made once: reading the system's list takes some 20 ms.
    tls = {"ssl": ssl.create_default_context()} if proof else {}

    async def connect() -> Any:  # Any: the driver has no types
        try:
            return await asyncpg.connect(
                dsn,
                timeout=min(within_s, _CONNECT_WITHIN_S),
                command_timeout=within_s,
                **tls,
            )
        except OSError:  # a certificate that fails is a ValueError as well
            raise
        except ValueError:
            raise _unreadable() from None

    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        hide_parameters=True,
        pool_timeout=within_s,
    )
    _drop_dead_connections(engine)
    _look_for_nobody(engine)
    return engine


def _drop_dead_connections(engine: AsyncEngine) -> None:
    # The event loop has told the driver already when a server closed its end, so looking
    # costs nothing; SQLAlchemy's pre-ping would be three round trips per transaction.
    @event.listens_for(engine.sync_engine, "checkout")
    def _taken(connection: Any, _record: object, _proxy: object) -> None:
        if connection.driver_connection.is_closed():
            raise DisconnectionError


def _look_for_nobody(engine: AsyncEngine) -> None:
    # PostgreSQL refuses NUL in a text, SQLite looks for it and finds nothing. Without this a
    # NUL in a client id or a name is an outage of the database to whoever reads the log.
    # What is to be kept stays as it is, and is refused.
    @event.listens_for(engine.sync_engine, "before_cursor_execute", retval=True)
    def _asked(
        _connection: object, _cursor: object, statement: str, given: Any, context: Any, many: object,
    ) -> tuple[str, Any]:  # fmt: skip
        if not (many or context.isinsert or context.isupdate):
            given = tuple(map(_without_nul, given))
        return statement, given


def _without_nul(value: object) -> object:
    # Not a character, so in no name; Unicode keeps it free for such uses.
    return value.replace("\0", "\uffff") if isinstance(value, str) else value


def wait_for_migrations(connection: Connection) -> None:
    """Until the transaction ends, nobody else migrates this database."""
    connection.execute(
        text("SELECT pg_advisory_xact_lock(:number)"), {"number": _MIGRATING}
    )
