"""JSON documents: where their events are, and what custody could not read."""

import json

import pytest

from ledger.core.epcis.document import Kind
from ledger.core.epcis.finding import Severity
from ledger.core.epcis.read import read_document
from ledger.core.epcis.read_json import MAX_CONTEXT_BYTES
from ledger.core.errors import MalformedError

EVENT = {"type": "ObjectEvent", "action": "OBSERVE", "epcList": ["urn:x:1"]}


def captured(body: object, **members: object) -> bytes:
    whole = {"type": "EPCISDocument", "schemaVersion": "2.0", "epcisBody": body, **members}
    return json.dumps(whole).encode()


def codes(raw: bytes) -> list[tuple[str, str, int | None]]:
    found = read_document(raw).findings
    assert all(one.severity is Severity.ERROR for one in found)
    return [(one.code, one.pointer, one.event) for one in found]


def test_an_event_takes_over_the_context_that_it_has_not() -> None:
    own = {**EVENT, "@context": ["a"]}
    found = read_document(captured({"eventList": [EVENT, own], "e:x": 1}, **{"@context": ["b"]}))
    assert found.events == [{**EVENT, "@context": ["b"]}, own]
    assert found.pointers == ["/epcisBody/eventList/0", "/epcisBody/eventList/1"]
    assert found.members["epcisBody"] == {"e:x": 1}
    assert found.findings == []


def test_every_shape_of_a_document_is_found() -> None:
    query = {"queryResults": {"queryName": "N", "resultsBody": {"eventList": [EVENT]}}}
    cases = [
        (captured({"eventList": [EVENT]}), Kind.CAPTURE, "/epcisBody/eventList/0"),
        (captured({"event": EVENT}), Kind.CAPTURE, "/epcisBody/event"),
        (
            captured(query, type="EPCISQueryDocument"),
            Kind.QUERY,
            "/epcisBody/queryResults/resultsBody/eventList/0",
        ),
        (json.dumps(EVENT).encode(), Kind.EVENT, ""),
        (json.dumps([EVENT]).encode(), Kind.EVENTS, "/0"),
    ]
    for raw, kind, pointer in cases:
        found = read_document(raw)
        assert (found.kind, found.pointers, found.events) == (kind, [pointer], [EVENT])
        assert found.findings == []


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (captured({}), ("NO_EVENT_LIST", "/epcisBody/eventList", None)),
        (captured(7), ("NO_EVENT_LIST", "/epcisBody/eventList", None)),
        (captured({"eventList": {}}), ("NO_EVENT_LIST", "/epcisBody/eventList", None)),
        (captured({"eventList": [7]}), ("NOT_AN_EVENT", "/epcisBody/eventList/0", None)),
        (
            captured({"eventList": []}, schemaVersion="1.2"),
            ("UNSUPPORTED_SCHEMA_VERSION", "/schemaVersion", None),
        ),
        (
            captured({"eventList": [{}]}),
            ("UNKNOWN_EVENT_TYPE", "/epcisBody/eventList/0/type", 0),
        ),
        (
            captured({"eventList": [{**EVENT, "action": "SEE"}]}),
            ("INVALID_ACTION", "/epcisBody/eventList/0/action", 0),
        ),
        (
            captured({"eventList": [7, {**EVENT, "parentID": "urn:x:2"}]}),
            ("MISPLACED_MEMBER", "/epcisBody/eventList/1/parentID", 0),
        ),
        (
            captured({"eventList": [EVENT]}, **{"@context": None}),
            ("NULL_CONTEXT", "/@context", None),
        ),
    ],
)
def test_what_custody_cannot_read_is_an_error(
    raw: bytes, expected: tuple[str, str, int | None]
) -> None:
    assert expected in codes(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"7",
        b"[]",
        b"{}",
        b'{"type": "Poll"}',
        b'{"type": {}}',
        b"\xef\xbb\xbf{}",
        b'{"a":1,"a":1}',
    ],
)
def test_what_is_no_document_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedError):
        read_document(raw)


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.0.1", "2.10"])
def test_any_second_version_is_taken(version: str) -> None:
    assert codes(captured({"eventList": [EVENT]}, schemaVersion=version)) == []


@pytest.mark.parametrize("version", ["1.2", 2.0, "2", "2.0\n", None])
def test_any_other_version_is_an_error(version: object) -> None:
    (found,) = codes(captured({"eventList": [EVENT]}, schemaVersion=version))
    assert found == ("UNSUPPORTED_SCHEMA_VERSION", "/schemaVersion", None)


ODD: list[object] = [
    {}, {"type": {}}, {"type": ["ObjectEvent"]}, {"type": "QuantityEvent", "action": "ADD"},
    {"type": "ObjectEvent"}, {"type": "ObjectEvent", "action": "add"}, 1, None, [],
    {"type": "ObjectEvent", "action": []},
    {"type": "AggregationEvent", "action": "ADD", "epcList": []},
]  # fmt: skip


@pytest.mark.parametrize("event", ODD)
def test_an_odd_event_is_an_error_however_it_comes(event: object) -> None:
    for raw in (captured({"eventList": [EVENT, event]}), json.dumps([EVENT, event]).encode()):
        assert len(codes(raw)) == 1


def test_contexts_are_bounded_over_all_events() -> None:
    context = ["x" * 100_000]
    events = [EVENT] * (MAX_CONTEXT_BYTES // 100_000 + 1)
    with pytest.raises(MalformedError, match="bytes over all events"):
        read_document(captured({"eventList": events}, **{"@context": context}))
