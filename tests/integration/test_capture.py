"""Capture: what is accepted, what the job tells, what is refused and where."""

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ledger.bootstrap import Node
from ledger.client import media_type_of
from ledger.clock import now_ms
from ledger.core.eip712 import submission_digest
from ledger.core.entries import entry_leaf_hash
from ledger.core.epcis.check import check_document
from ledger.core.epcis.finding import Verdict
from ledger.core.merkle import root_hash
from ledger.core.signatures import sign
from ledger.core.submission import build_submission, doc_hash, format_submission
from ledger.worker import Worker
from tests.integration.partners import (
    Partner,
    commission,
    document,
    new_item,
    path_of,
    post,
    revoke,
    ship,
    signed,
)

Make = Callable[..., Partner]
Captured = Callable[..., dict[str, Any]]


def test_a_capture_is_answered_with_a_job_that_ends_final(
    api: httpx.Client, node: Node, worker: Worker, partner: Make, settle: Callable[[], int]
) -> None:
    raw = document(commission(new_item()), commission(new_item()))
    answer = post(api, signed(node, raw, partner("Asclepius")), raw)
    assert answer.status_code == 202
    assert answer.json() == {}
    assert answer.headers["gs1-epcis-version"] == answer.headers["gs1-cbv-version"] == "2.0.0"
    location = answer.headers["location"]
    waiting = api.get(location).json()
    assert waiting["captureID"] == location.rpartition("/")[2]
    assert (waiting["running"], waiting["success"], waiting["results"]) == (True, True, [])
    assert "finishedAt" not in waiting
    worker.turn()
    job = api.get(location).json()
    assert (job["running"], job["success"], job["errors"]) == (False, True, [])
    assert job["createdAt"] <= job["finishedAt"]
    assert [one["verdict"] for one in job["results"]] == ["accepted"] * 2
    assert [one["event"] for one in job["results"]] == [0, 1]
    size = settle()
    job = api.get(location).json()
    assert all(one["state"] == "final" and one["logIndex"] < size for one in job["results"])


def test_the_same_submission_again_is_the_same_job(
    api: httpx.Client, node: Node, partner: Make, worker: Worker
) -> None:
    raw = document(commission(new_item()))
    part = signed(node, raw, partner("Again"))
    first = post(api, part, raw)
    assert post(api, part, raw).headers["location"] == first.headers["location"]
    worker.turn()
    assert post(api, part, raw).headers["location"] == first.headers["location"]
    worker.turn()
    job = api.get(first.headers["location"]).json()
    assert [one["verdict"] for one in job["results"]] == ["accepted"]


def test_the_same_events_signed_later_are_duplicates(
    api: httpx.Client, node: Node, partner: Make, worker: Worker
) -> None:
    raw, who, at = document(commission(new_item())), partner("Later"), now_ms()
    first = post(api, signed(node, raw, who, issued_at=at), raw)
    worker.turn()
    second = post(api, signed(node, raw, who, issued_at=at + 1), raw)
    assert second.headers["location"] != first.headers["location"]
    worker.turn()
    told = [api.get(one.headers["location"]).json() for one in (first, second)]
    assert [job["results"][0]["verdict"] for job in told] == ["accepted", "duplicate"]
    assert told[0]["results"][0]["logIndex"] == told[1]["results"][0]["logIndex"]
    assert told[1]["success"] is True


def test_a_key_revoked_before_sequencing_is_refused_there(
    api: httpx.Client, node: Node, partner: Make, worker: Worker
) -> None:
    who = partner("Revoked")
    raw = document(commission(new_item()))
    part = signed(node, raw, who)
    revoke(node, who)
    answer = post(api, part, raw)
    assert answer.status_code == 202
    worker.turn()
    job = api.get(answer.headers["location"]).json()
    assert (job["running"], job["success"]) == (False, False)
    (error,) = job["errors"]
    assert error["type"] == "epcisException:SecurityException"
    assert job["results"][0]["code"] == "not_permitted"
    assert "logIndex" not in job["results"][0]


def test_a_key_registered_a_moment_ago_may_sign_at_once(
    api: httpx.Client, captured: Captured, partner: Make
) -> None:
    assert api.get("/health").status_code == 200
    assert captured(partner("New"), commission(new_item()))["success"]


def test_a_commitment_that_differs_names_the_field(
    api: httpx.Client, node: Node, partner: Make, worker: Worker
) -> None:
    raw, who = document(commission(new_item())), partner("Differs")
    other = document(ship(new_item()))
    submission = build_submission(raw, who.signer, node.identity.domain(), issued_at=now_ms())
    crossed = _signed_for(node, who, other, json.loads(format_submission(submission)))
    answer = post(api, crossed, other)
    assert answer.status_code == 202
    worker.turn()
    job = api.get(answer.headers["location"]).json()
    (result,) = job["results"]
    assert (result["verdict"], result["code"]) == ("rejected", "commitment_mismatch")
    assert result["reason"].startswith("op: computed 3, the entry says 1")
    assert job["errors"][0]["type"] == "epcisException:ValidationException"


