"""Answers in the format and the spelling that a request asks for."""

import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from ledger.bootstrap import Node
from ledger.core.epcis.document import Format, Kind
from ledger.core.epcis.epc_format import EpcFormat
from ledger.core.epcis.read import read_document
from ledger.core.gs1_keys import check_digit
from ledger.worker import Worker
from tests.integration.partners import Partner, event, new_item, post, signed

URN = "urn:epc:id:sgtin:4012345.011111."


@pytest.fixture(scope="module")
def asked(
    captured: Callable[..., dict[str, Any]], partner: Callable[..., Partner]
) -> tuple[str, str]:
    """Capture an item spelt as URN and as link; return both spellings."""
    serial = new_item().rpartition("/")[2]
    urn, link = URN + serial, f"https://id.gs1.org/01/04012345111118/21/{serial}"
    sensed = {"sensorElementList": [{"sensorReport": [{"type": "Mass", "value": 1, "uom": "KGM"}]}]}
    writer = partner("Writer")
    captured(writer, event(action="OBSERVE", bizStep="shipping", epcList=[urn], **sensed))
    captured(writer, event(action="OBSERVE", bizStep="receiving", epcList=[link]))
    return urn, link


def epcs(answer: httpx.Response) -> list[str]:
    """The item's spelling in each event, newest first."""
    assert answer.status_code == 200, answer.text
    read = read_document(answer.content)
    assert (read.kind, [one for one in read.findings if one.severity == "error"]) == (
        Kind.QUERY,
        [],
    )
    return [str(one["epcList"][0]) for one in read.events]  # type: ignore[index, call-overload]


@pytest.mark.parametrize("accept", ["application/json", "application/xml"])
def test_keys_are_spelt_as_asked(api: httpx.Client, asked: tuple[str, str], accept: str) -> None:
    urn, link = asked
    url = f"/epcis/events?MATCH_anyEPC={quote(urn, safe='')}"
    for wanted, spelt in {
        None: [link, link],
        "No_Preference": [link, link],
        "Always_GS1_Digital_Link": [link, link],
        "Always_EPC_URN": [urn, urn],
        "Never_Translates": [link, urn],
    }.items():
        headers = {"Accept": accept} | ({"GS1-EPC-Format": wanted} if wanted else {})
        answer = api.get(url, headers=headers)
        assert epcs(answer) == spelt
        assert answer.headers["content-type"].partition(";")[0] == accept


@pytest.mark.parametrize(
    ("accept", "most", "media_type", "format_"),
    [
        ("application/xml", "2.0.0", "application/xml", Format.XML_20),
        ("text/xml;q=0.9, application/pdf", "2.0", "text/xml", Format.XML_20),
        ("application/xml", "1.2.0", "application/xml", Format.XML_12),
        ("*/*", "2.0.0", "application/json", Format.JSON),
        ("application/xml;q=0.5, application/ld+json", "2.0.0", "application/ld+json", Format.JSON),
    ],
)  # fmt: skip
def test_the_format_is_negotiated(
    api: httpx.Client, asked: tuple[str, str], accept: str, most: str, media_type: str,
    format_: Format,
) -> None:  # fmt: skip
    url = f"/epcis/events?MATCH_anyEPC={quote(asked[1], safe='')}"
    answer = api.get(url, headers={"Accept": accept, "GS1-EPCIS-Max": most})
    assert len(epcs(answer)) == 2
    assert answer.headers["content-type"].partition(";")[0] == media_type
    assert read_document(answer.content).format is format_
    lost = answer.headers.get("unbroken-lost-in-conversion", "")
    assert ("sensorElementList" in lost) == (format_ is Format.XML_12)


