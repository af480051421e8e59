"""Documents as JSON and as XML of both versions, and what each cannot hold."""

import json
from typing import Any

import pytest

from ledger.core.epcis.document import STANDARD_CONTEXT, Document, Event, Format, Kind
from ledger.core.epcis.read import read_document
from ledger.core.epcis.write import write_document
from ledger.core.epcis.write_xml_event import CbvFormat
from tests.epcis_xml import EPC, document, observed

CONTEXT = [STANDARD_CONTEXT, {"e": "urn:e:"}]
EVENT: Event = {
    "type": "ObjectEvent",
    "eventTime": "2026-01-02T03:04:05Z",
    "eventTimeZoneOffset": "+00:00",
    "epcList": [EPC],
    "action": "OBSERVE",
    "bizStep": "shipping",
}


def captured(*events: Event, **members: object) -> Document:
    whole = {
        "@context": CONTEXT,
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-01-02T03:04:06Z",
        "epcisBody": {"eventList": list(events)},
        **members,
    }
    return read_document(json.dumps(whole).encode())


def lost(found: Document, to: Format) -> list[str]:
    return [one.pointer for one in write_document(found, to)[1]]


def again(event: Event, to: Format) -> Event:
    written, losses = write_document(captured(event), to)
    assert losses == []
    read = read_document(written)
    assert read.findings == []
    return read.events[0]


@pytest.mark.parametrize("to", [Format.XML_20, Format.XML_12])
@pytest.mark.parametrize(
    "value",
    [
        "text", "", " kept \n", "<&>\"'\r", "007", 7, -7, 2.5, 1e-7, 1e21, True, False, None,
        ["a", "b"], ["a"], [], {}, [{}], [1], [1, 2.5, None, "x"], {"e:b": {"e:c": ["1"]}},
        {"@unit": "KGM", "#text": "3"}, {"@e:unit": "KGM"}, {"plain": "x"},
        {"@unit": "C", "#text": 3}, [{"@unit": "a", "#text": True}],
    ],
)  # fmt: skip
def test_an_extension_comes_back_as_it_was(value: object, to: Format) -> None:
    event = {**EVENT, "e:a": value}
    assert again(event, to) == {**event, "@context": CONTEXT}  # type: ignore[comparison-overlap]


def test_json_is_written_as_it_was_read() -> None:
    found = captured(EVENT, {**EVENT, "@context": [STANDARD_CONTEXT]})
    written, losses = write_document(found, Format.JSON)
    assert losses == []
    assert read_document(written) == found
    events = json.loads(written)["epcisBody"]["eventList"]
    assert ["@context" in one for one in events] == [False, True]


@pytest.mark.parametrize("bare", [EVENT, [EVENT, EVENT]])
def test_bare_events_stay_bare_in_json_and_get_a_document_in_xml(bare: object) -> None:
    found = read_document(json.dumps(bare).encode())
    assert json.loads(write_document(found, Format.JSON)[0]) == bare
    for to in (Format.XML_20, Format.XML_12):
        read = read_document(write_document(found, to)[0])
        assert (read.kind, read.findings) == (Kind.CAPTURE, [])
        assert read.members["creationDate"] == EVENT["eventTime"]
        assert len(read.events) == len(found.events)


def test_what_1_2_cannot_hold_is_said_by_pointer() -> None:
    sensors = [{"sensorReport": [{"type": "Temperature", "value": 4.5, "uom": "CEL"}]}]
    event = {
        **EVENT,
        "certificationInfo": "urn:x:1",
        "sensorElementList": sensors,
        "persistentDisposition": {"set": ["damaged"]},
    }
    association = {**EVENT, "type": "AssociationEvent", "parentID": "urn:x:p", "childEPCs": [EPC]}
    del association["epcList"]
    found = captured(event, association)
    assert lost(found, Format.XML_20) == lost(found, Format.JSON) == []
    at = "/epcisBody/eventList/0/"
    assert lost(found, Format.XML_12) == [
        at + "certificationInfo",
        at + "sensorElementList",
        at + "persistentDisposition",
        "/epcisBody/eventList/1",
    ]
    assert len(read_document(write_document(found, Format.XML_12)[0]).events) == 1


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"e:a": [["x"]]}, "/e:a/0"),
        ({"e:1": "x"}, "/e:1"),
        ({"e:a": {"@n": 1}}, "/e:a/@n"),
        ({"e:a": {"b c": "x"}}, "/e:a/b c"),
        ({"e:a": "\x00"}, "/e:a"),
        ({"nonsense": "x"}, "/nonsense"),
        ({"epcList": "x"}, "/epcList"),
        ({"epcList": [7]}, "/epcList/0"),
        ({"bizStep": {"a": 1}}, "/bizStep"),
        ({"bizTransactionList": [{"type": "po"}]}, "/bizTransactionList/0"),
        ({"readPoint": "x"}, "/readPoint"),
        ({"quantityList": [7]}, "/quantityList/0"),
        ({"certificationInfo": ["urn:x:1", "urn:x:2"]}, "/certificationInfo/1"),
        ({"epcList": [f" {EPC}"]}, "/epcList/0"),
        ({"sensorElementList": [{"sensorReport": [{"e:a": {}}]}]},
         "/sensorElementList/0/sensorReport/0/e:a"),
        ({"sensorElementList": [{"sensorReport": [{"a b": "x"}]}]},
         "/sensorElementList/0/sensorReport/0/a b"),
        ({"sensorElementList": [7]}, "/sensorElementList/0"),
        ({"@context": [{"f": "no uri: {"}], "f:a": "x"}, "/f:a"),
        ({"ilmd": {"e:a": {"\ud7ff\ufffe": "x"}}}, "/ilmd/e:a/\ud7ff\ufffe"),
    ],
)  # fmt: skip
def test_what_xml_cannot_hold_is_said_by_pointer(changes: dict[str, Any], pointer: str) -> None:
    assert lost(captured({**EVENT, **changes}), Format.XML_20) == [
        f"/epcisBody/eventList/0{pointer}"
    ]


