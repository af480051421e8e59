"""Scan hygiene: 10,000 corruptions explained, 3,000 unknown serials never excused.

How the corruptions are made: tests/scan_corruptions.py. A corruption counts as explained when the
scan is not `ok`, its kind is named, and, where the label can be known again, a suggestion names its
item. Known are the items of all labels; what shows without that list is counted apart.
"""

import random
from collections import Counter

import pytest

from ledger.core.barcodes.diagnosis import Diagnosed, Known, Verdict, diagnose
from ledger.core.barcodes.element_strings import MAX_SCAN_CHARACTERS
from ledger.core.barcodes.keyboards import Mistyping, type_on
from tests.scan_corruptions import GS, KINDS, Corruption, corruptions, label

CORRUPTIONS, UNKNOWN = 10_000, 3_000
SEED = 20_261_125
# What no single scan can show: letters of another case or place are letters, and digits digits.
NEEDS_KNOWN_ITEMS = {
    "caps lock", "zeros of a serial", "layout and shift lock", "layout US on QWERTZ",
    "layout QWERTZ on US", "layout and lost separators",
}  # fmt: skip


def is_explained(one: Corruption, found: Diagnosed) -> bool:
    if found.verdict is Verdict.OK or not {d.code for d in found.diagnosis} & one.codes:
        return False
    suggested = {(d.suggestion or {}).get("item") for d in found.diagnosis}
    return one.label.path in suggested or not one.recoverable


@pytest.fixture(scope="module")
def corrupted() -> list[Corruption]:
    return corruptions(CORRUPTIONS, SEED)


@pytest.fixture(scope="module")
def known(corrupted: list[Corruption]) -> Known:
    return {one.label.path for one in corrupted}.__contains__


def test_corruptions_are_explained(corrupted: list[Corruption], known: Known) -> None:
    unexplained: Counter[str] = Counter()
    for one in corrupted:
        found = diagnose(one.raw, known)
        assert found.raw == one.raw
        if not is_explained(one, found):
            unexplained[one.kind] += 1
    assert sum(unexplained.values()) <= CORRUPTIONS // 100, unexplained


def test_most_show_without_a_list_of_known_items(corrupted: list[Corruption]) -> None:
    some = corrupted[:2500]
    unexplained = Counter(one.kind for one in some if not is_explained(one, diagnose(one.raw)))
    assert sum(unexplained.values()) <= len(some) * 12 // 100, unexplained
    total = Counter(one.kind for one in some)
    assert [
        kind
        for kind, count in unexplained.items()
        if count > total[kind] / 50 and kind not in NEEDS_KNOWN_ITEMS
    ] == []


def test_no_unknown_serial_is_excused(known: Known) -> None:
    chance = random.Random(SEED + 1)
    for _ in range(UNKNOWN):
        scan = label(chance).scan
        for oracle in (None, known):
            found = diagnose(scan, oracle)
            assert (found.verdict, found.diagnosis) == (Verdict.OK, ()), scan


def test_known_items_are_ok(corrupted: list[Corruption], known: Known) -> None:
    for one in corrupted[:1000]:
        found = diagnose(one.label.scan, known)
        assert (found.verdict, found.diagnosis) == (Verdict.OK, ()), one.label.scan


def test_corruptions_are_the_same_each_time() -> None:
    assert corruptions(len(KINDS), 7) == corruptions(len(KINDS), 7)


US_ON_AZERTY = Mistyping("US", "AZERTY")
GTIN = "0109501101530003"
LABEL = f"]d2{GTIN}1728013110AB-123{GS}21ABC12"