def test_vocabulary_in_xml_is_spelt_as_asked(api: httpx.Client, asked: tuple[str, str]) -> None:
    url = f"/epcis/events?MATCH_anyEPC={quote(asked[1], safe='')}"
    for wanted, start in (
        ("Always_URN", "urn:epcglobal:cbv:bizstep:"),
        ("Always_Web_URI", "https://ref.gs1.org/cbv/BizStep-"),
    ):
        headers = {"Accept": "application/xml", "GS1-CBV-XML-Format": wanted}
        assert f"<bizStep>{start}shipping<" in api.get(url, headers=headers).text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Accept": "application/pdf"}, 406),
        ({"Accept": "application/json", "GS1-EPCIS-Max": "1.2"}, 406),
        ({"GS1-EPCIS-Min": "3.0"}, 406),
        ({"GS1-CBV-Max": "1.0"}, 406),
        ({"GS1-EPC-Format": "Always_Morse"}, 400),
        ({"GS1-CBV-XML-Format": "Always_Morse"}, 400),
        ({"GS1-Extensions": "no namespace"}, 400),
    ],
)
def test_what_cannot_be_given_is_refused(
    api: httpx.Client, headers: dict[str, str], status: int
) -> None:
    answer = api.get("/epcis/events", headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"].startswith("epcisException:")


def test_options_tell_methods_and_versions(api: httpx.Client) -> None:
    for path, methods in {
        "/epcis": "OPTIONS, GET, HEAD",
        "/epcis/events/urn:uuid:1": "OPTIONS, GET, HEAD",
        "/epcis/epcs/https%3A%2F%2Fid.gs1.org%2F00%2F1/events": "OPTIONS, GET, HEAD",
        "/epcis/queries": "OPTIONS, POST, GET, HEAD",
        "/epcis/queries/one": "OPTIONS, GET, DELETE, HEAD",
    }.items():
        answer = api.options(path)
        assert (answer.status_code, answer.headers["allow"]) == (204, methods)
        assert answer.headers["gs1-epcis-version"] == "2.0.0"
    refused = api.put("/epcis/queries/one")
    assert (refused.status_code, refused.headers["allow"]) == (405, "OPTIONS, GET, DELETE, HEAD")
    assert api.delete("/epcis/nextPageToken/abc").status_code == 204


@pytest.mark.parametrize(
    "path",
    [
        "/epcis", "/epcis/", "/epcis/eventTypes", "/epcis/epcs", "/epcis/bizSteps",
        "/epcis/bizSteps/shipping", "/epcis/readPoints", "/epcis/queries", "/epcis/queries/none",
        "/epcis/capture", "/epcis/queries/none/subscriptions",
    ],
)  # fmt: skip
def test_what_is_json_only_is_not_acceptable_as_xml(api: httpx.Client, path: str) -> None:
    for accept in (
        "application/xml",
        "text/xml",
        "text/*",
        "application/xml, application/problem+json",
    ):
        refused = api.get(path, headers={"Accept": accept})
        assert (refused.status_code, refused.json()["type"]) == (
            406,
            "epcisException:NotAcceptableException",
        )
        assert refused.headers["content-type"] == "application/problem+json"
    for accept in ("application/problem+xml", "application/xml, application/json;q=0.1"):
        answer = api.get(path, headers={"Accept": accept})
        assert answer.status_code in (200, 404)
        assert answer.headers["content-type"] in ("application/json", "application/problem+json")


def test_problems_are_json_for_a_client_of_xml(api: httpx.Client, asked: tuple[str, str]) -> None:
    for accept in ("application/xml", "application/problem+xml", "application/problem+json"):
        refused = api.get("/epcis/events?EQ_colour=red", headers={"Accept": accept})
        assert (refused.status_code, refused.json()["field"]) == (400, "EQ_colour")
    both = {"Accept": "application/problem+xml, application/xml;q=0.5"}
    answer = api.get("/epcis/events", params={"MATCH_anyEPC": asked[1]}, headers=both)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/xml")


def test_options_answer_behind_a_slash(api: httpx.Client) -> None:
    behind, plain = api.options("/epcis/"), api.options("/epcis")
    assert behind.status_code == 204
    assert api.put("/epcis/").headers["allow"] == plain.headers["allow"]
    ours = {"allow", *(name for name in plain.headers if name.startswith("gs1-"))}
    assert {name: behind.headers[name] for name in ours} == {
        name: plain.headers[name] for name in ours
    }


TWICE = """<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:2" schemaVersion="2.0"
 creationDate="2026-01-01T00:00:00Z"><EPCISBody><EventList><ObjectEvent>
<eventTime>2026-01-01T10:00:00Z</eventTime><eventTimeZoneOffset>+00:00</eventTimeZoneOffset>
<epcList><epc>{item}</epc><epc>{item}</epc></epcList><action>OBSERVE</action>
<persistentDisposition><set>urn:epcglobal:cbv:disp:damaged</set>
<set>urn:epcglobal:cbv:disp:damaged</set></persistentDisposition>
</ObjectEvent></EventList></EPCISBody></epcis:EPCISDocument>"""


def test_what_xml_names_twice_json_names_once(
    api: httpx.Client, node: Node, worker: Worker, partner: Callable[..., Partner]
) -> None:
    item = f"{URN}{new_item().rpartition('/')[2]}"
    raw = TWICE.format(item=item).encode()
    assert post(api, signed(node, raw, partner("Twice named")), raw, "application/xml").is_success
    while worker.turn():
        pass
    url = f"/epcis/events?MATCH_anyEPC={item}"
    for wanted in EpcFormat:
        answer = api.get(url, headers={"GS1-EPC-Format": wanted})
        (found,) = answer.json()["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
        assert len(found["epcList"]) == 1
        assert found["persistentDisposition"] == {"set": ["damaged"]}
    as_sent = api.get(
        url, headers={"GS1-EPC-Format": "Never_Translates", "Accept": "application/xml"}
    )
    assert as_sent.text.count(f">{item}<") == 2


def test_collections_are_spelt_as_asked(
    api: httpx.Client, captured: Callable[..., dict[str, Any]], partner: Callable[..., Partner]
) -> None:
    serial = new_item().rpartition("/")[2]
    urn, link = f"{URN}{serial}", f"https://id.gs1.org/01/04012345111118/21/{serial}"
    number = secrets.randbelow(10**5)
    place = f"urn:epc:id:sgln:4012345.{number:05d}.{serial[:8]}"
    body = f"4012345{number:05d}"
    place_link = f"https://id.gs1.org/414/{body}{check_digit(body)}/254/{serial[:8]}"
    foreign = f"https://example.org/places/{serial}"
    captured(partner("Speller"),
        event(action="OBSERVE", epcList=[urn], readPoint={"id": place}, bizLocation={"id": place}),
        event(action="OBSERVE", epcList=[new_item()], readPoint={"id": foreign}),
    )  # fmt: skip
    for resource, sent, spelt in (
        ("epcs", urn, link), ("readPoints", place, place_link), ("bizLocations", place, place_link)
    ):  # fmt: skip
        assert "gs1-epc-format" in api.options(f"/epcis/{resource}").headers
        for wanted, expected in {
            None: spelt,
            "Always_GS1_Digital_Link": spelt,
            "Always_EPC_URN": sent,
            "Never_Translates": sent,
        }.items():
            headers = {"GS1-EPC-Format": wanted} if wanted else {}
            found: list[str] = []
            url = f"/epcis/{resource}?perPage=1000"
            while url:
                answer = api.get(url, headers=headers)
                assert answer.status_code == 200, answer.text
                assert answer.headers["gs1-epc-format"] == (wanted or "Always_GS1_Digital_Link")
                found += answer.json()["member"]
                url = answer.headers.get("link", "").partition(">")[0].removeprefix("<")
            assert expected in found
            assert (sent in found) == (expected == sent)
            assert (foreign in found) == (resource == "readPoints")


@pytest.mark.parametrize("name", [".", "..", "SimpleEventQuery", "SimpleMasterDataQuery"])
def test_a_name_that_cannot_be_asked_for_is_not_given(api: httpx.Client, name: str) -> None:
    refused = api.post("/epcis/queries", json={"name": name, "query": {}})
    told = refused.json()
    assert (refused.status_code, told["type"]) == (400, "epcisException:QueryValidationException")
    assert (told["field"], told["value"]) == ("name", name)


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (b"{", 400, "QueryValidationException"),
        (b"[]", 400, "QueryValidationException"),
        (b'{"name": "x"}', 400, "QueryValidationException"),
        (b'{"name": "a/b", "query": {}}', 400, "QueryValidationException"),
        (b'{"name": "x", "query": {}, "more": 1}', 400, "QueryValidationException"),
        (b'{"name": "x", "query": {"EQ_colour": ["red"]}}', 400, "QueryParameterException"),
        (b'{"name": "x", "query": {"eventType": "Party"}}', 400, "QueryParameterException"),
        (b'{"name": "x", "query": {"EQ_bizStep": "shipping"}}', 400, "QueryParameterException"),
        (b'{"name": "x", "query": {"maxEventCount": "5"}}', 400, "QueryParameterException"),
    ],
)
def test_a_definition_that_is_none_is_refused(
    api: httpx.Client, body: bytes, status: int, kind: str
) -> None:
    sent = {"content": body, "headers": {"content-type": "application/json"}}
    answer = api.post("/epcis/queries", **sent)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["type"]) == (status, f"epcisException:{kind}")
    assert api.get("/epcis/queries/x").json()["type"] == "epcisException:NoSuchNameException"


def test_a_name_is_used_once_and_can_be_given_back(api: httpx.Client) -> None:
    definition = {"name": "once ü", "query": {"EQ_bizStep": ["shipping"], "orderBy": "eventTime"}}
    made = api.post("/epcis/queries", json=definition)
    assert (made.status_code, made.json()) == (201, definition)
    location = made.headers["location"]
    assert api.get(location).json() == definition
    assert definition in api.get("/epcis/queries?perPage=1000").json()
    again = api.post("/epcis/queries", json=definition)
    assert again.json()["type"] == "epcisException:ResourceAlreadyExistsException"
    assert api.get(f"{location}/events").status_code == 200
    refused = api.get(f"{location}/events?EQ_action=ADD")
    assert refused.json()["type"] == "epcisException:QueryParameterException"
    assert api.post("/epcis/queries", content=b"x").status_code == 415
    assert [api.delete(location).status_code for _ in range(2)] == [204, 404]
