"""CSV and XLSX bytes: encodings, delimiters, types of cells, and what is refused."""

import io
import zipfile
from datetime import datetime
from typing import Any

import openpyxl
import pytest

from ledger import tabular_files
from ledger.core.errors import MalformedError
from ledger.core.tabular.mapping import TableMapping
from ledger.core.tabular.table import Cell, Formula, Table
from ledger.tabular_files import read_table, write_csv, write_xlsx, zone_offset

PLAIN = TableMapping()


def cells(table: Table) -> list[list[Cell]]:
    return [list(row.cells) for row in table.rows]


def workbook(*rows: list[Any]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_delimiter_and_encoding_are_found(delimiter: str, encoding: str) -> None:
    text = delimiter.join(["Größe", "b", "c"]) + "\r\n" + delimiter.join(["1", '"x,;y"', "3"])
    table = read_table(text.encode(encoding), PLAIN)
    assert (table.header, cells(table)) == (["Größe", "b", "c"], [["1", "x,;y", "3"]])


def test_text_with_commas_does_not_hide_a_semicolon() -> None:
    raw = b"a;b\n1,5;2,5\n3,5;4,5\n"
    assert cells(read_table(raw, PLAIN)) == [["1,5", "2,5"], ["3,5", "4,5"]]


def test_the_line_by_which_excel_names_its_delimiter_is_no_row() -> None:
    table = read_table(b"sep=|\r\na|b\r\n1|2\r\n", PLAIN)
    assert (table.header, table.rows[0].number) == (["a", "b"], 3)


def test_rows_have_the_numbers_that_a_spreadsheet_shows() -> None:
    raw = b'title\n\na,b\n"two\nlines",2\n\n5,6\n'
    table = read_table(raw, TableMapping(header_row=3))
    assert table.header == ["a", "b"]
    assert [row.number for row in table.rows] == [4, 6]


def test_cp1252_is_taken_on_request_only() -> None:
    raw = "Größe\nä\n".encode("cp1252")
    with pytest.raises(MalformedError, match="cp1252"):
        read_table(raw, PLAIN)
    assert cells(read_table(raw, TableMapping(encoding="cp1252"))) == [["ä"]]


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        (b"", "header"),
        (b"a\0b\n", "NUL"),
        (b'a,b\n"open', "well formed"),
        (b"\xff\xfea", "UTF-16"),
        (b"a\n" + b"x" * 2049, "2048 characters"),
        (b"," * 256 + b"\n1\n", "256 columns"),
        (b"PK\x03\x04rubbish", "zip"),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_rule(raw: bytes, rule: str) -> None:
    with pytest.raises(MalformedError, match=rule):
        read_table(raw, PLAIN)


def test_a_table_of_too_many_rows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tabular_files, "MAX_ROWS", 3)
    assert len(read_table(b"a\n" + b"1\n" * 3, PLAIN).rows) == 3
    with pytest.raises(MalformedError, match="3 rows"):
        read_table(b"a\n" + b"1\n" * 4, PLAIN)


def test_cells_of_a_workbook_keep_their_types() -> None:
    moment = datetime(2026, 1, 2, 10, 30)  # noqa: DTZ001 -- as a spreadsheet has it
    raw = workbook(["a", "b", "c", "d"], [4012345111118, "0012", moment, 1.5], [], [None, "x"])
    table = read_table(raw, PLAIN)
    assert cells(table) == [[4012345111118, "0012", moment, 1.5], [None, "x"]]
    assert [row.number for row in table.rows] == [2, 4]


def test_a_formula_is_never_computed() -> None:
    table = read_table(workbook(["a"], ["=1+1"]), PLAIN)
    assert cells(table) == [[Formula(text="=1+1", value=None)]]


def test_a_formula_gives_what_the_spreadsheet_last_computed() -> None:
    old = workbook(["a", "b"], ["=1+1", "kept"])
    sheet = "xl/worksheets/sheet1.xml"
    raw = changed(old, sheet, lambda part: part.replace(b"<v></v>", b"<v>2</v>").replace(
        b"<v />", b"<v>2</v>"))  # fmt: skip
    assert cells(read_table(raw, PLAIN)) == [[Formula(text="=1+1", value=2), "kept"]]


