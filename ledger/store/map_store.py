"""The item map in PostgreSQL: pages in versions, so that proofs at a head go on while it grows.

A version of a page holds from its size on, until the next one. One that a published head still
needs stays until the final head has passed it; every other one goes when it is superseded.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from psycopg import Connection as Driver
from sqlalchemy import Connection, Engine, text

from ledger.core.entries import Z
from ledger.core.errors import NotFoundError
from ledger.core.item_map import Step
from ledger.core.map_pages import (
    Changes,
    load_for_paths,
    path_of,
)
from ledger.service.map_ports import MapPath
from ledger.store.bulk import copy_into
from ledger.store.map_tables import map_pages, map_state, map_steps, map_superseded

# Pages that one integration sweeps away: a long wait for finality is made good in several.
MAX_SWEPT = 100_000

_NEWEST = """
    SELECT w.prefix, v.size, v.page FROM unnest(%s::bytea[]) AS w (prefix)
    CROSS JOIN LATERAL (
        SELECT size, page FROM map_pages p WHERE p.prefix = w.prefix AND p.size <= %s
        ORDER BY p.size DESC LIMIT 1
    ) v
"""
_STEPS = """
    SELECT log_index, leaf_hash FROM log_entries WHERE log_index < :size AND log_index IN (
        SELECT log_index FROM item_rows WHERE item_key = :key
        UNION SELECT log_index FROM map_steps WHERE map_key = :key
    ) ORDER BY log_index
"""
# One final head more than the greatest: a proof may have begun before that became final.
_PASSED = """
    SELECT DISTINCT size FROM anchors WHERE state = 'final' ORDER BY size DESC LIMIT 1 OFFSET 1
"""
_SWEPT = f"""
    WITH passed AS ({_PASSED}), gone AS (
        DELETE FROM map_superseded WHERE (until, prefix) IN (
            SELECT until, prefix FROM map_superseded WHERE until <= (SELECT size FROM passed)
            ORDER BY until, prefix LIMIT :most
        ) RETURNING prefix, size
    )
    DELETE FROM map_pages p USING gone WHERE p.prefix = gone.prefix AND p.size = gone.size
"""  # noqa: S608 -- of texts above
_AT_STATE = "SELECT map_root FROM map_state WHERE map_size = :size"
# Heads that the map is served at.
_SERVED = f"""
    FROM heads WHERE map_root <> decode(repeat('00', 32), 'hex')
    AND size >= coalesce(({_PASSED}), 0)
"""


class MapTables:
    """The item map's part of an integration transaction."""

    def __init__(self, connection: Connection) -> None:
        """Take a connection inside a transaction."""
        self._connection = connection
        self._versions: dict[bytes, int] = {}
        self._served: Sequence[int] | None = None

    def lock(self) -> None:
        """Let no head be published until the transaction ends: versions are kept for heads."""
        self._connection.execute(text("SELECT id FROM map_state FOR UPDATE"))

    def clear(self) -> Sequence[int]:
        """Forget the map; return the sizes whose versions are to be made again, by size."""
        self._served = kept_sizes(self._connection)
        for table in (map_pages, map_superseded, map_steps):
            self._connection.execute(table.delete())
        self._connection.execute(map_state.update().values(map_size=0, map_root=Z, map_keys=0))
        return self._served

    def facts(self, start: int, end: int) -> list[tuple[int, bytes]]:
        """Return (index, entry) of party, key and tombstone facts in [start, end), in order."""
        return self._rows(
            "SELECT log_index, entry FROM log_entries WHERE log_index >= %s AND log_index < %s"
            " AND kind IN (3, 4, 6) ORDER BY log_index",
            start, end,
        )  # fmt: skip

    def named(self, start: int, end: int) -> list[tuple[int, bytes]]:
        """Return (index, item key) of the item rows in [start, end), in order, repeats adjacent."""
        return self._rows(
            "SELECT log_index, item_key FROM item_rows WHERE log_index >= %s AND log_index < %s"
            " ORDER BY log_index, row_index",
            start, end,
        )  # fmt: skip

    def pages(self, prefixes: Collection[bytes]) -> dict[bytes, bytes]:
        """Return the newest version of those pages that there are."""
        rows = newest_pages(self._driver(), prefixes, _FOREVER)
        self._versions.update((prefix, size) for prefix, size, _ in rows)
        return {prefix: page for prefix, _, page in rows}

    def write(self, changes: Changes, size: int, steps: Iterable[tuple[bytes, int]]) -> None:
        """Write the pages that hold from size on, steps of facts, and the map's new state."""
        self._supersede(changes.pages, size)
        _copy_pages(self._connection, changes.pages, size)
        copy_into(self._connection, "map_steps", ("map_key", "log_index"), ("bytea", "int8"), steps)
        self._connection.execute(text(_SWEPT), {"most": MAX_SWEPT})
        self._connection.execute(
            text(
                "UPDATE map_state SET map_size = :size, map_root = :root,"
                " map_keys = map_keys + :keys"
            ),
            {"size": size, "root": changes.root, "keys": changes.new_keys},
        )

    def _supersede(self, prefixes: Iterable[bytes], size: int) -> None:
        """Let go of the versions before size, or keep them for the heads that they hold for."""
        served = self._served
        if served is None:
            # Of all heads that pages of today hold for, the last is the first to ask.
            served = [self._connection.scalar(text("SELECT coalesce(max(size), 0) FROM heads"))]
        known = [
            (prefix, self._versions[prefix]) for prefix in prefixes if prefix in self._versions
        ]
        is_kept = {at: _holds_for(served, at, size) for at in {at for _, at in known}}
        kept = [(size, prefix, at) for prefix, at in known if is_kept[at]]
        gone = [(prefix, at) for prefix, at in known if not is_kept[at]]
        copy_into(
            self._connection, "map_superseded", ("until", "prefix", "size"),
            ("int8", "bytea", "int8"), kept,
        )  # fmt: skip
        self._execute(
            "DELETE FROM map_pages p USING unnest(%s::bytea[], %s::int8[]) AS g (prefix, size)"
            " WHERE p.prefix = g.prefix AND p.size = g.size",
            [prefix for prefix, _ in gone], [at for _, at in gone],
        )  # fmt: skip

    def _rows(self, query: str, *values: object) -> list[Any]:
        with self._driver().cursor(binary=True) as cursor:
            return cursor.execute(query.encode(), values).fetchall()

    def _execute(self, query: str, *values: object) -> None:
        with self._driver().cursor(binary=True) as cursor:
            cursor.execute(query.encode(), values)

    def _driver(self) -> Driver[Any]:
        return driver_of(self._connection)


