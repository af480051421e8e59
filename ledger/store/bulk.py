"""COPY: the only way in which rows come in bulk."""

from collections.abc import Iterable, Sequence
from typing import Any

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
    driver = connection.connection.driver_connection
    if driver is None:
        raise TypeError("the connection is closed")
    statement = f"COPY {table} ({', '.join(names)}) FROM STDIN (FORMAT BINARY)"
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)


_TYPES = {
    "BIGINT": "int8", "INTEGER": "int4", "SMALLINT": "int2", "BYTEA": "bytea", "BLOB": "bytea",
    "TEXT": "text", "BOOLEAN": "bool",
}  # fmt: skip
