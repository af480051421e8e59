"""`unbroken epcis hash` and `dscsa check` as a user runs them: files, stdin, exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DSCSA = ROOT / "tests/vectors/dscsa"
EDGES = json.loads((ROOT / "tests/vectors/event-hash-edge/vectors.json").read_text())

pytestmark = pytest.mark.e2e


def unbroken(
    *arguments: str, given: bytes = b"", code: int = 0
) -> "subprocess.CompletedProcess[bytes]":
    done = subprocess.run(
        [sys.executable, "-m", "ledger.cli.main", *arguments],
        input=given, capture_output=True, check=False, timeout=60, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == code, done.stderr.decode()
    return done


def events() -> bytes:
    return json.dumps([{**row["event"], "@context": row["context"]} for row in EDGES]).encode()


def test_hashes_one_a_line_in_order() -> None:
    lines = unbroken("epcis", "hash", "-", given=events()).stdout.decode().splitlines()
    assert lines == [row["hash"] for row in EDGES]


def test_prehashes_as_json() -> None:
    done = unbroken("--json", "epcis", "hash", "--prehash", "-", given=events())
    assert json.loads(done.stdout) == [row["prehash"] for row in EDGES]


def test_odd_events_keep_their_line() -> None:
    odd = json.dumps([{"type": "X"}, {"type": "ObjectEvent", "eventTime": 1}, {"a": []}]).encode()
    assert len(unbroken("epcis", "hash", "-", given=odd).stdout.splitlines()) == 3
    done = unbroken("epcis", "hash", "-", given=b'[{"type": "X"}, 3]', code=1)
    assert b"/1 is no event" in done.stderr


def test_a_check_tells_of_a_hash_that_differs_and_refuses_nothing() -> None:
    row = EDGES[0]
    event = {**row["event"], "@context": row["context"]}
    for name, told in ((row["hash"], False), (EDGES[1]["hash"], True)):
        given = json.dumps({**event, "eventID": name}).encode()
        found = json.loads(unbroken("epcis", "check", "-", "--json", given=given).stdout)[0]
        assert found["verdict"] == "accept"
        assert ("EVENT_ID_HASH_MISMATCH" in {one["code"] for one in found["findings"]}) is told


@pytest.mark.parametrize("given", [b"no JSON", b"<a", b'{"type": 1, "type": 2}', b""])
def test_what_cannot_be_read_is_one_line_on_stderr(given: bytes) -> None:
    done = unbroken("epcis", "hash", "-", given=given, code=1)
    assert (done.stdout, done.stderr.count(b"\n")) == (b"", 1)
    found = json.loads(unbroken("dscsa", "check", "-", "--json", given=given, code=1).stdout)
    assert [one["code"] for one in found[0]["findings"]] == ["UNREADABLE"]


def test_dscsa_rows_of_several_files() -> None:
    files = [str(DSCSA / name) for name in ("ok-gs1us-2.2.1.1.xml", "no-biztransaction.xml")]
    ok, flagged = json.loads(unbroken("dscsa", "check", *files, "--json").stdout)
    assert ok == {"file": files[0], "verdict": "accept", "findings": []}
    assert flagged["verdict"] == "flag"
    assert [set(one) for one in flagged["findings"]] == [
        {"code", "severity", "pointer", "value", "message"}
    ]
    text = unbroken("dscsa", "check", *files, str(DSCSA / "no-lot.xml"), code=1).stdout.decode()
    fields = [line.split("\t")[1:3] for line in text.splitlines()]
    assert fields == [
        ["accept", ""], ["flag", "MISSING_BIZ_TRANSACTION"], ["reject", "MISSING_LOT"],
        ["reject", "MISSING_LOT"],
    ]  # fmt: skip
    assert b"No such file" in unbroken("dscsa", "check", "absent.xml", code=2).stderr
