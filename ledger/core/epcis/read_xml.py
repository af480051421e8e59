"""EPCIS XML 1.2 and 2.0 to the internal model, as a stream: one event in memory as a tree.

Entities cannot be: whatever declares one is refused before the parser sees it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from lxml import etree

from ledger.core.epcis.document import Document, Event, Format, Kind
from ledger.core.epcis.finding import Severity
from ledger.core.epcis.finding_list import FindingList
from ledger.core.epcis.read_json import MAX_EVENTS, check_event
from ledger.core.epcis.read_xml_event import EventReader
from ledger.core.epcis.read_xml_head import HeadReader
from ledger.core.epcis.xml_check import GrammarCheck
from ledger.core.epcis.xml_grammar import (
    EPCIS,
    EVENT_NAMES,
    MASTER_DATA,
    MAX_XML_DEPTH,
    QUERY,
    TYPES,
)
from ledger.core.epcis.xml_names import Element, local_of, namespace_of
from ledger.core.epcis.xml_prolog import as_utf8
from ledger.core.epcis.xml_values import SPACE
from ledger.core.errors import MalformedError

# Far above any real element (a sensorReport has 24).
MAX_ATTRIBUTES: Final = 256
# Namespaces in scope at once, so that looking one up stays cheap.
MAX_NAMESPACES: Final = 256
# Attack: an element takes 20 times its bytes in memory. Per event, and for all outside of events.
MAX_ELEMENTS: Final = 500_000
# Of libxml2, which stops there for us (XML_MAX_TEXT_LENGTH, XML_MAX_NAME_LENGTH).
MAX_TEXT: Final = 10_000_000
MAX_NAME: Final = 50_000
_TOO_LONG: Final = (etree.ErrorTypes.ERR_RESOURCE_LIMIT, etree.ErrorTypes.ERR_NAME_TOO_LONG)
_EXCESS: Final = "Excessive depth"
# A comment, an instruction or CDATA; the code is that of one without an end.
_TOO_BIG: Final = " too big found"
_CHUNK: Final = 64 * 1024
_RULE: Final = {
    Format.XML_12: "EPCIS 1.2 section 9.5",
    Format.XML_20: "EPCIS 2.0 section 9.5",
}
_ROOTS: Final = {
    f"{{{namespace}}}{name}": (version, kind)
    for namespaces, name, kind in (
        (EPCIS, "EPCISDocument", Kind.CAPTURE),
        (QUERY, "EPCISQueryDocument", Kind.QUERY),
        (MASTER_DATA, "EPCISMasterDataDocument", Kind.CAPTURE),
    )
    for version, namespace in namespaces.items()
}
_LIST_POINTER: Final = {
    Kind.CAPTURE: "/epcisBody/eventList",
    Kind.QUERY: "/epcisBody/queryResults/resultsBody/eventList",
}

_MAJOR_VERSIONS: Final = frozenset(version.value[3] for version in EPCIS)
_LIST_DEPTH: Final = {Kind.CAPTURE: 3, Kind.QUERY: 5}
# What one fault is told as by the grammar, the values and custody: the code to keep, by the other.
_BETTER: Final = {
    "INVALID_ACTION": frozenset(["REPEATED_ELEMENT"]),
    "UNKNOWN_ELEMENT": frozenset(["MISPLACED_MEMBER"]),
    "VALUE_NOT_CARRIED": frozenset(["INVALID_VALUE"]),
}
_TYPE_OF_ROOT: Final = {
    "EPCISDocument": "Document",
    "EPCISQueryDocument": "QueryDocument",
    "EPCISMasterDataDocument": "MasterDataDocument",
}


@dataclass(slots=True)
class Head:
    """What a stream tells besides its events, complete when it has ended."""

    version: Format = Format.XML_20
    kind: Kind = Kind.EVENT
    members: dict[str, Any] = field(default_factory=dict)
    findings: FindingList = field(default_factory=lambda: FindingList(""))


def read_xml(raw: bytes) -> Document:
    """Read EPCIS XML: a document, a query document, master data or a bare event.

    Raises:
        MalformedError: Not well-formed, entities or a document type, beyond a limit, or no EPCIS.
    """
    head = Head()
    events: list[Event] = []
    pointers: list[str] = []
    lines: list[int] = []
    for event, pointer, line in stream_events(raw, head):
        events.append(event)
        pointers.append(pointer)
        lines.append(line)
    return Document(
        format=head.version,
        kind=head.kind,
        members=head.members,
        events=events,
        pointers=pointers,
        lines=lines,
        findings=head.findings.found,
    )


def stream_events(raw: bytes, head: Head) -> Iterator[tuple[Event, str, int]]:
    """Yield event, pointer and line one by one; memory does not grow with the number of events.

    Args:
        raw: The whole document.
        head: Filled while reading.

    Raises:
        MalformedError: As read_xml.
    """
    text = as_utf8(raw)
    if text.has_type:
        message = "The document type declares nothing; it is ignored."
        head.findings.add("DOCTYPE_IGNORED", "", message, severity=Severity.LOW)
    stream = _Stream(head)
    parser = etree.XMLPullParser(
        events=("start", "end", "start-ns", "end-ns"),
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        huge_tree=False,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        for chunk in text.chunks(_CHUNK):
            parser.feed(chunk)
            yield from stream.follow(parser.read_events())
        parser.close()
        yield from stream.follow(parser.read_events())
    except etree.XMLSyntaxError as error:
        raise MalformedError("xml", _broken_rule(error), str(error)) from None


def _broken_rule(error: etree.XMLSyntaxError) -> str:
    if _EXCESS in str(error):
        return f"must not nest deeper than {MAX_XML_DEPTH}"
    if error.code in _TOO_LONG or _TOO_BIG in str(error):
        return f"has at most {MAX_TEXT} bytes in one text or tag and {MAX_NAME} in a name"
    return "must be well-formed"


class _Stream:
    """Follows the parser: limits at every element, an event at the end of each list item.

    Of an event list only the last item stays in the tree, emptied: the parser may still be
    writing behind it, and behind it only.
    """

    def __init__(self, head: Head) -> None:
        self._head = head
        self._findings = head.findings
        self._depth = self._namespaces = self._live = self._live_before = 0
        self._items = self._first = 0
        self._list_depth = 0
        self._count = 0
        self._check = GrammarCheck({}, head.findings)
        self._reader = EventReader(head.version, head.findings)

    def follow(self, actions: Iterable[tuple[str, Any]]) -> Iterator[tuple[Event, str, int]]:
        for action, element in actions:
            if action == "start":
                self._start(element)
            elif action == "end":
                yield from self._end(element)
                self._depth -= 1
            elif action == "start-ns":
                self._namespaces += 1
                if self._namespaces > MAX_NAMESPACES:
                    raise MalformedError("xml", f"has at most {MAX_NAMESPACES} namespaces in scope")
            else:
                self._namespaces -= 1

    def _start(self, element: Element) -> None:
        self._depth += 1
        self._live += 1 + len(element.attrib)
        if self._depth > MAX_XML_DEPTH:
            raise MalformedError("xml", f"must not nest deeper than {MAX_XML_DEPTH}")
        if len(element.attrib) > MAX_ATTRIBUTES:
            raise MalformedError("xml", f"has at most {MAX_ATTRIBUTES} attributes in an element")
        if self._live > MAX_ELEMENTS:
            raise MalformedError("xml", f"has at most {MAX_ELEMENTS} elements in an event")
        if self._depth == 1:
            self._begin(element)
        elif not self._list_depth and self._is_list(element):
            self._list_depth = self._depth
        elif self._depth == self._list_depth + 1:
            self._live_before = self._live - 1 - len(element.attrib)

    def _begin(self, root: Element) -> None:
        known = _ROOTS.get(root.tag)
        if known is not None:
            self._head.version, self._head.kind = known
        elif local_of(root) in EVENT_NAMES and namespace_of(root) in ("", *EPCIS.values()):
            self._head.version, self._head.kind = _version_of_event(root), Kind.EVENT
        else:
            raise MalformedError("xml", "is an EPCIS document, 1.2 or 2.0, or an event", root.tag)
        self._findings.rule = _RULE[self._head.version]
        self._check = GrammarCheck(TYPES[self._head.version], self._findings)
        self._reader = EventReader(self._head.version, self._findings)
        self._check_version(root)

    def _check_version(self, root: Element) -> None:
        """Tell of another version than the namespace's, which is what the document is read by."""
        version = (root.get("schemaVersion") or "").strip(SPACE)
        own, major = self._head.version.value[3], version.partition(".")[0]
        if not major.isdecimal() or major == own:
            return
        is_known = major in _MAJOR_VERSIONS
        severity = Severity.MEDIUM if is_known else Severity.ERROR
        message = "EPCIS XML has the versions 1.x and 2.x."
        if is_known:
            message = f"The namespace is that of version {own}.x, and the document is read as that."
        self._findings.add(
            "UNSUPPORTED_SCHEMA_VERSION",
            "/schemaVersion",
            message,
            value=version,
            severity=severity,
        )

    def _is_list(self, element: Element) -> bool:
        if local_of(element) != "EventList" or self._head.kind not in _LIST_DEPTH:
            return False
        return self._depth == _LIST_DEPTH[self._head.kind]

    def _end(self, element: Element) -> Iterator[tuple[Event, str, int]]:
        if self._list_depth and self._depth == self._list_depth + 1:
            self._items += 1
            if self._items > MAX_EVENTS:
                raise MalformedError("xml", f"has at most {MAX_EVENTS} events")
            yield from self._item(element)
            element.clear(keep_tail=True)
            self._live = self._live_before
            self._forget_before(element)
        elif self._list_depth and self._depth == self._list_depth:
            for child in element:
                self._check_tail(child)
            del element[:]
            self._list_depth = -2
        elif self._depth == 1:
            yield from self._finish(element)

    def _forget_before(self, element: Element) -> None:
        before = element.getprevious()
        if before is not None:
            self._check_tail(before)
            element.getparent().remove(before)

    def _check_tail(self, element: Element) -> None:
        if (element.tail or "").strip(SPACE):
            message = "Text does not belong between events."
            self._findings.add("UNEXPECTED_TEXT", "/epcisBody", message, value=element.tail)

    def _item(self, item: Element) -> Iterator[tuple[Event, str, int]]:
        """Yield the event of a list item, which 1.2 may wrap into one or two extensions."""
        pointer = f"{_LIST_POINTER[self._head.kind]}/{self._count}"
        self._first = len(self._findings.found)
        found = list(_events_of(item))
        self._findings.event = self._count if found else None
        self._check.check_item(item, pointer)
        if not found:
            message = f"{local_of(item)} is no event of EPCIS."
            self._findings.add("UNKNOWN_EVENT_TYPE", pointer, message, value=local_of(item))
        for element in found:
            yield self._event(element, f"{_LIST_POINTER[self._head.kind]}/{self._count}")
        self._findings.event = None

    def _event(self, element: Element, pointer: str) -> tuple[Event, str, int]:
        self._findings.event = self._count
        event = self._reader.read(element, pointer)
        check_event(event, pointer, self._findings)
        self._findings.drop_repeated(self._first, _BETTER)
        self._count += 1
        return event, pointer, element.sourceline

    def _finish(self, root: Element) -> Iterator[tuple[Event, str, int]]:
        if self._head.kind is Kind.EVENT:
            self._check.bare = True
            self._check.check(root, local_of(root), "")
            yield self._event(root, "")
            self._findings.event = None
            return
        self._check.check(root, _TYPE_OF_ROOT[local_of(root)], "")
        reader = HeadReader(self._head.kind, self._findings)
        self._head.members.update(reader.read(root))


def _events_of(item: Element) -> Iterator[Element]:
    if namespace_of(item) not in ("", *EPCIS.values()):
        return
    if local_of(item) in EVENT_NAMES:
        yield item
    elif local_of(item) == "extension":
        for child in item:
            yield from _events_of(child)


def _version_of_event(root: Element) -> Format:
    """Return the version of a bare event, as far as its namespaces and attributes tell."""
    named = {namespace_of(root), *root.nsmap.values()}
    if EPCIS[Format.XML_12] in named or (root.get("schemaVersion") or "2").startswith("1"):
        return Format.XML_12
    return Format.XML_20
