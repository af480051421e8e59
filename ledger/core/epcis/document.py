"""The one internal model of a document: its members, and its events as EPCIS 2.0 JSON objects.

XML of either version becomes the same JSON that a JSON sender would have written, so that hashing,
custody, queries and conversion know one form only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from ledger.core.epcis.finding import DocumentFinding
from ledger.core.strict_json import JsonValue

Event = dict[str, JsonValue]

STANDARD_CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"


class Format(StrEnum):
    """How a document was, or shall be, written."""

    JSON = "json"
    XML_20 = "xml20"
    XML_12 = "xml12"


class Kind(StrEnum):
    """What a document is."""

    CAPTURE = "EPCISDocument"
    QUERY = "EPCISQueryDocument"
    EVENT = "event"
    EVENTS = "events"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document that was read.

    Attributes:
        format: As it was written.
        kind: What it is.
        members: Everything but the events: the JSON object of a document without its event list
            (`@context`, `schemaVersion`, `creationDate`, `sender`, `epcisHeader`, extensions, the
            query's `queryName` and `subscriptionID` in their place). {} for bare events.
        events: EPCIS 2.0 JSON objects as their signer sent them; an event without `@context` takes
            its document's.
        pointers: RFC 6901 pointer of each event into the JSON form of the document.
        lines: Line of each event in the bytes, from 1; () when it is not known.
        findings: What could not be carried over, and faults of the format that reading found.
    """

    format: Format
    kind: Kind
    members: dict[str, JsonValue]
    events: Sequence[Event]
    pointers: Sequence[str]
    lines: Sequence[int] = ()
    findings: Sequence[DocumentFinding] = ()
