"""Ends: dispensed, destroyed, decommissioned, consumed; and what comes after an end."""

from typing import Final

from ledger.core.custody.findings import Rule
from ledger.core.custody.handoffs import imply
from ledger.core.custody.item import Item, addressees
from ledger.core.custody.state import Status
from ledger.core.custody.steps import Step
from ledger.core.entries import Op

ENDS: Final = {
    Op.DISPENSE: Status.DISPENSED,
    Op.DESTROY: Status.DESTROYED,
    Op.DECOMMISSION: Status.DECOMMISSIONED,
    Op.TRANSFORM: Status.CONSUMED,
}
_DISPOSALS: Final = frozenset([Op.DESTROY, Op.DECOMMISSION])
_ARRIVALS: Final = frozenset([Op.RECEIVE, Op.OBSERVE, Op.OTHER])
# Goods that go to where they are destroyed or taken back say so.
UNSELLABLE: Final = frozenset(
    [
        "returned", "recalled", "expired", "damaged", "destroyed", "disposed", "exported",
        "non_sellable_other", "needs_replacement", "non_conformant", "no_pedigree_match",
    ]
)  # fmt: skip


def end(item: Item, step: Step, box: Item | None) -> None:
    """End the item, if step's party may: else anyone could end, or frame, what others hold."""
    follow(item, box)
    if item.expected(step.party):
        imply(item, step)  # using up what was addressed to one implies its receipt
    # EU FMD as it is practised: no shipment is ever told, and a pharmacy dispenses.
    untold = step.op is Op.DISPENSE and item.status is Status.COMMISSIONED
    if item.holder is None or untold or item.entitled(step.party):
        item.status, item.ended = ENDS[step.op], step
        item.past.add(step.party)
    else:
        item.find(Rule.ENDED_BY_NON_OWNER, item.since, step)


def follow(item: Item, box: Item | None) -> None:
    """Take over the container's custody if nothing else says where this item has been."""
    if box is None or box.ended is not None or item.status is not Status.UNKNOWN:
        return
    item.status, item.since, item.shipped_to = box.status, box.since, box.shipped_to
    item.holder, item.owner, item.keeper = box.holder, box.owner, box.keeper
    item.open = list(box.open)
    item.implied |= box.implied
    item.past |= box.past


def dispense(item: Item, step: Step) -> None:
    """Count a dispensing, whoever did it: one pack is dispensed once."""
    before, item.dispensed = item.dispensed, step
    if before is not None and not _goes_on(item, before, step):
        item.contradict(Rule.DOUBLE_DISPENSE, before, step)
    item.came_back = False


def _goes_on(item: Item, before: Step, step: Step) -> bool:
    """Does step dispense the rest of a pack, or sell again what a customer brought back?"""
    if before.facts is None or before.party != step.party:
        return False
    opened = before.facts.disposition == "partially_dispensed"
    return opened or (item.came_back and before.facts.step == "retail_selling")


def use_after_end(item: Item, step: Step, ended: Step) -> None:
    """Judge an own step of an item that is at its end."""
    if step.op is Op.RECEIVE and step.party in item.implied:
        item.implied.discard(step.party)  # booked after the goods were used up
        return
    if step.op is Op.DISPENSE and ended.op is Op.DISPENSE:
        item.ended = step if ended.party == step.party else ended
    elif step.op in _DISPOSALS and (step.party == ended.party or step.party in item.disposers):
        # The same party disposing of what it ended is paperwork; another's is a second item.
        if step.op is Op.DESTROY and step.party == ended.party:  # who may dispose, contents tell
            item.status = ENDS[step.op]
    elif step.log_index == ended.log_index or _is_aftermath(item, step, ended):
        return
    elif ended.op is Op.TRANSFORM:
        item.contradict(Rule.USE_AFTER_CONSUMED, ended, step)
    else:
        item.contradict(Rule.USE_AFTER_DECOMMISSION, ended, step)


def _is_aftermath(item: Item, step: Step, ended: Step) -> bool:
    """Is step an honest sequel: a customer's return, a pack in use, waste on its way?"""
    if step.op is Op.RECEIVE and step.party in item.disposers:
        return True
    said = "" if step.facts is None else step.facts.disposition
    same = step.party == ended.party
    if step.op is Op.HANDOFF and said in UNSELLABLE and (same or step.party in item.disposers):
        item.disposers.update(addressees(step))
        return True
    if not same or ended.op is not Op.DISPENSE:
        return False
    if step.op in _ARRIVALS and said == "returned":
        item.came_back = True
        return True
    opened = ended.facts is not None and ended.facts.disposition == "partially_dispensed"
    return item.came_back or (opened and step.op in (Op.OBSERVE, Op.OTHER))
