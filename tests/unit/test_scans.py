"""What a scanner sends, carrier by carrier."""

import json
from pathlib import Path
from typing import Any

import pytest
from biip import ParseError
from biip.gs1_messages import GS1Message

from ledger.core.barcodes.diagnosis import Verdict, diagnose
from ledger.core.barcodes.element_strings import (
    GS,
    MAX_SCAN_CHARACTERS,
    format_bracketed,
    format_elements,
    parse_bracketed,
    parse_elements,
)
from ledger.core.barcodes.hibc import check_character, format_hibc, parse_hibc
from ledger.core.barcodes.iccbba import parse_iccbba
from ledger.core.barcodes.ifa import format_ifa, is_pzn, parse_ifa, ppn_check_digits
from ledger.core.barcodes.refusal import BarcodeError
from ledger.core.barcodes.scans import read_scan

VECTORS = Path(__file__).parents[1] / "vectors" / "barcodes"
ROWS = json.loads((VECTORS / "element-strings.json").read_bytes())["rows"]
GTIN = "0109501101530003"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["note"])
def test_rows_of_the_vectors(row: dict[str, Any]) -> None:
    found = diagnose(row["scan"]).as_json()
    assert found["input"] == row["scan"]
    assert found["verdict"] == ("ok" if row["ok"] else "refused")
    assert found["elements"] == row["expect"]
    assert list(found["elements"]) == sorted(found["elements"], key=list(found["elements"]).index)
    assert bool(found["diagnosis"]) is not row["ok"]


@pytest.mark.parametrize(
    ("scan", "code"),
    [
        ("", "EMPTY"),
        (GS, "EMPTY"),
        ("x" * (MAX_SCAN_CHARACTERS + 1), "TOO_LONG"),
        ("hello", "UNKNOWN_CARRIER"),
        ("]b2010950", "UNKNOWN_SYMBOLOGY"),
        ("]D201", "UNKNOWN_SYMBOLOGY"),
        ("05", "UNKNOWN_AI"),
        (f"{GTIN}1728023110L1", "INVALID_DATE"),
        (f"{GTIN}21", "EMPTY_VALUE"),
        (f"{GTIN}21A{GS}21B", "DUPLICATE_AI"),
        (f"{GTIN}21A{GS}235B", "EXCLUDED_PAIR"),
        (f"{GTIN}37{GS}", "EMPTY_VALUE"),
        (f"0209501101530003{GTIN}3712", "EXCLUDED_PAIR"),
        ("(05)1", "UNKNOWN_AI"),
        ("x(01)1", "UNKNOWN_CARRIER"),
        ("(01)9501101530003(21)A", "LEADING_ZERO_STRIPPED"),
        ("]E09501101530004", "INVALID_CHECK_DIGIT"),
        ("https://acme.example/x", "NO_GS1_KEY"),
        ("https://id.gs1.org/01/09501101530004", "INVALID_CHECK_DIGIT"),
        ("https://id.gs1.org/01/09501101530", "MALFORMED_IDENTIFIER"),
        ("https://id.gs1.org/01/09501101530003?17=280231", "INVALID_DATE"),
        ("https://id.gs1.org/01/09501101530003/21/A?21=B", "DUPLICATE_AI"),
        ("https://id.gs1.org/01/09501101530003?17=280131&17=280131", "DUPLICATE_AI"),
        ("urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8", "NO_GS1_KEY"),
        ("urn:epc:id:sgtin:1.2.3", "MALFORMED_IDENTIFIER"),
        ("+A123BJC5D6E71H", "INVALID_CHECK_DIGIT"),
        ("+a123bjc5d6e71g", "INVALID_CHARACTER"),
        ("=/A9999", "INVALID_STRUCTURE"),
        ("[)>x", "INVALID_ENVELOPE"),
    ],
)
def test_refusals_have_codes(scan: str, code: str) -> None:
    with pytest.raises(BarcodeError) as refused:
        read_scan(scan)
    assert refused.value.code == code
    assert diagnose(scan).verdict is Verdict.REFUSED


