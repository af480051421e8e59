"""Stays: which item was in which container, from which entry to which, as the fold sees it.

One row a packing, whatever the container does: its journey is stored of it alone. What a stay
tells a store is whom an entry of the container concerns.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ledger.core.custody.steps import ROLE_CHILD, ROLE_PARENT, Step
from ledger.core.custody.walk import Boxes, Walk, undone_steps
from ledger.core.entries import FLAG_UNPACK_ALL, Op

ALWAYS: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Stay:
    """That child was in parent, from its PACK to the entry that took it out, None while it is in.

    `is_followed`: the child holds others, did something by itself after its PACK, or is such that
    what its container does is told of it. A PACK that
    would close a circle and an UNPACK from where the child was not are stays that end with the
    entry which begins them, at the time ALWAYS: whatever the parent does may make them true.
    """

    child: bytes
    parent: bytes
    from_index: int
    from_ms: int
    to_index: int | None
    to_ms: int | None
    is_followed: bool


class _Recorder(Boxes):
    """Boxes that keep what was in them; `now` is the step that the walk is at."""

    def __init__(self, now: Step) -> None:
        super().__init__()
        self.now = now
        self.begun: dict[bytes, Step] = {}
        # Child, parent, the first step, and the last with its time.
        self.ended: list[tuple[bytes, bytes, Step, Step, int]] = []

    def put(self, child: bytes, parent: bytes) -> None:
        super().put(child, parent)
        if self.parent.get(child) == parent:
            self.begun[child] = self.now
        else:
            self.miss(child, parent)

    def take(self, child: bytes) -> None:
        parent = self.parent.get(child)
        super().take(child)
        if parent is not None:
            begun, now = self.begun.pop(child), self.now
            self.ended.append((child, parent, begun, now, now.time_ms))

    def miss(self, child: bytes, parent: bytes) -> None:
        """Note that the step now speaks of a containment that is not there."""
        self.ended.append((child, parent, self.now, self.now, ALWAYS))


def stays(histories: Mapping[bytes, Sequence[Step]], keys: Collection[bytes]) -> Iterator[Stay]:
    """Yield the stays of keys.

    Args:
        histories: As `fold` takes them.
        keys: The items to answer for.
    """
    asked = {key for key in keys if any(map(_moves, histories.get(key, ())))}
    if not asked:
        return
    boxes, last = _walked(histories, asked)
    for child, begun in boxes.begun.items():
        if child in asked:
            moment = (begun.time_ms, begun.log_index)
            followed = last[child] != moment or _is_concerned(histories[child], begun)
            yield Stay(
                child, boxes.parent[child], begun.log_index, begun.time_ms, None, None, followed
            )
    for child, parent, begun, ended, to_ms in boxes.ended:
        if child in asked:
            # What ended it is a step of its own, or an unpack-all; nothing ends by itself.
            yield Stay(
                child, parent, begun.log_index, begun.time_ms, ended.log_index, to_ms,
                is_followed=True,
            )  # fmt: skip


def _walked(
    histories: Mapping[bytes, Sequence[Step]], asked: Collection[bytes]
) -> tuple[_Recorder, dict[bytes, tuple[int, int]]]:
    """Return what the boxes have seen, and time and index of the last own step of those asked."""
    walk = Walk(histories)
    boxes = _Recorder(walk.steps[0])
    last: dict[bytes, tuple[int, int]] = {}
    for item, step in walk.run(boxes, undone_steps(walk)):
        boxes.now = step
        if item not in asked:
            continue
        if step.item == item or _frees(step):
            last[item] = (step.time_ms, step.log_index)
        if step.op is Op.UNPACK and _moves(step) and boxes.parent.get(item) not in step.parents:
            for parent in step.parents:
                boxes.miss(item, parent)
    return boxes, last


def _moves(step: Step) -> bool:
    return step.role == ROLE_CHILD and step.op in (Op.PACK, Op.UNPACK)


def _is_concerned(steps: Sequence[Step], packed: Step) -> bool:
    """May what the container does be told of the child itself, though it does nothing more?

    It holds others, it was recalled or stolen, or its packer shipped it before and it did not come.
    """
    if any(step.role == ROLE_PARENT or _is_unsafe(step) for step in steps):
        return True
    moves = [step for step in steps if step.op in (Op.HANDOFF, Op.RECEIVE)]
    last = max(moves, key=lambda step: (step.time_ms, step.log_index), default=None)
    return last is not None and last.op is Op.HANDOFF and last.party == packed.party


def _is_unsafe(step: Step) -> bool:
    return step.facts is not None and step.facts.disposition in ("recalled", "stolen")


def _frees(step: Step) -> bool:
    return step.op is Op.UNPACK and step.flags & FLAG_UNPACK_ALL != 0
