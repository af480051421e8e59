"""Documents that are right beyond doubt, told at once: no model is made of them, no finding.

For who asks for a verdict only. What is not clean may still be right; check.py tells.
"""

from typing import Any, Final, cast

import orjson
from jsonschema_rs import Draft7Validator, RegexOptions

from ledger.core.epcis.plain import (
    PLAIN_KINDS,
    are_identifiers_plain,
    are_links_right,
    is_usual,
    plain_schema,
)
from ledger.core.epcis.quality import is_unremarkable
from ledger.core.epcis.read_json import MAX_CONTEXT_BYTES
from ledger.core.epcis.rules_context import read_context
from ledger.core.epcis.rules_document import judge_together
from ledger.core.epcis.schema import TIME, URI, Schema
from ledger.core.strict_json import JsonValue

# The reader has limits of its own; documents near to them take its way.
MAX_EVENTS: Final = 10_000

_TEXT: Final[Schema] = {"type": "string"}
_MEMBERS: Final[dict[str, Schema]] = {
    "@context": {
        "anyOf": [
            {"type": "object"},
            URI,
            {"type": "array", "items": {"type": ["string", "object"]}, "uniqueItems": True},
        ]
    },
    "type": {"const": "EPCISDocument"},
    "id": URI,
    "schemaVersion": {"type": "string", "pattern": r"^2\.[0-9]+(?:\.[0-9]+)?$"},
    "creationDate": TIME,
    "instanceIdentifier": _TEXT,
    "sender": _TEXT,
    "receiver": _TEXT,
    "epcisBody": {
        "type": "object",
        "properties": {
            "eventList": {
                "type": "array",
                "items": {"anyOf": [plain_schema(kind) for kind in PLAIN_KINDS]},
            }
        },
        "required": ["eventList"],
        "additionalProperties": False,
    },
}
_VALIDATOR: Final = Draft7Validator(
    {
        "type": "object",
        "properties": _MEMBERS,
        "required": ["@context", "type", "schemaVersion", "creationDate", "epcisBody"],
        "additionalProperties": False,
    },
    validate_formats=True,
    pattern_options=RegexOptions(),
)


def is_clean(value: JsonValue, *, at_ms: int) -> bool:
    """Tell that check_document has no finding about a document; False says nothing.

    Args:
        value: From parse_json.
        at_ms: Present time in ms since 1970.
    """
    if not (_begins_lately(value, at_ms) and _VALIDATOR.is_valid(value)):
        return False
    # The schema has told what every member is.
    document: Any = value
    events: list[dict[str, Any]] = document["epcisBody"]["eventList"]
    context = document["@context"]
    if len(events) > MAX_EVENTS or read_context(context).faults:
        return False
    if len(events) > 1 and 2 * len(orjson.dumps(context)) * len(events) > MAX_CONTEXT_BYTES:
        return False
    links: list[str] = []
    for event in events:
        if (
            "@context" in event
            or not is_usual(event)
            or not is_unremarkable(event["eventTime"], at_ms)
            or not are_identifiers_plain(event, links)
        ):
            return False
    if links and not are_links_right(links):
        return False
    return not judge_together(events, [""] * len(events))


def _begins_lately(value: JsonValue, at_ms: int) -> bool:
    """Tell whether the first event's time is unremarkable: of an old file no more is asked."""
    try:
        document = cast("dict[str, Any]", value)
        return is_unremarkable(document["epcisBody"]["eventList"][0]["eventTime"], at_ms)
    except (LookupError, TypeError, ValueError):
        return False
