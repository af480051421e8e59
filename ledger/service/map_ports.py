"""What evidence needs of the item map (docs/spec/item-map.md)."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from ledger.core.map_pages import Changes


@dataclass(frozen=True, slots=True, kw_only=True)
class MapPath:
    """Where the path of a key ends: siblings from root to leaf.

    `terminal` is (key', value') of another key's leaf that the path of an absent key ends in; None
    for a member, and for an absent key whose path ends in an empty subtree.
    """

    siblings: tuple[bytes, ...]
    terminal: tuple[bytes, bytes] | None = None


class MapReader(Protocol):
    """The item map as it was at a published head, not older than the last but one final one."""

    def chain(self, key: bytes, size: int) -> list[tuple[int, bytes]]:
        """Return (log index, leaf hash) of every entry below size that the map function gives key.

        In order of index; empty when there is none.
        """
        ...

    def paths(self, keys: Collection[bytes], size: int) -> dict[bytes, MapPath]:
        """Return the path of each key in the map at size, members and absent ones alike.

        Raises:
            NotFoundError: That version of the map is not kept.
        """
        ...


class MapTransaction(Protocol):
    """The item map's part of an integration transaction."""

    def lock(self) -> None:
        """Let no head be published until the transaction ends: versions are kept for heads."""
        ...

    def clear(self) -> Sequence[int]:
        """Forget the map; return the sizes whose versions are to be made again, by size."""
        ...

    def facts(self, start: int, end: int) -> list[tuple[int, bytes]]:
        """Return (index, entry) of party, key and tombstone facts in [start, end), in order."""
        ...

    def named(self, start: int, end: int) -> list[tuple[int, bytes]]:
        """Return (index, item key) of the item rows in [start, end), in order, repeats adjacent."""
        ...

    def pages(self, prefixes: Collection[bytes]) -> dict[bytes, bytes]:
        """Return the newest version of those pages that there are."""
        ...

    def write(self, changes: Changes, size: int, steps: Iterable[tuple[bytes, int]]) -> None:
        """Write the pages that hold from size on, steps of facts, and the map's new state."""
        ...


class MapState(NamedTuple):
    """How far the log is in the item map, its root there, and how many keys it holds."""

    size: int
    root: bytes
    keys: int


class NamedStep(NamedTuple):
    """One step of a key's chain: the entry's log index and the leaf hash of its bytes."""

    log_index: int
    key: bytes
    leaf: bytes


class MapRecords(Protocol):
    """What one snapshot of the store holds of the map, and of the entries that it is made from."""

    def state(self) -> MapState:
        """Return how far the map says that it is."""
        ...

    def claims(self) -> list[tuple[int, bytes]]:
        """Return (size, map root) of every published head, by size."""
        ...

    def kept(self) -> Sequence[int]:
        """Return the sizes of the heads that the map is served at."""
        ...

    def facts(self) -> list[tuple[int, bytes, bytes]]:
        """Return (index, entry, leaf hash) of party, key and tombstone facts, by index."""
        ...

    def named(self, index: int) -> set[bytes]:
        """Return the item keys of an entry."""
        ...

    def entries(self, slot: int, size: int) -> Iterator[NamedStep]:
        """Yield the steps below size by item rows, of keys that begin with a nibble, by index."""
        ...

    def fact_steps(self, slot: int) -> list[tuple[bytes, int]]:
        """Return the stored (key, index) of steps by facts, of keys that begin with a nibble."""
        ...

    def pages(self, prefixes: Collection[bytes], size: int) -> dict[bytes, bytes]:
        """Return the versions of pages that hold at size."""
        ...

    def part(self, slot: int, size: int) -> Iterator[tuple[bytes, bytes]]:
        """Yield (prefix, page) of all pages below a nibble that hold at size."""
        ...