@pytest.mark.parametrize(
    ("scan", "elements", "path"),
    [
        ("]E09501101530003", {"01": "09501101530003"}, "/01/09501101530003"),
        ("9501101530003", {"01": "09501101530003"}, "/01/09501101530003"),
        ("95200002", {"01": "00000095200002"}, "/01/00000095200002"),
        ("17280106", {"17": "280106"}, None),
        (f"{GS}{GTIN}{GS}{GS}21A", {"01": "09501101530003", "21": "A"}, "/01/09501101530003/21/A"),
        (f"]C1{GTIN}10L", {"01": "09501101530003", "10": "L"}, "/01/09501101530003/10/L"),
        ("]C100006141410000000012", {"00": "006141410000000012"}, "/00/006141410000000012"),
        ("4144012345000054254A/b", {"414": "4012345000054", "254": "A/b"},
         "/414/4012345000054/254/A%2Fb"),
        ("80104012345ABC\x1d801112", {"8010": "4012345ABC", "8011": "12"},
         "/8010/4012345ABC/8011/12"),
        ("urn:epc:id:sgtin:4012345.011111.9876", {"01": "04012345111118", "21": "9876"},
         "/01/04012345111118/21/9876"),
        ("]Q1https://x.example/gtin/4012345111118/ser/%41?linkType=all",
         {"01": "04012345111118", "21": "A"}, "/01/04012345111118/21/A"),
        ("10L1", {"10": "L1"}, None),
    ],
)  # fmt: skip
def test_readings(scan: str, elements: dict[str, str], path: str | None) -> None:
    carried = read_scan(scan).carried
    assert carried.elements == elements
    assert carried.path == path


def test_a_symbol_with_half_of_the_data_is_ok_and_says_so() -> None:
    found = diagnose("172801311010L1")
    assert found.verdict is Verdict.OK
    assert {one.code for one in found.diagnosis} == {"INCOMPLETE"}


def test_brackets_in_a_value() -> None:
    elements = parse_elements(f"{GTIN}10A(B)C")
    assert parse_bracketed(format_bracketed(elements)) == elements
    with pytest.raises(BarcodeError, match="only the raw form"):
        format_bracketed({"01": "09501101530003", "10": "A(21)B"})


def test_formatting_verifies() -> None:
    with pytest.raises(BarcodeError):
        format_elements({"01": "09501101530004"})
    with pytest.raises(BarcodeError):
        format_elements({"05": "1"})


@pytest.mark.parametrize("row", [row for row in ROWS if row["scan"][0].isdigit()],
                         ids=lambda row: row["note"])  # fmt: skip
def test_biip_reads_the_same(row: dict[str, Any]) -> None:
    try:
        message = GS1Message.parse(row["scan"])
    except ParseError:
        assert not row["ok"]
        return
    theirs = {one.ai.ai: one.value for one in message.element_strings}
    good = len(theirs) == len(message.element_strings)
    # biip takes a wrong check digit, values that are too long and AIs that stand twice.
    if row["ok"]:
        assert good
        assert theirs == row["expect"]


# FDA, "UDI formats by FDA-accredited issuing agency" 1.3.
FDA_HIBC = "+H123PARTNO1234567890120/$$420020216LOT123456789012345/SXYZ456789012345678/16D20130202"
FDA_ICCBBA = "=/A9999XYZ100T0944=,000025=A99971312345600=>014032=}013032&,1000000000000XYZ123"


def test_hibc_as_the_fda_prints_it() -> None:
    carried = parse_hibc(FDA_HIBC + check_character(FDA_HIBC))
    assert carried.path == "hibc:H123PARTNO1234567890120/serial/XYZ456789012345678"
    assert carried.lot == "LOT123456789012345"
    assert carried.manufactured == "2013-02-02"
    assert carried.expiry == "2020-02-02T16"


