"""Alembic's entry point: runs revisions on the connection and in the transaction that `broker.storage.migrate` passes
in."""

from alembic import context

from broker.storage.tables.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    transaction_per_migration=False,
)
context.run_migrations()
