"""Evidence over HTTP and on the command line: made by the ledger, checked by the verifier."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result
from unbroken_verifier.policy import Policy
from unbroken_verifier.report import Report
from unbroken_verifier.steps import verify_bundle

from ledger.bootstrap import Node
from ledger.cli.exit_codes import ExitCode, exit_code
from ledger.cli.main import app
from ledger.client import LedgerClient
from ledger.clock import now_ms
from ledger.core.entries import entry_leaf_hash
from ledger.core.errors import MalformedError, NotFoundError, NotPermittedError
from ledger.core.facts import tombstone
from ledger.core.gs1_keys import check_digit
from ledger.core.jcs import canonical_json
from ledger.service.disclose import MEDIA_TYPE as DISCLOSURE
from ledger.service.prove import ABSENCE_MEDIA_TYPE, MEDIA_TYPE
from ledger.worker import Worker
from tests.integration.partners import Partner, commission, event, new_item, pack, path_of, ship

Make = Callable[..., Partner]
Captured = Callable[..., dict[str, Any]]
Settle = Callable[[], int]
Verify = Callable[[bytes], str]
# What a proof may have beside its own entries and keys.
MAX_PROOF = 4_000
PACKS = 5_000
LOT = "/ilmd/cbvmda:lotNumber"


@pytest.fixture
def verify(node: Node) -> Verify:
    """Check evidence against this log's identity; returns what the last step tells."""
    identity = node.identity
    policy = Policy(
        log_id=identity.log_id(), registrar=identity.registrar, chain_id=identity.chain_id,
        contract=identity.contract,
    )  # fmt: skip

    def run(raw: bytes) -> str:
        report = Report()
        verify_bundle(raw, policy=policy, report=report)
        return report.steps[-1].detail

    return run


def sscc() -> str:
    body = f"0401234{int.from_bytes(new_item().encode()[-6:]) % 10**10:010d}"
    return f"https://id.gs1.org/00/{body}{check_digit(body)}"


def test_a_pack_that_went_by_pallet(
    api: httpx.Client, captured: Captured, partner: Make, settle: Settle, verify: Verify
) -> None:
    maker, buyer, item, other, pallet = partner("P"), partner("Q"), new_item(), new_item(), sscc()
    job = captured(
        maker,
        commission(item, other),
        pack(pallet, item, other),
        ship(pallet, to=buyer),
        event("AggregationEvent", action="DELETE", parentID=pallet,
              eventTime="2026-01-03T10:00:00Z"),
        ship(pallet, at="2026-01-04T10:00:00Z"),
    )  # fmt: skip
    settle()
    indexes = [result["logIndex"] for result in job["results"]]
    answer = api.get(f"/items{path_of(item)}/proof")
    assert answer.headers["content-type"] == MEDIA_TYPE
    told = verify(answer.content)
    assert f"all 2 entries that name the item {path_of(item)}, up to size" in told
    bundle = answer.json()
    assert [one["index"] for one in bundle["events"]] == indexes[:4]
    assert [one["index"] for one in bundle["outside"]] == indexes[4:]
    assert bundle["containers"] == [path_of(pallet)]
    assert path_of(other).encode() not in answer.content

    shown = api.get(f"/items{path_of(item)}/proof", params={"viewer": buyer.gln})
    verify(shown.content)
    bundle = shown.json()
    assert [one["index"] for one in bundle["blinded"]] == [indexes[0], indexes[4]]
    assert "outside" not in bundle
    assert [one["index"] for one in bundle["events"]] == indexes[1:4]
    spellings = [buyer.path, f"https://id.gs1.org{buyer.path}", buyer.signer.party.hex()]
    assert {
        api.get(f"/items{path_of(item)}/proof", params={"viewer": one}).content for one in spellings
    } == {shown.content}


