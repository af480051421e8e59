"""Rows into events: grouping, what a row may leave out, and what spreadsheets do to values."""

from datetime import date, datetime, time
from typing import Any

import pytest

from ledger.core.epcis.finding import DocumentFinding, Severity
from ledger.core.errors import MalformedError
from ledger.core.jcs import canonical_json
from ledger.core.strict_json import parse_json
from ledger.core.tabular.columns import COLUMN_OF_HEADER, KINDS, Column, plain_header
from ledger.core.tabular.mapping import (
    TableMapping,
    guess_columns,
    mapping_members,
    parse_mapping,
)
from ledger.core.tabular.row_reading import MAX_FINDINGS_OF_A_CODE
from ledger.core.tabular.rows_to_events import Imported, document_bytes, events_of
from ledger.core.tabular.table import Cell, Formula, Table, TableRow
from ledger.tabular_files import zone_offset

GTIN, SSCC, GLN, BUYER = "04012345111118", "340123450000000000", "4012345000009", "4098765000010"
GOOD: dict[str, Cell] = {
    "kind": "shipping", "event_time": "2026-01-02T10:00:00+01:00", "gtin": GTIN, "serial": "A1",
}  # fmt: skip


def imported(*rows: dict[str, Cell], **options: Any) -> Imported:  # noqa: ANN401
    header = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: Column(name) for name in header}
    table = Table(
        header=header,
        rows=[
            TableRow(number=i, cells=[row.get(name) for name in header])
            for i, row in enumerate(rows, start=2)
        ],
    )
    mapping = TableMapping(columns=columns, **options)
    return events_of(table, mapping, zones=zone_offset, created="2026-01-02T00:00:00Z")


def codes(found: Imported) -> list[str]:
    return [one.finding.code for one in found.findings]


def only_event(found: Imported) -> dict[str, Any]:
    assert codes(found) == []
    (event,) = found.document.events
    return event


def test_rows_of_one_event_become_one_event_in_the_order_of_their_first_rows() -> None:
    other = GOOD | {"event_time": "2026-01-03T10:00:00+01:00", "serial": "B1"}
    found = imported(GOOD, other, GOOD | {"serial": "A2"})
    assert [event["epcList"] for event in found.document.events] == [
        [f"https://id.gs1.org/01/{GTIN}/21/A1", f"https://id.gs1.org/01/{GTIN}/21/A2"],
        [f"https://id.gs1.org/01/{GTIN}/21/B1"],
    ]
    assert found.rows == [[2, 4], [3]]


def test_a_commissioning_has_lot_and_expiry_as_ilmd_and_another_lot_is_another_event() -> None:
    row = GOOD | {"kind": "commissioning", "lot": "L1", "expiry": "271200"}
    found = imported(row, row | {"serial": "A2", "lot": "L2"})
    assert [event["ilmd"] for event in found.document.events] == [
        {"cbvmda:lotNumber": lot, "cbvmda:itemExpirationDate": "2027-12-31"} for lot in ("L1", "L2")
    ]
    assert found.document.members["@context"][1] == {"cbvmda": "urn:epcglobal:cbv:mda:"}  # type: ignore[index]


def test_a_shipment_names_parties_places_and_references_of_their_issuers() -> None:
    event = only_event(
        imported(
            GOOD
            | {
                "from_party": GLN, "to_party": BUYER, "read_point": GLN, "to_location": BUYER,
                "purchase_order": "PO 7", "despatch_advice": "L-1",
            }
        )
    )  # fmt: skip
    assert event["readPoint"] == {"id": f"https://id.gs1.org/414/{GLN}"}
    assert event["sourceList"] == [
        {"type": "owning_party", "source": f"https://id.gs1.org/417/{GLN}"}
    ]
    assert event["destinationList"] == [
        {"type": "owning_party", "destination": f"https://id.gs1.org/417/{BUYER}"},
        {"type": "location", "destination": f"https://id.gs1.org/414/{BUYER}"},
    ]
    assert event["bizTransactionList"] == [
        {"type": "po", "bizTransaction": f"urn:epcglobal:cbv:bt:{BUYER}:PO%207"},
        {"type": "desadv", "bizTransaction": f"urn:epcglobal:cbv:bt:{GLN}:L-1"},
    ]


def test_packing_names_children_and_unpacking_without_an_item_unpacks_all() -> None:
    parent = GOOD | {"parent": SSCC}
    packed = only_event(imported(parent | {"kind": "packing"}))
    assert packed["type"] == "AggregationEvent"
    assert packed["parentID"] == f"https://id.gs1.org/00/{SSCC}"
    assert packed["childEPCs"] == [f"https://id.gs1.org/01/{GTIN}/21/A1"]
    emptied = only_event(
        imported({"kind": "unpacking", "event_time": GOOD["event_time"], "parent": SSCC})
    )
    assert (emptied["action"], "childEPCs" in emptied) == ("DELETE", False)


