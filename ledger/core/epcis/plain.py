"""The events of nearly all trade, told from the rest by one narrow schema for each type.

What this schema takes has no fault that an event can have by itself, but for check digits, a parent
among its children and one item spelt in two ways: those are looked at here, many at a time. All
else takes the long way through the schema and every rule.
"""

import re
from itertools import pairwise
from typing import Any, Final

from jsonschema_rs import Draft7Validator, RegexOptions

from ledger.core.epcis.document import Event
from ledger.core.epcis.rules_identifiers import are_check_digits_right, find_fault
from ledger.core.epcis.schema import MEMBERS, SENSOR_METADATA, SENSOR_REPORT, TIME, URI, Schema
from ledger.core.epcis.vocabulary import (
    BIZ_STEP,
    BIZ_TRANSACTION,
    COMPONENT,
    DISPOSITION,
    ERROR_REASON,
    MEASUREMENT,
    SENSOR_ALERT,
    SOURCE_DESTINATION,
    Words,
)


def _splits(digits: int) -> str:
    parts = (rf"[0-9]{{{one}}}\.[0-9]{{{digits - one}}}" for one in range(6, 13))
    return f"(?:{'|'.join(parts)})"


def _words(words: Words) -> Schema:
    return {"enum": sorted(words.words)}


def _closed(members: dict[str, Schema], required: list[str]) -> Schema:
    return {
        "type": "object", "properties": members, "required": required,
        "additionalProperties": False,
    }  # fmt: skip


def _open(members: dict[str, Schema], required: list[str] | None = None) -> Schema:
    """Return an object of these members and extensions, whose prefixes are not looked at."""
    return {**_closed(members, required or []), "patternProperties": {_EXTENSION: {}}}


def _list(items: Schema, **rule: object) -> Schema:
    return {"type": "array", "items": items, "minItems": 1, **rule}


_EXTENSION: Final = r"^[A-Za-z][A-Za-z0-9+.\-]*:[A-Za-z0-9_.\-/]+$"
_SERIAL = r"[A-Za-z0-9\-._]{1,20}"
_ITEM: Final[Schema] = {
    "type": "string",
    "pattern": rf"^(?:urn:epc:id:(?:sgtin:{_splits(13)}\.{_SERIAL}|sscc:{_splits(17)})"
    rf"|https://id\.gs1\.org/(?:01/[0-9]{{14}}/21/{_SERIAL}|00/[0-9]{{18}}))$",
}
_ITEMS: Final = _list(_ITEM, uniqueItems=True)
_QUANTITY: Final = _closed(
    {
        "epcClass": {
            "type": "string",
            "pattern": rf"^(?:urn:epc:(?:class:lgtin:{_splits(13)}\.{_SERIAL}"
            rf"|idpat:sgtin:{_splits(13)}\.\*)"
            rf"|https://id\.gs1\.org/01/[0-9]{{14}}(?:/10/{_SERIAL})?)$",
        },
        "quantity": {"type": "number", "exclusiveMinimum": 0},
        "uom": {"type": "string", "pattern": "^[A-Z0-9]{2,3}$"},
    },
    ["epcClass"],
)
_WHOLE: Final[Schema] = {"properties": {"quantity": {"type": "integer"}, "uom": False}}
_QUANTITIES: Final = _list({**_QUANTITY, "anyOf": [_WHOLE, {"required": ["quantity", "uom"]}]})
_PLAIN_OF: Final[dict[str, Schema]] = {
    "@context": {},
    "eventTime": {
        # As ledger.core.events reads it: no leap second, capitals only, zones that exist.
        "type": "string", "format": "date-time",
        "pattern": r"^[0-9\-]{10}T[0-9]{2}:[0-9]{2}:[0-5][0-9](?:\.[0-9]+)?"
        r"(?:Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)$",
    },
    "eventTimeZoneOffset": {
        "type": "string", "pattern": "^[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00)$",
    },
    "eventID": {"type": "string", "format": "uri", "pattern": "^(?:urn:uuid|ni):"},
    "bizStep": _words(BIZ_STEP),
    "disposition": _words(DISPOSITION),
    "action": {"enum": ["ADD", "OBSERVE", "DELETE"]},
    "readPoint": _closed({"id": URI}, ["id"]),
    "bizLocation": _closed({"id": URI}, ["id"]),
    "bizTransactionList": _list(
        _closed(
            {"type": _words(BIZ_TRANSACTION), "bizTransaction": URI}, ["bizTransaction"]
        )
    ),
    "sourceList": _list(
        _closed({"type": _words(SOURCE_DESTINATION), "source": URI}, ["type", "source"])
    ),
    "destinationList": _list(
        _closed(
            {"type": _words(SOURCE_DESTINATION), "destination": URI}, ["type", "destination"]
        )
    ),
    "parentID": _ITEM,
    "ilmd": _open({}),
    "certificationInfo": {"anyOf": [URI, _list(URI)]},
    "recordTime": TIME,
    "errorDeclaration": _open(
        {
            "declarationTime": TIME, "reason": _words(ERROR_REASON),
            "correctiveEventIDs": _list(URI),
        },
        ["declarationTime"],
    ),
    "sensorElementList": _list(
        _open(
            {
                "sensorMetadata": _open(SENSOR_METADATA),
                "sensorReport": _list(
                    _open(
                        {
                            **SENSOR_REPORT,
                            "type": _words(MEASUREMENT),
                            "exception": _words(SENSOR_ALERT),
                            "component": _words(COMPONENT),
                        },
                        ["type"],
                    )
                ),
            },
            ["sensorReport"],
        )
    ),
    **dict.fromkeys(("epcList", "childEPCs"), _ITEMS),
    **dict.fromkeys(("quantityList", "childQuantityList"), _QUANTITIES),
}  # fmt: skip
_COMMON: Final = (
    "@context", "eventTime", "eventTimeZoneOffset", "eventID", "bizStep", "disposition",
    "readPoint", "bizLocation", "bizTransactionList", "sourceList", "destinationList",
)  # fmt: skip
# What an event rarely has, and what has rules of its own that is_plain leaves to others.
_RARE: Final = ("certificationInfo", "recordTime", "errorDeclaration", "sensorElementList")
# What a type must name, by any of the alternatives. Transformations are few, and have inputs that
# must not be outputs: they take the long way.
_NEEDED: Final = {
    "ObjectEvent": (["epcList"], ["quantityList"]),
    "AggregationEvent": (["parentID", "childEPCs"], ["parentID", "childQuantityList"]),
    "AssociationEvent": (["parentID", "childEPCs"], ["parentID", "childQuantityList"]),
    "TransactionEvent": (
        ["bizTransactionList", "epcList"],
        ["bizTransactionList", "quantityList"],
    ),
}