@pytest.mark.parametrize(
    ("secondary", "expected"),
    [
        ("$$0928LOT", {"lot": "LOT", "expiry": "2028-09"}),
        ("$$2093028LOT", {"lot": "LOT", "expiry": "2028-09-30"}),
        ("$$3280930LOT", {"lot": "LOT", "expiry": "2028-09-30"}),
        ("$$428093014LOT", {"lot": "LOT", "expiry": "2028-09-30T14"}),
        ("$$528274LOT", {"lot": "LOT", "expiry": "2028-09-30"}),
        ("$$62827414LOT", {"lot": "LOT", "expiry": "2028-09-30T14"}),
        ("$$7LOT", {"lot": "LOT"}),
        ("$$8240928LOT", {"lot": "LOT", "expiry": "2028-09", "quantity": "24"}),
        ("$$9001003280930LOT", {"lot": "LOT", "expiry": "2028-09-30", "quantity": "100"}),
        ("$$824", {"quantity": "24"}),
        ("$LOT", {"lot": "LOT"}),
        ("$+SER", {"serial": "SER"}),
        ("$$+3280930SER", {"serial": "SER", "expiry": "2028-09-30"}),
        ("28274LOT", {"lot": "LOT", "expiry": "2028-09-30"}),
    ],
)
def test_hibc_secondary_data(secondary: str, expected: dict[str, str]) -> None:
    elements = dict(parse_hibc(format_hibc("A123BJC5D6E71", secondary)).elements)
    for name in ("di", "labeller", "product", "unit"):
        elements.pop(name)
    assert elements == expected


@pytest.mark.parametrize(
    "secondary",
    ["$$LOT", "$$1328LOT", "$$3281330LOT", "$$529000LOT", "X", "$A", "S", "S1234567890123456789"],
)
def test_hibc_secondary_data_against_the_standard(secondary: str) -> None:
    parts = [secondary] if secondary != "$A" else ["$A", "$B"]
    with pytest.raises(BarcodeError):
        format_hibc("A123BJC5D6E71", *parts)


def test_hibc_secondary_symbol_alone_names_no_item() -> None:
    data = "+$$3280930LOTG"
    carried = parse_hibc(data + check_character(data))
    assert (carried.path, carried.lot, carried.elements["link"]) == (None, "LOT", "G")


def test_iccbba_as_the_fda_prints_it() -> None:
    carried = parse_iccbba(FDA_ICCBBA)
    assert carried.path == "iccbba:A9999XYZ100T0944/serial/A999713123456-000025"
    assert carried.expiry == "2014-02-01"
    assert carried.manufactured == "2013-02-01"
    assert carried.lot == "000000000000XYZ123"
    assert parse_iccbba("=+06000" + FDA_ICCBBA).path == carried.path
    with pytest.raises(BarcodeError, match="announces 7"):
        parse_iccbba("=+07000" + FDA_ICCBBA)
    with pytest.raises(BarcodeError, match="one serial"):
        parse_iccbba(FDA_ICCBBA + "=,000026")


def test_iccbba_blood_bag_is_a_lot() -> None:
    carried = parse_iccbba("=)1234567890&)ABCDEFGHIJ")
    assert carried.path == "iccbba:1234567890/lot/ABCDEFGHIJ"


@pytest.mark.parametrize("text", ["=>114032", "=>014366", "&>0140322460", "=A99971312345"])
def test_iccbba_against_the_standard(text: str) -> None:
    with pytest.raises(BarcodeError):
        parse_iccbba(text)


def test_ifa_as_its_specification_prints_it() -> None:
    assert ppn_check_digits("1112345678") == "42"
    assert is_pzn("12345678")
    text = format_ifa("111234567842", lot="1A234B5", expiry="281231", serial="1234567890123456")
    carried = parse_ifa(text)
    assert carried.path == "ifa:111234567842/serial/1234567890123456"
    assert (carried.lot, carried.expiry, carried.more) == (
        "1A234B5",
        "2028-12-31",
        {"pzn": "12345678"},
    )
    assert parse_ifa(format_ifa("111234567842", lot="L", expiry="281200")).expiry == "2028-12"


@pytest.mark.parametrize(
    "text",
    [
        "[)>\x1e06\x1d9N111234567842\x1dSX",
        "[)>\x1e06\x1d9N111234567843\x1e\x04",
        "[)>\x1e06\x1dSX\x1e\x04",
        "[)>\x1e06\x1d9N111234567842\x1dSX\x1dSY\x1e\x04",
        "[)>\x1e06\x1d9N111234567842\x1dZZ\x1e\x04",
        "[)>\x1e06\x1d9N111234567842\x1dD281331\x1e\x04",
    ],
)
def test_ifa_against_the_specification(text: str) -> None:
    with pytest.raises(BarcodeError):
        parse_ifa(text)


def test_ifa_needs_a_right_pzn() -> None:
    ppn = "1112345677"
    with pytest.raises(BarcodeError, match="PZN"):
        format_ifa(ppn + ppn_check_digits(ppn))
