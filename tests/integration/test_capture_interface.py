"""The capture interface of EPCIS 2.0: behaviours, jobs, single events, dry runs, limits."""

import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from typer.testing import CliRunner

from api import capture_event
from ledger.bootstrap import Node
from ledger.cli.main import app
from ledger.client import BOUNDARY, LedgerClient, multipart
from ledger.clock import now_ms
from ledger.core.epcis.check import check_document
from ledger.core.epcis.finding import Verdict
from ledger.core.errors import MalformedError
from ledger.core.submission import build_submission, format_submission
from ledger.worker import Worker
from tests.integration.partners import (
    CONTEXT,
    Partner,
    commission,
    document,
    event,
    new_item,
    post,
    signed,
)

Make = Callable[..., Partner]
Captured = Callable[..., dict[str, Any]]
BAD_GTIN = "https://id.gs1.org/01/04012345111119/21/1"
NO_TIME = {**commission("urn:x:untimed"), "eventTime": "yesterday"}


def bare(one: dict[str, Any]) -> dict[str, Any]:
    """An event that stands outside of a document."""
    return {"@context": [CONTEXT], **one}


def verdicts(job: dict[str, Any]) -> list[str]:
    return [one["verdict"] for one in job["results"]]


@pytest.fixture
def sent(api: httpx.Client, node: Node, worker: Worker) -> Callable[..., dict[str, Any]]:
    """Send events as the client does, signable or not; return the job."""

    def send(who: Partner, *events: dict[str, Any], on_error: str = "rollback") -> dict[str, Any]:
        with LedgerClient(str(api.base_url)) as client:
            location = client.capture(
                document(*events), who.signer, node.identity, issued_at=now_ms(), on_error=on_error
            )
        worker.turn()
        return api.get(location).json()

    return send


@contextmanager
def turning(worker: Worker) -> Iterator[None]:
    """Let the worker work beside the test, as its process does."""
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            worker.turn()
            time.sleep(0.01)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def post_event(
    api: httpx.Client, node: Node, who: Partner, raw: bytes, media: str = "application/json"
) -> httpx.Response:
    part = format_submission(
        build_submission(raw, who.signer, node.identity.domain(), issued_at=now_ms(), lenient=True)
    )
    return api.post(
        "/epcis/events",
        files={
            "submission": ("submission.json", part, "application/json"),
            "document": ("document", raw, media),
        },
    )


@pytest.mark.parametrize("wrong", [NO_TIME, commission(BAD_GTIN)], ids=["time", "check digit"])
def test_rollback_logs_nothing_of_a_document_with_a_rejected_event(
    sent: Callable[..., dict[str, Any]], partner: Make, wrong: dict[str, Any]
) -> None:
    good = [commission(new_item()) for _ in range(2)]
    who = partner("Rollback")
    job = sent(who, good[0], wrong, good[1])
    assert job["captureErrorBehaviour"] == "rollback"
    assert (job["running"], job["success"]) == (False, False)
    assert verdicts(job) == ["rejected"] * 3
    assert [job["results"][i]["code"] for i in (0, 2)] == ["rolled_back"] * 2
    assert job["results"][1]["code"] != "rolled_back"
    again = sent(who, *good)
    assert verdicts(again) == ["accepted"] * 2


@pytest.mark.parametrize("wrong", [NO_TIME, commission(BAD_GTIN)], ids=["time", "check digit"])
def test_proceed_logs_the_others_and_tells_why_one_was_rejected(
    sent: Callable[..., dict[str, Any]], partner: Make, wrong: dict[str, Any]
) -> None:
    job = sent(
        partner("Proceed"), commission(new_item()), wrong, commission(new_item()),
        on_error="proceed",
    )  # fmt: skip
    assert job["captureErrorBehaviour"] == "proceed"
    assert verdicts(job) == ["accepted", "rejected", "accepted"]
    (error,) = job["errors"]
    assert (error["type"], error["status"]) == ("epcisException:ValidationException", 400)
    assert error["event"] == 1
    first = error["errors"][0]
    assert first["pointer"].startswith("/epcisBody/eventList/1/")
    assert first["severity"] == "error"
    assert first["code"] == job["results"][1]["code"]
    assert job["finishedAt"] >= job["createdAt"]


