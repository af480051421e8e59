"""What evidence needs of the item map (docs/spec/item-map.md)."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol


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
