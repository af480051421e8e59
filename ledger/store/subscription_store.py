"""Subscriptions and their deliveries in PostgreSQL.

A sender holds a subscription by a session's advisory lock and writes over that same session: who
loses the connection has lost the lock and cannot record anything, and a killed process lets go of
all it held at once.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, insert, select, text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from ledger.core.epcis.epc_format import EpcFormat
from ledger.core.errors import NotFoundError
from ledger.service.query_ports import Batch, SentEvent
from ledger.service.subscription_ports import Attempt, Delivery, Kind, Subscription
from ledger.store.subscription_tables import deliveries, subscriptions

_HOLD = text("SELECT pg_try_advisory_lock(hashtextextended(:id, 20045))")
_LET_GO = text("SELECT pg_advisory_unlock(hashtextextended(:id, 20045))")
_FIND = select(subscriptions).where(subscriptions.c.id == bindparam("id"))
_OUTBOX_END = text("SELECT coalesce(max(id), 0) FROM notifications")
_OPEN = text(
    "SELECT * FROM deliveries WHERE subscription_id = :id AND state IN ('prepared', 'dead')"
)
# One index look-up each; a stream that nothing waits for costs a comparison.
_DUE = text("""
    SELECT s.id FROM subscriptions s
        LEFT JOIN deliveries d ON d.subscription_id = s.id AND d.state = 'prepared'
    WHERE NOT s.stopped AND CASE
        WHEN d.id IS NOT NULL THEN d.next_ms <= :at_ms
        WHEN s.kind = 'feed' THEN s.cursor < (SELECT coalesce(max(id), 0) FROM notifications)
        WHEN s.cursor IS NULL THEN s.initial_ms <= (SELECT clock_ms FROM log_state)
        WHEN s.run_to IS NOT NULL THEN true
        WHEN s.schedule IS NOT NULL THEN s.next_ms <= :at_ms
        ELSE s.cursor < :last END
    ORDER BY coalesce(d.next_ms, s.notified_ms, s.created_ms) LIMIT :limit
""")
# Before its deliveries, as the erasure of an event and the end of a subscription do.
_LOCK = text("SELECT 1 FROM subscriptions WHERE id = :id FOR NO KEY UPDATE")
_PRUNE = (
    text("DELETE FROM deliveries WHERE state = 'delivered' AND updated_ms < :before_ms"),
    # In one statement: a subscription whose rows these are is seen by the same snapshot.
    text(
        "DELETE FROM notifications WHERE id <= (SELECT coalesce(min(cursor), 9223372036854775807)"
        " FROM subscriptions WHERE kind = 'feed')"
    ),
)
_NOTIFICATION = text("""
    SELECT id, data FROM notifications
    WHERE id > :after AND id <= :up_to AND type = ANY(:types) ORDER BY id LIMIT 1
""")
_CONTENTS = text("""
    SELECT log_index, c.content, e.event_id, e.record_ms
    FROM epcis_events e JOIN events c USING (log_index) WHERE log_index = ANY(:indexes)
""")
_LOG = text("SELECT sequenced, clock_ms FROM log_state")
_CLOCK_AT = text("""
    SELECT log_index, ('x' || encode(substring(entry FROM 9 FOR 8), 'hex'))::bit(64)::bigint
    FROM log_entries WHERE kind = 10 AND log_index <= :index ORDER BY log_index DESC LIMIT 1
""")
_MOVE = """
    UPDATE subscriptions SET cursor = :cursor{acknowledged}{run_ends} WHERE id = :id
"""
_RUN_ENDS = ", next_ms = :next_ms, run_from = NULL, run_to = NULL"
_DELIVERED = text("""
    UPDATE deliveries SET state = 'delivered', body = NULL, attempts = attempts + 1,
        status = :status, error = NULL, updated_ms = :at_ms WHERE id = :id AND state = 'prepared'
""")
_FAILED = text("""
    UPDATE deliveries SET state = CASE WHEN :dead THEN 'dead' ELSE 'prepared' END,
        attempts = attempts + 1, status = :status, error = :error, next_ms = :next_ms,
        updated_ms = :at_ms WHERE id = :id AND state = 'prepared'
""")
_REPLAY = text("""
    UPDATE deliveries SET state = 'prepared', attempts = 0, next_ms = :at_ms, updated_ms = :at_ms
    WHERE subscription_id = :id AND state = 'dead' RETURNING id
