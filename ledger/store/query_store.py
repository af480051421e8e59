"""Reads the query index for the API, over an asynchronous pool of prepared statements."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.errors import QueryCanceled
from psycopg_pool import AsyncConnectionPool

from ledger.core.epcis.query import Query, QueryTooComplexError
from ledger.service.query_ports import (
    Cursor,
    FoundEvent,
    FoundEvents,
    NamedQuery,
    Resource,
    SentEvent,
)
from ledger.store.query_sql import count_events, find_events

# PostgreSQL has 100 connections by default, for all API processes, the worker and the operator.
MAX_CONNECTIONS: Final = 8
# A query that an index answers takes milliseconds; one that takes this long reads most of the log.
STATEMENT_TIMEOUT_MS: Final = 10_000
# Who waits longer for a connection is told to come back.
CONNECTION_TIMEOUT_S: Final = 5.0
_PREPARE_AFTER: Final = 2
# Computed order: see query_sql. Roles 0 to 4 are those of MATCH_anyEPC.
_ITEM_EVENTS: Final = """
    SELECT e.log_index, e.rendered, (SELECT indexed FROM epcis_index) FROM epcis_events e
    WHERE e.log_index IN
        (SELECT r.log_index FROM item_rows r WHERE r.item_key = %b AND r.role < 5)
    ORDER BY e.log_index + 0 DESC LIMIT %s
"""
_COLUMNS: Final = {
    Resource.EVENT_TYPES: "event_type",
    Resource.BIZ_STEPS: "biz_step",
    Resource.BIZ_LOCATIONS: "biz_location",
    Resource.READ_POINTS: "read_point",
    Resource.DISPOSITIONS: "disposition",
}
# A jump to the next value each, whatever the number of events that have it.
_VALUES: Final = """
    WITH RECURSIVE found (value) AS (
        (SELECT {0} FROM epcis_events WHERE {0} > %(after)s ORDER BY 1 LIMIT 1)
        UNION ALL
        SELECT (SELECT e.{0} FROM epcis_events e WHERE e.{0} > found.value ORDER BY 1 LIMIT 1)
        FROM found WHERE found.value IS NOT NULL
    )
    SELECT value FROM found WHERE value IS NOT NULL LIMIT %(limit)s
"""
_EPCS: Final = """
    SELECT i.path FROM items i WHERE i.path ~>~ %(after)s AND EXISTS (
        SELECT 1 FROM item_rows r JOIN epcis_events e USING (log_index)
        WHERE r.item_key = i.item_key AND r.role < 5
    ) ORDER BY i.path USING ~<~ LIMIT %(limit)s
"""


class SqlEventStore:
    """The index over a pool of its own."""

    def __init__(self, url: str, timeout_ms: int = STATEMENT_TIMEOUT_MS) -> None:
        """Take a libpq URL, and how long a statement may take; `start` connects."""
        self._timeout_ms = timeout_ms
        self._pool = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=MAX_CONNECTIONS,
            open=False,
            timeout=CONNECTION_TIMEOUT_S,
            configure=_configure,
            kwargs={
                "autocommit": True,
                "options": f"-c statement_timeout={timeout_ms}",
            },
        )

    async def start(self) -> None:
        """Begin to connect; a database that is away is waited for when it is asked."""
        await self._pool.open()

    async def stop(self) -> None:
        """Close the connections."""
        await self._pool.close()

    async def find(self, query: Query, limit: int, cursor: Cursor | None) -> FoundEvents:
        """Return a page of matching events.

        Raises:
            QueryTooComplexError: It takes longer than STATEMENT_TIMEOUT_MS.
        """
        rows = await self._rows(*find_events(query, limit, cursor))
        events = [FoundEvent(row[0], tuple(row[2:-2]), row[1]) for row in rows]
        return FoundEvents(
            events, rows[0][-1] if rows else 0, cut=bool(rows) and rows[0][-2] > len(rows)
        )

    async def item_events(self, key: bytes, limit: int) -> FoundEvents:
        """Return the newest events that name an item."""
        rows = await self._rows(_ITEM_EVENTS, [key, limit], binary=True)
        events = [FoundEvent(log_index, (), rendered) for log_index, rendered, _ in rows]
        return FoundEvents(events, rows[0][2] if rows else 0, cut=False)

    async def count(self, query: Query, most: int) -> int:
        """Return how many events match, counting no further than `most`."""
        rows = await self._rows(*count_events(query, most))
        return int(rows[0][0])

    async def values(self, resource: Resource, after: str, limit: int) -> list[str]:
        """Return values of events in their order, from behind `after`; of items, their paths."""
        column = _COLUMNS.get(resource)
        statement = _EPCS if column is None else _VALUES.format(column)
        return [row[0] for row in await self._rows(statement, {"after": after, "limit": limit})]

    async def contents(self, indexes: Collection[int]) -> dict[int, SentEvent]:
        """Return events as they were sent, by log index."""
        rows = await self._rows(
            "SELECT log_index, c.content, e.event_id, e.record_ms"
            " FROM epcis_events e JOIN events c USING (log_index) WHERE log_index = ANY(%s)",
            [list(indexes)],
        )
        return {row[0]: SentEvent(*row[1:]) for row in rows}

    async def queries(self, after: str, limit: int) -> list[NamedQuery]:
        """Return named queries by name, from behind `after`."""
        rows = await self._rows(
            "SELECT name, definition, created_ms FROM epcis_queries WHERE name > %s"
            " ORDER BY name LIMIT %s",
            [after, limit],
        )
        return [NamedQuery(*row) for row in rows]

    async def query(self, name: str) -> NamedQuery | None:
        """Return a named query."""
        rows = await self._rows(
            "SELECT name, definition, created_ms FROM epcis_queries WHERE name = %s", [name]
        )
        return NamedQuery(*rows[0]) if rows else None

    async def add_query(self, query: NamedQuery) -> bool:
        """Store a query; tell whether its name was free."""
        rows = await self._rows(
            "INSERT INTO epcis_queries (name, definition, created_ms) VALUES (%s, %s, %s)"
            " ON CONFLICT DO NOTHING RETURNING name",
            list(query),
        )
        return bool(rows)

    async def delete_query(self, name: str) -> bool:
        """Delete a query; tell whether there was one."""
        rows = await self._rows("DELETE FROM epcis_queries WHERE name = %s RETURNING name", [name])
        return bool(rows)

    async def _rows(
        self, statement: str, values: Sequence[object] | dict[str, object], *, binary: bool = False
    ) -> list[tuple[Any, ...]]:
        async with self._connection() as connection:
            cursor = connection.cursor(binary=binary)
            try:
                await cursor.execute(statement.encode(), values)
            except QueryCanceled:
                raise QueryTooComplexError(
                    f"a query may take {self._timeout_ms / 1000:g} seconds; ask for less,"
                    " or for a shorter time"
                ) from None
            return await cursor.fetchall()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator["AsyncConnection[tuple[Any, ...]]"]:
        async with self._pool.connection() as connection:
            yield connection


async def _configure(connection: "AsyncConnection[Any]") -> None:
    connection.prepare_threshold = _PREPARE_AFTER
