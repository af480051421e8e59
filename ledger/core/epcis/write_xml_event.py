"""An event as XML of either version: the grammar says the order, the event says what is there."""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from ledger.core.epcis.document import Event, Format
from ledger.core.epcis.losses import Losses, below
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
from ledger.core.epcis.write_names import WriteNames
from ledger.core.epcis.write_xml_value import Pairs, ValueWriter, decimal_text, scalar_text
from ledger.core.epcis.xml_grammar import OTHER, TYPES, Particle
from ledger.core.epcis.xml_out import XmlOut
from ledger.core.epcis.xml_values import SPACE
from ledger.core.strict_json import JsonValue


class CbvFormat(StrEnum):
    """Values of the GS1-CBV-XML-Format header; XML has no bare words."""

    NO_PREFERENCE = "No_Preference"
    ALWAYS_WEB_URI = "Always_Web_URI"
    ALWAYS_URN = "Always_URN"
    NEVER_TRANSLATES = "Never_Translates"


_WORDS: Final = {
    "bizStep": BIZ_STEP,
    "disposition": DISPOSITION,
    "reason": ERROR_REASON,
    "set": DISPOSITION,
    "unset": DISPOSITION,
    "bizTransaction": BIZ_TRANSACTION,
    "source": SOURCE_DESTINATION,
    "destination": SOURCE_DESTINATION,
}
_REPORT_WORDS: Final = {"type": MEASUREMENT, "exception": SENSOR_ALERT, "component": COMPONENT}
# Lists in JSON whose elements XML names, each of one simple or complex type.
_SIMPLE: Final = frozenset(
    ["string", "anyURI", "action", "dateTime", "timeStamp", "decimal", "int"]
)
_ABOUT: Final = frozenset(["type", "@context"])


