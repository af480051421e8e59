"""Writes the query index, and reads it for those that are not asynchronous."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection, Engine, text

from ledger.core.epcis.master_data import MasterData
from ledger.core.epcis.query import Query
from ledger.service.query_ports import Batch, IndexedEvent, IndexState, LoggedEvent, NamedQuery
from ledger.store.bulk import copy_into
from ledger.store.query_sql import in_log_order
from ledger.store.query_tables import INDEX_TABLES

# One indexer per database, whatever the number of processes: the lock's key is arbitrary.
INDEXER_LOCK: Final = 0x556E6272_45504349
# Bytes of events that one step holds in memory, some ten times over.
MAX_CONTENT_BYTES: Final = 32 * 1024 * 1024
# Of one look at what came since the last; a query that no index answers reads all of that.
FOLLOWING_TIMEOUT_MS: Final = 30_000
_FOLLOWING = text(f"SET LOCAL statement_timeout = {FOLLOWING_TIMEOUT_MS}")
_EVENT_COLUMNS: Final = {
    "log_index": "int8", "record_ms": "int8", "event_ms": "int8", "party": "bytea",
    "event_id": "text", "event_type": "text", "action": "text", "biz_step": "text",
    "disposition": "text", "read_point": "text", "biz_location": "text", "terms": "text[]",
    "rendered": "bytea",
}  # fmt: skip
_NUMBER_COLUMNS: Final = {"log_index": "int8", "name": "text", "value": "float8"}
_STATE = text("""
    SELECT i.indexed, i.clock_ms, i.version, s.integrated FROM epcis_index i, log_state s
""")
# Of a fact no event is kept, of an erased one no content; their numbers stay empty in the index.
_EVENTS = text("""
    SELECT log_index, party, event_id, content FROM events
    WHERE log_index >= :start AND log_index < :end AND content IS NOT NULL ORDER BY log_index
""")
_TOO_MUCH = text("""
    SELECT min(log_index) FROM (
        SELECT log_index,
            sum(octet_length(content)) OVER (ORDER BY log_index) - octet_length(content) AS before
        FROM events WHERE log_index >= :start AND log_index < :end
    ) sized WHERE before >= :bytes
""")
_CLOCKS = text("""
    SELECT log_index, ('x' || encode(substring(entry FROM 9 FOR 8), 'hex'))::bit(64)::bigint AS ms
    FROM log_entries WHERE kind = 10 AND log_index >= :start AND log_index < :end
    ORDER BY log_index
""")
# `VocabularyElement` in JSON and XML, in one byte a character and in two.
_DOCUMENTS = text("""
    SELECT document FROM submissions WHERE id IN (
        SELECT submission_id FROM log_entries WHERE log_index >= :start AND log_index < :end
    ) AND (position('ocabularyElement'::bytea IN document) > 0
        OR position('\\x6f0063006100620075006c006100720079'::bytea IN document) > 0)
    ORDER BY id
""")


class SqlIndexStore:
    """The index over one engine."""

    def __init__(self, engine: Engine, most_bytes: int = MAX_CONTENT_BYTES) -> None:
        """Take an engine whose database is migrated, and the bytes of events of a step."""
        self._engine, self._most_bytes = engine, most_bytes

    @contextmanager
    def indexing(self) -> Iterator["SqlIndexing"]:
        """Open a transaction that holds the indexer's lock; leaving it commits."""
        with self._engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": INDEXER_LOCK})
            yield SqlIndexing(connection, self._most_bytes)

    def indexed(self) -> int:
        """Return how many entries of the log the index covers."""
        with self._engine.connect() as connection:
            return int(connection.execute(text("SELECT indexed FROM epcis_index")).scalar_one())

    def find_query(self, name: str) -> NamedQuery | None:
        """Return a named query."""
        statement = text(
            "SELECT name, definition, created_ms FROM epcis_queries WHERE name = :name"
        )
        with self._engine.connect() as connection:
            row = connection.execute(statement, {"name": name}).one_or_none()
        return None if row is None else NamedQuery(row.name, row.definition, row.created_ms)

    def matching(self, query: Query, after: int, up_to: int, limit: int, most_bytes: int) -> Batch:
        """Return rendered events that match in (after, up_to], in log order, one at least."""
        statement, values = in_log_order(query, after, up_to, limit, most_bytes)
        with self._engine.begin() as connection:
            connection.execute(_FOLLOWING)
            rows = connection.exec_driver_sql(statement, tuple(values)).all()
        events = [(row.log_index, row.rendered) for row in rows]
        is_all = not rows or len(rows) == rows[0].fetched < limit
        return Batch(events, up_to if is_all else events[-1][0])


