"""What evidence needs of the item map (docs/spec/item-map.md)."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

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
    """The item map as it was at a published head, not older than the greatest final one."""

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
