"""A database of an earlier version comes along with what it holds."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, LargeBinary, bindparam, text

from ostiary.adapters.sql.engine import Database
from ostiary.adapters.sql.pool_store import open_store
from ostiary.model.pool import SealedSecret


def _make_first(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", "ostiary.adapters.sql:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "0001")
    connection.execute(text("INSERT INTO pools VALUES ('r_a', 'a', '{}', 1, 1)"))
    connection.execute(
        text(
            "INSERT INTO clients (id, pool_id, name, settings, sealed_secret, created_at,"
            " modified_at) VALUES ('c', 'r_a', 'c', '{}', :sealed, 7.5, 7.5),"
            " ('public', 'r_a', 'p', '{}', NULL, 7.5, 7.5)"
        ).bindparams(bindparam("sealed", b"\0sealed", LargeBinary))
    )
    connection.execute(text("INSERT INTO domains VALUES ('demo', 'r_a', 1, 1)"))


async def test_secrets_and_domains_of_the_first_version_stay(
    empty_database_url: str,
) -> None:
    database = Database(empty_database_url)
    async with database.writing() as db:
        await db.run_sync(_make_first)
    await database.close()

    async with open_store(empty_database_url) as store:
        pool = await store.load_pool("r_a")
        client = await store.load_client("c")
        public = await store.load_client("public")

    assert pool is not None
    assert (pool.domain, pool.custom_domain) == ("demo", None)
    assert client is not None
    assert client.secrets == (
        SealedSecret(id="c--7", created_at=7.5, sealed=b"\0sealed"),
    )
    assert public is not None
    assert public.secrets == ()
