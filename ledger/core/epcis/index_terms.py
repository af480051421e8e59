"""An event as queries see it: columns, terms and numbers, made by the rules of `compared`.

A term is `name=value`, or a bare name for what merely exists. Names are those of the parameters in
`query_parameters` and `query_families`; extensions have `extension_name`. Never refuses an event:
what has an odd shape is not found by it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from ledger.core.epcis.compared import (
    Prefixes,
    decimal,
    find_time_ms,
    identity,
    kept,
    qualified,
    spellings,
    term,
    word,
)
from ledger.core.epcis.compared import field as kept_field
from ledger.core.epcis.document import Event
from ledger.core.epcis.namespaces import namespaces_of
from ledger.core.epcis.query_families import extension_name, measure_name
from ledger.core.epcis.units import compared, in_base_unit
from ledger.core.epcis.vocabulary import (
    BIZ_STEP,
    BIZ_TRANSACTION,
    DISPOSITION,
    ERROR_REASON,
    MEASUREMENT,
    SOURCE_DESTINATION,
    Words,
)
from ledger.core.strict_json import JsonValue

_CLASSES: Final = {
    "quantityList": "epcClass",
    "childQuantityList": "epcClass",
    "inputQuantityList": "inputEPCClass",
    "outputQuantityList": "outputEPCClass",
}
_LISTED: Final = (
    ("bizTransactionList", "bizTransaction", BIZ_TRANSACTION),
    ("sourceList", "source", SOURCE_DESTINATION),
    ("destinationList", "destination", SOURCE_DESTINATION),
)
# Members of sensor metadata and reports that have a parameter, by what they are compared as.
_URIS = (
    "deviceID", "dataProcessingMethod", "bizRules",
    "microorganism", "chemicalSubstance", "uriValue",
)  # fmt: skip
_TIMES = ("time", "startTime", "endTime")
_MEASURES = ("value", "minValue", "maxValue", "meanValue", "sDev", "percValue")
_VALUE = "@value"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRow:
    """What the index keeps of an event beside its number, its times and its bytes."""

    event_type: str | None
    action: str | None
    biz_step: str | None
    disposition: str | None
    read_point: str | None
    biz_location: str | None
    terms: tuple[str, ...]
    numbers: tuple[tuple[str, float], ...]


def index_row(event: Event) -> IndexRow:
    """Return the index row of an event."""
    return _Indexing(event).row()


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) else None


def _objects(value: JsonValue) -> Iterator[dict[str, JsonValue]]:
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict):
            yield one


@dataclass(slots=True)
class _Indexing:
    """Collects the terms and numbers of one event."""

    event: Event
    prefixes: Prefixes = field(default_factory=dict)
    terms: set[str] = field(default_factory=set)
    numbers: set[tuple[str, float]] = field(default_factory=set)

    def row(self) -> IndexRow:
        event = self.event
        self.prefixes = namespaces_of(event.get("@context")).meanings
        self._what_and_why()
        self._how()
        self._error_declaration()
        self._sensors()
        self._extensions("", event)
        for place in ("readPoint", "bizLocation"):
            for members in _objects(event.get(place)):
                self._extensions(f"{place}_", members)
        for members in _objects(event.get("ilmd")):
            self._extensions("ILMD_", members)
        return IndexRow(
            event_type=self._column(_text(event.get("type"))),
            action=self._column(_text(event.get("action"))),
            biz_step=self._column(self._word(event.get("bizStep"), BIZ_STEP)),
            disposition=self._column(self._word(event.get("disposition"), DISPOSITION)),
            read_point=self._column(self._place("readPoint")),
            biz_location=self._column(self._place("bizLocation")),
            terms=tuple(sorted(self.terms)),
            numbers=tuple(sorted(self.numbers)),
        )

    @staticmethod
    def _column(value: str | None) -> str | None:
        return None if value is None else kept_field(value)

    def _word(self, value: JsonValue, words: Words) -> str | None:
        return word(value, words, self.prefixes) if isinstance(value, str) else None

    def _place(self, name: str) -> str | None:
        place = self.event.get(name)
        value = place.get("id") if isinstance(place, dict) else None
        return identity(value) if isinstance(value, str) else None

    def _words(self, name: str, value: JsonValue, words: Words) -> None:
        for one in value if isinstance(value, list) else [value]:
            found = self._word(one, words)
            if found is not None:
                self.terms.add(term(name, found))

    def _what_and_why(self) -> None:
        event = self.event
        for member, name in _CLASSES.items():
            for element in _objects(event.get(member)):
                self._quantity(name, element)
        for member, name, words in _LISTED:
            for element in _objects(event.get(member)):
                kind, value = self._word(element.get("type"), words), element.get(name)
                if isinstance(value, str):
                    self.terms.add(term(f"{name}/{kind or ''}", identity(value)))

    def _how(self) -> None:
        transformation = self.event.get("transformationID")
        if isinstance(transformation, str):
            self.terms.add(term("transformationID", identity(transformation)))
        for members in _objects(self.event.get("persistentDisposition")):
            for way in ("set", "unset"):
                self._words(f"persistentDisposition.{way}", members.get(way), DISPOSITION)

    def _quantity(self, name: str, element: dict[str, JsonValue]) -> None:
        item_class, quantity = element.get("epcClass"), decimal(element.get("quantity"))
        if isinstance(item_class, str):
            self.terms.add(term(name, identity(item_class)))
        if quantity is not None:
            self.numbers.add(("quantity", compared(quantity)))
            self._measure("quantity", element)

    def _measure(self, name: str, element: dict[str, JsonValue]) -> None:
        value, unit = decimal(element.get(name)), element.get("uom")
        if value is not None and isinstance(unit, str):
            dimension, base = in_base_unit(value, unit, difference=name == "sDev")
            self.numbers.add((kept(measure_name(name, dimension)), base))

    def _time(self, name: str, value: JsonValue) -> None:
        time_ms = find_time_ms(value)
        if time_ms is not None:
            self.numbers.add((name, float(time_ms)))

    def _error_declaration(self) -> None:
        for members in _objects(self.event.get("errorDeclaration")):
            self.terms.add("errorDeclaration")
            self._time("errorDeclarationTime", members.get("declarationTime"))
            self._words("errorReason", members.get("reason"), ERROR_REASON)
            corrective = members.get("correctiveEventIDs")
            for one in corrective if isinstance(corrective, list) else []:
                if isinstance(one, str):
                    self.terms.add(term("correctiveEventID", one))
            self._extensions("ERROR_DECLARATION_", members)

    def _sensors(self) -> None:
        for element in _objects(self.event.get("sensorElementList")):
            self.terms.add("sensorElementList")
            self._extensions("SENSORELEMENT_", element)
            for metadata in _objects(element.get("sensorMetadata")):
                self._sensor_members(metadata)
                self._extensions("SENSORMETADATA_", metadata)
            for report in _objects(element.get("sensorReport")):
                self._sensor_members(report)
                self._report(report)
                self._extensions("SENSORREPORT_", report)

    def _sensor_members(self, members: dict[str, JsonValue]) -> None:
        for name in _URIS:
            value = members.get(name)
            if isinstance(value, str):
                self.terms.add(term(name, identity(value)))
        for name in _TIMES:
            self._time(name, members.get(name))

    def _report(self, report: dict[str, JsonValue]) -> None:
        self._words("type", report.get("type"), MEASUREMENT)
        for name in _MEASURES:
            self._measure(name, report)
        rank = decimal(report.get("percRank"))
        if rank is not None:
            self.numbers.add(("percRank", compared(rank)))
        text, raw, flag = (
            report.get(f"{kind}Value") for kind in ("string", "hexBinary", "boolean")
        )
        if isinstance(text, str):
            self.terms.add(term("stringValue", text))
        if isinstance(raw, str):
            self.terms.add(term("hexBinaryValue", raw.lower()))
        if isinstance(flag, bool):
            self.terms.add(term("booleanValue", "true" if flag else "false"))

    def _extensions(
        self, section: str, members: dict[str, JsonValue], *, inner: bool = False
    ) -> None:
        """Take in the members that have a namespace, and those inside them at any depth."""
        for key, value in members.items():
            if key.startswith("@"):
                continue
            found = qualified(key, self.prefixes)
            if found is not None:
                self._extension(extension_name(found, section=section, inner=inner), value)
            if found is not None or inner:
                for nested in _objects(value):
                    self._extensions(section, nested, inner=True)

    def _extension(self, name: str, value: JsonValue) -> None:
        self.terms.add(kept(name))
        for one in value if isinstance(value, list) else [value]:
            scalar = one.get(_VALUE) if isinstance(one, dict) else one
            if scalar is None or isinstance(scalar, dict | list):
                continue
            self.terms.update(term(name, text) for text in spellings(scalar))
            number = decimal(scalar)
            if number is not None:
                self.numbers.add((kept(name), compared(number)))
            self._time(kept(f"{name}@"), scalar)
