"""What a query asks of an event: conditions, each met by any of its values.

All that the hundred parameters of SimpleEventQuery come to; `index_terms` says what they look at.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from ledger.core.epcis.patterns import PathPattern


class Field(StrEnum):
    """What every event has at most one of; kept in columns of their own."""

    EVENT_TYPE = "event_type"
    ACTION = "action"
    BIZ_STEP = "biz_step"
    DISPOSITION = "disposition"
    READ_POINT = "read_point"
    BIZ_LOCATION = "biz_location"
    EVENT_ID = "event_id"


class Moment(StrEnum):
    """The two times of an event."""

    EVENT_TIME = "event_ms"
    RECORD_TIME = "record_ms"


class Comparison(StrEnum):
    """How a number is compared with the query's."""

    EQ = "="
    GT = ">"
    GE = ">="
    LT = "<"
    LE = "<="


@dataclass(frozen=True, slots=True)
class HasField:
    """The field is one of the values."""

    field: Field
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HasTerm:
    """The event has one of the terms (`compared.term`, or a bare name for existence)."""

    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AtTime:
    """The time of the event compares so."""

    moment: Moment
    comparison: Comparison
    time_ms: int


@dataclass(frozen=True, slots=True)
class HasNumber:
    """The event has a number of that name which compares so with one of the values."""

    name: str
    comparison: Comparison
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class NamesItem:
    """The event names an item, in one of the roles (formats 3), by path or by pattern."""

    roles: tuple[int, ...]
    paths: tuple[str, ...]
    patterns: tuple[PathPattern, ...] = ()


@dataclass(frozen=True, slots=True)
class NamesClass:
    """The event has a quantity of a class, in one of the members, by path or by pattern."""

    members: tuple[str, ...]
    paths: tuple[str, ...]
    patterns: tuple[PathPattern, ...] = ()


@dataclass(frozen=True, slots=True)
class Within:
    """The place is one of the paths, or below one by master data."""

    field: Field
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HasAttribute:
    """Master data of the value of a field, or of an extension by its name, has one of the terms."""

    field: Field | str
    terms: tuple[str, ...]


Condition: TypeAlias = (
    HasField | HasTerm | AtTime | HasNumber | NamesItem | NamesClass | Within | HasAttribute
)
