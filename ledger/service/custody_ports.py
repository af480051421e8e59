"""What custody needs from the store, inside the integration transaction."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from ledger.core.custody.facts import EventFacts
from ledger.core.custody.state import ItemState
from ledger.core.custody.steps import Step


class Change(StrEnum):
    """What became of a finding."""

    OPENED = "opened"
    CHANGED = "changed"
    CLOSED = "closed"


class OpenFinding(NamedTuple):
    """A finding as it is stored: words, not members, for a rule may have gone since."""

    item: bytes
    code: str
    severity: str
    finding_class: str
    detail: str
    evidence: tuple[int, ...]
    backdated: bool


class FindingChange(NamedTuple):
    """A finding that opened, changed or closed; a closed one as it was, with the reason."""

    change: Change
    finding: OpenFinding
    reason: str = ""


class StayRow(NamedTuple):
    """That an item was in a container, from its PACK up to what took it out, if anything did.

    `is_followed`: the item holds others, or did something by itself since: what the container does
    concerns it.
    """

    child: bytes
    from_index: int
    parent: bytes
    from_ms: int
    to_index: int | None
    to_ms: int | None
    is_followed: bool


class CustodyProgress(NamedTuple):
    """How far custody is made: contents of entries below facts_to are read.

    Findings are by the rules of rules_digest: of all items where revised_to is None, else of those
    up to it; the others are by earlier rules.
    """

    rules_digest: bytes
    revised_to: bytes | None
    facts_to: int


class KnownKey(NamedTuple):
    """A key that has custody, as a class, as an item, or as both."""

    key: bytes
    is_class: bool
    is_item: bool


class CustodyTransaction(Protocol):
    """The custody part of an integration transaction."""

    def custody_progress(self) -> CustodyProgress:
        """Return how far custody is made."""
        ...

    def set_custody_progress(self, progress: CustodyProgress) -> None:
        """Set how far custody is made."""
        ...

    def forget_custody(self) -> None:
        """Drop everything derived but findings of items that entries name: to make it anew."""
        ...

    def clock_before(self, end: int) -> int:
        """Return the time of the last clock entry below end, 0 when there is none."""
        ...

    def contents(self, start: int, end: int) -> list[tuple[int, bytes]]:
        """Return the contents of events [start, end) that are not erased, by index."""
        ...

    def write_facts(self, facts: Sequence[tuple[int, EventFacts]]) -> None:
        """Write facts of events that have none yet."""
        ...

    def forget_erased(self, start: int, end: int) -> tuple[set[bytes], set[bytes]]:
        """Drop the facts of what tombstones [start, end) erase; return items and classes of it."""
        ...

    def forget_places(self, start: int, end: int) -> None:
        """Drop what documents told of coordinates that tombstones [start, end) erase.

        Items that were there wait for a new look, by what the next document tells.
        """
        ...

    def find_namesakes(self, start: int, end: int) -> set[bytes]:
        """Set originals of events whose eventIDs new events have too; return items concerned."""
        ...

    def documents(self, start: int, end: int) -> list[tuple[int, bytes]]:
        """Return id and bytes of documents of events [start, end) that may tell coordinates."""
        ...

    def add_places(self, submission_id: int, found: Mapping[str, tuple[float, float]]) -> None:
        """Keep coordinates that a document tells; where they are new, items wait for a new look."""
        ...

    def places(self, paths: Iterable[str]) -> dict[str, tuple[float, float]]:
        """Return latitude and longitude of the places among paths that have them."""
        ...

    def products(self, keys: Collection[bytes]) -> dict[bytes, str]:
        """Return the GTIN-14 of the items among keys that have one."""
        ...

    def touched_items(self, start: int, end: int) -> list[bytes]:
        """Return the items whose custody entries [start, end) may change, as they are named."""
        ...

    def touched_classes(self, start: int, end: int) -> list[bytes]:
        """Return the classes that entries [start, end) name."""
        ...

    def waiting_items(self, as_of_ms: int, limit: int) -> list[bytes]:
        """Return items that are due by as_of_ms or wait for a new look, and let them wait no more.

        Who takes them evaluates them in this transaction, which sets when they are due again.
        """
        ...

    def keys_after(self, key: bytes, limit: int) -> list[KnownKey]:
        """Return the next items and classes that have custody, by key."""
        ...

    def unjudged(self, keys: Collection[bytes]) -> set[bytes]:
        """Return the keys that custody rules do not judge: classes, assets and foreign names."""
        ...

    def histories(self, keys: Iterable[bytes], end: int) -> dict[bytes, list[Step]]:
        """Return all steps below end of items and, recursively, of containers that held them."""
        ...

    def parties_inside(self, containers: Collection[bytes], end: int) -> dict[bytes, set[bytes]]:
        """Return, by container, who issued, got or gave what entries below end packed into it."""
        ...

    def class_histories(self, keys: Collection[bytes], end: int) -> dict[bytes, list[Step]]:
        """Return all steps below end of classes, each with the quantity that it states of its."""
        ...

    def open_findings(self, keys: Collection[bytes]) -> list[OpenFinding]:
        """Return the open findings of items."""
        ...

    def write_states(self, states: Mapping[bytes, ItemState], due: Mapping[bytes, int]) -> None:
        """Write the states that are not stored yet as they are."""
        ...

    def write_stays(self, keys: Collection[bytes], rows: Iterable[StayRow]) -> None:
        """Replace the stays of keys where they are others."""
        ...

    def write_findings(
        self, changes: Sequence[FindingChange], index: int, at_ms: int, cap: int
    ) -> None:
        """Open, change and close findings; feeds are told in the same commit, `cap` of a kind."""
        ...


class StoredCustody(NamedTuple):
    """Everything that is stored of some keys; a state ends with its condition and due time."""

    states: set[tuple[Any, ...]]
    stays: set[StayRow]
    findings: set[OpenFinding]


class StoredFacts(NamedTuple):
    """Facts of events by index, without originals, and quantities by index and class."""

    facts: dict[int, EventFacts]
    quantities: dict[int, dict[bytes, float]]


class CustodyAuditStore(Protocol):
    """What an audit reads of custody."""

    def custody_progress(self) -> CustodyProgress:
        """Return how far custody is made."""
        ...

    def clock_before(self, end: int) -> int:
        """Return the time of the last clock entry below end, 0 when there is none."""
        ...

    def lagging(self, as_of_ms: int) -> int:
        """Return how many items wait to be evaluated again."""
        ...

    def class_keys(self, after: bytes, size: int, limit: int) -> list[bytes]:
        """Return the next classes, by key, that entries below size name."""
        ...

    def histories(self, keys: Iterable[bytes], end: int) -> dict[bytes, list[Step]]:
        """Return all steps below end of items and, recursively, of containers that held them."""
        ...

    def parties_inside(self, containers: Collection[bytes], end: int) -> dict[bytes, set[bytes]]:
        """Return, by container, who issued, got or gave what entries below end packed into it."""
        ...

    def class_histories(self, keys: Collection[bytes], end: int) -> dict[bytes, list[Step]]:
        """Return all steps below end of classes, each with the quantity that it states of its."""
        ...

    def unjudged(self, keys: Collection[bytes]) -> set[bytes]:
        """Return the keys that custody rules do not judge: classes, assets and foreign names."""
        ...

    def places(self, paths: Iterable[str]) -> dict[str, tuple[float, float]]:
        """Return latitude and longitude of the places among paths that have them."""
        ...

    def products(self, keys: Collection[bytes]) -> dict[bytes, str]:
        """Return the GTIN-14 of the items among keys that have one."""
        ...

    def stored(self, keys: Collection[bytes]) -> StoredCustody:
        """Return what is stored of items and classes."""
        ...

    def contents(self, start: int, end: int) -> list[tuple[int, bytes]]:
        """Return the contents of events [start, end) that are not erased, by index."""
        ...

    def documents(self, start: int, end: int) -> list[tuple[int, bytes]]:
        """Return id and bytes of documents of events [start, end) that may tell coordinates."""
        ...

    def stored_facts(self, start: int, end: int) -> StoredFacts:
        """Return facts and quantities that are stored of events [start, end), without originals."""
        ...

    def stored_places(self) -> dict[str, tuple[float, float]]:
        """Return all coordinates by path."""
        ...

    def strays(self) -> list[str]:
        """Return what is stored about keys that no entry names."""
        ...

    def wrong_originals(self) -> list[int]:
        """Return events of which the first of their eventID is stored wrongly."""
        ...

    def wrong_episodes(self) -> list[str]:
        """Return items of which an open finding and its open episode are not the same."""
        ...
