"""A document as XML of either version: header, body, events (docs/spec/epcis-xml.md)."""

from collections.abc import Iterator
from typing import Final

from ledger.core.epcis.document import STANDARD_CONTEXT, Document, Event, Format, Kind
from ledger.core.epcis.losses import Losses, below
from ledger.core.epcis.sbdh import SBDH_MEMBER, as_members, synthesised
from ledger.core.epcis.write_names import WriteNames
from ledger.core.epcis.write_xml_event import CbvFormat, EventWriter
from ledger.core.epcis.write_xml_value import Pairs, ValueWriter, scalar_text
from ledger.core.epcis.xml_grammar import EPCIS, QUERY, SBDH
from ledger.core.epcis.xml_names import HEADER
from ledger.core.epcis.xml_out import XmlOut
from ledger.core.strict_json import JsonValue

_SCHEMA_VERSION: Final = {Format.XML_12: "1.2", Format.XML_20: "2.0"}
# What the head's members become by themselves, without being extensions.
_KNOWN: Final = frozenset([
    "@context", "type", "schemaVersion", "creationDate", "id", "sender", "receiver",
    "instanceIdentifier", "epcisHeader", "epcisBody",
])  # fmt: skip
_NO_DATE: Final = "1970-01-01T00:00:00Z"


def write_xml(document: Document, version: Format, cbv: CbvFormat, losses: Losses) -> bytes:
    """Write a document; bare events get one around them, dated as the first of them.

    Args:
        document: As it was read.
        version: XML_12 or XML_20.
        cbv: How words of the vocabulary are spelt.
        losses: Where what cannot be written is listed.
    """
    return _DocumentWriter(document, version, cbv, losses).write()


