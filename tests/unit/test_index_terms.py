"""Events as index rows: one fact has one term, and no event is refused."""

import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.epcis.compared import MAX_TERM_BYTES, field, kept, spellings, term
from ledger.core.epcis.index_terms import index_row
from ledger.core.epcis.master_data import MasterData
from ledger.core.epcis.patterns import find_pattern
from ledger.core.epcis.units import UNITS, in_base_unit
from ledger.core.errors import MalformedError

EX = "http://example.org/voc"
# What UTF-8 can carry.
SCALARS = st.characters(exclude_categories=["Cs"])
CONTEXT = ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld", {"ex": f"{EX}/"}]


def row(**members: object) -> Any:  # noqa: ANN401 -- an IndexRow
    return index_row({"@context": CONTEXT, "type": "ObjectEvent", **members})  # type: ignore[dict-item]


def test_columns_hold_what_an_event_has_once() -> None:
    made = row(
        action="ADD", bizStep="urn:epcglobal:cbv:bizstep:shipping", disposition="ex:gone",
        readPoint={"id": "urn:epc:id:sgln:4012345.00001.0"}, bizLocation={"id": "urn:x:1"},
    )  # fmt: skip
    assert (made.event_type, made.action, made.biz_step) == ("ObjectEvent", "ADD", "shipping")
    assert made.disposition == f"{EX}/gone"
    assert (made.read_point, made.biz_location) == ("/414/4012345000016", "uri:urn:x:1")


def test_extensions_are_kept_by_namespace_section_and_depth() -> None:
    made = row(
        **{"ex:a": ["x", 2, {"ex:b": "y"}], "other:c": 1, "plain": 2},
        ilmd={"cbvmda:lotNumber": "L", "ex:n": {"plain": {"ex:deep": True}}},
    )
    assert set(made.terms) == {
        f"{EX}#a", f"{EX}#a=x", f"{EX}#a=2", f"INNER_{EX}#b", f"INNER_{EX}#b=y",
        "ILMD_urn:epcglobal:cbv:mda#lotNumber", "ILMD_urn:epcglobal:cbv:mda#lotNumber=L",
        f"ILMD_{EX}#n", f"INNER_ILMD_{EX}#deep", f"INNER_ILMD_{EX}#deep=true",
    }  # fmt: skip
    assert made.numbers == ((f"{EX}#a", 2.0),)


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        ("007", ["007"]), ("7", ["7"]), (7, ["7"]), (7.0, ["7"]), ("7.50", ["7.50", "7.5"]),
        ("1e2", ["1e2", "100"]), (1e2, ["100"]), (True, ["true"]), ("true", ["true"]),
        ("2026-01-01T00:00:00Z", ["2026-01-01T00:00:00Z", "@1767225600000"]), ("", [""]),
    ],
)  # fmt: skip
def test_a_scalar_is_found_by_text_number_and_instant(value: Any, texts: list[str]) -> None:  # noqa: ANN401
    assert list(spellings(value)) == texts


@given(
    st.text(SCALARS),
    st.text(SCALARS),
)
def test_what_is_kept_fits_and_tells_texts_apart(first: str, second: str) -> None:
    for limit in (8, MAX_TERM_BYTES):
        one, other = kept(first, limit), kept(second, limit)
        assert (one == other) == (first == second)
        assert "\0" not in one
        assert len(one.encode()) <= limit + 65
    assert term("a", first).startswith("a=")
    assert len(field("x" * 5000).encode()) < 1100


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(SCALARS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["ex:a", "id", "type", "uom", "value", "quantity", "epcClass", "sDev",
                         "sensorReport", "sensorMetadata", "time", "set", "bizTransaction",
                         "declarationTime", "correctiveEventIDs", "@value", "@context"])
        | st.text(SCALARS, max_size=4), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
MEMBERS = st.sampled_from(
    ["@context", "type", "action", "bizStep", "disposition", "readPoint", "bizLocation", "ilmd",
     "quantityList", "bizTransactionList", "sourceList", "persistentDisposition",
     "errorDeclaration", "sensorElementList", "transformationID", "ex:ext"]
)  # fmt: skip


@given(st.dictionaries(MEMBERS, JSON))
def test_no_event_is_refused(event: dict[str, Any]) -> None:
    made = index_row(event)
    assert list(made.terms) == sorted(set(made.terms))
    assert all(
        len(text.encode()) <= MAX_TERM_BYTES + 65 and "\0" not in text for text in made.terms
    )
    assert all(value == value for _, value in made.numbers)  # noqa: PLR0124 -- no NaN