def test_duplicates_roll_nothing_back(sent: Callable[..., dict[str, Any]], partner: Make) -> None:
    who, known = partner("Duplicates"), commission(new_item())
    assert verdicts(sent(who, known)) == ["accepted"]
    assert verdicts(sent(who, known, commission(new_item()))) == ["duplicate", "accepted"]


def test_a_rejected_document_has_an_end_too(
    sent: Callable[..., dict[str, Any]], partner: Make
) -> None:
    job = sent(partner("Ended"), NO_TIME)
    assert verdicts(job) == ["rejected"]
    assert job["finishedAt"]


def test_findings_that_reject_nothing_are_kept_with_their_event(
    sent: Callable[..., dict[str, Any]], partner: Make
) -> None:
    odd = {
        **commission(new_item(), at="2999-01-01T10:00:00Z"),
        "recordTime": "2026-01-02T10:00:00Z",
    }
    job = sent(partner("Flagged"), odd)
    (result,) = job["results"]
    assert result["verdict"] == "accepted"
    assert result["eventID"].startswith("ni:///sha-256;")
    severities = {one["code"]: one["severity"] for one in result["details"]}
    assert severities["RECORD_TIME_IGNORED"] == "info"
    assert severities["FUTURE_EVENT_TIME"] == "medium"
    assert result["findings"] == ["FUTURE_EVENT_TIME"]


def test_another_error_behaviour_is_refused(api: httpx.Client, node: Node, partner: Make) -> None:
    raw = document(commission(new_item()))
    part = signed(node, raw, partner("All"))
    files = {
        "submission": ("s", part, "application/json"),
        "document": ("d", raw, "application/json"),
    }
    answer = api.post("/epcis/capture", files=files, headers={"GS1-Capture-Error-Behaviour": "all"})
    assert answer.status_code == 400
    assert answer.json()["field"] == "GS1-Capture-Error-Behaviour"


def test_more_events_than_announced_are_too_many(
    api: httpx.Client, node: Node, partner: Make
) -> None:
    raw = document(commission(new_item()))
    part = json.loads(signed(node, raw, partner("Many")))
    limit = int(api.options("/epcis/capture").headers["gs1-epcis-capture-limit"])
    part["events"] *= limit + 1
    answer = post(api, json.dumps(part).encode(), raw)
    assert answer.status_code == 413
    assert answer.json()["type"] == "epcisException:CaptureLimitExceededException"
    assert answer.headers["gs1-epcis-capture-limit"] == str(limit)


def test_jobs_are_listed_newest_first_and_page_by_page(
    api: httpx.Client, node: Node, partner: Make, worker: Worker
) -> None:
    who, made = partner("Lister"), []
    for _ in range(6):
        raw = document(commission(new_item()))
        made.append(post(api, signed(node, raw, who), raw).headers["location"].rpartition("/")[2])
    worker.turn()
    listed: list[str] = []
    url = "/epcis/capture?perPage=2"
    for page in range(3):
        answer = api.get(url)
        jobs = answer.json()
        assert len(jobs) == 2
        assert all("results" not in job for job in jobs)
        listed += [job["captureID"] for job in jobs]
        # What is captured in between moves no page.
        raw = document(commission(new_item()))
        post(api, signed(node, raw, who), raw)
        if page < 2:
            url = answer.links["next"]["url"]
    assert listed == made[::-1]
    worker.turn()


def test_the_last_page_of_jobs_has_no_next(
    api: httpx.Client, captured: Captured, partner: Make
) -> None:
    captured(partner("Last"), commission(new_item()))
    answer, seen = api.get("/epcis/capture", params={"perPage": 100}), 0
    while "next" in answer.links:
        seen += len(answer.json())
        assert seen < 10_000
        answer = api.get(answer.links["next"]["url"])
    assert answer.json()


