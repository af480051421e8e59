"""An XML event of either version to the EPCIS 2.0 JSON object that a JSON sender would write.

By the names of the elements alone, wherever an `extension` put them: what stands in the wrong
place is a finding of the grammar, and still kept.
"""

from collections.abc import Callable
from typing import Final

from ledger.core.epcis.document import Event, Format
from ledger.core.epcis.finding import Severity
from ledger.core.epcis.finding_list import FindingList
from ledger.core.epcis.read_xml_value import TEXT_MEMBER, ValueReader, text_of
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
from ledger.core.epcis.xml_check import child_pointer
from ledger.core.epcis.xml_grammar import EPCIS
from ledger.core.epcis.xml_names import UNQUALIFIED, XSI, Element, local_of, namespace_of
from ledger.core.epcis.xml_values import SPACE
from ledger.core.strict_json import JsonValue

_STANDARD: Final = frozenset(["", *EPCIS.values()])
_WRAPPERS: Final = frozenset(["extension", "baseExtension"])
_REPORT_NUMBERS: Final = frozenset([
    "value", "minValue", "maxValue", "meanValue", "sDev", "percRank", "percValue",
])  # fmt: skip
_REPORT_WORDS: Final = {"type": MEASUREMENT, "exception": SENSOR_ALERT, "component": COMPONENT}
_CBV_CURIE: Final = "cbv:"
_CBV: Final = "https://ref.gs1.org/cbv/"
# EPCIS 1.2 demands these even where they are empty: an empty one says nothing.
_DEMANDED_12: Final = frozenset(["epcList", "childEPCs"])