@given(JSON)
def test_no_header_is_refused(header: Any) -> None:  # noqa: ANN401 -- any JSON
    MasterData().add({"epcisHeader": header})
    MasterData().add({"epcisHeader": {"epcisMasterData": {"vocabularyList": header}}})


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("0", "CEL"), ("273.15", "KEL")), (("212", "FAH"), ("100", "CEL")),
        (("1", "LBR"), ("16", "ONZ")), (("1", "FOT"), ("12", "INH")), (("1", "KMH"), ("1000", "X")),
        (("1", "BAR"), ("1000", "MBR")), (("1", "WEE"), ("168", "HUR")),
        (("1", "LTR"), ("1000", "MLT")),
        (("180", "DD"), ("3.14159265358979", "C81")), (("50", "P1"), ("0.5", "C62")),
        (("1", "KWH"), ("3.6", "3B")), (("1", "MQH"), ("16.6666666666667", "L2")),
    ],
)  # fmt: skip
def test_units_of_one_dimension_meet(first: tuple[str, str], second: tuple[str, str]) -> None:
    one, other = (in_base_unit(Decimal(value), unit) for value, unit in (first, second))
    assert (one == other) == (second[1] != "X")


def test_every_unit_is_listed_once_and_a_spread_has_no_zero_point() -> None:
    assert len(UNITS) > 100
    assert all(unit.factor > 0 for unit in UNITS.values())
    assert in_base_unit(Decimal("1.8"), "FAH", difference=True) == ("temperature", 1.0)


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        ("idpat:sgtin:4012345.011111.*", "/01/04012345111118/21/9", "/01/04012345111118/10/9"),
        ("idpat:sgtin:4012345.*.*", "/01/54012345111113/21/9", "/01/04012346111117/21/9"),
        ("idpat:sgtin:*.*.*", "/01/04012345111118/21/9", "/01/04012345111118"),
        ("idpat:sscc:4012345.*", "/00/340123450000000017", "/00/440123460000000017"),
        ("idpat:sgln:4012345.00001.*", "/414/4012345000016/254/7", "/414/4012345000023"),
        ("idpat:grai:4012345.12345.*", "/8003/04012345123456X", "/8003/04012345123449X"),
        ("idpat:giai:4012345.*", "/8004/4012345A", "/8004/4012346A"),
        ("idpat:cpi:4012345.A.*", "/8010/4012345A/8011/1", "/8010/4012345AB/8011/1"),
        ("idpat:itip:4012345.011111.01.02.*", "/8006/040123451111180102/21/1",
         "/8006/040123451111180202/21/1"),
        ("class:lgtin:4012345.011111.*", "/01/04012345111118/10/L", "/01/04012345111118/21/L"),
        ("idpat:gdti:4012345.*.*", "/253/4012345000016X", "/253/4012346000015X"),
        ("idpat:gid:95100000.12345.*", "uri:urn:epc:id:gid:95100000.12345.4",
         "uri:urn:epc:id:gid:95100000.123456.4"),
        ("idpat:usdod:*.*", "uri:urn:epc:id:usdod:2S194.1", "uri:urn:epc:id:adi:2S194.1"),
    ],
)  # fmt: skip
def test_a_pattern_is_a_range_of_paths(pattern: str, inside: str, outside: str) -> None:
    found = find_pattern(f"urn:epc:{pattern}")
    assert found is not None

    def matches(path: str) -> bool:
        in_range = any(low <= path < high for low, high in found.ranges)
        return in_range and (not found.expression or bool(re.search(found.expression, path)))

    assert matches(inside)
    assert not matches(outside)


def test_what_has_no_wildcard_is_no_pattern() -> None:
    assert find_pattern("urn:epc:id:sgtin:4012345.011111.*") is None
    assert find_pattern("urn:epc:idpat:sgtin:4012345.011111.9") is None
    assert find_pattern("urn:epc:idpat:usdod:*.*", classes=True) is None
    assert find_pattern("urn:epc:idpat:usdod:2S194.1") is None
    with pytest.raises(MalformedError):
        find_pattern("urn:epc:idpat:sgtin:4012345.*")
    with pytest.raises(MalformedError):
        find_pattern("urn:epc:idpat:gid:*.2.*")
