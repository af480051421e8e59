"""Names of C2SP tlog-tiles in URLs: `tile/{L}/{N}[.p/{W}]`, N in groups of three digits."""

import re
from typing import Final

from ledger.core.errors import MalformedError
from ledger.core.tiles import TILE_WIDTH

# C2SP tlog-tiles: L is 0 to 5 in practice, 63 by its grammar; an index is below 2^63.
MAX_LEVEL: Final = 63
MAX_INDEX: Final = 2**63 - 1
_LEVEL = re.compile(r"0|[1-9][0-9]?", re.ASCII)
_NAME = re.compile(r"((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII)


def parse_tile(level: str, name: str) -> tuple[int, int, int]:
    """Return level, index and width of a tile's name.

    Raises:
        MalformedError: It is not the one spelling of a tile.
    """
    match = _NAME.fullmatch(name)
    if not _LEVEL.fullmatch(level) or int(level) > MAX_LEVEL:
        raise MalformedError("level", f"is 0 to {MAX_LEVEL}", level)
    if match is None:
        raise MalformedError("tile", "is N as in x001/x234/067, perhaps with .p/W behind", name)
    groups, partial = match.groups()
    if groups.startswith("x000"):
        raise MalformedError("tile", "has no leading group x000", name)
    width = int(partial or TILE_WIDTH)
    if partial and width >= TILE_WIDTH:
        raise MalformedError("tile", f"has a partial width of 1 to {TILE_WIDTH - 1}", name)
    index = int(groups.replace("x", "").replace("/", ""))
    if index > MAX_INDEX:
        raise MalformedError("tile", f"has an index of at most {MAX_INDEX}", name)
    return int(level), index, width
