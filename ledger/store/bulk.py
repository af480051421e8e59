"""COPY, the only way in which rows come in bulk; and plain tuples, the way they go."""

from collections.abc import Iterable, Sequence
from typing import Any

from psycopg import Connection as Driver
from sqlalchemy import Connection, Table


def copy_rows(connection: Connection, table: Table, rows: Iterable[Sequence[Any]]) -> None:
    """Copy rows into all columns of a table that has no generated ones."""
    names = [column.name for column in table.columns]
    types = [_TYPES[str(column.type)] for column in table.columns]
    copy_into(connection, table.name, names, types, rows)


def copy_into(
    connection: Connection, table: str, names: Sequence[str], types: Sequence[str],
    rows: Iterable[Sequence[Any]],
) -> None:  # fmt: skip
    """Copy rows in binary form into named columns of a table or temporary table."""
    statement = f"COPY {table} ({', '.join(names)}) FROM STDIN (FORMAT BINARY)"
    with driver_of(connection).cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)


def driver_of(connection: Connection) -> Driver:
    """Return psycopg's own connection."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, Driver):
        raise TypeError("the connection is closed, or not psycopg's")
    return driver


def fetch_rows(connection: Connection, query: str, *values: object) -> list[Any]:
    """Return the rows of a query in psycopg's own spelling, as tuples, over a binary cursor.

    A row object of SQLAlchemy costs as much as what is done with a row of custody.
    """
    with driver_of(connection).cursor(binary=True) as cursor:
        return list(cursor.execute(query.encode(), values).fetchall())


_TYPES = {
    "BIGINT": "int8", "INTEGER": "int4", "SMALLINT": "int2", "BYTEA": "bytea", "BLOB": "bytea",
    "TEXT": "text", "BOOLEAN": "bool",
}  # fmt: skip
