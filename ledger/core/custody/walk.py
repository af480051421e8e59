"""The walk: which entries count for which item, in what order (formats sections 7 and 10).

An item in a container goes where the container goes, without being named; containment is an
interval of time. A voided entry stays in the log and leaves the fold.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain, islice
from operator import attrgetter

from ledger.core.custody.order import in_order
from ledger.core.custody.steps import MAX_NESTING, MAX_OPEN, ROLE_CHILD, ROLE_PARENT, Step
from ledger.core.entries import FLAG_ERROR_DECLARATION, FLAG_UNPACK_ALL, Op, Z

# What a container does for everything in it; its end is not its contents' end.
_SHARED = frozenset([Op.HANDOFF, Op.RECEIVE, Op.VOID])
_REPACKS = frozenset([Op.PACK, Op.UNPACK])


class Boxes:
    """Which item is in which container at the moment that the walk has reached."""

    def __init__(self) -> None:
        self.parent: dict[bytes, bytes] = {}
        self._children: dict[bytes, dict[bytes, None]] = {}

    def put(self, child: bytes, parent: bytes) -> None:
        """Put child into parent, unless that closes a circle or nests too deep."""
        above: bytes | None = parent
        for _ in range(MAX_NESTING):
            if above is None or above == child:
                break
            above = self.parent.get(above)
        if above is None:
            self.take(child)
            self.parent[child] = parent
            self._children.setdefault(parent, {})[child] = None

    def take(self, child: bytes) -> None:
        """Take child out of what it is in."""
        parent = self.parent.pop(child, None)
        if parent is not None:
            del self._children[parent][child]

    def inside(self, parent: bytes) -> list[bytes]:
        """Return what is directly in parent."""
        return list(self._children.get(parent, ()))

    def contents(self, parent: bytes) -> list[bytes]:
        """Return everything in parent, at any depth."""
        found = self.inside(parent)
        for item in found:  # grows while it is read
            found += self._children.get(item, ())
        return found


class _Moves:
    """What containers did at the instant `now_ms`, by container."""

    def __init__(self) -> None:
        self.now_ms = -1
        self.of: dict[bytes, list[Step]] = {}

    def add(self, step: Step) -> None:
        """Note a step that is shared with what the item contains."""
        if self.now_ms != step.time_ms:
            self.now_ms, self.of = step.time_ms, {}
        self.of.setdefault(step.item, []).append(step)


class Walk:
    """Steps in fold order, each brought to its item and to what the item contains."""

    def __init__(self, histories: Mapping[bytes, Sequence[Step]]) -> None:
        self._histories = histories
        self._named: dict[bytes, frozenset[int]] = {}
        self.steps = in_order(chain.from_iterable(histories.values()), histories)

    def run(
        self, boxes: Boxes, undone: Mapping[bytes, Collection[bytes]]
    ) -> Iterator[tuple[bytes, Step]]:
        """Yield (item, step); an unpacked item is still in its container at its UNPACK.

        Args:
            boxes: Empty; follows the walk.
            undone: By item, the leaf hashes of steps that its contents shall not follow.
        """
        moves = _Moves()
        for step in self.steps:
            item = step.item
            yield item, step
            if undone and step.leaf_hash in undone.get(item, ()):
                continue
            if step.op in _SHARED:
                moves.add(step)
                for child in boxes.contents(item):
                    if not self.names(child, step):
                        yield child, step
            elif step.op in _REPACKS:
                yield from _repack(boxes, step)
                if moves.now_ms == step.time_ms:
                    yield from self._catch_up(boxes, step, moves)

    def _catch_up(self, boxes: Boxes, pack: Step, moves: "_Moves") -> Iterator[tuple[bytes, Step]]:
        """Yield what the containers of a packed item did at the instant at which it was packed.

        One who stamps a whole day with one time packs before he ships.
        """
        if pack.op is not Op.PACK or pack.role != ROLE_CHILD:
            return
        above = boxes.parent.get(pack.item)
        while above is not None:
            for step in moves.of.get(above, ()):
                for child in [pack.item, *boxes.contents(pack.item)]:
                    if not self.names(child, step):
                        yield child, step
            above = boxes.parent.get(above)

    def history(self, item: bytes) -> Sequence[Step]:
        """Return the steps of an item's own."""
        return self._histories.get(item, ())

    def names(self, item: bytes, step: Step) -> bool:
        """Does step's entry name the item itself? Then it is no news from the container."""
        if item not in self._named:
            self._named[item] = frozenset(own.log_index for own in self._histories.get(item, ()))
        return step.log_index in self._named[item]


