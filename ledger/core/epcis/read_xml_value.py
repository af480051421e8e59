"""Extension elements to JSON: nested objects, lists, typed values (docs/spec/epcis-xml.md)."""

from typing import Final

from ledger.core.epcis.finding import Severity
from ledger.core.epcis.finding_list import FindingList
from ledger.core.epcis.xml_names import (
    JSON_MARK,
    LIST,
    NO_LIST,
    OBJECT,
    XML_SPACE,
    XSD_NAMESPACE,
    XSI,
    Element,
    ReadNames,
    local_of,
    marks_of,
)
from ledger.core.epcis.xml_values import (
    NUMBERS,
    SPACE,
    is_rounded,
    is_typed,
    json_number,
    typed_value,
)
from ledger.core.strict_json import JsonValue

_TRUE: Final = ("true", "1")
TEXT_MEMBER: Final = "#text"


class ValueReader:
    """Reads the values of one event after another, or of one document's head."""

    def __init__(self, findings: FindingList) -> None:
        """Begin with no prefix bound."""
        self.names = ReadNames()
        self.findings = findings

    def begin(self) -> None:
        """Begin another event: what a prefix stands for is its own affair."""
        self.names = ReadNames()

    def extension(self, element: Element, pointer: str) -> JsonValue:
        """Return the value of an extension element.

        Text where it holds text only, else an object: attributes as `@name`, text as `#text`,
        children by name. xsi:nil is null, a number or boolean by xsi:type is one.
        """
        attributes = self.attributes(element)
        if element.get(XSI + "type"):
            self._check_simple(element, pointer, attributes=bool(attributes))
        if not len(element):
            value = self._scalar(element, pointer)
            if attributes:
                return attributes if value == "" else {**attributes, TEXT_MEMBER: value}
            return {} if OBJECT in marks_of(element) else value
        members: dict[str, JsonValue] = dict(attributes)
        for child in element:
            self.put(members, self.names.element(child), child, pointer)
        text = (element.text or "") + "".join(child.tail or "" for child in element)
        if text.strip(SPACE):
            members[TEXT_MEMBER] = text.strip(SPACE)
            message = "Text between elements is kept, its place among them is not."
            self.findings.add("MIXED_CONTENT", pointer, message, severity=Severity.LOW)
        return members

    def put(self, members: dict[str, JsonValue], name: str, element: Element, pointer: str) -> None:
        """Put an extension element into its parent's members; a repeated name makes a list."""
        marks = marks_of(element)
        if NO_LIST in marks:
            members.setdefault(name, [])
            return
        below = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
        held = members.get(name)
        if isinstance(held, list):
            held.append(self.extension(element, f"{below}/{len(held)}"))
        elif name in members:
            members[name] = [held, self.extension(element, f"{below}/1")]
        else:
            value = self.extension(element, below)
            members[name] = [value] if LIST in marks else value

    def attributes(self, element: Element) -> dict[str, JsonValue]:
        """Return the attributes that carry a sender's meaning, as `@name` members."""
        return {
            "@" + self.names.attribute(element, name): value
            for name, value in element.attrib.items()
            if not name.startswith(XSI) and name not in (XML_SPACE, JSON_MARK)
        }

    def _scalar(self, element: Element, pointer: str) -> JsonValue:
        text = element.text or ""
        if element.get(XML_SPACE) != "preserve":
            text = text.strip(SPACE)
        marked = next((word for word in marks_of(element) if word in (*NUMBERS, "boolean")), None)
        if marked is not None:
            return typed_value(marked, text)
        declared = element.get(XSI + "type")
        if not declared:
            return None if element.get(XSI + "nil") in _TRUE and not text else text
        return self._declared(element, declared, text, pointer)

    def _declared(self, element: Element, declared: str, text: str, pointer: str) -> JsonValue:
        """Return a text as the type that xsi:type names, where that is one of XML Schema's."""
        local = self._schema_type(element)
        if local is None:
            self._not_carried(pointer, declared)
            return text
        if not is_typed(local, text):
            message = f"The value must be of type {local}."
            self.findings.add("INVALID_VALUE", pointer, message, value=text)
        elif local in NUMBERS:
            return self.number(text, pointer)
        elif local not in ("boolean", "string"):
            self._not_carried(pointer, declared)
        return typed_value(local, text)

    @staticmethod
    def _schema_type(element: Element) -> str | None:
        """Return the type of XML Schema that xsi:type names, None for any other or none."""
        prefix, _, local = (element.get(XSI + "type") or "").strip(SPACE).rpartition(":")
        return local if local and element.nsmap.get(prefix or None) == XSD_NAMESPACE else None

    def _check_simple(self, element: Element, pointer: str, *, attributes: bool) -> None:
        """A value of a simple type has neither elements nor attributes."""
        local = self._schema_type(element)
        if local not in (None, "anyType") and (attributes or len(element)):
            message = f"A value of type {local} has neither elements nor attributes."
            self.findings.add("INVALID_VALUE", pointer, message, value=local)

    def _not_carried(self, pointer: str, declared: str) -> None:
        message = "The value is kept as text; its type has no place in JSON."
        self.findings.add(
            "TYPE_NOT_CARRIED", pointer, message, value=declared, severity=Severity.INFO
        )

    def number(self, text: str, pointer: str) -> JsonValue:
        """Return the number that a text says; the text, with a finding, where JSON has none."""
        text = text.strip(SPACE)
        number = json_number(text)
        if number is None:
            message = "JSON has no number for this value."
            self.findings.add("VALUE_NOT_CARRIED", pointer, message, value=text)
            return text
        if is_rounded(text, number):
            message = f"The value is kept as the double {number!r}."
            self.findings.add("VALUE_ROUNDED", pointer, message, value=text, severity=Severity.LOW)
        return number


def text_of(element: Element) -> str:
    """Return the text of a standard element, the white space of its layout taken away."""
    return (element.text or "").strip(SPACE)


def is_named(element: Element, local: str) -> bool:
    """Tell whether a standard element has this local name, whatever namespace it was given."""
    return local_of(element) == local
