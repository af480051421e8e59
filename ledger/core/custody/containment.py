"""Packing and unpacking: what is inside what, and what of it cannot be true together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ledger.core.custody.findings import Rule
from ledger.core.custody.item import Item
from ledger.core.custody.steps import MAX_NESTING, ROLE_CHILD, Step
from ledger.core.custody.travel import distance_km, find_place
from ledger.core.custody.walk import Boxes, Walk
from ledger.core.entries import Op

_SIGHTS: Final = frozenset([Op.OBSERVE, Op.OTHER, Op.RECEIVE])


@dataclass(slots=True)
class Surroundings:
    """Everything that the fold is at, for rules that look beyond one item."""

    walk: Walk
    boxes: Boxes
    found: Mapping[bytes, Item]

    def has_steps(self, key: bytes, *ops: Op) -> bool:
        """Tell whether an item's own history has one of ops."""
        return any(step.op in ops for step in self.walk.history(key))


def judge_pack(item: Item, step: Step, around: Surroundings) -> None:
    """Judge that the item is packed into step.parents."""
    _judge_cycle(item, step, around)
    inside = around.boxes.parent.get(item.key)
    if inside is not None and inside not in step.parents and not item.left:
        box = around.found.get(inside)
        if not _unpacked_unsaid(item, step, box) and not _flattened(inside, step, around):
            item.crowded.append((item.packed or step, step))
    item.was_in.update(step.parents)
    item.packed, item.acted, item.left = step, False, False
    item.fresh, item.stranded = True, False


def _unpacked_unsaid(item: Item, step: Step, box: Item | None) -> bool:
    """Did a later holder pick it out of a container that it got whole? Unpacking is seldom told."""
    packer = item.packed
    if box is None or packer is None or packer.party == step.party:
        return False
    return step.party in (box.holder, box.keeper) or box.expected(step.party)


def _flattened(inside: bytes, step: Step, around: Surroundings) -> bool:
    """Is the container itself in step's parent, or put there by the same entry?

    Some list everything on a pallet as its children, cases and what is in them.
    """
    above: bytes | None = inside
    for _ in range(MAX_NESTING):
        if above is None:
            break
        above = around.boxes.parent.get(above)
        if above in step.parents:
            return True
    return around.walk.names(inside, step)


def _judge_cycle(item: Item, step: Step, around: Surroundings) -> None:
    """Find that a container is put into itself or what it contains; child and parent are told."""
    for parent in step.parents:
        chain, above = [], parent
        for _ in range(MAX_NESTING):
            if above == item.key or above is None:
                break
            chain.append(above)
            above = around.boxes.parent.get(above)  # type: ignore[assignment]
        if above != item.key:
            continue
        packs = [around.found[key].packed for key in chain if key in around.found]
        for one in {item.key, parent}:
            if one in around.found:
                around.found[one].find(Rule.HIERARCHY_CYCLE, *packs, step)


def judge_unpack(item: Item, step: Step, around: Surroundings) -> None:
    """Judge that the item is unpacked from step.parents."""
    inside = around.boxes.parent.get(item.key)
    if item.crowded:  # packed there, then unpacked here: told in the other order
        grace = item.ground.settings.grace(Rule.MULTIPLE_PARENTS, step.party)
        item.crowded = [
            (old, new)
            for old, new in item.crowded
            if step.time_ms - new.time_ms > grace or not set(old.parents) & set(step.parents)
        ]
    if inside in step.parents or any(parent in item.was_in for parent in step.parents):
        return
    told = any(around.has_steps(p, Op.COMMISSION, Op.PACK) for p in step.parents)
    if inside is not None or told:
        item.find(Rule.DISAGGREGATE_WITHOUT_AGGREGATE, item.packed, step)


def judge_apart(item: Item, step: Step, root: Item) -> None:
    """Judge that the item is seen where its container is not, by one who has not got that."""
    if step.op not in _SIGHTS or step.role == ROLE_CHILD or item.left or step.facts is None:
        return
    place, ground = step.facts.place, item.ground
    if not place or place == root.place or root.place_step is None:
        return
    if root.entitled(step.party) or root.expected(step.party):
        return
    here, there = find_place(ground.places, place), find_place(ground.places, root.place)
    if here and there and distance_km(here, there) <= ground.settings.apart_km:
        return
    item.find(Rule.PARENT_CHILD_CONTRADICTION, item.packed, root.place_step, step)


def leave(item: Item, step: Step, box: Item, around: Surroundings) -> None:
    """Note that the item went its own way: shipped by itself, and its container was not."""
    if step.op is Op.HANDOFF and item.entitled(step.party):
        item.left = not around.walk.names(box.key, step)
    elif step.op is Op.UNPACK:
        item.left = False
