"""EventIDs that are used again, error declarations, and what they undo (EPCIS 7.4.1.2)."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

from ledger.bootstrap import Node
from ledger.worker import Worker
from tests.integration.partners import (
    Partner,
    commission,
    document,
    event,
    new_item,
    path_of,
    post,
    ship,
    signed,
)

Make = Callable[..., Partner]
Captured = Callable[..., dict[str, Any]]
NAMES = {
    "EVENT_ID_REUSED",
    "ERROR_DECLARATION_WITHOUT_ORIGINAL",
    "UNAUTHORISED_ERROR_DECLARATION",
}
WRONG = {"declarationTime": "2026-01-05T10:00:00Z", "reason": "incorrect_data"}


def told(job: dict[str, Any]) -> list[set[str]]:
    """Which findings about names each accepted event has."""
    assert [one["verdict"] for one in job["results"]] == ["accepted"] * len(job["results"]), job
    for one in job["results"]:
        codes = [detail["code"] for detail in one.get("details", ())]
        assert len(codes) == len(set(codes))
    return [NAMES & set(one.get("findings", ())) for one in job["results"]]


def named(one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "eventID": f"urn:uuid:{uuid4()}"}


@pytest.mark.parametrize("together", [True, False], ids=["one document", "one after the other"])
def test_a_record_time_makes_no_other_event(
    captured: Captured, partner: Make, *, together: bool
) -> None:
    who, one = partner("Stamps"), named(commission(new_item()))
    stamped = {**one, "recordTime": "2026-01-02T10:00:00Z"}
    jobs = (
        [captured(who, one, stamped)] if together else [captured(who, one), captured(who, stamped)]
    )
    first, second = [result for job in jobs for result in job["results"]]
    assert (first["verdict"], second["verdict"]) == ("accepted", "duplicate")
    assert first["logIndex"] == second["logIndex"]


def test_of_record_times_in_one_batch_the_first_is_logged(
    captured: Captured, partner: Make
) -> None:
    who, one = partner("Stamped"), named(commission(new_item()))
    stamps = [{**one, "recordTime": f"2026-01-0{day}T10:00:00Z"} for day in (2, 3)]
    results = captured(who, *stamps, one)["results"]
    assert [result["verdict"] for result in results] == ["accepted", "duplicate", "duplicate"]
    assert len({result["logIndex"] for result in results}) == 1


def declared_wrong(one: dict[str, Any], **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    return {**one, **changes, "errorDeclaration": WRONG}


@pytest.mark.parametrize("together", [True, False], ids=["one document", "one after the other"])
def test_an_event_id_with_other_content_is_flagged(
    captured: Captured, partner: Make, *, together: bool
) -> None:
    who, first = partner("Reuses"), named(commission(new_item()))
    second = {**named(commission(new_item())), "eventID": first["eventID"]}
    if together:
        # The first is evidence of what is found on the second's item.
        assert told(captured(who, first, second)) == [{"EVENT_ID_REUSED"}] * 2
        return
    assert told(captured(who, first)) == [set()]
    job = captured(who, second)
    assert told(job) == [{"EVENT_ID_REUSED"}]
    (detail,) = [one for one in job["results"][0]["details"] if one["code"] == "EVENT_ID_REUSED"]
    assert (detail["severity"], detail["value"]) == ("high", first["eventID"])
    assert detail["pointer"] == "/epcisBody/eventList/0/eventID"


def test_another_party_that_reports_the_same_event_reuses_nothing(
    captured: Captured, partner: Make
) -> None:
    one = named(commission(new_item()))
    assert told(captured(partner("Here"), one)) == [set()]
    assert told(captured(partner("There"), one)) == [set()]


def test_events_without_an_id_never_reuse_one(captured: Captured, partner: Make) -> None:
    who, one = partner("Nameless"), commission(new_item())
    # Another way to write one instant: other content under the same hash.
    job = captured(who, one, {**one, "eventTime": one["eventTime"].replace("Z", ".000Z")})
    assert told(job) == [set(), set()]
    assert len({result["eventID"] for result in job["results"]}) == 1


@pytest.mark.parametrize("together", [True, False], ids=["one document", "one after the other"])
@pytest.mark.parametrize("with_id", [True, False], ids=["eventID", "hash"])
def test_an_error_declaration_by_its_submitter_stands_beside_the_original(
    captured: Captured, partner: Make, *, together: bool, with_id: bool
) -> None:
    who, one = partner("Corrects"), commission(new_item())
    one = named(one) if with_id else one
    if together:
        job = captured(who, one, declared_wrong(one))
        assert told(job) == [set(), set()]
        assert len({result["eventID"] for result in job["results"]}) == 1
        return
    first = captured(who, one)["results"][0]
    # As it is read back: under the id that the ledger gave it, with the ledger's recordTime.
    read_back = {**one, "eventID": first["eventID"], "recordTime": "2026-01-02T10:00:00Z"}
    job = captured(who, declared_wrong(read_back))
    assert told(job) == [set()]
    assert job["results"][0]["eventID"] == first["eventID"]


@pytest.mark.parametrize("together", [True, False], ids=["one document", "one after the other"])
def test_a_declaration_may_spell_time_and_identifiers_in_another_way(
    captured: Captured, partner: Make, *, together: bool
) -> None:
    who, serial = partner("Spells"), uuid4().hex[:12]
    one = named(commission(f"urn:epc:id:sgtin:4012345.011111.{serial}"))
    link = f"https://id.gs1.org/01/04012345111118/21/{serial}"
    time = one["eventTime"].replace("Z", ".000Z")
    wrong = declared_wrong(one, epcList=[link], eventTime=time)
    jobs = [captured(who, one, wrong)] if together else [captured(who, one), captured(who, wrong)]
    assert [names for job in jobs for names in told(job)] == [set(), set()]


def test_a_declaration_of_nothing_is_flagged(captured: Captured, partner: Make) -> None:
    who, one = partner("Early"), named(commission(new_item()))
    assert told(captured(who, declared_wrong(one))) == [{"ERROR_DECLARATION_WITHOUT_ORIGINAL"}]
    # Late data: the original itself is not to blame.
    assert told(captured(who, one)) == [set()]


def test_a_declaration_that_differs_is_none(captured: Captured, partner: Make) -> None:
    who, one = partner("Differs"), named(commission(new_item()))
    captured(who, one)
    other = declared_wrong(one, eventTime="2026-01-01T11:00:00Z")
    assert told(captured(who, other)) == [{"ERROR_DECLARATION_WITHOUT_ORIGINAL", "EVENT_ID_REUSED"}]


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "one after the other"])
def test_only_the_submitter_may_declare(
    api: httpx.Client, node: Node, worker: Worker, partner: Make, *, together: bool
) -> None:
    owner, other = partner("Owner"), partner("Other")
    one, jobs = named(commission(new_item())), []
    for who, sent in ((owner, one), (other, declared_wrong(one))):
        raw = document(sent)
        jobs.append(post(api, signed(node, raw, who), raw).headers["location"])
        if not together:
            worker.turn()
    worker.turn()
    found = [told(api.get(job).json()) for job in jobs]
    # Both are evidence of what is found on the item.
    assert found == [[{"UNAUTHORISED_ERROR_DECLARATION"}]] * 2


def test_an_event_of_a_document_that_was_rolled_back_is_no_original(
    captured: Captured, partner: Make
) -> None:
    who, one = partner("Undone"), named(commission(new_item()))
    job = captured(who, one, event(action="ADD", bizStep="commissioning"))
    assert [result["verdict"] for result in job["results"]] == ["rejected", "rejected"]
    assert told(captured(who, declared_wrong(one))) == [{"ERROR_DECLARATION_WITHOUT_ORIGINAL"}]


def test_after_a_declaration_the_state_is_as_if_the_wrong_event_had_not_been(
    api: httpx.Client, captured: Captured, partner: Make
) -> None:
    who, one, two, item = partner("Seller"), partner("A"), partner("B"), new_item()
    wrong = named(ship(item, to=two, at="2026-01-03T10:00:00Z"))
    captured(who, commission(item), ship(item, to=one))
    before = api.get(f"/items{path_of(item)}").json()
    job = captured(who, wrong)
    assert "DOUBLE_SHIP" in job["results"][0]["findings"]
    found = api.get(f"/items{path_of(item)}").json()["findings"]
    assert [one["code"] for one in found] == ["DOUBLE_SHIP", "OVERDUE_RECEIPT"]
    assert told(captured(who, declared_wrong(wrong))) == [set()]
    after = api.get(f"/items{path_of(item)}").json()
    assert [one["code"] for one in after["findings"]] == ["OVERDUE_RECEIPT"]
    assert (after["status"], after["holder"], after["shipped_to"]) == (
        before["status"],
        before["holder"],
        before["shipped_to"],
    )
    # Both stay in the log.
    assert [one["op"] for one in after["events"]] == ["COMMISSION", "HANDOFF", "HANDOFF", "VOID"]


@pytest.mark.parametrize("event_id", ["x" * 1025, "urn:x:\0", "", 7, None], ids=repr)
def test_an_event_id_that_cannot_be_kept_rejects_its_event(
    api: httpx.Client, node: Node, worker: Worker, partner: Make, event_id: object
) -> None:
    raw = json.dumps(json.loads(document({**commission(new_item()), "eventID": event_id}))).encode()
    good = document(commission(new_item()))
    jobs = [
        post(api, signed(node, raw, partner("LongId")), raw).headers["location"],
        post(api, signed(node, good, partner("GoodId")), good).headers["location"],
    ]
    worker.turn()
    verdicts = [api.get(job).json()["results"][0]["verdict"] for job in jobs]
    assert verdicts == ["rejected", "accepted"]