def plain_schema(kind: str) -> Schema:
    """Return the schema of plain events of a type, one of PLAIN_KINDS."""
    own = MEMBERS[kind]
    schema = _open(
        {"type": {"const": kind}, **{name: _PLAIN_OF[name] for name in (*_COMMON, *_RARE, *own)}},
        ["type", "eventTime", "eventTimeZoneOffset", *(["action"] * ("action" in own))],
    )
    schema["anyOf"] = [{"required": names} for names in _NEEDED[kind]]
    if kind == "ObjectEvent":
        added: Schema = {"properties": {"action": {"const": "ADD"}}}
        schema["allOf"] = [{"anyOf": [{"not": {"required": ["ilmd"]}}, added]}]
    return schema


_VALIDATORS: Final = {
    kind: Draft7Validator(
        plain_schema(kind), validate_formats=True, pattern_options=RegexOptions()
    )
    for kind in _NEEDED
}  # fmt: skip
PLAIN_KINDS: Final = (*_NEEDED,)
_ITEM_LIST: Final = {
    "ObjectEvent": "epcList", "AggregationEvent": "childEPCs", "AssociationEvent": "childEPCs",
    "TransactionEvent": "epcList",
}  # fmt: skip
_USUAL: Final = frozenset(
    ["type", *_COMMON, *(name for kind in _NEEDED for name in MEMBERS[kind] if name != "ilmd")]
)
_REFERENCES: Final = (
    ("readPoint", "id"), ("bizLocation", "id"),
    ("bizTransactionList", "bizTransaction"), ("sourceList", "source"),
    ("destinationList", "destination"), ("quantityList", "epcClass"),
    ("childQuantityList", "epcClass"),
)  # fmt: skip
# The company prefix of a URN, "" of a link: what two spellings of one item differ in.
_SPELLING: Final = re.compile(r"^(?:urn:epc:id:[a-z]+:([0-9]+)|https)", re.MULTILINE)
_GTIN: Final = re.compile(r"/01/([0-9]{14})/21/")
_SSCC: Final = re.compile(r"/00/([0-9]{18})$", re.MULTILINE)


def is_usual(event: Event) -> bool:
    """Tell whether a plain event has nothing but members that is_plain has judged."""
    return _USUAL.issuperset(event)


def is_plain(event: Event, links: list[str]) -> bool:
    """Tell whether an event has no fault of its own, but for the check digits of `links`.

    Left out are times beside the present, rare members (is_usual) and prefixes of extensions.

    Args:
        event: Any object.
        links: Takes the identifiers whose check digits are left to are_links_right.
    """
    kind = event.get("type")
    validator = _VALIDATORS.get(kind) if isinstance(kind, str) else None
    if validator is None or not validator.is_valid(event):
        return False
    return are_identifiers_plain(event, links)


def are_identifiers_plain(event: dict[str, Any], links: list[str]) -> bool:
    """Tell what is_plain tells of an event that its plain schema has taken."""
    return _are_items_plain(event, links) and _are_references_plain(event)


def _are_items_plain(event: dict[str, Any], links: list[str]) -> bool:
    parent = event.get("parentID")
    items: list[str] = event.get(_ITEM_LIST[event["type"]], [])
    if parent is None and len(items) == 1:
        if items[0][0] == "h":
            links.append(items[0])
        return True
    if parent in items:
        return False
    text = "\n".join([*items, parent] if parent else items)
    if not _is_spelt_in_one_way(text):
        return False
    if "https" in text:
        links.append(text)
    return True


def _is_spelt_in_one_way(text: str) -> bool:
    """Tell whether different lines are different items: else one prefix begins another."""
    prefixes = sorted(set(_SPELLING.findall(text)))
    return not any(longer.startswith(shorter) for shorter, longer in pairwise(prefixes))


def _are_references_plain(event: dict[str, Any]) -> bool:
    for name, member in _REFERENCES:
        named = event.get(name)
        if named is None:
            continue
        for element in named if type(named) is list else (named,):
            if find_fault(element[member]) is not None:
                return False
    return True


def are_links_right(links: list[str]) -> bool:
    """Tell whether all check digits in links that is_plain collected are right."""
    text = "\n".join(links)
    return are_check_digits_right([*set(_GTIN.findall(text))], 14) and are_check_digits_right(
        _SSCC.findall(text), 18
    )
