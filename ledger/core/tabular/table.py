"""A table as it was read: cells with the types that the file gave them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TypeAlias

from ledger.core.epcis.finding import DocumentFinding


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """A cell that is computed: never by us. Its value is what the spreadsheet last computed."""

    text: str
    value: "str | int | float | bool | datetime | date | time | None"


Cell: TypeAlias = "str | int | float | bool | datetime | date | time | Formula | None"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One row; number is what a spreadsheet shows at its left, from 1."""

    number: int
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFinding:
    """A finding about an event and the place in the table that it came from.

    Attributes:
        finding: What is wrong; its pointer leads into the EPCIS document, "" where there is none.
        row: Number of the row, None when it is about the whole table.
        column: Header of the column, None when it is about a whole row.
    """

    finding: DocumentFinding
    row: int | None = None
    column: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Header and rows."""

    header: Sequence[str]
    rows: Sequence[TableRow]
