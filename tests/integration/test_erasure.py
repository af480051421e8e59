"""Erasure on a real ledger: what goes, what stays, and what the database still refuses."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from typer.testing import CliRunner

from api.app import create_app
from ledger.bootstrap import Node
from ledger.cli import opened
from ledger.cli.exit_codes import ExitCode, exit_code
from ledger.cli.main import app
from ledger.clock import now_ms
from ledger.core.facts import tombstone
from ledger.core.submission import Signer
from ledger.worker import Worker
from tests.integration.conftest import opened_ledger, serving
from tests.integration.partners import (
    Partner,
    commission,
    document,
    new_item,
    path_of,
    post,
    signed,
)
from tests.integration.test_audit import MAKER, register, settle

SECRET = "patient 4711"
ID = "urn:uuid:5b0d0e4f-0c1c-4b9c-8d7e-0f6b6f3c4a11"


class Ledger:
    """A ledger, its worker and one partner."""

    def __init__(self, node: Node, api: httpx.Client) -> None:
        self.node, self.api, self.worker = node, api, Worker(node)
        signer = register(node, MAKER)
        self.partner = Partner(signer=signer, path=f"/417/{MAKER}", name="Maker")
        self.turn()

    def turn(self) -> None:
        while self.worker.turn():
            pass

    def send(self, *events: dict[str, Any], signer: Signer | None = None) -> dict[str, Any]:
        sender = (
            self.partner
            if signer is None
            else Partner(signer=signer, path=self.partner.path, name="Maker")
        )
        raw = document(*events)
        answer = post(self.api, signed(self.node, raw, sender), raw)
        assert answer.status_code == 202, answer.text
        self.turn()
        job: dict[str, Any] = self.api.get(answer.headers["location"]).json()
        return job

    def erase(self, index: int) -> None:
        at, registrar = now_ms(), self.node.registrar()
        registrar.submit([tombstone(at, registrar.address, index, "GDPR 17")], at_ms=at)

    def rows(self, query: str, **values: object) -> list[Any]:
        with self.node.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query), values)]

    def failures(self) -> list[Any]:
        return list(self.node.auditor().run()["failed"])

    def holds(self, words: str) -> set[str]:
        """Tables in which a text stands, in the clear."""
        with self.node.engine.connect() as connection:
            tables = connection.scalars(
                text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            ).all()
            found = (
                "SELECT EXISTS (SELECT 1 FROM {0} AS r WHERE position(:text IN r::text) > 0"
                " OR position(:hex IN r::text) > 0)"
            )
            values = {"text": words, "hex": words.encode().hex()}
            return {
                table
                for table in tables
                if connection.execute(text(found.format(table)), values).scalar_one()
            }


@pytest.fixture(scope="module")
def ledger() -> Iterator[Ledger]:
    with opened_ledger() as node, serving(create_app(node)) as api:
        yield Ledger(node, api)


def noted(item: str, words: str, **members: object) -> dict[str, Any]:
    return {**commission(item), "ex:note": words, **members}


def indexes(job: dict[str, Any]) -> list[int]:
    return [one["logIndex"] for one in job["results"]]


def test_content_goes_and_everything_that_repeats_it_and_proofs_stay(ledger: Ledger) -> None:
    item, other = new_item(), new_item()
    job = ledger.send(noted(item, SECRET, eventID=ID), noted(other, "stays"))
    erased, kept = indexes(job)
    assert {"events", "submissions", "epcis_events"} <= ledger.holds(SECRET)
    query = {"MATCH_anyEPC": item}
    assert len(ledger.api.get("/epcis/events", params=query).json()["epcisBody"]["queryResults"][
        "resultsBody"]["eventList"]) == 1  # fmt: skip
    entry = ledger.rows("SELECT * FROM log_entries WHERE log_index = :i", i=erased)
    items = ledger.rows("SELECT * FROM item_rows WHERE log_index = :i", i=erased)

    ledger.erase(erased)
    ledger.turn()

    assert ledger.holds(SECRET) == set()
    assert ledger.holds(ID) == set()
    assert ledger.rows("SELECT * FROM log_entries WHERE log_index = :i", i=erased) == entry
    assert ledger.rows("SELECT * FROM item_rows WHERE log_index = :i", i=erased) == items
    # The document went, so what else stood in it is held by its own content only.
    assert ledger.holds("stays") == {"events", "epcis_events"}
    assert ledger.failures() == []
    shown = ledger.api.get("/epcis/events", params=query).json()
    assert shown["epcisBody"]["queryResults"]["resultsBody"]["eventList"] == []
    view = ledger.api.get(f"/items{path_of(item)}").json()
    tombstone_at = ledger.rows("SELECT log_index FROM tombstones WHERE event_index = :i", i=erased)
    assert [(one["index"], one.get("erased_by")) for one in view["events"]] == [
        (erased, tombstone_at[0][0])
    ]
    view = ledger.api.get(f"/items{path_of(other)}").json()
    assert [(one["index"], one.get("erased_by")) for one in view["events"]] == [(kept, None)]


def test_the_job_of_an_erased_document_is_still_answered(ledger: Ledger) -> None:
    job = ledger.send(noted(new_item(), "short"))
    ledger.erase(indexes(job)[0])
    ledger.turn()
    answer = ledger.api.get(f"/epcis/capture/{job['captureID']}")
    assert answer.status_code == 200
    (result,) = answer.json()["results"]
    assert (result["verdict"], result["logIndex"]) == ("accepted", indexes(job)[0])
    assert job["captureID"] in ledger.api.get("/epcis/capture").text


def test_what_is_sent_again_is_a_duplicate_and_brings_nothing_back(ledger: Ledger) -> None:
    again = noted(new_item(), "comes back?")
    job = ledger.send(again)
    ledger.erase(indexes(job)[0])
    ledger.turn()
    (result,) = ledger.send(again)["results"]
    assert (result["verdict"], result["logIndex"]) == ("duplicate", indexes(job)[0])
    assert ledger.holds("comes back?") == set()
    assert ledger.failures() == []


def test_a_retry_that_waits_while_its_event_is_erased_goes_with_it(ledger: Ledger) -> None:
    again = noted(new_item(), "waits")
    job = ledger.send(again)
    raw = document(again)
    answer = post(ledger.api, signed(ledger.node, raw, ledger.partner), raw)
    assert answer.status_code == 202
    ledger.erase(indexes(job)[0])
    ledger.turn()
    assert ledger.holds("waits") == set()
    assert ledger.failures() == []


def test_an_event_may_be_logged_and_erased_in_one_batch(ledger: Ledger) -> None:
    (size,) = ledger.rows("SELECT sequenced FROM log_state")
    raw = document(noted(new_item(), "at once"))
    post(ledger.api, signed(ledger.node, raw, ledger.partner), raw)
    ledger.erase(size[0] + 1)
    ledger.turn()
    assert ledger.rows("SELECT event_index, log_index FROM tombstones WHERE event_index = :i",
                       i=size[0] + 1) == [(size[0] + 1, size[0] + 2)]  # fmt: skip
    assert ledger.holds("at once") == set()
    assert ledger.failures() == []


def test_a_document_with_master_data_takes_what_only_it_told_with_it(ledger: Ledger) -> None:
    def told(serial: str) -> bytes:
        raw = json.loads(document(noted(serial, "told")))
        raw["epcisHeader"] = {"epcisMasterData": {"vocabularyList": [{
            "type": "urn:epcglobal:epcis:vtype:Location",
            "vocabularyElementList": [{"id": "urn:epc:id:sgln:4012345.00002.0", "attributes": [
                {"id": "urn:epcglobal:cbv:mda#name", "attribute": "Ward of Mrs Smith"}]}],
        }]}}  # fmt: skip
        return json.dumps(raw).encode()

    raw = told(new_item())
    answer = post(ledger.api, signed(ledger.node, raw, ledger.partner), raw)
    ledger.turn()
    assert "epcis_attributes" in ledger.holds("Ward of Mrs Smith")
    ledger.erase(indexes(ledger.api.get(answer.headers["location"]).json())[0])
    ledger.turn()
    assert ledger.holds("Ward of Mrs Smith") == set()
    (lag,) = ledger.rows("SELECT integrated - indexed FROM log_state, epcis_index")
    assert lag == (0,)


def test_facts_unknown_and_erased_events_are_refused_in_words(ledger: Ledger) -> None:
    job = ledger.send(noted(new_item(), "once"))
    event = indexes(job)[0]
    refused = [(0, "no event has the log index 0"), (10**9, "no event has the log index"),
               (event, f"event {event} is erased: tombstone")]  # fmt: skip
    ledger.erase(event)
    ledger.turn()
    for index, reason in refused:
        ledger.erase(index)
        ledger.turn()
        rows = ledger.rows(
            "SELECT verdict, code, reason FROM capture_results ORDER BY submission_id DESC LIMIT 1"
        )
        assert rows[0][:2] == ("rejected", "not_permitted")
        assert rows[0][2].startswith(reason)


# What the database's own user tries, with :i an event that is erased and :k one that is not.
REFUSED = {
    "content of another event": "UPDATE events SET content = NULL, sealed_secret = NULL,"
    " event_digest = NULL, event_id = NULL, event_hash = NULL WHERE log_index = :k",
    "other content": "UPDATE events SET content = 'x' WHERE log_index = :k",
    "new content where it was erased": "UPDATE events SET content = 'x' WHERE log_index = :i",
    "items secret of an erased event": "UPDATE events SET items_secret = '' WHERE log_index = :i",
    "party of an erased event": "UPDATE events SET party = sha256('x') WHERE log_index = :i",
    "the row of an erased event": "DELETE FROM events WHERE log_index = :i",
    "item rows of an erased event": "DELETE FROM item_rows WHERE log_index = :i",
    "entry of an erased event": "UPDATE log_entries SET entry = '' WHERE log_index = :i",
    "document of another submission": "UPDATE submissions SET document = NULL, sealed = NULL"
    " WHERE id = (SELECT submission_id FROM log_entries WHERE log_index = :k)",
    "signature of an erased submission": "UPDATE submissions SET signature = '' WHERE id ="
    " (SELECT submission_id FROM log_entries WHERE log_index = :i)",
    "answer about another event": "UPDATE capture_results SET reason = NULL, findings = NULL"
    " WHERE log_index = :k",
    "verdict of an erased event": "UPDATE capture_results SET verdict = 'rejected',"
    " log_index = NULL WHERE log_index = :i",
    "an answer that another submission repeats it": "INSERT INTO capture_results (submission_id,"
    " position, verdict, log_index) SELECT submission_id, 1, 'duplicate', :i FROM log_entries"
    " WHERE log_index = :k",
    "a submission that is to be answered again": "INSERT INTO submission_queue"
    " SELECT submission_id FROM log_entries WHERE log_index = :k",
}


@pytest.fixture(scope="module")
def pair(ledger: Ledger) -> tuple[int, int]:
    """An erased event, and one that is not."""
    erased = indexes(ledger.send(noted(new_item(), "gone")))[0]
    kept = indexes(ledger.send(noted(new_item(), "kept")))[0]
    ledger.erase(erased)
    ledger.turn()
    return erased, kept


@pytest.mark.parametrize("statement", REFUSED.values(), ids=REFUSED.keys())
def test_the_database_lets_nothing_else_go(
    ledger: Ledger, pair: tuple[int, int], statement: str
) -> None:
    given = {"i": pair[0], "k": pair[1]}
    used = {name: value for name, value in given.items() if f":{name}" in statement}
    with (
        pytest.raises(DBAPIError, match="append-only"),
        ledger.node.engine.begin() as connection,
    ):
        connection.execute(text(statement), used)


FORGED = {
    "a row of the derived table": "INSERT INTO tombstones VALUES (:k, :head, sha256('x'))",
    "tables of the session's own": "CREATE TEMP TABLE tombstones AS SELECT CAST(:k AS bigint)"
    " AS event_index, CAST(:head AS bigint) AS log_index",
}


@pytest.mark.parametrize("forgery", FORGED.values(), ids=FORGED.keys())
def test_a_forged_tombstone_lets_nothing_go(
    ledger: Ledger, pair: tuple[int, int], forgery: str
) -> None:
    given = {"k": pair[1], "head": _tombstone_of(ledger.node.engine, pair[0])}
    for name, value in given.items():
        forgery = forgery.replace(f":{name}", str(value))
    with ledger.node.engine.connect() as connection:
        with pytest.raises(DBAPIError):  # noqa: PT012 -- any statement of the attack may fail
            # The index of a tombstone is taken once, so that of an event is all that is left.
            connection.execute(text(forgery.replace(str(given["head"]), str(pair[1] + 1))))
            connection.execute(text(REFUSED["content of another event"]), {"k": pair[1]})
        connection.rollback()
    assert ledger.rows("SELECT content IS NULL FROM events WHERE log_index = :k", k=pair[1]) == [
        (False,)
    ]


def _tombstone_of(engine: Engine, index: int) -> int:
    with engine.connect() as connection:
        found: int = connection.execute(
            text("SELECT log_index FROM tombstones WHERE event_index = :i"), {"i": index}
        ).scalar_one()
        return found


# Changed by one who switches the triggers off: (statement, check of the audit that tells).
TOLD = {
    "content gone without a tombstone": "UPDATE events SET content = NULL, sealed_secret = NULL,"
    " event_digest = NULL WHERE log_index = :k",
    "document gone without a tombstone": "UPDATE submissions SET document = NULL, sealed = NULL"
    " WHERE id = (SELECT submission_id FROM log_entries WHERE log_index = :k)",
    "item rows of an erased event changed": "UPDATE item_rows SET role = 2 WHERE log_index = :i",
    "items secret of an erased event gone": "UPDATE events SET items_secret = sha256('x')"
    " WHERE log_index = :i",
    "its digest kept": "UPDATE events SET event_digest = sha256('x') WHERE log_index = :i",
    "tombstone forgotten": "DELETE FROM tombstones WHERE event_index = :i",
    "tombstone invented": "INSERT INTO tombstones VALUES (:k, 0 + :k + 1, sha256('x'))",
    "repeat invented": "INSERT INTO capture_results (submission_id, position, verdict, log_index,"
    " finished_ms) SELECT submission_id, position + 1, 'duplicate', :i, finished_ms"
    " FROM capture_results WHERE log_index = :k",
    "repeat invented in another's name": "INSERT INTO capture_results (submission_id, position,"
    " verdict, log_index) SELECT max(submission_id), 1, 'duplicate', :i FROM capture_results",
}
CHECKS = (
    "content", "submission", "items", "items", "erased", "directory", "directory", "results",
    "results",
)  # fmt: skip


@pytest.mark.parametrize(
    ("statement", "check"), [*zip(TOLD.values(), CHECKS, strict=True)], ids=TOLD.keys()
)
def test_the_audit_tells_what_an_attacker_did(
    ledger: Ledger, pair: tuple[int, int], statement: str, check: str
) -> None:
    given = {"i": pair[0], "k": pair[1]}
    used = {name: value for name, value in given.items() if f":{name}" in statement}
    tables = ("events", "submissions", "item_rows", "tombstones", "capture_results")
    with ledger.node.engine.connect() as connection:
        connection.execute(text("SET session_replication_role = replica"))
        for table in tables:
            connection.execute(text(f"CREATE TEMP TABLE good_{table} AS TABLE {table}"))
        connection.commit()
        assert connection.execute(text(statement), used).rowcount > 0
        connection.commit()
        try:
            assert check in {one["check"] for one in ledger.failures()}
        finally:
            for table in tables:
                connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608
                connection.execute(text(f"INSERT INTO {table} SELECT * FROM good_{table}"))  # noqa: S608
                connection.execute(text(f"DROP TABLE good_{table}"))
            connection.execute(text("SET session_replication_role = DEFAULT"))
            connection.commit()
    assert ledger.failures() == []


def test_a_forged_answer_lets_no_document_go(ledger: Ledger, pair: tuple[int, int]) -> None:
    """Nor does one that an older release let in: it stands where the document has no event."""
    submission = "(SELECT submission_id FROM log_entries WHERE log_index = :k)"
    with ledger.node.engine.connect() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for position, verdict in ((1, "duplicate"), (2, "accepted")):
            forged = f"INSERT INTO capture_results (submission_id, position, verdict, log_index)\
                SELECT {submission}, {position}, '{verdict}', :i"
            connection.execute(text(forged), {"i": pair[0], "k": pair[1]})
        connection.execute(text("SET LOCAL session_replication_role = DEFAULT"))
        with pytest.raises(DBAPIError, match="append-only"):
            connection.execute(text(REFUSED["document of another submission"]), {"k": pair[1]})
        connection.rollback()


def test_a_tombstone_that_is_not_integrated_is_no_failure(ledger: Ledger) -> None:
    index = indexes(ledger.send(noted(new_item(), "soon")))[0]
    ledger.erase(index)
    ledger.node.sequencer().run(at_ms=now_ms())
    assert ledger.holds("soon") != set()
    assert ledger.failures() == []
    ledger.node.integrator().run()
    # A crash before the index is told: queries have the row no more.
    assert ledger.holds("soon") == set()
    ledger.turn()
    assert ledger.failures() == []


def test_content_that_a_tombstone_names_and_that_is_still_there_is_told(ledger: Ledger) -> None:
    index = indexes(ledger.send(noted(new_item(), "hidden away")))[0]
    columns = "content, sealed_secret, event_digest"
    (kept,) = ledger.rows(f"SELECT {columns} FROM events WHERE log_index = :i", i=index)  # noqa: S608
    ledger.erase(index)
    ledger.turn()
    back = text(f"UPDATE events SET ({columns}) = (:a, :b, :c) WHERE log_index = :i")  # noqa: S608
    for values, told in ((kept, {"custody", "erased"}), ((None, None, None), set())):
        with ledger.node.engine.connect() as connection:
            connection.execute(text("SET session_replication_role = replica"))
            connection.execute(back, {"i": index, **dict(zip("abc", values, strict=True))})
            connection.execute(text("SET session_replication_role = DEFAULT"))
            connection.commit()
        assert {one["check"] for one in ledger.failures()} == told


Run = Callable[..., tuple[int, Any]]


@pytest.fixture
def run(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command for this ledger; returns exit code and what it printed, or its error."""
    monkeypatch.setattr(opened, "node", lambda: ledger.node)

    def call(*arguments: str) -> tuple[int, Any]:
        done = CliRunner().invoke(app, [*arguments, "--json"])
        error = done.exception
        if error is not None and not isinstance(error, SystemExit):
            return exit_code(error) or done.exit_code, str(error)  # type: ignore[arg-type]
        return done.exit_code, json.loads(done.stdout) if done.exit_code == 0 else done.stdout

    return call