_FOREVER = (1 << 63) - 1


def _holds_for(heads: Sequence[int], start: int, end: int) -> bool:
    """Tell whether a version from start up to end is that of one of the heads, which are sorted."""
    place = bisect_left(heads, start)
    return place < len(heads) and heads[place] < end


def driver_of(connection: Connection) -> Driver[Any]:
    """Return the driver's connection, for rows in binary form: pages would come in hex otherwise.

    Raises:
        TypeError: Another driver is at work.
    """
    driver = connection.connection.driver_connection
    if not isinstance(driver, Driver):
        raise TypeError("the item map is read through psycopg")
    return driver


def newest_pages(
    driver: Driver[Any], prefixes: Collection[bytes], size: int
) -> list[tuple[bytes, int, bytes]]:
    """Return (prefix, size, page) of the newest versions of pages that hold at a log size."""
    with driver.cursor(binary=True) as cursor:
        return cursor.execute(_NEWEST.encode(), (list(prefixes), size)).fetchall()


def _copy_pages(connection: Connection, pages: Mapping[bytes, bytes], size: int) -> None:
    rows = ((prefix, size, page) for prefix, page in pages.items())
    copy_into(connection, "map_pages", ("prefix", "size", "page"), ("bytea", "int8", "bytea"), rows)


class SqlMapStore:
    """The item map at published heads; a `MapReader`."""

    def __init__(self, engine: Engine) -> None:
        """Take an engine whose database is migrated."""
        self._engine = engine

    def chain(self, key: bytes, size: int) -> list[Step]:
        """Return (log index, leaf hash) of every entry below size that the map function gives key.

        In order of index; empty when there is none.
        """
        with self._engine.connect() as connection:
            rows = connection.execute(text(_STEPS), {"key": key, "size": size})
            return [(row.log_index, row.leaf_hash) for row in rows]

    def paths(self, keys: Collection[bytes], size: int) -> dict[bytes, MapPath]:
        """Return the path of each key in the map at size, members and absent ones alike.

        Raises:
            NotFoundError: That version of the map is not kept.
            InvariantError: The pages lead to another root than the head's.
        """
        with self._snapshot() as connection:
            root = _kept_root(connection, size)
            driver = driver_of(connection)

            def read(prefixes: Collection[bytes]) -> dict[bytes, bytes]:
                return {one: page for one, _, page in newest_pages(driver, prefixes, size)}

            pages = load_for_paths(read, keys)
        proofs = {key: path_of(pages, key, root) for key in keys}
        return {
            key: MapPath(siblings=proof.siblings, terminal=proof.terminal)
            for key, proof in proofs.items()
        }

    @contextmanager
    def _snapshot(self) -> Iterator[Connection]:
        """One state of the database: what is kept is not swept away between two reads."""
        with self._engine.connect() as connection:
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
            yield connection


def _kept_root(connection: Connection, size: int) -> bytes:
    """Return the root that the map had at size.

    Raises:
        NotFoundError: It is neither the newest version nor that of a head that is served.
    """
    query = f"{_AT_STATE} UNION ALL SELECT map_root {_SERVED} AND size = :size LIMIT 1"
    row = connection.execute(text(query), {"size": size}).one_or_none()
    if row is None:
        raise NotFoundError(f"the item map at size {size} is not kept")
    return bytes(row.map_root)


def kept_sizes(connection: Connection) -> Sequence[int]:
    """Return the sizes of the heads that the map is served at: from the last final but one up."""
    query = f"SELECT size {_SERVED} ORDER BY size"
    return list(connection.scalars(text(query)))
