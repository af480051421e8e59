"""Step `scope` of docs/spec/bundle.md: every event of a bundle belongs to its item's history."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

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

    when: tuple[float, float]
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """A child's time in a parent, both ends included."""

    child: str
    parent: str
    since: tuple[float, float]
    until: tuple[float, float]


def verify_scope(item: str, containers: Sequence[str], acts: Sequence[Act]) -> None:
    """Every event names the item, something inside a container, or a container that holds it.

    Raises:
        RefusedError: a container that never held the item, or an event outside the history.
    """
    stays = find_stays(acts)
    reached = holders(item, stays, None)
    for container in containers:
        if container not in reached:
            raise RefusedError(f"container {container!r} is in no PACK that leads to the item")
    for place, act in enumerate(acts):
        paths = {path for _, path in act.named}
        if item in paths or (act.parents and act.children):
            continue
        if not paths & holders(item, stays, act.when):
            raise RefusedError(f"events[{place}] names nothing that holds the item at its time")


def find_stays(acts: Sequence[Act]) -> list[Stay]:
    """From each PACK to the UNPACK that names the child, or unpacks all of the parent."""
    order = sorted(acts, key=lambda act: act.when)
    stays = []
    for place, pack in enumerate(order):
        if pack.op != Op.PACK:
            continue
        for child in pack.children:
            for parent in pack.parents:
                ends = (act.when for act in order[place:] if _ends(act, child, parent))
                until = next(ends, (inf, inf))
                stays.append(Stay(child=child, parent=parent, since=pack.when, until=until))
    return stays


def holders(item: str, stays: Sequence[Stay], when: tuple[float, float] | None) -> set[str]:
    """Every container around the item at a time, or ever when no time is given."""
    inside = {item}
    queue = [item]
    while queue:
        child = queue.pop()
        for stay in stays:
            now = when is None or stay.since <= when <= stay.until
            if stay.child == child and now and stay.parent not in inside:
                inside.add(stay.parent)
                queue.append(stay.parent)
    return inside - {item}


def _ends(act: Act, child: str, parent: str) -> bool:
    if act.op != Op.UNPACK:
        return False
    return child in act.children or bool(act.flags & FLAG_UNPACK_ALL and parent in act.parents)
