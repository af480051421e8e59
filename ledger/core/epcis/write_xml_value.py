"""Extension members of JSON to elements: the way back of read_xml_value."""

from decimal import Decimal
from typing import Final

from ledger.core.epcis.losses import Losses, below
from ledger.core.epcis.read_xml_value import TEXT_MEMBER
from ledger.core.epcis.write_names import WriteNames
from ledger.core.epcis.xml_grammar import MAX_XML_DEPTH
from ledger.core.epcis.xml_names import LIST, NO_LIST, OBJECT
from ledger.core.epcis.xml_out import XmlOut, is_writable
from ledger.core.epcis.xml_values import SPACE
from ledger.core.jcs import canonical_json
from ledger.core.strict_json import JsonValue

_MARK: Final = "json:as"
Pairs = list[tuple[str, str]]


class ValueWriter:
    """Writes the values of one event or of one document's head."""

    def __init__(self, names: WriteNames, losses: Losses) -> None:
        """Take the names of the members, and where losses go."""
        self.names = names
        self.losses = losses

    def extension(
        self, out: XmlOut, name: str, value: JsonValue, pointer: str, mark: str = ""
    ) -> None:
        """Write a member as one element, or as many as its list has elements."""
        element = self.names.element(name)
        if element is None:
            self.losses.lose(pointer, f"XML has no name for {name}.")
            return
        if not isinstance(value, list):
            self._one(out, element, value, pointer, [mark] if mark else [])
            return
        if not value:
            out.leaf(element, "", self._marked([NO_LIST, mark]))
        for i, one in enumerate(value):
            at = f"{pointer}/{i}"
            if isinstance(one, list):
                self.losses.lose(at, "XML has no list within a list.")
            else:
                self._one(out, element, one, at, [LIST] * (len(value) == 1) + [mark] * bool(mark))

    def plain(self, out: XmlOut, name: str, value: dict[str, JsonValue], pointer: str) -> None:
        """Write an object as a standard element of this name."""
        self._object(out, name, value, pointer, [])

    def _one(
        self, out: XmlOut, name: str, value: JsonValue, pointer: str, marks: list[str]
    ) -> None:
        if out.depth >= MAX_XML_DEPTH:
            self.losses.lose(pointer, f"XML nests at most {MAX_XML_DEPTH} deep here.")
        elif isinstance(value, dict):
            self._object(out, name, value, pointer, marks)
        else:
            text, attributes = self._scalar(value, pointer, marks)
            out.leaf(name, text, self._marked(marks) + attributes)

    def _object(
        self,
        out: XmlOut,
        name: str,
        value: dict[str, JsonValue],
        pointer: str,
        marks: list[str],
    ) -> None:
        if not value:
            marks = [*marks, OBJECT]
        attributes = self.attributes(value, pointer)
        text = ""
        if TEXT_MEMBER in value:
            marks = marks or [""]
            text, typed = self._scalar(value[TEXT_MEMBER], below(pointer, TEXT_MEMBER), marks)
            attributes += typed
        attributes = self._marked(marks) + attributes
        children = [one for one in value if one[0:1] not in ("@", "#")]
        if not children:
            out.leaf(name, text, attributes)
            return
        if text:
            self.losses.lose(
                below(pointer, TEXT_MEMBER), "Text between elements is left out.", text
            )
        out.begin(name, attributes)
        for child in children:
            self.extension(out, child, value[child], below(pointer, child))
        out.end()

    def attributes(self, members: dict[str, JsonValue], pointer: str) -> Pairs:
        """Return the `@name` members of an object as attributes."""
        found: Pairs = []
        for name, value in members.items():
            if name.startswith("@"):
                attribute = self.names.attribute(name[1:])
                if attribute is None or not isinstance(value, str):
                    self.losses.lose(below(pointer, name), "XML has no attribute for it.", value)
                else:
                    found.append((attribute, self.text(value, below(pointer, name))))
            elif name.startswith("#") and name != TEXT_MEMBER:
                self.losses.lose(below(pointer, name), f"XML has no name for {name}.", value)
        return found

    def _scalar(self, value: JsonValue, pointer: str, marks: list[str]) -> tuple[str, Pairs]:
        """Return text and attributes; beside other attributes the type is a word of our mark."""
        if value is None:
            return "", [(self.names.reserved("xsi:nil"), "true")]
        if isinstance(value, str):
            keep = [("xml:space", "preserve")] if value != value.strip(SPACE) else []
            return self.text(value, pointer), keep
        if not isinstance(value, (bool, int, float)):
            self.losses.lose(pointer, "XML has no place for it.")
            return "", []
        of = "boolean" if isinstance(value, bool) else "integer"
        of = "double" if isinstance(value, float) else of
        if marks:
            marks.append(of)
            return scalar_text(value), []
        self.names.reserved("xsd:" + of)
        return scalar_text(value), [(self.names.reserved("xsi:type"), f"xsd:{of}")]

    def text(self, value: str, pointer: str) -> str:
        """Return a text as XML can carry it."""
        if not is_writable(value):
            message = "Characters that XML cannot carry are replaced."
            self.losses.lose(pointer, message, value)
        return value

    def _marked(self, marks: list[str]) -> Pairs:
        text = " ".join(mark for mark in marks if mark)
        return [(self.names.reserved(_MARK), text)] if text else []


def scalar_text(value: JsonValue) -> str:
    """Return the text of a text, a number (as ECMAScript writes it) or a boolean."""
    return value if isinstance(value, str) else canonical_json(value).decode()


def decimal_text(value: JsonValue) -> str:
    """Return the text of a number without an exponent, as xsd:decimal has it."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return format(Decimal(scalar_text(value)), "f")
    return scalar_text(value)
