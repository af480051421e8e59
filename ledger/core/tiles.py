"""C2SP tlog-tiles coordinates: 256 hashes a tile, level l of tiles = level 8 l of the tree.

A tile row holds the hashes of nodes (8 l, 256 n) onwards; a full one never changes again.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache

from ledger.core.errors import InvariantError
from ledger.core.merkle import HASH_SIZE, ReadNode, node_hash

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
# Expanded tiles kept for proofs: 16 kB each, so 64 MB; the upper levels of any log always fit.
CACHED_TILES = 4096

ReadTile = Callable[[int, int], bytes]


def expand(hashes: bytes) -> list[list[bytes]]:
    """Return the complete nodes of one tile by relative level, 0 upwards to at most 8."""
    level = [hashes[i : i + HASH_SIZE] for i in range(0, len(hashes), HASH_SIZE)]
    levels = [level]
    while len(level) > 1:
        level = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        levels.append(level)
    return levels


class TileReader:
    """Reads tree nodes from tiles; keeps expanded tiles, immutable at a given width."""

    def __init__(self, read_tile: ReadTile) -> None:
        """Take the function that returns the stored hashes of tile (level, index)."""
        self._read_tile = read_tile
        self._nodes = lru_cache(maxsize=CACHED_TILES)(self._expand)

    def _expand(self, level: int, index: int, width: int) -> list[list[bytes]]:
        hashes = self._read_tile(level, index)[: width * HASH_SIZE]
        if len(hashes) != width * HASH_SIZE:
            raise InvariantError(f"tile {level}/{index} has not {width} hashes")
        return expand(hashes)

    def at(self, size: int) -> ReadNode:
        """Return the node reader of the log's first size leaves."""

        def read(level: int, index: int) -> bytes:
            tile_level, inner = divmod(level, TILE_HEIGHT)
            tile, offset = divmod(index << inner, TILE_WIDTH)
            width = min(TILE_WIDTH, (size >> tile_level * TILE_HEIGHT) - tile * TILE_WIDTH)
            return self._nodes(tile_level, tile, width)[inner][offset >> inner]

        return read


def completed_tiles(
    size: int, leaves: list[bytes], edge: Callable[[int], bytes]
) -> Iterator[tuple[int, int, bytes]]:
    """Yield (level, index, hashes) of every tile that leaves appended at size touch.

    Args:
        size: Leaves in the log before.
        leaves: Leaf hashes that follow.
        edge: Returns the stored hashes of the right-most, not full tile of a level, or b"".
    """
    level, start, nodes = 0, size, leaves
    while nodes:
        first, kept = divmod(start, TILE_WIDTH)
        hashes = (edge(level) if kept else b"")[: kept * HASH_SIZE] + b"".join(nodes)
        width = TILE_WIDTH * HASH_SIZE
        parents = []
        for i in range(0, len(hashes), width):
            tile = hashes[i : i + width]
            yield level, first + i // width, tile
            if len(tile) == width:
                parents.append(expand(tile)[-1][0])
        level, start, nodes = level + 1, first, parents


def tile_name(index: int, width: int) -> str:
    """Return the C2SP name of a tile: digits in groups of three, `.p/W` when it is not full."""
    *groups, last = [index // 1000**i % 1000 for i in range((len(str(index)) - 1) // 3, -1, -1)]
    name = "".join(f"x{group:03d}/" for group in groups) + f"{last:03d}"
    return name if width == TILE_WIDTH else f"{name}.p/{width}"
