"""A partner's table, read and checked, and how its events and findings are shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ledger.cli.documents import read_bytes
from ledger.cli.table_mappings import with_guesses
from ledger.clock import now_ms
from ledger.core.epcis.check import check_events
from ledger.core.epcis.document import Event
from ledger.core.epcis.finding import Verdict, verdict
from ledger.core.errors import MalformedError
from ledger.core.submission import MAX_EVENTS
from ledger.core.tabular.mapping import TableMapping
from ledger.core.tabular.rows_to_events import Imported, events_of
from ledger.core.tabular.table import TableFinding
from ledger.tabular_files import read_table, zone_offset


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedTable:
    """A file that was read: its mapping, its events, and all that is wrong with them."""

    file: str
    mapping: TableMapping
    imported: Imported
    findings: Sequence[TableFinding]

    @property
    def verdict(self) -> Verdict:
        """What all findings come to."""
        return verdict(one.finding for one in self.findings)


def open_table(file: str, mapping: TableMapping) -> OpenedTable:
    """Read a table and check its events as `unbroken epcis check` does.

    Raises:
        MalformedError: It is no CSV or XLSX file within the limits.
    """
    at_ms = now_ms()
    table = read_table(read_bytes(file), mapping)
    mapping = with_guesses(mapping, list(table.header))
    if not mapping.columns:
        raise MalformedError(
            "header",
            "has no column that we know: give --mapping, whose header_row says where it is",
            table.header,
        )
    created = datetime.fromtimestamp(at_ms // 1000, tz=UTC).isoformat().replace("+00:00", "Z")
    imported = events_of(table, mapping, zones=zone_offset, created=created)
    if len(imported.rows) > MAX_EVENTS:
        rule = f"makes at most {MAX_EVENTS} events, as many as one submission has: split it"
        raise MalformedError("table", rule, len(imported.rows))
    checked = check_events(imported.document, at_ms=at_ms)
    return OpenedTable(
        file=file, mapping=mapping, imported=imported,
        findings=[*imported.findings, *map(imported.located, checked)],
    )  # fmt: skip


def finding_row(file: str, found: TableFinding) -> dict[str, Any]:
    """Return a finding as `epcis check` prints it, with its row and column."""
    one = found.finding
    return {
        "file": file, "row": found.row, "column": found.column, "code": one.code,
        "severity": one.severity.value, "pointer": one.pointer, "value": one.value,
        "message": one.message,
    }  # fmt: skip


def merged(findings: Sequence[TableFinding]) -> list[dict[str, Any]]:
    """Return findings as people read them: one fault down a column is one line."""
    lines: dict[tuple[object, ...], tuple[dict[str, Any], list[int]]] = {}
    for found in findings:
        one = finding_row("", found)
        key = (one["column"], one["code"], one["message"])
        _, rows = lines.setdefault(key, (one, []))
        if found.row is not None:
            rows.append(found.row)
    return [{**line, "row": row_ranges(rows)} for line, rows in lines.values()]


def event_row(table: OpenedTable, position: int) -> dict[str, Any]:
    """Return an event as the preview shows it; programs get the event itself too."""
    event = table.imported.document.events[position]
    items = [*_named(event, "epcList"), *_named(event, "childEPCs"),
             *_named(event, "quantityList"), *_named(event, "childQuantityList")]  # fmt: skip
    ilmd = event.get("ilmd")
    return {
        "event": position, "rows": row_ranges(table.imported.rows[position]),
        "kind": event["bizStep"], "time": event["eventTime"], "items": len(items),
        "first_item": items[0] if items else None, "parent": _short(event.get("parentID")),
        "lot": ", ".join(map(str, ilmd.values())) if isinstance(ilmd, dict) else None,
        "from": _parties(event, "sourceList", "source"),
        "to": _parties(event, "destinationList", "destination"), "epcis": event,
    }  # fmt: skip


def _short(identifier: object) -> str | None:
    return None if identifier is None else str(identifier).removeprefix("https://id.gs1.org")


def _named(event: Event, member: str) -> list[str]:
    listed = event.get(member)
    names = []
    for one in listed if isinstance(listed, list) else []:
        name = one["epcClass"] if isinstance(one, dict) else one
        number = f" x {one['quantity']}" if isinstance(one, dict) and "quantity" in one else ""
        names.append(f"{_short(name)}{number}")
    return names


def _parties(event: Event, member: str, name: str) -> str | None:
    listed = event.get(member)
    if not isinstance(listed, list):
        return None
    return ", ".join(str(_short(one[name])) for one in listed if isinstance(one, dict))


def row_ranges(numbers: Sequence[int]) -> str:
    """Return row numbers as people write them: `2-4, 7`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)
