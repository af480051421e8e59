"""Step `scope` of docs/spec/bundle.md: every event of a bundle belongs to its item's history."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from unbroken_verifier.errors import RefusedError
from unbroken_verifier.event import CHILD, PARENT
from unbroken_verifier.operation import FLAG_UNPACK_ALL, Op

MOVES = (Op.PACK, Op.UNPACK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What one event does to the item and containers of the bundle.

    Attributes:
        when: (event time, log index); custody order.
        named: disclosed (role, path).
    """

    when: tuple[int, int]
    op: int
    flags: int
    named: frozenset[tuple[int, str]]

    @property
    def index(self) -> int:
        """Log index."""
        return self.when[1]

    @property
    def children(self) -> set[str]:
        """Paths named as children."""
        return {path for role, path in self.named if role == CHILD}

    @property
    def parents(self) -> set[str]:
        """Paths named as parent."""
        return {path for role, path in self.named if role == PARENT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """An entry that is said to be outside the item's stay in its containers."""

    when: tuple[int, int]
    op: int
    containers: frozenset[str]

    @property
    def index(self) -> int:
        """Log index."""
        return self.when[1]


@dataclass(slots=True)
class Packed:
    """Who is in whom while the events pass in custody order.

    Attributes:
        parents: child to the parents that it is in.
    """

    parents: dict[str, set[str]] = field(default_factory=dict)

    def pack(self, act: Act) -> None:
        """Every child of the event is in its parents."""
        for child in act.children:
            self.parents.setdefault(child, set()).update(act.parents)

    def unpack(self, act: Act) -> None:
        """The children named are in nothing; with flag bit 1 nothing is in the parent."""
        for child in act.children:
            self.parents.pop(child, None)
        if act.flags & FLAG_UNPACK_ALL:
            for parents in self.parents.values():
                parents.difference_update(act.parents)

    def holders(self, item: str) -> set[str]:
        """Every container around the item, directly or through others."""
        found: set[str] = set()
        queue = [item]
        while queue:
            new = self.parents.get(queue.pop(), set()) - found
            found |= new
            queue += new
        return found - {item}


def verify_scope(
    item: str, containers: Sequence[str], acts: Sequence[Act], outside: Sequence[Outside] = ()
) -> None:
    """Every event is part of the item's history, and every sketch is none.

    An event names the item, or a container that holds it then, or packs or unpacks a container:
    only its rows tell whether that was the parent or the child.

    Raises:
        RefusedError: a container that never held the item, or one of these does not hold.
    """
    ever = Packed()
    for act in acts:
        if act.op == Op.PACK:
            ever.pack(act)
    reached = ever.holders(item)
    for container in containers:
        if container not in reached:
            raise RefusedError(f"container {container!r} is in no PACK that leads to the item")
    _verify_times(item, acts, outside)


def _verify_times(item: str, acts: Sequence[Act], outside: Sequence[Outside]) -> None:
    # One pass: stays compared with events pair by pair let a small bundle cost minutes.
    timeline = _Timeline(item)
    steps: list[Act | Outside] = sorted([*acts, *outside], key=lambda step: step.when)
    for step in steps:
        if isinstance(step, Outside):
            timeline.leave_out(step)
        else:
            timeline.take(step)


@dataclass(slots=True)
class _Timeline:
    """The item and what holds it, while events and sketches pass in custody order.

    Attributes:
        moves: container to the first sketch so far that packs or unpacks.
    """

    item: str
    packed: Packed = field(default_factory=Packed)
    holders: set[str] = field(default_factory=set)
    moves: dict[str, int] = field(default_factory=dict)

    def take(self, act: Act) -> None:
        if act.op == Op.PACK:  # a stay includes both of its ends
            self.packed.pack(act)
            self.holders = self.packed.holders(self.item)
        paths = {path for _, path in act.named}
        if self.item not in paths and act.op not in MOVES and not paths & self.holders:
            raise RefusedError(f"index {act.index} names nothing that holds the item at its time")
        # Attack: a PACK that is not shown put the container into another, an UNPACK took it out.
        if unclear := self.moves.keys() & self.holders:
            index = min(self.moves[container] for container in unclear)
            raise RefusedError(f"index {index} is outside, but packs or unpacks a container")
        if act.op == Op.UNPACK:
            self.packed.unpack(act)
            self.holders = self.packed.holders(self.item)

    def leave_out(self, sketch: Outside) -> None:
        if sketch.containers & self.holders:
            raise RefusedError(f"index {sketch.index} is outside, but the item is in its container")
        if sketch.op in MOVES:
            for container in sketch.containers:
                self.moves.setdefault(container, sketch.index)
