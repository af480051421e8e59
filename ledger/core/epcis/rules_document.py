"""Rules over all events of a document: repeats, cycles, order, lots with two expiries.

Each first looks for a sign that costs next to nothing, since nearly no document has any of these.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from ledger.core.epcis.codes import finding
from ledger.core.epcis.compared import find_time_ms
from ledger.core.epcis.document import Event
from ledger.core.epcis.finding import DocumentFinding
from ledger.core.epcis.rules import ITEM_LISTS, QUANTITY_LISTS, elements, texts
from ledger.core.epcis.rules_identifiers import find_path
from ledger.core.errors import MalformedError
from ledger.core.jcs import canonical_json
from ledger.core.strict_json import JsonValue

# Item, case, pallet, container: ten are many. Attack: a chain of thousands, walked at each link.
MAX_LEVELS: Final = 100

_LOT: Final = "cbvmda:lotNumber"
_EXPIRY: Final = "cbvmda:itemExpirationDate"
_AGGREGATES: Final = ("AggregationEvent", "AssociationEvent")


def judge_together(events: Sequence[Event], pointers: Sequence[str]) -> list[DocumentFinding]:
    """Return the findings that need more than one event.

    Args:
        events: Of one document, of any shape.
        pointers: Where each stands.
    """
    if len(events) < 2:  # noqa: PLR2004 -- nothing to compare
        return []
    return [
        *_repeats(events, pointers),
        *_cycles(events, pointers),
        *_out_of_order(events, pointers),
        *_mixed_expiries(events, pointers),
    ]


def _repeats(events: Sequence[Event], pointers: Sequence[str]) -> Iterator[DocumentFinding]:
    """Yield events sent twice, and one eventID for two events (EPCIS 2.0 section 7.4.1)."""
    first: dict[object, int] = {}
    for i, event in enumerate(events):
        before = first.setdefault(_mark(event), i)
        if before == i:
            continue
        other = events[before]
        if _written(event) == _written(other):
            message = f"This event was sent already, as {pointers[before]}."
            yield finding("DUPLICATE_TRANSMISSION", pointers[i], _named(event), message, i)
        elif "eventID" in event and _content(event) != _content(other):
            message = (
                f"{pointers[before]} has this eventID and other content; only an error"
                " declaration repeats one, with nothing else changed."
            )
            at = f"{pointers[i]}/eventID"
            yield finding("EVENT_ID_REUSED", at, event["eventID"], message, i)


def _mark(event: Event) -> object:
    """Return what two equal events have in common, cheap to compute."""
    event_id = event.get("eventID")
    if isinstance(event_id, str):
        return event_id
    items = next((event[name] for name in ITEM_LISTS if name in event), None)
    return (
        str(event.get("eventTime")),
        str(event.get("parentID")),
        str(items[0]) if isinstance(items, list) and items else "",
        str(event.get("bizStep")),
        str(event.get("action")),
    )


def _written(event: Event) -> bytes:
    try:
        return canonical_json(event)
    except MalformedError:
        return repr(event).encode("utf-8", "surrogatepass")


def _content(event: Event) -> bytes:
    # What a declaration and a repository may add; the rest is the event.
    added = ("errorDeclaration", "recordTime", "@context")
    return _written({name: value for name, value in event.items() if name not in added})


def _named(event: Event) -> JsonValue:
    return event.get("eventID") or event.get("eventTime")


def _cycles(events: Sequence[Event], pointers: Sequence[str]) -> Iterator[DocumentFinding]:
    """Yield parents put into what they hold, in the order of time, over all events."""
    links = [
        i
        for i, event in enumerate(events)
        if event.get("type") in _AGGREGATES and isinstance(event.get("parentID"), str)
    ]
    parents = {str(events[i]["parentID"]) for i in links}
    if len(parents) < 2:  # noqa: PLR2004 -- a parent among its own children is the event's own fault
        return
    wanted = {find_path(parent) for parent in parents} - {None}
    tails = {_tail(parent) for parent in parents}
    packed = _Packed()
    for i in sorted(links, key=lambda i: (find_time_ms(events[i].get("eventTime")) or 0, i)):
        parent = find_path(str(events[i]["parentID"]))
        if parent is None:
            continue
        children = _children_of(events[i], tails, wanted)
        for path, child in packed.follow(events[i], parent, children):
            message = "The parent is inside of this child already: a cycle."
            yield finding("HIERARCHY_CYCLE", pointers[i] + path, child, message, i)


class _Packed:
    """Who is in whom, among items that are parents somewhere."""

    def __init__(self) -> None:
        self._holder: dict[str, str] = {}
        self._inside: dict[str, set[str]] = {}

    def follow(
        self, event: Event, parent: str, children: Iterator[tuple[str, str]]
    ) -> Iterator[tuple[str, str]]:
        """Keep up with an event; yield the children that hold their parent."""
        action = event.get("action")
        above = self._ancestors(parent)
        for path, child in children:
            item = find_path(child) or ""
            if action == "DELETE":
                self._take_out(item)
            elif item != parent and item in above:
                yield path, child
            elif action == "ADD":
                self._take_out(item)
                self._holder[item] = parent
                self._inside.setdefault(parent, set()).add(item)
        if action == "DELETE" and not event.get("childEPCs"):
            for item in [*self._inside.get(parent, ())]:
                self._take_out(item)

    def _take_out(self, item: str) -> None:
        holder = self._holder.pop(item, None)
        if holder is not None:
            self._inside[holder].discard(item)

    def _ancestors(self, item: str) -> set[str]:
        found: set[str] = set()
        above = self._holder.get(item)
        while above is not None and above not in found and len(found) < MAX_LEVELS:
            found.add(above)
            above = self._holder.get(above)
        return found


def _children_of(
    event: Event, tails: set[str], wanted: set[str | None]
) -> Iterator[tuple[str, str]]:
    """Yield the children that are parents elsewhere: no other can be part of a cycle."""
    for path, child in texts(event, "childEPCs"):
        may_be = _tail(child) in tails or "%" in child or "sscc:" in child or "/00/" in child
        if may_be and find_path(child) in wanted:
            yield path, child


def _tail(identifier: str) -> str:
    """Return the last part, which URN and link of one serial share; an SSCC's do not."""
    return identifier[max(identifier.rfind("."), identifier.rfind("/")) + 1 :]