@pytest.mark.parametrize(
    "query", ["perPage=0", "perPage=x", "nextPageToken=x", f"nextPageToken={'00' * 16}"]
)
def test_a_bad_page_is_a_validation_exception(api: httpx.Client, query: str) -> None:
    answer = api.get(f"/epcis/capture?{query}")
    assert answer.status_code == 400
    assert answer.json()["type"] == "epcisException:ValidationException"


def test_one_event_is_created_once(
    api: httpx.Client, node: Node, partner: Make, worker: Worker
) -> None:
    who, raw = partner("Single"), json.dumps(bare(commission(new_item()))).encode()
    with turning(worker):
        answer = post_event(api, node, who, raw)
        found = api.get(answer.headers["location"])
        again = post_event(api, node, who, raw)
    assert answer.status_code == 201, answer.text
    assert found.status_code == 200, found.text
    told = answer.json()
    assert answer.headers["location"] == f"/epcis/events/{quote(told['eventID'], safe='')}"
    assert told["recordTime"]
    assert told["epcList"] == json.loads(raw)["epcList"]
    job = api.get(answer.links["describedby"]["url"]).json()
    assert verdicts(job) == ["accepted"]
    assert again.status_code == 409
    assert again.json()["type"] == "epcisException:ResourceAlreadyExistsException"
    assert again.headers["location"] == answer.headers["location"]


def test_the_same_bytes_again_find_the_event_there(
    api: httpx.Client, node: Node, partner: Make, worker: Worker
) -> None:
    raw = document(commission(new_item()))
    part = signed(node, raw, partner("SameBytes"))
    files = {
        "submission": ("s", part, "application/json"),
        "document": ("d", raw, "application/json"),
    }
    with turning(worker):
        statuses = [api.post("/epcis/events", files=files).status_code for _ in range(2)]
    assert statuses == [201, 409]


def test_a_rejected_event_tells_what_was_found(
    api: httpx.Client, node: Node, partner: Make, worker: Worker
) -> None:
    with turning(worker):
        answer = post_event(api, node, partner("RejectedOne"), document(commission(BAD_GTIN)))
    assert answer.status_code == 400
    told = answer.json()
    assert told["type"] == "epcisException:ValidationException"
    assert any(one["severity"] == "error" and one["pointer"] for one in told["errors"])


def test_two_events_are_too_many_for_one(api: httpx.Client, node: Node, partner: Make) -> None:
    raw = document(commission(new_item()), commission(new_item()))
    answer = post_event(api, node, partner("TwoInOne"), raw)
    assert answer.status_code == 413
    assert answer.json()["type"] == "epcisException:CaptureLimitExceededException"


def test_an_event_that_takes_too_long_has_a_job(
    api: httpx.Client, node: Node, partner: Make, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture_event, "WAIT_S", 0.1)
    raw = document(commission(new_item()))
    answer = post_event(api, node, partner("Slow"), raw)
    assert answer.status_code == 202
    assert api.get(answer.headers["location"]).json()["running"] is True
    worker.turn()
    assert verdicts(api.get(answer.headers["location"]).json()) == ["accepted"]


@pytest.mark.parametrize("path", ["/epcis/capture", "/epcis/events"])
def test_a_dry_run_tells_and_stores_nothing(api: httpx.Client, node: Node, path: str) -> None:
    before = _submissions(node)
    good = api.post(
        f"{path}?dryRun=true", content=document(commission(new_item())),
        headers={"content-type": "application/ld+json"},
    )  # fmt: skip
    assert good.status_code == 200
    assert good.json()["verdict"] in {"accept", "flag"}
    assert [one["event"] for one in good.json()["events"]] == [0]
    bad = api.post(
        f"{path}?dryRun=true", content=document(commission(BAD_GTIN)),
        headers={"content-type": "application/json"},
    ).json()  # fmt: skip
    assert (bad["verdict"], bad["events"][0]["verdict"]) == ("reject", "reject")
    assert bad["events"][0]["findings"][0]["pointer"].startswith("/epcisBody/eventList/0/")
    unreadable = api.post(
        f"{path}?dryRun", content=b"{", headers={"content-type": "application/json"}
    ).json()
    assert (unreadable["verdict"], unreadable["events"]) == ("reject", [])
    assert _submissions(node) == before