class SqlIndexing:
    """One transaction of the index."""

    def __init__(self, connection: Connection, most_bytes: int = MAX_CONTENT_BYTES) -> None:
        """Take a connection inside a transaction, and the bytes of events of a step."""
        self._connection, self._most_bytes = connection, most_bytes

    def state(self) -> IndexState:
        """Return how far the index is."""
        return IndexState(*self._connection.execute(_STATE).one())

    def clocks(self, start: int, end: int) -> list[tuple[int, int]]:
        """Return index and ms of the clock entries in [start, end)."""
        rows = self._connection.execute(_CLOCKS, {"start": start, "end": end})
        return [(row.log_index, row.ms) for row in rows]

    def bounded(self, start: int, end: int) -> int:
        """Return the end of a span whose events have the bytes of a step, or are one."""
        span = {"start": start, "end": end, "bytes": self._most_bytes}
        first_too_much = self._connection.execute(_TOO_MUCH, span).scalar_one()
        return end if first_too_much is None else int(first_too_much)

    def events(self, start: int, end: int) -> list[LoggedEvent]:
        """Return the events in [start, end)."""
        rows = self._connection.execute(_EVENTS, {"start": start, "end": end})
        return [LoggedEvent(*row) for row in rows]

    def documents(self, start: int, end: int) -> list[bytes]:
        """Return documents of events in [start, end) which seem to hold master data."""
        rows = self._connection.execute(_DOCUMENTS, {"start": start, "end": end})
        return [row.document for row in rows]

    def write(self, events: Sequence[IndexedEvent], master: MasterData) -> None:
        """Write rows of events that are not indexed yet; master data may be known already."""
        copy_into(
            self._connection, "epcis_events", list(_EVENT_COLUMNS), list(_EVENT_COLUMNS.values()),
            map(event_values, events),
        )  # fmt: skip
        copy_into(
            self._connection, "epcis_numbers", list(_NUMBER_COLUMNS),
            list(_NUMBER_COLUMNS.values()),
            [(event.log_index, *number) for event in events for number in event.row.numbers],
        )  # fmt: skip
        for table, pairs in (
            ("epcis_attributes", master.attributes),
            ("epcis_children", master.children),
        ):
            if pairs:
                first, second = map(list, zip(*sorted(pairs), strict=True))
                self._connection.execute(
                    text(
                        f"INSERT INTO {table} SELECT * FROM"  # noqa: S608 -- names of our own
                        " unnest(CAST(:first AS text[]), CAST(:second AS text[]))"
                        " ON CONFLICT DO NOTHING"
                    ),
                    {"first": first, "second": second},
                )

    def advance(self, indexed: int, clock_ms: int, version: int) -> None:
        """Set how far the index is, and by which rules."""
        self._connection.execute(
            text(
                "UPDATE epcis_index SET indexed = :indexed, clock_ms = :clock_ms,"
                " version = :version"
            ),
            {"indexed": indexed, "clock_ms": clock_ms, "version": version},
        )

    def clear(self) -> None:
        """Forget everything that is derived; readers wait until it is done."""
        names = ", ".join(table.name for table in INDEX_TABLES)
        self._connection.execute(text(f"TRUNCATE {names}"))
        self.advance(0, 0, 0)


def event_values(event: IndexedEvent) -> tuple[object, ...]:
    """Return a row of `epcis_events` in the order of its columns."""
    row = event.row
    return (
        event.log_index, event.record_ms, event.event_ms, event.party, event.event_id,
        row.event_type, row.action, row.biz_step, row.disposition, row.read_point,
        row.biz_location, list(row.terms), event.rendered,
    )  # fmt: skip
