"""Alembic environment: runs inside the connection that `ledger.store.database` hands over."""

from alembic import context

from ledger.store import (  # noqa: F401 -- they add their tables to the metadata
    case_tables,
    custody_tables,
    erasure_tables,
    map_tables,
    query_tables,
    subscription_tables,
    token_tables,
)
from ledger.store.tables import metadata

connection = context.config.attributes.get("connection")
if connection is None:
    context.configure(url="postgresql://", target_metadata=metadata, literal_binds=True)
else:
    context.configure(connection=connection, target_metadata=metadata, compare_type=True)

with context.begin_transaction():
    context.run_migrations()
