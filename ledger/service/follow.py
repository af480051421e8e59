"""Follow: the events of a named query as they come, for one listener that keeps its own place.

The follower of a WebSocket. Nothing of it is stored: whoever comes back names the position that it
reached, and misses nothing. The log is the queue, so a slow listener makes nothing grow.
"""

from dataclasses import dataclass, field

from ledger.core.epcis.epc_format import EpcFormat
from ledger.core.epcis.schedule import Schedule, parse_schedule
from ledger.core.push_messages import query_document
from ledger.service.deliver import MAX_BODY, MAX_EVENTS
from ledger.service.spelling import is_rendered, spelt
from ledger.service.subscribe import Controls, parse_epc_format
from ledger.service.subscription_ports import (
    EventSource,
    SubscriptionControlsError,
    SubscriptionStore,
)


@dataclass(slots=True)
class Follower:
    """One listener's place in one query; `begin` makes it."""

    events: EventSource
    store: SubscriptionStore
    query_name: str
    controls: Controls
    cursor: int | None
    epc_format: EpcFormat = EpcFormat.ALWAYS_GS1_DIGITAL_LINK
    schedule: Schedule | None = None
    due_ms: int | None = None
    run: tuple[int, int] | None = field(default=None, init=False)

    def is_due(self, indexed: int, at_ms: int) -> bool:
        """Tell whether `next` may have something, without asking the database."""
        if self.run is not None or self.cursor is None:
            return True
        if self.due_ms is not None:
            return at_ms >= self.due_ms
        return self.cursor < indexed - 1

    def next(self, at_ms: int) -> bytes | None:
        """Return the next document, None when there is none for now; blocks on the database.

        Raises:
            NotFoundError: The query was deleted.
        """
        self.events.verify_query(self.query_name)
        if self.cursor is None:
            self.cursor = self.store.cursor_before(self.controls.initial_ms or 0)
        if self.cursor is None:
            return None
        if self.schedule is None:
            return self._take(self.cursor, self.events.indexed() - 1, at_ms)
        return self._scheduled(self.schedule, self.cursor, at_ms)

    def _scheduled(self, schedule: Schedule, cursor: int, at_ms: int) -> bytes | None:
        if self.run is None:
            if self.due_ms is None or at_ms < self.due_ms:
                return None
            self.run = (cursor, max(cursor, self.events.indexed() - 1))
        begin, end = self.run
        document = self._take(cursor, end, at_ms)
        if document is None and self.controls.report_if_empty and begin == cursor:
            document = self._document([], end, at_ms)
        if self.cursor is None or self.cursor >= end:
            self.run, self.due_ms = None, schedule.next_after(at_ms)
        return document

    def _take(self, after: int, up_to: int, at_ms: int) -> bytes | None:
        if after >= up_to:
            return None
        batch = self.events.matching(self.query_name, after, up_to, MAX_EVENTS, MAX_BODY)
        self.cursor = batch.reached
        if not batch.messages:
            return None
        if not is_rendered(self.epc_format):
            contents = self.store.contents([position for position, _ in batch.messages])
            batch = spelt(batch, self.epc_format, contents)
        return self._document([raw for _, raw in batch.messages], batch.reached, at_ms)

    def _document(self, events: list[bytes], last: int, at_ms: int) -> bytes:
        return query_document(
            query_name=self.query_name, subscription_id=None, events=events, last=last, at_ms=at_ms
        )


@dataclass(frozen=True, slots=True)
class Followers:
    """Makes followers."""

    events: EventSource
    store: SubscriptionStore

    def indexed(self) -> int:
        """Return how many entries of the log the index covers."""
        return self.events.indexed()

    def verify_query(self, query_name: str) -> None:
        """Raise unless there is a query of that name.

        Raises:
            NotFoundError: There is none.
        """
        self.events.verify_query(query_name)

    def begin(
        self, query_name: str, controls: Controls, after: int | None, epc_format: str | None,
        at_ms: int,
    ) -> Follower:  # fmt: skip
        """Return a follower behind `after`, at a record time, or behind what the log holds now.

        Raises:
            SubscriptionControlsError: The log has no such position.
            NotFoundError: There is no query of that name.
        """
        self.events.verify_query(query_name)
        sequenced = self.store.sequenced()
        if after is not None and not -1 <= after < sequenced:
            rule = f"is -1 to {sequenced - 1}, as the log is now"
            raise SubscriptionControlsError("after", rule, after)
        if after is not None and controls.initial_ms is not None:
            raise SubscriptionControlsError("after", "excludes initialRecordTime", after)
        cursor = None if controls.initial_ms is not None else sequenced - 1
        schedule = None if controls.schedule is None else parse_schedule(controls.schedule)
        return Follower(
            events=self.events, store=self.store, query_name=query_name, controls=controls,
            cursor=cursor if after is None else after, epc_format=parse_epc_format(epc_format),
            schedule=schedule,
            due_ms=None if schedule is None else schedule.next_after(at_ms),
        )  # fmt: skip
