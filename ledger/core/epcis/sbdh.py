"""The Standard Business Document Header, of which EPCIS 2.0 JSON has three members (section 10.1).

The header that follows from those members alone is never kept beside them.
"""

from typing import Final

from ledger.core.epcis.document import Event
from ledger.core.strict_json import JsonValue

SBDH_MEMBER: Final = "StandardBusinessDocumentHeader"
_AUTHORITY: Final = "GS1"


def as_members(sbdh: Event, prefix: str) -> Event:
    """Return sender, receiver and instanceIdentifier of a header; several partners: the first."""
    found = {
        "sender": _identifier(sbdh.get(f"{prefix}:Sender"), prefix),
        "receiver": _identifier(sbdh.get(f"{prefix}:Receiver"), prefix),
        "instanceIdentifier": _member(
            sbdh.get(f"{prefix}:DocumentIdentification"), f"{prefix}:InstanceIdentifier"
        ),
    }
    return {name: value for name, value in found.items() if isinstance(value, str) and value}


def synthesised(members: Event, prefix: str) -> Event:
    """Return the header that says no more than a document's own members."""
    return {
        f"{prefix}:HeaderVersion": "1.0",
        f"{prefix}:Sender": _partner(members.get("sender"), prefix),
        f"{prefix}:Receiver": _partner(members.get("receiver"), prefix),
        f"{prefix}:DocumentIdentification": {
            f"{prefix}:Standard": "EPCglobal",
            f"{prefix}:TypeVersion": "1.0",
            f"{prefix}:InstanceIdentifier": members.get("instanceIdentifier", ""),
            f"{prefix}:Type": "Events",
            f"{prefix}:CreationDateAndTime": members.get("creationDate", ""),
        },
    }


def _partner(identifier: JsonValue, prefix: str) -> JsonValue:
    if not isinstance(identifier, str):
        return {f"{prefix}:Identifier": ""}
    return {f"{prefix}:Identifier": {"@Authority": _AUTHORITY, "#text": identifier}}


def _identifier(partner: JsonValue, prefix: str) -> JsonValue:
    first = partner[0] if isinstance(partner, list) and partner else partner
    identifier = _member(first, f"{prefix}:Identifier")
    return identifier.get("#text") if isinstance(identifier, dict) else identifier


def _member(value: JsonValue, name: str) -> JsonValue:
    return value.get(name) if isinstance(value, dict) else None
