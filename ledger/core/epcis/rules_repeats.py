"""What stands in a document more than once: events sent twice, and events that are taken back.

Whether two events are one is told by the CBV event hash, which no spelling of a time or an item
changes, and which leaves out the error declaration. It costs more than all other rules, so only
events are hashed that agree in all that is cheap to compare.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from ledger.core.epcis.codes import finding
from ledger.core.epcis.compared import find_time_ms
from ledger.core.epcis.document import Event
from ledger.core.epcis.event_hash import event_hash
from ledger.core.epcis.finding import DocumentFinding
from ledger.core.epcis.hash_order import LEFT_OUT
from ledger.core.epcis.rules import ITEM_LISTS, QUANTITY_LISTS, elements, texts
from ledger.core.epcis.rules_identifiers import find_path
from ledger.core.errors import MalformedError
from ledger.core.jcs import canonical_json
from ledger.core.strict_json import JsonValue

_LISTS: Final = (*ITEM_LISTS, *QUANTITY_LISTS)
# "2026-11-25T10:00:": zones are whole minutes, so seconds are the same in each.
_SECONDS: Final = slice(17, 19)
# What follows the last dot or slash, which URN and link of one trade item share.
_SERIAL: Final = re.compile(
    r"(?:urn:epc:id:sgtin:|https://id\.gs1\.org/01/).*[./]([A-Za-z0-9_\-]+)", re.DOTALL
)


def repeats(events: Sequence[Event], pointers: Sequence[str]) -> list[DocumentFinding]:
    """Return events sent twice, and one eventID for two events (EPCIS 2.0 section 7.4.1)."""
    found: list[DocumentFinding] = []
    for group in _of_one_name(events):
        found += _judge_group(events, pointers, group)
    return sorted(found, key=lambda one: one.event or 0)


def taken_back(events: Sequence[Event]) -> set[int]:
    """Return the positions of error declarations, and of the events that they repeat."""
    declared = {i for i, event in enumerate(events) if "errorDeclaration" in event}
    if not declared:
        return declared
    groups: list[list[int]] = [[*range(len(events))]]
    for mark in _MARKS:
        groups = [one for one in _split(events, groups, mark) if not declared.isdisjoint(one)]
    void = set(declared)
    for group in groups:
        if declared.issuperset(group):
            continue
        names = {i: _name(events[i]) for i in group}
        wrong = {names[i] for i in group if i in declared}
        void |= {i for i in group if names[i] in wrong}
    return void


def _of_one_name(events: Sequence[Event]) -> list[list[int]]:
    """Return groups of two or more with one eventID, or without any and alike."""
    named: dict[str, list[int]] = {}
    nameless: list[int] = []
    for i, event in enumerate(events):
        event_id = event.get("eventID")
        if isinstance(event_id, str):
            named.setdefault(event_id, []).append(i)
        else:
            nameless.append(i)
    alike = [nameless]
    for mark in _MARKS:
        alike = [group for group in _split(events, alike, mark) if len(group) > 1]
    return [*(group for group in named.values() if len(group) > 1), *alike]


def _split(
    events: Sequence[Event], groups: Iterable[list[int]], mark: Callable[[Event], object]
) -> Iterator[list[int]]:
    for group in groups:
        if len(group) == 1:
            yield group
            continue
        parts: dict[object, list[int]] = {}
        for i in group:
            parts.setdefault(mark(events[i]), []).append(i)
        yield from parts.values()


def _shape(event: Event) -> object:
    listed = [event[name] for name in _LISTS if name in event]
    count = sum([len(one) for one in listed if isinstance(one, list)])
    time = str(event.get("eventTime"))[_SECONDS]
    return time, str(event.get("type")), str(event.get("action")), str(event.get("bizStep")), count


def _leading(event: Event) -> object:
    """Return the parent, or the serial of the only item: enough to tell most events apart."""
    parent = event.get("parentID")
    if isinstance(parent, str):
        return find_path(parent) or parent
    for name in ITEM_LISTS:
        listed = event.get(name)
        if isinstance(listed, list) and len(listed) == 1 and isinstance(listed[0], str):
            serial = _SERIAL.fullmatch(listed[0])
            return serial[1] if serial else _serial_of(find_path(listed[0]) or listed[0])
    return None


def _serial_of(path: str) -> str:
    return path[max(path.rfind("."), path.rfind("/")) + 1 :]


def _instant(event: Event) -> object:
    time = event.get("eventTime")
    instant = find_time_ms(time)
    return str(time) if instant is None else instant


def _items(event: Event) -> object:
    named = [one for name in ITEM_LISTS for _, one in texts(event, name)]
    for name in QUANTITY_LISTS:
        named += [str(element.get("epcClass")) for _, element in elements(event, name)]
    named.append(str(event.get("parentID")))
    return frozenset(find_path(one) or one for one in named)


# From the cheapest to the dearest: each is asked only of events that agree in those before it.
_MARKS: Final = (_shape, _leading, _instant, _items)


def _name(event: Event) -> tuple[str, str]:
    """Return what names an event: where there is no eventID, its hash stands for it."""
    content = event_hash(event)
    event_id = event.get("eventID")
    return (event_id if isinstance(event_id, str) else content), content


def _judge_group(
    events: Sequence[Event], pointers: Sequence[str], group: list[int]
) -> Iterator[DocumentFinding]:
    """Judge events with one eventID or none, in the order in which they were sent."""
    first: dict[tuple[object, bytes], int] = {}
    contents: set[object] = set()
    said = _contents(events, group)
    for i in group:
        event, content = events[i], said[i]
        before = first.setdefault((content, _written(event.get("errorDeclaration"))), i)
        if before != i:
            value = event.get("eventID") or event.get("eventTime")
            message = f"This event was sent already, as {pointers[before]}."
            yield finding("DUPLICATE_TRANSMISSION", pointers[i], value, message, i)
        elif contents and content not in contents and isinstance(event.get("eventID"), str):
            message = (
                f"{pointers[group[0]]} has this eventID and other content; only an error"
                " declaration repeats one, with nothing else changed."
            )
            at = f"{pointers[i]}/eventID"
            yield finding("EVENT_ID_REUSED", at, event["eventID"], message, i)
        contents.add(content)


def _contents(events: Sequence[Event], group: list[int]) -> dict[int, object]:
    """Return what each event says, equal for what is one event in all but its spelling."""
    said: dict[int, object] = dict(zip(group, group, strict=True))
    parts = [group]
    for mark in (_shape, _instant, _items):
        parts = [part for part in _split(events, parts, mark) if len(part) > 1]
    for part in parts:
        written: dict[int, object] = {i: _without_names(events[i]) for i in part}
        is_one = len(set(written.values())) == 1
        said |= written if is_one else {i: event_hash(events[i]) for i in part}
    return said


def _without_names(event: Event) -> bytes:
    return _written({name: value for name, value in event.items() if name not in LEFT_OUT})


def _written(value: JsonValue) -> bytes:
    try:
        return canonical_json(value)
    except MalformedError:
        return repr(value).encode("utf-8", "surrogatepass")
