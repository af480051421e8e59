"""Events into rows, and by pointer what rows cannot hold.

What is lost is found by reading the rows back: whatever an event says and its rows do not say
again is a loss, so that none can be forgotten here.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import unquote

from ledger.core.epcis.document import Document, Event
from ledger.core.epcis.finding import DocumentFinding, Severity
from ledger.core.epcis.vocabulary import (
    BIZ_STEP,
    BIZ_TRANSACTION,
    DISPOSITION,
    SOURCE_DESTINATION,
    Words,
)
from ledger.core.errors import MalformedError
from ledger.core.identifiers import canonical_path
from ledger.core.jcs import canonical_json
from ledger.core.strict_json import JsonValue
from ledger.core.tabular.cells import number_text
from ledger.core.tabular.columns import (
    EXPIRY_MEMBER,
    ITEM_LISTS,
    KINDS,
    LOT_MEMBER,
    NO_DISPOSITION,
    PARTIES,
    PLACES,
    REFERENCES,
    Column,
)
from ledger.core.tabular.mapping import TableMapping
from ledger.core.tabular.references import reference_number
from ledger.core.tabular.rows_to_events import events_of
from ledger.core.tabular.table import Table, TableRow

Values = dict[Column, str]

LOST: Final = "LOST_IN_CONVERSION"
ADDED: Final = "ADDED_IN_CONVERSION"
SPLIT: Final = "SPLIT_IN_CONVERSION"
_MESSAGES: Final = {
    LOST: "a table has no column for this",
    ADDED: "whoever reads the table will take the event to say this too",
    SPLIT: "its rows are read as several events, one for each lot",
}
# As much of a value as a person wants to see of it.
_SHOWN: Final = 200
_CONTAINERS: Final = frozenset(["", "epcisBody", "queryResults", "resultsBody"])
_OF_A_DOCUMENT: Final = frozenset(["@context", "type", "schemaVersion", "creationDate", "id"])
# Given by whoever captures the event: the ledger that takes the table gives its own.
_GIVEN_ANEW: Final = frozenset(["@context", "recordTime"])
_LISTS: Final = frozenset(
    ["epcList", "quantityList", "childEPCs", "childQuantityList", "bizTransactionList",
     "sourceList", "destinationList"]
)  # fmt: skip
_WORDS: Final[Mapping[str, Words]] = {
    "bizStep": BIZ_STEP, "disposition": DISPOSITION, "bizTransactionList": BIZ_TRANSACTION,
    "sourceList": SOURCE_DESTINATION, "destinationList": SOURCE_DESTINATION,
}  # fmt: skip
_ITSELF: Final = TableMapping(columns={column.value: column for column in Column}, decimal=".")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """Rows under the columns that any of them uses, and what they could not hold."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    losses: Sequence[DocumentFinding]


def rows_of(document: Document) -> Exported:
    """Return a document's events as rows."""
    rows: list[Values] = []
    losses = [_finding(LOST, pointer, value, None) for pointer, value in _beside_events(document)]
    for i, event in enumerate(document.events):
        made = _rows(event)
        differences = _differences(event, made)
        losses += [
            _finding(code, f"{document.pointers[i]}{pointer}", value, i)
            for code, pointer, value in differences
        ]
        if differences[:1] != [(LOST, "", event)]:
            rows += made
    columns = [column for column in Column if any(row.get(column) for row in rows)]
    return Exported(
        columns=columns, losses=losses,
        rows=[[row.get(column, "") for column in columns] for row in rows],
    )  # fmt: skip


def _beside_events(document: Document) -> Iterator[tuple[str, JsonValue]]:
    """Yield what a document says beside its events; its containers are walked through."""
    waiting: list[tuple[str, JsonValue]] = [("", document.members)]
    while waiting:
        pointer, value = waiting.pop()
        if isinstance(value, dict) and pointer.rpartition("/")[2] in _CONTAINERS:
            waiting += [
                (f"{pointer}/{name}", one)
                for name, one in reversed(value.items())
                if pointer or name not in _OF_A_DOCUMENT
            ]
        else:
            yield pointer, value


