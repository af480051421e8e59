"""What a document says about trade: who commissioned, packed and shipped what, and master data.

Every DSCSA rule reads this view, in which an item has one name (its canonical path) and a party
one too, whatever the document's format and spelling were.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from ledger.core.epcis.document import Document, Event
from ledger.core.epcis.event_hash import event_hash
from ledger.core.epcis.finding import DocumentFinding, Severity
from ledger.core.epcis.namespaces import CBVMDA, Namespaces, namespaces_of
from ledger.core.epcis.vocabulary import BIZ_STEP
from ledger.core.errors import MalformedError
from ledger.core.events import event_time_ms
from ledger.core.identifiers import canonical_path, party_path
from ledger.core.strict_json import JsonValue

_GUIDELINE = "GS1 US EPCIS guideline for DSCSA R1.3"
_TI = "FD&C Act section 581(26)"
_TS = "FD&C Act section 581(27)"
# An error: the transaction is not documented as the Act wants it. A flag: it is, but the file
# contradicts itself or leaves out what partners need to match it.
CODES: Final = {
    "MISSING_TRANSACTION_STATEMENT": (Severity.ERROR, _TS),
    "TRANSACTION_STATEMENT_NOT_AFFIRMED": (Severity.ERROR, _TS),
    "MISSING_OWNING_PARTY": (Severity.ERROR, f"{_TI}(J), (K)"),
    "MISSING_PARTY_MASTER_DATA": (Severity.ERROR, f"{_TI}(J), (K)"),
    "MISSING_LOT": (Severity.ERROR, f"{_TI}(G)"),
    "MISSING_EXPIRY": (Severity.ERROR, "FD&C Act section 582(g)(1)(B)"),
    "MISSING_NDC": (Severity.ERROR, f"{_TI}(D)"),
    "MISSING_PRODUCT_MASTER_DATA": (Severity.ERROR, f"{_TI}(A)-(F)"),
    "SHIPPED_NOT_COMMISSIONED": (Severity.ERROR, f"{_GUIDELINE}, commissioning"),
    "NO_SHIPPING_EVENT": (Severity.ERROR, f"{_GUIDELINE}, shipping"),
    "MULTIPLE_PARENTS": (Severity.HIGH, f"{_GUIDELINE}, packing"),
    "EVENTS_OUT_OF_ORDER": (Severity.MEDIUM, f"{_GUIDELINE}, event times"),
    "MISSING_BIZ_TRANSACTION": (Severity.MEDIUM, f"{_GUIDELINE}, shipping"),
}
_SHIPPING: Final = frozenset(["shipping", "consigning"])
_ENDING: Final = frozenset(["decommissioning", "destroying"])
# What systems write where a form must not be empty.
_PLACEHOLDERS: Final = frozenset(["-", "n/a", "none", "unknown", "empty"])
_MASTER_DATA_SEPARATORS = "#:/"


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeEvent:
    """One event that took place.

    Attributes:
        position: In the document.
        pointer: In the document.
        event: As it was read.
        names: What its prefixes stand for.
        time_ms: When it took place, None where that cannot be read.
    """

    position: int
    pointer: str
    event: Event
    names: Namespaces
    time_ms: int | None

    @property
    def step(self) -> str:
        """The business step as a bare word; any other text as it is, "" for none."""
        step = self.event.get("bizStep")
        return BIZ_STEP.bare(self.names.expanded_uri(step)) if isinstance(step, str) else ""

    @property
    def moment(self) -> tuple[int, int]:
        """When it took place; of events at one time in the order of the document."""
        return self.time_ms or 0, self.position

    def shipped(self) -> list[str]:
        """Return the items that are handed over: those named, else the parent of an aggregation."""
        return self.paths("epcList") or self.paths("parentID")

    def paths(self, *members: str) -> list[str]:
        """Return the items that these members name, in order, without repetition."""
        named = (text for member in members for text in _texts(self.event.get(member)))
        return list(dict.fromkeys(map(item_path, named)))

    def find_extension(self, holder: JsonValue, name: str) -> JsonValue:
        """Return the member of an expanded name, None where there is none."""
        return find_member(holder, name, self.names)

    def fault(
        self, code: str, message: str, *, at: str = "", value: str | None = None
    ) -> DocumentFinding:
        """Return a finding about this event."""
        return fault(code, message, self.pointer + at, value, self.position)


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterElement:
    """A vocabulary element: where it stands, and the texts of its CBV attributes by local name."""

    pointer: str
    attributes: dict[str, list[str]]

    def lacks(self, names: Sequence[str]) -> list[str]:
        """Return those of the attributes that have no text here."""
        return [name for name in names if not any(self.attributes.get(name, ()))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """A document's events that took place, by what they do, and its master data.

    Attributes:
        document: As it was read.
        names: What the prefixes of the document stand for.
        commissionings: They bring items into being: ObjectEvent ADD, TransformationEvent.
        packings: AggregationEvents that pack or unpack.
        endings: They take items out of being: ObjectEvent DELETE, decommissioning.
        shippings: They hand items over, and were not voided.
        products: Master data by `/01/{gtin}`.
        places: Master data by party path.
    """

    document: Document
    names: Namespaces
    commissionings: list[TradeEvent] = field(default_factory=list)
    packings: list[TradeEvent] = field(default_factory=list)
    endings: list[TradeEvent] = field(default_factory=list)
    shippings: list[TradeEvent] = field(default_factory=list)
    products: dict[str, MasterElement] = field(default_factory=dict)
    places: dict[str, MasterElement] = field(default_factory=dict)


def fault(
    code: str, message: str, pointer: str = "", value: str | None = None, event: int | None = None
) -> DocumentFinding:
    """Return a finding with the severity and the rule of its code."""
    severity, rule = CODES[code]
    return DocumentFinding(
        code=code,
        severity=severity,
        pointer=pointer,
        value=value,
        message=message,
        rule=rule,
        event=event,
    )


def trade_of(document: Document) -> Trade:
    """Read the view of a document; what has an odd shape is not there."""
    outer = document.members.get("@context")
    trade = Trade(document=document, names=namespaces_of(outer))
    shippings: list[TradeEvent] = []
    voids: list[TradeEvent] = []
    for one in _events_that_took_place(document):
        kind, action, step = one.event.get("type"), one.event.get("action"), one.step
        if kind == "TransformationEvent" or (kind == "ObjectEvent" and action == "ADD"):
            trade.commissionings.append(one)
        elif kind == "AggregationEvent" and action in ("ADD", "DELETE"):
            trade.packings.append(one)
        if step in _SHIPPING:
            shippings.append(one)
        elif step == "void_shipping":
            voids.append(one)
        elif kind == "ObjectEvent" and (step in _ENDING or action == "DELETE"):
            trade.endings.append(one)
    trade.shippings.extend(_not_voided(shippings, voids))
    for path, element in _master_elements(document, trade.names):
        known = trade.products if path.startswith("/01/") else trade.places
        known.setdefault(path, element)
    return trade


def _not_voided(
    shippings: Sequence[TradeEvent], voids: Sequence[TradeEvent]
) -> Iterator[TradeEvent]:
    """Leave out shipments of which every item was voided later (CBV 2.0 section 7.1.2)."""
    last = {
        path: void.moment
        for void in sorted(voids, key=lambda one: one.moment)
        for path in void.shipped()
    }
    for one in shippings:
        items = one.shipped()
        if not items or any(last.get(path, one.moment) <= one.moment for path in items):
            yield one


def item_path(identifier: str) -> str:
    """Return the one name of an item; a malformed identifier is its own."""
    try:
        return canonical_path(identifier)
    except MalformedError:
        return identifier


def place_path(identifier: str) -> str:
    """Return the one name of a party or place: its GLN where it has one."""
    try:
        return party_path(identifier)
    except MalformedError:
        return identifier


def gtin_path(path: str) -> str | None:
    """Return `/01/{gtin}` of a trade item's path, None for the path of anything else."""
    return "/".join(path.split("/")[:3]) if path.startswith("/01/") else None


