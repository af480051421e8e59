"""What integration needs from the store: one transaction that holds the sequencer's lock."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ledger.core.custody.findings import Finding
from ledger.core.custody.state import ItemState
from ledger.core.custody.steps import Step
from ledger.core.entries import Z
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


class IntegrationTransaction(Protocol):
    """One transaction that takes sequenced entries into tree and custody."""

    def state(self) -> LogState:
        """Return the log's state, locked."""
        ...

    def leaf_hashes(self, start: int, end: int) -> list[bytes]:
        """Return leaf hashes by index."""
        ...

    def tile(self, level: int, index: int) -> bytes:
        """Return the stored hashes of a tile, b"" when there is none."""
        ...

    def touched_items(self, start: int, end: int) -> set[bytes]:
        """Return the items whose custody entries [start, end) may change."""
        ...

    def unjudged(self, keys: Collection[bytes]) -> set[bytes]:
        """Return the keys that custody rules do not judge: classes, assets and foreign names."""
        ...

    def histories(self, keys: Iterable[bytes]) -> dict[bytes, list[Step]]:
        """Return all steps of items and, recursively, of the containers that held them."""
        ...

    def erase(self, start: int, end: int) -> None:
        """Destroy the content of the events that tombstones of entries [start, end) name."""
        ...

    def write_tiles(self, tiles: Sequence[tuple[int, int, bytes]]) -> None:
        """Insert or grow tiles."""
        ...

    def write_custody(
        self, keys: Collection[bytes], states: Mapping[bytes, ItemState], found: Sequence[Finding]
    ) -> None:
        """Replace states and findings of keys."""
        ...

    def item_map(self) -> MapTransaction:
        """Return the item map's part of the transaction."""
        ...

    def advance(self, integrated: int, root: bytes, peaks: Sequence[bytes]) -> None:
        """Set the integrated size, root and frontier."""
        ...