def _repack(boxes: Boxes, step: Step) -> Iterator[tuple[bytes, Step]]:
    """Follow a PACK or UNPACK; yield what an unpack-all takes out without naming it."""
    if step.op is Op.PACK:
        for parent in step.parents if step.role == ROLE_CHILD else ():
            boxes.put(step.item, parent)
    elif step.role == ROLE_CHILD and boxes.parent.get(step.item) in step.parents:
        boxes.take(step.item)
    elif step.role == ROLE_PARENT and step.flags & FLAG_UNPACK_ALL and not step.lists_children:
        for child in boxes.inside(step.item):
            yield child, step
            boxes.take(child)


def undone_steps(walk: Walk) -> dict[bytes, set[bytes]]:
    """Return, by item, the leaf hashes of the steps that VOIDs take out of its fold.

    A VOID may name an item alone that left inside a container, so what each item went through is
    collected first; containment there follows from what the items' own VOIDs leave standing.
    """
    voided = {step.item for step in walk.steps if step.op is Op.VOID}
    if not voided:
        return {}
    own: dict[bytes, list[Step]] = {item: [] for item in voided}
    for step in walk.steps:
        if step.item in own:
            own[step.item].append(step)
    declared = {item: _declared_void(steps) for item, steps in own.items()}
    through = defaultdict(list)
    for item, step in walk.run(Boxes(), declared):
        through[item].append(step)
    undone = {}
    for item, steps in through.items():
        if any(step.op is Op.VOID for step in steps):
            undone[item] = _declared_void(steps)
            undone[item] |= _recalled(steps, undone[item])
    return undone


def _declared_void(steps: Sequence[Step]) -> set[bytes]:
    """Return the leaf hashes that VOIDs take out by `refers` or as error declarations.

    Only the same party may. A later VOID may take out an earlier one, so the last goes first; a
    declaration has the time of what it declares wrong, and may have been logged before it.
    """
    party_of = {step.leaf_hash: step.party for step in steps}
    alike = defaultdict(list)
    for step in steps:
        if not _declares_error(step):
            alike[_likeness(step)].append(step)
    out: set[bytes] = set()
    for same in alike.values():
        same.sort(key=attrgetter("log_index"))
    voids = [step for step in reversed(steps) if step.op is Op.VOID]
    for void in sorted(voids, key=lambda step: (-step.time_ms, not _declares_error(step))):
        if void.leaf_hash in out:
            continue
        if _declares_error(void):
            out.update(_original(void, alike[_likeness(void)]))
        elif party_of.get(void.refers) == void.party:
            out.add(void.refers)
    return out


def _declares_error(step: Step) -> bool:
    return step.op is Op.VOID and step.refers == Z and step.flags & FLAG_ERROR_DECLARATION != 0


def _original(declaration: Step, alike: list[Step]) -> list[bytes]:
    """Take from alike what the declaration means: the last one logged before it, else the first.

    A correction may be alike too; it is logged after the declaration.
    """
    at = bisect_left(alike, declaration.log_index, key=attrgetter("log_index"))
    return [alike.pop(max(at - 1, 0)).leaf_hash] if alike else []


def _likeness(step: Step) -> tuple[object, ...]:
    """Return what an error declaration repeats of its original (EPCIS 7.4.1.2), op aside."""
    to = (step.to_owner, step.to_possessor)
    return (step.item, step.role, step.time_ms, step.party, step.parents, to)


def _recalled(steps: Sequence[Step], out: Collection[bytes]) -> set[bytes]:
    """Return the leaf hashes of open shipments that a void_shipping without `refers` takes back."""
    taken: set[bytes] = set()
    sent: list[Step] = []
    for at, step in enumerate(steps):
        if step.leaf_hash in out:
            continue
        if step.op is Op.HANDOFF:
            kept = (s for s in sent if step.party not in (s.to_owner, s.to_possessor))
            sent = [*kept, step][-MAX_OPEN:]
        elif step.op is Op.RECEIVE:
            sent = []
        elif step.op is Op.VOID and step.refers == Z and not _declares_error(step):
            own = [s for s in sent if s.party == step.party]
            if own:
                last = _meant(step, own, steps, at)
                sent.remove(last)
                taken.add(last.leaf_hash)
    return taken


def _meant(void: Step, sent: list[Step], steps: Sequence[Step], at: int) -> Step:
    """Return which of the open shipments of its party a void_shipping takes back.

    The last; but not one of the very instant of the void where there is one from before it, or
    another that is not received next: that is the new shipment.
    """
    before = [s for s in sent if s.time_ms < void.time_ms]
    if before or len(sent) == 1:
        return (before or sent)[-1]
    receipt = next((s for s in islice(steps, at, None) if s.op is Op.RECEIVE), None)
    taker = None if receipt is None else receipt.party
    lost = [s for s in sent if taker not in (s.to_owner, s.to_possessor)]
    return (lost or sent)[-1]
