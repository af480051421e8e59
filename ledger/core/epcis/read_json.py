"""EPCIS 2.0 JSON to the internal model: where the events are, and what each takes over."""

import re

from ledger.core.epcis.document import Document, Event, Format, Kind
from ledger.core.epcis.finding_list import FindingList
from ledger.core.errors import MalformedError
from ledger.core.events import ACTIONS, EVENT_TYPES, NAMING_MEMBERS, NAMING_OF
from ledger.core.jcs import canonical_json
from ledger.core.strict_json import JsonValue, parse_json

_VERSION = re.compile(r"2\.\d+(\.\d+)?", re.ASCII)
_RULE = "EPCIS 2.0 section 10"
# Attack: two bytes make an event, and each costs microseconds. 200 MB of real events.
MAX_EVENTS = 250_000
# Attack: a megabyte of context times 20,000 events. A real one has some 300 bytes.
MAX_CONTEXT_BYTES = 16 * 1024 * 1024
_WITHOUT_ACTION = "TransformationEvent"
_FOREIGN_TO = {kind: NAMING_MEMBERS - names for kind, names in NAMING_OF.items()}
# Where each kind of document keeps its events; the last name is the list.
_PATHS = {
    "EPCISDocument": ("epcisBody", "eventList"),
    "EPCISQueryDocument": ("epcisBody", "queryResults", "resultsBody", "eventList"),
}


_KINDS = {kind.value: kind for kind in Kind}


def read_json(raw: bytes) -> Document:
    """Read EPCIS 2.0 JSON: a document, a query document, one event or a list of events.

    An event without `@context` takes its document's, so that it can be read alone.

    Raises:
        MalformedError: No strict JSON, neither a document nor an event, more than MAX_EVENTS, or
            contexts that would take more than MAX_CONTEXT_BYTES over all events.
    """
    return document_of(parse_json(raw))


def document_of(value: JsonValue) -> Document:
    """Return the document that a parsed text is, see read_json.

    Raises:
        MalformedError: As read_json, of any strict JSON.
    """
    findings = FindingList(_RULE)
    if isinstance(value, list):
        if not value:
            raise MalformedError("document", "is not an empty list")
        return _document(Kind.EVENTS, {}, _events(value, "", None, findings), findings)
    if not isinstance(value, dict):
        raise MalformedError("document", "is a JSON object, or a list of events")
    kind = value.get("type")
    if isinstance(kind, str) and kind in _PATHS:
        return _of_document(value, kind, findings)
    if not isinstance(kind, str) or kind not in EVENT_TYPES:
        raise MalformedError("type", "is EPCISDocument, EPCISQueryDocument or an event type", kind)
    findings.event = 0
    check_event(value, "", findings)
    return _document(Kind.EVENT, {}, ([value], [""]), findings)


def _document(
    kind: Kind, members: Event, events: tuple[list[Event], list[str]], findings: FindingList
) -> Document:
    return Document(
        format=Format.JSON,
        kind=kind,
        members=members,
        events=events[0],
        pointers=events[1],
        findings=findings.found,
    )


def _of_document(document: Event, kind: str, findings: FindingList) -> Document:
    version = document.get("schemaVersion")
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        message = "JSON documents have schemaVersion 2.x."
        findings.add("UNSUPPORTED_SCHEMA_VERSION", "/schemaVersion", message, value=version)
    listed, parent, members = _detached_list(document, _PATHS[kind])
    if not isinstance(listed, list):
        findings.add("NO_EVENT_LIST", parent, f"{parent} must be the list of events.")
        listed = []
    context = _shared_context(document, len(listed), findings)
    return _document(_KINDS[kind], members, _events(listed, parent, context, findings), findings)


def _detached_list(document: Event, path: tuple[str, ...]) -> tuple[JsonValue, str, Event]:
    """Return the event list, its pointer, and the document without it; None where there is none."""
    members = outer = dict(document)
    pointer = "/" + "/".join(path)
    for name in path[:-1]:
        inner = outer.get(name)
        if not isinstance(inner, dict):
            return None, pointer, members
        outer[name] = inner = dict(inner)
        outer = inner
    if path == _PATHS["EPCISDocument"] and path[-1] not in outer and "event" in outer:
        return [outer.pop("event")], "/epcisBody/event", members
    if isinstance(outer.get(path[-1]), list):
        return outer.pop(path[-1]), pointer, members
    return None, pointer, members


def _events(
    listed: list[JsonValue], parent: str, context: JsonValue, findings: FindingList
) -> tuple[list[Event], list[str]]:
    if len(listed) > MAX_EVENTS:
        raise MalformedError("document", f"has at most {MAX_EVENTS} events", len(listed))
    events: list[Event] = []
    pointers: list[str] = []
    for i, event in enumerate(listed):
        pointer = parent if parent.endswith("/event") else f"{parent}/{i}"
        if not isinstance(event, dict):
            findings.event = None
            findings.add("NOT_AN_EVENT", pointer, "An event is an object.", value=event)
            continue
        findings.event = len(events)
        check_event(event, pointer, findings)
        shares = context is not None and "@context" not in event
        events.append({**event, "@context": context} if shares else event)
        pointers.append(pointer)
    return events, pointers


def _shared_context(document: Event, count: int, findings: FindingList) -> JsonValue:
    """Return the context that each event takes over, bounded: it is stored with every one."""
    if "@context" not in document:
        return None
    context = document["@context"]
    if context is None:
        findings.add("NULL_CONTEXT", "/@context", "@context must not be null.")
    elif count > 1 and len(canonical_json(context)) * count > MAX_CONTEXT_BYTES:
        raise MalformedError("@context", f"has at most {MAX_CONTEXT_BYTES} bytes over all events")
    return context


def check_event(event: Event, pointer: str, findings: FindingList) -> None:
    """Add what keeps custody from reading an event: its type, its action, misplaced members."""
    kind, action = event.get("type"), event.get("action")
    if kind not in EVENT_TYPES:
        message = "type must be one of the five event types."
        findings.add("UNKNOWN_EVENT_TYPE", f"{pointer}/type", message, value=kind)
        return
    if _FOREIGN_TO[kind].isdisjoint(event) and (action in ACTIONS or kind == _WITHOUT_ACTION):
        return
    for name in sorted(_FOREIGN_TO[kind] & event.keys()):
        message = f"{name} does not belong to a {kind}."
        findings.add("MISPLACED_MEMBER", f"{pointer}/{name}", message)
    if kind != _WITHOUT_ACTION and action not in ACTIONS:
        message = "action must be ADD, OBSERVE or DELETE."
        findings.add("INVALID_ACTION", f"{pointer}/action", message, value=action)
