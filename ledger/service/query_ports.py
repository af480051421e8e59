"""What indexing and queries need from the store, and the values that pass between them."""

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from ledger.core.epcis.index_terms import IndexRow
from ledger.core.epcis.master_data import MasterData
from ledger.core.epcis.query import Query


class IndexState(NamedTuple):
    """How far the index is, the last clock in it, its rules, and how far the integrated log is."""

    indexed: int
    clock_ms: int
    version: int
    integrated: int


class LoggedEvent(NamedTuple):
    """An event of the log; `event_id` is None where it was not kept."""

    log_index: int
    party: bytes
    event_id: str | None
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedEvent:
    """An event with its row of the index; `rendered` is its JSON as it is served."""

    log_index: int
    record_ms: int
    event_ms: int
    party: bytes
    event_id: str
    row: IndexRow
    rendered: bytes


class IndexTransaction(Protocol):
    """One transaction of the index; it holds the indexer's lock until it ends."""

    def state(self) -> IndexState:
        """Return how far the index is."""
        ...

    def clocks(self, start: int, end: int) -> list[tuple[int, int]]:
        """Return index and ms of the clock entries in [start, end)."""
        ...

    def bounded(self, start: int, end: int) -> int:
        """Return the end of a span whose events fit in memory: `end`, or less; one event does."""
        ...

    def events(self, start: int, end: int) -> list[LoggedEvent]:
        """Return the events in [start, end)."""
        ...

    def documents(self, start: int, end: int) -> list[bytes]:
        """Return documents of events in [start, end) which seem to hold master data."""
        ...

    def write(self, events: Sequence[IndexedEvent], master: MasterData) -> None:
        """Write rows of events that are not indexed yet; master data may be known already."""
        ...

    def advance(self, indexed: int, clock_ms: int, version: int) -> None:
        """Set how far the index is, and by which rules."""
        ...

    def clear(self) -> None:
        """Forget everything that is derived."""
        ...


class IndexStore(Protocol):
    """The index as its writer sees it."""

    def indexing(self) -> AbstractContextManager[IndexTransaction]:
        """Open a transaction; leaving it commits, an error rolls back."""
        ...


class Cursor(NamedTuple):
    """Where a page begins: behind this key and index, among what was indexed at `up_to`."""

    key: tuple[int | float | str, ...]
    log_index: int
    up_to: int


class FoundEvent(NamedTuple):
    """An event that matches, with the key it is ordered by."""

    log_index: int
    key: tuple[int | float | str, ...]
    rendered: bytes


class FoundEvents(NamedTuple):
    """Matching events in order, how far the index was then, and whether their bytes ended them."""

    events: list[FoundEvent]
    up_to: int
    cut: bool


class SentEvent(NamedTuple):
    """An event as its sender signed it, with the members that the server gives."""

    content: bytes
    event_id: str
    record_ms: int


class Resource(StrEnum):
    """The top-level resources whose members are values of events."""

    EVENT_TYPES = "eventTypes"
    EPCS = "epcs"
    BIZ_STEPS = "bizSteps"
    BIZ_LOCATIONS = "bizLocations"
    READ_POINTS = "readPoints"
    DISPOSITIONS = "dispositions"


class NamedQuery(NamedTuple):
    """A query that was given a name."""

    name: str
    definition: bytes
    created_ms: int


class Batch(NamedTuple):
    """Messages with their positions, and the position up to which nothing else matches."""

    messages: list[tuple[int, bytes]]
    reached: int


class StandingStore(Protocol):
    """The index as those see it who follow the log with named queries."""

    def indexed(self) -> int:
        """Return how many entries of the log the index covers."""
        ...

    def find_query(self, name: str) -> NamedQuery | None:
        """Return a named query."""
        ...

    def matching(self, query: Query, after: int, up_to: int, limit: int, most_bytes: int) -> Batch:
        """Return rendered events that match in (after, up_to], in log order, one at least."""
        ...


class EventStore(Protocol):
    """The index as readers see it."""

    async def find(self, query: Query, limit: int, cursor: Cursor | None) -> FoundEvents:
        """Return a page of matching events.

        Raises:
            QueryTooComplexError: It takes longer than this server lets a query run.
        """
        ...

    async def item_events(self, key: bytes, limit: int) -> FoundEvents:
        """Return the newest events that name an item: `find` for the hottest of questions."""
        ...

    async def count(self, query: Query, most: int) -> int:
        """Return how many events match, counting no further than `most`."""
        ...

    async def values(self, resource: Resource, after: str, limit: int) -> list[str]:
        """Return values of events in their order, from behind `after`; of items, their paths."""
        ...

    async def contents(self, indexes: Collection[int]) -> dict[int, SentEvent]:
        """Return events as they were sent, by log index."""
        ...

    async def queries(self, after: str, limit: int) -> list[NamedQuery]:
        """Return named queries by name, from behind `after`."""
        ...

    async def query(self, name: str) -> NamedQuery | None:
        """Return a named query."""
        ...

    async def add_query(self, query: NamedQuery) -> bool:
        """Store a query; tell whether its name was free."""
        ...

    async def delete_query(self, name: str) -> bool:
        """Delete a query; tell whether there was one."""
        ...
