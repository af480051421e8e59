"""DSCSA: what was in what when it was shipped, where it came from, and in which order."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from ledger.core.epcis.dscsa_trade import Trade, TradeEvent
from ledger.core.epcis.finding import DocumentFinding

_FOREVER: Final = 1 << 62


@dataclass(slots=True, kw_only=True)
class _Stay:
    """A child in a parent, from its packing until it is unpacked."""

    child: str
    parent: str
    packing: TradeEvent
    until_ms: int = _FOREVER


@dataclass(slots=True)
class _Packed:
    """All stays, replayed by time; of events at one time in the order of the document.

    `present` has those that have not ended, by parent and child: without it, unpacking a large
    parent again and again would cost the square of the file.
    """

    inside: dict[str, _Stay] = field(default_factory=dict)
    contents: dict[str, list[_Stay]] = field(default_factory=dict)
    present: dict[str, dict[str, _Stay]] = field(default_factory=dict)
    conflicts: dict[int, list[tuple[str, _Stay]]] = field(default_factory=dict)

    def replay(self, packing: TradeEvent) -> None:
        for parent in packing.paths("parentID"):
            children = packing.paths("childEPCs")
            if packing.event.get("action") == "ADD":
                for child in children:
                    self._pack(child, parent, packing)
            else:
                # EPCIS 2.0 section 7.4.3: DELETE without children means all of them.
                for child in children or list(self.present.get(parent, ())):
                    self._unpack(child, parent, packing)

    def _pack(self, child: str, parent: str, packing: TradeEvent) -> None:
        known = self.inside.get(child)
        if known is not None and known.parent == parent:
            return
        if known is not None:
            self.conflicts.setdefault(packing.position, []).append((child, known))
        stay = _Stay(child=child, parent=parent, packing=packing)
        self.inside[child] = stay
        self.contents.setdefault(parent, []).append(stay)
        self.present.setdefault(parent, {})[child] = stay

    def _unpack(self, child: str, parent: str, packing: TradeEvent) -> None:
        stay = self.present.get(parent, {}).pop(child, None)
        if stay is not None:
            stay.until_ms = _time(packing)
            if self.inside.get(child) is stay:
                del self.inside[child]

    def below(self, shipped: list[str], at_ms: int) -> Iterator[_Stay]:
        """Yield all that was in these items at a time, or was packed into them later."""
        seen, open_parents = set(shipped), list(shipped)
        while open_parents:
            for stay in self.contents.get(open_parents.pop(), ()):
                if stay.until_ms > at_ms:
                    yield stay
                    if stay.child not in seen:
                        seen.add(stay.child)
                        open_parents.append(stay.child)


class _Lives:
    """When items were commissioned and decommissioned; only of those that ever were the latter."""

    def __init__(self, trade: Trade) -> None:
        ended = {path for one in trade.endings for path in one.paths("epcList")}
        self._turns: dict[str, list[tuple[tuple[int, int], bool]]] = {}
        both = (
            (trade.commissionings, ("epcList", "outputEPCList"), False),
            (trade.endings, ("epcList",), True),
        )
        for events, members, is_end in both if ended else ():
            for one in events:
                for path in ended.intersection(one.paths(*members)):
                    self._turns.setdefault(path, []).append((one.moment, is_end))
        for turns in self._turns.values():
            turns.sort()

    def is_over(self, path: str, event: TradeEvent) -> bool:
        """Tell whether an item's last turn before an event was its end."""
        turns = self._turns.get(path, [])
        before = bisect_left(turns, (event.moment, False))
        return before > 0 and turns[before - 1][1]


def check_hierarchy(trade: Trade) -> Iterator[DocumentFinding]:
    """Find children of two parents, shipped items nobody commissioned, and impossible times."""
    made = _made(trade)
    packed = _Packed()
    for packing in sorted(trade.packings, key=_time):
        packed.replay(packing)
    yield from _check_parents(trade, packed)
    for packing in trade.packings:
        if packing.event.get("action") == "ADD":
            items = packing.paths("parentID", "childEPCs")
            yield from _check_after(packing, "packed", items, made)
    lives = _Lives(trade)
    told: set[str] = set()
    for shipping in trade.shippings:
        yield from _check_shipped(shipping, packed, made, lives, told)


def _made(trade: Trade) -> dict[str, TradeEvent]:
    """Return the first event by time that brought each item into being."""
    made: dict[str, TradeEvent] = {}
    for commissioning in sorted(trade.commissionings, key=_time):
        for path in commissioning.paths("epcList", "outputEPCList"):
            made.setdefault(path, commissioning)
    return made


def _check_parents(trade: Trade, packed: _Packed) -> Iterator[DocumentFinding]:
    for packing in trade.packings:
        conflicts = packed.conflicts.get(packing.position)
        if conflicts:
            child, known = conflicts[0]
            message = f"{len(conflicts)} items are packed while they are in {known.parent}."
            yield packing.fault("MULTIPLE_PARENTS", message, at="/childEPCs", value=child)


def _check_shipped(
    shipping: TradeEvent,
    packed: _Packed,
    made: dict[str, TradeEvent],
    lives: _Lives,
    told: set[str],
) -> Iterator[DocumentFinding]:
    shipped = shipping.shipped()
    stays = list(packed.below(shipped, _time(shipping)))
    everything = list(dict.fromkeys([*shipped, *(stay.child for stay in stays)]))
    unknown = [path for path in everything if path not in made and path not in told]
    if unknown:
        told.update(unknown)
        message = f"{len(unknown)} of {len(everything)} shipped items were never commissioned here."
        yield shipping.fault("SHIPPED_NOT_COMMISSIONED", message, value=unknown[0])
    gone = [path for path in everything if lives.is_over(path, shipping) and path not in told]
    if gone:
        told.update(gone)
        message = f"{len(gone)} of {len(everything)} shipped items were decommissioned before."
        yield shipping.fault("SHIPPED_NOT_COMMISSIONED", message, value=gone[0])
    yield from _check_contents(shipping, [path for path in shipped if path in made], packed)
    yield from _check_after(shipping, "shipped", everything, made)
    late = [stay for stay in stays if _is_before(shipping, stay.packing)]
    if late:
        message = f"{len(late)} items were packed after what they are in was shipped."
        yield shipping.fault("EVENTS_OUT_OF_ORDER", message, at="/eventTime", value=late[0].child)


def _check_contents(
    shipping: TradeEvent, shipped: list[str], packed: _Packed
) -> Iterator[DocumentFinding]:
    """A logistic unit is no product: without its contents no product identifier is told."""
    at_ms = _time(shipping)
    units = (path for path in shipped if path.startswith("/00/"))
    empty = [path for path in units if not any(packed.below([path], at_ms))]
    if empty:
        message = f"Of {len(empty)} shipped logistic units the contents are not told."
        yield shipping.fault("SHIPPED_NOT_COMMISSIONED", message, value=empty[0])


def _check_after(
    event: TradeEvent, done: str, items: list[str], made: dict[str, TradeEvent]
) -> Iterator[DocumentFinding]:
    early = [path for path in items if path in made and _is_before(event, made[path])]
    if early:
        message = f"{len(early)} items were {done} before they were commissioned."
        yield event.fault("EVENTS_OUT_OF_ORDER", message, at="/eventTime", value=early[0])


def _is_before(one: TradeEvent, other: TradeEvent) -> bool:
    return one.time_ms is not None and other.time_ms is not None and one.time_ms < other.time_ms


def _time(event: TradeEvent) -> int:
    return event.time_ms or 0
