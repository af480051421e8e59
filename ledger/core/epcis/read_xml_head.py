"""What an XML document says besides its events: header, master data, query, extensions."""

from typing import Final

from ledger.core.epcis.document import Event, Kind
from ledger.core.epcis.finding import Severity
from ledger.core.epcis.finding_list import FindingList
from ledger.core.epcis.read_xml_value import ValueReader, text_of
from ledger.core.epcis.sbdh import SBDH_MEMBER, as_members, synthesised
from ledger.core.epcis.xml_grammar import EPCIS, QUERY, SBDH
from ledger.core.epcis.xml_names import (
    HEADER,
    UNQUALIFIED,
    Element,
    local_of,
    marks_of,
    namespace_of,
)
from ledger.core.strict_json import JsonValue

_OWN: Final = frozenset(["", *EPCIS.values(), *QUERY.values()])
_WRAPPERS: Final = frozenset(["extension"])
_ATTRIBUTES: Final = {
    "@creationDate": "creationDate",
    "@id": "id",
}


class HeadReader:
    """Reads the head of one document, its events already taken away."""

    def __init__(self, kind: Kind, findings: FindingList) -> None:
        """Begin a document of this kind."""
        self._kind = kind
        self._values = ValueReader(findings)

    def read(self, root: Element) -> Event:
        """Return the members of the JSON form of the document without its event list."""
        members: Event = {"@context": [], "type": self._kind.value, "schemaVersion": "2.0"}
        for name, value in self._values.attributes(root).items():
            if name != "@schemaVersion":
                members[_ATTRIBUTES.get(name, name)] = value
        self._members(root, members, "", ("EPCISHeader", "EPCISBody"))
        header = _object(members, "epcisHeader")
        self._lift_sbdh(members, header)
        self._move_master_data(members, header)
        if not header:
            del members["epcisHeader"]
        members["@context"] = list(self._values.names.context())
        return members

    def _members(
        self, element: Element, members: Event, pointer: str, places: tuple[str, ...]
    ) -> None:
        """Read children into members; those that have a place of their own into that."""
        for child in element:
            local = local_of(child)
            if namespace_of(child) not in _OWN:
                self._extension(child, members, pointer)
            elif local in places:
                name = _JSON_NAMES[local]
                inner = _object(members, name)
                inner.update(self._values.attributes(child))
                self._members(child, inner, f"{pointer}/{name}", _PLACES.get(local, ()))
            elif local in _WRAPPERS:
                self._without_place(child, pointer)
                self._members(child, members, pointer, places)
            elif local == "EventList":
                self._without_place(child, f"{pointer}/eventList")
            else:
                self._own_member(child, local, members, pointer)

    def _extension(self, child: Element, members: Event, pointer: str) -> None:
        if HEADER in marks_of(child):
            members, pointer = _object(members, "epcisHeader"), "/epcisHeader"
        self._values.put(members, self._values.names.element(child), child, pointer)

    def _without_place(self, element: Element, pointer: str) -> None:
        """Say of attributes that the JSON form has no object for them."""
        for name in self._values.attributes(element):
            message = (
                f"JSON has no place for this attribute of {local_of(element)}; it is not kept."
            )
            self._values.findings.add(
                "ELEMENT_NOT_CARRIED", pointer, message, value=name, severity=Severity.MEDIUM
            )

    @staticmethod
    def _move_master_data(members: Event, header: Event) -> None:
        """Put the vocabularies of a master data document where JSON has them: in the header."""
        vocabularies = _object(members, "epcisBody").pop("vocabularyList", None)
        if isinstance(vocabularies, list):
            master = _object(header, "epcisMasterData")
            held = master.get("vocabularyList")
            master["vocabularyList"] = [*(held if isinstance(held, list) else []), *vocabularies]

    def _own_member(self, child: Element, local: str, members: Event, pointer: str) -> None:
        if local in _LEAVES:
            members[local] = text_of(child)
        elif local == "VocabularyList":
            held = members.setdefault("vocabularyList", [])
            if isinstance(held, list):
                held += self._vocabularies(child, f"{pointer}/vocabularyList")
        else:
            name = f"{self._values.names.prefix(*UNQUALIFIED)}:{local}"
            self._values.put(members, name, child, pointer)

    def _lift_sbdh(self, members: Event, header: Event) -> None:
        """Give the header's sender, receiver and number their members in JSON (EPCIS 2.0, 10.1)."""
        prefix = self._values.names.bound(SBDH) or ""
        sbdh = header.get(f"{prefix}:{SBDH_MEMBER}")
        if not isinstance(sbdh, dict):
            return
        members.update(as_members(sbdh, prefix))
        if sbdh == synthesised(members, prefix):
            del header[f"{prefix}:{SBDH_MEMBER}"]
            if not any(name.startswith(f"{prefix}:") for name in (*members, *header)):
                self._values.names.forget(SBDH)

    def _vocabularies(self, element: Element, pointer: str) -> list[JsonValue]:
        found: list[JsonValue] = []
        for child in element:
            below = f"{pointer}/{len(found)}"
            members: Event = {"type": child.get("type") or ""}
            self._more_attributes(child, members, "@type")
            elements: list[JsonValue] = []
            for inner in child:
                if local_of(inner) == "VocabularyElementList" and namespace_of(inner) in _OWN:
                    at = f"{below}/vocabularyElementList"
                    elements += [self._vocabulary_element(item, at) for item in inner]
                else:
                    self._foreign(inner, members, below)
            members["vocabularyElementList"] = elements
            found.append(members)
        return found

    def _vocabulary_element(self, element: Element, pointer: str) -> JsonValue:
        members: Event = {"id": element.get("id") or ""}
        self._more_attributes(element, members, "@id")
        attributes: list[JsonValue] = []
        children: list[JsonValue] = []
        for child in element:
            if namespace_of(child) not in _OWN or local_of(child) not in ("attribute", "children"):
                self._foreign(child, members, pointer)
            elif local_of(child) == "children":
                self._without_place(child, f"{pointer}/children")
                children += [text_of(item) for item in child]
            else:
                attributes.append(self._attribute(child, pointer))
        if attributes:
            members["attributes"] = attributes
        if children:
            members["children"] = children
        return members

    def _attribute(self, element: Element, pointer: str) -> JsonValue:
        name = element.get("id") or ""
        value = self._values.extension(element, f"{pointer}/attributes")
        if isinstance(value, dict):
            value.pop("@id", None)
            if set(value) == {"#text"}:
                value = value["#text"]
        return {"id": name, "attribute": "" if value == {} else value}

    def _more_attributes(self, element: Element, members: Event, known: str) -> None:
        for name, value in self._values.attributes(element).items():
            if name != known:
                members[name] = value

    def _foreign(self, element: Element, members: Event, pointer: str) -> None:
        if namespace_of(element) in _OWN and local_of(element) in _WRAPPERS:
            for child in element:
                self._foreign(child, members, pointer)
            return
        self._values.put(members, self._values.names.element(element), element, pointer)


_LEAVES: Final = frozenset(["queryName", "subscriptionID"])
_PLACES: Final = {
    "EPCISHeader": ("EPCISMasterData",),
    "EPCISBody": ("QueryResults",),
    "QueryResults": ("resultsBody",),
}
_JSON_NAMES: Final = {
    "EPCISHeader": "epcisHeader",
    "EPCISMasterData": "epcisMasterData",
    "EPCISBody": "epcisBody",
    "QueryResults": "queryResults",
    "resultsBody": "resultsBody",
}


def _object(members: Event, name: str) -> Event:
    """Return a member that is an object, made when it is missing."""
    held = members.setdefault(name, {})
    return held if isinstance(held, dict) else {}