class _DocumentWriter:
    def __init__(self, document: Document, version: Format, cbv: CbvFormat, losses: Losses) -> None:
        self._document, self._version, self._cbv = document, version, cbv
        self._losses = losses
        self._members = document.members
        self._is_query = document.kind is Kind.QUERY
        space, self._prefix = (QUERY, "epcisq") if self._is_query else (EPCIS, "epcis")
        names = WriteNames(
            self._members.get("@context", STANDARD_CONTEXT), {self._prefix: space[version]}
        )
        self._values = ValueWriter(names, losses)

    def write(self) -> bytes:
        header, after = XmlOut(1), XmlOut(1)
        self._header(header, after)
        body = XmlOut(1)
        self._body(body)
        self._rest(after, self._members, "", _KNOWN)
        out = XmlOut()
        out.begin(f"{self._prefix}:{self._root}", self._root_attributes())
        for part in (header, body, after):
            out.take(part)
        out.end()
        return out.text()

    @property
    def _root(self) -> str:
        return "EPCISQueryDocument" if self._is_query else "EPCISDocument"

    def _root_attributes(self) -> Pairs:
        found = self._values.attributes(
            {
                name: one
                for name, one in self._members.items()
                if name[0:1] == "@" and name != "@context"
            },
            "",
        )
        found += [
            ("schemaVersion", _SCHEMA_VERSION[self._version]),
            ("creationDate", self._creation_date()),
        ]
        if isinstance(self._members.get("id"), str):
            found.append(("id", scalar_text(self._members["id"])))
        return self._values.names.declarations() + found

    def _creation_date(self) -> str:
        first = self._document.events[0].get("eventTime") if self._document.events else None
        date = self._members.get("creationDate", first)
        return date if isinstance(date, str) else _NO_DATE

    def _header(self, out: XmlOut, after: XmlOut) -> None:
        header = self._members.get("epcisHeader", {})
        if not isinstance(header, dict):
            self._losses.lose("/epcisHeader", "An object is expected.", header)
            header = {}
        inner = XmlOut(out.depth + 1)
        master = header.get("epcisMasterData")
        if isinstance(master, dict):
            inner.begin("extension")
            inner.begin("EPCISMasterData")
            self._vocabularies(inner, master.get("vocabularyList"), "/epcisHeader/epcisMasterData")
            inner.end()
            inner.end()
        name, sbdh = self._sbdh(header)
        more = {one: header[one] for one in header if one not in ("epcisMasterData", name)}
        in_header = self._version is Format.XML_12
        for one, value in more.items():
            at = below("/epcisHeader", one)
            if one[0:1] != "@":
                target, mark = (inner, "") if in_header else (after, HEADER)
                self._values.extension(target, one, value, at, mark)
        attributes = self._values.attributes(more, "/epcisHeader")
        needed = bool(inner.lines or attributes) and self._version is Format.XML_12
        if sbdh is None and needed:
            name, sbdh = self._synthesised()
        if sbdh is None and not inner.lines and not attributes:
            return
        out.begin("EPCISHeader", attributes)
        if sbdh is not None:
            self._values.extension(out, name, sbdh, below("/epcisHeader", name))
        out.take(inner)
        out.end()

    def _sbdh(self, header: Event) -> tuple[str, Event | None]:
        """Return the header that the sender wrote, or the one that its three members stand for."""
        for name, value in header.items():
            if name.endswith(f":{SBDH_MEMBER}") and isinstance(value, dict):
                prefix = name.partition(":")[0]
                lifted = as_members(value, prefix)
                for one in ("sender", "receiver", "instanceIdentifier"):
                    if one in self._members and self._members[one] != lifted.get(one):
                        message = "The document header that stands beside it says otherwise."
                        self._losses.lose(f"/{one}", message, self._members[one])
                return name, value
        if self._members.keys() & {"sender", "receiver", "instanceIdentifier"}:
            return self._synthesised()
        return "", None

    def _synthesised(self) -> tuple[str, Event]:
        prefix = self._values.names.bind("sbdh", SBDH)
        return f"{prefix}:{SBDH_MEMBER}", synthesised(self._members, prefix)

    def _body(self, out: XmlOut) -> None:
        body = self._members.get("epcisBody", {})
        body = body if isinstance(body, dict) else {}
        out.begin("EPCISBody", self._values.attributes(body, "/epcisBody"))
        if self._is_query:
            self._query(out, body)
        else:
            self._events(out)
            self._rest(out, body, "/epcisBody", frozenset())
        out.end()

    def _query(self, out: XmlOut, body: Event) -> None:
        results = body.get("queryResults")
        results = results if isinstance(results, dict) else {}
        at = "/epcisBody/queryResults"
        out.begin("epcisq:QueryResults")
        out.leaf("queryName", scalar_text(results.get("queryName", "SimpleEventQuery")))
        if isinstance(results.get("subscriptionID"), str):
            out.leaf("subscriptionID", scalar_text(results["subscriptionID"]))
        held = results.get("resultsBody")
        vocabularies = held.get("vocabularyList") if isinstance(held, dict) else None
        out.begin("resultsBody")
        if vocabularies is None or self._document.events:
            self._events(out)
        else:
            self._vocabularies(out, vocabularies, f"{at}/resultsBody")
        out.end()
        if vocabularies is not None and self._document.events:
            self._losses.lose(f"{at}/resultsBody/vocabularyList", "XML has events or vocabularies.")
        known = frozenset(["queryName", "subscriptionID", "resultsBody"])
        self._rest(out, results, at, known)
        out.end()
        self._rest(None, body, "/epcisBody", frozenset(["queryResults"]))

    def _events(self, out: XmlOut) -> None:
        out.begin("EventList")
        shared = self._members.get("@context", STANDARD_CONTEXT)
        for position, event in enumerate(self._document.events):
            self._losses.event = position
            context = event.get("@context", shared)
            contexts = [*_listed(shared), *_listed(context)]
            writer = EventWriter(self._version, self._cbv, contexts, self._losses)
            written = writer.write(event, self._document.pointers[position], out.depth)
            if written is not None:
                out.take(written)
        self._losses.event = None
        out.end()

    def _rest(self, out: XmlOut | None, members: Event, at: str, known: frozenset[str]) -> None:
        for name, value in members.items():
            if name in known or name[0:1] == "@":
                continue
            if out is not None and self._values.names.is_extension(name):
                self._values.extension(out, name, value, below(at, name))
            else:
                self._losses.lose(below(at, name), f"There is no place for {name}.", value)

    def _vocabularies(self, out: XmlOut, value: JsonValue, pointer: str) -> None:
        out.begin("VocabularyList")
        for one, at in self._objects(value, f"{pointer}/vocabularyList"):
            self._vocabulary(out, one, at)
        out.end()

    def _objects(self, value: JsonValue, pointer: str) -> Iterator[tuple[Event, str]]:
        """Yield the objects of a list; what is none of that is lost."""
        if not isinstance(value, list):
            if value is not None:
                self._losses.lose(pointer, "A list is expected.", value)
            return
        for i, one in enumerate(value):
            if isinstance(one, dict):
                yield one, f"{pointer}/{i}"
            else:
                self._losses.lose(f"{pointer}/{i}", "An object is expected.", one)

    def _vocabulary(self, out: XmlOut, value: Event, pointer: str) -> None:
        out.begin("Vocabulary", self._named("type", value, pointer))
        elements = value.get("vocabularyElementList")
        inner = XmlOut(out.depth + 1)
        for one, at in self._objects(elements, f"{pointer}/vocabularyElementList"):
            self._element(inner, one, at)
        if inner.lines:
            out.begin("VocabularyElementList")
            out.take(inner)
            out.end()
        self._rest(out, value, pointer, frozenset(["type", "vocabularyElementList"]))
        out.end()

    def _element(self, out: XmlOut, value: Event, pointer: str) -> None:
        out.begin("VocabularyElement", self._named("id", value, pointer))
        for one, at in self._objects(value.get("attributes"), f"{pointer}/attributes"):
            self._attribute(out, one, at)
        children = value.get("children")
        if isinstance(children, list) and children:
            out.begin("children")
            for i, child in enumerate(children):
                if isinstance(child, str):
                    out.leaf("id", child)
                else:
                    self._losses.lose(f"{pointer}/children/{i}", "A text is expected.", child)
            out.end()
        self._rest(out, value, pointer, frozenset(["id", "attributes", "children"]))
        out.end()

    def _attribute(self, out: XmlOut, value: Event, pointer: str) -> None:
        held = value.get("attribute", "")
        members = dict(held) if isinstance(held, dict) else {"#text": held}
        self._values.plain(out, "attribute", {"@id": value.get("id", ""), **members}, pointer)

    def _named(self, name: str, value: Event, pointer: str) -> Pairs:
        text = value.get(name)
        return [
            (name, text if isinstance(text, str) else ""),
            *self._values.attributes(value, pointer),
        ]


def _listed(context: JsonValue) -> list[JsonValue]:
    return context if isinstance(context, list) else [context]