def _signed_for(node: Node, who: Partner, raw: bytes, part: dict[str, Any]) -> bytes:
    """Sign another document's bytes over the entries that part already has."""
    domain = node.identity.domain()
    leaves = [entry_leaf_hash(base64.b64decode(one["entry"])) for one in part["events"]]
    hashed = doc_hash(bytes.fromhex(part["doc_salt"]), raw)
    digest = submission_digest(
        domain.separator(), domain.log_id, root_hash(leaves), len(leaves), hashed, part["issuedAt"]
    )
    part["signature"] = sign(who.signer.private_key, digest).hex()
    return json.dumps(part).encode()


def test_findings_stand_with_the_events_that_are_their_evidence(
    captured: Captured, partner: Make, api: httpx.Client
) -> None:
    who, item = partner("Twice"), new_item()
    one, two = partner("One"), partner("Two")
    job = captured(
        who,
        commission(item),
        ship(item, to=one),
        ship(item, to=two, at="2026-01-03T10:00:00Z"),
    )
    assert job["success"]
    told = [result.get("findings") for result in job["results"]]
    # Neither was received since.
    both = ["DOUBLE_SHIP", "OVERDUE_RECEIPT"]
    assert told == [None, both, both]
    findings = api.get(f"/items{path_of(item)}").json()["findings"]
    evidence = [result["logIndex"] for result in job["results"][1:]]
    assert {one["code"]: one["evidence"] for one in findings} == dict.fromkeys(both, evidence)


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "application/json"},
        {"content-type": "application/ld+json; charset=utf-8"},
    ],
    ids=["json", "ld+json"],
)
def test_a_document_without_signature_is_told_how_to_sign(
    api: httpx.Client, headers: dict[str, str]
) -> None:
    answer = api.post("/epcis/capture", content=document(commission(new_item())), headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"]
    assert answer.json()["type"] == "epcisException:SecurityException"
    assert "unbroken capture" in answer.json()["detail"]


def test_a_large_document_is_checked_beside_the_others(captured: Captured, partner: Make) -> None:
    job = captured(partner("Bulk"), commission(*(new_item() for _ in range(2000))))
    assert job["success"]


def _conforming(folder: Path) -> Iterator[Path]:
    """Documents with events that hold what the standard asks of them, of every format."""
    roots = [folder / "epcis/gs1-examples", folder / "epcis/openepcis-valid"]
    for path in sorted(p for root in roots for p in root.rglob("*") if p.is_file()):
        checked = check_document(path.read_bytes(), at_ms=now_ms())
        read = checked.document
        if read is None or not read.events or checked.verdict is Verdict.REJECT:
            continue
        # A GRAI with a wrong check digit is flagged, but names no item that could be signed for.
        if all(one.code != "INVALID_CHECK_DIGIT" for one in checked.findings):
            yield path


def test_partners_real_documents_are_taken_anchored_and_proved(
    conformance_data: Path,
    conformance_tally: Callable[..., None],
    api: httpx.Client,
    node: Node,
    partner: Make,
    settle: Callable[[], int],
) -> None:
    who, jobs, wrong = partner("Conformance"), {}, []
    for path in _conforming(conformance_data):
        raw = path.read_bytes()
        answer = post(api, signed(node, raw, who), raw, media_type_of(raw))
        assert answer.status_code == 202, (path, answer.text)
        jobs[path] = answer.headers["location"]
    settle()
    with node.engine.connect() as connection:
        named = dict(
            connection.exec_driver_sql(
                "SELECT r.log_index, i.path FROM item_rows r JOIN items i USING (item_key)"
            ).all()
        )
    for path, location in jobs.items():
        for result in api.get(location).json()["results"]:
            proved = result.get("state") == "final" and result["verdict"] != "rejected"
            if proved and result["logIndex"] in named:
                proved = _is_proved(api, named[result["logIndex"]], result["logIndex"])
            if not proved:
                wrong.append((path.name, result))
    conformance_tally(len(jobs), len({name for name, _ in wrong}))
    assert len(jobs) > 80
    assert wrong == []


def test_an_item_that_is_no_gs1_key_is_proved(
    api: httpx.Client, captured: Captured, partner: Make, settle: Callable[[], int]
) -> None:
    item = f"urn:example:part:{new_item()[-12:]}"
    (result,) = captured(partner("Foreign"), commission(item))["results"]
    settle()
    for name in (item, f"uri:{item}"):
        assert _is_proved(api, name, result["logIndex"])


def _is_proved(api: httpx.Client, item: str, index: int) -> bool:
    name = (
        item.lstrip("/") if item.startswith("/") else httpx.URL(path="/" + item).raw_path.decode()
    )
    answer = api.get(f"/items/{name.lstrip('/')}/proof")
    return answer.status_code == 200 and index in [one["index"] for one in answer.json()["events"]]
