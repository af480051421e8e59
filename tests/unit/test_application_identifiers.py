"""The table of AIs, row by row against GS1's own machine-readable one, and its rules by example."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from ledger.core.barcodes.ai_rules import RULES, has_check_pair
from ledger.core.barcodes.application_identifiers import ROWS, ApplicationIdentifier, find_ai
from ledger.core.barcodes.refusal import BarcodeError

# Their name of a rule -> ours.
SAME_RULE = {
    "csum": "check", "csumalpha": "pair", "yymmd0": "date0", "yymmdd": "date", "yyyymmdd": "date",
    "hhmi": "time", "hh": "hour", "mi": "minute", "ss": "minute", "pieceoftotal": "pieces",
    "zero": "zero", "nonzero": "nonzero", "nozeroprefix": "nozero", "yesno": "flag",
    "iso5218": "sex", "winding": "winding", "hyphen": "minus", "latitude": "latitude",
    "longitude": "longitude", "mediatype": "media", "iso3166alpha2": "country2",
    "posinseqslash": "sequence", "importeridx": "importer", "iban": "iban", "pcenc": "percent",
}  # fmt: skip
# Rules that we leave out, and why.
LEFT_OUT = {
    "gcppos1": "GS1's table of company prefixes is no part of this program",
    "gcppos2": "GS1's table of company prefixes is no part of this program",
    "iso3166": "a code list of others ages; digits only",
    "iso3166999": "a code list of others ages; digits only",
    "iso4217": "a code list of others ages; digits only",
    "packagetype": "a code list of others ages; characters only",
    "couponcode": "North American coupons name no item",
    "couponposoffer": "North American coupons name no item",
    "hasnondigit": "a MUDI is no item; its check pair is verified",
}
_ENTRY = re.compile(r"([0-9]{2,4})(?:-([0-9]{2,4}))?\s+([^\w\s\[]*)\s+(.*)")
_COMPONENT = re.compile(r"(\[?)([NXYZ])(\.\.)?([0-9]+)\]?((?:,\w+)*)")


class Entry(NamedTuple):
    fixed: bool
    components: list[tuple[str, int, int, bool]]
    rules: list[str]
    needs: set[frozenset[str]]
    excludes: set[str]


def entries(text: str) -> dict[str, Entry]:
    found = {}
    for line in text.splitlines():
        entry = _ENTRY.match(line.partition("#")[0].rstrip())
        if entry is None:
            continue
        first, last, flags, rest = entry.groups()
        components, rules, needs, excludes = [], [], set(), set()
        for word in rest.split():
            part = _COMPONENT.fullmatch(word)
            if part is not None:
                optional, kind, up_to, length, linters = part.groups()
                shortest = 1 if up_to else int(length)
                components.append((kind, shortest, int(length), bool(optional)))
                rules.append(linters)
            elif word.startswith("req="):
                needs.add(frozenset(word[4:].split(",")))
            elif word.startswith("ex="):
                excludes |= set(word[3:].split(","))
        for ai in range(int(first), int(last or first) + 1):
            name = str(ai).zfill(len(first))
            found[name] = Entry("*" in flags, components, rules, needs, excludes)
    return found


def differences(ai: str, theirs: Entry, ours: ApplicationIdentifier | None) -> list[str]:
    if ours is None:
        return [f"{ai} is missing"]
    wrong = []
    if ours.predefined != theirs.fixed:
        wrong.append(f"{ai} FNC1")
    shape = [(one.kind, one.shortest, one.longest, one.optional) for one in ours.components]
    if shape != theirs.components:
        wrong.append(f"{ai} format {shape} {theirs.components}")
    for one, linters in zip(ours.components, theirs.rules, strict=False):
        named = [name for name in linters.split(",") if name and name not in LEFT_OUT]
        if [SAME_RULE[name] for name in named] != ([one.rule] if one.rule else []):
            wrong.append(f"{ai} rules {one.rule} {linters}")
    needs = {frozenset("+".join(way) for way in need) for need in ours.needs}
    if needs != theirs.needs:
        wrong.append(f"{ai} needs {needs ^ theirs.needs}")
    if set(ours.excludes) != theirs.excludes:
        wrong.append(f"{ai} excludes {set(ours.excludes) ^ theirs.excludes}")
    return wrong


def test_the_table_is_that_of_gs1(
    conformance_data: Path, conformance_tally: Callable[[int, int], None]
) -> None:
    text = (conformance_data / "epcis/schemas/gs1-syntax-dictionary.txt").read_text()
    theirs = entries(text)
    assert len(theirs) > 500
    wrong = [one for ai, entry in theirs.items() for one in differences(ai, entry, ROWS.get(ai))]
    conformance_tally(len(theirs), len(wrong))
    assert wrong == []
    assert ROWS.keys() == theirs.keys()


def test_no_ai_begins_with_another() -> None:
    for ai in ROWS:
        assert not [other for other in ROWS if other != ai and other.startswith(ai)]
        row = find_ai(f"{ai}123")
        assert row is not None
        assert row.ai == ai


def test_check_pair_of_the_general_specifications() -> None:
    assert has_check_pair("1987654Ad4X4bL5ttr2310c2K")
    assert not has_check_pair("1987654Ad4X4bL5ttr2310c2L")
    assert not has_check_pair("2K")


@pytest.mark.parametrize(
    ("ai", "good", "bad", "code"),
    [
        ("00", "006141410000000012", "006141410000000013", "INVALID_CHECK_DIGIT"),
        ("01", "09501101530003", "9501101530003", "LEADING_ZERO_STRIPPED"),
        ("01", "09501101530003", "0950110153", "VALUE_TOO_SHORT"),
        ("10", "A" * 20, "A" * 21, "VALUE_TOO_LONG"),
        ("10", "a/B", "a B", "INVALID_CHARACTER"),
        ("10", "a/B", "", "EMPTY_VALUE"),
        ("11", "240229", "230229", "INVALID_DATE"),
        ("17", "281200", "281300", "INVALID_DATE"),
        ("17", "281200", "280031", "INVALID_DATE"),
        ("253", "4012345555554ABC", "4012345555555ABC", "INVALID_CHECK_DIGIT"),
        ("4309", "18000000003600000000", "18000000013600000000", "INVALID_VALUE"),
        ("4321", "1", "2", "INVALID_VALUE"),
        ("4324", "2812002359", "2812002400", "INVALID_DATE"),
        ("4326", "281231", "281200", "INVALID_DATE"),
        ("4330", "000123-", "000123+", "INVALID_VALUE"),
        ("4300", "A%20B", "A%2", "INVALID_VALUE"),
        ("4307", "DE", "de", "INVALID_VALUE"),
        ("7007", "280101280131", "280101280132", "INVALID_DATE"),
        ("7040", "1ABc", "1AB%", "INVALID_VALUE"),
        ("7241", "10", "11", "INVALID_VALUE"),
        ("7250", "20240229", "20230229", "INVALID_DATE"),
        ("7252", "9", "3", "INVALID_VALUE"),
        ("7258", "1/2", "2/1", "INVALID_VALUE"),
        ("8001", "1234123451231" + "1", "1234123451233" + "1", "INVALID_VALUE"),
        ("8003", "04012345555554", "14012345555554", "INVALID_VALUE"),
        ("8006", "040123451111180102", "040123451111180301", "INVALID_VALUE"),
        ("8007", "GB82WEST12345698765432", "GB82WEST12345698765431", "INVALID_CHECK_DIGIT"),
        ("8008", "28013123", "28013124", "INVALID_DATE"),
        ("8010", "ABC#/-1", "abc", "INVALID_CHARACTER"),
        ("8011", "1", "01", "INVALID_VALUE"),
        ("8030", "aA0_-=", "a+", "INVALID_CHARACTER"),
    ],
)  # fmt: skip
def test_values(ai: str, good: str, bad: str, code: str) -> None:
    ROWS[ai].verify(good)
    with pytest.raises(BarcodeError) as refused:
        ROWS[ai].verify(bad)
    assert refused.value.code == code
    assert refused.value.field == f"({ai})"


def test_every_rule_is_used() -> None:
    used = {one.rule for row in ROWS.values() for one in row.components if one.rule}
    assert used == RULES.keys()