def test_an_item_without_a_serial_is_a_quantity_of_its_lot() -> None:
    row = {**GOOD, "serial": None, "lot": "L/1", "quantity": "12.5", "uom": "KGM"}
    assert only_event(imported(row))["quantityList"] == [
        {"epcClass": f"https://id.gs1.org/01/{GTIN}/10/L%2F1", "quantity": 12.5, "uom": "KGM"}
    ]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"gtin": "4012345111118"}, "LEADING_ZERO_STRIPPED"),
        ({"gtin": 4012345111118}, "LEADING_ZERO_STRIPPED"),
        ({"gtin": "4.01235E+12"}, "NUMBER_FORMAT_LOST"),
        ({"gtin": "4,01235E+12"}, "NUMBER_FORMAT_LOST"),
        ({"gtin": "04012345111119"}, "INVALID_GTIN_CHECK_DIGIT"),
        ({"gtin": "ABC"}, "INVALID_GTIN"),
        ({"gtin": "123"}, "INVALID_GTIN"),
        ({"gtin": True}, "WRONG_CELL_TYPE"),
        ({"gtin": date(2026, 1, 2)}, "WRONG_CELL_TYPE"),
        ({"gtin": None, "serial": None, "sscc": 340123450000000018}, "NUMBER_FORMAT_LOST"),
        ({"gtin": None, "serial": None, "sscc": "340123450000000020"}, "INVALID_SSCC_CHECK_DIGIT"),
        ({"gtin": None, "serial": None, "sscc": "340123450000001000"}, "NUMBER_FORMAT_LOST"),
        ({"gtin": None, "serial": None, "sscc": "40123450000000004"}, "INVALID_SSCC"),
        ({"serial": "has space"}, "INVALID_SERIAL"),
        ({"serial": "Ü1"}, "INVALID_SERIAL"),
        ({"serial": "x" * 21}, "INVALID_SERIAL"),
        ({"serial": "1.2E+11"}, "NUMBER_FORMAT_LOST"),
        ({"serial": 1.5}, "NUMBER_FORMAT_LOST"),
        ({"event_time": "01/02/2026 10:00"}, "AMBIGUOUS_DATE"),
        ({"event_time": "02.01.2026 10:00"}, "AMBIGUOUS_DATE"),
        ({"event_time": 46024}, "AMBIGUOUS_DATE"),
        ({"event_time": "2026-02-30T10:00:00Z"}, "INVALID_DATE"),
        ({"event_time": "yesterday"}, "INVALID_DATE"),
        ({"event_time": "2026-01-02T25:00:00Z"}, "INVALID_TIME"),
        ({"event_time": "2026-01-02"}, "TIME_OF_DAY_MISSING"),
        ({"event_time": "2026-01-02T10:00"}, "ZONE_MISSING"),
        ({"event_time": None}, "EVENT_TIME_MISSING"),
        ({"event_time": "2026-03-29T02:30", "zone": "Europe/Berlin"}, "ZONE_UNCLEAR"),
        ({"event_time": "2026-10-25T02:30", "zone": "Europe/Berlin"}, "ZONE_UNCLEAR"),
        ({"event_time": "2026-10-25T02:30", "zone": "Nowhere/Town"}, "ZONE_UNCLEAR"),
        ({"zone": "CET"}, "INVALID_ZONE"),
        ({"kind": "teleporting"}, "UNKNOWN_KIND"),
        ({"kind": None}, "KIND_MISSING"),
        ({"disposition": "lost"}, "UNKNOWN_DISPOSITION"),
        ({"gtin": None, "serial": None}, "ITEM_MISSING"),
        ({"gtin": None}, "GTIN_MISSING"),
        ({"sscc": SSCC}, "ITEM_AMBIGUOUS"),
        ({"quantity": "2"}, "QUANTITY_OF_ONE"),
        ({"serial": None, "quantity": "0"}, "INVALID_QUANTITY"),
        ({"serial": None, "quantity": "1,5"}, "AMBIGUOUS_NUMBER"),
        ({"serial": None, "quantity": "1.500"}, "AMBIGUOUS_NUMBER"),
        ({"serial": None, "quantity": "-1"}, "INVALID_QUANTITY"),
        ({"serial": None, "quantity": "1", "uom": "kg"}, "INVALID_UOM"),
        ({"kind": "packing"}, "PARENT_MISSING"),
        ({"purchase_order": "7"}, "ISSUER_MISSING"),
        ({"to_party": "4098765000011"}, "INVALID_GLN_CHECK_DIGIT"),
        ({"from_party": "urn:epc:id:pgln:1.2"}, "INVALID_IDENTIFIER"),
        ({"gtin": None, "serial": None, "epc": "just text"}, "INVALID_IDENTIFIER"),
        ({"gtin": Formula(text="=A1", value=None)}, "FORMULA_WITHOUT_VALUE"),
    ],
)  # fmt: skip
def test_a_bad_cell_is_one_error_at_its_row_and_keeps_the_row_out(
    changed: dict[str, Cell], code: str
) -> None:
    found = imported(GOOD | {"serial": "A0"}, {**GOOD, **changed})
    (error,) = found.findings
    assert (error.finding.code, error.finding.severity, error.row) == (code, Severity.ERROR, 3)
    assert found.rows == [[2]]


