"""XML of both versions is captured as the JSON that its conversion makes of it."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ledger.bootstrap import Node
from ledger.client import LedgerClient
from ledger.clock import now_ms
from ledger.core.epcis.read import read_document
from ledger.core.jcs import canonical_json
from ledger.core.submission import build_submission, format_submission
from ledger.worker import Worker
from tests.integration.partners import Partner, new_item, path_of, post, signed

Make = Callable[..., Partner]

EVENT = """
      <ObjectEvent>
        <eventTime>2026-01-01T10:00:00Z</eventTime>
        <eventTimeZoneOffset>+00:00</eventTimeZoneOffset>
        <epcList><epc>{item}</epc></epcList>
        <action>{action}</action>
        <bizStep>urn:epcglobal:cbv:bizstep:{step}</bizStep>
      </ObjectEvent>"""
DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?>
<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:{namespace}" schemaVersion="{version}"
    creationDate="2026-01-01T00:00:00Z">
  <EPCISBody>
    <EventList>{events}
    </EventList>
  </EPCISBody>
</epcis:EPCISDocument>
"""
VERSIONS = pytest.mark.parametrize("version", ["1.2", "2.0"])


def xml(version: str, *events: str) -> bytes:
    return DOCUMENT.format(namespace=version[0], version=version, events="".join(events)).encode()


def commissioned(item: str) -> str:
    return EVENT.format(item=item, action="ADD", step="commissioning")


@VERSIONS
@pytest.mark.parametrize("media", ["application/xml", "text/xml; charset=utf-8"])
def test_what_is_logged_is_the_json_of_the_conversion(
    api: httpx.Client, node: Node, worker: Worker, partner: Make, version: str, media: str
) -> None:
    item = new_item()
    raw = xml(
        version, commissioned(item), EVENT.format(item=item, action="OBSERVE", step="storing")
    )
    answer = post(api, signed(node, raw, partner("Xml")), raw, media)
    assert answer.status_code == 202, answer.text
    worker.turn()
    job = api.get(answer.headers["location"]).json()
    assert [one["verdict"] for one in job["results"]] == ["accepted"] * 2, job
    indexes = [one["logIndex"] for one in job["results"]]
    assert _contents(node, indexes) == [canonical_json(one) for one in read_document(raw).events]
    found = api.get(f"/items{path_of(item)}").json()
    assert [one["op"] for one in found["events"]] == ["COMMISSION", "OBSERVE"]


def _contents(node: Node, indexes: list[int]) -> list[bytes]:
    query = "SELECT content FROM events WHERE log_index = ANY(%s) ORDER BY log_index"
    with node.engine.connect() as connection:
        return [row[0] for row in connection.exec_driver_sql(query, (indexes,))]


@VERSIONS
def test_the_same_fact_in_xml_and_json_is_one_event(
    api: httpx.Client, node: Node, worker: Worker, partner: Make, version: str
) -> None:
    who, raw = partner("Twice"), xml(version, commissioned(new_item()))
    (one,) = read_document(raw).events
    verdicts = []
    for sent, media in ((raw, "application/xml"), (canonical_json(one), "application/json")):
        answer = post(api, signed(node, sent, who), sent, media)
        worker.turn()
        verdicts += api.get(answer.headers["location"]).json()["results"]
    assert [result["verdict"] for result in verdicts] == ["accepted", "duplicate"]


@VERSIONS
def test_a_large_xml_document_is_read_beside_the_others(
    api: httpx.Client, node: Node, worker: Worker, partner: Make, version: str
) -> None:
    raw = xml(version, *(commissioned(new_item()) for _ in range(500)))
    answer = post(api, signed(node, raw, partner("LargeXml")), raw, "application/xml")
    worker.turn()
    job = api.get(answer.headers["location"]).json()
    assert job["success"]
    assert len(job["results"]) == 500


@VERSIONS
def test_one_wrong_event_is_told_by_pointer(
    api: httpx.Client, node: Node, worker: Worker, partner: Make, version: str
) -> None:
    raw = xml(version, commissioned(new_item()), commissioned("urn:epc:id:sgtin:4012345.1.1"))
    with LedgerClient(str(api.base_url)) as client:
        location = client.capture(
            raw, partner("WrongXml").signer, node.identity, issued_at=now_ms(), on_error="proceed"
        )
    worker.turn()
    job: dict[str, Any] = api.get(location).json()
    assert [one["verdict"] for one in job["results"]] == ["accepted", "rejected"]
    assert job["errors"][0]["errors"][0]["pointer"].startswith("/epcisBody/eventList/1/")


XXE = b"""<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>"""


@pytest.mark.parametrize(
    "broken",
    [
        lambda raw: raw[:-20],
        lambda raw: raw.replace(b"?>", b"?>" + XXE, 1),
        lambda raw: raw.replace(b"xsd:1", b"xsd:9"),
    ],
    ids=["cut short", "entity", "other namespace"],
)
def test_xml_that_cannot_be_read_is_refused_at_once(
    api: httpx.Client, node: Node, partner: Make, broken: Callable[[bytes], bytes]
) -> None:
    who, raw = partner("Broken"), xml("1.2", commissioned(new_item()))
    bad = broken(raw)
    domain = node.identity.domain()
    # Signed over other bytes it would be refused for its signature.
    answer = api.post(
        "/epcis/capture?dryRun=true", content=bad, headers={"content-type": "application/xml"}
    )
    assert answer.json()["verdict"] == "reject"
    part = format_submission(build_submission(raw, who.signer, domain, issued_at=1))
    assert post(api, part, bad, "application/xml").status_code == 401


@VERSIONS
def test_xml_is_checked_without_being_stored(api: httpx.Client, version: str) -> None:
    answer = api.post(
        "/epcis/capture?dryRun=true",
        content=xml(version, commissioned(new_item())),
        headers={"content-type": "text/xml"},
    )
    assert answer.status_code == 200
    assert answer.json()["verdict"] != "reject", answer.text