def changed(raw: bytes, name: str, change: Any) -> bytes:  # noqa: ANN401
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(out, "w", 8) as new:
        for part in old.namelist():
            content = old.read(part)
            new.writestr(part, change(content) if part == name else content)
    return out.getvalue()


def test_a_workbook_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tabular_files, "MAX_UNZIPPED_BYTES", 1 << 20)
    bomb = changed(workbook(["a"]), "xl/styles.xml", lambda part: part + b" " * (1 << 21))
    assert len(bomb) < 20_000
    with pytest.raises(MalformedError, match="unpacks to at most"):
        read_table(bomb, PLAIN)


@pytest.mark.parametrize("code", ["utf-8", "utf-16"])
def test_a_workbook_with_a_document_type_is_refused(code: str) -> None:
    entity = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><worksheet/>'.encode(code)
    raw = changed(workbook(["a"]), "xl/worksheets/sheet1.xml", lambda _: entity)
    with pytest.raises(MalformedError, match="document type"):
        read_table(raw, PLAIN)


def test_a_row_far_below_makes_only_so_many_empty_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tabular_files, "MAX_ROW_NUMBER", 10_000)
    far = changed(
        workbook(["a"], ["b"]), "xl/worksheets/sheet1.xml",
        lambda part: part.replace(b'<row r="2"', b'<row r="999999999"').replace(b"A2", b"A9999999"),
    )  # fmt: skip
    with pytest.raises(MalformedError, match="10000 lines"):
        read_table(far, PLAIN)


def test_a_cell_far_to_the_right_is_refused() -> None:
    wide = changed(
        workbook(["a"], ["b"]), "xl/worksheets/sheet1.xml",
        lambda part: part.replace(b'"A2"', b'"XFD2"'),
    )  # fmt: skip
    with pytest.raises(MalformedError, match="256 columns"):
        read_table(wide, PLAIN)


def test_a_sheet_is_chosen_by_name() -> None:
    book = openpyxl.Workbook()
    book.create_sheet("Zweites").append(["x"])
    out = io.BytesIO()
    book.save(out)
    assert read_table(out.getvalue(), TableMapping(sheet="Zweites")).header == ["x"]
    with pytest.raises(MalformedError, match="Zweites"):
        read_table(out.getvalue(), TableMapping(sheet="Drittes"))


DANGEROUS = ["=1+1", "+49", "-1", "@x", "'=1", "''@", "'quoted", "\tx", "plain"]


def test_no_cell_of_a_csv_file_runs_and_all_come_back() -> None:
    raw = write_csv(["h"], [[text] for text in DANGEROUS])
    lines = raw.decode("utf-8-sig").splitlines()
    assert not [line for line in lines if line.lstrip('"')[:1] in set("=+-@\t\r")]
    assert [row.cells[0] for row in read_table(raw, PLAIN).rows] == DANGEROUS


def test_every_cell_of_a_workbook_is_text() -> None:
    raw = write_xlsx(["h"], [[text] for text in [*DANGEROUS, "00123"]])
    sheet = openpyxl.load_workbook(io.BytesIO(raw)).active
    assert {cell.data_type for (cell,) in sheet.iter_rows()} == {"s"}
    assert [row.cells[0] for row in read_table(raw, PLAIN).rows] == [*DANGEROUS, "00123"]


@pytest.mark.parametrize(
    ("name", "local", "offset"),
    [
        ("Europe/Berlin", "2026-01-02T10:00:00", "+01:00"),
        ("Europe/Berlin", "2026-07-02T10:00:00.5", "+02:00"),
        ("Europe/Berlin", "2026-03-29T02:30:00", None),
        ("../../etc/passwd", "2026-01-02T10:00:00", None),
        ("Europe", "2026-01-02T10:00:00", None),
    ],
)
def test_a_named_zone_has_one_offset_at_a_time_or_none(
    name: str, local: str, offset: str | None
) -> None:
    assert zone_offset(name, local) == offset
