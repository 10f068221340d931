"""Alembic's entry: migrations run on the connection that `migrate.upgrade` hands over."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=None,
    version_table="alembic_version",
    version_table_schema="signalbox",
)
with context.begin_transaction():
    context.run_migrations()
