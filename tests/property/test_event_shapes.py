"""Whatever JSON stands where an event is expected, hash and DSCSA check answer and never raise."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ledger.core.epcis.document import Document, Format, Kind
from ledger.core.epcis.dscsa import check_dscsa
from ledger.core.epcis.dscsa_trade import CODES
from ledger.core.epcis.event_hash import event_hash, event_prehash, hash_findings
from ledger.core.epcis.hash_order import EVENT_MEMBERS, LEFT_OUT

WORDS = st.sampled_from(
    [
        "ObjectEvent", "AggregationEvent", "TransformationEvent", "ADD", "DELETE", "OBSERVE",
        "shipping", "cbv:BizStep-shipping", "owning_party", "urn:epc:id:sgtin:4012345.011111.1",
        "urn:epc:id:sscc:4012345.0000000111", "urn:epc:id:sgtin:1", "https://id.gs1.org/01/1",
        "2024-01-01T10:00:00Z", "2024-01-01T10:00:00.9999+14:00", "1E999999", "0.50", "ex:a", "ex:",
    ]
)  # fmt: skip
NAMES = st.sampled_from(
    [
        *(member.name for member in EVENT_MEMBERS), *LEFT_OUT, "id", "set", "source", "value",
        "sensorReport", "bizTransaction", "cbvmda:lotNumber", "ex:a", "ex", "@vocab", "@id", "a:b:",
    ]
)  # fmt: skip
PLAIN = (
    WORDS | st.text(max_size=8) | st.none() | st.booleans() | st.integers() | st.floats(width=32)
)
JSON = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(NAMES | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=12,
)
EVENTS = st.dictionaries(NAMES | st.text(max_size=4), JSON, max_size=8)


def document(events: list[dict[str, Any]], members: dict[str, Any]) -> Document:
    return Document(
        format=Format.JSON,
        kind=Kind.CAPTURE,
        members=members,
        events=events,
        pointers=[f"/epcisBody/eventList/{i}" for i in range(len(events))],
    )


@given(EVENTS, JSON)
def test_every_event_has_a_hash_that_nothing_around_it_changes(
    event: dict[str, Any],
    outer: Any,  # noqa: ANN401 -- any JSON at all
) -> None:
    first = event_prehash(event, outer)
    assert event_hash(event, outer) == event_hash(dict(reversed(event.items())), outer)
    noted = {**event, "eventID": "urn:x", "recordTime": 1, "errorDeclaration": {}}
    assert event_prehash(noted, outer) == first


@given(st.lists(EVENTS, max_size=4), st.dictionaries(NAMES | st.just("epcisHeader"), JSON))
def test_documents_of_any_shape_are_checked(
    events: list[dict[str, Any]], members: dict[str, Any]
) -> None:
    odd = document(events, members)
    assert {finding.code for finding in check_dscsa(odd)} <= set(CODES)
    assert {finding.code for finding in hash_findings(odd)} <= {"EVENT_ID_HASH_MISMATCH"}
