"""The table "Operation" of docs/spec/event.md, line by line."""

from typing import Any

import pytest
from unbroken_verifier.eip712 import Z32
from unbroken_verifier.errors import RefusedError
from unbroken_verifier.event import Gap, gaps, lists_children, verify_pointer
from unbroken_verifier.identifiers import party_key
from unbroken_verifier.operation import Op, instant, operation, receiver

LINES: dict[str, tuple[Op, dict[str, Any]]] = {
    "1": (Op.VOID, {"/type": "TransformationEvent", "/errorDeclaration": {}}),
    "2": (Op.VOID, {"/type": "ObjectEvent", "/action": "ADD", "/bizStep": "void_shipping"}),
    "3": (Op.TRANSFORM, {"/type": "TransformationEvent", "/bizStep": "shipping"}),
    "4": (Op.OTHER, {"/type": "AssociationEvent", "/action": "ADD"}),
    "4 unknown type": (Op.OTHER, {"/type": "QuantityEvent"}),
    "4 no text": (Op.OTHER, {"/type": ["ObjectEvent"]}),
    "5": (Op.PACK, {"/type": "AggregationEvent", "/action": "ADD", "/bizStep": "shipping"}),
    "6": (Op.UNPACK, {"/type": "AggregationEvent", "/action": "DELETE"}),
    "7": (Op.COMMISSION, {"/type": "ObjectEvent", "/action": "ADD", "/bizStep": "shipping"}),
    "8": (Op.DISPENSE, {"/type": "ObjectEvent", "/action": "DELETE", "/bizStep": "dispensing"}),
    "9": (Op.DESTROY, {"/type": "ObjectEvent", "/action": "DELETE", "/bizStep": "destroying"}),
    "10": (Op.DECOMMISSION, {"/type": "ObjectEvent", "/action": "DELETE", "/bizStep": "shipping"}),
    "11": (Op.HANDOFF, {"/type": "TransactionEvent", "/action": "ADD", "/bizStep": "consigning"}),
    "12": (
        Op.RECEIVE,
        {"/type": "AggregationEvent", "/action": "OBSERVE", "/bizStep": "accepting"},
    ),
    "13": (Op.DISPENSE, {"/type": "ObjectEvent", "/bizStep": "retail_selling"}),
    "14": (Op.DESTROY, {"/type": "TransactionEvent", "/bizStep": "destroying"}),
    "15": (Op.DECOMMISSION, {"/type": "ObjectEvent", "/bizStep": "decommissioning"}),
    "16": (Op.OBSERVE, {"/type": "ObjectEvent", "/action": "OBSERVE"}),
    "16 no text": (Op.OBSERVE, {"/type": "ObjectEvent", "/bizStep": 7}),
}


@pytest.mark.parametrize("line", LINES)
def test_the_first_line_that_fits_decides(line: str) -> None:
    op, rows = LINES[line]
    assert operation(rows) == op


@pytest.mark.parametrize(
    "step",
    [
        "urn:epcglobal:cbv:bizstep:shipping",
        "https://ref.gs1.org/cbv/BizStep-shipping",
        "https://ns.gs1.org/voc/Bizstep-shipping",
        "shipping",
    ],
)
def test_a_step_is_compared_as_a_bare_word(step: str) -> None:
    assert operation({"/type": "ObjectEvent", "/bizStep": step}) == Op.HANDOFF


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.0019Z", 1),
        ("1970-01-01T00:00:00.5Z", 500),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T23:30:00-00:30", 0),
        ("2000-02-29T12:34:56.789-14:00", 951_878_096_789),
        ("9999-12-31T23:59:59.9999Z", 253_402_300_799_999),
        ("9999-12-31T09:59:59.999-14:00", 253_402_300_799_999),
    ],
)
def test_a_time_is_milliseconds_since_1970(text: str, milliseconds: int) -> None:
    assert instant(text) == milliseconds