class EventWriter:
    """Writes one event."""

    def __init__(self, version: Format, cbv: CbvFormat, context: JsonValue, losses: Losses) -> None:
        """Take the version, how words are spelt, the event's context and where losses go."""
        self._types = TYPES[version]
        self._version = version
        self._cbv = cbv
        self._losses = losses
        self._values = ValueWriter(WriteNames(context), losses)

    def write(self, event: Event, pointer: str, depth: int) -> XmlOut | None:
        """Return the event's lines; None, and a loss, when the version has no such event."""
        kind = event.get("type")
        if not isinstance(kind, str) or kind not in self._types or not kind.endswith("Event"):
            self._losses.lose(pointer, f"There is no {kind} in this version.", kind)
            return None
        if self._version is Format.XML_12 and _only_senses(event):
            message = "An ObjectEvent of this version names items; this one has sensors only."
            self._losses.lose(pointer, message, kind)
            return None
        wrapped = self._version is Format.XML_12 and kind == "TransformationEvent"
        inner = XmlOut(depth + 1 + wrapped)
        self._members(inner, event, kind, pointer, _ABOUT)
        out = XmlOut(depth)
        if wrapped:
            out.begin("extension")
        attributes = self._attributes(event, pointer)
        out.begin(kind, self._values.names.declarations() + attributes)
        out.take(inner)
        out.end()
        if wrapped:
            out.end()
        return out

    def _members(
        self,
        out: XmlOut,
        members: Event,
        of: str,
        pointer: str,
        about: frozenset[str] = frozenset(),
    ) -> None:
        """Write an object's members in the order of its type, then say what is left."""
        written = self._particles(out, members, of, pointer)
        with_attributes = self._types[of].any_attribute
        for name, value in members.items():
            if name in written or name in about or (with_attributes and name[0:1] == "@"):
                continue
            message = f"There is no place for {name} in this version."
            self._losses.lose(below(pointer, name), message, value)

    def _particles(self, out: XmlOut, members: Event, of: str, pointer: str) -> set[str]:
        """Write what a type has places for; return the names that were written."""
        written: set[str] = set()
        for particle in self._types[of].particles:
            if particle.name == OTHER:
                self._extensions(out, members, pointer, written)
            elif particle.of in ("Local", "Other"):
                if particle.of == "Local" and of != "Base":
                    self._unknown(out, members, pointer, written)
            elif particle.name in ("extension", "baseExtension"):
                inner = XmlOut(out.depth + 1)
                written |= self._particles(inner, members, particle.of, pointer)
                _wrap(out, particle.name, inner)
            elif particle.name in members:
                written.add(particle.name)
                at = below(pointer, particle.name)
                self._member(out, particle, members[particle.name], at)
            elif particle.least and particle.of == "EPCList":
                out.leaf(particle.name, "")
        return written

    def _unknown(self, out: XmlOut, members: Event, pointer: str, written: set[str]) -> None:
        """Write what had no namespace back to where the version has a place for it."""
        inner = XmlOut(out.depth + 1)
        for name, value in members.items():
            if self._values.names.is_unqualified(name):
                local = name.partition(":")[2]
                self._values.extension(inner, local, value, below(pointer, name))
                written.add(name)
        _wrap(out, "extension", inner)

    def _extensions(self, out: XmlOut, members: Event, pointer: str, written: set[str]) -> None:
        for name, value in members.items():
            if name in written or name[0:1] in ("@", "#") or name in STANDARD_NAMES:
                continue
            if self._values.names.is_extension(name):
                self._values.extension(out, name, value, below(pointer, name))
                written.add(name)

    def _member(self, out: XmlOut, particle: Particle, value: JsonValue, pointer: str) -> None:
        writer = self._lists.get(particle.of)
        if particle.of in _SIMPLE:
            self._simple(out, particle, value, pointer)
        elif writer is not None:
            self._list(out, particle, value, pointer)
        elif isinstance(value, dict):
            if particle.of == "PersistentDisposition":
                self._dispositions(out, value, pointer)
            else:
                self._object(out, particle.name, value, particle.of, pointer)
        else:
            self._losses.lose(pointer, "XML has no place for it.", value)

    @property
    def _lists(self) -> dict[str, tuple[str, Callable[..., None]]]:
        return {
            "EPCList": ("epc", self._text_item),
            "Corrective": ("correctiveEventID", self._text_item),
            "QuantityList": ("quantityElement", self._quantity),
            "BizTransactionList": ("bizTransaction", self._typed),
            "SourceList": ("source", self._typed),
            "DestinationList": ("destination", self._typed),
            "SensorElementList": ("sensorElement", self._sensor_element),
        }

    def _list(self, out: XmlOut, particle: Particle, value: JsonValue, pointer: str) -> None:
        name, write = self._lists[particle.of]
        if not isinstance(value, list):
            self._losses.lose(pointer, "A list is expected.", value)
            return
        if not value:
            if self._types[particle.of].particles[0].least == 0:
                out.leaf(particle.name, "")
            return
        out.begin(particle.name)
        for i, one in enumerate(value):
            write(out, name, one, f"{pointer}/{i}")
        out.end()

    def _simple(self, out: XmlOut, particle: Particle, value: JsonValue, pointer: str) -> None:
        if isinstance(value, list) and value:
            for i in range(1, len(value)):
                self._losses.lose(f"{pointer}/{i}", "XML has one value here.", value[i])
            value, pointer = value[0], f"{pointer}/0"
        if isinstance(value, (dict, list)) or value is None:
            self._losses.lose(pointer, "A single value is expected.", value)
            return
        text = decimal_text(value) if particle.of == "decimal" else scalar_text(value)
        words = _WORDS.get(particle.name)
        if words is not None:
            text = self._spelt(words, text)
        out.leaf(particle.name, self._trimmed(text, pointer))

    def _trimmed(self, text: str, pointer: str) -> str:
        if text != text.strip(SPACE):
            self._losses.lose(pointer, "White space around a value has no meaning in XML.", text)
        return self._values.text(text, pointer)

    def _spelt(self, words: Words, text: str) -> str:
        return words.as_web(text) if self._cbv is CbvFormat.ALWAYS_WEB_URI else words.as_urn(text)

    def _text_item(self, out: XmlOut, name: str, value: JsonValue, pointer: str) -> None:
        if isinstance(value, str):
            out.leaf(name, self._trimmed(value, pointer))
        else:
            self._losses.lose(pointer, "A text is expected.", value)

    def _quantity(self, out: XmlOut, name: str, value: JsonValue, pointer: str) -> None:
        if isinstance(value, dict):
            self._object(out, name, value, "Quantity", pointer)
        else:
            self._losses.lose(pointer, "An object is expected.", value)

    def _typed(self, out: XmlOut, name: str, value: JsonValue, pointer: str) -> None:
        text = value.get(name) if isinstance(value, dict) else None
        if not isinstance(value, dict) or not isinstance(text, str):
            self._losses.lose(pointer, f"An object with {name} is expected.", value)
            return
        attributes: Pairs = []
        kind = value.get("type")
        if isinstance(kind, str):
            attributes.append(("type", self._spelt(_WORDS[name], kind)))
        for other in value.keys() - {name, "type"}:
            self._losses.lose(
                below(pointer, other), f"There is no place for {other}.", value[other]
            )
        out.leaf(name, self._trimmed(text, pointer), attributes)

    def _object(self, out: XmlOut, name: str, value: Event, of: str, pointer: str) -> None:
        inner = XmlOut(out.depth + 1)
        self._members(inner, value, of, pointer)
        attributes = self._attributes(value, pointer) if self._types[of].any_attribute else []
        out.begin(name, attributes)
        out.take(inner)
        out.end()

    def _attributes(self, members: Event, pointer: str) -> Pairs:
        about = {name: one for name, one in members.items() if name[0:1] == "@"}
        about.pop("@context", None)
        return self._values.attributes(about, pointer)

    def _dispositions(self, out: XmlOut, value: Event, pointer: str) -> None:
        out.begin("persistentDisposition")
        for name in ("unset", "set"):
            listed = value.get(name, [])
            for i, one in enumerate(listed if isinstance(listed, list) else [listed]):
                text = self._spelt(DISPOSITION, one) if isinstance(one, str) else one
                self._text_item(out, name, text, f"{pointer}/{name}/{i}")
        out.end()
        for other in value.keys() - {"set", "unset"}:
            self._losses.lose(
                below(pointer, other), f"There is no place for {other}.", value[other]
            )

    def _sensor_element(self, out: XmlOut, name: str, value: JsonValue, pointer: str) -> None:
        if not isinstance(value, dict):
            self._losses.lose(pointer, "An object is expected.", value)
            return
        out.begin(name)
        if "sensorMetadata" in value:
            self._sensed(
                out, "sensorMetadata", value["sensorMetadata"], f"{pointer}/sensorMetadata"
            )
        reports = value.get("sensorReport", [])
        for i, one in enumerate(reports if isinstance(reports, list) else [reports]):
            self._sensed(out, "sensorReport", one, f"{pointer}/sensorReport/{i}")
        rest = {k: v for k, v in value.items() if k not in ("sensorMetadata", "sensorReport")}
        self._members(out, rest, "SensorElement", pointer)
        out.end()

    def _sensed(self, out: XmlOut, name: str, value: JsonValue, pointer: str) -> None:
        """Write metadata or a report: every member an attribute."""
        if not isinstance(value, dict):
            self._losses.lose(pointer, "An object is expected.", value)
            return
        attributes: Pairs = []
        for member, one in value.items():
            at = below(pointer, member)
            attribute = self._values.names.attribute(member)
            if attribute is None or member[0:1] in ("@", "#") or isinstance(one, (dict, list)):
                self._losses.lose(at, f"XML has no attribute for {member}.", one)
            elif one is not None:
                attributes.append((attribute, self._sensed_text(name, member, one, at)))
        out.leaf(name, "", attributes)

    def _sensed_text(self, name: str, member: str, value: JsonValue, pointer: str) -> str:
        text = scalar_text(value)
        words = _REPORT_WORDS.get(member) if name == "sensorReport" else None
        if words is not None:
            text = self._spelt(words, text)
            self._values.names.use(text)
        if ":" in member and not isinstance(value, str):
            self._losses.lose(pointer, "It is text in XML, not a number.", value)
        return self._values.text(text, pointer)


# What a context's terms can never turn into an extension.
STANDARD_NAMES: Final = {"type", "id"}.union(
    *(grammar.places for types in TYPES.values() for grammar in types.values())
)


def _wrap(out: XmlOut, name: str, inner: XmlOut) -> None:
    if inner.lines:
        out.begin(name)
        out.take(inner)
        out.end()


def _only_senses(event: Event) -> bool:
    named = event.get("epcList") or event.get("quantityList")
    return event.get("type") == "ObjectEvent" and "sensorElementList" in event and not named