def test_the_command_takes_index_leaf_hash_and_event_id(ledger: Ledger, run: Run) -> None:
    names = []
    for number, by in enumerate(("index", "leaf", "id")):
        event_id = f"urn:x:erase:{number}"
        index = indexes(ledger.send(noted(new_item(), f"by {by}", eventID=event_id)))[0]
        ((leaf,),) = ledger.rows("SELECT leaf_hash FROM log_entries WHERE log_index = :i", i=index)
        names.append((index, {"index": str(index), "leaf": leaf.hex(), "id": event_id}[by]))
    for index, name in names:
        code, printed = run("erase", name, "--legal-basis", "GDPR 17", "--yes")
        assert (code, printed["event"], printed["erased"]) == (0, index, True)
        assert ledger.holds(f"by {['index', 'leaf', 'id'][names.index((index, name))]}") == set()
    ledger.turn()
    assert ledger.failures() == []


def test_the_command_says_why_it_does_not_erase(ledger: Ledger, run: Run) -> None:
    pair = [noted(new_item(), f"two {n}", eventID="urn:x:twice") for n in (0, 1)]
    first, second = (indexes(ledger.send(one))[0] for one in pair)
    said = {
        ("0",): (ExitCode.NOT_PERMITTED, "entry 0 is a fact of the log (genesis), and stays"),
        ("999999",): (ExitCode.FAILED, "the log has no entry 999999"),
        ("f" * 64,): (ExitCode.FAILED, f"no entry has the leaf hash {'f' * 64}"),
        ("urn:x:none",): (
            ExitCode.FAILED,
            "no event that is not erased has the eventID urn:x:none",
        ),
    }
    for arguments, (code, words) in said.items():
        assert run("erase", *arguments, "--legal-basis", "x", "--yes") == (code, words)
    code, words = run("erase", "urn:x:twice", "--legal-basis", "x", "--yes")
    assert (code, f"{first}, {second}" in words) == (ExitCode.FAILED, True)
    assert run("erase", str(first), "--legal-basis", "x")[0] == ExitCode.USAGE
    assert run("erase", str(first), "--legal-basis", "GDPR 17", "--yes")[0] == ExitCode.OK
    code, words = run("erase", str(first), "--legal-basis", "GDPR 17", "--yes")
    assert code == ExitCode.NOT_PERMITTED
    assert words.startswith(f"event {first} is erased: tombstone")


def test_what_was_shipped_can_be_proved_after_its_content_is_gone(ledger: Ledger) -> None:
    item = new_item()
    index = indexes(ledger.send(noted(item, "proved")))[0]
    ledger.erase(index)
    settle(ledger.node, ledger.worker)
    bundle = json.loads(ledger.node.prover().prove(path_of(item)))
    (erased,) = [one for one in bundle["events"] if one["index"] == index]
    assert erased["rows"] == []
    assert SECRET not in json.dumps(bundle)
