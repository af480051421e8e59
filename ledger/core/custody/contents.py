"""What contents say of an item: lot, expiry, recall, theft, temperature; findings, never state."""

from typing import Final

from ledger.core.custody.ends import UNSELLABLE
from ledger.core.custody.facts import TELLING, EventFacts
from ledger.core.custody.findings import Rule
from ledger.core.custody.item import Item, addressees
from ledger.core.custody.steps import ROLE_INPUT, Step
from ledger.core.custody.travel import judge_travel
from ledger.core.entries import Op, Z

# These stay until goods are said to be sound again; the others last until the next word.
_STICKY: Final = frozenset(["recalled", "stolen"])
_SOUND: Final = frozenset(["active", "sellable_accessible", "available", "conformant"])
_BY_STEP: Final = {"holding": "locked", "sampling": "sample"}
_NAMED: Final = {"free_sample": "sample"}
# They follow from the entry, and are a status.
_STATUSES: Final = frozenset(["destroyed", "disposed"])
_CONDITIONS: Final = frozenset(TELLING) - _STATUSES
_TRADE: Final = frozenset([Op.HANDOFF, Op.RECEIVE, Op.DISPENSE])


def judge_contents(item: Item, step: Step, facts: EventFacts, root: Item | None) -> None:
    """Judge an own step by what its event says, before the step is applied."""
    if facts.place:
        judge_travel(item, step, facts.place, facts.disposition)
        item.place, item.place_step = facts.place, step
    if (facts.lot or facts.expiry_ms is not None) and step.role != ROLE_INPUT:
        item.told.append(step)  # ilmd is about what comes into being, not about what is used up
    if step.op in _TRADE:
        _judge_trade(item, step, facts, root)
    if facts.original is not None:
        item.find(Rule.EVENT_ID_REUSED, step)
        item.broken[Rule.EVENT_ID_REUSED].evidence.setdefault(facts.original, None)
    if facts.alarm or facts.readings:
        _judge_temperature(item, step, facts)
    if facts.disposition or facts.step in _BY_STEP:
        _set_condition(item, step, facts)


def _judge_trade(item: Item, step: Step, facts: EventFacts, root: Item | None) -> None:
    for one in (item, root):
        if one is not None and one.condition is not None and one.condition_step is not None:
            if one.condition == "stolen":
                if step.op is Op.RECEIVE and step.party in (one.condition_step.party, one.owner):
                    one.condition = None  # whom it was stolen from has it back
                else:
                    item.find(Rule.STOLEN_IN_TRADE, one.condition_step, step)
            elif one.condition == "recalled" and not _goes_back(item, step, facts):
                item.find(Rule.RECALLED_SHIPPED, one.condition_step, step)
    expiry = _expiry(item)
    if expiry is not None and step.op is Op.HANDOFF and step.time_ms > expiry[1]:
        grace = item.ground.settings.grace(Rule.EXPIRED_SHIPPED, step.party)
        if step.time_ms > expiry[1] + grace and not _goes_back(item, step, facts):
            item.find(Rule.EXPIRED_SHIPPED, expiry[0], step)


def judge_ride(item: Item, step: Step) -> None:
    """Judge the shipment of its container by what the item's own events said of the item."""
    said, facts = item.condition_step, step.facts
    if said is None or facts is None or item.left:
        return
    if item.condition == "stolen":
        item.find(Rule.STOLEN_IN_TRADE, said, step)
    elif item.condition == "recalled" and not _goes_back(item, step, facts):
        item.find(Rule.RECALLED_SHIPPED, said, step)


def _goes_back(item: Item, step: Step, facts: EventFacts) -> bool:
    """Is step no sale: back to one who had it, declared unsellable, or carriage alone?"""
    if step.op is not Op.HANDOFF or facts.disposition in UNSELLABLE:
        return True
    to = addressees(step)
    return (step.to_owner == Z and bool(to)) or bool(to & item.past)


def _expiry(item: Item) -> tuple[Step, int] | None:
    for step in item.told:
        if step.facts is not None and step.facts.expiry_ms is not None:
            return step, step.facts.expiry_ms
    return None


def judge_lots(item: Item) -> None:
    """Compare lot and expiry wherever they are told with what commissioning said of them."""
    told = [(step, step.facts) for step in item.told if step.facts is not None]
    born = [one for one in told if one[0].op in (Op.COMMISSION, Op.TRANSFORM)] or told
    lot = next((one for one in born if one[1].lot), None)
    expiry = next((one for one in born if one[1].expiry_ms is not None), None)
    for step, facts in told:
        if lot and facts.lot and facts.lot != lot[1].lot:
            item.find(Rule.LOT_EXPIRY_MISMATCH, lot[0], step)
        if expiry and facts.expiry_ms is not None and facts.expiry_ms != expiry[1].expiry_ms:
            item.find(Rule.LOT_EXPIRY_MISMATCH, expiry[0], step)


def _judge_temperature(item: Item, step: Step, facts: EventFacts) -> None:
    if facts.alarm:
        item.find(Rule.TEMPERATURE_EXCURSION, step)
    gtin = item.ground.products.get(item.key)
    limit = None if gtin is None else item.ground.settings.temperatures.get(gtin)
    if limit is None:
        return
    for reading in sorted(facts.readings, key=lambda one: (one.start_ms, one.end_ms)):
        if limit.low <= reading.low and reading.high <= limit.high:
            item.outside_since = None
            continue
        if item.outside_since is None:
            item.outside_since = reading.start_ms
        if reading.end_ms - item.outside_since >= limit.allowed_ms:
            item.find(Rule.TEMPERATURE_EXCURSION, step)


def _set_condition(item: Item, step: Step, facts: EventFacts) -> None:
    """Take over what an event says of the item, from one who ever had to do with it.

    Attack: a stranger could call all packs of a competitor stolen, and stop their trade.
    """
    if item.past and step.party not in item.past and not item.expected(step.party):
        return
    word = facts.disposition if facts.disposition in _CONDITIONS else _BY_STEP.get(facts.step)
    if item.condition in _STICKY and word not in _STICKY and facts.disposition not in _SOUND:
        return
    item.condition = None if word is None else _NAMED.get(word, word)
    item.condition_step = step
