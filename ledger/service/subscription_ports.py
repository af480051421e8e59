"""What pushing needs from the outside, and the values it works on."""

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

from ledger.core.epcis.epc_format import EpcFormat
from ledger.core.errors import MalformedError
from ledger.service.query_ports import Batch, SentEvent

Kind = Literal["query", "feed"]
State = Literal["prepared", "delivered", "dead"]


class SubscriptionControlsError(MalformedError):
    """What was asked for is no subscription: names the member, the rule and the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """Who is told what, and how far.

    Attributes:
        id: Its name in URLs.
        kind: `query` follows a named query, `feed` the findings and anchors.
        query_name: The query, None of a feed.
        types: What a feed is told of.
        dest: URL of the receiver.
        sealed_secret: What signs, encrypted for the place `id`.
        epc_format: How GS1 keys are spelt for the receiver.
        schedule: JSON of the schedule's members, None when it streams.
        report_if_empty: Whether a scheduled run that found nothing is told too.
        initial_ms: Record time to begin at, where one was asked for.
        created_ms: When it was made.
        cursor: Last position that is acknowledged or does not match; None until the log's clock
            has reached `initial_ms`.
        run_from: Where a scheduled run began that is not finished.
        run_to: Where that run ends.
        next_ms: When the next scheduled run is due.
        batch: Most messages of one delivery.
        notified_ms: When the receiver last acknowledged something.
        stopped: Whether it waits for its dead letter to be replayed.
    """

    id: str
    kind: Kind
    query_name: str | None
    types: Sequence[str]
    dest: str
    sealed_secret: bytes | None
    epc_format: EpcFormat
    schedule: str | None
    report_if_empty: bool
    initial_ms: int | None
    created_ms: int
    cursor: int | None
    run_from: int | None
    run_to: int | None
    next_ms: int | None
    batch: int
    notified_ms: int | None
    stopped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message on its way, of the positions (after, last]; `body` goes when it has arrived."""

    id: str
    subscription_id: str
    after: int
    last: int
    messages: int
    body: bytes | None
    state: State
    attempts: int
    next_ms: int
    status: int | None
    error: str | None
    created_ms: int
    updated_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What came of sending: the receiver's status, or why there is none."""

    status: int | None
    error: str | None = None


class SubscriptionStore(Protocol):
    """Subscriptions as their owners see them."""

    def add(self, subscription: Subscription) -> None:
        """Store a new subscription.

        Raises:
            NotFoundError: Its query was deleted meanwhile.
        """
        ...

    def find(self, subscription_id: str) -> Subscription | None:
        """Return a subscription."""
        ...

    def subscriptions(self, kind: Kind | None, query_name: str | None) -> list[Subscription]:
        """Return subscriptions, oldest first, of one kind and one query where these are given."""
        ...

    def delete(self, subscription_id: str) -> bool:
        """Forget a subscription and what was on its way; tell whether there was one."""
        ...

    def deliveries(self, subscription_id: str, limit: int) -> list[Delivery]:
        """Return its latest deliveries, newest first."""
        ...

    def replay(self, subscription_id: str, at_ms: int) -> str | None:
        """Send the dead letter again, as new but for its id and bytes, and go on behind it.

        Returns its id, None when there is none.
        """
        ...

    def sequenced(self) -> int:
        """Return how many entries the log has."""
        ...

    def cursor_before(self, record_ms: int) -> int | None:
        """Return the last log index recorded before a time, None while the log's clock is there."""
        ...

    def contents(self, indexes: Collection[int]) -> dict[int, SentEvent]:
        """Return events as they were sent, by log index."""
        ...

    def outbox_end(self) -> int:
        """Return the last id of the outbox, 0 when it is empty."""
        ...


class EventSource(Protocol):
    """The events of the index, as named queries see them."""

    def verify_query(self, name: str) -> None:
        """Raise unless there is a query of that name.

        Raises:
            NotFoundError: There is none.
        """
        ...

    def indexed(self) -> int:
        """Return how many entries of the log the index covers."""
        ...

    def matching(self, name: str, after: int, up_to: int, limit: int, most_bytes: int) -> Batch:
        """Return matching events in (after, up_to], in order, as many as the limits take.

        Raises:
            NotFoundError: There is no query of that name.
        """
        ...


class Held(Protocol):
    """One subscription, held by this sender alone until it lets go.

    Each method that changes something is one transaction, and all of it or nothing.
    """

    def subscription(self) -> Subscription | None:
        """Return it as it is now, None when it was deleted."""
        ...

    def open_delivery(self) -> Delivery | None:
        """Return what was prepared and is not acknowledged."""
        ...

    def outbox_end(self) -> int:
        """Return the last id of the outbox."""
        ...

    def notifications(self, types: Sequence[str], after: int, up_to: int) -> Batch:
        """Return the next message of some types in (after, up_to] of the outbox."""
        ...

    def prepare(self, delivery: Delivery) -> None:
        """Commit a delivery before it is sent."""
        ...

    def begin_run(self, run_to: int) -> None:
        """Begin a scheduled run at the cursor."""
        ...

    def move(self, cursor: int, next_ms: int | None) -> None:
        """Pass over what does not match; a time ends the scheduled run and sets the next."""
        ...

    def delivered(self, delivery: Delivery, status: int, at_ms: int, next_ms: int | None) -> None:
        """Record the acknowledgement and move the cursor; a time ends the scheduled run."""
        ...

    def failed(self, delivery: Delivery, attempt: Attempt, at_ms: int, next_ms: int | None) -> None:
        """Record a failed attempt and when to try again; None: never, the subscription stops."""
        ...

    def withdraw(self, delivery: Delivery, batch: int) -> None:
        """Forget a delivery that the receiver holds to be too large; the next are smaller."""
        ...


class DeliveryStore(Protocol):
    """Subscriptions as the dispatcher sees them."""

    def due(self, indexed: int, at_ms: int, limit: int) -> list[str]:
        """Return subscriptions with something to do, those that waited longest first."""
        ...

    def holding(self, subscription_id: str) -> AbstractContextManager[Held | None]:
        """Hold a subscription; None when another sender does."""
        ...

    def cursor_before(self, record_ms: int) -> int | None:
        """Return the last log index recorded before a time, None while the log's clock is there."""
        ...

    def contents(self, indexes: Collection[int]) -> dict[int, SentEvent]:
        """Return events as they were sent, by log index."""
        ...

    def prune(self, before_ms: int) -> int:
        """Forget deliveries that arrived before a time and notifications that all have read."""
        ...


class Sender(Protocol):
    """Sends to receivers."""

    def send(self, dest: str, headers: dict[str, str], body: bytes) -> Attempt:
        """Post a body; whatever goes wrong is told, never raised."""
        ...


class Destinations(Protocol):
    """Which receivers may be named."""

    def verify(self, dest: str) -> None:
        """Raise unless a destination may be called, as far as can be told now.

        Raises:
            MalformedError: It may not.
        """
        ...
