"""Rows into EPCIS 2.0 JSON events: rows that tell of one event become one event with many items."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from ledger.core.epcis.document import STANDARD_CONTEXT, Document, Event, Format, Kind
from ledger.core.epcis.finding import DocumentFinding, Severity
from ledger.core.jcs import canonical_json
from ledger.core.strict_json import JsonValue
from ledger.core.tabular.cells import link
from ledger.core.tabular.columns import (
    EXPIRY_MEMBER,
    ITEM_LISTS,
    LOT_MEMBER,
    MASTER_DATA_NAMESPACE,
    PARTIES,
    PLACES,
    REFERENCES,
    Column,
)
from ledger.core.tabular.mapping import TableMapping
from ledger.core.tabular.row_reading import MAX_FINDINGS_OF_A_CODE, Group, Reading, Values, Zones
from ledger.core.tabular.table import Table, TableFinding


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of a table.

    Attributes:
        document: The events, in the order of their first rows.
        rows: Row numbers of each event.
        places: Row and column of an event's pointer, for findings about the document.
        findings: What is wrong with header, rows and cells, in the order of rows.
    """

    document: Document
    rows: Sequence[Sequence[int]]
    places: Mapping[str, tuple[int, str | None]]
    findings: Sequence[TableFinding]

    def located(self, finding: DocumentFinding) -> TableFinding:
        """Return a finding about the document with the row and column that it came from."""
        pointer = finding.pointer
        while pointer:
            if pointer in self.places:
                row, column = self.places[pointer]
                return TableFinding(finding=finding, row=row, column=column)
            pointer = pointer.rpartition("/")[0]
        return TableFinding(finding=finding)


def events_of(table: Table, mapping: TableMapping, *, zones: Zones, created: str) -> Imported:
    """Return the events of a table; rows with errors are in none of them.

    Args:
        table: What was read.
        mapping: What its columns mean.
        zones: Knows named time zones.
        created: creationDate of the document.
    """
    reading = Reading(table, mapping, zones)
    for row in table.rows:
        reading.row(row)
    if not reading.groups and not reading.said.total():
        reading.say(None, None, "NO_ROWS", "no row holds anything under a mapped column")
    for code, times in sorted(reading.said.items()):
        if times > MAX_FINDINGS_OF_A_CODE:
            rule = f"{code} was found {times} times; {MAX_FINDINGS_OF_A_CODE} are shown"
            reading.say(None, None, "FINDINGS_TRUNCATED", rule, code, Severity.INFO)
    groups = list(reading.groups.values())
    places: dict[str, tuple[int, str | None]] = {}
    for i, group in enumerate(groups):
        _place(f"/epcisBody/eventList/{i}", group, reading.header_of, places)
    return Imported(
        document=_document([_event(group) for group in groups], created),
        rows=[[row.number for row in group.rows] for group in groups],
        places=places, findings=reading.findings,
    )  # fmt: skip


def _document(events: Sequence[Event], created: str) -> Document:
    context: list[JsonValue] = [STANDARD_CONTEXT]
    if any("ilmd" in event for event in events):
        context.append({"cbvmda": MASTER_DATA_NAMESPACE})
    members: dict[str, JsonValue] = {
        "@context": context, "type": Kind.CAPTURE.value, "schemaVersion": "2.0",
        "creationDate": created, "epcisBody": {},
    }  # fmt: skip
    return Document(
        format=Format.JSON, kind=Kind.CAPTURE, members=members,
        events=[{**event, "@context": context} for event in events],
        pointers=[f"/epcisBody/eventList/{i}" for i in range(len(events))],
    )  # fmt: skip


def document_bytes(document: Document) -> bytes:
    """Return the JSON document whose context its events take over."""
    listed: list[JsonValue] = [
        {name: value for name, value in event.items() if name != "@context"}
        for event in document.events
    ]
    return canonical_json({**document.members, "epcisBody": {"eventList": listed}})


def _event(group: Group) -> Event:
    values, kind = group.values, group.kind
    event: Event = {
        "type": kind.type,
        "eventTime": values[Column.EVENT_TIME],
        "eventTimeZoneOffset": values[Column.ZONE],
    }
    if Column.EVENT_ID in values:
        event["eventID"] = values[Column.EVENT_ID]
    if kind.contains:
        event["parentID"] = link("00", values[Column.PARENT])
    epc_list, quantity_list = ITEM_LISTS[kind.type]
    if group.epcs:
        event[epc_list] = [epc for epc, _ in group.epcs]
    if group.quantities:
        event[quantity_list] = [element for element, _ in group.quantities]
    event |= {"action": kind.action, "bizStep": kind.biz_step}
    disposition = values.get(Column.DISPOSITION, kind.disposition)
    if disposition:
        event["disposition"] = disposition
    for column, member in PLACES.items():
        if column in values:
            event[member] = {"id": link("414", values[column])}
    _add_lists(event, values)
    ilmd: Event = {
        member: values[column]
        for column, member in ((Column.LOT, LOT_MEMBER), (Column.EXPIRY, EXPIRY_MEMBER))
        if column in values
    }
    return {**event, "ilmd": ilmd} if ilmd else event


def _add_lists(event: Event, values: Values) -> None:
    references: list[JsonValue] = [
        {"type": kind, "bizTransaction": values[column]}
        for column, (kind, _) in REFERENCES.items()
        if column in values
    ]
    if references:
        event["bizTransactionList"] = references
    for party in PARTIES:
        if party.column in values:
            listed = cast("list[JsonValue]", event.setdefault(party.list_name, []))
            listed.append({"type": party.type, party.member: link(party.ai, values[party.column])})


def _place(
    pointer: str, group: Group, header_of: Mapping[Column, str],
    places: dict[str, tuple[int, str | None]],
) -> None:  # fmt: skip
    """Note where an event's members came from: shared ones from its first row."""
    first = group.rows[0].number
    places[pointer] = (first, None)
    members = {
        "eventTime": Column.EVENT_TIME, "eventTimeZoneOffset": Column.ZONE,
        "parentID": Column.PARENT, "bizStep": Column.KIND, "disposition": Column.DISPOSITION,
        f"ilmd/{LOT_MEMBER}": Column.LOT, f"ilmd/{EXPIRY_MEMBER}": Column.EXPIRY,
        **{member: column for column, member in PLACES.items()},
    }  # fmt: skip
    for member, column in members.items():
        places[f"{pointer}/{member}"] = (first, header_of.get(column))
    epc_list, quantity_list = ITEM_LISTS[group.kind.type]
    for i, (_, number) in enumerate(group.epcs):
        places[f"{pointer}/{epc_list}/{i}"] = (number, None)
    for i, (_, number) in enumerate(group.quantities):
        places[f"{pointer}/{quantity_list}/{i}"] = (number, None)
