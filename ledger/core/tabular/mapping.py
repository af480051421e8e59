"""How one partner's table is read: which header means which column, and what is fixed for all rows.

Its JSON form is strict and round-trips, so that a mapping which is saved says what was meant.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

from ledger.core.epcis.finding import DocumentFinding, Severity
from ledger.core.errors import MalformedError
from ledger.core.strict_json import JsonValue, parse_json
from ledger.core.tabular.columns import COLUMN_OF_HEADER, Column, plain_header
from ledger.core.tabular.table import TableFinding

FORMAT: Final = "unbroken/table-mapping/v1"
# As parse_json of a whole mapping: some 25 columns with headers of a line each.
MAX_MAPPING_BYTES: Final = 256 * 1024
# Title rows above the header; a header further down is another table.
MAX_HEADER_ROW: Final = 100

DATE_FORMATS: Final = (
    "DD.MM.YYYY", "DD/MM/YYYY", "MM/DD/YYYY", "DD-MM-YYYY", "YYYY/MM/DD", "YYYYMMDD", "excel",
)  # fmt: skip
"""Local dates; `excel` is the number of days since 1899-12-30."""

_CHOICES: Final[Mapping[str, Sequence[str]]] = {
    "date_format": DATE_FORMATS,
    "decimal": (".", ","),
    "delimiter": (",", ";", "\t", "|"),
    "encoding": ("utf-8", "cp1252"),
}
_TEXTS: Final = ("zone", "sheet")
_MEMBERS: Final = frozenset(
    ["format", "columns", "ignored", "constants", "header_row", "pad_gtin", *_CHOICES, *_TEXTS]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableMapping:
    """A mapping.

    Attributes:
        columns: Header as it is written -> what it means.
        ignored: Headers that are left out on purpose.
        constants: What every row has whose own cell is empty.
        zone: Offset (`+01:00`, `Z`) or name (`Europe/Berlin`) for times that carry none.
        date_format: One of DATE_FORMATS for dates that are not ISO 8601.
        decimal: `.` or `,` in quantities; the other one then separates thousands.
        delimiter: Of a CSV file; found by looking when None.
        encoding: Of a CSV file; cp1252 is never guessed.
        sheet: Name of the sheet of an XLSX file; the first when None.
        header_row: Where the header stands, from 1.
        pad_gtin: A GTIN of 8, 12 or 13 digits with a right check digit is meant.
    """

    columns: Mapping[str, Column] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()
    constants: Mapping[Column, str] = field(default_factory=dict)
    zone: str | None = None
    date_format: str | None = None
    decimal: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    header_row: int = 1
    pad_gtin: bool = False


def parse_mapping(raw: bytes) -> TableMapping:
    """Read the JSON form.

    Raises:
        MalformedError: Not that form: names the member and its rule.
    """
    if len(raw) > MAX_MAPPING_BYTES:
        raise MalformedError("mapping", f"has at most {MAX_MAPPING_BYTES} bytes", len(raw))
    members = parse_json(raw)
    if not isinstance(members, dict) or members.get("format") != FORMAT:
        raise MalformedError("mapping.format", f"is {FORMAT}")
    unknown = sorted(members.keys() - _MEMBERS)
    if unknown:
        raise MalformedError(f"mapping.{unknown[0]}", f"is one of {', '.join(sorted(_MEMBERS))}")
    columns = {
        header: _column(f"mapping.columns.{header}", target)
        for header, target in _texts(members, "columns").items()
    }
    _verify_once(columns)
    constants = {
        _column("mapping.constants", name): text
        for name, text in _texts(members, "constants").items()
    }
    header_row = members.get("header_row", 1)
    if type(header_row) is not int or not 1 <= header_row <= MAX_HEADER_ROW:
        raise MalformedError("mapping.header_row", f"is 1 to {MAX_HEADER_ROW}", header_row)
    pad_gtin = members.get("pad_gtin", False)
    if not isinstance(pad_gtin, bool):
        raise MalformedError("mapping.pad_gtin", "is true or false", pad_gtin)
    return TableMapping(
        columns=columns, ignored=_ignored(members), constants=constants, header_row=header_row,
        pad_gtin=pad_gtin, zone=_text(members, "zone"), sheet=_text(members, "sheet"),
        **{name: _choice(members, name) for name in _CHOICES},
    )  # fmt: skip


def mapping_members(mapping: TableMapping) -> dict[str, JsonValue]:
    """Return the JSON form, without what has its default: parse_mapping gives the mapping again."""
    members: dict[str, JsonValue] = {"format": FORMAT}
    members["columns"] = {header: column.value for header, column in mapping.columns.items()}
    if mapping.ignored:
        members["ignored"] = cast("JsonValue", sorted(mapping.ignored))
    if mapping.constants:
        members["constants"] = {name.value: text for name, text in mapping.constants.items()}
    for name in (*_TEXTS, *_CHOICES):
        if getattr(mapping, name) is not None:
            members[name] = getattr(mapping, name)
    if mapping.header_row != 1:
        members["header_row"] = mapping.header_row
    if mapping.pad_gtin:
        members["pad_gtin"] = True
    return members


def guess_columns(header: Sequence[str]) -> dict[str, Column]:
    """Return what headers that we know mean; the first of two that mean the same wins."""
    guessed: dict[str, Column] = {}
    for text in header:
        column = COLUMN_OF_HEADER.get(plain_header(text))
        if column is not None and column not in guessed.values():
            guessed[text] = column
    return guessed


def check_header(header: Sequence[str], mapping: TableMapping) -> list[TableFinding]:
    """Return what does not fit between a header and a mapping."""
    found: list[TableFinding] = []
    seen: set[str] = set()
    for text in header:
        if text in seen and text in mapping.columns:
            found.append(_finding("COLUMN_TWICE", Severity.ERROR, text,
                "two columns have this header, so it does not say which is meant"))  # fmt: skip
        elif text and text not in mapping.columns and text not in mapping.ignored:
            found.append(_finding("COLUMN_NOT_MAPPED", Severity.LOW, text,
                "the column is not imported: map it, or list it as ignored"))  # fmt: skip
        seen.add(text)
    found += [
        _finding("COLUMN_MISSING", Severity.ERROR, text,
            f"the mapping takes {column} from this column, which the table has not")
        for text, column in mapping.columns.items() if text not in seen
    ]  # fmt: skip
    return found


def _finding(code: str, severity: Severity, column: str, message: str) -> TableFinding:
    return TableFinding(
        finding=DocumentFinding(
            code=code, severity=severity, pointer="", value=column, message=message
        ),
        column=column,
    )


def _column(field: str, name: object) -> Column:
    try:
        return Column(str(name))
    except ValueError:
        raise MalformedError(field, f"is one of {', '.join(Column)}", name) from None


def _verify_once(columns: Mapping[str, Column]) -> None:
    first: dict[Column, str] = {}
    for header, column in columns.items():
        if column in first:
            raise MalformedError(
                "mapping.columns", f"has {column} once, not in {first[column]!r} and", header
            )
        first[column] = header


def _texts(members: Mapping[str, JsonValue], name: str) -> dict[str, str]:
    value = members.get(name, {})
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise MalformedError(f"mapping.{name}", "is an object of texts")
    return cast("dict[str, str]", value)


def _ignored(members: Mapping[str, JsonValue]) -> frozenset[str]:
    value = members.get("ignored", [])
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise MalformedError("mapping.ignored", "is a list of headers")
    return frozenset(cast("list[str]", value))


def _text(members: Mapping[str, JsonValue], name: str) -> str | None:
    value = members.get(name)
    if name in members and not isinstance(value, str):
        raise MalformedError(f"mapping.{name}", "is a text", value)
    return cast("str | None", value)


def _choice(members: Mapping[str, JsonValue], name: str) -> str | None:
    value = _text(members, name)
    if value is not None and value not in _CHOICES[name]:
        raise MalformedError(f"mapping.{name}", f"is one of {', '.join(_CHOICES[name])}", value)
    return value
