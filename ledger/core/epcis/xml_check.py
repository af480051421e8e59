"""XML elements against the grammar: every fault a finding at its place in the JSON form."""

from collections.abc import Container
from typing import Final

from ledger.core.epcis.finding import Severity
from ledger.core.epcis.finding_list import FindingList
from ledger.core.epcis.xml_grammar import EPCIS, EVENT_NAMES, LOCAL, OTHER, Grammar, Particle
from ledger.core.epcis.xml_names import XSI, Element, local_of, namespace_of
from ledger.core.epcis.xml_values import SPACE, is_typed, is_valid

# Elements that the JSON form has under another name, under a number, or not at all.
_RENAMED: Final = {
    "EPCISHeader": "epcisHeader",
    "EPCISBody": "epcisBody",
    "EPCISMasterData": "epcisMasterData",
    "EventList": "eventList",
    "QueryResults": "queryResults",
    "VocabularyList": "vocabularyList",
    "VocabularyElementList": "vocabularyElementList",
}
_FLAT: Final = EVENT_NAMES | {"extension", "baseExtension"}
_NUMBERED: Final = frozenset([
    "epc", "quantityElement", "bizTransaction", "source", "destination", "correctiveEventID",
    "sensorElement", "Vocabulary", "VocabularyElement",
])  # fmt: skip
_NUMBERED_UNDER: Final = {
    "attribute": "/attributes", "sensorReport": "/sensorReport", "set": "/set", "unset": "/unset",
}  # fmt: skip
# Whose lack the rules of the model know: told by their code, where they would tell it.
_CODE_OF_LACK: Final = {
    "bizTransactionList": "MISSING_BIZ_TRANSACTION",
    "parentID": "MISSING_PARENT",
    **dict.fromkeys(
        ("eventTime", "eventTimeZoneOffset", "declarationTime", "sensorReport", "epcClass"),
        "MISSING_MEMBER",
    ),
}