def test_a_dry_run_takes_the_form_too(api: httpx.Client) -> None:
    raw = document(commission(new_item()), commission(new_item()))
    files = {
        "submission": ("s", b"not looked at", "application/json"),
        "document": ("d", raw, "application/json"),
    }
    assert len(api.post("/epcis/capture?dryRun=true", files=files).json()["events"]) == 2
    assert api.post("/epcis/events?dryRun=true", files=files).status_code == 413


@pytest.mark.parametrize("path", ["/epcis/capture", "/epcis/events"])
@pytest.mark.parametrize(
    ("raw", "media"),
    [
        (b"<a/>", "application/json"),
        (b"<a/>", "application/ld+json; charset=utf-8"),
        (document(), "application/xml"),
        (document(), "text/xml"),
    ],
    ids=str,
)
def test_a_dry_run_takes_the_media_type_of_the_content_only(
    api: httpx.Client, path: str, raw: bytes, media: str
) -> None:
    answer = api.post(f"{path}?dryRun=true", content=raw, headers={"content-type": media})
    assert answer.status_code == 415
    assert answer.json()["type"] == "epcisException:UnsupportedMediaTypeException"
    assert answer.json()["value"] == media


MASTER_DATA = b"""<m:EPCISMasterDataDocument xmlns:m="urn:epcglobal:epcis-masterdata:xsd:1"
 schemaVersion="1.0" creationDate="2026-01-02T00:00:00Z"><EPCISBody><VocabularyList>
 <Vocabulary type="urn:epcglobal:epcis:vtype:BusinessLocation"><VocabularyElementList>
 <VocabularyElement id="urn:epc:id:sgln:4012345.00001.0"><attribute id="urn:x:name">Here</attribute>
 </VocabularyElement></VocabularyElementList></Vocabulary></VocabularyList></EPCISBody>
</m:EPCISMasterDataDocument>"""


@pytest.mark.parametrize(
    ("raw", "media"), [(document(), "application/json"), (MASTER_DATA, "application/xml")]
)
def test_a_document_without_events_is_checked_and_not_captured(
    api: httpx.Client, node: Node, partner: Make, raw: bytes, media: str
) -> None:
    assert check_document(raw, at_ms=now_ms()).verdict is not Verdict.REJECT
    for path in ("/epcis/capture", "/epcis/events"):
        told = api.post(f"{path}?dryRun=true", content=raw, headers={"content-type": media}).json()
        assert (told["verdict"], told["events"]) == ("reject", [])
        assert told["findings"][0] == {
            "code": "NO_EVENTS", "severity": "error", "pointer": "",
            "message": "Master data travels with at least one event.",
            "rule": "docs/spec/submission.md",
        }  # fmt: skip
    with LedgerClient(str(api.base_url)) as client, pytest.raises(MalformedError) as refused:
        client.capture(raw, partner("NoEvents").signer, node.identity, issued_at=now_ms())
    assert refused.value.field == "submission.events"
    assert "master data travels in a document with at least one" in refused.value.rule


def test_the_command_tells_that_there_are_no_events(api: httpx.Client) -> None:
    words = ["capture", "-", "--dry-run", "--json", "--url", str(api.base_url)]
    result = CliRunner().invoke(app, words, input=MASTER_DATA)
    assert result.exit_code == 1
    (row,) = json.loads(result.stdout)
    assert (row["event"], row["verdict"], row["findings"]) == (None, "reject", ["NO_EVENTS"])


@pytest.mark.parametrize("path", ["/epcis/capture", "/epcis/events"])
@pytest.mark.parametrize("query", ["", "?dryRun=true"])
def test_a_body_with_a_content_coding_is_refused_by_the_name_of_its_header(
    api: httpx.Client, node: Node, partner: Make, path: str, query: str
) -> None:
    raw = document(commission(new_item()))
    body = multipart(signed(node, raw, partner("Coded")), raw)
    headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY.decode()}"}
    coded = api.post(
        f"{path}{query}", content=gzip.compress(body),
        headers={**headers, "content-encoding": "gzip"},
    )  # fmt: skip
    assert coded.status_code == 415
    assert (coded.json()["field"], coded.json()["value"]) == ("Content-Encoding", "gzip")
    assert coded.headers["accept-encoding"] == "identity"
    plain = api.post(
        "/epcis/capture", content=body, headers={**headers, "content-encoding": "identity"}
    )
    assert plain.status_code == 202