@pytest.mark.parametrize(
    "text",
    [
        None,
        1,
        "",
        "2026-01-01T00:00:00",
        "2026-01-01t00:00:00Z",
        "2026-01-01T00:00:00z",
        "2026-01-01 00:00:00Z",
        "2026-01-01T00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:00:60Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:00+14:01",
        "2026-01-01T00:00:00+01:60",
        "2026-01-01T00:00:00.Z",
        "1969-12-31T23:59:59.999Z",
        "1970-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-14:00",
        "9999-12-31T23:59:00-00:01",
        "0000-01-01T00:00:00Z",
        "２026-01-01T00:00:00Z",  # noqa: RUF001  a digit, but none of ASCII
    ],
)
def test_another_spelling_of_a_time_is_refused(text: object) -> None:
    with pytest.raises(RefusedError):
        instant(text)  # type: ignore[arg-type]


ONE, TWO = "https://id.gs1.org/417/4012345000009", "urn:epc:id:sgln:0614141.00000.7"
ONE_KEY, TWO_KEY = party_key("/417/4012345000009"), party_key("/417/0614141000005")


def destinations(*named: tuple[str, str]) -> dict[str, Any]:
    return {
        f"/destinationList/{n}": {"type": kind, "destination": to}
        for n, (kind, to) in enumerate(named)
    }


OWNING = "urn:epcglobal:cbv:sdt:owning_party"


@pytest.mark.parametrize(
    ("rows", "party", "expected"),
    [
        (destinations(("owning_party", ONE)), TWO_KEY, ONE_KEY),
        (destinations((OWNING, TWO)), ONE_KEY, TWO_KEY),
        (destinations(("https://ref.gs1.org/cbv/SDT-owning_party", TWO)), ONE_KEY, TWO_KEY),
        (destinations(("owning_party", ONE)), ONE_KEY, Z32),
        (destinations(("owning_party", ONE), ("owning_party", TWO)), Z32, Z32),
        (destinations(("owning_party", ONE), (OWNING, ONE)), Z32, ONE_KEY),
        (destinations(("possessing_party", ONE), ("location", TWO)), Z32, Z32),
        ({"/destinationList": []}, Z32, Z32),
        ({}, Z32, Z32),
    ],
)
def test_the_owner_is_the_one_other_party_named(
    rows: dict[str, Any], party: bytes, expected: bytes
) -> None:
    assert receiver(rows, "owning_party", party) == expected


def test_a_destination_that_is_malformed_is_refused() -> None:
    for to in ("urn:epc:id:pgln:1.2", None):
        with pytest.raises(RefusedError):
            receiver(destinations(("owning_party", to)), "owning_party", Z32)  # type: ignore[arg-type]


def test_gaps_are_where_rows_are_withheld() -> None:
    assert gaps([(0, "/a"), (1, "/b")], 2) == []
    assert gaps([(1, "/b"), (3, "/d")], 5) == [
        Gap(after=b"", before=b"/b"),
        Gap(after=b"/b", before=b"/d"),
        Gap(after=b"/d", before=b"\xff"),
    ]


def test_children_may_be_listed_in_a_gap() -> None:
    wide = Gap(after=b"/bizStep", before=b"/eventTime")
    narrow = Gap(after=b"/eventTime", before=b"/type")
    assert lists_children(["/childEPCs/0"], []) is True
    assert lists_children(["/childEPCs"], []) is False
    assert lists_children([], [wide]) is None
    assert lists_children([], [narrow]) is False


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("", 1),
        ("a", 1),
        ("/a/b", 1),
        ("/a~", 1),
        ("/epcList/01", "x"),
        ("/epcList/x", "x"),
        ("/epcList/0/1", "x"),
        ("/epcList", ["x"]),
        ("/sourceList", [{}]),
        ("/ilmd", {"a": 1}),
        ("/ilmd/a/b", 1),
    ],
)
def test_a_row_that_the_page_does_not_make_is_refused(pointer: str, value: Any) -> None:  # noqa: ANN401
    with pytest.raises(RefusedError):
        verify_pointer(pointer, value)


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("/a", {}),
        ("/", 1),
        ("/a~1b~0", 1),
        ("/epcList", []),
        ("/epcList/10", "x"),
        ("/ilmd", {}),
        ("/ilmd/a~1b", 1),
        ("/ilmd/", 1),
        ("/é", 1),
    ],
)
def test_a_row_that_the_page_makes_is_taken(pointer: str, value: Any) -> None:  # noqa: ANN401
    verify_pointer(pointer, value)