@pytest.mark.parametrize(
    ("raw", "verdict", "code", "meant"),
    [
        (LABEL.swapcase(), "refused", "CAPS_LOCK", LABEL),
        ('$déà&àç(à&&à&("ààà"&èé_à&"&&àQB)&é"\x1dé&QBC&é', "refused", "KEYBOARD_LAYOUT", LABEL),
        (LABEL.replace("]", "+").replace("-", "ß"), "refused", "KEYBOARD_LAYOUT", LABEL),
        (LABEL.replace(GS, ""), "suspect", "SEPARATOR_LOST", LABEL),
        (LABEL.replace(GS, "<GS>"), "suspect", "SEPARATOR_REPLACED", LABEL),
        (f"{GTIN}10L<GS>21AB", "suspect", "SEPARATOR_REPLACED", f"{GTIN}10L{GS}21AB"),
        (LABEL.replace(GS, "|"), "refused", "SEPARATOR_REPLACED", LABEL),
        (LABEL.replace(GS, " "), "refused", "SEPARATOR_REPLACED", LABEL),
        (LABEL.replace(GS, ";") + "12345678901234", "refused", "SEPARATOR_REPLACED",
         LABEL + "12345678901234"),
        (LABEL + "\r\n", "refused", "WHITESPACE", LABEL),
        (LABEL.replace("]d2010", "]d201"), "refused", "LEADING_ZERO_STRIPPED", LABEL),
        (GTIN[1:] + "21A", "suspect", "LEADING_ZERO_STRIPPED", GTIN + "21A"),
        ("6141410000000012", "refused", "LEADING_ZERO_STRIPPED", "00006141410000000012"),
        (LABEL + LABEL, "refused", "DOUBLED", LABEL),
        (f"UDI: {LABEL}", "refused", "WRAPPED", LABEL),
        ("d2" + LABEL[3:], "refused", "SYMBOLOGY_IDENTIFIER_BROKEN", LABEL),
        (LABEL[:10], "refused", "TRUNCATED", None),
        ("https://id.gs1.org/01/095011015300", "refused", "TRUNCATED", None),
        ("id.gs1.org/01/09501101530003", "refused", "SCHEME_LOST",
         "https://id.gs1.org/01/09501101530003"),
        ("HTTPS://ID.GS1.ORG/01/09501101530003/21/abC", "suspect", "CAPS_LOCK",
         "https://id.gs1.org/01/09501101530003/21/ABc"),
        ("https://id.gs1.org/01/09501101530003/21/a%252Fb", "suspect", "PERCENT_ENCODED",
         "https://id.gs1.org/01/09501101530003/21/a%2Fb"),
        (f"]D2{GTIN}21ABC", "refused", "CASE_CHANGED", f"]d2{GTIN}21ABC"),
        (f"]D2{GTIN}21ABC", "refused", "CAPS_LOCK", f"]d2{GTIN}21abc"),
        # A wrong check digit behind a wrong layout: the fault is named, no item is proposed.
        (type_on(f"01{GTIN[2:-1]}421A", US_ON_AZERTY), "refused", "KEYBOARD_LAYOUT",
         f"01{GTIN[2:-1]}421A"),
        (type_on(LABEL.replace(GS, ""), US_ON_AZERTY), "refused", "SEPARATOR_LOST", LABEL),
        ("https://s.example/?code=%5Dd20109501101530003", "refused", "WRAPPED_URL",
         "]d20109501101530003"),
        (f"https://s.example/?c={GTIN}21A/B%1D10L%1D17280131", "refused", "WRAPPED_URL",
         f"{GTIN}21A/B{GS}10L{GS}17280131"),
        (f"https://s.example/?c={GTIN}21/B&id=1234", "refused", "WRAPPED_URL", f"{GTIN}21/B"),
        (f"https://s.example/p/{GTIN}21A/B?id=1234", "refused", "WRAPPED_URL", f"{GTIN}21A/B"),
        ("+a123bjc5d6e71g", "refused", "CAPS_LOCK", "+A123BJC5D6E71G"),
        (f"]d1{GTIN}21A", "suspect", "NOT_A_GS1_SYMBOL", f"]d1{GTIN}21A"),
    ],
)  # fmt: skip
def test_faults_by_name(raw: str, verdict: str, code: str, meant: str | None) -> None:
    found = diagnose(raw).as_json()
    assert found["input"] == raw
    assert found["verdict"] == verdict
    assert code in {one["code"] for one in found["diagnosis"]}
    texts = [one.get("suggestion", {}).get("text") for one in found["diagnosis"]]
    assert meant in texts


@pytest.mark.parametrize(
    ("raw", "code", "meant"),
    [
        (LABEL.replace(GS, ""), "SEPARATOR_LOST", LABEL),
        ("9501101530003", "", ""),
        ("90349995486249241", "LEADING_ZERO_STRIPPED", "00090349995486249241"),
        ("https://id.gs1.org/01/9501101530003/21/A?17=280131", "LEADING_ZERO_STRIPPED",
         "https://id.gs1.org/01/09501101530003/21/A?17=280131"),
        ("https://x.example/gtin/950110153007/lot/A", "LEADING_ZERO_STRIPPED",
         "https://x.example/gtin/00950110153007/lot/A"),
        ("https://x.example/01/96385074", "LEADING_ZERO_STRIPPED",
         "https://x.example/01/00000096385074"),
        ("https://id.gs1.org/01/09501101530003/21/A? 17=280131", "WHITESPACE",
         "https://id.gs1.org/01/09501101530003/21/A?17=280131"),
    ],
)  # fmt: skip
def test_a_list_of_other_items_takes_no_evidence_away(raw: str, code: str, meant: str) -> None:
    alone = diagnose(raw)
    assert diagnose(raw, {"/01/09506000134352/21/1"}.__contains__) == alone
    assert alone.verdict is (Verdict.SUSPECT if code else Verdict.OK)
    assert [(one.code, (one.suggestion or {})["text"]) for one in alone.diagnosis] == (
        [(code, meant)] if code else []
    )


