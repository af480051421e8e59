"""The rows of a table, one after the other, into the groups that become events."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ledger.core.epcis.document import Event
from ledger.core.epcis.finding import DocumentFinding, Severity
from ledger.core.identifiers import canonical_path
from ledger.core.jcs import canonical_json
from ledger.core.strict_json import JsonValue
from ledger.core.tabular.cells import READERS, CellError, item_link, link, number_cell
from ledger.core.tabular.columns import (
    KINDS,
    OF_TRANSFERS,
    REFERENCES,
    TRANSFERS,
    Column,
    EventKind,
)
from ledger.core.tabular.mapping import TableMapping, check_header
from ledger.core.tabular.references import reference_uri
from ledger.core.tabular.table import Cell, Formula, Table, TableFinding, TableRow

Zones = Callable[[str, str], str | None]
"""(zone's name, local time) -> offset then and there, None when there is none or two."""

# One fault down a whole column is one thing to mend: enough to see it, not a million lines.
MAX_FINDINGS_OF_A_CODE: Final = 50

_ITEM: Final = frozenset([Column.GTIN, Column.SERIAL, Column.QUANTITY, Column.UOM, Column.SSCC,
                          Column.EPC])  # fmt: skip

_SERIAL: Final = Column.SERIAL

Values = dict[Column, str]


@dataclass(slots=True)
class Group:
    """The rows of one event."""

    kind: EventKind
    values: Values
    rows: list[TableRow] = field(default_factory=list)
    epcs: list[tuple[str, int]] = field(default_factory=list)
    quantities: list[tuple[Event, int]] = field(default_factory=list)
    named: set[str] = field(default_factory=set)


class Reading:
    """One pass over a table."""

    def __init__(self, table: Table, mapping: TableMapping, zones: Zones) -> None:
        self.mapping, self.zones = mapping, zones
        self.findings: list[TableFinding] = check_header(table.header, mapping)
        self.header_of = {column: header for header, column in mapping.columns.items()}
        self.cells_of = [
            (i, mapping.columns[text])
            for i, text in enumerate(table.header)
            if text in mapping.columns
        ]
        self.groups: dict[tuple[object, ...], Group] = {}
        self.said: Counter[str] = Counter()
        self.errors = 0
        self.known: dict[tuple[Column, Cell], str] = {}
        self.not_carried: set[Column] = set()
        self.constants = self._constants()

    def say(
        self, row: int | None, column: Column | None, code: str, message: str,
        value: str | None = None, severity: Severity = Severity.ERROR,
    ) -> None:  # fmt: skip
        """Note a finding; of one code no more than MAX_FINDINGS_OF_A_CODE are kept."""
        self.said[code] += 1
        self.errors += severity is Severity.ERROR
        if self.said[code] > MAX_FINDINGS_OF_A_CODE:
            return
        header = None if column is None else self.header_of.get(column, f"({column})")
        self.findings.append(TableFinding(
            finding=DocumentFinding(
                code=code, severity=severity, pointer="", value=value, message=message
            ),
            row=row, column=header,
        ))  # fmt: skip

    def _constants(self) -> Values:
        values: Values = {}
        for column, text in self.mapping.constants.items():
            try:
                values[column] = READERS[column](text, self.mapping)
            except CellError as error:
                self.say(None, column, error.code, error.message, error.value)
        return values

    def row(self, row: TableRow) -> None:
        """Read one row into its group; a row with a fault goes into none."""
        before = self.errors
        values = self._values(row)
        if values is None or self.errors > before:  # what a bad cell entails is no second fault
            return
        kind = KINDS.get(values.get(Column.KIND, ""))
        if kind is None and Column.KIND not in values:
            self.say(row.number, None, "KIND_MISSING",
                "no column says what happened: give --kind, or map a column to kind")  # fmt: skip
        self._time(row.number, values)
        self._references(row.number, values)
        item = None if kind is None else self._item(row.number, kind, values)
        if kind is not None and self.errors == before:
            self._group(row, kind, values, item)

    def _values(self, row: TableRow) -> Values | None:
        cells = [(row.cells[i], column) for i, column in self.cells_of if i < len(row.cells)]
        if not any(cell not in (None, "") for cell, _ in cells):
            return None
        values: Values = {}
        for cell, column in cells:
            if isinstance(cell, Formula):
                cell = self._computed(row.number, column, cell)  # noqa: PLW2901 -- its value
            if cell is None or (isinstance(cell, str) and not cell.strip()):
                continue
            value = self._value(row.number, column, cell)
            if value is not None:
                values[column] = value
        kind = values.get(Column.KIND, self.constants.get(Column.KIND))
        fixed = {
            column: text
            for column, text in self.constants.items()
            if kind in TRANSFERS or column not in OF_TRANSFERS
        }
        return fixed | values

    def _value(self, row: int, column: Column, cell: Cell) -> str | None:
        """Return what a cell says; the same text in the same column is read once."""
        key = (column, cell)
        if isinstance(cell, str) and key in self.known:
            return self.known[key]
        try:
            value = READERS[column](cell, self.mapping)
        except CellError as error:
            self.say(row, column, error.code, error.message, error.value)
            return None
        if not self._notice(row, column, cell) and column is not _SERIAL:
            self.known[key] = value
        return value

    def _computed(self, row: int, column: Column, cell: Formula) -> Cell:
        if cell.value is None:
            rule = (
                "is a formula without a computed value: save the file in a spreadsheet, or paste "
                "values"
            )
            self.say(row, column, "FORMULA_WITHOUT_VALUE", rule, cell.text)
        else:
            rule = "is a formula: what the spreadsheet last computed is taken"
            self.say(row, column, "FORMULA", rule, cell.text, Severity.LOW)
        return cell.value

    def _notice(self, row: int, column: Column, cell: Cell) -> bool:
        noticed = number_cell(column, cell)
        if noticed is not None:
            code, severity, message = noticed
            self.say(row, column, code, message, str(cell), severity)
        return noticed is not None

    def _time(self, row: int, values: Values) -> None:
        """Join date, time of day and zone into eventTime and its offset."""
        text = values.pop(Column.EVENT_TIME, None)
        clock = values.pop(Column.TIME_OF_DAY, None)
        if text is None:
            self.say(row, Column.EVENT_TIME, "EVENT_TIME_MISSING", "has no date and time")
            return
        if "T" not in text:
            if clock is None:
                rule = "has a date without a time of day: add one, or map a column to time_of_day"
                self.say(row, Column.EVENT_TIME, "TIME_OF_DAY_MISSING", rule, text)
                return
            text = f"{text}T{clock}"
        local, zone = _split_zone(text)
        offset = self._offset(row, local, zone, values.pop(Column.ZONE, None))
        if offset is not None:
            values[Column.EVENT_TIME] = f"{local}{zone or offset}"
            values[Column.ZONE] = offset

    def _offset(self, row: int, local: str, zone: str, named: str | None) -> str | None:
        """Return eventTimeZoneOffset: of the zone's column, the time itself or the mapping."""
        wanted = named or ("+00:00" if zone == "Z" else zone) or self.mapping.zone
        if wanted is None:
            self.say(row, Column.EVENT_TIME, "ZONE_MISSING",
                'has no time zone: map a column to zone, or set "zone" in the mapping', local
            )  # fmt: skip
            return None
        if "/" in wanted and zone:
            return "+00:00" if zone == "Z" else zone
        if "/" not in wanted:
            return "+00:00" if wanted == "Z" else wanted
        offset = self.zones(wanted, local)
        if offset is None:
            rule = f"{wanted} is no zone that we know, or has this local time twice or never"
            self.say(row, Column.EVENT_TIME, "ZONE_UNCLEAR", rule, local)
        return offset

    def _references(self, row: int, values: Values) -> None:
        for column, (_, issuer) in REFERENCES.items():
            if column in values:
                uri = reference_uri(values[column], values.get(issuer))
                if uri is None:
                    rule = f"a number needs the GLN of its issuer: map {issuer}, or write a URI"
                    self.say(row, column, "ISSUER_MISSING", rule, values[column])
                else:
                    values[column] = uri

    def _item(self, row: int, kind: EventKind, values: Values) -> str | Event | None:
        """Take the item's columns out of a row; None is a row that rightly names no item."""
        item = {column: values.pop(column) for column in _ITEM if column in values}
        lot = values.get(Column.LOT, "")
        self._leave_out(row, kind, values, is_class=Column.GTIN in item and not item.get(_SERIAL))
        names = [column for column in (Column.GTIN, Column.SSCC, Column.EPC) if column in item]
        if len(names) == 1:
            return self._named(row, item, lot)
        if names:
            rule = f"{' and '.join(names)} both name items: map one to parent, or ignore it"
            self.say(row, names[1], "ITEM_AMBIGUOUS", rule, item[names[1]])
        elif _SERIAL in item:
            self.say(row, _SERIAL, "GTIN_MISSING", "a serial needs its GTIN")
        elif not (kind.contains and kind.action == "DELETE" and not item):
            self.say(row, None, "ITEM_MISSING", "the row names no item: gtin, sscc or epc")
        return None

    def _leave_out(self, row: int, kind: EventKind, values: Values, *, is_class: bool) -> None:
        """Take out what this kind of event has no place for, and say so."""
        if not kind.begins:
            lot = values.pop(Column.LOT, None)
            self._not_carried(row, None if is_class else lot, Column.LOT)
            self._not_carried(row, values.pop(Column.EXPIRY, None), Column.EXPIRY)
        if not kind.contains:
            self._not_carried(row, values.pop(Column.PARENT, None), Column.PARENT)
        elif Column.PARENT not in values:
            self.say(row, Column.PARENT, "PARENT_MISSING", f"{kind.biz_step} names a parent")

    def _named(self, row: int, item: Values, lot: str) -> str | Event | None:
        gtin, serial = item.get(Column.GTIN), item.get(Column.SERIAL)
        number = item.get(Column.QUANTITY)
        if gtin is not None and serial is None:
            element: Event = {"epcClass": item_link(gtin, "10", lot)}
            if number is not None:
                element["quantity"] = _number(number)
                if Column.UOM in item:
                    element["uom"] = item[Column.UOM]
            return element
        if serial is not None and gtin is None:
            self.say(row, Column.SERIAL, "GTIN_MISSING", "a serial needs its GTIN", serial)
            return None
        if number not in (None, "1"):
            rule = "a row with a serial or an SSCC is one item"
            self.say(row, Column.QUANTITY, "QUANTITY_OF_ONE", rule, number)
            return None
        if gtin is not None and serial is not None:
            return item_link(gtin, "21", serial)
        return link("00", item[Column.SSCC]) if Column.SSCC in item else item[Column.EPC]

    def _not_carried(self, row: int, value: str | None, column: Column) -> None:
        if value is not None and column not in self.not_carried:
            self.not_carried.add(column)
            rule = "is not part of this kind of event and is not imported (told once a column)"
            self.say(row, column, "NOT_CARRIED", rule, value, Severity.LOW)

    def _group(
        self, row: TableRow, kind: EventKind, values: Values, item: str | Event | None
    ) -> None:
        key = (kind, *sorted(values.items()))
        group = self.groups.setdefault(key, Group(kind, values))
        group.rows.append(row)
        if item is None:
            return
        name = canonical_path(item) if isinstance(item, str) else canonical_json(item).decode()
        if name in group.named:
            self.say(row.number, None, "DUPLICATE_ROW", "the event names this item twice", name)
        group.named.add(name)
        if isinstance(item, str):
            group.epcs.append((item, row.number))
        else:
            group.quantities.append((item, row.number))


def _split_zone(text: str) -> tuple[str, str]:
    if text.endswith("Z"):
        return text[:-1], "Z"
    sign = max(text.rfind("+"), text.rfind("-"))
    return (text[:sign], text[sign:]) if sign > text.index("T") else (text, "")


def _number(text: str) -> JsonValue:
    number = float(text)
    return int(number) if number.is_integer() else number
