"""Any spelling of an item to its path; codes that programs can rely on."""

import json
from pathlib import Path
from typing import Any

import pytest

from ledger.core.barcodes.hibc import format_hibc
from ledger.core.barcodes.ifa import format_ifa
from ledger.core.barcodes.items import kind_of, name_item
from ledger.core.barcodes.ndc import candidates_of_gtin, parse_ndc
from ledger.core.barcodes.refusal import BarcodeError
from ledger.core.identifiers import item_key
from ledger.core.prefix_lengths import PrefixLengths

VECTORS = Path(__file__).parents[1] / "vectors" / "identifiers"
TRANSLATIONS = json.loads((VECTORS / "epc-urn-to-gs1.json").read_bytes())["rows"]
SAME_OBJECT = json.loads((VECTORS / "same-object.json").read_bytes())
PATHS = json.loads((VECTORS / "paths.json").read_bytes())["paths"]
CARRIERS = json.loads((VECTORS / "carriers.json").read_bytes())["rows"]
ORIGIN = "https://id.gs1.org"


def path_of(text: str) -> str:
    return name_item(text, PrefixLengths()).path


@pytest.mark.parametrize("row", TRANSLATIONS, ids=lambda row: row["epc_urn"])
def test_urn_element_string_and_link_name_one_item(row: dict[str, str]) -> None:
    paths = {path_of(spelling) for spelling in row.values()}
    assert paths == {row["canonical_digital_link"].removeprefix(ORIGIN)}


@pytest.mark.parametrize("row", SAME_OBJECT["equal"], ids=lambda row: row["why"])
def test_spellings_of_one_object(row: dict[str, list[str]]) -> None:
    assert len({path_of(uri) for uri in row["uris"]}) == 1


@pytest.mark.parametrize("row", SAME_OBJECT["not_equal"], ids=lambda row: row["why"])
def test_spellings_of_different_objects(row: dict[str, list[str]]) -> None:
    assert len({path_of(uri) for uri in row["uris"]}) == len(row["uris"])


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, id=row["desc"])
        for row in PATHS
        if row["desc"] != "a path is no identifier"
    ],
)
def test_rows_of_the_format(row: dict[str, Any]) -> None:
    # What the log takes as it is, with a wrong check digit or no URI, nobody means to ask for.
    odd = ("wrong check digit", "broken escape in the serial", "no URI at all")
    if row.get("malformed") or any(one in row["desc"] for one in odd):
        with pytest.raises(BarcodeError):
            path_of(row["identifier"])
    else:
        assert path_of(row["identifier"]) == row["want"]


@pytest.mark.parametrize("row", CARRIERS, ids=lambda row: row["desc"])
def test_rows_of_other_issuers(row: dict[str, str]) -> None:
    if "want" in row:
        assert path_of(row["text"]) == row["want"]
    else:
        with pytest.raises(BarcodeError) as refused:
            path_of(row["text"])
        assert refused.value.code == "INVALID_CHECK_DIGIT"


GTIN = "09501101530003"


