"""The command line refuses a second owner, and makes, checks and submits evidence of one."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from ledger.client import LedgerClient
from ledger.clock import now_ms
from ledger.core.entries import Z
from ledger.core.identifiers import item_key
from ledger.core.submission import Signer, build_submission, format_submission
from ledger.core.tokens import hold_token
from ledger.keystore import Keystore
from tests.e2e.conftest import ROOT, Run, data
from tests.integration.partners import post

pytestmark = pytest.mark.e2e
SOLD, FREE = (f"https://id.gs1.org/01/04012345111118/21/{serial}" for serial in ("SOLD", "FREE"))
PATH = "/01/04012345111118/21/SOLD"
BUYER, OTHER = "4012345000016", "4012345000023"


def document(*events: dict[str, Any]) -> bytes:
    return json.dumps(
        {
            "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
            "type": "EPCISDocument", "schemaVersion": "2.0",
            "creationDate": "2026-01-01T00:00:00Z", "epcisBody": {"eventList": list(events)},
        }
    ).encode()  # fmt: skip


def happened(action: str, step: str, day: int, *items: str, **more: object) -> dict[str, Any]:
    return {
        "type": "ObjectEvent", "action": action, "bizStep": step, "epcList": list(items),
        "eventTime": f"2026-01-{day:02d}T10:00:00Z", "eventTimeZoneOffset": "+00:00", **more,
    }  # fmt: skip


def sale(item: str, to: str, day: int) -> dict[str, Any]:
    destination = {"type": "owning_party", "destination": f"https://id.gs1.org/417/{to}"}
    return happened("OBSERVE", "shipping", day, item, destinationList=[destination])


def capture(running: Run, raw: bytes, *options: str, code: int = 0) -> list[dict[str, Any]]:
    done = running("capture", "-", "--key", "maker", "--json", *options, given=raw)
    rows: list[dict[str, Any]] = data(done, code)
    return rows


def test_a_second_owner_is_refused_and_a_cheat_is_convicted(
    running: Run, home: Path, tmp_path: Path
) -> None:
    capture(running, document(happened("ADD", "commissioning", 1, SOLD, FREE)))
    (first,) = capture(running, document(sale(SOLD, BUYER, 2)))
    assert first["verdict"] == "accepted"
    again = [sale(SOLD, OTHER, 3), sale(FREE, OTHER, 3)]
    refused, other = capture(running, document(*again), code=5)
    assert other["code"] == "rolled_back"
    assert (refused["event"], refused["code"]) == (0, "not_permitted")
    assert PATH in refused["reason"]
    assert f"/417/{BUYER}" in refused["reason"]
    rows = capture(running, document(*again), "--on-error", "proceed", code=5)
    assert [row["verdict"] for row in rows] == ["rejected", "accepted"]
    assert f"/417/{BUYER}" in rows[0]["reason"]
    assert running("evidence", PATH).returncode == 1

    cheat(home, running, document(sale(SOLD, OTHER, 3)))
    file = tmp_path / "sold-twice.json"
    assert running("evidence", SOLD, "-o", str(file)).returncode == 0
    assert file.read_bytes() == running("evidence", PATH).stdout
    verified = subprocess.run(
        [sys.executable, "-m", "unbroken_verifier", "evidence", str(file)],
        capture_output=True, check=False, cwd=ROOT / "verifier",
    )  # fmt: skip
    assert verified.returncode == 0, verified.stdout
    keys = {row["name"]: row for row in data(running("key", "list", "--json"))}
    assert keys["maker"]["equivocated_at"] > first["log_index"]
    parties = data(running("party", "list", "--json"))
    assert any("two owners" in key for party in parties for key in party["keys"])
    told = data(running("evidence", str(file), "--submit", "--json"))
    again = data(running("evidence", str(file), "--submit", "--json"))
    assert again.pop("state") == "recorded already, nothing was sent"
    assert again == {name: told[name] for name in ("file", "contract", "block")}
    file.write_bytes(file.read_bytes().replace(b'"role":0', b'"role":1'))
    broken = running("evidence", str(file), "--submit")
    assert (broken.returncode, b"NotNamed" in broken.stderr) == (1, True)


def test_a_void_and_the_next_sale_may_be_two_files_of_one_command(
    running: Run, tmp_path: Path
) -> None:
    item = "https://id.gs1.org/01/04012345111118/21/TAKENBACK"
    capture(running, document(happened("ADD", "commissioning", 1, item), sale(item, BUYER, 2)))
    void = {**sale(item, BUYER, 3), "bizStep": "void_shipping"}
    files = [tmp_path / "void.json", tmp_path / "sale.json"]
    for file, event in zip(files, (void, sale(item, OTHER, 4)), strict=True):
        file.write_bytes(document(event))
    for options in ((), ("--on-error", "proceed")):
        done = running("capture", *map(str, files), "--key", "maker", "--json", *options)
        verdicts = [row["verdict"] for row in data(done)]
        assert verdicts == (["duplicate"] * 2 if options else ["accepted"] * 2)


def cheat(home: Path, running: Run, raw: bytes) -> None:
    """Sign past the journal, with the token that is spent, and send it."""
    keys = Keystore(home / "keys", (home / "secret").read_bytes().strip())
    processes = data(running("status", "--json"))["processes"]
    url = next(one["detail"] for one in processes if one["name"] == "api")
    with LedgerClient(url) as client:
        identity = client.identity()
        party = client.get(f"/keys/0x{keys.address_of('maker').hex()}")["party"]
        signer = Signer(
            private_key=keys.private_key("maker"), party=bytes.fromhex(party),
            party_secret=keys.secret("maker"),
        )  # fmt: skip
        spends = {0: {0: hold_token(item_key(PATH), Z)}}
        made = build_submission(raw, signer, identity.domain(), issued_at=now_ms(), spends=spends)
        with httpx.Client(base_url=url) as api:
            answer = post(api, format_submission(made), raw)
        assert client.wait(answer.headers["location"])["success"]


def test_honest_heads_are_no_evidence(running: Run, tmp_path: Path) -> None:
    files = []
    for serial in ("H1", "H2"):
        item = f"https://id.gs1.org/01/04012345111118/21/{serial}"
        capture(running, document(happened("ADD", "commissioning", 1, item)), "--wait", "final")
        files.append(tmp_path / serial)
        assert running("prove", item, "-o", str(files[-1])).returncode == 0
    done = running("evidence", "--heads", *map(str, files))
    assert (done.returncode, b"contradict" in done.stderr) == (1, True), done.stderr
    done = running("evidence", "--omission", *map(str, files))
    assert (done.returncode, b"its history lacks" in done.stderr) == (1, True), done.stderr
    assert running("evidence", PATH, "--omission", *map(str, files)).returncode == 2
    assert running("evidence").returncode == 2
    assert running("evidence", PATH, "--heads", *map(str, files)).returncode == 2
