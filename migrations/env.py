"""Alembic's entry. The connection, inside its transaction, comes from ``cfx_flow.store.migrate``."""

from alembic import context

from cfx_flow.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter a column in place
)
context.run_migrations()
