"""COPY, the only way in which rows come in bulk; and plain tuples, the way they go."""

import struct
from collections.abc import Iterable, Sequence
from typing import Any

from psycopg import Connection as Driver
from psycopg import adapters
from psycopg.abc import AdaptContext
from psycopg.adapt import Dumper
from psycopg.postgres import types as pg_types
from psycopg.pq import Format
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


class KeyArray:
    """Keys of 32 bytes as one parameter of type bytea[].

    psycopg writes a list value by value, each escaped; a thousand keys would cost more than the
    query that they are for.
    """

    def __init__(self, keys: Iterable[bytes]) -> None:
        """Take keys of 32 bytes each."""
        self.keys = list(keys)


class IndexArray:
    """Log indexes as one parameter of type bigint[]."""

    def __init__(self, indexes: Iterable[int]) -> None:
        """Take integers of 64 bits."""
        self.indexes = list(indexes)


# Of a one-dimensional array: dimensions, whether it has nulls, type, length, first subscript.
_ARRAY = struct.Struct(">iiIii")
_KEY_LENGTH = (32).to_bytes(4, "big")
_EMPTY = struct.Struct(">iiI")


class _KeyArrayDumper(Dumper):
    format = Format.BINARY

    def __init__(self, cls: type, context: AdaptContext | None = None) -> None:
        super().__init__(cls, context)
        # Of the object: as the class's own it would take over every list of this type.
        self.oid = pg_types["bytea"].array_oid

    def dump(self, obj: KeyArray) -> bytes:
        keys, element = obj.keys, pg_types["bytea"].oid
        if not keys:
            return _EMPTY.pack(0, 0, element)
        head = _ARRAY.pack(1, 0, element, len(keys), 1)
        packed = _KEY_LENGTH.join([head, *keys])
        if len(packed) != len(head) + 36 * len(keys):
            raise ValueError("keys have 32 bytes")
        return packed


class _IndexArrayDumper(Dumper):
    format = Format.BINARY

    def __init__(self, cls: type, context: AdaptContext | None = None) -> None:
        super().__init__(cls, context)
        self.oid = pg_types["int8"].array_oid

    def dump(self, obj: IndexArray | list[int]) -> bytes:
        # COPY finds this by the type of a column, whatever stands there.
        indexes = obj.indexes if isinstance(obj, IndexArray) else obj
        element = pg_types["int8"].oid
        if not indexes:
            return _EMPTY.pack(0, 0, element)
        values = [part for index in indexes for part in (8, index)]
        head = _ARRAY.pack(1, 0, element, len(indexes), 1)
        return head + struct.pack(">" + "iq" * len(indexes), *values)


adapters.register_dumper(KeyArray, _KeyArrayDumper)
adapters.register_dumper(IndexArray, _IndexArrayDumper)


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
