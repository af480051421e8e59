"""The table "Operation" of docs/spec/event.md: what an event does, as a function of its rows."""

import re
from collections.abc import Mapping
from datetime import date
from enum import IntEnum

from unbroken_verifier.canonical import JsonValue
from unbroken_verifier.eip712 import Z32
from unbroken_verifier.errors import RefusedError
from unbroken_verifier.identifiers import party_key, party_path


class Op(IntEnum):
    """Operation codes of docs/spec/entry.md."""

    COMMISSION = 1
    OBSERVE = 2
    HANDOFF = 3
    RECEIVE = 4
    PACK = 5
    UNPACK = 6
    TRANSFORM = 7
    DISPENSE = 8
    DESTROY = 9
    DECOMMISSION = 10
    VOID = 11
    OTHER = 255


FLAG_ERROR_DECLARATION = 1
FLAG_UNPACK_ALL = 2

BIZ_STEP_PREFIXES = (
    "urn:epcglobal:cbv:bizstep:",
    "https://ref.gs1.org/cbv/BizStep-",
    "https://ns.gs1.org/voc/Bizstep-",
)
PARTY_TYPE_PREFIXES = ("urn:epcglobal:cbv:sdt:", "https://ref.gs1.org/cbv/SDT-")

# Lines 3 to 7 of the table: (type, action); None stands for any action.
BY_TYPE: dict[tuple[str, str | None], Op] = {
    ("TransformationEvent", None): Op.TRANSFORM,
    ("AssociationEvent", None): Op.OTHER,
    ("AggregationEvent", "ADD"): Op.PACK,
    ("AggregationEvent", "DELETE"): Op.UNPACK,
    ("ObjectEvent", "ADD"): Op.COMMISSION,
}
FIVE_TYPES = {
    "ObjectEvent",
    "AggregationEvent",
    "TransactionEvent",
    "TransformationEvent",
    "AssociationEvent",
}
# Lines 8 to 10 and 11 to 16.
ENDS = {"dispensing": Op.DISPENSE, "retail_selling": Op.DISPENSE, "destroying": Op.DESTROY}
BY_STEP = {
    "shipping": Op.HANDOFF,
    "consigning": Op.HANDOFF,
    "receiving": Op.RECEIVE,
    "accepting": Op.RECEIVE,
    "decommissioning": Op.DECOMMISSION,
    **ENDS,
}

INSTANT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:Z|([+-])([0-9]{2}):([0-9]{2}))"
)
EPOCH = date(1970, 1, 1).toordinal()
HOURS, SIXTY = 24, 60
MAX_OFFSET_MINUTES = 14 * 60
LAST_MS = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z


def operation(rows: Mapping[str, JsonValue]) -> Op:
    """The op that an event's rows (pointer to value) decide: the first line that fits.

    Raises:
        RefusedError: the type row is missing.
    """
    if "/type" not in rows:
        raise RefusedError("row /type, which decides the operation, is not disclosed")
    kind, action = _word(rows["/type"], ()), _word(rows.get("/action"), ())
    step = _word(rows.get("/bizStep"), BIZ_STEP_PREFIXES)
    if "/errorDeclaration" in rows or step == "void_shipping":
        return Op.VOID
    if kind not in FIVE_TYPES:
        return Op.OTHER
    decided = BY_TYPE.get((kind, None)) or BY_TYPE.get((kind, action))
    if decided:
        return decided
    if kind == "ObjectEvent" and action == "DELETE":
        return ENDS.get(step, Op.DECOMMISSION)
    return BY_STEP.get(step, Op.OBSERVE)


def instant(value: JsonValue) -> int:
    """Milliseconds since 1970 of an `eventTime`; further digits are cut off.

    Raises:
        RefusedError: another form, no real instant, or one outside 1970 to 9999 (UTC).
    """
    match = INSTANT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise RefusedError("eventTime has not the form of docs/spec/event.md")
    year, month, day, hour, minute, second = (int(match[place]) for place in range(1, 7))
    offset_hours, offset_minutes = int(match[9] or 0), int(match[10] or 0)
    offset = offset_hours * 60 + offset_minutes
    try:
        days = date(year, month, day).toordinal() - EPOCH
    except ValueError as error:
        raise RefusedError("eventTime names no real day") from error
    if hour >= HOURS or max(minute, second, offset_minutes) >= SIXTY or offset > MAX_OFFSET_MINUTES:
        raise RefusedError("eventTime names no real instant")
    minutes = days * 1440 + hour * 60 + minute - (-offset if match[8] == "-" else offset)
    time = (minutes * 60 + second) * 1000 + int((match[7] or "0")[:3].ljust(3, "0"))
    if not 0 <= time <= LAST_MS:
        raise RefusedError("eventTime is not from 1970 to 9999 (UTC)")
    return time


def receiver(rows: Mapping[str, JsonValue], kind: str, party: bytes) -> bytes:
    """Party key of the one destination of a type, Z if none, several, or the party itself.

    Args:
        rows: pointer to value.
        kind: `owning_party` or `possessing_party`.
        party: on whose behalf the event is.

    Raises:
        RefusedError: an element is no object with a `destination`, or one of that type is no
            well-formed identifier.
    """
    named = set()
    for pointer, value in rows.items():
        if not pointer.startswith("/destinationList/"):
            continue
        members = value if isinstance(value, dict) else {}
        destination = members.get("destination")
        if not isinstance(destination, str):
            raise RefusedError(f"{pointer} has no destination")
        if _word(members.get("type"), PARTY_TYPE_PREFIXES) == kind:
            named.add(party_key(party_path(destination)))
    if len(named) != 1 or party in named:
        return Z32
    return named.pop()


def _word(value: JsonValue, prefixes: tuple[str, ...]) -> str:
    """The bare CBV word; an empty text for anything that is no text."""
    if not isinstance(value, str):
        return ""
    return next((value[len(p) :] for p in prefixes if value.startswith(p)), value)
