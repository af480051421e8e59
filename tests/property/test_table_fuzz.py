"""Tables that were broken on purpose: events, findings or a refusal, never a crash or a hang."""

import io
import time
import zipfile
from datetime import date, datetime

import openpyxl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.core.epcis.check import check_events
from ledger.core.epcis.finding import Severity
from ledger.core.errors import MalformedError
from ledger.core.strict_json import parse_json
from ledger.core.tabular.columns import KINDS, Column
from ledger.core.tabular.events_to_rows import rows_of
from ledger.core.tabular.mapping import DATE_FORMATS, TableMapping
from ledger.core.tabular.rows_to_events import document_bytes, events_of
from ledger.core.tabular.table import Cell, Formula, Table, TableRow
from ledger.tabular_files import read_table, write_csv, zone_offset

SECONDS = 10
AT_MS = 1_795_564_800_000
ROW = ["shipping", "2026-01-02T10:00:00Z", "04012345111118", "A1", "5"]
HEADER = ["kind", "event_time", "gtin", "serial", "quantity"]
PIECES = [b";", b",", b"\t", b'"', b"\n", b"\r", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"sep=;\n",
          b"=", b"'", b"\x80", b"9" * 400, b"," * 300, b"E+12", b"<", b"&a;", b"<!DOCTYPE a>",
          b"PK\x03\x04"]  # fmt: skip


def workbook() -> bytes:
    book = openpyxl.Workbook()
    for row in (HEADER, ROW, [datetime(2026, 1, 2), 1.5, "=A1", True, None]):  # noqa: DTZ001
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


CSV, XLSX = write_csv(HEADER, [ROW] * 3), workbook()
SHEET = "xl/worksheets/sheet1.xml"


@st.composite
def changed(draw: st.DrawFn, raw: bytes) -> bytes:
    """Bytes of which some were replaced, put in or taken out."""
    broken = bytearray(raw)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(broken)))
        end = min(len(broken), start + draw(st.integers(0, 30)))
        broken[start:end] = draw(st.sampled_from(PIECES) | st.binary(max_size=6))
    return bytes(broken)


@st.composite
def changed_sheet(draw: st.DrawFn) -> bytes:
    """A workbook whose sheet was changed inside a whole zip file."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(XLSX)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            part = old.read(name)
            new.writestr(name, draw(changed(part)) if name == SHEET else part)
    return out.getvalue()


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(changed(CSV) | changed(XLSX) | changed_sheet() | st.binary(max_size=200))
def test_broken_files_are_read_or_refused(raw: bytes) -> None:
    begun = time.process_time()
    try:
        table = read_table(raw, TableMapping())
    except MalformedError:
        return
    finally:
        assert time.process_time() - begun < SECONDS
    columns = {name: Column(name) for name in table.header if name in set(Column)}
    imported(table, TableMapping(columns=columns))


def imported(table: Table, mapping: TableMapping) -> None:
    """Every row is in an event or has an error, and the document can be sent, checked, exported."""
    found = events_of(table, mapping, zones=zone_offset, created="2026-01-02T10:00:00Z")
    parse_json(document_bytes(found.document))
    for one in check_events(found.document, at_ms=AT_MS):
        found.located(one)
    rows_of(found.document)
    told = [one for one in found.findings if one.finding.severity is Severity.ERROR]
    kept = {number for numbers in found.rows for number in numbers}
    wholly_empty = all(cell in (None, "") for row in table.rows for cell in row.cells)
    assert kept or told or wholly_empty


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(), st.text(max_size=25),
    st.dates(), st.datetimes(), st.times(),
    st.sampled_from([*ROW, *KINDS, "https://id.gs1.org/01/1", "urn:epc:id:sgtin:1.2.3", "Z",
                     "Europe/Berlin", "271200", "0", "1.5", "none", "KGM", " A1 ", "=1"]),
)  # fmt: skip
cells: st.SearchStrategy[Cell] = scalars | st.builds(
    Formula, text=st.text(max_size=5), value=scalars
)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.sampled_from(list(Column)), min_size=1, max_size=8, unique=True),
    st.lists(st.lists(cells, max_size=8), max_size=4),
    st.dictionaries(st.sampled_from(list(Column)), st.sampled_from(ROW), max_size=3),
    st.sampled_from([None, *DATE_FORMATS]),
    st.sampled_from([None, ".", ","]),
)
def test_cells_of_any_kind_become_events_or_findings(
    columns: list[Column],
    rows: list[list[Cell]],
    constants: dict[Column, str],
    date_format: str | None,
    decimal: str | None,
) -> None:
    table = Table(
        header=[column.value for column in columns],
        rows=[TableRow(number=i, cells=row) for i, row in enumerate(rows, start=2)],
    )
    mapping = TableMapping(
        columns={column.value: column for column in columns}, constants=constants, zone="+01:00",
        date_format=date_format, decimal=decimal, pad_gtin=True,
    )  # fmt: skip
    imported(table, mapping)


def test_the_first_and_the_last_day_are_dates() -> None:
    for day in (date.min, date.max):
        imported(
            Table(header=["event_time"], rows=[TableRow(number=2, cells=[day])]),
            TableMapping(columns={"event_time": Column.EVENT_TIME}),
        )
