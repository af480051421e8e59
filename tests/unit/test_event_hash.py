"""The CBV 2.0 event hash: published vectors, edges of the rules, and what it must never do."""

import json
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ledger.core.commitment import commit, event_digest
from ledger.core.epcis.event_hash import event_hash, event_prehash, hash_findings
from ledger.core.epcis.finding import Severity
from ledger.core.epcis.read import read_document
from ledger.core.strict_json import JsonValue
from tests.conftest import ConformanceTally

VECTORS = Path(__file__).resolve().parents[1] / "vectors/event-hash-edge"
EDGES = json.loads((VECTORS / "vectors.json").read_text())
PAIRS = json.loads((VECTORS / "must-differ.json").read_text())["pairs"]
CONTEXT = [
    "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
    {"ex": "https://ns.example.com/epcis/"},
]
BASE: dict[str, Any] = {
    "@context": CONTEXT,
    "type": "ObjectEvent",
    "eventTime": "2024-01-01T10:00:00Z",
    "eventTimeZoneOffset": "+00:00",
    "action": "OBSERVE",
}
START = "eventType=ObjectEventeventTime=2024-01-01T10:00:00.000ZeventTimeZoneOffset=+00:00"
NS = "{https://ns.example.com/epcis/}"


def prehash(**members: JsonValue) -> str:
    return event_prehash({**BASE, **members})


def after_action(**members: JsonValue) -> str:
    """What members add behind the action of the base event."""
    text = prehash(**members)
    assert text.startswith(START + "action=OBSERVE")
    return text.removeprefix(START + "action=OBSERVE")


def hashes(path: Path) -> list[str]:
    document = read_document(path.read_bytes())
    return [event_hash(event, document.members.get("@context")) for event in document.events]


@pytest.mark.parametrize("edge", EDGES, ids=lambda edge: edge["name"])
def test_edge(edge: dict[str, Any]) -> None:
    event = {**edge["event"], "@context": edge["context"]}
    assert event_prehash(event) == edge["prehash"]
    assert event_hash(event) == edge["hash"]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair["why"])
def test_events_of_one_hash_have_leaves_of_their_own(pair: dict[str, Any]) -> None:
    a, b = pair["a"], pair["b"]
    assert event_digest(a) != event_digest(b)
    assert commit(a, b"s" * 32).event_root != commit(b, b"s" * 32).event_root


def published(folder: Path) -> dict[Path, list[str]]:
    """Every published document with its hashes; `IgnoreFields` is one implementation's own."""
    return {
        document: listed.read_text().split()
        for listed in sorted(folder.glob("*.hashes"))
        if "IgnoreFields" not in listed.name
        for document in (listed.with_suffix(".jsonld"), listed.with_suffix(".xml"))
        if document.exists()
    }


def test_published_hashes(conformance_data: Path, conformance_tally: ConformanceTally) -> None:
    expected = published(conformance_data / "epcis/event-hash/examples")
    assert len(expected) >= 17
    wrong = {path.name for path, listed in expected.items() if hashes(path) != listed}
    conformance_tally(len(expected), len(wrong))
    assert wrong == set()


def test_spellings_of_one_event_are_equal(
    conformance_data: Path, conformance_tally: ConformanceTally
) -> None:
    files = sorted((conformance_data / "epcis/event-hash/expected_equal").iterdir())
    several = {path.name for path in files if len(set(hashes(path))) != 1}
    conformance_tally(len(files), len(several))
    assert several == set()


