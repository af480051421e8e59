"""What looking up needs from the outside, and the values it answers with."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ledger.core.custody.findings import Finding
from ledger.core.custody.state import ItemState, Status
from ledger.core.entries import Op
from ledger.service.ports import Head


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How many entries have reached each state; `accepted` submissions wait for their indexes.

    `mapped` entries are in the item map: as many as are integrated, but behind an upgrade.
    """

    accepted: int
    sequenced: int
    integrated: int
    mapped: int
    published: int
    anchored: int
    final: int

    def state(self, index: int) -> str:
        """Return the lifecycle word of a sequenced entry."""
        for word in ("final", "anchored", "published", "integrated"):
            if index < getattr(self, word):
                return word
        return "sequenced"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """What became of one event.

    `findings` are the open ones of custody with it in their evidence, `details` those of the
    document's check, as `ledger.service.findings` keeps them.
    """

    position: int
    verdict: str
    log_index: int | None
    code: str | None
    reason: str | None
    findings: Sequence[str]
    details: Sequence[Mapping[str, Any]] = ()
    event_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A capture job; `finished_ms` is the log's clock when it was sequenced.

    In a list `results` are the first rejected ones only.
    """

    digest: bytes
    created_ms: int
    finished_ms: int | None
    running: bool
    error_behaviour: str
    results: Sequence[JobResult]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemEvent:
    """One entry that names an item, and the address that signed it.

    `tombstone` is the log index of what says that its content is erased.
    """

    index: int
    op: Op
    time_ms: int
    signer: bytes = b""
    tombstone: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A registered party.

    `equivocated` has the log index from which each of its keys is known to have signed two owners
    for one token.
    """

    party: bytes
    path: str
    name: str
    active: bool
    keys: Sequence[tuple[bytes, bool]] = ()
    equivocated: Mapping[bytes, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A registered signing key and its party; `equivocated_at` as `Party.equivocated`."""

    address: bytes
    active: bool
    party: Party
    equivocated_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An item as the log knows it; inside a container, holder and status are the outermost's.

    `equivocated` has the keys that signed `events` and two owners for one token of any item, each
    with the log index from which that is known.
    """

    path: str
    key: bytes
    status: Status
    holder: Party | None
    shipped_to: Party | None
    container: str | None
    condition: str | None = None
    findings: Sequence[Finding]
    events: Sequence[ItemEvent]
    equivocated: Mapping[bytes, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFinding:
    """An open finding with the path of its item."""

    path: str
    finding: Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """When the oldest submission arrived that has no index yet, and that is not final yet."""

    unsequenced_ms: int | None
    unfinal_ms: int | None


class ReadStore(Protocol):
    """What is read; every method sees the database at one instant."""

    def sizes(self) -> Sizes:
        """Return how far the log is."""
        ...

    def registrar(self) -> bytes | None:
        """Return the address of the registrar, None while it is the genesis entry's."""
        ...

    def job(self, capture_id: bytes) -> Job | None:
        """Return the job whose submission digest begins with capture_id."""
        ...

    def jobs(self, before: bytes | None, limit: int) -> list[Job] | None:
        """Return jobs, newest first, from behind the one whose digest begins with `before`.

        None when there is no such job.
        """
        ...

    def item_events(self, key: bytes, after: int, limit: int) -> list[ItemEvent]:
        """Return entries that name an item, by index, from behind `after`."""
        ...

    def custody_upwards(self, key: bytes) -> list[ItemState]:
        """Return the state of an item, of its container, and so on to the outermost."""
        ...

    def item_paths(self, keys: Collection[bytes]) -> dict[bytes, str]:
        """Return the canonical paths of items by key."""
        ...

    def findings(
        self, *, code: str | None, item: bytes | None, after: tuple[bytes, str], limit: int
    ) -> list[FoundFinding]:
        """Return open findings by (item key, code), from behind `after`."""
        ...

    def parties(self, keys: Collection[bytes] | None = None) -> list[Party]:
        """Return parties, all of them or those named, by path, with their keys."""
        ...

    def key_party(self, address: bytes) -> tuple[bytes, bool] | None:
        """Return party and activity of a signing key."""
        ...

    def equivocations(self, addresses: Collection[bytes]) -> dict[bytes, int]:
        """Return the first log index by which each key had signed two owners for one token."""
        ...

    def head(self, size: int | None) -> Head | None:
        """Return the published head of a size, or the greatest."""
        ...

    def tile(self, level: int, index: int) -> bytes:
        """Return the stored hashes of a tile, b"" when there is none."""
        ...

    def backlog(self, final: int) -> Backlog:
        """Return what waits longest, final entries being those below `final`."""
        ...