""")


class SqlSubscriptionStore:
    """Subscriptions over one engine: for their owners and for the dispatcher."""

    def __init__(self, engine: Engine) -> None:
        """Take an engine whose database is migrated."""
        self._engine = engine

    def add(self, subscription: Subscription) -> None:
        """Store a new subscription.

        Raises:
            NotFoundError: Its query was deleted meanwhile.
        """
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(subscriptions).values(_members(subscription)))
        except IntegrityError:
            raise NotFoundError(f"no query has the name {subscription.query_name!r}") from None

    def find(self, subscription_id: str) -> Subscription | None:
        """Return a subscription."""
        with self._engine.connect() as connection:
            return _find(connection, subscription_id)

    def subscriptions(self, kind: Kind | None, query_name: str | None) -> list[Subscription]:
        """Return subscriptions, oldest first, of one kind and one query where these are given."""
        columns = subscriptions.c
        query = select(subscriptions).order_by(columns.created_ms, columns.id)
        if kind is not None:
            query = query.where(columns.kind == kind)
        if query_name is not None:
            query = query.where(columns.query_name == query_name)
        with self._engine.connect() as connection:
            return [_subscription(row) for row in connection.execute(query)]

    def delete(self, subscription_id: str) -> bool:
        """Forget a subscription and what was on its way; tell whether there was one."""
        gone = subscriptions.delete().where(subscriptions.c.id == subscription_id)
        with self._engine.begin() as connection:
            return connection.execute(gone).rowcount == 1

    def deliveries(self, subscription_id: str, limit: int) -> list[Delivery]:
        """Return its latest deliveries, newest first."""
        columns = deliveries.c
        query = (
            select(deliveries)
            .where(columns.subscription_id == subscription_id)
            .order_by(columns.created_ms.desc(), columns.last.desc())
            .limit(limit)
        )
        with self._engine.connect() as connection:
            return [Delivery(**row._asdict()) for row in connection.execute(query)]

    def replay(self, subscription_id: str, at_ms: int) -> str | None:
        """Send the dead letter again, as new but for its id and bytes, and go on behind it."""
        values = {"id": subscription_id, "at_ms": at_ms}
        with self._engine.begin() as connection:
            connection.execute(_LOCK, {"id": subscription_id})
            found: str | None = connection.execute(_REPLAY, values).scalar_one_or_none()
            go_on = text("UPDATE subscriptions SET stopped = false WHERE id = :id")
            connection.execute(go_on, {"id": subscription_id})
        return found

    def sequenced(self) -> int:
        """Return how many entries the log has."""
        with self._engine.connect() as connection:
            return int(connection.execute(_LOG).one().sequenced)

    def cursor_before(self, record_ms: int) -> int | None:
        """Return the last log index recorded before a time, None while the log's clock is there.

        Entries of a batch stand behind its clock, and clocks only rise: a search by halves, of
        which each step reads back to the clock of one batch.
        """
        with self._engine.connect() as connection:
            state = connection.execute(_LOG).one()
            if state.clock_ms < record_ms:
                return None
            # Up to `low` all is older; the clock of `high`, in the end `high` itself, is not.
            low, high = -1, int(state.sequenced) - 1
            while high - low > 1:
                middle = (low + high) // 2
                clock = connection.execute(_CLOCK_AT, {"index": middle}).one_or_none()
                if clock is not None and clock[1] >= record_ms:
                    high = int(clock[0])
                else:
                    low = middle
            return high

    def contents(self, indexes: Collection[int]) -> dict[int, SentEvent]:
        """Return events as they were sent, by log index."""
        with self._engine.connect() as connection:
            rows = connection.execute(_CONTENTS, {"indexes": list(indexes)})
            return {
                row.log_index: SentEvent(row.content, row.event_id, row.record_ms) for row in rows
            }

    def outbox_end(self) -> int:
        """Return the last id of the outbox, 0 when it is empty."""
        with self._engine.connect() as connection:
            return int(connection.execute(_OUTBOX_END).scalar_one())

    def due(self, indexed: int, at_ms: int, limit: int) -> list[str]:
        """Return subscriptions with something to do, those that waited longest first."""
        values = {"last": indexed - 1, "at_ms": at_ms, "limit": limit}
        with self._engine.connect() as connection:
            return list(connection.scalars(_DUE, values))

    def prune(self, before_ms: int) -> int:
        """Forget deliveries that arrived before a time and notifications that all have read."""
        with self._engine.begin() as connection:
            old, read = (connection.execute(one, {"before_ms": before_ms}) for one in _PRUNE)
            return old.rowcount + read.rowcount

    @contextmanager
    def holding(self, subscription_id: str) -> "Iterator[SqlHeld | None]":
        """Hold a subscription; None when another sender does."""
        with self._engine.connect() as connection:
            with connection.begin():
                is_ours = connection.execute(_HOLD, {"id": subscription_id}).scalar_one()
            if not is_ours:
                yield None
                return
            try:
                yield SqlHeld(connection, subscription_id)
            finally:
                _let_go(connection, subscription_id)


def _let_go(connection: Connection, subscription_id: str) -> None:
    try:
        if connection.in_transaction():
            connection.rollback()
        with connection.begin():
            connection.execute(_LET_GO, {"id": subscription_id})
    except SQLAlchemyError:
        # Back in the pool it would hold the lock for ever; closed, PostgreSQL lets go of it.
        connection.invalidate()


def _members(value: Subscription | Delivery) -> dict[str, Any]:
    members = {name: getattr(value, name) for name in type(value).__slots__}
    return {**members, "types": list(members["types"])} if "types" in members else members


def _find(connection: Connection, subscription_id: str) -> Subscription | None:
    row = connection.execute(_FIND, {"id": subscription_id}).one_or_none()
    return None if row is None else _subscription(row)


def _subscription(row: Any) -> Subscription:  # noqa: ANN401 -- a row of subscriptions
    return Subscription(**{**row._asdict(), "epc_format": EpcFormat(row.epc_format)})


class SqlHeld:
    """One subscription, held by one session."""

    def __init__(self, connection: Connection, subscription_id: str) -> None:
        """Take the session that holds the lock."""
        self._connection, self._id = connection, subscription_id

    def _rows(self, query: Any, **values: object) -> list[Any]:  # noqa: ANN401 -- text or select
        with self._connection.begin():
            return list(self._connection.execute(query, values))

    def subscription(self) -> Subscription | None:
        """Return it as it is now, None when it was deleted."""
        with self._connection.begin():
            return _find(self._connection, self._id)

    def open_delivery(self) -> Delivery | None:
        """Return what was prepared and is not acknowledged."""
        rows = self._rows(_OPEN, id=self._id)
        return Delivery(**rows[0]._asdict()) if rows else None

    def outbox_end(self) -> int:
        """Return the last id of the outbox."""
        return int(self._rows(_OUTBOX_END)[0][0])

    def notifications(self, types: Sequence[str], after: int, up_to: int) -> Batch:
        """Return the next message of some types in (after, up_to] of the outbox."""
        rows = self._rows(_NOTIFICATION, types=list(types), after=after, up_to=up_to)
        messages = [(int(row.id), bytes(row.data)) for row in rows]
        return Batch(messages, messages[-1][0] if messages else up_to)

    def prepare(self, delivery: Delivery) -> None:
        """Commit a delivery before it is sent."""
        with self._connection.begin():
            self._connection.execute(insert(deliveries).values(_members(delivery)))

    def begin_run(self, run_to: int) -> None:
        """Begin a scheduled run at the cursor."""
        begin = text("UPDATE subscriptions SET run_from = cursor, run_to = :to WHERE id = :id")
        with self._connection.begin():
            self._connection.execute(begin, {"id": self._id, "to": run_to})

    def move(self, cursor: int, next_ms: int | None) -> None:
        """Pass over what does not match; a time ends the scheduled run and sets the next."""
        with self._connection.begin():
            self._move(cursor, next_ms)

    def _move(self, cursor: int, next_ms: int | None, at_ms: int | None = None) -> None:
        statement = _MOVE.format(
            acknowledged="" if at_ms is None else ", notified_ms = :at_ms",
            run_ends="" if next_ms is None else _RUN_ENDS,
        )
        values = {"cursor": cursor, "id": self._id, "next_ms": next_ms, "at_ms": at_ms}
        kept = {name: value for name, value in values.items() if value is not None}
        self._connection.execute(text(statement), kept)

    def delivered(self, delivery: Delivery, status: int, at_ms: int, next_ms: int | None) -> None:
        """Record the acknowledgement and move the cursor; a time ends the scheduled run."""
        values = {"id": delivery.id, "status": status, "at_ms": at_ms}
        with self._connection.begin():
            self._connection.execute(_LOCK, {"id": self._id})
            # None when it was deleted meanwhile: there is no cursor to move either.
            if self._connection.execute(_DELIVERED, values).rowcount == 1:
                self._move(delivery.last, next_ms, at_ms)

    def failed(self, delivery: Delivery, attempt: Attempt, at_ms: int, next_ms: int | None) -> None:
        """Record a failed attempt and when to try again; None: never, the subscription stops."""
        values = {
            "id": delivery.id, "status": attempt.status, "error": attempt.error, "at_ms": at_ms,
            "dead": next_ms is None, "next_ms": delivery.next_ms if next_ms is None else next_ms,
        }  # fmt: skip
        with self._connection.begin():
            self._connection.execute(_LOCK, {"id": self._id})
            self._connection.execute(_FAILED, values)
            if next_ms is None:
                stop = text("UPDATE subscriptions SET stopped = true WHERE id = :id")
                self._connection.execute(stop, {"id": self._id})

    def withdraw(self, delivery: Delivery, batch: int) -> None:
        """Forget a delivery that the receiver holds to be too large; the next are smaller."""
        gone = deliveries.delete().where(
            deliveries.c.id == delivery.id, deliveries.c.state == "prepared"
        )
        smaller = text("UPDATE subscriptions SET batch = :batch WHERE id = :id")
        with self._connection.begin():
            self._connection.execute(_LOCK, {"id": self._id})
            self._connection.execute(gone)
            self._connection.execute(smaller, {"id": self._id, "batch": batch})
