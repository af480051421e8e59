"""Every parameter of SimpleEventQuery, beside a naive filter written from the standard's words."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import jsonschema_rs
import pytest
from sqlalchemy import text

from ledger.bootstrap import Node
from ledger.core.errors import LedgerError
from ledger.worker import Worker
from tests.conftest import ConformanceTally
from tests.integration.partners import Partner, gtin, post, signed
from tests.integration.query_story import (
    CONTEXTS,
    EX,
    GS1,
    PO,
    READ_POINT,
    READ_POINT_LINK,
    Story,
)  # fmt: skip

Event = dict[str, Any]
Predicate = Callable[[Event], bool]
Captured = Callable[..., None]
KILOGRAMS = {"KGM": 1.0, "GRM": 0.001, "MGM": 0.000001, "LBR": 0.45359237}
MEDIA = {".json": "application/json", ".jsonld": "application/json", ".xml": "application/xml"}
SHIPPING = {"shipping", "https://ref.gs1.org/cbv/BizStep-shipping"}


@pytest.fixture(scope="module")
def story() -> Story:
    return Story()


@pytest.fixture(scope="module")
def told(
    story: Story, api: httpx.Client, node: Node, worker: Worker, partner: Callable[..., Partner]
) -> list[Event]:
    """Capture the story; return its events."""
    teller = partner("Teller")
    events = story.events()
    # The declaration is otherwise identical to what it declares wrong.
    declared = story.declaration(events[1], events[0]["eventID"])
    jobs = [
        tell(api, node, teller, events, epcisHeader=story.master_data()),
        tell(api, node, teller, [declared]),
    ]
    while worker.turn():
        pass
    assert [api.get(job).json()["errors"] for job in jobs] == [[], []]
    return [*events, declared]


def tell(
    api: httpx.Client, node: Node, teller: Partner, events: list[Event], **members: object
) -> str:
    """Send events in one document; return their job."""
    raw = json.dumps(
        {
            "@context": CONTEXTS, "type": "EPCISDocument", "schemaVersion": "2.0",
            "creationDate": "2026-01-01T00:00:00Z", **members,
            "epcisBody": {"eventList": events},
        }
    ).encode()  # fmt: skip
    answer = post(api, signed(node, raw, teller), raw)
    assert answer.status_code == 202, answer.text
    return answer.headers["location"]


def reports(event: Event) -> Iterator[Event]:
    for element in event.get("sensorElementList", []):
        yield from element.get("sensorReport", [])


def metadata(event: Event) -> Iterator[Event]:
    for element in event.get("sensorElementList", []):
        yield element.get("sensorMetadata", {})


def kelvin(report: Event, name: str = "value") -> float:
    """A temperature, or far below any for what is none."""
    value = report.get(name)
    if value is None:
        return -1.0
    shift = {"CEL": 273.15, "KEL": 0.0}.get(report.get("uom", ""))
    if report.get("uom") == "FAH":
        return round((value + 459.67) * 5 / 9, 6)
    return -1.0 if shift is None else round(value + shift, 6)


def quantities(event: Event) -> Iterator[Event]:
    for name in ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList"):
        yield from event.get(name, [])


def grams(element: Event) -> float:
    scale = {"KGM": 1000.0, "GRM": 1.0}.get(element.get("uom", ""))
    return -1.0 if scale is None else element["quantity"] * scale


def listed(event: Event, name: str, kind: str, member: str) -> set[str]:
    return {one[member] for one in event.get(name, []) if one.get("type") == kind}


def has(event: Event, *names: str) -> Any:  # noqa: ANN401 -- of any shape
    """A member by its path, None where there is none."""
    value: Any = event
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def cases(s: Story) -> dict[str, tuple[dict[str, Any], Predicate]]:
    """Queries as JSON, each with what it asks of an event."""
    urn, link = s.parent
    mine: Predicate = lambda e: s.mark in json.dumps(e)  # noqa: E731
    ilmd = f"{EX}#"
    a = {s.urn("a"), s.link("a")}
    return {
        "eventType": (
            {"eventType": ["AggregationEvent", "TransformationEvent"]},
            lambda e: e["type"] in {"AggregationEvent", "TransformationEvent"},
        ),
        "EQ_action": ({"EQ_action": ["DELETE"]}, lambda e: e.get("action") == "DELETE"),
        "eventTime": (
            {"GE_eventTime": "2026-02-01T08:00:00.500Z", "LT_eventTime": "2026-03-01T10:00:00Z"},
            lambda e: e["eventTime"] == "2026-02-01T10:00:00.500+02:00",
        ),
        "EQ_bizStep": ({"EQ_bizStep": ["shipping"]}, lambda e: e.get("bizStep") in SHIPPING),
        "EQ_bizStep, URN": (
            {"EQ_bizStep": ["urn:epcglobal:cbv:bizstep:shipping", "packing"]},
            lambda e: e.get("bizStep") in SHIPPING | {"packing"},
        ),
        "EQ_bizStep, foreign": (
            {"EQ_bizStep": ["https://example.org/steps/shredding"]},
            lambda e: e.get("bizStep") == "https://example.org/steps/shredding",
        ),
        "EQ_disposition": (
            {"EQ_disposition": ["https://ref.gs1.org/cbv/Disp-active"]},
            lambda e: e.get("disposition") == "active",
        ),
        "EQ_persistentDisposition_set": (
            {"EQ_persistentDisposition_set": ["completeness_verified"]},
            lambda e: "completeness_verified" in (has(e, "persistentDisposition", "set") or []),
        ),
        "EQ_persistentDisposition_unset": (
            {"EQ_persistentDisposition_unset": ["completeness_inferred"]},
            lambda e: "completeness_inferred" in (has(e, "persistentDisposition", "unset") or []),
        ),
        "EQ_readPoint": (
            {"EQ_readPoint": [READ_POINT]},
            lambda e: has(e, "readPoint", "id") in {READ_POINT, READ_POINT_LINK},
        ),
        "WD_readPoint": (
            {"WD_readPoint": [READ_POINT_LINK]},
            lambda e: has(e, "readPoint", "id") in {READ_POINT, READ_POINT_LINK},
        ),
        "EQ_bizLocation": (
            {"EQ_bizLocation": [s.place]}, lambda e: has(e, "bizLocation", "id") == s.place
        ),
        "WD_bizLocation": (
            {"WD_bizLocation": [s.place]},
            lambda e: str(has(e, "bizLocation", "id")).startswith(s.place),
        ),
        "WD_bizLocation, middle": (
            {"WD_bizLocation": [f"{s.place}/hall"]},
            lambda e: str(has(e, "bizLocation", "id")).startswith(f"{s.place}/hall"),
        ),
        "EQ_transformationID": (
            {"EQ_transformationID": [f"{s.place}/run1"]},
            lambda e: e.get("transformationID") == f"{s.place}/run1",
        ),
        "EQ_bizTransaction_po": (
            {"EQ_bizTransaction_po": [PO]},
            lambda e: PO in listed(e, "bizTransactionList", "po", "bizTransaction"),
        ),
        "EQ_source_owning_party": (
            {"EQ_source_owning_party": [f"{GS1}/417/4012345000009"]},
            lambda e: "urn:epc:id:pgln:4012345.00000"
            in listed(e, "sourceList", "owning_party", "source"),
        ),
        "EQ_destination_possessing_party": (
            {"EQ_destination_possessing_party": ["urn:epc:id:pgln:4012346.00000"]},
            lambda e: f"{GS1}/417/4012346000008"
            in listed(e, "destinationList", "possessing_party", "destination"),
        ),
        "MATCH_epc": (
            {"MATCH_epc": [s.link("a")]},
            lambda e: bool(a & {*e.get("epcList", []), *e.get("childEPCs", [])}),
        ),
        "MATCH_parentID": (
            {"MATCH_parentID": [link]}, lambda e: e.get("parentID") in {urn, link}
        ),
        "MATCH_inputEPC": (
            {"MATCH_inputEPC": [s.link("in")]}, lambda e: s.urn("in") in e.get("inputEPCList", [])
        ),
        "MATCH_outputEPC": (
            {"MATCH_outputEPC": [s.urn("out")]},
            lambda e: s.link("out") in e.get("outputEPCList", []),
        ),
        "MATCH_anyEPC": (
            {"MATCH_anyEPC": [urn, s.urn("in"), s.urn("b")]},
            lambda e: e.get("parentID") in {urn, link} or s.urn("in") in e.get("inputEPCList", [])
            or s.urn("b") in e.get("epcList", []),
        ),
        "MATCH_anyEPC, pattern": (
            {"MATCH_anyEPC": ["urn:epc:idpat:sgtin:4012345.011111.*"],
             "EQ_bizStep": ["assembling", "packing", "https://example.org/steps/shredding"]},
            lambda e: e.get("bizStep") in {
                "assembling", "packing", "https://example.org/steps/shredding"}
            and ("sgtin:4012345.011111." in json.dumps(e) or "04012345111118/21" in json.dumps(e)),
        ),
        "MATCH_parentID, pattern": (
            {"MATCH_parentID": ["urn:epc:idpat:sscc:4012345.*"]},
            lambda e: "sscc:4012345." in str(e.get("parentID"))
            or (f"{GS1}/00/" in str(e.get("parentID"))
                and str(e["parentID"]).partition("/00/")[2][1:8] == "4012345"),
        ),
        "MATCH_epc, all": (
            {"MATCH_epc": ["urn:epc:idpat:giai:*.*"]},
            lambda e: any(":giai:" in epc or "/8004/" in epc
                          for epc in [*e.get("epcList", []), *e.get("childEPCs", [])]),
        ),
        "MATCH_epcClass": (
            {"MATCH_epcClass": [f"{GS1}/01/{gtin(11111)}/10/L1",
                                "urn:epc:class:lgtin:4012345.011111.L1"]},
            lambda e: any("lgtin:4012345.011111.L1" in q["epcClass"]
                          for q in e.get("quantityList", []) + e.get("childQuantityList", [])),
        ),
        "MATCH_epcClass, class of items": (
            {"MATCH_epcClass": ["urn:epc:idpat:sgtin:4012345.022222.*"]},
            lambda e: any(q["epcClass"] == "urn:epc:idpat:sgtin:4012345.022222.*"
                          for q in e.get("quantityList", []) + e.get("childQuantityList", [])),
        ),
        "MATCH_inputEPCClass": (
            {"MATCH_inputEPCClass": ["urn:epc:class:lgtin:4012345.033333.*"]},
            lambda e: any(":lgtin:4012345.033333." in q["epcClass"]
                          for q in e.get("inputQuantityList", [])),
        ),
        "MATCH_outputEPCClass": (
            {"MATCH_outputEPCClass": ["urn:epc:class:lgtin:4012345.044444.OUT"]},
            lambda e: any(q["epcClass"] == "urn:epc:class:lgtin:4012345.044444.OUT"
                          for q in e.get("outputQuantityList", [])),
        ),
        "MATCH_anyEPCClass": (
            {"MATCH_anyEPCClass": ["urn:epc:class:lgtin:4012345.044444.*",
                                   "urn:epc:idpat:sgtin:4012345.022222.*"]},
            lambda e: any(":4012345.044444.OUT" in q["epcClass"]
                          or q["epcClass"] == "urn:epc:idpat:sgtin:4012345.022222.*"
                          for q in quantities(e)),
        ),
        "EQ_quantity": (
            {"EQ_quantity": [5, 2500]},
            lambda e: any(q.get("quantity") in {5, 2500} for q in quantities(e)),
        ),
        "GE_quantity": (
            {"GE_quantity": 10}, lambda e: any(q.get("quantity", 0) >= 10 for q in quantities(e))
        ),
        "GT_quantity": (
            {"GT_quantity": 10}, lambda e: any(q.get("quantity", 0) > 10 for q in quantities(e))
        ),
        "LT_quantity": (
            {"LT_quantity": 3}, lambda e: any(q.get("quantity", 9) < 3 for q in quantities(e))
        ),
        "LE_quantity": (
            {"LE_quantity": 3}, lambda e: any(q.get("quantity", 9) <= 3 for q in quantities(e))
        ),
        "GE_quantity_KGM": (
            {"GE_quantity_KGM": 2.5}, lambda e: any(grams(q) >= 2500 for q in quantities(e))
        ),
        "EXISTS_errorDeclaration": (
            {"EXISTS_errorDeclaration": None}, lambda e: "errorDeclaration" in e
        ),
        "errorDeclarationTime": (
            {"GE_errorDeclarationTime": "2026-07-01T00:00:00Z",
             "LT_errorDeclaration_Time": "2026-07-01T00:00:00.001Z"},
            lambda e: has(e, "errorDeclaration", "declarationTime") == "2026-07-01T00:00:00Z",
        ),
        "EQ_errorReason": (
            {"EQ_errorReason": ["urn:epcglobal:cbv:er:incorrect_data"]},
            lambda e: has(e, "errorDeclaration", "reason") == "incorrect_data",
        ),
        "EXISTS_sensorElementList": (
            {"EXISTS_sensorElementList": 1}, lambda e: "sensorElementList" in e
        ),
        "time": (
            {"GE_time": "2026-05-01T00:00:00Z", "LT_time": "2026-05-01T00:00:01Z"},
            lambda e: any(m.get("time") == "2026-05-01T00:00:00Z" for m in metadata(e)),
        ),
        "startTime": (
            {"GE_startTime": "2026-04-01T00:00:00Z", "LT_startTime": "2026-04-01T00:00:01Z"},
            lambda e: any(m.get("startTime") == "2026-04-01T00:00:00Z" for m in metadata(e)),
        ),
        "endTime": (
            {"GE_endTime": "2026-04-02T00:00:00Z", "LT_endTime": "2026-04-02T00:00:01Z"},
            lambda e: any(m.get("endTime") == "2026-04-02T00:00:00Z" for m in metadata(e)),
        ),
        "EQ_type": (
            {"EQ_type": ["RelativeHumidity", "https://example.org/types/smell"]},
            lambda e: any(r.get("type") in {"RelativeHumidity", "https://example.org/types/smell"}
                          for r in reports(e)),
        ),
        "EQ_deviceID": (
            {"EQ_deviceID": [f"{GS1}/8004/4012345dev1"]},
            lambda e: any(m.get("deviceID") == "urn:epc:id:giai:4012345.dev1"
                          for m in metadata(e)),
        ),
        **{
            f"EQ_{name}": (
                {f"EQ_{name}": [value]},
                lambda e, name=name, value=value: any(
                    one.get(name) == value for one in (*reports(e), *metadata(e))
                ),
            )
            for name, value in {
                "dataProcessingMethod": "https://example.org/methods/1",
                "bizRules": "https://example.org/rules/1",
                "microorganism": "https://example.org/taxa/1",
                "chemicalSubstance": "https://example.org/inchi/1",
                "stringValue": "rotten, very",
                "uriValue": "https://example.org/smells/1",
            }.items()
        },
        "EQ_booleanValue": (
            {"EQ_booleanValue": True},
            lambda e: any(r.get("booleanValue") is True for r in reports(e)),
        ),
        "EQ_hexBinaryValue": (
            {"EQ_hexBinaryValue": ["a0ff"]},
            lambda e: any(r.get("hexBinaryValue", "").lower() == "a0ff" for r in reports(e)),
        ),
        "EQ_value_CEL": (
            {"EQ_value_CEL": [4]}, lambda e: any(kelvin(r) == 277.15 for r in reports(e))
        ),
        "GT_value_FAH": (
            {"GT_value_FAH": 39}, lambda e: any(kelvin(r) > 277.03889 for r in reports(e))
        ),
        "LT_value_KEL": (
            {"LT_value_KEL": 277.16},
            lambda e: any(0 <= kelvin(r) < 277.16 for r in reports(e)),
        ),
        "LE_value_LBR": (
            {"LE_value_LBR": 3.4},
            lambda e: any(
                r["value"] * KILOGRAMS[r["uom"]] / 0.45359237 <= 3.4
                for r in reports(e) if r.get("uom") in KILOGRAMS and "value" in r
            ),
        ),
        "GE_minValue_CEL": (
            {"GE_minValue_CEL": 2},
            lambda e: any(kelvin(r, "minValue") >= 275.15 for r in reports(e)),
        ),
        "LE_maxValue_CEL": (
            {"LE_maxValue_CEL": 6},
            lambda e: any(0 <= kelvin(r, "maxValue") <= 279.15 for r in reports(e)),
        ),
        "GE_meanValue_KEL": (
            {"GE_meanValue_KEL": 277.15},
            lambda e: any(kelvin(r, "meanValue") >= 277.15 for r in reports(e)),
        ),
        "GE_sDev_KEL": (
            {"GE_sDev_KEL": 1},
            lambda e: any(r.get("sDev", 0) * (5 / 9 if r.get("uom") == "FAH" else 1) > 0.9999
                          for r in reports(e) if r.get("uom") in {"CEL", "FAH", "KEL"}),
        ),
        "GE_percRank": (
            {"GE_percRank": 50}, lambda e: any(r.get("percRank", -1) >= 50 for r in reports(e))
        ),
        "LT_percValue_CEL": (
            {"LT_percValue_CEL": 5.5},
            lambda e: any(0 <= kelvin(r, "percValue") < 278.65 for r in reports(e)),
        ),
        "EQ_ extension, text": (
            {"EQ_ex:note": ["Hello, world"]},
            lambda e: e.get("ex:note") == "Hello, world" and mine(e),
        ),
        "EQ_ extension, number": (
            {f"EQ_{ilmd}size": 12}, lambda e: e.get("ex:size") in {12, "12"} and mine(e)
        ),
        "EQ_ extension, time": (
            {"EQ_ex:at": "2026-01-01T01:00:00+01:00"},
            lambda e: e.get("ex:at") == "2026-01-01T00:00:00Z",
        ),
        "GT_ extension": (
            {"GT_ex:size": 7}, lambda e: float(e.get("ex:size", 0)) > 7 and mine(e)
        ),
        "GE_ extension": (
            {"GE_ex:size": 7}, lambda e: float(e.get("ex:size", 0)) >= 7 and mine(e)
        ),
        "LT_ extension, time": (
            {"LT_ex:at": "2026-02-28T23:00:00.001Z"},
            lambda e: e.get("ex:at") is not None and mine(e),
        ),
        "LE_ extension": (
            {"LE_ex:size": 12}, lambda e: float(e.get("ex:size", 99)) <= 12 and mine(e)
        ),
        "EXISTS_ extension": ({"EXISTS_ex:group": None}, lambda e: "ex:group" in e),
        "EQ_INNER_": (
            {"EQ_INNER_ex:inner": ["9"]}, lambda e: has(e, "ex:group", "ex:inner") == "9"
        ),
        "GE_INNER_": (
            {"GE_INNER_ex:when": "2026-05-05T00:00:00Z"},
            lambda e: has(e, "ex:group", "ex:when") is not None,
        ),
        "EXISTS_INNER_": (
            {"EXISTS_INNER_ex:inner": True}, lambda e: has(e, "ex:group", "ex:inner") is not None
        ),
        "EQ_ILMD_": (
            {"EQ_ILMD_cbvmda:lotNumber": ["007"]},
            lambda e: has(e, "ilmd", "cbvmda:lotNumber") == "007",
        ),
        "GT_ILMD_": (
            {"GT_ILMD_ex:degrees": 4.5}, lambda e: (has(e, "ilmd", "ex:degrees") or 0) > 4.5
        ),
        "EXISTS_ILMD_": (
            {"EXISTS_ILMD_ex:nested": None}, lambda e: has(e, "ilmd", "ex:nested") is not None
        ),
        "EQ_INNER_ILMD_": (
            {"EQ_INNER_ILMD_ex:inner": ["deep"]},
            lambda e: has(e, "ilmd", "ex:nested", "ex:inner") == "deep",
        ),
        "LE_INNER_ILMD_": (
            {"LE_INNER_ILMD_ex:count": 3},
            lambda e: (has(e, "ilmd", "ex:nested", "ex:count") or 9) <= 3,
        ),
        "EQ_ERROR_DECLARATION_": (
            {"EQ_ERROR_DECLARATION_ex:ticket": ["T-1"]},
            lambda e: has(e, "errorDeclaration", "ex:ticket") == "T-1",
        ),
        "GE_INNER_ERROR_DECLARATION_": (
            {"GE_INNER_ERROR_DECLARATION_ex:line": 4},
            lambda e: (has(e, "errorDeclaration", "ex:detail", "ex:line") or 0) >= 4,
        ),
        "EQ_SENSORELEMENT_": (
            {"EQ_SENSORELEMENT_ex:element": ["E1"]},
            lambda e: any(one.get("ex:element") == "E1" for one in e.get("sensorElementList", [])),
        ),
        "EQ_SENSORMETADATA_": (
            {"EQ_SENSORMETADATA_ex:site": ["S1"]},
            lambda e: any(m.get("ex:site") == "S1" for m in metadata(e)),
        ),
        "EXISTS_SENSORREPORT_": (
            {"EXISTS_SENSORREPORT_ex:probe": None},
            lambda e: any("ex:probe" in r for r in reports(e)),
        ),
        "EQ_readPoint_": (
            {"EQ_readPoint_ex:gate": ["7"]}, lambda e: has(e, "readPoint", "ex:gate") == "7"
        ),
        "EQ_INNER_bizLocation_": (
            {"EQ_INNER_bizLocation_ex:shelf": ["top"]},
            lambda e: has(e, "bizLocation", "ex:zone", "ex:shelf") == "top",
        ),
        "HASATTR_": (
            {"HASATTR_bizLocation": ["urn:epcglobal:cbv:mda#site"]},
            lambda e: has(e, "bizLocation", "id") == s.place,
        ),
        "EQATTR_": (
            {"EQATTR_readPoint_urn:epcglobal:cbv:mda:latitude": ["+18"]},
            lambda e: has(e, "readPoint", "id") in {READ_POINT, READ_POINT_LINK},
        ),
    }  # fmt: skip


NAMES = sorted(cases(Story()))


def logged(node: Node) -> list[tuple[int, Event]]:
    """Every event of the ledger as its sender signed it."""
    with node.engine.connect() as connection:
        rows = connection.execute(text("SELECT log_index, content FROM events ORDER BY log_index"))
        return [(row.log_index, json.loads(row.content)) for row in rows]


def identity_of(event: Event) -> str:
    """What tells events apart here: the bytes of all that was sent, each EPC of its list once."""
    left_out = ("recordTime", "@context", "eventID")
    members = {k: v for k, v in event.items() if k not in left_out}
    if "epcList" in members:
        members["epcList"] = list(dict.fromkeys(members["epcList"]))
    return json.dumps(members, sort_keys=True)


def as_url(query: dict[str, Any]) -> str:
    parts = []
    for name, value in query.items():
        values = value if isinstance(value, list) else [value]
        shown = [
            "" if one is None else "true" if one is True else quote(str(one), safe="")
            for one in values
        ]
        parts.append(f"{quote(name, safe=':')}={'%7C'.join(shown)}")
    return "&".join(parts)


HEADERS = {"GS1-Extensions": f"ex={EX}"}


def pages(api: httpx.Client, url: str, spelling: str = "Never_Translates") -> list[Event]:
    """All events of a query, page by page."""
    headers = {**HEADERS, "GS1-EPC-Format": spelling}
    found: list[Event] = []
    while url:
        answer = api.get(url, headers=headers)
        assert answer.status_code == 200, answer.text
        found += answer.json()["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
        link = answer.headers.get("link", "")
        url = link.partition(">")[0].removeprefix("<")
    return found


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("name", NAMES)
def test_a_parameter_finds_what_the_standard_says(
    api: httpx.Client, node: Node, story: Story, name: str
) -> None:
    query, predicate = cases(story)[name]
    expected = sorted(identity_of(event) for _, event in logged(node) if predicate(event))
    assert 0 < len(expected) < len(logged(node))
    found = pages(api, f"/epcis/events?perPage=3&{as_url(query)}")
    assert sorted(map(identity_of, found)) == expected


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("name", NAMES)
def test_a_query_posted_as_json_finds_the_same(api: httpx.Client, story: Story, name: str) -> None:
    query, _ = cases(story)[name]
    posted = api.post("/epcis/queries", json={"name": f"{story.mark} {name}", "query": query},
                      headers=HEADERS)  # fmt: skip
    assert posted.status_code == 201, posted.text
    named = pages(api, f"{posted.headers['location']}/events?perPage=50")
    asked = pages(api, f"/epcis/events?perPage=50&{as_url(query)}")
    assert list(map(identity_of, named)) == list(map(identity_of, asked)) != []
    assert api.delete(posted.headers["location"]).status_code == 204


def test_ids_find_their_events_and_declarations(api: httpx.Client, told: list[Event]) -> None:
    wrong, corrective = told[1]["eventID"], told[0]["eventID"]
    both = pages(api, f"/epcis/events/{quote(wrong, safe='')}")
    assert ["errorDeclaration" in event for event in both] == [False, True]
    assert pages(api, f"/epcis/events?EQ_eventID={wrong}|{corrective}") == [
        *reversed(both), *pages(api, f"/epcis/events/{corrective}")
    ]  # fmt: skip
    declared = pages(api, f"/epcis/events?EQ_correctiveEventID={corrective}")
    assert declared == both[1:]
    assert api.get("/epcis/events/urn:uuid:none").status_code == 404


@pytest.mark.usefixtures("told")
def test_record_times_are_the_servers_own(api: httpx.Client) -> None:
    found = pages(api, "/epcis/events?perPage=1000")
    moment = max(event["recordTime"] for event in found)
    at_it = pages(api, f"/epcis/events?perPage=1000&GE_recordTime={moment}")
    assert [event["recordTime"] for event in at_it] == [moment] * len(at_it) != []
    before = pages(api, f"/epcis/events?perPage=1000&LT_recordTime={moment}")
    assert len(at_it) + len(before) == len(found)


def foreign_documents(folder: Path) -> Iterator[Path]:
    for source in ("gs1-examples", "openepcis-valid"):
        for path in sorted((folder / source).rglob("*.*")):
            is_document = "Query" not in str(path) and "CaptureJob" not in path.parts
            if path.is_file() and path.suffix in MEDIA and is_document:
                yield path


@pytest.mark.usefixtures("told")
def test_a_whole_data_set_answers_as_its_documents_say(
    api: httpx.Client, node: Node, worker: Worker, partner: Callable[..., Partner], story: Story,
    conformance_data: Path, conformance_tally: ConformanceTally,
) -> None:  # fmt: skip
    """The same questions, with the events of foreign documents among those of the story."""
    teller = partner("Conformance")
    taken = 0
    for path in foreign_documents(conformance_data / "epcis"):
        raw = path.read_bytes()
        try:
            part = signed(node, raw, teller)
        except LedgerError:
            continue
        taken += post(api, part, raw, MEDIA[path.suffix]).status_code == 202
    while worker.turn():
        pass
    events = [event for _, event in logged(node)]
    wrong = []
    for name, (query, predicate) in cases(story).items():
        expected = sorted(identity_of(event) for event in events if predicate(event))
        found = pages(api, f"/epcis/events?perPage=100&{as_url(query)}")
        if sorted(map(identity_of, found)) != expected:
            wrong.append((name, len(found), len(expected)))
    conformance_tally(taken, len(wrong))
    assert taken > 90
    assert wrong == []
    verify_by_schema(api, conformance_data, events)


def verify_by_schema(api: httpx.Client, conformance_data: Path, sent: list[Event]) -> None:
    """What was sent as the standard's own schema has it is answered so, in each spelling."""
    schema = conformance_data / "epcis/schemas/json-schema/epcis-json-schema-2.0.1.json"
    official = jsonschema_rs.validator_for(json.loads(schema.read_bytes()), validate_formats=True)
    answer = api.get("/epcis/events?perPage=1").json()
    results = answer["epcisBody"]["queryResults"]["resultsBody"]

    def invalid(events: list[Event]) -> int:
        wrong = 0
        for event in events:
            results["eventList"] = [event]
            wrong += not official.is_valid(answer)
        return wrong

    # XML may lack the type of a report, which JSON must not.
    expected = invalid(sent)
    assert expected < len(sent) / 10
    for spelling in ("Always_GS1_Digital_Link", "Always_EPC_URN", "Never_Translates"):
        found = pages(api, "/epcis/events?perPage=500", spelling)
        assert len(found) == len(sent)
        assert invalid(found) <= expected
