"""Master data of a document's header as queries use it: attributes, and places below places.

EPCIS 2.0 section 6.1.1 and CBV: `epcisHeader.epcisMasterData.vocabularyList`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ledger.core.epcis.compared import (
    STANDARD_PREFIXES,
    Prefixes,
    identity,
    kept,
    qualified,
    term,
)
from ledger.core.epcis.compared import field as kept_field
from ledger.core.epcis.namespaces import namespaces_of
from ledger.core.strict_json import JsonValue


@dataclass(frozen=True, slots=True)
class MasterData:
    """What documents say of vocabulary elements.

    Attributes:
        attributes: element and term: an attribute's name, or `name=value`.
        children: a place and one directly below it.
    """

    attributes: set[tuple[str, str]] = field(default_factory=set)
    children: set[tuple[str, str]] = field(default_factory=set)

    def add(self, members: Mapping[str, JsonValue]) -> None:
        """Take in the master data among the members of a document."""
        prefixes = namespaces_of(members.get("@context")).meanings
        header = members.get("epcisHeader")
        data = header.get("epcisMasterData") if isinstance(header, dict) else None
        vocabularies = data.get("vocabularyList") if isinstance(data, dict) else None
        for vocabulary in _objects(vocabularies):
            for element in _objects(vocabulary.get("vocabularyElementList")):
                self._element(element, prefixes)

    def _element(self, element: Mapping[str, JsonValue], prefixes: Prefixes) -> None:
        name = element.get("id")
        if not isinstance(name, str):
            return
        path = kept_field(identity(name))
        for attribute in _objects(element.get("attributes")):
            given, value = attribute.get("id"), attribute.get("attribute")
            if isinstance(given, str):
                attribute_name = attribute_term(given, prefixes)
                self.attributes.add((path, kept(attribute_name)))
                if isinstance(value, str):
                    self.attributes.add((path, term(attribute_name, value)))
        children = element.get("children")
        for child in children if isinstance(children, list) else []:
            if isinstance(child, str):
                self.children.add((path, kept_field(identity(child))))


def attribute_term(name: str, prefixes: Prefixes = STANDARD_PREFIXES) -> str:
    """Return the one name of an attribute, however its namespace is written."""
    return qualified(name, prefixes) or name


def _objects(value: JsonValue) -> Iterator[dict[str, JsonValue]]:
    for one in value if isinstance(value, list) else []:
        if isinstance(one, dict):
            yield one
