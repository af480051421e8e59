"""Erasure in PostgreSQL: tombstones, and what goes with the content that they name.

The triggers of revision 0008 allow exactly the changes that are made here to append-only tables.
"""

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, Engine, TextClause, text

from ledger.service.ports import Batch
from ledger.store.bulk import copy_rows
from ledger.store.erasure_tables import tombstones
from ledger.store.index_store import INDEXER_LOCK

_TOMBSTONE_OF = text("SELECT log_index FROM tombstones WHERE event_index = :index")
_REPEATS = text("""
    SELECT r.submission_id FROM capture_results r JOIN tombstones t ON t.event_index = r.log_index
    WHERE r.submission_id = ANY(:submissions)
""")
_NAMED = text("SELECT event_index FROM tombstones WHERE log_index >= :start AND log_index < :end")
_SENT = text("""
    SELECT submission_id FROM log_entries WHERE log_index = ANY(:events)
    UNION SELECT submission_id FROM capture_results
        WHERE verdict = 'duplicate' AND log_index = ANY(:events)
""")
_FORGET_SUBMISSIONS: Final = (
    text("""
        UPDATE submissions SET document = NULL, sealed = NULL WHERE id = ANY(:submissions)
            AND num_nonnulls(document, sealed) > 0
    """),
    text("""
        UPDATE capture_results SET reason = NULL, findings = NULL
        WHERE submission_id = ANY(:submissions) AND num_nonnulls(reason, findings) > 0
    """),
)
# Master data of a document that goes: what else states the same only a new index can tell. The
# document is read here for the last time, so this stands before the statements that forget it.
_REINDEX = text("""
    UPDATE epcis_index SET version = 0 WHERE EXISTS (
        SELECT 1 FROM submissions WHERE id = ANY(:submissions)
            AND (position('ocabularyElement'::bytea IN document) > 0
            OR position('\\x6f0063006100620075006c006100720079'::bytea IN document) > 0)
    )
""")
# Everybody locks a subscription before its deliveries; one who forgets one locks both.
_LOCK_SUBSCRIPTIONS = text(
    "SELECT id FROM subscriptions WHERE kind = 'query' ORDER BY id FOR NO KEY UPDATE"
)
_UNDELIVERED = text("""
    SELECT d.id, d.subscription_id
    FROM deliveries d JOIN subscriptions s ON s.id = d.subscription_id
    WHERE s.kind = 'query' AND d.state <> 'delivered' AND EXISTS (
        SELECT 1 FROM unnest(CAST(:events AS bigint[])) AS gone (log_index)
        WHERE gone.log_index > d.after AND gone.log_index <= d.last
    )
""")
_FORGET_DELIVERIES = text("DELETE FROM deliveries WHERE id = ANY(:deliveries)")
_TRY_ANEW = text("UPDATE subscriptions SET stopped = false WHERE id = ANY(:subscriptions)")
_FORGET_EVENTS: Final = (
    text("""
        UPDATE events SET content = NULL, sealed_secret = NULL, event_digest = NULL,
            event_id = NULL, event_hash = NULL
        WHERE log_index = ANY(:events)
    """),
    text("DELETE FROM epcis_events WHERE log_index = ANY(:events)"),
    text("DELETE FROM epcis_numbers WHERE log_index = ANY(:events)"),
)


def write_tombstones(connection: Connection, batch: Batch) -> None:
    """Write what a sequenced batch says of erased events.

    A document that repeats an erased event is a duplicate and adds no entry, so nothing would ever
    take it up again: what it repeats goes in the commit that answers it.
    """
    if batch.tombstones:
        copy_rows(connection, tombstones, batch.tombstones)
    again = [one.submission_id for one in batch.results if one.verdict == "duplicate"]
    if again:
        named = connection.scalars(_REPEATS, {"submissions": again}).all()
        _forget_submissions(connection, named)


def _forget_submissions(connection: Connection, submissions: Collection[int]) -> None:
    if submissions:
        for statement in _FORGET_SUBMISSIONS:
            connection.execute(statement, {"submissions": list(submissions)})


