"""EPCIS 2.0 JSON to the internal model: where the events are, and what each takes over."""

import re

from ledger.core.epcis.document import Document, Event, Format, Kind
from ledger.core.epcis.finding import DocumentFinding, Severity
from ledger.core.errors import MalformedError
from ledger.core.events import ACTIONS, EVENT_TYPES, MAX_CONTEXT_BYTES, NAMING_MEMBERS, NAMING_OF
from ledger.core.jcs import canonical_json
from ledger.core.strict_json import JsonValue, parse_json

_VERSION = re.compile(r"2\.\d+(\.\d+)?", re.ASCII)
_RULE = "EPCIS 2.0 section 10"
_WITHOUT_ACTION = "TransformationEvent"
_NONE: list[DocumentFinding] = []
_FOREIGN_TO = {kind: NAMING_MEMBERS - names for kind, names in NAMING_OF.items()}
# Where each kind of document keeps its events; the last name is the list.
_PATHS = {
    "EPCISDocument": ("epcisBody", "eventList"),
    "EPCISQueryDocument": ("epcisBody", "queryResults", "resultsBody", "eventList"),
}


def read_json(raw: bytes) -> Document:
    """Read EPCIS 2.0 JSON: a document, a query document, one event or a list of events.

    An event without `@context` takes its document's, so that it can be read alone.

    Raises:
        MalformedError: No strict JSON, neither a document nor an event, or contexts that would
            take more than MAX_CONTEXT_BYTES over all events.
    """
    value = parse_json(raw)
    if isinstance(value, list):
        return _of_list(value)
    if not isinstance(value, dict):
        raise MalformedError("document", "is a JSON object, or a list of events")
    kind = value.get("type")
    if isinstance(kind, str) and kind in _PATHS:
        return _of_document(value, kind)
    if not isinstance(kind, str) or kind not in EVENT_TYPES:
        raise MalformedError("type", "is EPCISDocument, EPCISQueryDocument or an event type", kind)
    return Document(
        format=Format.JSON,
        kind=Kind.EVENT,
        members={},
        events=[value],
        pointers=[""],
        findings=event_faults(value, "", 0),
    )


def _of_list(listed: list[JsonValue]) -> Document:
    if not listed:
        raise MalformedError("document", "is not an empty list")
    events, pointers, findings = _events(listed, "", None)
    return Document(
        format=Format.JSON,
        kind=Kind.EVENTS,
        members={},
        events=events,
        pointers=pointers,
        findings=findings,
    )


def _of_document(document: Event, kind: str) -> Document:
    findings = _version_faults(document)
    listed, parent, members = _detached_list(document, _PATHS[kind])
    if isinstance(listed, list):
        context = _shared_context(document, len(listed), findings)
        events, pointers, faults = _events(listed, parent, context)
        findings += faults
    else:
        events, pointers = [], []
        findings.append(
            _error("NO_EVENT_LIST", parent, None, f"{parent} must be the list of events.")
        )
    return Document(
        format=Format.JSON,
        kind=Kind(kind),
        members=members,
        events=events,
        pointers=pointers,
        findings=findings,
    )


def _detached_list(document: Event, path: tuple[str, ...]) -> tuple[JsonValue, str, Event]:
    """Return the event list, its pointer, and the document without it; None where there is none."""
    members = outer = dict(document)
    for name in path[:-1]:
        inner = outer.get(name)
        if not isinstance(inner, dict):
            return None, "/" + "/".join(path), members
        outer[name] = inner = dict(inner)
        outer = inner
    pointer = "/" + "/".join(path)
    if path[-1] not in outer and "event" in outer and len(path) == 2:  # noqa: PLR2004 -- a capture
        return [outer.pop("event")], "/epcisBody/event", members
    if isinstance(outer.get(path[-1]), list):
        return outer.pop(path[-1]), pointer, members
    return None, pointer, members


def _events(
    listed: list[JsonValue], parent: str, context: JsonValue
) -> tuple[list[Event], list[str], list[DocumentFinding]]:
    events: list[Event] = []
    pointers: list[str] = []
    findings: list[DocumentFinding] = []
    for i, event in enumerate(listed):
        pointer = parent if parent.endswith("/event") else f"{parent}/{i}"
        if not isinstance(event, dict):
            findings.append(_error("NOT_AN_EVENT", pointer, event, "An event is an object."))
            continue
        findings += event_faults(event, pointer, len(events))
        if context is not None and "@context" not in event:
            event = {**event, "@context": context}  # noqa: PLW2901 -- the sender's object stays
        events.append(event)
        pointers.append(pointer)
    return events, pointers, findings


def _version_faults(document: Event) -> list[DocumentFinding]:
    version = document.get("schemaVersion")
    if isinstance(version, str) and _VERSION.fullmatch(version):
        return []
    message = "JSON documents have schemaVersion 2.x."
    return [_error("UNSUPPORTED_SCHEMA_VERSION", "/schemaVersion", version, message)]


def _shared_context(document: Event, count: int, findings: list[DocumentFinding]) -> JsonValue:
    """Return the context that each event takes over, bounded: it is stored with every one."""
    if "@context" not in document:
        return None
    context = document["@context"]
    if context is None:
        findings.append(_error("NULL_CONTEXT", "/@context", None, "@context must not be null."))
    elif count > 1 and len(canonical_json(context)) * count > MAX_CONTEXT_BYTES:
        raise MalformedError("@context", f"has at most {MAX_CONTEXT_BYTES} bytes over all events")
    return context


def event_faults(event: Event, pointer: str, position: int) -> list[DocumentFinding]:
    """Return what keeps custody from reading an event: its type, its action, misplaced members."""
    kind, action = event.get("type"), event.get("action")
    if kind not in EVENT_TYPES:
        message = "type must be one of the five event types."
        return [_error("UNKNOWN_EVENT_TYPE", f"{pointer}/type", kind, message, position)]
    if _FOREIGN_TO[kind].isdisjoint(event) and (action in ACTIONS or kind == _WITHOUT_ACTION):
        return _NONE
    findings = [
        _error(
            "MISPLACED_MEMBER",
            f"{pointer}/{name}",
            None,
            f"{name} does not belong to a {kind}.",
            position,
        )
        for name in sorted(_FOREIGN_TO[kind] & event.keys())
    ]
    if kind != _WITHOUT_ACTION and action not in ACTIONS:
        message = "action must be ADD, OBSERVE or DELETE."
        findings.append(_error("INVALID_ACTION", f"{pointer}/action", action, message, position))
    return findings


def _error(
    code: str, pointer: str, value: JsonValue, message: str, event: int | None = None
) -> DocumentFinding:
    return DocumentFinding(
        code=code,
        severity=Severity.ERROR,
        pointer=pointer,
        value=None if value is None else str(value),
        message=message,
        rule=_RULE,
        event=event,
    )
