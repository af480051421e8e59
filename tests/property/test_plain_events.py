"""What passes as plain has no finding by the whole schema and every rule; never a short cut."""

import json
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.core.epcis import check
from ledger.core.epcis.check import check_bytes, check_document, check_events
from ledger.core.epcis.finding import DocumentFinding
from ledger.core.epcis.quality import deduplicated
from ledger.core.epcis.read_json import read_json
from ledger.core.epcis.rules_context import read_context
from tests.unit.epcis_events import AT_MS, ITEM, LOT, ORDER, OTHER, PALLET, document

DIGITAL: Final = "https://id.gs1.org/01/10614141073464/21/2017"
IDENTIFIERS: Final = [
    ITEM, OTHER, PALLET, LOT, DIGITAL, "urn:epc:id:sgtin:061414.1107346.2017",
    "urn:epc:id:sgtin:0614141.10734.1", "urn:epc:id:sscc:0614141.000000001", "urn:epc:id:foo:1",
    "https://id.gs1.org/00/006141410000000012", "https://id.gs1.org/00/006141410000000013",
    "https://id.gs1.org/01/10614141073465/21/1", "https://id.gs1.org/01/10614141073464",
    "https://id.gs1.org/01/10614141073464/10/A", "https://brand.example/01/10614141073464/21/2017",
    "https://id.gs1.org/414/0614141073467", "https://id.gs1.org/417/0614141073460", "x y",
    "urn:a:b",
    "urn:epc:idpat:sgtin:0614141.107346.*", "urn:epc:id:sgln:0614141.07346.1234",
    "urn:epc:id:sgln:0614141.7346.1", "https://id.gs1.org/8003/009506000134351123",
]  # fmt: skip
identifier: Final = st.sampled_from(IDENTIFIERS)
TIMES: Final = [
    "2024-05-01T10:00:00.000Z", "2024-05-01T10:00:00+02:00", "2024-05-01T10:00:60Z", "2024-05-01",
    "2024-05-01t10:00:00z", "2023-05-08T20:30:00Z", "2024-05-08T20:31:30Z", "9999-12-31T23:59:59Z",
    "2024-05-09T07:00:00+10:00", "2024-05-01T10:00:00+23:00", "1969-01-01T00:00:00Z",
]  # fmt: skip
time: Final = st.sampled_from(TIMES)
items: Final = st.lists(identifier, max_size=3)
quantity: Final = st.fixed_dictionaries(
    {"epcClass": identifier},
    optional={"quantity": st.sampled_from([0, 1, 1.5, -2, "3"]),
              "uom": st.sampled_from(["KGM", "kgm"]), "ex:a": st.just(1)},
)  # fmt: skip
place: Final = st.fixed_dictionaries({"id": identifier}, optional={"ex:a": st.just(1)})
sensed: Final = st.fixed_dictionaries(
    {"sensorReport": st.lists(st.fixed_dictionaries(
        {"type": st.sampled_from(["Temperature", "Warmth", "ex:warmth"])},
        optional={"value": st.sampled_from([26.5, "26"]), "uom": st.just("CEL"), "time": time,
                  "deviceID": identifier, "zz:a": st.just(1), "exception": st.just("gs1:X")},
    ), max_size=2)},
    optional={"sensorMetadata": st.fixed_dictionaries(
        {}, optional={"time": time, "startTime": time, "endTime": time, "deviceID": identifier})},
)  # fmt: skip
declared: Final = st.fixed_dictionaries(
    {"declarationTime": time},
    optional={"reason": st.sampled_from(["did_not_occur", "oops", "urn:x:y"]), "ex:a": st.just({})},
)
MEMBERS: Final = {
    "eventTimeZoneOffset": st.sampled_from(["+00:00", "-14:00", "Z"]),
    "eventID": st.sampled_from(["urn:uuid:404d95fc-9457-4a51-bd6a-0bba133845a8", "x y", "ex:1"]),
    "action": st.sampled_from(["ADD", "OBSERVE", "DELETE", "add"]),
    "bizStep": st.sampled_from(["shipping", "Shipping", "urn:epcglobal:cbv:bizstep:shipping"]),
    "disposition": st.sampled_from(["active", "https://a.example/d"]),
    "epcList": items, "childEPCs": items, "parentID": identifier,
    "quantityList": st.lists(quantity, max_size=2),
    "childQuantityList": st.lists(quantity, max_size=2),
    "readPoint": place, "bizLocation": place,
    "bizTransactionList": st.sampled_from([ORDER, [], [{"bizTransaction": "x y"}]]),
    "sourceList": st.lists(
        st.fixed_dictionaries({"type": st.just("owning_party"), "source": identifier}), max_size=2
    ),
    "ilmd": st.sampled_from([{}, {"cbvmda:lotNumber": "A"}, {"zz:lot": "A"}, {"lot": "A"}]),
    "sensorElementList": st.lists(sensed, max_size=2),
    "errorDeclaration": declared,
    "certificationInfo": st.sampled_from(["https://a.example/c", ["x y"], []]),
    "recordTime": time,
    "persistentDisposition": st.just({"set": ["available"]}),
    "ex:a": st.just({"ex:b": [{"ex:c": 1}]}), "zz:a": st.just(1), "colour": st.just("red"),
    "epcis:epcList": st.just([]), "cbvmda:a b": st.just(1),
}  # fmt: skip
# Half of the events keep to what their type has, or hardly one would be plain.
OWN: Final = {
    "ObjectEvent": ("action", "epcList", "bizStep"),
    "AggregationEvent": ("action", "parentID", "childEPCs"),
    "AssociationEvent": ("action", "parentID", "childEPCs"),
    "TransactionEvent": ("action", "epcList", "bizTransactionList"),
    "TransformationEvent": ("bizStep",),
}


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from([*OWN]))
    names = {*OWN[kind], "eventTimeZoneOffset"}
    names |= set(draw(st.lists(st.sampled_from([*MEMBERS]), max_size=3)))
    event = {name: draw(MEMBERS[name]) for name in sorted(names)}
    return {"type": kind, "eventTime": draw(time), **event}


def the_long_way(raw: bytes) -> list[DocumentFinding]:
    read = read_json(raw)
    context = read_context(read.members["@context"])
    found = check._check_event(read, 0, context, AT_MS, plain=False)
    return deduplicated(check._untold(read, found))


@settings(max_examples=400, deadline=None)
@given(events())
def test_no_finding_is_lost_on_the_short_way(event: dict[str, Any]) -> None:
    raw = json.dumps(document(event)).encode()
    assert check_bytes(raw, at_ms=AT_MS).findings == check_document(raw, at_ms=AT_MS).findings
    assert check_events(read_json(raw), at_ms=AT_MS) == the_long_way(raw)