def test_threads_and_order_change_nothing(conformance_data: Path) -> None:
    folder = conformance_data / "epcis/event-hash/examples"
    expected = published(folder)
    work = list(expected) * 12
    random.Random(3).shuffle(work)
    with ThreadPoolExecutor(8) as pool:
        for path, got in zip(work, pool.map(hashes, work), strict=True):
            assert got == expected[path], path.name


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("2024-01-01T10:00:00.0005Z", "2024-01-01T10:00:00.001Z"),
        ("2024-01-01T10:00:00.0004999999Z", "2024-01-01T10:00:00.000Z"),
        ("2024-01-01T00:30:00.1+01:00", "2023-12-31T23:30:00.100Z"),
        ("2024-02-28T23:59:59.9995-00:01", "2024-02-29T00:01:00.000Z"),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00"),
        ("9999-12-31T23:59:59.9999Z", "9999-12-31T23:59:59.9999Z"),
        ("2024-01-01 10:00", "2024-01-01 10:00"),
        ("2024-02-30T10:00:00Z", "2024-02-30T10:00:00Z"),
    ],
)  # fmt: skip
def test_time(given: str, written: str) -> None:
    assert f"eventTime={written}eventTimeZoneOffset" in prehash(eventTime=given)


@pytest.mark.parametrize(
    ("given", "written"),
    [
        (1, "1"), (1.0, "1"), ("1.00", "1"), ("+01.50", "1.5"), (0.1, "0.1"), (-0.0, "0"),
        (1e21, "1000000000000000000000"), (1e-7, "0.0000001"), ("1E3", "1000"), (100, "100"),
        ("1E999999999", "1E999999999"), ("1E999", "1E999"), ("much", "much"), ("0.00", "0"),
        ("٣", "٣"),
    ],
    ids=repr,
)  # fmt: skip
def test_number(given: JsonValue, written: str) -> None:
    listed = [{"epcClass": "urn:epc:idpat:sgtin:4012345.011111.*", "quantity": given}]
    text = prehash(quantityList=listed)
    assert f"quantityElementepcClass=https://id.gs1.org/01/04012345111118quantity={written}" in text


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("007", "007"), ("1E3", "1E3"), ("1_0", "1_0"), ("١٢", "١٢"), ("0.50", "0.5"), (0.5, "0.5"),
        ("1.0", "1"), (1, "1"), (1.0, "1"), (True, "true"), (" x ", "x"), ("00.50", "00.50"),
        ("12345678901234567", "12345678901234567"), ("1.2.0", "1.2.0"),
        ("urn:epc:id:sscc:4012345.0000000111", "https://id.gs1.org/00/040123450000001112"),
        ("urn:epcglobal:cbv:disp:active", "https://ref.gs1.org/cbv/Disp-active"),
        ("gs1:Temperature", "https://gs1.org/voc/Temperature"),
        ("ex:thing", "https://ns.example.com/epcis/thing"), ("ex: no URI", "ex: no URI"),
    ],
    ids=repr,
)  # fmt: skip
def test_extension_value(given: JsonValue, written: str) -> None:
    assert after_action(**{"ex:a": given}) == f"{NS}a={written}"


def test_extension_shapes() -> None:
    nested = {"ex:z": {"ex:b": [2, 1], "ex:a": {}}, "ex:n": None, "ex:e": "", "ex:l": []}
    assert after_action(**nested) == f"{NS}e{NS}z{NS}a{NS}b=1{NS}b=2"


def test_attributes_and_text_of_an_xml_element() -> None:
    element = {"@ex:b": "2", "#text": "1.0", "@a": "1", "ex:c": 3}
    assert after_action(**{"ex:e": element}) == f"{NS}e=1a=1{NS}b=2{NS}c=3"
    assert after_action(**{"ex:e": {"@a": "1"}}) == f"{NS}ea=1"


def test_names_of_one_namespace_are_one_name() -> None:
    full = {"https://ns.example.com/epcis/a": "1"}
    term = {"@context": {"word": "https://ns.example.com/epcis/a"}, "word": "1"}
    default = {"@context": {"@vocab": "https://ns.example.com/epcis/"}, "a": "1"}
    other = {"@context": [{"q": {"@id": "https://ns.example.com/epcis/"}}], "q:a": "1"}
    for spelling in (full, term, default, other):
        assert after_action(**spelling) == f"{NS}a=1"
    assert after_action(**{"unknown:a": "1", "bare": "2"}) == "bare=2unknown:a=1"