@pytest.mark.parametrize(
    ("cbv", "start"),
    [
        (CbvFormat.ALWAYS_URN, b"urn:epcglobal:cbv:bizstep:"),
        (CbvFormat.ALWAYS_WEB_URI, b"https://ref.gs1.org/cbv/BizStep-"),
        (CbvFormat.NO_PREFERENCE, b"urn:epcglobal:cbv:bizstep:"),
    ],
)
def test_words_are_spelt_as_the_header_asks(cbv: CbvFormat, start: bytes) -> None:
    for spelt in ("shipping", "urn:epcglobal:cbv:bizstep:shipping"):
        found = captured({**EVENT, "bizStep": spelt})
        written, _ = write_document(found, Format.XML_20, cbv=cbv)
        assert b"<bizStep>" + start + b"shipping</bizStep>" in written


def test_prefixes_are_declared_by_their_context_wherever_it_stands() -> None:
    own = {**EVENT, "@context": [{"f": "urn:f:"}], "f:a": "1", "e:b": "2", "cbvmda:lotNumber": "3"}
    found = captured(own, {**EVENT, "https://x.example/ns#c": "4", "g:d": "5"})
    written, losses = write_document(found, Format.XML_12)
    assert losses == []
    assert b'xmlns:cbvmda="urn:epcglobal:cbv:mda"' in written
    first, second = read_document(written).events
    assert [first[n] for n in ("f:a", "e:b", "cbvmda:lotNumber")] == ["1", "2", "3"]
    assert first["@context"] == [STANDARD_CONTEXT, {"e": "urn:e:", "f": "urn:f:"}]
    assert [second[n] for n in ("ns:c", "g:d")] == ["4", "5"]
    assert second["@context"] == [STANDARD_CONTEXT, {"g": "g:", "ns": "https://x.example/ns#"}]


def test_the_head_of_a_document_survives_both_versions() -> None:
    master = {
        "vocabularyList": [
            {
                "type": "urn:v",
                "vocabularyElementList": [
                    {
                        "id": "urn:i",
                        "attributes": [
                            {"id": "urn:a", "attribute": "1"},
                            {"id": "urn:b", "attribute": {"e:c": "2"}},
                            {"id": "urn:c", "attribute": 3},
                        ],
                        "children": ["urn:k"],
                    }
                ],
            }
        ]
    }
    found = captured(
        EVENT,
        id="urn:uuid:1",
        sender="urn:s",
        receiver="urn:r",
        instanceIdentifier="9",
        epcisHeader={"epcisMasterData": master, "e:statement": {"e:affirmed": "true"}},
        **{"e:more": "x"},
    )
    for to in (Format.XML_20, Format.XML_12):
        written, losses = write_document(found, to)
        assert losses == []
        read = read_document(written)
        assert read.findings == []
        assert read.members == found.members


def test_a_query_document_survives_both_versions() -> None:
    query = {
        "@context": [STANDARD_CONTEXT],
        "type": "EPCISQueryDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-01-02T03:04:06Z",
        "epcisBody": {
            "queryResults": {
                "queryName": "N",
                "subscriptionID": "S",
                "resultsBody": {"eventList": [EVENT]},
            }
        },
    }
    found = read_document(json.dumps(query).encode())
    for to in Format:
        read = read_document(write_document(found, to)[0])
        assert (read.kind, read.findings, read.members) == (Kind.QUERY, [], found.members)
        assert read.events == found.events


def test_unqualified_elements_go_back_where_they_were() -> None:
    raw = document(observed("<extension><extension><x>1</x></extension></extension>"), "1.2")
    found = read_document(raw)
    written, losses = write_document(found, Format.XML_12)
    assert losses == []
    assert b"<x>1</x>" in written
    for to in Format:
        assert read_document(write_document(found, to)[0]).events == found.events


def test_writing_changes_nothing_in_what_it_is_given() -> None:
    found = captured({**EVENT, "e:a": {"e:b": [1]}}, sender="urn:s")
    before = json.dumps([found.members, list(found.events)])
    first = [write_document(found, to) for to in Format]
    assert json.dumps([found.members, list(found.events)]) == before
    assert [write_document(found, to) for to in Format] == first


def test_an_event_that_only_senses_is_lost_whole_in_1_2() -> None:
    sensing = {name: value for name, value in EVENT.items() if name != "epcList"} | {
        "sensorElementList": [{"sensorReport": [{"type": "Temperature", "value": 4}]}],
        "readPoint": {"id": "urn:epc:id:sgln:4012345.00005.0"},
    }
    found = captured(EVENT, sensing)
    assert lost(found, Format.XML_12) == ["/epcisBody/eventList/1"]
    assert len(read_document(write_document(found, Format.XML_12)[0]).events) == 1
    assert lost(found, Format.XML_20) == []


def test_an_item_that_xml_names_twice_is_named_once_in_json() -> None:
    found = captured(EVENT | {"epcList": [EPC, "urn:x:1", EPC]})
    assert lost(found, Format.JSON) == ["/epcisBody/eventList/0/epcList/2"]
    assert read_document(write_document(found, Format.JSON)[0]).events[0]["epcList"] == [
        EPC, "urn:x:1",
    ]  # fmt: skip
    assert lost(found, Format.XML_20) == []
