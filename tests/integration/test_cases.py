"""The life of a case over HTTP: a finding, what parties say of it, and what is left of it."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from ledger.bootstrap import Node
from ledger.clock import now_ms
from ledger.core.facts import party_turned
from ledger.core.finding_acts import Cause, FindingAct
from ledger.core.merkle import leaf_hash
from ledger.service.cases import case_of_item
from ledger.worker import Worker
from tests.integration.acts import act, post_acts, signed_acts
from tests.integration.partners import (
    Partner,
    commission,
    event,
    new_item,
    path_of,
    revoke,
    ship,
)

Make = Callable[..., Partner]
Captured = Callable[..., dict[str, Any]]
Clash = tuple[Partner, Partner, str]


@pytest.fixture
def clash(partner: Make, captured: Captured) -> Clash:
    """A pack that its maker shipped to two buyers: maker, buyer and item."""
    maker, buyer, other = partner("Maker"), partner("Buyer"), partner("Other")
    item = new_item()
    captured(maker, commission(item), ship(item, to=buyer))
    captured(maker, ship(item, to=other, at="2026-01-03T10:00:00Z"))
    return maker, buyer, item


@pytest.fixture
def do(api: httpx.Client, node: Node, worker: Worker) -> Callable[..., dict[str, Any]]:
    """Sign and send acts, turn the worker, return the job."""

    def send(partner: Partner, *acts: FindingAct) -> dict[str, Any]:
        answer = post_acts(api, signed_acts(node, partner, *acts))
        assert answer.status_code == 202, answer.text
        worker.turn()
        job: dict[str, Any] = api.get(answer.headers["location"]).json()
        assert job["id"] == answer.json()["id"]
        return job

    return send


Do = Callable[..., dict[str, Any]]


def case(api: httpx.Client, item: str, code: str = "DOUBLE_SHIP") -> dict[str, Any]:
    shown: dict[str, Any] = api.get(f"/cases/{case_of_item(path_of(item), code)}").json()
    return shown


def finding(api: httpx.Client, item: str, **filters: str) -> list[dict[str, Any]]:
    asked = {"item": item, "code": "DOUBLE_SHIP", **filters}
    found: list[dict[str, Any]] = api.get("/findings", params=asked).json()["findings"]
    return found


def test_a_case_goes_from_open_to_resolved_and_shows_who_did_what(
    api: httpx.Client, clash: Clash, do: Do, settle: Callable[[], int]
) -> None:
    maker, buyer, item = clash
    path = path_of(item)
    opened = case(api, item)
    assert (opened["state"], opened["finding_open"], opened["acts"]) == ("open", True, [])
    assert opened["item"] == path
    steps = [
        (buyer, act("acknowledge", path, note="Seen"), "acknowledged"),
        (maker, act("assign", path, assignee="Jo, Quality"), "assigned"),
        (maker, act("resolve", path, cause=Cause.DUPLICATE_TRANSMISSION), "resolved"),
        (buyer, act("reopen", path, note="I got none"), "open"),
    ]
    for who, one, state in steps:
        job = do(who, one)
        assert (job["success"], job["results"][0]["verdict"]) == (True, "accepted")
        shown = case(api, item)
        assert shown["state"] == state
        assert shown["changed_index"] == job["results"][0]["log_index"]
    settle()
    told = case(api, item)["acts"]
    assert [one["act"] for one in told] == ["acknowledge", "assign", "resolve", "reopen"]
    assert {one["effective"] for one in told} == {True}
    assert [one["party"]["name"] for one in told] == ["Buyer", "Maker", "Maker", "Buyer"]
    assert [one["signer"] for one in told][:2] == [
        f"0x{buyer.address.hex()}", f"0x{maker.address.hex()}",
    ]  # fmt: skip
    for one in told:
        leaf = leaf_hash(bytes.fromhex(one["entry"]))
        assert leaf.hex() == one["leaf_hash"]
        tile = api.get(f"/tile/0/{one['index'] // 256:03d}.p/{one['index'] % 256 + 1}").content
        assert tile[-32:] == leaf
        assert one["state"] == "final"


def test_a_finding_that_goes_closes_its_case_and_one_that_comes_again_reopens_it(
    api: httpx.Client, clash: Clash, do: Do, captured: Captured, partner: Make
) -> None:
    maker, _, item = clash
    path = path_of(item)
    do(maker, act("assign", path, assignee="Jo"), act("resolve", path, cause=Cause.LATE_DATA))
    void = event(
        action="OBSERVE", bizStep="void_shipping", epcList=[item],
        eventTime="2026-01-03T11:00:00Z",
    )  # fmt: skip
    captured(maker, void)
    closed = case(api, item)
    assert (closed["state"], closed["finding_open"]) == ("closed", False)
    assert closed["reason"]
    assert closed["cause"] == "late_data"
    assert [one["change"] for one in closed["changes"]] == ["opened", "closed"]
    assert finding(api, item) == []
    (past,) = finding(api, item, state="closed")
    assert past["closed"]["reason"] == closed["reason"]
    assert past["case"] == {"id": closed["id"], "state": "closed"}
    # It can be done nothing with but mute it.
    job = do(maker, act("resolve", path, cause=Cause.OTHER), act("reopen", path))
    assert job["success"]
    assert [one["effective"] for one in case(api, item)["acts"]] == [True, True, False, False]
    captured(maker, ship(item, to=partner("Third"), at="2026-01-04T10:00:00Z"))
    again = case(api, item)
    assert (again["state"], again["finding_open"]) == ("open", True)
    assert "cause" not in again
    assert "assignee" not in again
    assert len(finding(api, item, state="all")) == 2


def test_new_evidence_undoes_a_resolution_that_cannot_have_known_it(
    api: httpx.Client, clash: Clash, do: Do, captured: Captured, partner: Make
) -> None:
    maker, _, item = clash
    do(maker, act("resolve", path_of(item), cause=Cause.OTHER))
    before = case(api, item)
    captured(maker, ship(item, to=partner("Third"), at="2026-01-05T10:00:00Z"))
    after = case(api, item)
    assert (before["state"], after["state"]) == ("resolved", "open")
    assert set(after["evidence"]) > set(before["evidence"])


def test_a_mute_lasts_until_its_end_and_the_case_stays_listed(
    api: httpx.Client, clash: Clash, do: Do
) -> None:
    maker, _, item = clash
    path, until = path_of(item), now_ms() + 600_000
    do(maker, act("mute", path, until=until, note="Known; mended by Friday"))
    muted = case(api, item)
    assert (muted["state"], muted["muted"]) == ("open", True)
    (listed,) = finding(api, item, case="muted")
    assert listed["case"]["muted_until"] == muted["muted_until"]
    assert finding(api, item, case="open") == []
    named = api.get("/cases", params={"state": "muted", "item": item}).json()["cases"]
    assert muted["id"] in [one["id"] for one in named]
    do(maker, act("unmute", path))
    assert case(api, item)["muted"] is False
    assert len(finding(api, item, case="open")) == 1


def test_an_act_in_advance_is_logged_and_changes_nothing(
    api: httpx.Client, partner: Make, captured: Captured, do: Do
) -> None:
    maker, item = partner("Sly"), new_item()
    captured(maker, commission(item), ship(item, to=partner("One")))
    job = do(maker, act("resolve", path_of(item), cause=Cause.OTHER))
    assert job["success"]
    captured(maker, ship(item, to=partner("Two"), at="2026-01-03T10:00:00Z"))
    shown = case(api, item)
    assert shown["state"] == "open"
    assert [one["effective"] for one in shown["acts"]] == [False]


def test_an_act_sent_again_is_the_same_job_and_one_signed_again_changes_nothing(
    api: httpx.Client, node: Node, worker: Worker, clash: Clash
) -> None:
    maker, _, item = clash
    at = now_ms()
    part = signed_acts(node, maker, act("acknowledge", path_of(item)), at_ms=at)
    first = post_acts(api, part)
    worker.turn()
    again = post_acts(api, part)
    worker.turn()
    assert again.headers["location"] == first.headers["location"]
    both = signed_acts(
        node, maker, act("acknowledge", path_of(item)), act("mute", path_of(item), until=at + 5),
        at_ms=at,
    )  # fmt: skip
    answer = post_acts(api, both)
    worker.turn()
    results = api.get(answer.headers["location"]).json()["results"]
    assert [one["verdict"] for one in results] == ["duplicate", "accepted"]
    assert [one["act"] for one in case(api, item)["acts"]] == ["acknowledge", "mute"]


@pytest.mark.parametrize("how", ["revoked", "suspended"])
def test_an_act_is_decided_at_its_index(
    api: httpx.Client, node: Node, worker: Worker, clash: Clash, how: str
) -> None:
    maker, buyer, item = clash
    # The door still knows the key; behind the fact that ends it, the sequencer does not.
    if how == "revoked":
        revoke(node, buyer)
    else:
        at = now_ms()
        fact = party_turned(at, node.identity.registrar, buyer.signer.party, active=False)
        node.registrar().submit([fact], at_ms=at)
    answer = post_acts(api, signed_acts(node, buyer, act("acknowledge", path_of(item))))
    assert answer.status_code == 202, answer.text
    worker.turn()
    job = api.get(answer.headers["location"]).json()
    assert (job["success"], job["results"][0]["code"]) == (False, "not_permitted")
    assert case(api, item)["acts"] == []
    late = post_acts(api, signed_acts(node, maker, act("acknowledge", path_of(item))))
    worker.turn()
    assert api.get(late.headers["location"]).json()["success"]


def test_what_is_no_act_is_refused_at_the_door(
    api: httpx.Client, node: Node, clash: Clash, partner: Make
) -> None:
    maker, _, item = clash
    part = signed_acts(node, maker, act("acknowledge", path_of(item)))
    assert post_acts(api, part.replace(b'"signature":"', b'"signature":"00')).status_code == 400
    assert post_acts(api, b"{}").status_code == 400
    assert api.post("/acts", content=part).status_code == 415
    forged = signed_acts(node, partner("Forger"), act("acknowledge", path_of(item)))
    stolen = forged.replace(forged[-134:], part[-134:])
    assert post_acts(api, stolen).status_code == 401
    stranger = Partner(
        signer=type(maker.signer)(
            private_key=bytes([77]) * 32, party=maker.signer.party, party_secret=bytes(32)
        ),
        path=maker.path, name="Stranger",
    )  # fmt: skip
    refused = post_acts(api, signed_acts(node, stranger, act("acknowledge", path_of(item))))
    assert refused.status_code == 403
    assert refused.headers["content-type"] == "application/problem+json"


def test_findings_are_filtered_and_paged(api: httpx.Client, clash: Clash, partner: Make) -> None:
    maker, buyer, item = clash
    (one,) = finding(api, item)
    assert finding(api, item, **{"class": "suspicious", "severity": one["severity"]}) == [one]
    assert finding(api, item, **{"class": "conflict_proven"}) == []
    for name in (maker.gln, maker.path, maker.signer.party.hex()):
        assert finding(api, item, party=name) == [one]
    assert finding(api, item, party=partner("Nobody").gln) == []
    assert finding(api, item, party=buyer.gln) == []
    assert finding(api, item, since=str(one["changed_index"] - 1)) == [one]
    assert finding(api, item, since=str(one["changed_index"])) == []
    for state in ("open", "all"):
        seen: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = api.get(
                "/findings", params={"limit": "1", "state": state, "party": maker.gln, **cursor}
            ).json()
            seen += [row["code"] for row in page["findings"]]
            if "next" not in page:
                break
            cursor = {"after": page["next"]}
        assert len(seen) == len(set(seen)) >= 1
        assert "DOUBLE_SHIP" in seen
    assert api.get("/findings", params={"after": "1"}).status_code == 400
    assert api.get("/findings", params={"after": "x", "state": "all"}).status_code == 400
    assert api.get("/findings", params={"class": "false"}).status_code == 422


def test_cases_are_filtered_and_paged(api: httpx.Client, clash: Clash) -> None:
    maker, _, item = clash
    wanted = case_of_item(path_of(item), "DOUBLE_SHIP")
    listed = api.get("/cases", params={"party": maker.gln, "code": "DOUBLE_SHIP"}).json()
    assert [one["id"] for one in listed["cases"]] == [wanted]
    assert api.get("/cases", params={"party": maker.gln, "state": "closed"}).json() == {"cases": []}
    first = api.get("/cases", params={"limit": "1"}).json()
    second = api.get("/cases", params={"limit": "1", "after": first["next"]}).json()
    assert first["next"] == first["cases"][0]["id"] < second["cases"][0]["id"]
    assert api.get("/cases", params={"after": "x"}).status_code == 400
    assert api.get("/cases/x").status_code == 400
    assert api.get(f"/cases/{'00' * 16}").status_code == 404
    assert api.get(f"/acts/{'00' * 16}").status_code == 404


def test_a_document_and_a_registrars_fact_are_no_acts(
    api: httpx.Client, node: Node, partner: Make, captured: Captured
) -> None:
    job = captured(partner("Capturer"), commission(new_item()))
    assert api.get(f"/acts/{job['captureID']}").status_code == 404
    with node.engine.connect() as connection:
        digest = connection.exec_driver_sql(
            "SELECT digest FROM submissions WHERE document IS NULL ORDER BY id LIMIT 1"
        ).scalar_one()
    assert api.get(f"/acts/{digest[:16].hex()}").status_code == 404


def test_an_item_in_any_spelling_finds_its_findings(api: httpx.Client, clash: Clash) -> None:
    _, _, item = clash
    assert finding(api, item) == finding(api, path_of(item))
    assert api.get(f"/findings?item={quote(item, safe='')}").json()["findings"]
