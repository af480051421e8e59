"""The real command line over real processes: from a new key to evidence, then down again."""

import json
import os
import signal
from pathlib import Path

import pytest

from tests.e2e.conftest import Run, data

PACK = "urn:epc:id:sgtin:4012345.011111.E1"

pytestmark = pytest.mark.e2e


WRONG = "https://id.gs1.org/01/04012345111119/21/1"


def document(*serials: str, step: str = "commissioning", action: str = "ADD") -> bytes:
    event = {
        "type": "ObjectEvent", "eventTime": "2026-01-01T10:00:00Z", "bizStep": step,
        "eventTimeZoneOffset": "+00:00", "action": action,
    }  # fmt: skip
    return json.dumps(
        {
            "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
            "type": "EPCISDocument", "schemaVersion": "2.0",
            "creationDate": "2026-01-01T00:00:00Z",
            "epcisBody": {"eventList": [{**event, "epcList": [serial]} for serial in serials]},
        }
    ).encode()  # fmt: skip


def test_a_document_becomes_evidence(running: Run, tmp_path: Path) -> None:
    file = tmp_path / "any.name"
    file.write_bytes(document(PACK))
    rows = data(running("--json", "capture", str(file), "--key", "maker", "--wait", "final"))
    assert [(row["event"], row["verdict"], row["findings"]) for row in rows] == [
        (0, "accepted", [])
    ]
    bundle = tmp_path / "bundle.json"
    assert running("prove", "-o", str(bundle), PACK).returncode == 0
    assert bundle.read_bytes() == running("prove", PACK).stdout
    assert json.loads(bundle.read_bytes())["item"] == "/01/04012345111118/21/E1"


def test_options_stand_anywhere_and_two_dashes_end_them(running: Run) -> None:
    (row,) = data(running("capture", "--key", "maker", "--json", "--", "-", given=document("a:1")))
    assert (row["file"], row["verdict"]) == ("-", "accepted")


def test_a_resent_document_is_a_duplicate_and_a_finding_is_told(running: Run) -> None:
    raw = document("urn:epc:id:sgtin:4012345.011111.E9", step="shipping", action="OBSERVE")
    (first,) = data(running("capture", "-", "--key", "maker", "--json", given=raw))
    (second,) = data(running("capture", "-", "--key", "maker", "--json", given=raw))
    assert (first["verdict"], second["verdict"]) == ("accepted", "duplicate")
    assert first["log_index"] == second["log_index"]
    assert second["findings"] == ["NOT_COMMISSIONED", "OVERDUE_RECEIPT"]


def test_rows_in_a_pipe_are_lines_and_json_lines_are_documents(running: Run) -> None:
    raw = document("b:1", "b:2")
    plain = running("capture", "-", "--key", "maker", given=raw).stdout.decode().splitlines()
    assert [line.split("\t")[:3] for line in plain] == [
        ["-", "0", "accepted"],
        ["-", "1", "accepted"],
    ]
    lines = running("capture", "-", "--key", "maker", "--jsonl", given=raw).stdout.splitlines()
    assert [json.loads(line)["verdict"] for line in lines] == ["duplicate", "duplicate"]


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        (b"<?xml version='1.0'?><a/>", "is an EPCIS document"),
        (b"\xef\xbb\xbf<a/>", "is an EPCIS document"),
        (b'{"a": 1, "a": 2}', "a"),
        (b"", "JSON"),
    ],
    ids=["xml", "xml with a mark", "double key", "empty"],
)
def test_a_refused_document_is_a_row_with_the_reason(running: Run, raw: bytes, word: str) -> None:
    (row,) = data(running("capture", "-", "--key", "maker", "--json", given=raw), 1)
    assert row["verdict"] == "rejected"
    assert word in row["reason"]


XML = b"""<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:1" schemaVersion="1.2"
    creationDate="2026-01-01T00:00:00Z"><EPCISBody><EventList><ObjectEvent>
    <eventTime>2026-01-01T10:00:00Z</eventTime><eventTimeZoneOffset>+00:00</eventTimeZoneOffset>
    <epcList><epc>urn:epc:id:sgtin:4012345.011111.X1</epc></epcList><action>ADD</action>
    <bizStep>urn:epcglobal:cbv:bizstep:commissioning</bizStep>
</ObjectEvent></EventList></EPCISBody></epcis:EPCISDocument>"""


def test_xml_is_captured_as_json_is(running: Run) -> None:
    (row,) = data(running("capture", "-", "--key", "maker", "--json", given=XML))
    assert (row["verdict"], row["findings"]) == ("accepted", [])


