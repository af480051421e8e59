"""CSV and XLSX files: bytes into tables with their cells' types, tables into bytes.

A file comes from outside: sizes are bounded before anything is unpacked or kept, formulas are
never evaluated, and what we write holds no cell that a spreadsheet would run as a formula.
"""

import csv
import io
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time
from itertools import islice
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ledger.core.errors import MalformedError
from ledger.core.tabular.mapping import TableMapping
from ledger.core.tabular.table import Cell, Formula, Table, TableRow

# A shipment of a large wholesaler; more is several files, as more is several submissions.
MAX_ROWS: Final = 100_000
# Partners' exports have some 60; a row of 16,384 styled cells costs more than it says.
MAX_COLUMNS: Final = 256
# As the longest identifier (ledger.core.identifiers).
MAX_CELL_CHARACTERS: Final = 2_048
# XLSX's own last row: attack, a row number that makes a reader yield empty rows for ever.
MAX_ROW_NUMBER: Final = 1_048_576
# Attack: a zip of a few kB that unpacks to gigabytes. 100,000 rows of 30 columns are some 100 MB.
MAX_UNZIPPED_BYTES: Final = 192 * 1024 * 1024
# Parts of an XLSX: a workbook with a hundred sheets has some 300.
MAX_PARTS: Final = 2_000

_DELIMITERS: Final = (";", "\t", "|", ",")
# Rows that decide about the delimiter: past any header, enough to show whether all have one width.
_SNIFFED_ROWS: Final = 120
_UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
_UTF8_MARK: Final = b"\xef\xbb\xbf"
_ZIP_MARK: Final = b"PK\x03\x04"
_CHUNK: Final = 1 << 20
# A document type could define entities that expand without bound; no spreadsheet has one.
_DOCTYPES: Final = tuple("<!DOCTYPE".encode(code) for code in ("utf-8", "utf-16-le", "utf-16-be"))
_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
# Attack: a cell that a spreadsheet runs (OWASP, CSV injection). An apostrophe makes it text; one
# is added before values that have some already, so that reading takes off exactly one.
_RUN_AS_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_GUARDED = re.compile(r"'+[=+\-@\t\r]")


def read_table(raw: bytes, mapping: TableMapping) -> Table:
    """Read a CSV or XLSX file, whichever it is.

    Raises:
        MalformedError: It is neither, or larger than a limit.
    """
    is_zip = raw.startswith(_ZIP_MARK)
    rows = _read_xlsx(raw, mapping.sheet) if is_zip else _read_csv(raw, mapping)
    bounded = list(_bounded(rows))
    header = next((row for row in bounded if row.number >= mapping.header_row), None)
    if header is None:
        raise MalformedError("table", f"has a header in row {mapping.header_row}")
    return Table(
        header=["" if cell is None else str(cell).strip() for cell in header.cells],
        rows=[row for row in bounded if row.number > header.number],
    )


def _bounded(rows: Iterable[TableRow]) -> Iterator[TableRow]:
    """Yield the rows that hold anything, while they are within the limits."""
    kept = 0
    for row in rows:
        if row.number > MAX_ROW_NUMBER:
            raise MalformedError("table", f"has at most {MAX_ROW_NUMBER} lines")
        if len(row.cells) > MAX_COLUMNS:
            raise MalformedError(f"row {row.number}", f"has at most {MAX_COLUMNS} columns")
        for cell in row.cells:
            if isinstance(cell, str) and len(cell) > MAX_CELL_CHARACTERS:
                raise MalformedError(
                    f"row {row.number}", f"has at most {MAX_CELL_CHARACTERS} characters in a cell"
                )
        if any(cell not in (None, "") for cell in row.cells):
            kept += 1
            if kept > MAX_ROWS + 1:
                raise MalformedError("table", f"has at most {MAX_ROWS} rows; split it")
            yield row


def _read_csv(raw: bytes, mapping: TableMapping) -> Iterator[TableRow]:
    text = _decoded(raw, mapping.encoding)
    hint = _SEPARATOR_LINE.match(text)  # Excel's own way to name the delimiter
    delimiter = mapping.delimiter or (hint[1] if hint else _sniffed(text, mapping.header_row))
    first = 2 if hint else 1
    reader = _records(text[hint.end() :] if hint else text, delimiter)
    try:
        for number, cells in enumerate(reader, start=first):
            yield TableRow(number=number, cells=[_unguarded(cell) for cell in cells])
    except csv.Error as error:
        raise MalformedError("CSV", f"is well formed: {error}") from error


def _decoded(raw: bytes, encoding: str | None) -> str:
    """Return a CSV file's text: UTF-8, UTF-16 with its mark, or what was asked for."""
    try:
        if raw.startswith(_UTF16_MARKS):
            text = raw.decode("utf-16")
        else:
            text = raw.removeprefix(_UTF8_MARK).decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        advice = "" if encoding else '; an older Excel writes cp1252: set "encoding": "cp1252"'
        raise MalformedError(
            "CSV", f"is {encoding or 'UTF-8, or UTF-16 with its mark'}{advice}",
            f"byte {error.start}",
        ) from None  # fmt: skip
    if "\0" in text:
        raise MalformedError("CSV", "holds no character NUL; is it another kind of file?")
    return text


def _records(text: str, delimiter: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)


