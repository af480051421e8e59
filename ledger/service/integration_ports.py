"""What integration needs from the store: one transaction that holds the sequencer's lock."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ledger.core.entries import Z
from ledger.service.case_ports import CaseTransaction
from ledger.service.custody_ports import CustodyTransaction
from ledger.service.map_ports import MapTransaction


@dataclass(frozen=True, slots=True, kw_only=True)
class LogState:
    """How far the log is: `sequenced` indexes are given, `integrated` leaves are in the tree.

    `map_size` of them are in the item map, whose root is map_root.
    """

    sequenced: int
    integrated: int
    root: bytes
    peaks: list[bytes]
    clock_ms: int
    map_size: int = 0
    map_root: bytes = Z


class IntegrationTransaction(CustodyTransaction, Protocol):
    """One transaction that takes sequenced entries into tree, item map and custody."""

    def state(self) -> LogState:
        """Return the log's state, locked."""
        ...

    def leaf_hashes(self, start: int, end: int) -> list[bytes]:
        """Return leaf hashes by index."""
        ...

    def tile(self, level: int, index: int) -> bytes:
        """Return the stored hashes of a tile, b"" when there is none."""
        ...

    def erase(self, start: int, end: int) -> None:
        """Destroy the content of the events that tombstones of entries [start, end) name."""
        ...

    def write_tiles(self, tiles: Sequence[tuple[int, int, bytes]]) -> None:
        """Insert or grow tiles."""
        ...

    def cases(self) -> CaseTransaction:
        """Return the cases' part of the transaction."""
        ...

    def item_map(self) -> MapTransaction:
        """Return the item map's part of the transaction."""
        ...

    def note_equivocations(self, start: int, end: int) -> None:
        """Write down the keys that entries [start, end) convict of a double spend."""
        ...

    def advance(self, integrated: int, root: bytes, peaks: Sequence[bytes]) -> None:
        """Set the integrated size, root and frontier."""
        ...
