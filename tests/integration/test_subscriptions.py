"""Subscriptions over HTTP: made, shown, refused, told, ended."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import text

from api.app import create_app
from ledger.bootstrap import Node
from ledger.worker import Worker
from tests.fakes.receiver import Receiver, receiving
from tests.integration.conftest import serving
from tests.integration.partners import Partner, commission, new_item, path_of, ship

DEST = "http://127.0.0.1:9/callback"
TOKEN = "13df38d8275b13f05704629e5f1cf3d45d6132d5"
Make = Callable[..., Partner]
Captured = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def lenient(node: Node) -> Node:
    """The same ledger, whose operator allows receivers on this machine."""
    settings = replace(node.settings, webhook_allow_http=True, webhook_allow_private=True)
    return replace(node, settings=settings)


@pytest.fixture(scope="module")
def web(lenient: Node) -> Iterator[httpx.Client]:
    with serving(create_app(lenient)) as client:
        yield client


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@pytest.fixture(scope="module")
def shipper(partner: Make) -> Partner:
    return partner("Shipper")


@pytest.fixture
def query(web: httpx.Client) -> Iterator[str]:
    """A query for shippings, and the path of its subscriptions."""
    made = web.post("/epcis/queries", json={"name": "ships", "query": {"EQ_bizStep": ["shipping"]}})
    assert made.status_code == 201, made.text
    yield "/epcis/queries/ships/subscriptions"
    web.delete("/epcis/queries/ships")


def push(node: Node, worker: Worker, turns: int = 4) -> None:
    """Turn the worker until the index is there, then let everything that is due be sent."""
    while worker.turn():
        pass
    deliverer = node.deliverer(lambda: 0.0)
    for _ in range(turns):
        for name in deliverer.due(100):
            deliverer.run(name)


def test_a_subscription_is_made_shown_and_ended(web: httpx.Client, query: str) -> None:
    asked = {"dest": DEST, "signatureToken": TOKEN, "reportIfEmpty": True,
             "schedule": {"hour": "1", "minute": "5"}}  # fmt: skip
    made = web.post(query, json=asked)
    assert made.status_code == 201, made.text
    assert made.headers["gs1-epcis-version"] == "2.0.0"
    body = made.json()
    assert made.headers["location"] == f"{query}/{body['subscriptionID']}"
    shown = web.get(made.headers["location"])
    assert shown.status_code == 200
    assert shown.json() == body
    assert body["schedule"] == asked["schedule"]
    assert (body["dest"], body["queryName"], body["reportIfEmpty"]) == (DEST, "ships", True)
    assert body["minRecordTime"] == body["createdAt"]
    assert "stream" not in body
    assert TOKEN not in made.text + shown.text
    stream = web.post(query, json={"dest": DEST, "stream": True}).json()
    assert stream["stream"] is True
    assert web.get(query).json() == [body, stream]
    assert web.delete(made.headers["location"]).status_code == 204
    assert web.delete(made.headers["location"]).status_code == 404
    assert web.get(made.headers["location"]).json()["type"] == (
        "epcisException:NoSuchResourceException"
    )
    assert [one["subscriptionID"] for one in web.get(query).json()] == [stream["subscriptionID"]]


def test_the_token_is_stored_encrypted(web: httpx.Client, query: str, node: Node) -> None:
    web.post(query, json={"dest": DEST, "signatureToken": TOKEN, "stream": True})
    with node.engine.connect() as connection:
        rows = connection.execute(text("SELECT s::text FROM subscriptions s")).scalars().all()
    assert rows
    assert not any(TOKEN in row or TOKEN.encode().hex() in row for row in rows)


GOOD = {"dest": DEST, "stream": True}


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({}, "stream"),
        ({"dest": DEST}, "stream"),
        ({"stream": True}, "dest"),
        ({**GOOD, "schedule": {"hour": "1"}}, "stream"),
        ({**GOOD, "stream": False}, "stream"),
        ({**GOOD, "stream": "true"}, "stream"),
        ({"dest": DEST, "schedule": {}}, "schedule"),
        ({"dest": DEST, "schedule": []}, "schedule"),
        ({"dest": DEST, "schedule": {"hour": "25"}}, "schedule.hour"),
        ({"dest": DEST, "schedule": {"hours": "1"}}, "schedule.hours"),
        ({"dest": DEST, "schedule": {"month": "2", "dayOfMonth": "30"}}, "schedule"),
        ({**GOOD, "dest": 5}, "dest"),
        ({**GOOD, "dest": "client.example.com"}, "dest"),
        ({**GOOD, "dest": "ftp://client.example.com/"}, "dest"),
        ({**GOOD, "dest": "http://user:secret@127.0.0.1/"}, "dest"),
        ({**GOOD, "signatureToken": ""}, "signatureToken"),
        ({**GOOD, "signatureToken": 7}, "signatureToken"),
        ({**GOOD, "signatureToken": "x" * 257}, "signatureToken"),
        ({**GOOD, "reportIfEmpty": "yes"}, "reportIfEmpty"),
        ({**GOOD, "initialRecordTime": "yesterday"}, "initialRecordTime"),
        ({**GOOD, "initialRecordTime": "2026-01-01T00:00:00"}, "initialRecordTime"),
        ({**GOOD, "initialRecordTime": 1767225600}, "initialRecordTime"),
        ({**GOOD, "secret": "x"}, "secret"),
        ([], "subscription"),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_subscription_is_refused_by_name(
    web: httpx.Client, query: str, members: object, field: str
) -> None:
    refused = web.post(query, json=members)
    problem = refused.json()
    assert refused.status_code == 400
    assert problem["type"] == "epcisException:SubscriptionControlsException"
    assert problem["field"] == field
    assert problem["rule"]
    assert web.get(query).json() == []


@pytest.mark.parametrize(
    ("content", "media_type", "status", "kind"),
    [
        (b'{"dest": "a", "dest": "b"}', "application/json", 400, "ValidationException"),
        (b"{", "application/json", 400, "ValidationException"),
        (b"{}", "text/plain", 415, "UnsupportedMediaTypeException"),
        (b"{}", "", 415, "UnsupportedMediaTypeException"),
        (b" " * 17_000, "application/json", 413, "CaptureLimitExceededException"),
    ],
    ids=["double member", "no JSON", "text", "no type", "too large"],
)
def test_a_body_that_cannot_be_read_is_refused(
    web: httpx.Client, query: str, content: bytes, media_type: str, status: int, kind: str
) -> None:
    refused = web.post(query, content=content, headers={"Content-Type": media_type})
    assert refused.status_code == status
    assert refused.json()["type"] == f"epcisException:{kind}"


def test_an_operator_who_allows_nothing_is_not_made_to_call_the_own_network(
    api: httpx.Client, query: str
) -> None:
    for dest in (DEST, "https://127.0.0.1/", "https://10.0.0.1/", "https://localhost/",
                 "https://[::1]/", "https://169.254.169.254/"):  # fmt: skip
        refused = api.post(query, json={**GOOD, "dest": dest})
        assert refused.status_code == 400, dest
        assert refused.json()["field"] == "dest"


def test_a_query_that_is_not_there_has_no_subscriptions(web: httpx.Client) -> None:
    path = "/epcis/queries/none/subscriptions"
    for answer in (
        web.get(path), web.post(path, json=GOOD), web.get(f"{path}/x"), web.delete(f"{path}/x"),
    ):  # fmt: skip
        assert answer.status_code == 404
        assert answer.json()["type"] == "epcisException:NoSuchNameException"


@pytest.mark.parametrize("name", ["%00", "x" * 2000, "%EF%BF%BF", "..%2F..", "%0A", "a%2Fb"])
def test_odd_names_and_ids_are_not_found(web: httpx.Client, query: str, name: str) -> None:
    # No text of the database holds NUL: what asks for one is malformed.
    status = 400 if name == "%00" else 404
    for path in (
        f"/epcis/queries/{name}/subscriptions", f"{query}/{name}", f"/webhooks/{name}",
        f"/webhooks/{name}/deliveries",
    ):  # fmt: skip
        assert web.get(path).status_code == status, path
    assert web.post(f"/epcis/queries/{name}/subscriptions", json=GOOD).status_code == status
    assert web.delete(f"/webhooks/{name}").status_code == status
    assert web.post(f"/webhooks/{name}/replay").status_code == status


def test_a_subscription_is_found_under_its_own_query_only(web: httpx.Client, query: str) -> None:
    made = web.post(query, json=GOOD).json()
    web.post("/epcis/queries", json={"name": "other", "query": {}})
    for path in (f"/epcis/queries/other/subscriptions/{made['subscriptionID']}",
                 f"/webhooks/{made['subscriptionID']}"):  # fmt: skip
        assert web.get(path).status_code == 404
        assert web.delete(path).status_code == 404
    assert web.get(f"{query}/{made['subscriptionID']}").status_code == 200
    web.delete("/epcis/queries/other")


def test_deleting_a_query_ends_its_subscriptions(web: httpx.Client, query: str, node: Node) -> None:
    made = web.post(query, json=GOOD).json()
    assert web.delete("/epcis/queries/ships").status_code == 204
    with node.engine.connect() as connection:
        counted = connection.execute(
            text("SELECT count(*) FROM subscriptions WHERE id = :id"),
            {"id": made["subscriptionID"]},
        ).scalar_one()
    assert counted == 0


def test_options_tell_the_methods(web: httpx.Client, query: str) -> None:
    assert web.options(query).headers["allow"] == "OPTIONS, POST, GET, HEAD"
    assert web.options(f"{query}/x").headers["allow"] == "OPTIONS, GET, DELETE, HEAD"
    refused = web.put(query, json={})
    assert refused.status_code == 405
    assert refused.headers["allow"] == "OPTIONS, POST, GET, HEAD"


def test_matching_events_arrive_as_the_query_would_tell_them(
    web: httpx.Client, query: str, lenient: Node, worker: Worker, captured: Captured,
    shipper: Partner, receiver: Receiver,
) -> None:  # fmt: skip
    before, first, second = new_item(), new_item(), new_item()
    captured(shipper, ship(before))
    web.post(query, json={"dest": receiver.url, "stream": True, "signatureToken": TOKEN})
    captured(shipper, commission(first))
    captured(shipper, ship(first), commission(second), ship(second))
    push(lenient, worker)
    told = [event for one in receiver.distinct() for event in one.events]
    assert [event["epcList"] for event in told] == [[first], [second]]
    asked = {"EQ_bizStep": "shipping", "MATCH_epc": f"{first}|{second}"}
    answer = web.get("/epcis/events", params={**asked, "orderDirection": "ASC"})
    listed = answer.json()["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
    assert sorted(map(orjson.dumps, told)) == sorted(map(orjson.dumps, listed))
    (shown,) = web.get(query).json()
    assert shown["lastNotifiedAt"] == shown["minRecordTime"]
    push(lenient, worker)
    assert len(receiver.requests) == len(receiver.distinct())


def test_keys_are_spelt_as_the_header_asks(
    web: httpx.Client, query: str, lenient: Node, worker: Worker, captured: Captured,
    shipper: Partner, receiver: Receiver,
) -> None:  # fmt: skip
    asked = {"dest": receiver.url, "stream": True}
    made = web.post(query, json=asked, headers={"GS1-EPC-Format": "Always_EPC_URN"})
    assert made.json()["epcFormat"] == "Always_EPC_URN"
    company, other = "urn:epc:id:sgtin:4012340.011111", new_item()
    urn, link = f"{company}.{other.rpartition('/')[2]}", new_item()
    captured(shipper, ship(urn, link))
    push(lenient, worker)
    (one,) = receiver.distinct()
    assert one.headers["gs1-epc-format"] == "Always_EPC_URN"
    # The length of the company's prefix is learnt from the other item.
    assert one.events[0]["epcList"] == [urn, f"{company}.{link.rpartition('/')[2]}"]
    refused = web.post(query, json=asked, headers={"GS1-EPC-Format": "urn"})
    assert refused.json()["field"] == "GS1-EPC-Format"


def test_a_subscription_may_begin_at_a_record_time(
    web: httpx.Client, query: str, lenient: Node, worker: Worker, captured: Captured,
    shipper: Partner, receiver: Receiver,
) -> None:  # fmt: skip
    old, new = new_item(), new_item()
    captured(shipper, ship(old))
    captured(shipper, ship(new))
    push(lenient, worker)
    event = {"EQ_bizStep": "shipping", "MATCH_epc": new}
    answer = web.get("/epcis/events", params=event).json()
    (recorded,) = answer["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
    web.post(query, json={"dest": receiver.url, "stream": True,
                          "initialRecordTime": recorded["recordTime"]})  # fmt: skip
    push(lenient, worker)
    told = [event["epcList"] for one in receiver.distinct() for event in one.events]
    assert told == [[new]]


def test_a_record_time_to_come_is_waited_for(
    web: httpx.Client, query: str, lenient: Node, worker: Worker, captured: Captured,
    shipper: Partner, receiver: Receiver,
) -> None:  # fmt: skip
    web.post(query, json={"dest": receiver.url, "stream": True,
                          "initialRecordTime": "2100-01-01T00:00:00Z"})  # fmt: skip
    captured(shipper, ship(new_item()))
    push(lenient, worker)
    assert receiver.requests == []


def finding_types(receiver: Receiver, path: str) -> list[tuple[str, str]]:
    bodies = [orjson.loads(one.body) for one in receiver.distinct()]
    # What was shipped in January is overdue by now, and stays so.
    return [
        (body["type"], body["data"]["code"])
        for body in bodies
        if body["data"].get("item") == path and body["data"]["code"] != "OVERDUE_RECEIPT"
    ]


def test_a_webhook_is_told_of_findings_as_they_open_and_close(
    web: httpx.Client, lenient: Node, worker: Worker, captured: Captured, shipper: Partner,
    receiver: Receiver,
) -> None:  # fmt: skip
    made = web.post("/webhooks", json={"url": receiver.url})
    assert made.status_code == 201, made.text
    body = made.json()
    assert body["secret"].startswith("whsec_")
    shown = web.get(made.headers["location"]).json()
    assert shown == {name: value for name, value in body.items() if name != "secret"}
    item = new_item()
    captured(shipper, ship(item))
    push(lenient, worker, turns=60)
    assert finding_types(receiver, path_of(item)) == [("finding.opened", "NOT_COMMISSIONED")]
    # Seen again with nothing new: nobody is told.
    other = new_item()
    captured(shipper, commission(other))
    captured(shipper, commission(item))
    push(lenient, worker, turns=60)
    assert finding_types(receiver, path_of(item))[1:] == [("finding.closed", "NOT_COMMISSIONED")]
    assert finding_types(receiver, path_of(other)) == []
    message = orjson.loads(receiver.requests[0].body)
    assert set(message) == {"type", "timestamp", "data"}
    closed = [
        data["reason"]
        for one in receiver.distinct()
        for data in [orjson.loads(one.body)["data"]]
        if data.get("item") == path_of(item) and "reason" in data
    ]
    assert len(closed) == 1
    assert closed[0].endswith("explains it.")
    assert web.get("/webhooks").json()["webhooks"][-1]["id"] == body["id"]
    assert web.get(f"/webhooks/{body['id']}/deliveries").json()["deliveries"][0]["state"] == (
        "delivered"
    )
    assert web.post(f"/webhooks/{body['id']}/replay").status_code == 404
    assert web.delete(made.headers["location"]).status_code == 204
    assert web.get(made.headers["location"]).json()["type"] == "unbroken:not-found"


def test_a_webhook_is_told_of_anchors(
    web: httpx.Client, lenient: Node, worker: Worker, captured: Captured, shipper: Partner,
    receiver: Receiver, settle: Callable[[], int],
) -> None:  # fmt: skip
    settle()
    types = ["anchor.mined", "anchor.final"]
    made = web.post("/webhooks", json={"url": receiver.url, "types": types}).json()
    captured(shipper, commission(new_item()))
    size = settle()
    push(lenient, worker, turns=30)
    told = [orjson.loads(one.body) for one in receiver.distinct()]
    kinds = [one["type"] for one in told if one["data"]["size"] == size]
    assert kinds == ["anchor.mined", "anchor.final"]
    assert told[-1]["data"]["chain_id"] == lenient.identity.chain_id
    web.delete(f"/webhooks/{made['id']}")


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({}, "url"),
        ({"url": DEST, "types": []}, "types"),
        ({"url": DEST, "types": ["finding.seen"]}, "types"),
        ({"url": DEST, "types": "anchor.final"}, "types"),
        ({"url": DEST, "types": [["anchor.final"]]}, "types"),
        ({"url": DEST, "secret": "whsec_short"}, "secret"),
        ({"url": DEST, "secret": 5}, "secret"),
        ({"url": DEST, "dest": DEST}, "dest"),
        ({"url": "mailto:a@example.com"}, "url"),
    ],
    ids=str,
)
def test_what_is_no_webhook_is_refused_by_name(
    web: httpx.Client, members: dict[str, object], field: str
) -> None:
    refused = web.post("/webhooks", json=members)
    assert refused.status_code == 400
    assert refused.json()["type"] == "unbroken:subscription"
    assert refused.json()["field"] == field
    assert "short" not in refused.text


def test_a_secret_of_the_receivers_own_is_taken(web: httpx.Client) -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    made = web.post("/webhooks", json={"url": DEST, "secret": secret}).json()
    assert made["secret"] == secret
    web.delete(f"/webhooks/{made['id']}")
