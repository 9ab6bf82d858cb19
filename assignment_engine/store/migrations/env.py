"""Runs migrations on the connection that the caller gives, in the caller's transaction."""

from alembic import context

from assignment_engine.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