def find_member(holder: JsonValue, name: str, names: Namespaces) -> JsonValue:
    """Return the member of an expanded name, None where there is none."""
    if not isinstance(holder, dict):
        return None
    return next((value for key, value in holder.items() if names.expanded_name(key) == name), None)


def text_of(value: JsonValue) -> str:
    """Return a plain value as trimmed text, "" for none and for anything with an inner shape."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if value is None or isinstance(value, list | dict):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).strip()


def stated(value: JsonValue) -> str:
    """Return text_of a value, "" where it is a word for having none."""
    text = text_of(value)
    return "" if text.lower() in _PLACEHOLDERS else text


def _texts(value: JsonValue) -> list[str]:
    listed = value if isinstance(value, list) else [value]
    return [one for one in listed if isinstance(one, str)]


def _events_that_took_place(document: Document) -> Iterator[TradeEvent]:
    """Leave out events that an error declaration takes back, and the declarations."""
    outer = document.members.get("@context")
    taken_back = {
        event_hash(event, outer) for event in document.events if "errorDeclaration" in event
    }
    for position, event in enumerate(document.events):
        if taken_back and event_hash(event, outer) in taken_back:
            continue
        try:
            time_ms = event_time_ms(event.get("eventTime"))
        except MalformedError:
            time_ms = None
        yield TradeEvent(
            position=position,
            pointer=document.pointers[position],
            event=event,
            names=namespaces_of(outer, event.get("@context")),
            time_ms=time_ms,
        )


def _master_elements(document: Document, names: Namespaces) -> Iterator[tuple[str, MasterElement]]:
    header = document.members.get("epcisHeader")
    master = header.get("epcisMasterData") if isinstance(header, dict) else None
    pointer = "/epcisHeader/epcisMasterData/vocabularyList"
    for i, vocabulary in _objects(master, "vocabularyList"):
        for j, element in _objects(vocabulary, "vocabularyElementList"):
            name = element.get("id")
            if not isinstance(name, str):
                continue
            path = item_path(names.expanded_uri(name))
            yield (
                gtin_path(path) or place_path(name),
                MasterElement(
                    pointer=f"{pointer}/{i}/vocabularyElementList/{j}",
                    attributes=_attributes(element, names),
                ),
            )


def _attributes(element: Event, names: Namespaces) -> dict[str, list[str]]:
    attributes: dict[str, list[str]] = {}
    for _, attribute in _objects(element, "attributes"):
        name = attribute.get("id")
        full = names.expanded_uri(name) if isinstance(name, str) else ""
        if full.startswith(CBVMDA):
            local = full[len(CBVMDA) :].lstrip(_MASTER_DATA_SEPARATORS)
            attributes.setdefault(local, []).append(text_of(attribute.get("attribute")))
    return attributes


def _objects(holder: JsonValue, member: str) -> Iterator[tuple[int, Event]]:
    listed = holder.get(member) if isinstance(holder, dict) else None
    for i, one in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(one, dict):
            yield i, one