def test_context_of_the_document_counts_beside_the_events_own() -> None:
    event = {**BASE, "@context": {"q": "https://q.example/"}, "ex:a": 1, "q:b": 2}
    assert event_prehash(event, CONTEXT).endswith(f"{NS}a=1{{https://q.example/}}b=2")


def test_master_data_attributes_have_one_namespace() -> None:
    for context in (None, {"cbvmda": "urn:epcglobal:cbv:mda"}, {"x": "urn:epcglobal:cbv:mda:"}):
        prefix = "x" if context and "x" in context else "cbvmda"
        event = {**BASE, "@context": context, "ilmd": {f"{prefix}:lotNumber": "A"}}
        assert event_prehash(event).endswith("ilmd{urn:epcglobal:cbv:mda}lotNumber=A")


def test_type_comes_first_and_lists_are_sorted_when_built() -> None:
    lists = {
        "bizTransactionList": [
            {"bizTransaction": "urn:a", "type": "urn:epcglobal:cbv:btt:po"},
            {"bizTransaction": "urn:z", "type": "desadv"},
            {"bizTransaction": "urn:b"},
        ],
        "sourceList": [{"source": "urn:epc:id:pgln:4000001.00000", "type": "owning_party"}],
        "destinationList": [
            {"destination": "urn:d", "type": "https://ref.gs1.org/cbv/SDT-location"}
        ],
    }
    assert after_action(**lists) == (
        "bizTransactionListbizTransaction=urn:b"
        "type=https://ref.gs1.org/cbv/BTT-desadvbizTransaction=urn:z"
        "type=https://ref.gs1.org/cbv/BTT-pobizTransaction=urn:a"
        "sourceListtype=https://ref.gs1.org/cbv/SDT-owning_party"
        "source=https://id.gs1.org/417/4000001000005"
        "destinationListtype=https://ref.gs1.org/cbv/SDT-locationdestination=urn:d"
    )


def test_every_dimension_in_canonical_order() -> None:
    members = {
        "ex:last": "x",
        "ilmd": {"ex:lot": "L", "ex:best": "2030-01-01"},
        "sourceList": [{"source": "urn:s"}],
        "destinationList": [{"destination": "urn:d"}],
        "bizTransactionList": [{"bizTransaction": "urn:b"}],
        "sensorElementList": [
            {
                "sensorReport": [
                    {"value": 1.50, "type": "Temperature", "uom": "CEL", "component": "x"},
                    {
                        "booleanValue": True,
                        "type": "gs1:Speed",
                        "time": "2024-01-01T11:00:00+01:00",
                    },
                ],
                "sensorMetadata": {"startTime": "2024-01-01T09:00:00Z", "deviceID": "urn:dev:1"},
                "ex:more": 3,
            }
        ],
        "bizLocation": {"id": "urn:epc:id:sgln:4012345.00000.0", "ex:floor": "2"},
        "readPoint": {"id": "urn:loc"},
        "persistentDisposition": {"unset": ["completeness_inferred"], "set": ["damaged", "active"]},
        "disposition": "in_transit",
        "bizStep": "ex:moving",
    }
    assert after_action(**members) == (
        "bizStep=https://ns.example.com/epcis/moving"
        "disposition=https://ref.gs1.org/cbv/Disp-in_transit"
        "persistentDispositionset=https://ref.gs1.org/cbv/Disp-active"
        "set=https://ref.gs1.org/cbv/Disp-damaged"
        "unset=https://ref.gs1.org/cbv/Disp-completeness_inferred"
        "readPointid=urn:loc"
        f"bizLocationid=https://id.gs1.org/414/4012345000009{NS}floor=2"
        "bizTransactionListbizTransaction=urn:bsourceListsource=urn:s"
        "destinationListdestination=urn:dsensorElementListsensorElement"
        "sensorMetadatastartTime=2024-01-01T09:00:00.000ZdeviceID=urn:dev:1"
        "sensorReporttype=https://gs1.org/voc/Speedtime=2024-01-01T10:00:00.000ZbooleanValue=true"
        "sensorReporttype=https://gs1.org/voc/Temperaturevalue=1.5"
        f"component=https://ref.gs1.org/cbv/Comp-xuom=CEL{NS}more=3"
        f"ilmd{NS}best=2030-01-01{NS}lot=L"
        f"{NS}last=x"
    )


