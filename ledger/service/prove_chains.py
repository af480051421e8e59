"""Which entries the history of an item consists of (docs/spec/bundle.md).

An item's history is its chain, and the chains of its containers while they hold it. The whole chain
of a container is counted all the same: what lies outside the item's stay is told by its time.

Attack: anybody may log a PACK of an item, at any time, into any container. Containers beyond what a
verifier takes are left undisclosed, those logged last first; the item's own chain stays proved.
Cost: each chain is read once and kept; times of one container are merged before they go up.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from ledger.core.entries import FLAG_UNPACK_ALL, Op
from ledger.core.identifiers import item_key
from ledger.service.proof_ports import ChainLink

# docs/spec/bundle.md: a verifier takes no more; of entries it takes as many in each list.
MAX_CONTAINERS = 64
MAX_ENTRIES = 100_000
AGGREGATION = frozenset([Op.PACK, Op.UNPACK])
_CHILD, _PARENT = 2, 1
Moment = tuple[int, int]
Span = tuple[Moment, Moment]
"""A time, from one moment to another, both included."""
_FIRST: Moment = (-1, -1)
_LAST: Moment = (1 << 64, 1 << 64)
Links = Callable[[bytes], Sequence[ChainLink]]


@dataclass(slots=True)
class Scope:
    """The item and its containers, each with the times it is part of the history.

    Attributes:
        windows: By key, in order and apart; a container that was left before it came to hold the
            item has none.
        shown: Entries whose rows the history needs.
        outside: Entries of containers outside the item's stay, by index.
    """

    windows: dict[bytes, list[Span]] = field(default_factory=dict)
    shown: set[int] = field(default_factory=set)
    outside: dict[int, ChainLink] = field(default_factory=dict)

    def widen(self, key: bytes, spans: Iterable[Span]) -> list[Span]:
        """Take up times of key; return those that are not in already, in order and apart."""
        known = self.windows.get(key, [])
        fresh = [span for span in _merged(spans) if not _within(known, *span)]
        self.windows[key] = _merged([*known, *fresh])
        return fresh


def collect(path: str, links: Links) -> Scope:
    """Take up an item's entries, and its containers' while they hold it.

    Attack: containers packed in circles. A container's times only shrink on the way up, so
    what is in already ends it.

    Args:
        path: The item's canonical path.
        links: Returns the event entries that name a key, by index.
    """
    scope, chains, key = Scope(), _Chains(links), bytes(item_key(path))
    chains.has(key)
    pending: dict[bytes, list[Span]] = {key: [(_FIRST, _LAST)]}
    while pending:
        pending = _above(scope, chains, pending)
    for key, windows in scope.windows.items():
        if windows:
            _show_left(scope, chains, key, windows[-1][0])
        _divide(scope, windows, chains.links(key))
    for index in scope.shown & scope.outside.keys():
        del scope.outside[index]
    return scope


def _above(
    scope: Scope, chains: "_Chains", pending: Mapping[bytes, Iterable[Span]]
) -> dict[bytes, list[Span]]:
    """Take up times of some keys; return those of the containers that held them then."""
    above: dict[bytes, list[Span]] = {}
    for key, spans in pending.items():
        if fresh := scope.widen(key, spans):
            for parent, inside in _entered(chains, key, fresh):
                scope.windows.setdefault(parent, [])
                if inside:
                    above.setdefault(parent, []).extend(inside)
    return above


def _entered(
    chains: "_Chains", key: bytes, fresh: Sequence[Span]
) -> Iterator[tuple[bytes, list[Span]]]:
    """Yield each container that key was put into up to the end of fresh times, and when it held it.

    That is never where it was left before them: the container is named all the same.
    """
    until = fresh[-1][1]
    for parent in chains.parents(key, until):
        yield parent, _overlap(fresh, _merged(chains.stays(key, parent)))


def _show_left(scope: Scope, chains: "_Chains", key: bytes, last: Moment) -> None:
    """Show what ended stays before key came to be in scope: only it says that they were left."""
    for parent in chains.parents(key, last):
        scope.shown.update(end[1] for _, end in chains.stays(key, parent) if end < last)


def _divide(scope: Scope, windows: Sequence[Span], links: Iterable[ChainLink]) -> None:
    """Part a chain in what is shown and what is outside.

    Attack: a PACK before the end of the item's last stay may have put the container into another
    one, an UNPACK may have ended that. Only rows tell, so their rows are shown wherever they lie.
    """
    end = windows[-1][1] if windows else _FIRST
    for link in links:
        moment = _moment(link)
        if _within(windows, moment, moment) or (link.op in AGGREGATION and moment <= end):
            scope.shown.add(link.index)
        else:
            scope.outside[link.index] = link


class _Chains:
    """The chains of the item and of the containers that fit into its evidence, and their stays."""

    def __init__(self, links: Links) -> None:
        self._read = links
        self._room = MAX_ENTRIES
        self._links: dict[bytes, Sequence[ChainLink] | None] = {}
        self._packs: dict[bytes, list[tuple[ChainLink, bytes]]] = {}
        self._stays: dict[tuple[bytes, bytes], list[Span]] = {}
        self._emptied: dict[bytes, list[Moment]] = {}

    def has(self, key: bytes) -> bool:
        """Tell whether a chain is in, taking it in while there is room; the first always is.

        One that did not fit counts as well: who logs PACKs decides how many are read.
        """
        if key not in self._links and len(self._links) <= MAX_CONTAINERS:
            links = self._read(key)
            fits = not self._links or len(links) <= self._room
            self._links[key] = links if fits else None
            self._room -= len(links) if fits else 0
        return self._links.get(key) is not None

    def links(self, key: bytes) -> Sequence[ChainLink]:
        """Return the chain of a key that is in."""
        return self._links[key] or ()

    def parents(self, key: bytes, until: Moment) -> list[bytes]:
        """Return the containers that are in and that key was put into up to a moment.

        By index of the PACK, so that what is logged later takes none of them away.
        """
        if key not in self._packs:
            self._packs[key] = [
                (link, parent)
                for link in self.links(key)
                if link.op == Op.PACK and (key, _CHILD) in link.items
                for parent in _parents(link)
            ]
        put = dict.fromkeys(parent for link, parent in self._packs[key] if _moment(link) <= until)
        return [parent for parent in put if self.has(parent)]

    def stays(self, key: bytes, parent: bytes) -> list[Span]:
        """Return every stay of key in a parent: to the first UNPACK of it or unpack-all of that.

        The entries that end one are in scope while the container is, or nothing depends on them.
        """
        if (key, parent) not in self._stays:
            own = (link for link in self.links(key) if (key, _CHILD) in link.items)
            taken_out = sorted(_moment(link) for link in own if link.op == Op.UNPACK)
            emptied = self._moments_emptied(parent)
            starts = [_moment(link) for link, into in self._packs[key] if into == parent]
            self._stays[key, parent] = [
                (start, min(_first_after(start, taken_out), _first_after(start, emptied)))
                for start in starts
            ]
        return self._stays[key, parent]

    def _moments_emptied(self, parent: bytes) -> list[Moment]:
        if parent not in self._emptied:
            self._emptied[parent] = sorted(
                _moment(link)
                for link in self.links(parent)
                if link.op == Op.UNPACK and link.flags & FLAG_UNPACK_ALL
                and parent in _parents(link)
            )  # fmt: skip
        return self._emptied[parent]


def _merged(spans: Iterable[Span]) -> list[Span]:
    """Return the same times in order and apart."""
    merged: list[Span] = []
    for low, high in sorted(spans):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


def _within(spans: Sequence[Span], low: Moment, high: Moment) -> bool:
    """Tell whether one of spans, in order and apart, has all from low to high."""
    place = bisect_right(spans, low, key=itemgetter(0)) - 1
    return place >= 0 and high <= spans[place][1]


def _overlap(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """Return the times that are in both, each in order and apart."""
    both, place = list[Span](), 0
    for low, high in one:
        place = bisect_left(other, low, lo=place, key=itemgetter(1))
        for at in range(place, len(other)):
            if other[at][0] > high:
                break
            both.append((max(low, other[at][0]), min(high, other[at][1])))
    return both


def _moment(link: ChainLink) -> Moment:
    return (link.time_ms, link.index)


def _parents(link: ChainLink) -> list[bytes]:
    return [item for item, role in link.items if role == _PARENT]


def _first_after(start: Moment, moments: Sequence[Moment]) -> Moment:
    place = bisect_right(moments, start)
    return moments[place] if place < len(moments) else _LAST
