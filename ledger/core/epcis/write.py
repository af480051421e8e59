"""The internal model to bytes: EPCIS 2.0 JSON, 2.0 XML, 1.2 XML (docs/spec/epcis-xml.md)."""

from dataclasses import replace
from typing import Final

import orjson

from ledger.core.epcis.document import Document, Event, Format, Kind
from ledger.core.epcis.finding import DocumentFinding
from ledger.core.epcis.losses import Losses
from ledger.core.epcis.write_xml import write_xml
from ledger.core.epcis.write_xml_event import CbvFormat
from ledger.core.strict_json import JsonValue

_RULE: Final = {
    Format.JSON: "EPCIS 2.0 section 10",
    Format.XML_20: "EPCIS 2.0 section 9.5",
    Format.XML_12: "EPCIS 1.2 section 9.5",
}
_NAMED_ONCE: Final = frozenset(["epcList", "childEPCs", "inputEPCList", "outputEPCList"])
_PATH: Final = {
    Kind.CAPTURE: ("epcisBody", "eventList"),
    Kind.QUERY: ("epcisBody", "queryResults", "resultsBody", "eventList"),
}


def write_document(
    document: Document, to: Format, *, cbv: CbvFormat = CbvFormat.ALWAYS_URN
) -> tuple[bytes, list[DocumentFinding]]:
    """Write a document in a format.

    Args:
        document: From read_document. Of one with findings of severity ERROR as much is written as
            the format can hold.
        to: The format.
        cbv: How XML spells the words of the Core Business Vocabulary.

    Returns:
        The bytes, and for each thing that they do not hold a finding LOST_IN_CONVERSION at its
        pointer.
    """
    losses = Losses(_RULE[to])
    if to is Format.JSON:
        once = []
        for i, event in enumerate(document.events):
            losses.event = i
            once.append(_named_once(event, document.pointers[i], losses))
        written = _json(replace(document, events=once))
    else:
        written = write_xml(document, to, cbv, losses)
    return written, losses.found


def _named_once(event: Event, pointer: str, losses: Losses) -> Event:
    """Leave out what a list names again: XML may, JSON may not (EPCIS 2.0 section 10.2)."""
    for name in sorted(_NAMED_ONCE & event.keys()):
        listed = event[name]
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            continue
        seen: set[JsonValue] = set()
        kept: list[JsonValue] = []
        for i, one in enumerate(listed):
            if one in seen:
                losses.lose(f"{pointer}/{name}/{i}", "JSON names an item once in a list.", one)
            else:
                kept.append(one)
            seen.add(one)
        if len(kept) < len(listed):
            event = {**event, name: kept}
    return event


def _json(document: Document) -> bytes:
    return orjson.dumps(_json_value(document), option=orjson.OPT_INDENT_2) + b"\n"


def _json_value(document: Document) -> JsonValue:
    if document.kind is Kind.EVENT:
        return document.events[0]
    if document.kind is Kind.EVENTS:
        return list(document.events)
    members = dict(document.members)
    outer = members
    *path, last = _PATH[document.kind]
    for name in path:
        inner = outer.get(name)
        outer[name] = dict(inner) if isinstance(inner, dict) else {}
        outer = outer[name]  # type: ignore[assignment]
    outer[last] = [_without_shared(event, members.get("@context")) for event in document.events]
    return members


def _without_shared(event: Event, context: JsonValue) -> Event:
    """Leave a context out that the event takes from its document anyway."""
    if context is None or event.get("@context") != context:
        return event
    return {name: value for name, value in event.items() if name != "@context"}
