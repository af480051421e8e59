"""Which entries the history of an item consists of (docs/spec/bundle.md).

An item's history is its chain, and the chains of its containers while they hold it. The whole chain
of a container is counted all the same: what lies outside the item's stay is told by its time.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import attrgetter
from typing import NamedTuple

from ledger.core.entries import FLAG_UNPACK_ALL, Op
from ledger.core.errors import MalformedError
from ledger.core.identifiers import item_key
from ledger.service.proof_ports import ChainLink

# docs/spec/bundle.md: a verifier takes no more.
MAX_CONTAINERS = 64
MAX_OUTSIDE = 100_000
AGGREGATION = frozenset([Op.PACK, Op.UNPACK])
_CHILD, _PARENT = 2, 1
Moment = tuple[int, int]
_FIRST: Moment = (-1, -1)
_LAST: Moment = (1 << 64, 1 << 64)
Links = Callable[[bytes], Sequence[ChainLink]]


@dataclass(slots=True)
class Scope:
    """The item and its containers, each with the times it is part of the history.

    Attributes:
        windows: By key; a container that was left before it came to hold the item has none.
        shown: Entries whose rows the history needs.
        outside: Entries of containers outside the item's stay, by index.
    """

    windows: dict[bytes, list[tuple[Moment, Moment]]] = field(default_factory=dict)
    shown: set[int] = field(default_factory=set)
    outside: dict[int, ChainLink] = field(default_factory=dict)

    def has(self, key: bytes, low: Moment, high: Moment) -> bool:
        """Tell whether everything about key from low to high is in already."""
        return any(start <= low and high <= end for start, end in self.windows.get(key, ()))


class _Stay(NamedTuple):
    """One stay of an item in a container, and the PACK that begins it."""

    parent: bytes
    start: Moment
    end: Moment
    pack: int


def collect(path: str, links: Links) -> Scope:
    """Take up an item's entries, and its containers' while they hold it.

    Attack: containers packed in circles. A container's times only shrink on the way up, so
    what is in already ends it; nested stays come largest first.

    Args:
        path: The item's canonical path.
        links: Returns the event entries that name a key, by index.

    Raises:
        MalformedError: More containers, or more entries apart, than a verifier takes.
    """
    links = lru_cache(maxsize=None)(links)
    scope = Scope()
    queue = deque([(bytes(item_key(path)), _FIRST, _LAST)])
    while queue:
        key, low, high = queue.popleft()
        if not scope.has(key, low, high):
            scope.windows.setdefault(key, []).append((low, high))
            queue += _entered(scope, _stays(key, links), low, high)
        if len(scope.windows) > MAX_CONTAINERS + 1:
            raise MalformedError("item", f"was in at most {MAX_CONTAINERS} containers", path)
    for key in scope.windows:
        _divide(scope, key, links(key))
    for index in scope.shown & scope.outside.keys():
        del scope.outside[index]
    if len(scope.outside) > MAX_OUTSIDE:
        rule = f"was in containers with at most {MAX_OUTSIDE} entries apart from it"
        raise MalformedError("item", rule, path)
    return scope


def _entered(
    scope: Scope, stays: Iterable[_Stay], low: Moment, high: Moment
) -> Iterator[tuple[bytes, Moment, Moment]]:
    """Take up the stays that begin up to high; yield (container, start, end) of their overlap."""
    for stay in stays:
        if stay.start > high:
            return
        scope.shown.add(stay.pack)
        scope.windows.setdefault(stay.parent, [])
        start, end = max(low, stay.start), min(high, stay.end)
        if start <= end:
            yield stay.parent, start, end
        else:
            scope.shown.add(stay.end[1])  # only it shows that the container was left before


def _divide(scope: Scope, key: bytes, links: Iterable[ChainLink]) -> None:
    """Part a chain in what is shown and what is outside.

    Attack: a PACK before the end of the item's last stay may have put the container into another
    one, an UNPACK may have ended that. Only rows tell, so their rows are shown wherever they lie.
    """
    windows = scope.windows[key]
    end = max((high for _, high in windows), default=_FIRST)
    for link in links:
        moment = _moment(link)
        if any(low <= moment <= high for low, high in windows) or (
            link.op in AGGREGATION and moment <= end
        ):
            scope.shown.add(link.index)
        else:
            scope.outside[link.index] = link


def _moment(link: ChainLink) -> Moment:
    return (link.time_ms, link.index)


def _stays(key: bytes, links: Links) -> list[_Stay]:
    """Return every stay of key, in order: to the first UNPACK of key or unpack-all of its parent.

    The entries that end one are in scope while the container is, or nothing depends on them.
    """
    own = [link for link in links(key) if (key, _CHILD) in link.items]
    taken_out = sorted(_moment(link) for link in own if link.op == Op.UNPACK)
    emptied = lru_cache(maxsize=None)(lambda parent: _emptied(parent, links(parent)))
    stays = []
    for pack in own:
        for parent in _parents(pack) if pack.op == Op.PACK else ():
            start = _moment(pack)
            end = min(_first_after(start, taken_out), _first_after(start, emptied(parent)))
            stays.append(_Stay(parent, start, end, pack.index))
    return sorted(stays, key=attrgetter("start"))


def _emptied(parent: bytes, links: Iterable[ChainLink]) -> list[Moment]:
    unpacked = (link for link in links if link.op == Op.UNPACK and link.flags & FLAG_UNPACK_ALL)
    return sorted(_moment(link) for link in unpacked if parent in _parents(link))


def _parents(link: ChainLink) -> list[bytes]:
    return [item for item, role in link.items if role == _PARENT]


def _first_after(start: Moment, moments: Sequence[Moment]) -> Moment:
    place = bisect_right(moments, start)
    return moments[place] if place < len(moments) else _LAST
