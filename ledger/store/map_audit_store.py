"""What an audit and fsck read of the item map, from one snapshot of PostgreSQL."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, text

from ledger.service.map_ports import MapState, NamedStep
from ledger.store.map_store import driver_of, kept_sizes, newest_pages

# Rows of one fetch of a stream: some 100 bytes each, of pages 1 KB.
STEPS_PER_FETCH, PAGES_PER_FETCH = 5_000, 500
# The hash of the entry's own bytes: the column beside it is what is derived.
_LEAF = "sha256('\\x00'::bytea || e.entry)"
_ENTRIES = f"""
    SELECT r.log_index, r.item_key, {_LEAF} FROM (
        SELECT DISTINCT log_index, item_key FROM item_rows WHERE item_key >= %s
        AND (%s::bytea IS NULL OR item_key < %s) AND log_index < %s
    ) r JOIN log_entries e USING (log_index) ORDER BY r.log_index
"""  # noqa: S608 -- an expression of our own
_FACTS = f"""
    SELECT e.log_index, e.entry, {_LEAF} FROM log_entries e WHERE kind IN (3, 4, 6)
    ORDER BY e.log_index
"""  # noqa: S608
_PART = """
    SELECT DISTINCT ON (prefix) prefix, page FROM map_pages WHERE size <= %s AND prefix >= %s
    AND prefix < %s ORDER BY prefix, size DESC
"""


class SqlMapRecords:
    """Reads the map and its entries; a `MapRecords`."""

    def __init__(self, connection: Connection) -> None:
        """Take a connection inside a repeatable-read transaction."""
        self._connection, self._driver = connection, driver_of(connection)

    def state(self) -> MapState:
        """Return how far the map says that it is."""
        row = self._connection.execute(
            text("SELECT map_size, map_root, map_keys FROM map_state")
        ).one()
        return MapState(row.map_size, row.map_root, row.map_keys)

    def claims(self) -> list[tuple[int, bytes]]:
        """Return (size, map root) of every published head, by size."""
        return self._rows("SELECT size, map_root FROM heads ORDER BY size")

    def kept(self) -> Sequence[int]:
        """Return the sizes of the heads that the map is served at."""
        return kept_sizes(self._connection)

    def facts(self) -> list[tuple[int, bytes, bytes]]:
        """Return (index, entry, leaf hash) of party, key and tombstone facts, by index."""
        return self._rows(_FACTS)

    def named(self, index: int) -> set[bytes]:
        """Return the item keys of an entry."""
        return {row[0] for row in self._rows(
            "SELECT item_key FROM item_rows WHERE log_index = %s", index
        )}  # fmt: skip

    def entries(self, slot: int, size: int) -> Iterator[NamedStep]:
        """Yield the steps below size by item rows, of keys that begin with a nibble, by index."""
        above = bytes([slot + 1 << 4]) if slot < 15 else None  # noqa: PLR2004 -- the last nibble
        values = (bytes([slot << 4]), above, above, size)
        for row in self._stream("map_steps", STEPS_PER_FETCH, _ENTRIES, *values):
            yield NamedStep(*row)

    def fact_steps(self, slot: int) -> list[tuple[bytes, int]]:
        """Return the stored (key, index) of steps by facts, of keys that begin with a nibble."""
        return self._rows(
            "SELECT map_key, log_index FROM map_steps WHERE get_byte(map_key, 0) / 16 = %s", slot
        )

    def pages(self, prefixes: Collection[bytes], size: int) -> dict[bytes, bytes]:
        """Return the versions of pages that hold at size."""
        return {row[0]: row[2] for row in newest_pages(self._driver, prefixes, size)}

    def part(self, slot: int, size: int) -> Iterator[tuple[bytes, bytes]]:
        """Yield (prefix, page) of all pages below a nibble that hold at size."""
        values = (size, bytes([slot]), bytes([slot + 1]))
        yield from self._stream("map_part", PAGES_PER_FETCH, _PART, *values)

    def _rows(self, query: str, *values: object) -> list[Any]:
        with self._driver.cursor(binary=True) as cursor:
            return cursor.execute(query.encode(), values or None).fetchall()

    def _stream(self, name: str, size: int, query: str, *values: object) -> Iterator[Any]:
        with self._driver.cursor(name, binary=True) as cursor:
            cursor.itersize = size
            cursor.execute(query.encode(), values)
            yield from cursor