def _sniffed(text: str, header_row: int) -> str:
    """Return the delimiter that splits the header, and most rows into as many cells."""
    best, most = ",", (0, 1)
    for delimiter in _DELIMITERS:
        try:
            records = list(islice(_records(text, delimiter), header_row - 1, _SNIFFED_ROWS))
        except csv.Error:
            continue
        width = len(records[0]) if records else 0
        score = (sum(len(record) == width for record in records), width)
        if width > 1 and score > most:
            best, most = delimiter, score
    return best


def _unguarded(cell: str) -> str:
    return cell[1:] if _GUARDED.match(cell) else cell


def _read_xlsx(raw: bytes, sheet: str | None) -> list[TableRow]:
    try:
        _verify_zip(raw)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and print areas, which nobody needs here
            rows = list(_bounded(_sheet_rows(raw, sheet, computed=False)))
            if any(isinstance(cell, Formula) for row in rows for cell in row.cells):
                _take_computed(rows, _sheet_rows(raw, sheet, computed=True))
            return rows
    except MalformedError:
        raise
    except Exception as error:  # the libraries let any error of a broken file through
        raise MalformedError("XLSX", f"is a readable workbook: {error}"[:200]) from error


def _sheet_rows(raw: bytes, sheet: str | None, *, computed: bool) -> Iterator[TableRow]:
    """Yield a sheet's rows; `computed` gives a formula's value instead of the formula."""
    import openpyxl  # noqa: PLC0415 -- a quarter of a second, for workbooks only

    book = openpyxl.load_workbook(
        io.BytesIO(raw), read_only=True, data_only=computed, keep_links=False
    )
    try:
        if sheet is not None and sheet not in book.sheetnames:
            raise MalformedError("sheet", f"is one of {', '.join(book.sheetnames)}"[:200], sheet)
        chosen = book[sheet] if sheet is not None else book.worksheets[0]
        chosen.reset_dimensions()  # attack: the size that a sheet claims makes rows that wide
        for number, cells in enumerate(chosen.iter_rows(), start=1):
            if len(cells) > MAX_COLUMNS:
                raise MalformedError(f"row {number}", f"has at most {MAX_COLUMNS} columns")
            yield TableRow(number=number, cells=[_typed(cell) for cell in cells])
    finally:
        book.close()


def _typed(cell: Any) -> Cell:  # noqa: ANN401 -- openpyxl has no types
    value = cell.value
    # An error such as #N/A is a formula that came to nothing.
    if value is not None and cell.data_type in {"f", "e"}:
        return Formula(text=str(value), value=None)
    typed: Cell = value
    return typed


def _take_computed(rows: list[TableRow], computed: Iterable[TableRow]) -> None:
    """Give formulas the values that the spreadsheet last computed."""
    values = {row.number: row.cells for row in computed}
    for i, row in enumerate(rows):
        cells = [
            Formula(text=cell.text, value=_plain(values[row.number][j]))
            if isinstance(cell, Formula) else cell
            for j, cell in enumerate(row.cells)
        ]  # fmt: skip
        rows[i] = TableRow(number=row.number, cells=cells)


def _plain(cell: Cell) -> str | int | float | bool | datetime | date | time | None:
    return None if isinstance(cell, Formula) else cell


def _verify_zip(raw: bytes) -> None:
    """Refuse a workbook that unpacks to too much or declares entities.

    Every part is unpacked once, a chunk at a time: what its directory claims is not believed.
    """
    total = 0
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        parts = archive.infolist()
        if len(parts) > MAX_PARTS:
            raise MalformedError("XLSX", f"has at most {MAX_PARTS} parts", len(parts))
        for part in parts:
            with archive.open(part) as opened:
                tail = b""
                while chunk := opened.read(_CHUNK):
                    total += len(chunk)
                    if total > MAX_UNZIPPED_BYTES:
                        raise MalformedError(
                            "XLSX", f"unpacks to at most {MAX_UNZIPPED_BYTES} bytes"
                        )
                    seen = tail + chunk
                    if any(mark in seen for mark in _DOCTYPES):
                        raise MalformedError("XLSX", "has no document type", part.filename)
                    tail = chunk[-32:]


def write_csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Return a CSV file with commas, in UTF-8 with the mark by which Excel knows it."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([_guarded(cell) for cell in row] for row in rows)
    return _UTF8_MARK + text.getvalue().encode()


def _guarded(cell: str) -> str:
    return f"'{cell}" if _RUN_AS_FORMULA.match(cell) else cell


def write_xlsx(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Return an XLSX file whose every cell is text: nothing is run, no zero is lost."""
    import openpyxl  # noqa: PLC0415 -- late, as above

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("events")
    for row in (header, *rows):
        sheet.append([_text_cell(sheet, text) for text in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _text_cell(sheet: object, text: str) -> object:
    if not text:
        return None
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415 -- late, as above

    cell = WriteOnlyCell(sheet)
    cell.value = text
    cell.data_type = "s"
    cell.number_format = "@"
    return cell


def zone_offset(name: str, local: str) -> str | None:
    """Return the offset of a named zone at a local time; None when there is none, or two."""
    try:
        zone = ZoneInfo(name)
        moment = datetime.fromisoformat(local)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
    offsets = {moment.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1)}
    if len(offsets) != 1:
        return None
    return moment.replace(tzinfo=zone).isoformat()[-6:]
