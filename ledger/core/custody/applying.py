"""Applying steps: what one entry does to one item, and what its container did before."""

from ledger.core.custody.containment import (
    Surroundings,
    judge_apart,
    judge_pack,
    judge_unpack,
    leave,
)
from ledger.core.custody.contents import judge_contents, judge_ride
from ledger.core.custody.ends import ENDS, dispense, end, follow, use_after_end
from ledger.core.custody.findings import Rule
from ledger.core.custody.handoffs import hand_off, imply, receive
from ledger.core.custody.item import Item
from ledger.core.custody.state import Status
from ledger.core.custody.steps import (
    ROLE_CHILD,
    ROLE_CLASS,
    ROLE_OUTPUT,
    ROLE_PARENT,
    Step,
)
from ledger.core.entries import Op


def catch_up(item: Item) -> None:
    """Apply what containers did while the item was in them."""
    waiting, item.waiting = item.waiting, []
    for step in waiting:
        if step.op is Op.VOID or item.ended is not None:
            continue
        if step.op is Op.HANDOFF:
            judge_ride(item, step)
            hand_off(item, step, own=False)
        else:
            receive(item, step, own=False)


def _open_boxes(item: Item, around: Surroundings) -> tuple[Item | None, Item | None]:
    """Bring every container around the item up to date; return the nearest and the outermost."""
    nearest = outermost = None
    above = around.boxes.parent.get(item.key)
    while above is not None:
        box = around.found.get(above)
        if box is not None:
            if box.waiting:
                if box.frozen is None:
                    box.frozen = box.state(around.boxes.parent.get(above))
                catch_up(box)
            nearest, outermost = nearest or box, box
        above = around.boxes.parent.get(above)
    return nearest, outermost


def apply_own(item: Item, step: Step, around: Surroundings | None = None) -> None:
    """Take a step whose entry names the item, or by which its container was emptied.

    Args:
        item: What the step concerns.
        step: Comes after all that were applied.
        around: None for an item that was never in a container.
    """
    if item.waiting:
        catch_up(item)
    if item.last is None or (item.last.time_ms, item.last.log_index) < (
        step.time_ms,
        step.log_index,
    ):
        item.last = step
    item.frozen, item.fresh = None, False
    if step.role == ROLE_CLASS:
        return
    if step.op is Op.VOID:
        item.acted = True
    else:
        _apply(item, step, around)


def _apply(item: Item, step: Step, around: Surroundings | None) -> None:
    inside = around is not None and item.key in around.boxes.parent
    box, root = _open_boxes(item, around) if inside and around else (None, None)
    if step.item != item.key:  # everything is unpacked
        follow(item, box)
        item.left = False
        return
    if item.pending:
        _confirm(item, step)
    if step.facts is not None:
        judge_contents(item, step, step.facts, root)
    if around is not None:
        _judge_nesting(item, step, root, around)
    item.acted = True
    _move(item, step, box)
    if box and around:
        leave(item, step, box, around)


def _confirm(item: Item, step: Step) -> None:
    """Find what its container contradicted, now that the item has a step of its own again."""
    for rule, before, after in item.pending:
        item.find(rule, before, after, step)
    item.pending.clear()


def _judge_nesting(item: Item, step: Step, root: Item | None, around: Surroundings) -> None:
    if root is not None:
        judge_apart(item, step, root)
    if step.role == ROLE_CHILD and step.op is Op.PACK:
        judge_pack(item, step, around)
    elif step.role == ROLE_CHILD and step.op is Op.UNPACK:
        judge_unpack(item, step, around)


def _move(item: Item, step: Step, box: Item | None) -> None:
    op = step.op
    if op is Op.COMMISSION or (op is Op.TRANSFORM and step.role == ROLE_OUTPUT):
        _issue(item, step)
        return
    if not item.issued and _is_use(step):
        item.uses.append(step)
    if op is Op.DISPENSE:
        dispense(item, step)
    if item.ended is not None:
        use_after_end(item, step, item.ended)
    elif op is Op.HANDOFF:
        hand_off(item, step, own=True)
    elif op is Op.RECEIVE:
        receive(item, step, own=True)
    elif op in ENDS:
        end(item, step, box)
    else:
        _repack(item, step, box)


def _is_use(step: Step) -> bool:
    """Is step a use of its item? Who names a child in a packing has it; a parent comes to be."""
    if step.op is Op.PACK:
        return step.role == ROLE_CHILD
    return step.role != ROLE_CHILD or step.op is Op.UNPACK


def _repack(item: Item, step: Step, box: Item | None) -> None:
    """Apply what neither ships, receives nor ends. OBSERVE and OTHER move nothing."""
    if step.op is Op.UNPACK:
        follow(item, box)
    elif step.op is Op.PACK and step.role == ROLE_PARENT:
        _begin(item, step)  # an SSCC comes into being by being packed
        item.hosted = True
    elif step.op is Op.PACK and item.expected(step.party):
        imply(item, step)  # packing what was addressed to one implies its receipt


def _issue(item: Item, step: Step) -> None:
    """Apply a commissioning, or that a transformation produced the item."""
    ended = item.ended
    is_reworked = ended is not None and ended.log_index == step.log_index
    if is_reworked:
        item.ended, item.status = None, Status.HELD  # what goes in and comes out is not used up
    elif ended is not None and ended.op is Op.TRANSFORM:
        item.find(Rule.USE_AFTER_CONSUMED, ended, step)
    elif ended is not None:
        item.find(Rule.COMMISSION_AFTER_DECOMMISSION, ended, step)
    if not is_reworked:
        _judge_birth(item, step)
    if not item.issued and item.uses:
        slack = item.ground.settings.grace(Rule.EVENT_BEFORE_COMMISSION, step.party)
        early = [use for use in item.uses if use.time_ms + slack < step.time_ms]
        if early:
            item.find(Rule.EVENT_BEFORE_COMMISSION, *early, step)
    _begin(item, step)


def _judge_birth(item: Item, step: Step) -> None:
    """Find a second commissioning, or that another party's transformation produced the item.

    The first commissioning and the first transformation are remembered: each is then one look.
    """
    for known in item.births:
        is_second = known.op is step.op is Op.COMMISSION
        is_made = Op.TRANSFORM in (known.op, step.op)
        if is_second or (is_made and known.party != step.party):
            item.find(Rule.DUPLICATE_COMMISSION, known, step)
    if all(known.op is not step.op for known in item.births):
        item.births.append(step)


def _begin(item: Item, step: Step) -> None:
    item.issued = True
    item.past.add(step.party)
    if item.status is Status.UNKNOWN:
        item.status, item.since = Status.COMMISSIONED, step
        item.holder = item.owner = step.party