def test_a_stranger_sees_nothing_and_a_wrong_gln_is_told(
    api: httpx.Client, captured: Captured, partner: Make, settle: Settle
) -> None:
    item, stranger = new_item(), partner("Stranger")
    captured(partner("P"), commission(item))
    settle()
    answer = api.get(f"/items{path_of(item)}/proof", params={"viewer": stranger.gln})
    assert (answer.status_code, answer.json()["type"]) == (403, "unbroken:not-permitted")
    answer = api.get(f"/items{path_of(item)}/proof", params={"viewer": "garbage"})
    assert (answer.status_code, "no such party" in answer.json()["detail"]) == (404, True)
    answer = api.get(f"/items{path_of(item)}/proof", params={"viewer": "4012345000000"})
    assert (answer.status_code, answer.json()["field"]) == (400, "viewer")


def test_a_serial_that_was_never_issued_is_proved_to_be_so(
    api: httpx.Client, captured: Captured, partner: Make, settle: Settle, verify: Verify
) -> None:
    known, item, maker = new_item(), new_item(), partner("P")
    captured(maker, commission(known))
    size = settle()
    answer = api.get(f"/items{path_of(item)}/proof")
    assert (answer.status_code, answer.headers["content-type"]) == (200, ABSENCE_MEDIA_TYPE)
    assert f"none of the {size} entries names {path_of(item)}" in verify(answer.content)
    with pytest.raises(NotFoundError), LedgerClient(str(api.base_url)) as client:
        client.proof(item)
    captured(maker, commission(item))
    assert api.get(f"/items{path_of(item)}/proof").status_code == 409


def test_an_erased_event_is_proved_once_an_anchor_says_so(
    api: httpx.Client, node: Node, worker: Worker, captured: Captured, partner: Make,
    settle: Settle, verify: Verify,
) -> None:  # fmt: skip
    item, maker = new_item(), partner("P")
    job = captured(maker, commission(item), ship(item))
    index = job["results"][1]["logIndex"]
    settle()
    before = api.get(f"/items{path_of(item)}/proof").content
    registrar, at = node.registrar_address(), now_ms()
    node.registrar().submit([tombstone(at, registrar, index, "GDPR 17(1)(d)")], at_ms=at)
    worker.turn()
    answer = api.get(f"/items{path_of(item)}/proof")
    assert (answer.status_code, answer.json()["type"]) == (409, "unbroken:not-anchored")
    settle()
    answer = api.get(f"/items{path_of(item)}/proof")
    assert f"erased on legal grounds: {index} (GDPR 17(1)(d))" in verify(answer.content)
    assert [bool(one["rows"]) for one in answer.json()["events"]] == [True, False]
    assert "was erased" in api.get(f"/disclosures/{index}").json()["detail"]
    verify(before)


@pytest.fixture
def packed(captured: Captured, partner: Make, settle: Settle) -> dict[str, Any]:
    """A commission of 5,000 packs, final: its event, index and the items that it names."""
    items = [new_item() for _ in range(PACKS)]
    told = {
        **commission(*items),
        "eventID": f"urn:example:{items[0][-8:]}",
        "readPoint": {"id": "urn:epc:id:sgln:4012345.00000.0"},
        "ilmd": {"cbvmda:lotNumber": "A1", "cbvmda:itemExpirationDate": "2028-01-31"},
    }
    maker = partner("Line")
    job = captured(maker, told)
    settle()
    assert job["results"][0]["verdict"] == "accepted", str(job)[:600]
    return {
        "event": told, "index": job["results"][0]["logIndex"], "items": items, "maker": maker,
    }  # fmt: skip


