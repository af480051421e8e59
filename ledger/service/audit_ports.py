"""What an audit needs from the outside: rows as they are stored, and the records of the chain."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

from ledger.core.audit_signatures import SignedEntry
from ledger.core.rights import Registrars
from ledger.service.case_ports import CaseAudit
from ledger.service.custody_ports import CustodyAuditStore
from ledger.service.map_ports import MapRecords
from ledger.service.ports import Head

Row = tuple[Any, ...]


class Extent(NamedTuple):
    """What the log says of itself, and how much the tables hold; peaks are joined."""

    sequenced: int
    integrated: int
    root: bytes
    peaks: bytes
    clock_ms: int
    entries: int
    last_submission: int
    tiles: int
    last_head: int


class AuditBody(NamedTuple):
    """One entry beside its stored content, None where none is stored, and its item rows.

    An item row is (row_index, item_key, role, spends or None, path or None), by row_index.
    """

    log_index: int
    kind: int
    entry: bytes
    party: bytes | None
    event_digest: bytes | None
    content: bytes | None
    sealed_secret: bytes | None
    items_secret: bytes | None
    items: list[Row]


class AuditSubmission(NamedTuple):
    """One stored submission; document is None for the registrar's facts.

    Without a sealed part it is erased; `is_erased` tells whether it sent an event that a tombstone
    names.
    """

    id: int
    digest: bytes
    signer: bytes
    party: bytes
    signature: bytes
    issued_ms: int
    doc_hash: bytes
    sealed: bytes | None
    document: bytes | None
    is_erased: bool


class AnchorFact(NamedTuple):
    """A head that the ledger holds to be final on its chain."""

    size: int
    root: bytes
    map_root: bytes


class AuditStore(CaseAudit, Protocol):
    """One snapshot of the log's storage."""

    def snapshot(self) -> str:
        """Return the name by which other processes open the same snapshot."""
        ...

    def extent(self) -> Extent:
        """Return how far the log says that it is, and what the tables hold."""
        ...

    def facts(self, size: int) -> Iterator[tuple[int, bytes]]:
        """Return genesis, party and key facts below size, by index."""
        ...

    def signed(self, start: int, end: int) -> list[SignedEntry]:
        """Return entries [start, end) with the submissions that signed them."""
        ...

    def bodies(self, start: int, end: int) -> Iterator[AuditBody]:
        """Yield entries [start, end), each with its content and item rows, if any."""
        ...

    def submissions(self, start: int, end: int) -> Iterator[AuditSubmission]:
        """Yield submissions with ids [start, end)."""
        ...

    def tiles(self, level: int, start: int, end: int) -> dict[int, bytes]:
        """Return stored tiles [start, end) of a level by index."""
        ...

    def heads(self, start: int, end: int) -> list[Head]:
        """Return heads with sizes [start, end), by size."""
        ...

    def final_anchors(self) -> list[AnchorFact]:
        """Return what the ledger holds to be final on its chain, by size."""
        ...

    def directory(self) -> tuple[Mapping[bytes, Row], Mapping[bytes, Row]]:
        """Return derived parties (path, name, active) and keys (party, active)."""
        ...

    def office_and_tombstones(self) -> tuple[Registrars, Mapping[int, int]]:
        """Return derived registrars behind the genesis one, and tombstones by erased index."""
        ...

    def mismatched_results(self) -> list[Row]:
        """Return (index, sentence) of answers and entries that do not fit each other."""
        ...

    def stray_equivocations(self, size: int) -> list[Row]:
        """Return (address, index) that the keys shown as cheats have and the log has not, or so."""
        ...

    def stray_bodies(self) -> list[Row]:
        """Return (what, index) of contents and item rows of indexes that have no entry."""
        ...

    def item_keys(self, after: bytes, below: bytes | None, size: int, limit: int) -> list[bytes]:
        """Return the next items, by key, that entries below size name as objects."""
        ...

    def item_map(self) -> MapRecords:
        """Return what the snapshot holds of the item map."""
        ...

    def custody_audit(self) -> CustodyAuditStore:
        """Return what is derived of custody, and what it is made from."""
        ...


OpenStore = Callable[[str | None], AbstractContextManager[AuditStore]]
"""Opens a new snapshot (None) or a named one; pickled into worker processes."""


class AnchorRecords(Protocol):
    """What the log's home contract says."""

    def verify_code(self) -> None:
        """Raise unless the contract at the address is the anchor contract."""
        ...

    def head(self) -> tuple[int, bytes] | None:
        """Return size and root of the last head, None when the log is not open there."""
        ...

    def record(self, size: int) -> bytes | None:
        """Return the record of a size, None when it was never anchored."""
        ...
