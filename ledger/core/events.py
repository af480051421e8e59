"""What an EPCIS event means for custody: its operation, times and parties (docs/spec/event.md)."""

import re
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import cast

from ledger.core.entries import FLAG_ERROR_DECLARATION, FLAG_UNPACK_ALL, Op, Z
from ledger.core.errors import MalformedError
from ledger.core.identifiers import party_key, party_path
from ledger.core.strict_json import JsonValue

Event = dict[str, JsonValue]

# Tuples: a type or action may be any JSON value, and `in` must not hash it.
EVENT_TYPES = (
    "ObjectEvent", "AggregationEvent", "TransactionEvent", "TransformationEvent",
    "AssociationEvent",
)  # fmt: skip
# 9999-12-31T23:59:59.999Z: what other systems and our own answers can still write.
MAX_TIME_MS = 253_402_300_799_999
# EPCIS 2.0 section 7.4: the members by which each type names items, its what-dimension.
_CONTAINMENT = frozenset(["parentID", "childEPCs", "childQuantityList"])
NAMING_OF: dict[str, frozenset[str]] = {
    "ObjectEvent": frozenset(["epcList", "quantityList"]),
    "AggregationEvent": _CONTAINMENT,
    "TransactionEvent": frozenset(["parentID", "epcList", "quantityList"]),
    "TransformationEvent": frozenset(
        ["inputEPCList", "inputQuantityList", "outputEPCList", "outputQuantityList"]
    ),
    "AssociationEvent": _CONTAINMENT,
}
NAMING_MEMBERS = frozenset[str]().union(*NAMING_OF.values())
ACTIONS = ("ADD", "OBSERVE", "DELETE")
# Pack, case, pallet, sea container: a deeper PACK is not followed, which bounds each climb.
MAX_NESTING = 16
_STEP_PREFIXES = (
    "urn:epcglobal:cbv:bizstep:",
    "https://ref.gs1.org/cbv/BizStep-",
    "https://ns.gs1.org/voc/Bizstep-",
)
_PLACE_PREFIXES = ("urn:epcglobal:cbv:sdt:", "https://ref.gs1.org/cbv/SDT-")
_OBSERVED = {
    "shipping": Op.HANDOFF,
    "consigning": Op.HANDOFF,
    "receiving": Op.RECEIVE,
    "accepting": Op.RECEIVE,
    "dispensing": Op.DISPENSE,
    "retail_selling": Op.DISPENSE,
    "destroying": Op.DESTROY,
    "decommissioning": Op.DECOMMISSION,
}
_DELETED = {"dispensing": Op.DISPENSE, "retail_selling": Op.DISPENSE, "destroying": Op.DESTROY}
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)(?:\.(\d+))?"
    r"(Z|[+-](?:0\d|1[0-3]):[0-5]\d|[+-]14:00)",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017 -- banned-api sees datetime.UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """The part of a log entry that follows from the event alone."""

    op: Op
    flags: int
    time_ms: int
    to_owner: bytes
    to_possessor: bytes


def operation(event: Event, on_behalf_of: bytes) -> Operation:
    """Return op, flags, time and both `to` of an event entry.

    Raises:
        MalformedError: eventTime is no instant from 1970 on, or a list has a wrong shape.
    """
    op, flags = _op(event)
    return Operation(
        op=op,
        flags=flags,
        time_ms=event_time_ms(event.get("eventTime")),
        to_owner=_recipient(event, "owning_party", on_behalf_of),
        to_possessor=_recipient(event, "possessing_party", on_behalf_of),
    )


def _op(event: Event) -> tuple[Op, int]:
    if "errorDeclaration" in event:
        return Op.VOID, FLAG_ERROR_DECLARATION
    step = _cbv(event.get("bizStep"), _STEP_PREFIXES)
    if step == "void_shipping":
        return Op.VOID, 0
    op = _op_by_type(event.get("type"), event.get("action"), step)
    if op is Op.UNPACK and not (event.get("childEPCs") or event.get("childQuantityList")):
        return op, FLAG_UNPACK_ALL
    return op, 0


def _op_by_type(kind: JsonValue, action: JsonValue, step: str) -> Op:
    if kind == "TransformationEvent":
        return Op.TRANSFORM
    if kind not in EVENT_TYPES or kind == "AssociationEvent":
        return Op.OTHER
    if kind == "AggregationEvent" and action in ("ADD", "DELETE"):
        return Op.PACK if action == "ADD" else Op.UNPACK
    if kind == "ObjectEvent" and action in ("ADD", "DELETE"):
        return Op.COMMISSION if action == "ADD" else _DELETED.get(step, Op.DECOMMISSION)
    return _OBSERVED.get(step, Op.OBSERVE)


def _cbv(value: JsonValue, prefixes: tuple[str, ...]) -> str:
    """Return the bare word of a CBV value, or the text itself; '' when it is no text."""
    if not isinstance(value, str):
        return ""
    if ":" in value:
        for prefix in prefixes:
            if value.startswith(prefix):
                return value[len(prefix) :]
    return value


def event_time_ms(text: JsonValue) -> int:
    """Return an EPCIS time as ms since 1970, further digits cut off.

    Raises:
        MalformedError: No zone, another form, or no instant from 1970 on.
    """
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise MalformedError("eventTime", "is YYYY-MM-DDThh:mm:ss[.f](Z|±hh:mm)", text)
    seconds, fraction, zone = match.groups()
    try:
        instant = datetime.fromisoformat(seconds + ("+00:00" if zone == "Z" else zone))
    except ValueError as error:
        raise MalformedError("eventTime", "is a real date and time", text) from error
    since = instant - _EPOCH
    milliseconds = (since.days * 86_400 + since.seconds) * 1000
    if since.days < 0:
        raise MalformedError("eventTime", "is not before 1970", text)
    milliseconds += int((fraction or "")[:3].ljust(3, "0"))
    if milliseconds > MAX_TIME_MS:
        raise MalformedError("eventTime", "is not after 9999 (UTC)", text)
    return milliseconds


def _recipient(event: Event, kind: str, on_behalf_of: bytes) -> bytes:
    destinations = event.get("destinationList", [])
    if not isinstance(destinations, list):
        raise MalformedError("destinationList", "is a list", destinations)
    parties = set()
    for place in destinations:
        if not isinstance(place, dict) or not isinstance(place.get("destination"), str):
            raise MalformedError("destinationList", "has elements {type, destination}", place)
        if _cbv(place.get("type"), _PLACE_PREFIXES) == kind:
            parties.add(party_key(party_path(cast("str", place["destination"]))))
    parties_without_self = parties if parties != {on_behalf_of} else set()
    return next(iter(parties_without_self)) if len(parties_without_self) == 1 else Z
