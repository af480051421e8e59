"""Rules over all events of a document: repeats, nesting, order, lots with two expiries.

Each first looks for a sign that costs next to nothing, since nearly no document has any of these.
"""

from collections.abc import Iterator, Sequence

from ledger.core.epcis.codes import finding
from ledger.core.epcis.compared import find_time_ms
from ledger.core.epcis.document import Event
from ledger.core.epcis.finding import DocumentFinding
from ledger.core.epcis.rules import ITEM_LISTS, texts
from ledger.core.epcis.rules_identifiers import find_path
from ledger.core.epcis.rules_lots import mixed_expiries
from ledger.core.epcis.rules_nesting import misnested
from ledger.core.epcis.rules_repeats import repeats, taken_back


def judge_together(events: Sequence[Event], pointers: Sequence[str]) -> list[DocumentFinding]:
    """Return the findings that need more than one event.

    Args:
        events: Of one document, of any shape.
        pointers: Where each stands.
    """
    if len(events) < 2:  # noqa: PLR2004 -- nothing to compare
        return []
    found = repeats(events, pointers)
    void = taken_back(events)
    if void:
        # What is taken back never happened; positions stay.
        events = [{} if i in void else event for i, event in enumerate(events)]
    return [
        *found,
        *misnested(events, pointers),
        *_out_of_order(events, pointers),
        *mixed_expiries(events, pointers),
    ]


def _makes(event: Event) -> tuple[str, ...]:
    """Return the members that name what comes into being with an event."""
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
