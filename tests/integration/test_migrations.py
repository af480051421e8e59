"""The database is what `ledger.store.tables` says, and refuses what an append-only table must."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from ledger.bootstrap import Node
from ledger.store import (  # noqa: F401 -- they add their tables to the metadata
    query_tables,
    subscription_tables,
)
from ledger.store.database import migrate
from ledger.store.tables import APPEND_ONLY, metadata
from ledger.worker import Worker

pytestmark = pytest.mark.db


def test_tables_are_what_the_migrations_make(node: Node) -> None:
    with node.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_migrating_again_changes_nothing(node: Node) -> None:
    migrate(node.engine)
    with node.engine.connect() as connection:
        versions = connection.scalars(text("SELECT version_num FROM alembic_version")).all()
    assert len(versions) == 1


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("verb", ["UPDATE", "DELETE", "TRUNCATE"])
def test_the_database_refuses_to_change_what_is_append_only(
    node: Node, table: str, verb: str
) -> None:
    column = next(iter(metadata.tables[table].columns)).name
    statement = {
        "UPDATE": f"UPDATE {table} SET {column} = {column}",  # noqa: S608
        "DELETE": f"DELETE FROM {table}",  # noqa: S608
        "TRUNCATE": f"TRUNCATE {table} CASCADE",
    }[verb]
    with pytest.raises(DBAPIError, match="append-only"), node.engine.begin() as connection:
        connection.execute(text(statement))


def test_a_tile_only_grows(node: Node, worker: Worker) -> None:
    worker.turn()
    with pytest.raises(DBAPIError, match="may only grow"), node.engine.begin() as connection:
        connection.execute(text("UPDATE tiles SET hashes = sha256('x')"))


def test_one_entry_stands_once_and_one_head_a_size(node: Node, worker: Worker) -> None:
    worker.turn()
    entries, heads = metadata.tables["log_entries"], metadata.tables["heads"]
    with node.engine.connect() as connection:
        entry = connection.execute(select(entries).limit(1)).one()._asdict()
        head = connection.execute(select(heads).limit(1)).one()._asdict()
    again = [
        (entries, {**entry, "log_index": 2**40}, "uq_log_entries_leaf_hash"),
        (heads, {**head, "root": bytes(32)}, "pk_heads"),
    ]
    for table, row, constraint in again:
        with pytest.raises(IntegrityError, match=constraint), node.engine.begin() as connection:
            connection.execute(table.insert(), row)
