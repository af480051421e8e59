"""The canonical property order of the event hash: CBV 2.0 section 8.9.2, with CBV 2.0's additions.

Every member that EPCIS gives an event stands here once, in the order in which it is hashed.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from ledger.core.epcis.vocabulary import (
    BIZ_STEP,
    BIZ_TRANSACTION,
    COMPONENT,
    DISPOSITION,
    MEASUREMENT,
    SENSOR_ALERT,
    SOURCE_DESTINATION,
    Words,
)


class As(Enum):
    """How a value without members of its own is written."""

    TEXT = auto()
    TIME = auto()
    NUMBER = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One member and how it is written.

    Attributes:
        name: As in JSON.
        written: Key before each value; "" writes the members of each element alone.
        listed: The name is written once, before all its elements.
        members: Of a value that is an object, in order; all others follow as extensions.
        kind: How a plain value is written.
        words: Vocabulary of a plain value.
    """

    name: str
    written: str = ""
    listed: bool = False
    members: tuple["Member", ...] = ()
    kind: As = As.TEXT
    words: Words | None = None


def _plain(name: str, kind: As = As.TEXT, words: Words | None = None) -> Member:
    return Member(name=name, written=name, kind=kind, words=words)


def _plain_all(names: str, kind: As = As.TEXT) -> tuple[Member, ...]:
    return tuple(_plain(name, kind) for name in names.split())


def _object(name: str, *members: Member) -> Member:
    return Member(name=name, written=name, members=members)


def _list(name: str, element: str, *members: Member) -> Member:
    return Member(name=name, written=element, listed=True, members=members)


_QUANTITY = (_plain("epcClass"), _plain("quantity", As.NUMBER), _plain("uom"))


def _quantities(name: str) -> Member:
    return _list(name, "quantityElement", *_QUANTITY)


def _typed(name: str, value: str, words: Words) -> Member:
    # CBV 2.0 section 8.9.2 writes the type first, other descriptions of it last.
    return _list(name, "", _plain("type", words=words), _plain(value))


_SENSOR_METADATA = _object(
    "sensorMetadata",
    *_plain_all("time startTime endTime", As.TIME),
    *_plain_all("deviceID deviceMetadata rawData dataProcessingMethod bizRules"),
)
_SENSOR_REPORT = _object(
    "sensorReport",
    _plain("type", words=MEASUREMENT),
    _plain("exception", words=SENSOR_ALERT),
    *_plain_all("deviceID deviceMetadata rawData dataProcessingMethod"),
    _plain("time", As.TIME),
    *_plain_all("microorganism chemicalSubstance"),
    _plain("value", As.NUMBER),
    _plain("component", words=COMPONENT),
    *_plain_all("stringValue booleanValue hexBinaryValue uriValue"),
    *_plain_all("minValue maxValue meanValue sDev percRank percValue", As.NUMBER),
    *_plain_all("uom coordinateReferenceSystem"),
)

EVENT_MEMBERS: Final = (
    Member(name="type", written="eventType"),
    _plain("eventTime", As.TIME),
    _plain("eventTimeZoneOffset"),
    _plain("certificationInfo"),
    _list("epcList", "epc"),
    _plain("parentID"),
    _list("inputEPCList", "epc"),
    _list("childEPCs", "epc"),
    _quantities("quantityList"),
    _quantities("childQuantityList"),
    _quantities("inputQuantityList"),
    _list("outputEPCList", "epc"),
    _quantities("outputQuantityList"),
    _plain("action"),
    _plain("transformationID"),
    _plain("bizStep", words=BIZ_STEP),
    _plain("disposition", words=DISPOSITION),
    _object(
        "persistentDisposition",
        _plain("set", words=DISPOSITION),
        _plain("unset", words=DISPOSITION),
    ),
    _object("readPoint", _plain("id")),
    _object("bizLocation", _plain("id")),
    _typed("bizTransactionList", "bizTransaction", BIZ_TRANSACTION),
    _typed("sourceList", "source", SOURCE_DESTINATION),
    _typed("destinationList", "destination", SOURCE_DESTINATION),
    _list("sensorElementList", "sensorElement", _SENSOR_METADATA, _SENSOR_REPORT),
    _object("ilmd"),
)
# Names of an event and of what was declared or noted about it, no part of what it says.
LEFT_OUT: Final = frozenset(["eventID", "recordTime", "errorDeclaration", "@context"])