@pytest.mark.parametrize(
    ("changed", "options", "member", "value"),
    [
        ({"event_time": "01/02/2026 10:00", "zone": "Z"}, {"date_format": "DD/MM/YYYY"},
         "eventTime", "2026-02-01T10:00:00+00:00"),
        ({"event_time": "01/02/2026 10:00:30", "zone": "Z"}, {"date_format": "MM/DD/YYYY"},
         "eventTime", "2026-01-02T10:00:30+00:00"),
        ({"event_time": 46024.4375, "zone": "-05:00"}, {"date_format": "excel"},
         "eventTime", "2026-01-02T10:30:00-05:00"),
        ({"event_time": datetime(2026, 7, 2, 10, 30)}, {"zone": "Europe/Berlin"},  # noqa: DTZ001
         "eventTime", "2026-07-02T10:30:00+02:00"),
        ({"event_time": date(2026, 1, 2), "time_of_day": time(9, 5)}, {"zone": "+01:00"},
         "eventTime", "2026-01-02T09:05:00+01:00"),
        ({"event_time": "2026-01-02T10:00:00.25Z", "zone": "+01:00"}, {},
         "eventTimeZoneOffset", "+01:00"),
        ({"event_time": "2026-01-02 10:00 +05:30"}, {}, "eventTimeZoneOffset", "+05:30"),
        ({"gtin": "4012345111118"}, {"pad_gtin": True}, "epcList",
         [f"https://id.gs1.org/01/{GTIN}/21/A1"]),
        ({"serial": None, "quantity": "1.234,5"}, {"decimal": ","}, "quantityList",
         [{"epcClass": f"https://id.gs1.org/01/{GTIN}", "quantity": 1234.5}]),
        ({"serial": None, "quantity": 3.0}, {}, "quantityList",
         [{"epcClass": f"https://id.gs1.org/01/{GTIN}", "quantity": 3}]),
        ({"disposition": "none"}, {}, "disposition", None),
        ({"disposition": "returned"}, {}, "disposition", "returned"),
        ({"kind": "Storing"}, {}, "bizStep", "storing"),
        ({"gtin": None, "serial": None, "epc": "urn:epc:id:grai:4012345.12345.A"}, {}, "epcList",
         ["urn:epc:id:grai:4012345.12345.A"]),
    ],
)  # fmt: skip
def test_what_the_table_or_its_mapping_says_is_taken(
    changed: dict[str, Cell], options: dict[str, Any], member: str, value: object
) -> None:
    assert only_event(imported(GOOD | changed, **options)).get(member) == value


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"serial": 17}, "NUMBER_CELL"),
        ({"serial": " A1"}, "SPACES_TRIMMED"),
        ({"lot": "L1"}, "NOT_CARRIED"),
        ({"parent": SSCC}, "NOT_CARRIED"),
        ({"serial": Formula(text="=B1", value="A1")}, "FORMULA"),
    ],
)
def test_what_is_taken_with_doubt_or_left_out_is_told(changed: dict[str, Cell], code: str) -> None:
    found = imported({**GOOD, **changed})
    assert codes(found) == [code]
    assert len(found.document.events) == 1


def test_an_item_named_twice_in_an_event_is_an_error() -> None:
    found = imported(GOOD, GOOD)
    assert [(one.finding.code, one.row) for one in found.findings] == [("DUPLICATE_ROW", 3)]


def test_findings_of_one_code_are_counted_beyond_a_number_and_still_refuse() -> None:
    found = imported(*[GOOD | {"gtin": "1"}] * (MAX_FINDINGS_OF_A_CODE + 5))
    assert codes(found).count("INVALID_GTIN") == MAX_FINDINGS_OF_A_CODE
    assert codes(found)[-1] == "FINDINGS_TRUNCATED"
    assert found.rows == []


