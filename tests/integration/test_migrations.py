"""The database is what `ledger.store.tables` says, and refuses what an append-only table must."""

from collections.abc import Iterator

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from ledger.bootstrap import Node
from ledger.clock import now_ms
from ledger.service.look_up import CAPTURE_ID_BYTES
from ledger.store import (  # noqa: F401 -- they add their tables to the metadata
    case_tables,
    custody_tables,
    erasure_tables,
    map_tables,
    query_tables,
    subscription_tables,
    token_tables,
)
from ledger.store.database import MIGRATIONS, migrate
from ledger.store.log_store import SqlLogStore
from ledger.store.read_store import SqlReadStore
from ledger.store.tables import APPEND_ONLY, metadata
from ledger.worker import Worker
from tests.integration.partners import commission, document, new_item
from tests.integration.test_custody_replay import integrate, send, signer

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


@pytest.fixture
def first_tables(node: Node) -> Iterator[Engine]:
    """A database as the first release left it, with no rows."""
    with node.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CREATE DATABASE first_release"))
    engine = create_engine(node.engine.url.set(database="first_release"))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    yield engine
    engine.dispose()
    with node.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("DROP DATABASE first_release WITH (FORCE)"))


def test_a_log_of_the_first_release_is_read_and_written_on(
    fresh_node: Node, first_tables: Engine
) -> None:
    # A log of its own: others erase, which the first release did not know.
    send(fresh_node, signer(fresh_node, 0), document(commission(new_item())))
    integrate(fresh_node, now_ms())
    with fresh_node.engine.connect() as connection:
        query = "SELECT digest FROM submissions ORDER BY id DESC LIMIT 1"
        digest = bytes(connection.execute(text(query)).scalar_one())
    _copy_log(fresh_node.engine, first_tables)
    migrate(first_tables)
    with first_tables.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        events = connection.execute(text("SELECT event_id, declares_error FROM events")).all()
    assert {tuple(row) for row in events} == {(None, False)}
    read = SqlReadStore(first_tables).job(digest[:CAPTURE_ID_BYTES])
    assert read is not None
    assert (read.error_behaviour, read.finished_ms is None) == ("proceed", False)
    assert [(one.verdict, one.details, one.event_id) for one in read.results] == [
        ("accepted", [], None)
    ]
    with pytest.raises(DBAPIError, match="append-only"), first_tables.begin() as connection:
        connection.execute(text("UPDATE events SET event_id = 'x'"))
    assert SqlLogStore(first_tables).pending(1) == []


def _copy_log(source: Engine, target: Engine) -> None:
    """Copy what the first release has of the log, in an order that its foreign keys allow."""
    for name in ("submissions", "log_entries", "capture_results", "events"):
        columns = [column["name"] for column in inspect(target).get_columns(name)]
        with source.connect() as connection:
            query = f"SELECT {', '.join(columns)} FROM {name}"  # noqa: S608 -- names of our own
            rows = connection.execute(text(query)).all()
        overriding = "OVERRIDING SYSTEM VALUE" if name == "submissions" else ""
        values = ", ".join(f":{column}" for column in columns)
        insert = f"INSERT INTO {name} ({', '.join(columns)}) {overriding} VALUES ({values})"  # noqa: S608
        with target.begin() as connection:
            connection.execute(text(insert), [row._asdict() for row in rows])
            connection.execute(text("DELETE FROM submission_queue"))
