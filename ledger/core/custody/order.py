"""The order of steps: event time; at one instant, what can have come before what; then log index.

Some systems stamp a whole shift with one time. What happens at one instant is taken as it can have
been done, so that the order in which it was logged decides no finding.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final

from ledger.core.custody.steps import ROLE_INPUT, ROLE_OUTPUT, ROLE_PARENT, Step
from ledger.core.entries import Op, Z

_IN_LOG_ORDER: Final = attrgetter("time_ms", "log_index", "role", "item")
# What one party does at one instant: goods come, are repacked, go, are used up.
_ISSUED: Final = 0
_REPACKED: Final = 4
_RANKS: Final = {
    Op.COMMISSION: _ISSUED, Op.RECEIVE: 1, Op.UNPACK: 2, Op.PACK: 3, Op.HANDOFF: 5, Op.VOID: 6,
    Op.OBSERVE: 7, Op.OTHER: 7, Op.TRANSFORM: 8, Op.DISPENSE: 9, Op.DECOMMISSION: 10,
    Op.DESTROY: 11,
}  # fmt: skip
# They move nothing: what they say, and the order of it, decides no state.
_LOOKS: Final = frozenset([Op.OBSERVE, Op.OTHER])
_ITSELF: Final = b""
_Histories = Mapping[bytes, Sequence[Step]]


def in_order(steps: Iterable[Step], histories: _Histories) -> list[Step]:
    """Return steps as the fold takes them.

    Args:
        steps: Those of histories.
        histories: As `fold` takes them: the place of an item's steps follows from its history and
            those of its containers, whatever else is there.
    """
    ordered = sorted(steps, key=_IN_LOG_ORDER)
    if len({step.time_ms for step in ordered}) == len(ordered):
        return ordered
    found: list[Step] = []
    for _, group in groupby(ordered, key=attrgetter("time_ms")):
        instant = list(group)
        if instant[0].log_index != instant[-1].log_index:
            instant.sort(key=_Instant(instant, histories).place)
        found += instant
    return found


class _Instant:
    """Steps of one event time."""

    def __init__(self, steps: Sequence[Step], histories: _Histories) -> None:
        self._histories = histories
        self._inputs = {(s.item, s.log_index) for s in steps if s.role == ROLE_INPUT}
        self._handoffs: dict[bytes, list[Step]] = {}
        for step in steps:
            if step.op is Op.HANDOFF:
                self._handoffs.setdefault(step.item, []).append(step)
        self._depths: dict[bytes, dict[bytes, int]] = {}
        # By item, when it was first packed into each container, or as one itself.
        self._packed: dict[bytes, dict[bytes, int]] = {}

    def place(self, step: Step) -> tuple[object, ...]:
        """Return the sort key of a step: what is equal in all but the log index is one thing."""
        rank = self._rank(step)
        depth = 0 if rank == _ISSUED else self._depth(step)
        look = (
            (step.facts.disposition, step.facts.place) if step.op in _LOOKS and step.facts else ()
        )
        return (
            depth, rank, step.party, step.to_owner, step.to_possessor, step.parents, look,
            step.role, step.item, step.log_index,
        )  # fmt: skip

    def _rank(self, step: Step) -> int:
        if step.op is Op.TRANSFORM and step.role == ROLE_OUTPUT:
            is_reworked = (step.item, step.log_index) in self._inputs
            return _RANKS[step.op] if is_reworked else _ISSUED
        if step.op is Op.UNPACK and not self._was_packed_before(step):
            return _REPACKED
        return _RANKS[step.op]

    def _was_packed_before(self, step: Step) -> bool:
        """Was there a PACK, before the instant, of what step unpacks?"""
        if step.item not in self._packed:
            packed = self._packed[step.item] = {}
            for one in self._histories.get(step.item, ()):
                if one.op is Op.PACK:
                    for parent in one.parents or (_ITSELF,):
                        packed[parent] = min(one.time_ms, packed.get(parent, one.time_ms))
        packed = self._packed[step.item]
        parents = (_ITSELF,) if step.role == ROLE_PARENT else step.parents
        return any(packed.get(parent, step.time_ms) < step.time_ms for parent in parents)

    def _depth(self, step: Step) -> int:
        """Return after how many of the instant's shipments its party can have had the item."""
        if not self._handoffs:
            return 0
        if step.item not in self._depths:
            self._depths[step.item] = _depths(
                sent for item in self._above(step.item) for sent in self._handoffs.get(item, ())
            )
        return self._depths[step.item].get(step.party, 0)

    def _above(self, item: bytes) -> Iterator[bytes]:
        """Yield an item and every container that it was packed in."""
        seen = {item: None}
        waiting = [item]
        for key in waiting:  # grows while it is read
            yield key
            for step in self._histories.get(key, ()):
                waiting += [parent for parent in step.parents if parent not in seen]
                seen.update(dict.fromkeys(step.parents))


def _depths(shipments: Iterable[Step]) -> dict[bytes, int]:
    """Return how far down the chain of shipments each party is; empty where that is a circle."""
    given: dict[bytes, set[bytes]] = {}
    for sent in shipments:
        given.setdefault(sent.party, set()).update({sent.to_owner, sent.to_possessor} - {Z})
    for party, takers in given.items():
        takers.discard(party)
    incoming = Counter(taker for takers in given.values() for taker in takers)
    depths = dict.fromkeys([*given, *incoming], 0)
    ready = [party for party in given if not incoming[party]]
    for party in ready:  # grows while it is read
        for taker in given.get(party, ()):
            depths[taker] = max(depths[taker], depths[party] + 1)
            incoming[taker] -= 1
            if not incoming[taker]:
                ready.append(taker)
    return depths if len(ready) == len(depths) else {}