@pytest.mark.parametrize(
    ("text", "path", "kind"),
    [
        (f"(01){GTIN}(21)A(10)L", f"/01/{GTIN}/21/A", "sgtin"),
        (f"]d201{GTIN}10L\x1d21A", f"/01/{GTIN}/21/A", "sgtin"),
        (f"01{GTIN}10L", f"/01/{GTIN}/10/L", "lgtin"),
        (f"01{GTIN}", f"/01/{GTIN}", "gtin"),
        (f"/01/{GTIN}/21/A", f"/01/{GTIN}/21/A", "sgtin"),
        ("9501101530003", f"/01/{GTIN}", "gtin"),
        ("614141073467", "/01/00614141073467", "gtin"),
        ("006141410000000012", "/00/006141410000000012", "sscc"),
        ("urn:epc:idpat:sgtin:4012345.011111.*", "/01/04012345111118", "gtin"),
        ("urn:epc:idpat:grai:4012345.55555.*", "/8003/04012345555554", "grai_class"),
        ("urn:epc:id:grai:4012345.55555.1", "/8003/040123455555541", "grai"),
        ("urn:epc:idpat:cpi:4012345.ABC.*", "/8010/4012345ABC", "cpi_class"),
        ("urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8",
         "uri:urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8", "uri"),
        ("https://acme.example/objects/42", "uri:https://acme.example/objects/42", "uri"),
        ("tag:acme.example,2026:1#a", "uri:tag:acme.example,2026:1#a", "uri"),
        ("https://bücher.example/a%20b", "uri:https://bücher.example/a%20b", "uri"),
        ("(401)2345-111118", "/401/2345-111118", "ginc"),
        ("]C14012345-111118", "/401/2345-111118", "ginc"),
        ("4010614141xyz47/11", "/401/0614141xyz47%2F11", "ginc"),
        ("80044000001-A", "/8004/4000001-A", "giai"),
        ("*+A123BJC5D6E71G*", "hibc:A123BJC5D6E71", "hibc_class"),
        (format_hibc("A123BJC5D6E71"), "hibc:A123BJC5D6E71", "hibc_class"),
        (format_hibc("A123BJC5D6E71", "$LOT"), "hibc:A123BJC5D6E71/lot/LOT", "hibc_lot"),
        (format_hibc("A123BJC5D6E71", "$$3280131LOT", "S1/"[:2]),
         "hibc:A123BJC5D6E71/serial/1", "hibc"),
        ("]d1" + format_ifa("111234567842", serial="a/b"), "ifa:111234567842/serial/a%2Fb", "ifa"),
        ("=/A9999XYZ100T0944=,000025", "iccbba:A9999XYZ100T0944/serial/000025", "iccbba"),
    ],
)  # fmt: skip
def test_items(text: str, path: str, kind: str) -> None:
    named = name_item(text, PrefixLengths())
    assert (named.path, named.kind) == (path, kind)
    shown = named.as_json(text)
    assert shown["input"] == text
    assert shown["item_key"] == item_key(path).hex()
    assert kind_of(path) == kind


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("https://id.gs1.org/01/09501101530004", "INVALID_CHECK_DIGIT"),
        ("urn:epc:id:sgtin:4012345.01111.A", "MALFORMED_IDENTIFIER"),
        ("(01)9501101530003(21)A", "LEADING_ZERO_STRIPPED"),
        ("(01)09501101530004(21)A", "INVALID_CHECK_DIGIT"),
        ("9501101530004", "INVALID_CHECK_DIGIT"),
        ("06141410000000012", "LEADING_ZERO_STRIPPED"),
        ("006141410000000013", "INVALID_CHECK_DIGIT"),
        (f"(01){GTIN}(17)281301", "INVALID_DATE"),
        ("(10)LOT", "NO_ITEM"),
        (f"]D201{GTIN}21A", "CAPS_LOCK"),
        ('à&àç(à&&à&("ààà"é&Q', "KEYBOARD_LAYOUT"),
        (f" 01{GTIN}21A", "WHITESPACE"),
        ("+A123BJC5D6E71H", "INVALID_CHECK_DIGIT"),
        ("+A123BJC5D6E71G*", "INVALID_CHARACTER"),
        ("*+A123BJC5D6E71G", "WRAPPED"),
        ("1234-567-89", "INVALID_NDC"),
        (" ", "INVALID_URI"),
        ("hello", "INVALID_URI"),
        ("hello world", "INVALID_URI"),
        ("urn:x:<y>", "INVALID_URI"),
        ("urn:x:%zz", "INVALID_URI"),
        ("urn:x:a#b#c", "INVALID_URI"),
        ("x:\u2003", "INVALID_URI"),
        ("https://acme.example/objects/4 2", "INVALID_URI"),
        ("4012345-111118", "UNKNOWN_CARRIER"),
        ("4012345", "UNKNOWN_CARRIER"),
        ("401234567-12345", "UNKNOWN_CARRIER"),
        ("8004-123-456", "UNKNOWN_CARRIER"),
        ("12345-0780-09", "AMBIGUOUS_NDC"),
        ("12345678911", "INVALID_NDC"),
        ("", "EMPTY"),
    ],
)  # fmt: skip
def test_refusals_have_codes(text: str, code: str) -> None:
    with pytest.raises(BarcodeError) as refused:
        path_of(text)
    assert refused.value.code == code