def _finding(code: str, pointer: str, value: JsonValue, event: int | None) -> DocumentFinding:
    return DocumentFinding(
        code=code, severity=Severity.LOW, pointer=pointer, event=event,
        value=value
        if value is None or isinstance(value, str)
        else canonical_json(value).decode()[:_SHOWN],
        message=_MESSAGES[code],
    )  # fmt: skip


def _rows(event: Event) -> list[Values]:
    """Return the rows of an event; none where a row would say something else than the event."""
    kind = KINDS.get(BIZ_STEP.bare(str(event.get("bizStep", ""))))
    if kind is None or (kind.type, kind.action) != (event.get("type"), event.get("action")):
        return []
    if "errorDeclaration" in event:  # a row would say that it happened
        return []
    shared = _shared(event)
    shared[Column.KIND] = kind.biz_step
    disposition = shared.pop(Column.DISPOSITION, "")
    if disposition != kind.disposition:
        shared[Column.DISPOSITION] = disposition or NO_DISPOSITION
    epc_list, quantity_list = ITEM_LISTS[kind.type]
    items = [_epc(epc) for epc in _listed(event, epc_list) if isinstance(epc, str)]
    items += [_element(one) for one in _listed(event, quantity_list) if isinstance(one, dict)]
    if not items and kind.contains and kind.action == "DELETE":
        items = [{}]
    return [{**shared, **item} for item in items]


def _shared(event: Event) -> Values:
    found = _time(event) | _texts(event)
    for party in PARTIES:
        for one in _of_type(event, party.list_name, party.type, party.member):
            found.setdefault(party.column, _key(one, f"/{party.ai}/", 13))
    for column, (kind, issuer) in REFERENCES.items():
        for uri in _of_type(event, "bizTransactionList", kind, "bizTransaction"):
            found.setdefault(column, reference_number(uri, found.get(issuer)))
    return found


def _time(event: Event) -> Values:
    time, offset = str(event.get("eventTime", "")), str(event.get("eventTimeZoneOffset", ""))
    if time.endswith(offset) or (time.endswith("Z") and offset == "+00:00"):
        return {Column.EVENT_TIME: time}
    return {Column.EVENT_TIME: time, Column.ZONE: offset}


def _texts(event: Event) -> Values:
    """Return the columns whose value stands in one member each."""
    found: Values = {}
    for column, read in _TEXTS.items():
        value = _at(event, column[0])
        if isinstance(value, str):
            found[column[1]] = read(value)
    return found


def _at(event: Event, path: Sequence[str]) -> JsonValue:
    value: JsonValue = event
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _listed(event: Event, name: str) -> list[JsonValue]:
    value = event.get(name)
    return value if isinstance(value, list) else []


def _of_type(event: Event, name: str, kind: str, member: str) -> Iterator[str]:
    for one in _listed(event, name):
        if isinstance(one, dict) and _WORDS[name].bare(str(one.get("type"))) == kind:
            yield str(one.get(member))


def _path(identifier: str) -> str:
    try:
        return canonical_path(identifier)
    except MalformedError:
        return f"uri:{identifier}"


def _key(identifier: str, start: str, length: int) -> str:
    """Return the digits of a key of this kind, else the identifier as it is."""
    path = _path(identifier)
    digits = path.removeprefix(start)
    return digits if path.startswith(start) and len(digits) == length else identifier


_TEXTS: Final[Mapping[tuple[tuple[str, ...], Column], Callable[[str], str]]] = {
    (("eventID",), Column.EVENT_ID): str,
    (("disposition",), Column.DISPOSITION): DISPOSITION.bare,
    (("parentID",), Column.PARENT): partial(_key, start="/00/", length=18),
    (("ilmd", LOT_MEMBER), Column.LOT): str,
    (("ilmd", EXPIRY_MEMBER), Column.EXPIRY): str,
    **{
        ((member, "id"), column): partial(_key, start="/414/", length=13)
        for column, member in PLACES.items()
    },
}


