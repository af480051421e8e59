"""Step `scope` of docs/spec/bundle.md: every event of a bundle belongs to its item's history."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from unbroken_verifier.errors import RefusedError
from unbroken_verifier.event import CHILD, PARENT
from unbroken_verifier.operation import FLAG_UNPACK_ALL, Op


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
    def children(self) -> set[str]:
        """Paths named as children."""
        return {path for role, path in self.named if role == CHILD}

    @property
    def parents(self) -> set[str]:
        """Paths named as parent."""
        return {path for role, path in self.named if role == PARENT}


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


def verify_scope(item: str, containers: Sequence[str], acts: Sequence[Act]) -> None:
    """Every event names the item, something inside a container, or a container that holds it.

    Raises:
        RefusedError: a container that never held the item, or an event outside the history.
    """
    ever = Packed()
    for act in acts:
        if act.op == Op.PACK:
            ever.pack(act)
    reached = ever.holders(item)
    for container in containers:
        if container not in reached:
            raise RefusedError(f"container {container!r} is in no PACK that leads to the item")
    _verify_times(item, acts)


def _verify_times(item: str, acts: Sequence[Act]) -> None:
    # One pass: stays compared with events pair by pair let a small bundle cost minutes.
    packed = Packed()
    holders: set[str] = set()
    for place, act in sorted(enumerate(acts), key=lambda placed: placed[1].when):
        if act.op == Op.PACK:  # a stay includes both of its ends
            packed.pack(act)
            holders = packed.holders(item)
        paths = {path for _, path in act.named}
        known = item in paths or (act.parents and act.children)
        if not known and not paths & holders:
            raise RefusedError(f"events[{place}] names nothing that holds the item at its time")
        if act.op == Op.UNPACK:
            packed.unpack(act)
            holders = packed.holders(item)