@pytest.mark.parametrize("query", ["foo=1", "perPage=1&perPage=1", "perPage=1&perpage=2"])
def test_no_parameter_of_the_list_of_jobs_is_ignored(api: httpx.Client, query: str) -> None:
    answer = api.get(f"/epcis/capture?{query}")
    assert answer.status_code == 400
    assert answer.json()["type"] == "epcisException:ValidationException"
    assert answer.json()["field"] in {"foo", "perPage", "perpage"}


def test_a_job_has_no_parameters(
    api: httpx.Client, sent: Callable[..., dict[str, Any]], partner: Make
) -> None:
    job = sent(partner("Plain"), commission(new_item()))
    path = f"/epcis/capture/{job['captureID']}"
    assert api.get(path).status_code == 200
    assert api.get(f"{path}?x=1").json()["field"] == "x"


def test_head_is_get_without_its_content(
    api: httpx.Client, captured: Captured, partner: Make
) -> None:
    item = new_item()
    captured(partner("Head"), commission(item))
    for path in (
        "/epcis", "/epcis/queries", "/epcis/bizSteps", "/log", "/docs",
        f"/epcis/epcs/{quote(item, safe='')}/events", f"/epcis/events?MATCH_anyEPC={item}",
        "/epcis/capture/none",
    ):  # fmt: skip
        told, head = api.get(path), api.head(path)
        assert (head.status_code, head.content) == (told.status_code, b""), path
        assert head.headers.keys() == told.headers.keys()
        assert len(told.content) == int(told.headers["content-length"])
        assert head.headers["content-length"] == told.headers["content-length"]
    refused = api.head("/epcis/nextPageToken/x")
    assert (refused.status_code, refused.content) == (405, b"")
    assert refused.headers["allow"] == "OPTIONS, DELETE"


def test_a_damaged_secret_has_a_job_that_names_the_way_out(
    api: httpx.Client, node: Node, worker: Worker, partner: Make
) -> None:
    who, raw = partner("Damaged"), document(commission(new_item()))
    part = signed(node, raw, who)
    damaged = json.loads(part)
    secret = damaged["events"][0]["event_secret"]
    damaged["events"][0]["event_secret"] = ("1" if secret[0] == "0" else "0") + secret[1:]
    first = post(api, json.dumps(damaged).encode(), raw).headers["location"]
    worker.turn()
    job = api.get(first).json()
    assert job["results"][0]["code"] == "commitment_mismatch"
    assert job["errors"][0]["detail"].startswith(job["results"][0]["reason"])
    assert "sign the document anew" in job["errors"][0]["detail"]
    assert post(api, part, raw).headers["location"] == first
    anew = post(api, signed(node, raw, who), raw).headers["location"]
    worker.turn()
    assert verdicts(api.get(anew).json()) == ["accepted"]


@pytest.mark.parametrize("query", ["dryRun=1", "dryrun=true", "x=1"])
def test_another_parameter_is_refused(api: httpx.Client, query: str) -> None:
    answer = api.post(
        f"/epcis/capture?{query}", content=b"{}", headers={"content-type": "application/json"}
    )
    assert answer.status_code == 400