def _epc(epc: str) -> Values:
    parts = _path(epc).split("/")
    if parts[1:2] == ["00"] and len(parts) == len(["", "00", "sscc"]):
        return {Column.SSCC: parts[2]}
    if parts[1:2] == ["01"] and parts[3:4] == ["21"]:
        return {Column.GTIN: parts[2], Column.SERIAL: unquote(parts[4])}
    return {Column.EPC: epc}


def _element(element: dict[str, JsonValue]) -> Values:
    parts = _path(str(element.get("epcClass"))).split("/")
    if parts[1:2] != ["01"] or parts[3:4] not in ([], ["10"]):
        return {}
    found = {Column.GTIN: parts[2]}
    if parts[3:]:
        found[Column.LOT] = unquote(parts[4])
    if isinstance(element.get("quantity"), int | float):
        found[Column.QUANTITY] = _number(float(str(element["quantity"])))
    if isinstance(element.get("uom"), str):
        found[Column.UOM] = str(element["uom"])
    return found


def _number(number: float) -> str:
    text = number_text(number)
    # Three decimals could be thousands: readers would ask what the point means.
    return f"{text}0" if len(text.partition(".")[2]) == 3 else text  # noqa: PLR2004 -- said above


def _differences(event: Event, rows: Sequence[Values]) -> list[tuple[str, str, JsonValue]]:
    """Return what the rows do not say again, and what only they say: code, pointer, value."""
    if not rows:
        return [(LOST, "", event)]
    table = Table(
        header=[column.value for column in Column],
        rows=[
            TableRow(number=i, cells=[row.get(column) for column in Column])
            for i, row in enumerate(rows)
        ],
    )
    again = events_of(table, _ITSELF, zones=lambda _name, _local: None, created="")
    if not again.document.events or any(
        one.finding.severity is Severity.ERROR for one in again.findings
    ):
        return [(LOST, "", event)]
    theirs = [one for made in again.document.events for one in _statements(made)]
    ours = list(_statements(event))
    said, meant = {meaning for _, meaning, _ in theirs}, {meaning for _, meaning, _ in ours}
    lost = [(LOST, pointer, value) for pointer, meaning, value in ours if meaning not in said]
    several = [(SPLIT, "", None)] if len(again.document.events) > 1 else []
    return [*several, *lost] + [
        (ADDED, pointer, value) for pointer, meaning, value in theirs if meaning not in meant
    ]


def _statements(event: Event) -> Iterator[tuple[str, tuple[str, bytes], JsonValue]]:
    """Yield pointer, meaning and value of each thing that an event says."""
    for name, value in event.items():
        if name in _GIVEN_ANEW:
            continue
        if name in _LISTS and isinstance(value, list):
            for i, one in enumerate(value):
                yield f"/{name}/{i}", (name, _meaning(name, one)), one
        elif name == "ilmd" and isinstance(value, dict):
            for member, one in value.items():
                pointer = member.replace("~", "~0").replace("/", "~1")
                yield f"/ilmd/{pointer}", (f"ilmd {member}", _meaning(name, one)), one
        else:
            yield f"/{name}", (name, _meaning(name, value)), value


def _meaning(name: str, value: JsonValue) -> bytes:
    """Return a value with identifiers and words in one spelling."""
    if isinstance(value, dict):
        plain: dict[str, JsonValue] = {
            member: _plain(name if member == "type" else "", one) for member, one in value.items()
        }
        return canonical_json(plain)
    return canonical_json(_plain(name, value))


def _plain(name: str, value: JsonValue) -> JsonValue:
    if not isinstance(value, str):
        return value
    if name in _WORDS:
        return _WORDS[name].bare(value)
    return _path(value) if ":" in value else value
