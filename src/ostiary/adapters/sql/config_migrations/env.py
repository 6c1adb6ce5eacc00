"""Runs the steps on the connection that the store hands over, inside its transaction."""

from alembic import context

from ostiary.adapters.sql.config_tables import METADATA, VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=True,
    # Of its own: a database may hold the user pools as well.
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