def test_one_pack_out_of_five_thousand(
    api: httpx.Client, packed: dict[str, Any], verify: Verify, captured: Captured
) -> None:
    index, item = packed["index"], packed["items"][77]
    asked = {"field": ["readPoint", LOT], "item": [item]}
    answer = api.get(f"/disclosures/{index}", params=asked)
    assert answer.headers["content-type"] == DISCLOSURE
    verify(answer.content)
    (shown,) = answer.json()["events"]
    assert {row["pointer"] for row in shown["rows"]} == {
        "/type", "/action", "/bizStep", "/eventTime", "/readPoint", LOT,
        "/epcList/77",
    }  # fmt: skip
    assert [one["item"] for one in shown["items"]] == [path_of(item)]
    assert len(answer.content) < 20_000
    leaf = entry_leaf_hash(bytes.fromhex(shown["entry"])).hex()
    for name in (packed["event"]["eventID"], f"0x{leaf}"):
        assert api.get(f"/disclosures/{name}", params=asked).content == answer.content

    captured(packed["maker"], {**packed["event"], "epcList": [new_item()]})
    answer = api.get(f"/disclosures/{packed['event']['eventID']}")
    assert answer.status_code == 400
    assert answer.json()["field"] == "event"
    assert str(index) in answer.json()["rule"]
    for event_name, told in (
        (10**30, "has the eventID"), (10**12, "is no event"), (0, "is no event"),
        ("0x" + "0" * 64, "leaf hash"), ("urn:example:none", "has the eventID"),
    ):  # fmt: skip
        answer = api.get(f"/disclosures/{event_name}")
        assert (answer.status_code, told in answer.json()["detail"]) == (404, True), event_name


def test_a_proof_is_small_beside_its_own_entries_and_keys(
    api: httpx.Client, packed: dict[str, Any]
) -> None:
    (path, *_) = map(path_of, packed["items"])
    bundle = api.get(f"/items{path}/proof").json()
    (own,) = [one for one in bundle["chains"] if one["indexes"] == [packed["index"]]]
    assert len(canonical_json({"head": bundle["head"], "chains": [own]})) < MAX_PROOF


def run(api: httpx.Client, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--url", str(api.base_url)])


def test_the_command_line_writes_evidence_and_says_what_it_is(
    api: httpx.Client, packed: dict[str, Any], verify: Verify, partner: Make,
    settle: Callable[[], int], tmp_path: Path,
) -> None:  # fmt: skip
    item, file = packed["items"][1], tmp_path / "evidence.json"
    done = run(api, "prove", item, "-o", str(file))
    assert (done.exit_code, "unbroken-verify bundle" in done.stderr) == (0, True)
    verify(file.read_bytes())
    gln = packed["maker"].gln
    assert run(api, "prove", item, "--viewer", gln).stdout_bytes == file.read_bytes()
    stranger = partner("Stranger")
    settle()  # a party is one for proofs once a final anchor covers its registration
    refused = run(api, "prove", item, "--viewer", stranger.gln)
    assert isinstance(refused.exception, NotPermittedError)
    assert exit_code(refused.exception) == ExitCode.NOT_PERMITTED

    never = new_item()
    done = run(api, "prove", never, "-o", str(file))
    assert done.exit_code == ExitCode.OK
    assert f"NO HISTORY: no entry of the log names {never}" in done.stderr
    assert "none of the" in verify(file.read_bytes())

    index = str(packed["index"])
    done = run(
        api, "disclose", index, "--fields", f"readPoint,{LOT}", "--fields", "eventID",
        "--items", f"{item},{packed['items'][2]}", "-o", str(file),
    )  # fmt: skip
    assert done.exit_code == 0
    verify(file.read_bytes())
    (shown,) = json.loads(file.read_bytes())["events"]
    pointers = {row["pointer"] for row in shown["rows"]}
    assert pointers >= {
        "/readPoint",
        "/eventID",
        "/ilmd/cbvmda:lotNumber",
        "/epcList/1",
        "/epcList/2",
    }
    refused = run(api, "disclose", index, "--fields", "disposition")
    assert isinstance(refused.exception, MalformedError)
    assert "disposition" in str(refused.exception)
    refused = run(api, "disclose", index, "--items", never)
    assert isinstance(refused.exception, MalformedError)
    assert never in str(refused.exception)
