"""Custody: who holds each item, and which entries contradict each other (formats section 10).

A pure fold over (event time, log index) of entries and item rows. State follows from these alone,
so that an auditor's replay agrees even after erasure; contents make findings. A contradicting
entry is admitted: it makes a finding and moves nothing; the entry that was logged first stands.

A container's steps are kept waiting for each item in it until the item has a step of its own: so
a pallet's journey is not every pack's, and opens no case of theirs.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from ledger.core.custody.applying import apply_own, catch_up
from ledger.core.custody.containment import Surroundings
from ledger.core.custody.findings import Finding
from ledger.core.custody.ground import Ground
from ledger.core.custody.item import Item
from ledger.core.custody.order import in_order
from ledger.core.custody.state import ItemState
from ledger.core.custody.steps import ROLE_PARENT, Step
from ledger.core.custody.verdicts import judge
from ledger.core.custody.walk import Boxes, Walk, undone_steps
from ledger.core.entries import Op, Z

_NO_GROUND = Ground()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """States and findings of the items that were asked for.

    `due`: the earliest later as_of at which an item's findings may change without a new entry.
    """

    states: dict[bytes, ItemState]
    findings: list[Finding]
    due: dict[bytes, int] = field(default_factory=dict)


def fold(
    histories: Mapping[bytes, Sequence[Step]],
    keys: Collection[bytes],
    unjudged: Collection[bytes] = frozenset(),
    ground: Ground = _NO_GROUND,
) -> Outcome:
    """Return custody and findings of keys.

    Args:
        histories: All steps of keys and, recursively, of every container they were packed in,
            by item key; in any order.
        keys: The items to answer for.
        unjudged: Keys whose paths name no serialised object (`uri:`, classes): no findings.
        ground: Time, settings and places.

    Cost: O(n log n) in steps, plus one visit per shipment of a container and item in it.
    """
    found, states = _run(histories, keys, ground, {})
    overruled = {key: found[key].overruled for key in keys if found[key].overruled}
    for key, leaf_hashes in overruled.items():
        # Each alone: whether its container is asked for beside it changes nothing.
        needed = _closure(histories, [key])
        states.update(_run(needed, [key], ground, {key: leaf_hashes})[1])
    findings: list[Finding] = []
    due = {}
    for key in keys:
        if key not in unjudged:
            said, at = judge(found[key], histories.get(key, ()))
            findings += said
            if at is not None:
                due[key] = at
    return Outcome(states=states, findings=findings, due=due)


def _closure(
    histories: Mapping[bytes, Sequence[Step]], keys: Collection[bytes]
) -> dict[bytes, Sequence[Step]]:
    """Return the histories of keys and of every container they were packed in."""
    needed: dict[bytes, Sequence[Step]] = {}
    waiting = list(keys)
    for key in waiting:  # grows while it is read
        if key not in needed:
            needed[key] = histories.get(key, ())
            waiting += [parent for step in needed[key] for parent in step.parents]
    return needed


def _run(
    histories: Mapping[bytes, Sequence[Step]],
    keys: Collection[bytes],
    ground: Ground,
    overruled: Mapping[bytes, set[bytes]],
) -> tuple[dict[bytes, Item], dict[bytes, ItemState]]:
    """Take every step to its item; return the items, and the states of keys."""
    found = {key: Item(key, ground) for key in chain(histories, keys)}
    linked = {}
    for key, history in histories.items():
        if any(map(_is_linked, history)):
            linked[key] = history
        else:
            _walk_alone(found[key], history, overruled.get(key, ()))
    boxes = Boxes()
    if linked:
        _walk_together(Surroundings(Walk(linked), boxes, found), overruled)
    states = {}
    for key in keys:
        item = found[key]
        states[key] = item.frozen or item.state(boxes.parent.get(key))
        if item.waiting and item.acted:
            catch_up(item)
    return found, states


def _is_linked(step: Step) -> bool:
    """Can step concern more than its item and what follows it?"""
    return bool(step.parents) or step.role == ROLE_PARENT or step.op is Op.VOID


def _walk_alone(item: Item, history: Sequence[Step], overruled: Collection[bytes]) -> None:
    """Take an item through its steps that was never in a container, and took nothing back."""
    for step in in_order(history, {item.key: history}):
        if step.spends != Z:
            item.spends.append(step)
        if step.leaf_hash not in overruled:
            apply_own(item, step)


def _walk_together(around: Surroundings, overruled: Mapping[bytes, set[bytes]]) -> None:
    """Take items through their steps that are in containers, or took something back."""
    undone = undone_steps(around.walk)
    for key, leaf_hashes in overruled.items():
        undone[key] = undone.get(key, set()) | leaf_hashes
    for key, step in around.walk.run(around.boxes, undone):
        item = around.found[key]
        is_own = step.item == key
        if is_own and step.spends != Z:
            item.spends.append(step)
        if step.op is Op.VOID:
            item.has_voids = True
        if undone and step.leaf_hash in undone.get(key, ()):
            continue
        if is_own or step.op is Op.UNPACK:
            apply_own(item, step, around)
        else:
            item.waiting.append(step)