class ErasureReads:
    """What a sequencing transaction asks about erased events."""

    _connection: Connection

    def logged_entry(self, index: int) -> bytes | None:
        """Return the entry of a log index, None when the log has none there."""
        found: bytes | None = self._connection.execute(
            text("SELECT entry FROM log_entries WHERE log_index = :index"), {"index": index}
        ).scalar_one_or_none()
        return found

    def tombstone_of(self, index: int) -> int | None:
        """Return the log index of the tombstone of an event, None when none names it."""
        found: int | None = self._connection.execute(
            _TOMBSTONE_OF, {"index": index}
        ).scalar_one_or_none()
        return found

    def erased_events(self, event_roots: Collection[bytes]) -> dict[bytes, int]:
        """Return the index of each erased event, by event_root."""
        rows = self._connection.execute(
            text("SELECT event_root, event_index FROM tombstones WHERE event_root = ANY(:roots)"),
            {"roots": list(event_roots)},
        )
        return {row.event_root: row.event_index for row in rows}


class ErasureWrites:
    """The part of an integration transaction that destroys what tombstones name."""

    _connection: Connection

    def erase(self, start: int, end: int) -> None:
        """Destroy the content of the events that tombstones of entries [start, end) name.

        With it goes what repeats it: sealed secret, unsalted hashes and eventID, the document and
        sealed part of each submission that sent it, answers that quote it, rows of the query index,
        deliveries on their way. Entry, item rows, items secret and signatures stay.
        """
        connection = self._connection
        events = connection.scalars(_NAMED, {"start": start, "end": end}).all()
        if not events:
            return
        # Behind this lock the indexer has either written its rows of the event, or finds none.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": INDEXER_LOCK})
        given = {"events": list(events)}
        sent = connection.scalars(_SENT, given).all()
        connection.execute(_REINDEX, {"submissions": list(sent)})
        _forget_submissions(connection, sent)
        for statement in _FORGET_EVENTS:
            connection.execute(statement, given)
        self._forget_deliveries(given)

    def _forget_deliveries(self, given: dict[str, list[int]]) -> None:
        """Forget what is on its way; its subscription makes it anew, without the event.

        A dead letter goes too, and its subscription tries again: there is nothing left to replay.
        """
        connection = self._connection
        connection.execute(_LOCK_SUBSCRIPTIONS)
        rows = connection.execute(_UNDELIVERED, given).all()
        if rows:
            connection.execute(_FORGET_DELIVERIES, {"deliveries": [row.id for row in rows]})
            named = [row.subscription_id for row in rows]
            connection.execute(_TRY_ANEW, {"subscriptions": named})


class SqlLoggedEvents:
    """What the log knows of entries by name."""

    def __init__(self, engine: Engine) -> None:
        """Take an engine whose database is migrated."""
        self._engine = engine

    def indexes_of(self, event_id: str) -> list[int]:
        """Return the log indexes of the events that have an eventID."""
        query = text("SELECT log_index FROM events WHERE event_id = :name ORDER BY log_index")
        with self._engine.connect() as connection:
            return list(connection.scalars(query, {"name": event_id}))

    def index_of_leaf(self, leaf_hash: bytes) -> int | None:
        """Return the log index of a leaf hash."""
        query = text("SELECT log_index FROM log_entries WHERE leaf_hash = :leaf")
        return self._number(query, leaf=leaf_hash)

    def kind_of(self, index: int) -> int | None:
        """Return the kind of an entry, None when the log has none there."""
        query = text("SELECT kind FROM log_entries WHERE log_index = :index")
        return self._number(query, index=index)

    def tombstone_of(self, index: int) -> int | None:
        """Return the log index of the tombstone of an event, None when none names it."""
        return self._number(_TOMBSTONE_OF, index=index)

    def _number(self, query: TextClause, **values: object) -> int | None:
        with self._engine.connect() as connection:
            found: int | None = connection.execute(query, values).scalar_one_or_none()
            return found