def _makes(event: Event) -> tuple[str, ...]:
    """Return the members that name what comes into being with an event."""
    if "errorDeclaration" in event:
        return ()
    if event.get("type") == "TransformationEvent":
        return ("outputEPCList",)
    makes = event.get("type") == "ObjectEvent" and event.get("action") == "ADD"
    return ("epcList",) if makes else ()


def _out_of_order(events: Sequence[Event], pointers: Sequence[str]) -> Iterator[DocumentFinding]:
    """Yield uses of an item before the event of this document by which it came into being."""
    if not any(_makes(event) for event in events) or _are_made_first(events):
        return
    times = [find_time_ms(event.get("eventTime")) for event in events]
    made = _times_of_making(events, times)
    for i, (event, time) in enumerate(zip(events, times, strict=True)):
        if time is None:
            continue
        for path, identifier in _used(event):
            if time < made.get(find_path(identifier) or "", time):
                message = "By its time this comes before the event that brings this item to be."
                yield finding("EVENTS_OUT_OF_ORDER", pointers[i] + path, identifier, message, i)


def _times_of_making(events: Sequence[Event], times: Sequence[int | None]) -> dict[str, int]:
    made: dict[str, int] = {}
    for event, time in zip(events, times, strict=True):
        for name in _makes(event):
            for _, identifier in texts(event, name):
                item = find_path(identifier)
                if item is not None and time is not None:
                    made[item] = min(time, made.get(item, time))
    return made


def _are_made_first(events: Sequence[Event]) -> bool:
    """Tell whether every item is made before anything else happens, by times that compare."""
    times = [event.get("eventTime") for event in events]
    if not all(isinstance(time, str) and time.endswith("Z") for time in times):
        return False
    if len({len(str(time)) for time in times}) > 1:
        return False
    made = [str(time) for event, time in zip(events, times, strict=True) if _makes(event)]
    used = [str(time) for event, time in zip(events, times, strict=True) if not _makes(event)]
    only_objects = not any("inputEPCList" in event for event in events)
    return only_objects and (not used or max(made) <= min(used))


def _used(event: Event) -> Iterator[tuple[str, str]]:
    parent = event.get("parentID")
    if isinstance(parent, str):
        yield "/parentID", parent
    for name in ITEM_LISTS:
        if name not in _makes(event):
            yield from texts(event, name)


def _mixed_expiries(events: Sequence[Event], pointers: Sequence[str]) -> Iterator[DocumentFinding]:
    """Yield commissionings whose lot has another expiry elsewhere in the document."""
    by_lot: dict[str, list[tuple[str, int]]] = {}
    for i, event in enumerate(events):
        ilmd = event.get("ilmd")
        if isinstance(ilmd, dict):
            lot, expiry = ilmd.get(_LOT), ilmd.get(_EXPIRY)
            if isinstance(lot, str) and isinstance(expiry, str):
                by_lot.setdefault(lot, []).append((expiry, i))
    for lot, uses in by_lot.items():
        if len({expiry for expiry, _ in uses}) > 1:
            yield from _mixed(events, pointers, lot, uses)


def _mixed(
    events: Sequence[Event], pointers: Sequence[str], lot: str, uses: list[tuple[str, int]]
) -> Iterator[DocumentFinding]:
    first: dict[str, tuple[str, int]] = {}
    for expiry, i in uses:
        for product in sorted(_products(events[i])):
            before, where = first.setdefault(product, (expiry, i))
            if before != expiry:
                message = f"{pointers[where]} gives lot {lot} the expiry {before}."
                at = f"{pointers[i]}/ilmd/{_EXPIRY}"
                yield finding("MIXED_EXPIRY_SAME_LOT", at, expiry, message, i)
                break


def _products(event: Event) -> set[str]:
    """Return the GTINs that an event names, as the beginnings of paths."""
    named = [one for name in ITEM_LISTS for _, one in texts(event, name)]
    for name in QUANTITY_LISTS:
        named += [str(element.get("epcClass")) for _, element in elements(event, name)]
    paths = (find_path(one) for one in named)
    return {path[: len("/01/") + 14] for path in paths if path is not None and path[:4] == "/01/"}
