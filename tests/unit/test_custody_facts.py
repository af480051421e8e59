"""Facts of events: what is read of a content, and that nothing in it can break the reading."""

from typing import Any

import pytest

from ledger.core.custody.facts import EventFacts, Reading, event_facts
from tests.custody_story import item_of

SGLN = "urn:epc:id:sgln:0399991.99999.0"
PLACE = "/414/0399991999999"
LOT_CLASS = "https://id.gs1.org/01/00300011123454/10/L1"
HOUR = 3_600_000
NOON = 43_200_000  # 1970-01-01T12:00Z

SAID: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"bizStep": "urn:epcglobal:cbv:bizstep:shipping"}, {"step": "shipping"}),
    ({"bizStep": "https://x.example/own"}, {"step": "https://x.example/own"}),
    ({"disposition": "https://ref.gs1.org/cbv/Disp-recalled"}, {"disposition": "recalled"}),
    ({"disposition": "https://x.example/disp/exported"}, {"disposition": "exported"}),
    ({"disposition": "in_transit", "persistentDisposition": {"set": ["stolen"]}},
     {"disposition": "stolen"}),
    ({"disposition": "in_progress", "persistentDisposition": {"unset": ["recalled"]}},
     {"disposition": "active"}),
    ({"disposition": "in_transit", "bizTransactionList": [{"type": "rma"}]},
     {"disposition": "returned"}),
    ({"disposition": "in_transit", "bizTransactionList": [{"type": "po"}]},
     {"disposition": "in_transit"}),
    ({"readPoint": {"id": SGLN}}, {"place": PLACE}),
    ({"bizLocation": {"id": SGLN}}, {"place": PLACE}),
    ({"readPoint": {"id": SGLN}, "bizLocation": {"id": "urn:x:y"}}, {"place": PLACE}),
    ({"ilmd": {"cbvmda:lotNumber": "L1", "cbvmda:itemExpirationDate": "1970-01-01"}},
     {"lot": "L1", "expiry_ms": 86_399_999}),
    ({"ilmd": {"cbvmda:itemExpirationDate": "1970-01-01T05:00:00Z"}}, {"expiry_ms": 86_399_999}),
    ({"ilmd": {"cbvmda:itemExpirationDate": "1970-02-30"}}, {}),
    ({"quantityList": [{"epcClass": LOT_CLASS, "quantity": 3},
                       {"epcClass": LOT_CLASS, "quantity": 2.5}]},
     {"quantities": {item_of(LOT_CLASS): 5.5}}),
    ({"inputQuantityList": [{"epcClass": LOT_CLASS, "quantity": 500, "uom": "GRM"}]},
     {"quantities": {item_of(LOT_CLASS): -0.5}}),
    ({"sensorElementList": [{"sensorReport": [{"exception": "gs1:ALARM_CONDITION"}]}]},
     {"alarm": True}),
]  # fmt: skip


@pytest.mark.parametrize(("content", "facts"), SAID, ids=str)
def test_what_an_event_says(content: dict[str, Any], facts: dict[str, Any]) -> None:
    assert event_facts(content) == EventFacts(**facts)


def test_temperatures_are_read_in_any_unit_with_the_time_that_is_nearest() -> None:
    content = {
        "eventTime": "1970-01-01T12:00:00Z",
        "sensorElementList": [
            {"sensorReport": [{"type": "gs1:Temperature", "value": 41, "uom": "FAH"}]},
            {"sensorMetadata": {"startTime": "1970-01-01T10:00:00Z",
                                "endTime": "1970-01-01T11:00:00Z"},
             "sensorReport": [{"type": "Temperature", "minValue": 275.15, "maxValue": 277.15,
                               "uom": "KEL"},
                              {"type": "Humidity", "value": 12, "uom": "A93"}]},
            {"sensorReport": [{"type": "Temperature", "value": 7, "uom": "CEL",
                               "time": "1970-01-01T09:00:00Z"}]},
            {"sensorReport": [{"type": "Temperature", "value": 7, "uom": "LTR"}]},
        ],
    }  # fmt: skip
    assert event_facts(content).readings == (  # type: ignore[arg-type]
        Reading(start_ms=NOON, end_ms=NOON, low=5.0, high=5.0),
        Reading(start_ms=NOON - 2 * HOUR, end_ms=NOON - HOUR, low=2.0, high=4.0),
        Reading(start_ms=NOON - 3 * HOUR, end_ms=NOON - 3 * HOUR, low=7.0, high=7.0),
    )


NONSENSE: list[Any] = [None, True, 7, "", "x", [], [None], ["x"], {}, {"id": 7}, [{"a": 1}], [[]]]
MEMBERS = (
    "bizStep", "disposition", "persistentDisposition", "readPoint", "bizLocation", "ilmd",
    "bizTransactionList", "quantityList", "inputQuantityList", "sensorElementList",
)  # fmt: skip


@pytest.mark.parametrize("member", MEMBERS)
def test_a_wrong_shape_says_nothing(member: str) -> None:
    for value in NONSENSE:
        facts = event_facts({member: value})
        told = facts.step if member == "bizStep" else facts.disposition
        assert facts == EventFacts(**{
            name: told for name in ("step", "disposition")
            if (name == "step") == (member == "bizStep")
        })  # fmt: skip


@pytest.mark.parametrize("report", [
    {"type": "Temperature", "value": "7", "uom": "CEL"},
    {"type": "Temperature", "value": True, "uom": "CEL"},
    {"type": "Temperature", "uom": "CEL"}, {"type": 7}, 7, None,
])  # fmt: skip
def test_a_reading_without_a_number_is_none(report: Any) -> None:  # noqa: ANN401 -- any JSON
    content: Any = {"sensorElementList": [{"sensorReport": [report]}, report, {}]}
    assert event_facts({"eventTime": "1970-01-01T12:00:00Z", **content}) == EventFacts()