def test_query_is_kept_and_no_identity() -> None:
    link = f"https://x.example/a/01/{GTIN}/22/V/10/L/21/S?17=999999&linkType=all&z=%2526"
    named = name_item(link, PrefixLengths())
    assert named.path == f"/01/{GTIN}/21/S"
    assert named.attributes["query"] == {"17": "999999", "linkType": "all", "z": "%26"}
    assert (named.attributes["lot"], named.attributes["cpv"]) == ("L", "V")


def test_urn_where_the_prefix_is_known() -> None:
    lengths = PrefixLengths()
    link = "https://x.example/01/04012345111118/21/1"
    assert "urn" not in name_item(link, lengths).attributes
    lengths.learn("urn:epc:id:sscc:4012345.0000000001")
    assert name_item(link, lengths).attributes["urn"] == "urn:epc:id:sgtin:4012345.011111.1"


def test_suspicions_stay_with_the_item() -> None:
    named = name_item(f"01{GTIN}10L<GS>21AB", PrefixLengths())
    assert named.path == f"/01/{GTIN}/10/L%3CGS%3E21AB"
    assert [one["code"] for one in named.attributes["suspicions"]] == ["SEPARATOR_REPLACED"]


def test_bare_digits_that_could_be_something_else_say_so() -> None:
    lengths = PrefixLengths()
    assert name_item("4012345111118", lengths).attributes["ambiguous_with"] == [
        "/414/4012345111118", "/417/4012345111118"
    ]  # fmt: skip
    assert len(name_item("006141410000000012", lengths).attributes["ambiguous_with"]) == 2


@pytest.mark.parametrize(
    ("text", "gtin", "ndcs"),
    [
        ("0002-8215-01", "00300028215012", ["0002-8215-01"]),
        ("NDC 0002-8215-01", "00300028215012", ["0002-8215-01"]),
        ("00002821501", "00300028215012", ["0002-8215-01"]),
        ("00002-8215-01", "00300028215012", ["0002-8215-01"]),
        ("12345-678-90", "00312345678906", ["12345-678-90"]),
        ("12345067890", "00312345678906", ["12345-678-90"]),
        ("12345-6789-0", "00312345678906", ["12345-6789-0"]),
        ("12345678900", "00312345678906", ["12345-6789-0"]),
        ("1234567890", "00312345678906", ["1234-5678-90", "12345-678-90", "12345-6789-0"]),
    ],
)
def test_ndc_becomes_a_gtin(text: str, gtin: str, ndcs: list[str]) -> None:
    named = name_item(text, PrefixLengths())
    assert named.path == f"/01/{gtin}"
    shown = named.attributes["ndc"]
    assert [one["ndc"] for one in shown["candidates"]] == ndcs
    assert shown["certain"] is (len(ndcs) == 1)


def test_gtin_shows_the_ndc_it_holds() -> None:
    named = name_item("(01)00312345678906(21)A", PrefixLengths()).attributes["ndc"]
    assert named["digits"] == "1234567890"
    assert not named["certain"]
    assert named["candidates"][0] == {"ndc": "1234-5678-90", "billing": "01234567890"}
    assert candidates_of_gtin("00300028215012") == parse_ndc("0002-8215-01")
    assert candidates_of_gtin(GTIN) == []
    for one in candidates_of_gtin("00312345678906"):
        assert one in parse_ndc(one.billing)


def test_pzn_in_a_gtin() -> None:
    assert name_item("04150123456782", PrefixLengths()).attributes["pzn"] == "12345678"
