"""Shipments and receipts: who gives the item to whom, and what of it cannot be true together."""

from itertools import chain

from ledger.core.custody.findings import Rule
from ledger.core.custody.item import Item, Unmatched, addressees, destination, unaddressed
from ledger.core.custody.state import Status
from ledger.core.custody.steps import MAX_OPEN, Step
from ledger.core.entries import Z


def hand_off(item: Item, step: Step, *, own: bool) -> None:
    """Apply a shipment, the item's own or that of its container."""
    if own and item.unmatched and _announces_late(item, step):
        return
    party = step.party
    if item.expected(party):
        imply(item, step)  # shipping on what was addressed to one implies its receipt
    elif item.holder is None and item.owner is None:
        item.holder = item.owner = party
        item.since = step
    entitled = item.entitled(party) or _owns_contents(item, party)
    if not entitled and not own:
        _stay_behind(item, step)
        return
    if not entitled:
        item.find(Rule.SHIP_BY_NON_OWNER, item.since, step)
    clash = _clash(item, step)
    if clash is not None:
        _ship_twice(item, clash, step, own=own)
    if entitled:
        _send(item, step, clash)


def _clash(item: Item, step: Step) -> Step | None:
    clash = next((sent for sent in item.open if _clashes(sent, step, item)), None)
    if clash is not None and clash.party == step.party and step.party in item.booked:
        take(item, item.booked[step.party])  # it was no late booking: the goods came back
        return None
    return clash


def _owns_contents(item: Item, party: bytes) -> bool:
    """Let one ship a container whose goods are in it; who packed it keeps it for them."""
    if not item.hosted or not item.ground.has_contents_of(item.key, party):
        return False
    item.owner, item.keeper = party, item.holder
    return True


def _stay_behind(item: Item, step: Step) -> None:
    """Leave the item where it is: its container left without it.

    A stranger who packed it and ships it did as if he shipped the item; giving it to whom it
    belongs is no sale.
    """
    packed = item.packed
    if packed is None or packed.party != step.party or not item.fresh:
        return
    if addressees(step) & {item.holder, item.owner, item.keeper}:
        return
    item.stranded = True
    if len(item.pending) < MAX_OPEN:
        item.pending.append((Rule.SHIP_BY_NON_OWNER, item.since, step))


def _send(item: Item, step: Step, clash: Step | None) -> None:
    """Let the item go, if nothing contradicts."""
    if item.wrong:
        _settle_drop_shipments(item, step)
    if not unaddressed(step):
        item.past.update(addressees(step))
    if clash is None and step.to_owner == item.holder != step.party:
        item.owner, item.keeper = item.holder, None  # title follows goods that are there
        return
    if len(item.open) < MAX_OPEN:
        item.open.append(step)
    if clash is None and (item.hosted or step.party in (item.holder, item.keeper)):
        item.status, item.shipped_to = Status.IN_TRANSIT, destination(step)


def _announces_late(item: Item, step: Step) -> bool:
    """Is step the shipment of a receipt that is dated before it? Clocks differ, and so do habits.

    The goods are where they were received, or have gone on; only title may still follow.
    """
    for known in item.unmatched:
        receipt, giver, took, _ = known
        grace = item.ground.settings.grace(Rule.RECEIVE_WITHOUT_SHIP, step.party, receipt.party)
        if (
            step.party in (giver, item.owner)
            and (took or receipt.party in item.claimants)
            and (receipt.party in (step.to_owner, step.to_possessor) or unaddressed(step))
            and step.time_ms - receipt.time_ms <= grace
        ):
            item.unmatched.remove(known)
            if item.holder != receipt.party:
                if took:
                    return True  # and has gone on since
                take(item, receipt)
            if step.to_owner != Z:
                item.owner = step.to_owner
            elif step.to_possessor != Z:
                item.owner, item.keeper = step.party, receipt.party
            return True
    return False


def _settle_drop_shipments(item: Item, step: Step) -> None:
    """Forget the receipt by one to whom the addressee then ships: it was delivered directly."""
    to = addressees(step)
    item.wrong = [
        (sent, receipt)
        for sent, receipt in item.wrong
        if step.party not in addressees(sent) or receipt.party not in to
    ]


def _ship_twice(item: Item, clash: Step, step: Step, *, own: bool) -> None:
    """Find a double shipment, unless it is a container's alone: then it is the container's case."""
    item.overrule(Rule.DOUBLE_SHIP, clash, step)
    if own or item.is_own(clash):
        item.find(Rule.DOUBLE_SHIP, clash, step)