def test_what_is_left_out() -> None:
    noted = {
        "eventID": "urn:x",
        "recordTime": "2024-01-01T10:00:00Z",
        "errorDeclaration": {"declarationTime": "2024-01-01T10:00:00Z"},
        "rdfs:comment": "words",
    }
    assert after_action(**noted) == ""
    assert after_action(readPoint={"id": "urn:a", "rdfs:comment": "words"}) == "readPointid=urn:a"


def test_a_link_that_names_nothing_has_its_form_all_the_same() -> None:
    wrong = ["https://shop.example/gtin/4012345111119/21/1?17=301231"]
    assert "epc=https://id.gs1.org/01/04012345111119/21/1" in prehash(epcList=wrong)


def test_reserved_signs_are_those_of_the_link_syntax() -> None:
    for spelling in (
        "urn:epc:id:sgtin:4012345.011111.a';=b",
        "https://x.example/01/04012345111118/21/a%27%3B%3Db",
        "https://id.gs1.org/01/04012345111118/21/a%27%3B%3Db",
    ):
        assert "epc=https://id.gs1.org/01/04012345111118/21/a';=b" in prehash(epcList=[spelling])


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"type": None, "eventTime": [], "action": {"a": {"b": [None, [1]]}}},
        {"type": ["ObjectEvent"], "epcList": "urn:a", "quantityList": ["x", 3, None]},
        {"readPoint": "urn:a", "sensorElementList": {"sensorReport": 5}, "ilmd": [1, {"a": 2}]},
        {"@context": [1, None, {"x": 3, "y": {"@id": []}, "": "urn:e"}], ":": 1, "x:": 2},
        {"epcList": ["\ud800", "urn:epc:id:sgtin:", "https://", "https://id.gs1.org/01/1"]},
        {"eventTime": "2024-01-01T10:00:00+99:99", "bizStep": True, "persistentDisposition": 1},
    ],
    ids=str,
)
def test_odd_events_have_a_hash_too(odd: dict[str, Any]) -> None:
    assert event_hash(odd).startswith("ni:///sha-256;")


def test_a_supplied_hash_that_differs_is_told_and_no_more() -> None:
    right = event_hash(BASE)
    other = right.replace(right[14], "0" if right[14] != "0" else "1", 1)
    events = [
        {**BASE, "eventID": given}
        for given in (right, right.split("?")[0], other, "ni:///sha-512;00", "urn:uuid:1")
    ]
    events[3]["eventID"] = right.replace("sha-256", "sha-512")
    found = hash_findings(read_document(json.dumps(events).encode()))
    assert [(one.code, one.severity, one.event, one.pointer) for one in found] == [
        ("EVENT_ID_HASH_MISMATCH", Severity.INFO, 2, "/2/eventID")
    ]
    assert right in found[0].message


def test_a_short_name_cannot_fill_the_memory() -> None:
    """A namespace written out a hundred thousand times, or one that is a megabyte long."""
    many = {f"x:n{i}": "x:v" for i in range(20_000)}
    for namespace in ("urn:" + "n" * 2_000, "urn:" + "n" * 1_000_000):
        context = [{"x": namespace}]
        prehash = event_prehash({"type": "ObjectEvent", "@context": context, **many})
        assert len(prehash) < 40 * 1024 * 1024
