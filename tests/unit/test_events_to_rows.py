"""Events into rows: what a row would not say again is told by pointer, and nothing is invented."""

from collections.abc import Sequence
from typing import Any

from ledger.core.epcis.document import STANDARD_CONTEXT, Document, Event, Format, Kind
from ledger.core.tabular.columns import Column
from ledger.core.tabular.events_to_rows import ADDED, LOST, SPLIT, rows_of

GTIN = "04012345111118"
URN = "urn:epc:id:sgtin:4012345.011111.A1"
GOOD: Event = {
    "type": "ObjectEvent", "action": "OBSERVE", "bizStep": "shipping", "disposition": "in_transit",
    "eventTime": "2026-01-02T10:00:00Z", "eventTimeZoneOffset": "+00:00", "epcList": [URN],
}  # fmt: skip


def document(*events: Event, **members: Any) -> Document:  # noqa: ANN401
    return Document(
        format=Format.JSON, kind=Kind.CAPTURE,
        members={"@context": [STANDARD_CONTEXT], "type": "EPCISDocument", **members},
        events=events, pointers=[f"/epcisBody/eventList/{i}" for i in range(len(events))],
    )  # fmt: skip


def told(*events: Event, **members: Any) -> list[tuple[str, str]]:  # noqa: ANN401
    losses = rows_of(document(*events, **members)).losses
    return [(one.code, one.pointer.removeprefix("/epcisBody/eventList")) for one in losses]


def rows(*events: Event) -> list[dict[Column, str]]:
    exported = rows_of(document(*events))
    return [as_dict(exported.columns, row) for row in exported.rows]


def as_dict(columns: Sequence[Column], row: Sequence[str]) -> dict[Column, str]:
    return dict(zip(columns, row, strict=True))


def test_a_urn_is_a_gtin_and_a_serial_and_nothing_is_lost() -> None:
    assert rows(GOOD) == [
        {
            Column.KIND: "shipping", Column.EVENT_TIME: "2026-01-02T10:00:00Z",
            Column.GTIN: GTIN, Column.SERIAL: "A1",
        }
    ]  # fmt: skip
    assert told(GOOD) == []


def test_identifiers_that_are_no_gtin_keep_their_spelling() -> None:
    grai = "urn:epc:id:grai:4012345.12345.A"
    assert rows(GOOD | {"epcList": [grai]})[0][Column.EPC] == grai
    assert told(GOOD | {"epcList": [grai]}) == []


def test_every_member_without_a_column_is_told_by_its_pointer() -> None:
    event = GOOD | {
        "recordTime": "2026-01-02T10:00:01Z", "sensorElementList": [{}], "ex:field": 1,
        "sourceList": [
            {"type": "owning_party", "source": "urn:epc:id:pgln:4012345.00000"},
            {"type": "owning_party", "source": "urn:epc:id:pgln:4012345.00001"},
        ],
    }  # fmt: skip
    assert told(event) == [
        (LOST, "/0/sensorElementList"), (LOST, "/0/ex:field"), (LOST, "/0/sourceList/1"),
    ]  # fmt: skip


def test_what_stands_beside_the_events_is_told() -> None:
    header = {"epcisMasterData": {}}
    assert told(GOOD, sender="urn:x", epcisHeader=header) == [
        (LOST, "/sender"), (LOST, "/epcisHeader"),
    ]  # fmt: skip


def test_an_event_whose_rows_would_say_something_else_has_none() -> None:
    declared = GOOD | {"errorDeclaration": {"declarationTime": "2026-01-03T10:00:00Z"}}
    others = [
        GOOD | {"type": "TransformationEvent"}, GOOD | {"action": "ADD"},
        GOOD | {"bizStep": "urn:x"}, GOOD | {"eventTime": "today"}, GOOD | {"epcList": []},
        declared,
    ]  # fmt: skip
    for event in others:
        assert rows(event) == []
        assert told(event) == [(LOST, "/0")]


def test_an_absent_disposition_stays_absent() -> None:
    event = {name: value for name, value in GOOD.items() if name != "disposition"}
    assert rows(event)[0][Column.DISPOSITION] == "none"
    assert told(event) == []


def test_what_rows_say_beyond_their_event_is_told() -> None:
    quantity = {"epcClass": f"https://id.gs1.org/01/{GTIN}/10/L1", "quantity": 5}
    made = GOOD | {"action": "ADD", "bizStep": "commissioning", "disposition": "active"}
    del made["epcList"]
    assert told(made | {"quantityList": [quantity]}) == [(ADDED, "/0/ilmd/cbvmda:lotNumber")]
    second = {"epcClass": f"https://id.gs1.org/01/{GTIN}/10/L2", "quantity": 5}
    assert told(made | {"quantityList": [quantity, second]})[0] == (SPLIT, "/0")