def test_explanations_of_refused_scans_are_the_same_with_a_list_of_other_items() -> None:
    scan = LABEL.replace(GS, "")[:-5] + "ABCDEFGHIJ"
    typed = type_on(LABEL.replace(GS, ""), US_ON_AZERTY)
    for raw in (scan, typed):
        found = diagnose(raw, {"/01/09506000134352/21/1"}.__contains__)
        assert "SEPARATOR_LOST" in {one.code for one in found.diagnosis}
        assert found == diagnose(raw)


@pytest.mark.parametrize(
    ("raw", "codes"),
    [
        ("https://id.gs1.org/01/09501101530003/21/A?17=280131", []),
        ("https://id.gs1.org/01/9501101530003/21/A", ["LEADING_ZERO_STRIPPED"]),
        ("https://id.gs1.org/01/09501101530003/21/A? 17=280131", ["WHITESPACE"]),
        (f"{GTIN}21A{GS}10L<GS>17280131", ["SEPARATOR_REPLACED"]),
    ],
)
def test_a_list_clears_its_item_but_no_spelling_that_no_label_has(
    raw: str, codes: list[str]
) -> None:
    found = diagnose(raw, {"/01/09501101530003/21/A"}.__contains__)
    assert [one.code for one in found.diagnosis] == codes


@pytest.mark.parametrize("mistyping", [Mistyping("US", "QWERTZ"), Mistyping("QWERTZ", "US")])
def test_where_a_separator_was_lost_y_and_z_may_be_swapped(mistyping: Mistyping) -> None:
    label = f"{GTIN}1728013110AB12{GS}21YAZ123"
    for identifier in ("", "]d2"):
        raw = identifier + type_on(label.replace(GS, ""), mistyping)
        found = diagnose(raw)
        assert found.verdict is Verdict.SUSPECT
        meant = {(one.code, (one.suggestion or {})["text"]) for one in found.diagnosis}
        label_there = identifier + label
        assert {("SEPARATOR_LOST", label_there), ("KEYBOARD_LAYOUT", label_there)} <= meant
        assert found.diagnosis[0].code == "SEPARATOR_LOST"


@pytest.mark.parametrize(
    "scan",
    [
        "HTTPS://ID.GS1.ORG/01/09501101530003/21/ABC",
        "https://id.gs1.org/01/09501101530003/21/a%25b",
        f"{GTIN}21abcdefgh",
        f"{GTIN}1728013110L21{GS}21A",
        f"{GTIN}17280131102145",
        f"{GTIN}2155170010",
    ],
)
def test_odd_scans_are_ok_without_evidence(scan: str) -> None:
    found = diagnose(scan)
    assert (found.verdict, found.diagnosis) == (Verdict.OK, ())


def test_evidence_is_the_known_item_not_the_likeness() -> None:
    scan = f"{GTIN}21aBc"
    assert diagnose(scan, {"/01/09501101530003/21/xyz"}.__contains__).verdict is Verdict.OK
    swapped = diagnose(scan, {"/01/09501101530003/21/AbC"}.__contains__)
    assert swapped.verdict is Verdict.SUSPECT
    assert [one.code for one in swapped.diagnosis] == ["CAPS_LOCK"]
    assert swapped.as_json()["elements"]["21"] == "aBc"


def test_a_fault_of_the_lot_alone_shows_where_lots_are_known() -> None:
    item, lot = "/01/09501101530003/21/123", "/01/09501101530003/10/YZ"
    scan = f"{GTIN}10ZY{GS}21123"
    assert diagnose(scan, {item}.__contains__).verdict is Verdict.OK
    found = diagnose(scan, {item, lot}.__contains__)
    assert found.verdict is Verdict.SUSPECT
    assert found.diagnosis[0].code == "KEYBOARD_LAYOUT"
    unknown_lot = f"{GTIN}10AB{GS}21123"
    assert diagnose(unknown_lot, {item, lot}.__contains__).verdict is Verdict.OK


@pytest.mark.parametrize("unit", ["1021", "0", "21", "%25", "<GS>", "]d2", "https://", "(01)", " "])
def test_long_texts_cost_no_more_than_short(unit: str) -> None:
    text = (unit * MAX_SCAN_CHARACTERS)[:MAX_SCAN_CHARACTERS]
    diagnose(text)
    diagnose(GTIN + "10" + text[:2000], lambda _path: False)
    assert diagnose(text + unit).diagnosis[-1].code == "TOO_LONG"