def _clashes(sent: Step, step: Step, item: Item) -> bool:
    """Can both shipments not be true of one item?

    Carriage to a 3PL and a sale complete each other, and so do owner and 3PL reporting one sale;
    one shipment told twice, equal in party, addressees and time, is one shipment, and so is one
    that is told of the container and of what is in it.
    """
    blind = unaddressed(sent) or unaddressed(step)
    same_kind = (sent.to_owner == Z) == (step.to_owner == Z)
    same_place = sent.to_owner == step.to_owner and sent.to_possessor == step.to_possessor
    if sent.party == step.party:
        two_levels = item.is_own(sent) != item.is_own(step) and not blind
        restated = same_place and (sent.time_ms == step.time_ms or two_levels)
        return blind or (same_kind and not restated)
    same_goal = same_place if step.to_owner == Z else sent.to_owner == step.to_owner
    return same_kind and not same_goal and not blind


def receive(item: Item, step: Step, *, own: bool) -> None:
    """Apply a receipt, the item's own or that of its container."""
    party, expected = step.party, item.expected(step.party)
    if not own and not expected and not _rides(item):
        return  # the container arrived without it
    if item.implied and party in item.implied and _books_late(item, step, own=own):
        return
    kept = item.keeper == item.holder and party == item.owner
    if item.status is Status.HELD and party != item.holder and not expected and not kept:
        if own:
            _receive_twice(item, step)
        if party != item.owner:
            return
    elif own and not expected and not item.entitled(party):
        _arrive_unannounced(item, step)
    take(item, step)


def _receive_twice(item: Item, step: Step) -> None:
    """Find a second receipt; a declared return to one who had it lacks its shipment only."""
    declared = step.facts is not None and step.facts.disposition == "returned"
    came_back = declared and step.party in item.past
    if not came_back:
        item.contradict(Rule.DOUBLE_RECEIVE, item.since, step)
    _lack_shipment(item, step, took=False, told=came_back or step.party not in item.past)
    item.claimants.add(step.party)


def _arrive_unannounced(item: Item, step: Step) -> None:
    """Note a receipt by one to whom nothing was shipped; a later entry may explain it."""
    if step.party in item.bound:
        item.bound.discard(step.party)
        item.keeper = step.party
    elif not item.open:
        _lack_shipment(item, step, took=True, told=True)
    elif step.to_owner == Z or all(sent.to_owner != step.to_owner for sent in item.open):
        if len(item.wrong) == MAX_OPEN:
            item.find(Rule.RECEIVE_BY_WRONG_PARTY, *item.wrong.pop(0))
        item.wrong.append((item.open[0], step))
    else:  # received for the addressee, whom the receipt names: a warehouse of theirs
        item.keeper = step.party


def _lack_shipment(item: Item, step: Step, *, took: bool, told: bool) -> None:
    """Note that no shipment announced a receipt; of very many, the first are final."""
    if len(item.unmatched) == MAX_OPEN:
        first = item.unmatched.pop(0)
        if first.told:
            item.find(Rule.RECEIVE_WITHOUT_SHIP, first.receipt)
    item.unmatched.append(Unmatched(step, item.holder, took, told))


def _books_late(item: Item, step: Step, *, own: bool) -> bool:
    """Is step the receipt that followed already from what its party did with the item?"""
    party = step.party
    if own:
        item.implied.discard(party)
    if item.expected(party) or (item.status is Status.HELD and item.holder == party):
        return False
    item.booked[party] = step
    return True


def _rides(item: Item) -> bool:
    """May the container's receipt count: did the item leave with it, or has it not moved?"""
    if item.stranded:
        return False
    moved = item.status not in (Status.UNKNOWN, Status.COMMISSIONED)
    return not moved or any(not item.is_own(sent) for sent in item.open)


def imply(item: Item, step: Step) -> None:
    """Take that step's party received the item: it uses what was addressed to it.

    A receipt that it books afterwards is that one, and moves nothing.
    """
    take(item, step)
    item.implied.add(step.party)


def take(item: Item, step: Step) -> None:
    """Give the item to step.party and close the open shipments.

    Title passes as it was shipped, whoever took the goods; it stays when they came back.
    """
    party = step.party
    named = [sent for sent in item.open if party in (sent.to_owner, sent.to_possessor)]
    sold_to = next((sent.to_owner for sent in chain(named, item.open) if sent.to_owner != Z), Z)
    returned = not named and any(sent.party == party for sent in item.open)
    item.bound.update({sent.to_possessor for sent in named} - {Z, party})
    if any(sent.to_possessor == party for sent in named):
        item.keeper = party
    elif party not in (item.owner, item.keeper):
        item.keeper = None
    if sold_to != Z and not returned:
        item.owner = sold_to
    elif item.owner is None or (not returned and any(map(unaddressed, item.open))):
        item.owner = party
    item.holder, item.shipped_to, item.since = party, None, step
    item.status, item.open = Status.HELD, []
    item.past.add(party)
    item.hosted = item.stranded = False
    if item.claimants:
        item.claimants = set()
    if item.booked:
        item.booked = {}