class EventReader:
    """Reads the events of one document: members, and the prefixes that extensions use."""

    def __init__(self, version: Format, findings: FindingList) -> None:
        """Take the document's version, and where findings go."""
        self._version = version
        self._values = ValueReader(findings)
        self._findings = findings
        self._readers: dict[str, Callable[[Element, str], JsonValue]] = {
            **dict.fromkeys(_TEXTS, lambda element, _: text_of(element)),
            **dict.fromkeys(_EPC_LISTS, self._list_of(lambda element, _: text_of(element))),
            **dict.fromkeys(_QUANTITY_LISTS, self._list_of(self._quantity)),
            "action": lambda element, _: element.text or "",
            "bizStep": self._word(BIZ_STEP),
            "disposition": self._word(DISPOSITION),
            "readPoint": self._place,
            "bizLocation": self._place,
            "bizTransactionList": self._list_of(self._typed("bizTransaction", BIZ_TRANSACTION)),
            "sourceList": self._list_of(self._typed("source", SOURCE_DESTINATION)),
            "destinationList": self._list_of(self._typed("destination", SOURCE_DESTINATION)),
            "errorDeclaration": self._object(
                {
                    "declarationTime": lambda element, _: text_of(element),
                    "reason": self._word(ERROR_REASON),
                    "correctiveEventIDs": self._list_of(lambda element, _: text_of(element)),
                }
            ),
            "persistentDisposition": self._dispositions,
            "sensorElementList": self._list_of(self._sensor_element),
            "ilmd": self._object({}),
        }

    def read(self, element: Element, pointer: str) -> Event:
        """Return the event, its `@context` last."""
        self._values.begin()
        event: Event = {"type": local_of(element)}
        if event["type"] == "QuantityEvent":
            self._read_quantity_event(element, event, pointer)
        else:
            self._read_members(element, event, pointer, self._readers)
        if self._version is Format.XML_12:
            for name in _DEMANDED_12 & event.keys():
                if event[name] == []:
                    del event[name]
        event["@context"] = list(self._values.names.context())
        return event

    def _read_quantity_event(self, element: Element, event: Event, pointer: str) -> None:
        """Read the deprecated QuantityEvent as what replaced it (EPCIS 1.2, section 7.4.4)."""
        event["type"], event["action"] = "ObjectEvent", "OBSERVE"
        readers = dict(self._readers)
        readers["epcClass"] = lambda child, _: text_of(child)
        readers["quantity"] = lambda child, at: self._values.number(child.text or "", at)
        self._read_members(element, event, pointer, readers)
        item: Event = {name: event.pop(name) for name in ("epcClass", "quantity") if name in event}
        event["quantityList"] = [item]
        message = "A QuantityEvent is kept as an ObjectEvent with a quantityList."
        self._findings.add("QUANTITY_EVENT", pointer, message, severity=Severity.LOW)

    def _read_members(
        self,
        element: Element,
        members: Event,
        pointer: str,
        readers: dict[str, Callable[[Element, str], JsonValue]],
    ) -> None:
        members.update(self._attributes(element, members))
        for child in element:
            local, namespace = local_of(child), namespace_of(child)
            if namespace not in _STANDARD:
                self._values.put(members, self._values.names.element(child), child, pointer)
            elif local in _WRAPPERS:
                self._read_members(child, members, pointer, readers)
            elif local in readers:
                self._set(members, local, readers[local](child, f"{pointer}/{local}"))
            else:
                self._put_unknown(members, child, pointer)
        text = (element.text or "") + "".join(child.tail or "" for child in element)
        if text.strip(SPACE):
            members[TEXT_MEMBER] = text.strip(SPACE)

    def _put_unknown(self, members: Event, child: Element, pointer: str) -> None:
        """Keep an element that no rule knows; where it may stand, nothing else would tell of it."""
        name = f"{self._values.names.prefix(*UNQUALIFIED)}:{local_of(child)}"
        message = f"{local_of(child)} is unknown to EPCIS; it is kept as {name}."
        self._findings.add("ELEMENT_KEPT", pointer, message, severity=Severity.LOW)
        self._values.put(members, name, child, pointer)

    @staticmethod
    def _set(members: Event, name: str, value: JsonValue) -> None:
        """Set a standard member; a second one, which the grammar refuses, is added to the first."""
        held = members.get(name)
        if held is None or held == []:
            members[name] = value
        elif isinstance(held, list):
            members[name] = [*held, *(value if isinstance(value, list) else [value])]
        else:
            members[name] = [held, value]

    def _attributes(self, element: Element, members: Event) -> Event:
        known = _DOCUMENT_ATTRIBUTES if "type" in members else frozenset[str]()
        return {
            name: value
            for name, value in self._values.attributes(element).items()
            if name not in known
        }

    def _list_of(
        self, reader: Callable[[Element, str], JsonValue]
    ) -> Callable[[Element, str], JsonValue]:
        def read_list(element: Element, pointer: str) -> JsonValue:
            numbers: dict[str, int] = {}
            found: list[JsonValue] = []
            for child in element:
                if namespace_of(child) in _STANDARD and local_of(child) not in _WRAPPERS:
                    found.append(reader(child, child_pointer(child, pointer, numbers)))
                else:
                    self._drop(child, pointer)
            return found

        return read_list

    def _drop(self, child: Element, pointer: str) -> None:
        message = "A list in JSON has no place for this element; it is not kept."
        self._findings.add(
            "ELEMENT_NOT_CARRIED", pointer, message, value=child.tag, severity=Severity.MEDIUM
        )

    def _object(
        self, readers: dict[str, Callable[[Element, str], JsonValue]]
    ) -> Callable[[Element, str], JsonValue]:
        def read_object(element: Element, pointer: str) -> JsonValue:
            members: Event = {}
            self._read_members(element, members, pointer, readers)
            return members

        return read_object

    def _place(self, element: Element, pointer: str) -> JsonValue:
        return self._object({"id": lambda child, _: text_of(child)})(element, pointer)

    def _quantity(self, element: Element, pointer: str) -> JsonValue:
        return self._object(
            {
                "epcClass": lambda child, _: text_of(child),
                "quantity": lambda child, at: self._values.number(child.text or "", at),
                "uom": lambda child, _: text_of(child),
            }
        )(_without_nil(element), pointer)

    def _dispositions(self, element: Element, pointer: str) -> JsonValue:
        found: dict[str, JsonValue] = {}
        for child in element:
            local = local_of(child)
            if local in ("set", "unset"):
                held = found.get(local)
                number = len(held) if isinstance(held, list) else 0
                word = self._word(DISPOSITION)(child, f"{pointer}/{local}/{number}")
                self._set(found, local, [word])
            else:
                self._drop(child, pointer)
        return found

    def _sensor_element(self, element: Element, pointer: str) -> JsonValue:
        reports: list[JsonValue] = []

        def report(child: Element, _: str) -> JsonValue:
            reports.append(self._sensed(child, f"{pointer}/sensorReport/{len(reports)}"))
            return reports

        readers = {"sensorMetadata": self._sensed, "sensorReport": report}
        members: Event = {}
        self._read_members(element, members, pointer, readers)
        if reports:
            members["sensorReport"] = reports
        return members

    def _sensed(self, element: Element, pointer: str) -> JsonValue:
        """Return metadata or a report, whose members are attributes in XML."""
        members: Event = {}
        for name, value in element.attrib.items():
            if name.startswith(XSI):
                continue
            local = self._values.names.attribute(element, name)
            members[local] = self._sensed_value(element, local, value, f"{pointer}/{local}")
        text = text_of(element)
        if text:
            members[TEXT_MEMBER] = text
        return members

    def _sensed_value(self, element: Element, name: str, value: str, pointer: str) -> JsonValue:
        if local_of(element) != "sensorReport":
            return value.strip(SPACE)
        if name in _REPORT_NUMBERS:
            return self._values.number(value, pointer)
        if name == "booleanValue" and value.strip(SPACE) in ("true", "false", "1", "0"):
            return value.strip(SPACE) in ("true", "1")
        words = _REPORT_WORDS.get(name)
        if words is None:
            return value if name in ("stringValue", "uom") else value.strip(SPACE)
        text = value.strip(SPACE)
        bare = self._named(words, text, pointer)
        own = (_CBV_CURIE, words.urn, words.web, *words.older)
        if bare not in words.words and text.startswith(own):
            message = f"This is no {name} of CBV 2.0, and no URI of a vocabulary of your own."
            self._findings.add(
                "UNKNOWN_CBV_WORD", pointer, message, value=text, severity=Severity.MEDIUM
            )
        return self._values.names.value(element, text) if bare == text else bare

    def _named(self, words: Words, text: str, pointer: str) -> str:
        """Return the bare word of a URN, a Web URI, or one shortened by `cbv:`; else the text."""
        if text in words.words:
            message = f"XML spells this word as a URI: {words.urn}{text}. It is read as that."
            self._findings.add(
                "CBV_WORD_IN_XML", pointer, message, value=text, severity=Severity.MEDIUM
            )
            return text
        curie = text.startswith(_CBV_CURIE)
        bare = words.bare(_CBV + text[len(_CBV_CURIE) :] if curie else text)
        return bare if bare in words.words else text

    def _word(self, words: Words) -> Callable[[Element, str], JsonValue]:
        return lambda element, pointer: self._named(words, text_of(element), pointer)

    def _typed(self, name: str, words: Words) -> Callable[[Element, str], JsonValue]:
        def read_typed(element: Element, pointer: str) -> JsonValue:
            kind = element.attrib.get("type")
            members: Event = {}
            if kind is not None:
                members["type"] = self._named(words, kind.strip(SPACE), f"{pointer}/type")
            members[name] = text_of(element)
            return members

        return read_typed


_TEXTS: Final = (
    "eventTime", "recordTime", "eventTimeZoneOffset", "eventID", "certificationInfo", "parentID",
    "transformationID",
)  # fmt: skip
_EPC_LISTS: Final = ("epcList", "childEPCs", "inputEPCList", "outputEPCList")
_QUANTITY_LISTS: Final = (
    "quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList",
)  # fmt: skip
# A bare event may carry the attributes of the document that it came from.
_DOCUMENT_ATTRIBUTES: Final = frozenset(["@schemaVersion", "@creationDate"])


def _without_nil(element: Element) -> Element:
    """Return a quantity element without a quantity that is nil: JSON leaves it out."""
    for child in list(element):
        if local_of(child) == "quantity" and child.get(XSI + "nil") in ("true", "1"):
            element.remove(child)
    return element