class GrammarCheck:
    """Checks elements of one document against the types of its version.

    Attributes:
        bare: An event without a document: no schema says whether its elements are qualified.
    """

    def __init__(self, types: dict[str, Grammar], findings: FindingList) -> None:
        """Keep the types and where findings go."""
        self._types = types
        self.bare = False
        self._findings = findings
        self._is_default_told = False

    def check(self, element: Element, of: str, pointer: str) -> None:
        """Add a finding for each fault of an element, all the way down.

        Args:
            element: The lxml element.
            of: Name of its type.
            pointer: Where it stands in the JSON form.
        """
        grammar = self._types.get(of)
        if grammar is None:
            self._check_simple(element, of, pointer)
            return
        self._check_attributes(element, grammar, pointer)
        if grammar.text == "mixed":
            return
        if grammar.text:
            self._check_simple(element, grammar.text, pointer, of_attributes=False)
            return
        self._check_no_text(element, pointer)
        self._check_children(element, grammar, pointer)

    def check_item(self, item: Element, pointer: str) -> None:
        """Add the faults of one child of an event list."""
        grammar = self._types["EventList"]
        place = self._place(item, grammar, pointer)
        if place is not None and grammar.particles[place].of:
            self.check(item, grammar.particles[place].of, pointer)

    def _check_children(self, element: Element, grammar: Grammar, pointer: str) -> None:
        counts = [0] * len(grammar.particles)
        reached, numbers = 0, dict[str, int]()
        for child in element:
            below = child_pointer(child, pointer, numbers)
            place = self._place(child, grammar, below)
            if place is None:
                continue
            particle = grammar.particles[place]
            if place < reached and not grammar.any_order:
                message = f"{local_of(child)} stands too late."
                self._findings.add("WRONG_ORDER", below, message, value=local_of(child))
            reached = max(reached, place)
            counts[place] += 1
            if counts[place] == particle.most + 1:
                message = f"{local_of(child)} stands there once only."
                self._findings.add("REPEATED_ELEMENT", below, message, value=local_of(child))
            if particle.of:
                self.check(child, particle.of, below)
        self._check_missing(grammar, counts, pointer)

    def _check_missing(self, grammar: Grammar, counts: list[int], pointer: str) -> None:
        for particle, count in zip(grammar.particles, counts, strict=True):
            name = particle.name.rpartition("}")[2]
            # Of a missing action every format's reader tells, as of a wrong one.
            if name == "action" and not count:
                continue
            if count < particle.least and not (grammar.one_of and any(counts)):
                code, at = _lack(name, pointer, of_event="eventTime" in grammar.places)
                value = name if at == pointer else None
                self._findings.add(code, at, f"{name} is missing.", value=value)
            if count and particle.beside and not counts[grammar.places[particle.beside]]:
                message = f"{name} stands beside {particle.beside} only."
                self._findings.add("UOM_WITHOUT_QUANTITY", f"{pointer}/{name}", message)

    def _place(self, child: Element, grammar: Grammar, pointer: str) -> int | None:
        place = grammar.places.get(child.tag)
        if place is not None:
            return place
        namespace, local = namespace_of(child), local_of(child)
        own = namespace in EPCIS.values()
        wildcard = LOCAL if not namespace else OTHER
        if not own and wildcard in grammar.places:
            return grammar.places[wildcard]
        known = next(
            (i for i, p in enumerate(grammar.particles) if p.name.rpartition("}")[2] == local), None
        )
        if known is not None:
            message = f"{local} must be {self._expected(grammar.particles[known])}."
            self._check_default(child, pointer, message)
            return known
        message = f"{local} does not belong here."
        self._findings.add("UNKNOWN_ELEMENT", pointer, message, value=child.tag)
        return None

    def _check_default(self, child: Element, pointer: str, message: str) -> None:
        """Tell of a wrong namespace once, where it begins: elements below inherit a default one."""
        namespace, parent = namespace_of(child), child.getparent()
        inherits = child.prefix is parent.prefix is None and namespace == namespace_of(parent)
        if inherits and (self._is_default_told or parent.getparent() is not None):
            return
        if inherits:
            self._is_default_told = True
            pointer = ""
            message = (
                "The default namespace of the root is that of all elements below, which must have"
                " none; bind a prefix for the root instead."
            )
        self._findings.add(
            "WRONG_NAMESPACE",
            pointer,
            message,
            value=namespace or local_of(child),
            severity=Severity.LOW if self.bare else Severity.ERROR,
        )

    @staticmethod
    def _expected(particle: Particle) -> str:
        namespace = particle.name[1:].partition("}")[0] if particle.name[0] == "{" else ""
        return f"in namespace {namespace}" if namespace else "without a namespace"

    def _check_attributes(self, element: Element, grammar: Grammar, pointer: str) -> None:
        for name, (of, required) in grammar.attributes.items():
            if name not in element.attrib:
                if required:
                    self._findings.add(
                        "MISSING_ATTRIBUTE", pointer, f"Attribute {name} is missing.", value=name
                    )
            elif not is_valid(of, element.attrib[name]):
                self._invalid(of, element.attrib[name], f"{pointer}/{name}")
        if not grammar.any_attribute:
            self._check_no_attributes(element, pointer, grammar.attributes)

    def _check_no_attributes(
        self, element: Element, pointer: str, known: Container[str] = ()
    ) -> None:
        for name in element.attrib:
            if name not in known and not name.startswith(XSI):
                message = f"Attribute {name} does not belong here."
                self._findings.add("UNKNOWN_ATTRIBUTE", pointer, message, value=name)

    def _check_no_text(self, element: Element, pointer: str) -> None:
        text = (element.text or "") + "".join(child.tail or "" for child in element)
        if text.strip(SPACE):
            message = "Text does not belong between these elements."
            self._findings.add("UNEXPECTED_TEXT", pointer, message, value=text.strip(SPACE))

    def _check_simple(
        self, element: Element, of: str, pointer: str, *, of_attributes: bool = True
    ) -> None:
        if of_attributes:
            self._check_no_attributes(element, pointer)
        if len(element):
            message = "Elements do not belong into this value."
            self._findings.add(
                "UNKNOWN_ELEMENT", pointer, message, value=local_of(next(iter(element)))
            )
            return
        nil = of == "decimal" and (element.get(XSI + "nil") or "").strip(SPACE) in ("true", "1")
        text = element.text or ""
        if text if nil else not is_valid(of, text):
            self._invalid(of, text, pointer)

    def _invalid(self, of: str, value: str, pointer: str) -> None:
        self._findings.add(
            "INVALID_VALUE", pointer, f"The value must be of type {of}.", value=value
        )

    def check_typed(self, of: str, text: str, pointer: str) -> None:
        """Add a finding when an extension's text is no value of the type that xsi:type names."""
        if not is_typed(of, text):
            self._invalid(of, text, pointer)


def _lack(name: str, pointer: str, *, of_event: bool) -> tuple[str, str]:
    """Return code and place of a missing element; a QuantityEvent's class is one in a list."""
    if name not in _CODE_OF_LACK:
        return "MISSING_ELEMENT", pointer
    inside = "quantityList/0/" if of_event and name == "epcClass" else ""
    return _CODE_OF_LACK[name], f"{pointer}/{inside}{name}"


def child_pointer(child: Element, pointer: str, numbers: dict[str, int]) -> str:
    """Return where a child stands in the JSON form, counting the numbered ones."""
    local = local_of(child)
    if local in _FLAT:
        return pointer
    if local in _NUMBERED or local in _NUMBERED_UNDER:
        number = numbers[local] = numbers.get(local, -1) + 1
        return f"{pointer}{_NUMBERED_UNDER.get(local, '')}/{number}"
    return f"{pointer}/{_RENAMED.get(local, local)}"
