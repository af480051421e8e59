"""What the columns can hold comes back: rows to events to rows, by value and through both files."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.core.gs1_keys import check_digit
from ledger.core.tabular.columns import KINDS, NO_DISPOSITION, PARTIES, REFERENCES, Column
from ledger.core.tabular.events_to_rows import rows_of
from ledger.core.tabular.mapping import TableMapping
from ledger.core.tabular.rows_to_events import Imported, events_of
from ledger.core.tabular.table import Table, TableRow
from ledger.tabular_files import read_table, write_csv, write_xlsx, zone_offset

MAPPING = TableMapping(columns={column.value: column for column in Column})
SET_82 = "!\"%&'()*+,-./0123456789:;<=>?ABCXYZ_abcxyz"


def key(digits: int) -> st.SearchStrategy[str]:
    body = st.text("0123456789", min_size=digits - 1, max_size=digits - 1)
    return body.map(lambda text: text + check_digit(text))


gtin, sscc, gln, tail = key(14), key(18), key(13), st.text(SET_82, min_size=1, max_size=20)
day = st.dates().filter(lambda date: date.year >= 1970).map(str)
instant = st.builds(
    "{}T{}{}".format,
    day,
    st.sampled_from(["00:00:00", "10:30:00.125", "23:59:59"]),
    st.sampled_from(["Z", "+00:00", "+01:00", "-05:30", "+14:00"]),
)
number = st.one_of(
    st.integers(1, 10**9).map(str), st.sampled_from(["0.5", "12.25", "1.1250", "0.000001"])
)


@st.composite
def items(draw: st.DrawFn, *, lot: bool) -> dict[Column, str]:
    match draw(st.sampled_from(["serial", "sscc", "class", "epc"])):
        case "serial":
            return {Column.GTIN: draw(gtin), Column.SERIAL: draw(tail)}
        case "sscc":
            return {Column.SSCC: draw(sscc)}
        case "epc":
            return {Column.EPC: draw(st.sampled_from(["urn:x:1", "https://example.com/a/b?c=d"]))}
        case _:
            row = {Column.GTIN: draw(gtin), Column.QUANTITY: draw(number)}
            if lot:
                row[Column.LOT] = draw(tail)
            if draw(st.booleans()):
                row[Column.UOM] = draw(st.sampled_from(["KGM", "LTR"]))
            return row


@st.composite
def events(draw: st.DrawFn) -> list[dict[Column, str]]:
    """The rows of one event, as an export writes them."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    shared = {Column.KIND: kind, Column.EVENT_TIME: draw(instant)}
    optional: dict[Column, st.SearchStrategy[str]] = {
        Column.EVENT_ID: st.uuids().map(lambda one: f"urn:uuid:{one}"),
        Column.DISPOSITION: st.sampled_from(["returned", "recalled"]),
        Column.READ_POINT: gln,
        Column.BIZ_LOCATION: st.sampled_from(["urn:epc:id:sgln:4012345.00000.7"]),
        **{party.column: gln for party in PARTIES},
        **dict.fromkeys(REFERENCES, tail),
    }
    if KINDS[kind].disposition:
        optional[Column.DISPOSITION] = st.sampled_from([NO_DISPOSITION, "returned"])
    if KINDS[kind].begins:
        optional |= {Column.LOT: tail, Column.EXPIRY: day}
    for column in draw(st.lists(st.sampled_from(sorted(optional)), unique=True)):
        shared[column] = draw(optional[column])
        if column in REFERENCES:
            shared.setdefault(REFERENCES[column][1], draw(gln))
    if not shared[Column.EVENT_TIME].endswith("Z") and draw(st.booleans()):
        shared[Column.EVENT_TIME] = shared[Column.EVENT_TIME].partition("+")[0][:19] + "Z"
        shared[Column.ZONE] = "+03:00"
    if KINDS[kind].contains:
        shared[Column.PARENT] = draw(sscc)
    listed = draw(
        st.lists(items(lot=not KINDS[kind].begins), min_size=1, max_size=4, unique_by=str)
    )
    # An event lists serialised items before quantities.
    listed.sort(key=lambda item: Column.QUANTITY in item)
    return [shared | item for item in listed]


def imported(rows: list[dict[Column, str]]) -> Imported:
    table = Table(
        header=[column.value for column in Column],
        rows=[
            TableRow(number=i, cells=[row.get(column, "") for column in Column])
            for i, row in enumerate(rows, start=2)
        ],
    )
    return events_of(table, MAPPING, zones=zone_offset, created="2026-01-01T00:00:00Z")


@settings(max_examples=100, deadline=None)
@given(st.lists(events(), min_size=1, max_size=3, unique_by=lambda rows: str(rows[0])))
def test_export_of_an_import_is_the_same_rows(listed: list[list[dict[Column, str]]]) -> None:
    rows = [row for one in listed for row in one]
    found = imported(rows)
    assert [one.finding for one in found.findings] == []
    exported = rows_of(found.document)
    assert [finding.pointer for finding in exported.losses] == []
    returned = [dict(zip(exported.columns, row, strict=True)) for row in exported.rows]
    assert sorted(map(shown, returned)) == sorted(map(shown, rows))
    assert imported(returned).document.events == found.document.events


def shown(row: dict[Column, str]) -> list[tuple[Column, str]]:
    return sorted((column, text) for column, text in row.items() if text)


text = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12).map(
    str.strip
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(text, min_size=2, max_size=2), min_size=1, max_size=5))
def test_files_give_back_the_texts_that_were_written(rows: list[list[str]]) -> None:
    rows = [row for row in rows if any(row)]
    for raw in (write_csv(["a", "b"], rows), write_xlsx(["a", "b"], rows)):
        table = read_table(raw, TableMapping(delimiter=","))
        padded = [[cell or "" for cell in (*row.cells, "")][:2] for row in table.rows]
        assert padded == rows
