"""What the content of an event tells custody beyond its entry: makes findings, never state.

Content can be erased, and then these facts are gone with it; the fold goes on without them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final

from ledger.core.epcis.rules_lots import lot_and_expiry
from ledger.core.epcis.units import in_base_unit
from ledger.core.epcis.vocabulary import BIZ_STEP, BIZ_TRANSACTION, DISPOSITION
from ledger.core.errors import MalformedError
from ledger.core.events import Event, event_time_ms
from ledger.core.identifiers import canonical_path, item_key
from ledger.core.strict_json import JsonValue

# Dispositions that say more than where goods are: of several, the first of these is told.
TELLING: Final = (
    "stolen", "recalled", "exported", "locked", "sample", "free_sample", "returned", "expired",
    "damaged", "destroyed", "disposed",
)  # fmt: skip
# What persists and is taken back means that goods may be sold again.
_LIFTED: Final = "active"
_KELVIN: Final = 273.15
_DAY: Final = timedelta(days=1)
_QUANTITIES: Final = (
    ("quantityList", 1), ("childQuantityList", 1), ("outputQuantityList", 1),
    ("inputQuantityList", -1),
)  # fmt: skip
# One element may report a range, or one value.
_LOWEST: Final = ("minValue", "value", "meanValue", "maxValue")
_HIGHEST: Final = ("maxValue", "value", "meanValue", "minValue")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The temperatures of one sensor element, degrees Celsius, from `start_ms` to `end_ms`."""

    start_ms: int
    end_ms: int
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFacts:
    """What one event says; texts are bare CBV words or what stands there, "" where nothing does.

    `disposition` is the most telling of those that are set: a return authorisation beside goods
    that move says "returned", a recall taken back "active". `place` is the canonical path of the
    read point, else of the business location; `expiry_ms` the end of the last day; `original` the
    log index of the event that had this eventID before, by (time, hash), with other content;
    `quantities` by class key, what the event says of it, below zero where it is used up.
    """

    step: str = ""
    disposition: str = ""
    place: str = ""
    lot: str = ""
    expiry_ms: int | None = None
    original: int | None = None
    alarm: bool = False
    readings: tuple[Reading, ...] = ()
    quantities: Mapping[bytes, float] = field(default_factory=dict)


def event_facts(content: Event) -> EventFacts:
    """Return what an event says. Whatever has a wrong shape says nothing."""
    lot, expiry = lot_and_expiry(content) if "ilmd" in content else ("", "")
    has_sensors = "sensorElementList" in content
    return EventFacts(
        step=BIZ_STEP.bare(_text(content.get("bizStep"))),
        disposition=_disposition(content),
        place=_place(content.get("readPoint")) or _place(content.get("bizLocation")),
        lot=lot,
        expiry_ms=_end_of_day(expiry) if expiry else None,
        alarm=has_sensors and any(_alarms(content)),
        readings=tuple(_readings(content)) if has_sensors else (),
        quantities=_quantities(content),
    )


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""


def _disposition(content: Event) -> str:
    said = _word(content.get("disposition"))
    persistent = content.get("persistentDisposition")
    sets, unsets = [said], False
    if isinstance(persistent, dict):
        sets += [_word(one) for one in _list(persistent.get("set"))]
        unsets = any(_word(one) in TELLING for one in _list(persistent.get("unset")))
    for telling in TELLING:
        if telling in sets:
            return telling
    if any(_is_return(one) for one in _list(content.get("bizTransactionList"))):
        return "returned"
    return _LIFTED if unsets else said


def _word(value: JsonValue) -> str:
    """Return the bare word of a disposition; CBV lacks `exported` and `sample`, so tails count."""
    bare = DISPOSITION.bare(_text(value))
    tail = bare.replace("#", "/").replace(":", "/").rpartition("/")[2].removeprefix("Disp-")
    return tail if tail in TELLING else bare


def _is_return(transaction: JsonValue) -> bool:
    kind = transaction.get("type") if isinstance(transaction, dict) else None
    return BIZ_TRANSACTION.bare(_text(kind)) == "rma"


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _place(value: JsonValue) -> str:
    identifier = value.get("id") if isinstance(value, dict) else None
    return _place_path(identifier) if isinstance(identifier, str) and identifier else ""


@lru_cache(maxsize=4096)
def _place_path(identifier: str) -> str:
    # A site has thousands of events a day.
    try:
        return canonical_path(identifier)
    except MalformedError:
        return ""


def _end_of_day(text: str) -> int | None:
    """Return the last ms of the day (UTC) of an xsd:date or xsd:dateTime."""
    try:
        day = datetime.fromisoformat(text.strip()[:10]).replace(tzinfo=UTC)
        return round((day + _DAY).timestamp() * 1000) - 1
    except (ValueError, OverflowError):
        return None


def _reports(element: JsonValue) -> list[dict[str, JsonValue]]:
    reports = element.get("sensorReport") if isinstance(element, dict) else None
    listed = reports if isinstance(reports, list) else [reports]
    return [one for one in listed if isinstance(one, dict)]


def _alarms(content: Event) -> Iterator[bool]:
    for element in _list(content.get("sensorElementList")):
        for report in _reports(element):
            yield _text(report.get("exception")).endswith("ALARM_CONDITION")


def _readings(content: Event) -> Iterator[Reading]:
    for element in _list(content.get("sensorElementList")):
        metadata = element.get("sensorMetadata") if isinstance(element, dict) else None
        times = metadata if isinstance(metadata, dict) else {}
        for report in _reports(element):
            if not _text(report.get("type")).endswith("Temperature"):
                continue
            low, high = _celsius(report, _LOWEST), _celsius(report, _HIGHEST)
            at = (content.get("eventTime"), times.get("time"), report.get("time"))
            start, end = _ms(*at, times.get("startTime")), _ms(*at, times.get("endTime"))
            if low is not None and high is not None and start is not None and end is not None:
                yield Reading(start_ms=start, end_ms=max(start, end), low=low, high=high)


def _celsius(report: Mapping[str, JsonValue], members: tuple[str, ...]) -> float | None:
    values = (report.get(name) for name in members)
    value = next((v for v in values if isinstance(v, int | float) and v == v), None)  # noqa: PLR0124 -- NaN
    if value is None or isinstance(value, bool):
        return None
    dimension, kelvin = in_base_unit(Decimal(str(value)), _text(report.get("uom")))
    return round(kelvin - _KELVIN, 6) if dimension == "temperature" else None


def _ms(*times: JsonValue) -> int | None:
    """Return the last of times that is one."""
    for text in reversed(times):
        try:
            return event_time_ms(text)
        except MalformedError:
            continue
    return None


def _quantities(content: Event) -> dict[bytes, float]:
    found: dict[bytes, float] = {}
    for member, sign in _QUANTITIES:
        for element in _list(content.get(member)) if member in content else ():
            if not isinstance(element, dict):
                continue
            quantity, name = element.get("quantity"), element.get("epcClass")
            if not isinstance(quantity, int | float) or not isinstance(name, str):
                continue
            try:
                key = item_key(canonical_path(name))
            except MalformedError:
                continue
            amount = Decimal(str(quantity))
            uom = _text(element.get("uom"))
            number = in_base_unit(amount, uom)[1] if uom else float(amount)
            found[key] = found.get(key, 0.0) + sign * number
    return found