def test_a_dry_run_needs_no_key_and_stores_nothing(running: Run) -> None:
    (row,) = data(running("capture", "-", "--dry-run", "--json", given=XML))
    assert row["verdict"] == "accept"
    (row,) = data(running("capture", "-", "--dry-run", "--json", given=document(WRONG)), 1)
    assert (row["verdict"], row["findings"]) == ("reject", ["INVALID_GTIN_CHECK_DIGIT"])
    assert running("capture", "-", given=XML).returncode == 2


def test_one_rejected_event_rejects_its_document_or_itself(running: Run) -> None:
    raw = document("d:1", WRONG)
    rows = data(running("capture", "-", "--key", "maker", "--json", given=raw), 1)
    assert [row["code"] for row in rows] == ["rolled_back", "INVALID_GTIN_CHECK_DIGIT"]
    proceed = ("capture", "-", "--key", "maker", "--json", "--on-error", "proceed")
    rows = data(running(*proceed, given=raw), 1)
    assert [row["verdict"] for row in rows] == ["accepted", "rejected"]


def test_a_rotated_key_signs_for_the_same_party_and_a_revoked_one_does_not(running: Run) -> None:
    new = document("c:1")
    assert running("key", "rotate", "maker", "--to", "maker-2").returncode == 0
    (row,) = data(running("capture", "-", "--key", "maker-2", "--json", given=new))
    assert row["verdict"] == "accepted"
    # The party's secret went along, so the same event under the new key is the same event.
    (row,) = data(running("capture", "-", "--key", "maker", "--json", given=new))
    assert row["verdict"] == "duplicate"
    assert running("key", "revoke", "maker-2", "--reason", "test").returncode == 0
    refused = running("capture", "-", "--key", "maker-2", "--json", given=document("c:2"))
    assert refused.returncode == 5
    known = {row["name"]: row["active"] for row in data(running("key", "list", "--json"))}
    assert known["maker"] is True
    assert known["maker-2"] is False


def test_an_unregistered_key_is_not_permitted(running: Run) -> None:
    assert running("key", "new", "stranger").returncode == 0
    done = running("capture", "-", "--key", "stranger", given=document("d:1"))
    assert done.returncode == 5
    assert done.stderr.count(b"\n") == 1


def test_the_log_audits_clean_and_the_doctor_finds_nothing(running: Run) -> None:
    assert data(running("audit", "--json"))["failed"] == []
    found = data(running("doctor", "--json"))
    assert {row["state"] for row in found} == {"ok"}, found
    (party,) = data(running("party", "list", "--json"))
    assert party["name"] == "Maker"


def test_a_killed_worker_is_seen_and_started_again(running: Run, home: Path) -> None:
    os.kill(int((home / "run/worker.pid").read_text()), signal.SIGKILL)
    states = {row["name"]: row["state"] for row in data(running("status", "--json"))["processes"]}
    assert states == {
        "database": "running", "chain": "running", "worker": "stopped", "dispatcher": "running",
        "api": "running",
    }  # fmt: skip
    assert running("up").returncode == 0
    (row,) = data(running("capture", "-", "--key", "maker", "--json", given=document("e:1")))
    assert row["verdict"] == "accepted"


def test_status_counts_every_state_of_life(running: Run) -> None:
    log = data(running("--json", "status"))["log"]
    sizes = log["sizes"]
    assert sizes["sequenced"] >= sizes["integrated"] >= sizes["published"] >= sizes["anchored"]
    assert log["totals"]["parties"] == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["prove", "urn:epc:id:sgtin:4012345.011111"], 1),
        (["key", "new", "maker"], 1),
        (["key", "revoke", "0xzz", "--reason", "x"], 1),
        (["capture", "--key", "maker", "no-such-file"], 2),
        (["capture", "--key", "maker"], 2),
        (["audit", "--workers", "0"], 2),
        (["nonsense"], 2),
    ],
    ids=str,
)
def test_a_failed_command_says_why_in_few_words(
    running: Run, arguments: list[str], code: int
) -> None:
    done = running(*arguments)
    assert done.returncode == code
    assert done.stdout == b""
    assert b"Traceback" not in done.stderr
    assert done.stderr


def test_a_wrong_setting_is_a_usage_error(unbroken: Run) -> None:
    done = unbroken("status", UNBROKEN_PROT="1")
    assert done.returncode == 2
    assert b"UNBROKEN_PORT" in done.stderr


def test_a_ledger_that_is_down_cannot_be_reached(unbroken: Run) -> None:
    done = unbroken("capture", "-", "--key", "maker", given=document("f:1"), UNBROKEN_PORT="9")
    assert done.returncode == 3
    assert b"unbroken up" in done.stderr


def test_the_version_is_told(unbroken: Run) -> None:
    assert unbroken("--version").stdout.startswith(b"unbroken ")