def test_an_empty_table_says_so() -> None:
    assert codes(imported({"gtin": ""})) == ["NO_ROWS"]


def test_a_finding_about_the_document_has_its_row_and_column() -> None:
    found = imported(GOOD, GOOD | {"serial": "A2"})

    def place(pointer: str) -> tuple[int | None, str | None]:
        finding = DocumentFinding(
            code="X", severity=Severity.INFO, pointer=pointer, value=None, message=""
        )
        located = found.located(finding)
        return located.row, located.column

    assert place("/epcisBody/eventList/0/epcList/1") == (3, None)
    assert place("/epcisBody/eventList/0/eventTime") == (2, "event_time")
    assert place("/epcisBody/eventList/0/unheard/of") == (2, None)
    assert place("/epcisHeader") == (None, None)


def test_the_document_is_strict_json_and_its_events_share_one_context() -> None:
    found = imported(GOOD)
    document = parse_json(document_bytes(found.document))
    assert isinstance(document, dict)
    assert document["epcisBody"]["eventList"][0].get("@context") is None  # type: ignore[index,call-overload,union-attr]
    assert document["@context"] == found.document.events[0]["@context"]


def test_no_header_means_two_columns_and_every_column_has_its_own_name() -> None:
    assert {COLUMN_OF_HEADER[plain_header(column.value)] for column in Column} == set(Column)
    assert guess_columns(["Seriennummer", "GTIN", "Verwendbar bis", "?", "Charge", "Batch"]) == {
        "Seriennummer": Column.SERIAL, "GTIN": Column.GTIN, "Verwendbar bis": Column.EXPIRY,
        "Charge": Column.LOT,
    }  # fmt: skip


def test_every_step_of_the_vocabulary_is_a_kind_and_only_what_begins_has_ilmd() -> None:
    assert len(KINDS) == 41
    assert [word for word, kind in KINDS.items() if kind.begins] == ["commissioning"]


def test_headers_that_do_not_fit_the_mapping_are_told() -> None:
    mapping = TableMapping(
        columns={"GTIN": Column.GTIN, "Gone": Column.LOT}, ignored=frozenset(["Remark"])
    )
    table = Table(header=["GTIN", "Remark", "New", "GTIN"], rows=[])
    found = events_of(table, mapping, zones=zone_offset, created="")
    told = [(one.finding.code, one.column) for one in found.findings]
    assert told == [
        ("COLUMN_NOT_MAPPED", "New"), ("COLUMN_TWICE", "GTIN"), ("COLUMN_MISSING", "Gone"),
        ("NO_ROWS", None),
    ]  # fmt: skip


FULL: dict[str, Any] = {
    "format": "unbroken/table-mapping/v1", "columns": {"A": "gtin", "B": "serial"},
    "ignored": ["C"], "constants": {"kind": "shipping"}, "zone": "+01:00",
    "date_format": "DD.MM.YYYY", "decimal": ",", "delimiter": ";", "encoding": "cp1252",
    "sheet": "S", "header_row": 3, "pad_gtin": True,
}  # fmt: skip


def test_a_mapping_round_trips() -> None:
    mapping = parse_mapping(canonical_json(FULL))
    assert mapping_members(mapping) == FULL
    assert mapping_members(TableMapping()) == {"format": FULL["format"], "columns": {}}


@pytest.mark.parametrize(
    ("member", "value", "field"),
    [
        ("format", "v0", "mapping.format"),
        ("columns", {"A": "gtin", "B": "gtin"}, "mapping.columns"),
        ("columns", {"A": "colour"}, "mapping.columns.A"),
        ("columns", ["A"], "mapping.columns"),
        ("ignored", "C", "mapping.ignored"),
        ("constants", {"kind": 1}, "mapping.constants"),
        ("date_format", "DDMMYY", "mapping.date_format"),
        ("zone", 1, "mapping.zone"),
        ("header_row", True, "mapping.header_row"),
        ("header_row", 0, "mapping.header_row"),
        ("pad_gtin", "yes", "mapping.pad_gtin"),
        ("surprise", 1, "mapping.surprise"),
    ],
)
def test_a_mapping_of_another_form_is_refused_by_its_member(
    member: str, value: Any, field: str  # noqa: ANN401
) -> None:  # fmt: skip
    with pytest.raises(MalformedError) as refused:
        parse_mapping(canonical_json(FULL | {member: value}))
    assert refused.value.field == field