def _submissions(node: Node) -> int:
    with node.engine.connect() as connection:
        count: int = connection.exec_driver_sql("SELECT count(*) FROM submissions").scalar_one()
    return count


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/epcis/capture", "OPTIONS, POST, GET, HEAD"),
        (f"/epcis/capture/{'00' * 16}", "OPTIONS, GET, HEAD"),
        ("/epcis/events", None),
    ],
)
def test_options_tell_methods_versions_and_limits(
    api: httpx.Client, path: str, allow: str | None
) -> None:
    answer = api.options(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert allow is None or answer.headers["allow"] == allow
    assert "OPTIONS" in answer.headers["allow"]
    for name in ("EPCIS", "CBV"):
        assert answer.headers[f"gs1-{name}-version"] == "2.0.0"
        assert answer.headers[f"gs1-{name}-min"] == "1.2.0"
        assert answer.headers[f"gs1-{name}-max"] == "2.0.0"
    assert answer.headers["gs1-vendor-version"]
    if path == "/epcis/capture":
        assert answer.headers["gs1-capture-error-behaviour"] == "all"
        assert int(answer.headers["gs1-epcis-capture-file-size-limit"]) == 32 * 2**20


REFUSED_HEADERS = [
    {"GS1-EPCIS-Version": "3.0"},
    {"GS1-EPCIS-Version": "1.1.0"},
    {"GS1-CBV-Version": "two"},
    {"Accept": "text/html"},
    {"Accept": "application/xml;q=0.9, application/json;q=0"},
]
TAKEN_HEADERS = [
    {"GS1-EPCIS-Version": "2.0", "GS1-CBV-Version": "1.2.0"},
    {"Accept": "application/xml, */*;q=0.1"},
    {"Accept": "application/problem+json"},
    {"Accept": ""},
]


@pytest.mark.parametrize("headers", REFUSED_HEADERS, ids=str)
def test_what_cannot_be_given_is_not_acceptable(
    api: httpx.Client, node: Node, partner: Make, headers: dict[str, str]
) -> None:
    raw = document(commission(new_item()))
    part = signed(node, raw, partner("Picky"))
    files = {
        "submission": ("s", part, "application/json"),
        "document": ("d", raw, "application/json"),
    }
    for answer in (
        api.get("/epcis/capture", headers=headers),
        api.post("/epcis/capture", files=files, headers=headers),
        api.post("/epcis/events", files=files, headers=headers),
        *([] if "Accept" in headers else [api.options("/epcis/capture", headers=headers)]),
    ):
        assert answer.status_code == 406
        assert answer.json()["type"] == "epcisException:NotAcceptableException"


@pytest.mark.parametrize("headers", TAKEN_HEADERS, ids=str)
def test_what_can_be_given_is_given(
    api: httpx.Client, node: Node, partner: Make, headers: dict[str, str]
) -> None:
    raw = document(commission(new_item()))
    files = {
        "submission": ("s", signed(node, raw, partner("Easy")), "application/json"),
        "document": ("d", raw, "application/json"),
    }
    assert api.get("/epcis/capture", headers=headers).status_code == 200
    # It has no content that could be refused.
    assert api.options("/epcis/capture", headers={"Accept": "text/html"}).status_code == 204
    assert api.post("/epcis/capture", files=files, headers=headers).status_code == 202


def test_documents_of_every_json_kind_are_taken(
    api: httpx.Client, node: Node, partner: Make, worker: Worker
) -> None:
    who = partner("Kinds")
    query = {
        "@context": [CONTEXT],
        "type": "EPCISQueryDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-01-01T00:00:00Z",
        "epcisBody": {
            "queryResults": {
                "queryName": "SimpleEventQuery",
                "resultsBody": {"eventList": [commission(new_item()), commission(new_item())]},
            }
        },
    }
    for raw, count in (
        (json.dumps(bare(commission(new_item()))).encode(), 1),
        (json.dumps([bare(commission(new_item())) for _ in range(3)]).encode(), 3),
        (json.dumps(query).encode(), 2),
    ):
        answer = post(api, signed(node, raw, who), raw)
        assert answer.status_code == 202, answer.text
        worker.turn()
        assert verdicts(api.get(answer.headers["location"]).json()) == ["accepted"] * count


def test_an_event_of_no_type_is_rejected_alone(
    sent: Callable[..., dict[str, Any]], partner: Make
) -> None:
    odd = event("QuantityEvent", action="ADD")
    job = sent(partner("Odd"), odd, commission(new_item()), on_error="proceed")
    assert verdicts(job) == ["rejected", "accepted"]
    assert job["results"][0]["code"] == "UNKNOWN_EVENT_TYPE"
