"""What the demo shows: each act does one thing and says whether it held."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from ledger.chain.anchor_contract import AnchorContract, OnChainHead
from ledger.chain.client import ChainClient
from ledger.chain.errors import ContractRejectedError
from ledger.core.eip712 import head_digest
from ledger.core.entries import Z
from ledger.core.identifiers import canonical_path
from ledger.core.signatures import sign
from ledger.demo import story
from ledger.demo.stage import Stage

# A pack that was commissioned, packed, shipped by pallet and case, unpacked and dispensed.
WITNESS = story.pack(1)
VERIFY_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Shown:
    """One line of the demo's table."""

    name: str
    held: bool
    detail: str


Act = Callable[[Stage], Shown]


def supply(stage: Stage) -> Shown:
    """Five partners sign the journey of 500 packs."""
    documents = [
        (story.MAKER, story.commission()),
        (story.MAKER, story.aggregate()),
        *story.to_the_wholesaler(),
        *story.to_the_patients(),
    ]
    results = [row for partner, document in documents for row in stage.capture(partner, document)]
    accepted = sum(row["verdict"] == "accepted" for row in results)
    clean = not stage.get("/findings")["findings"]
    return Shown(
        "Signed handoffs enter one log",
        accepted == len(results) and clean,
        f"{story.PACKS} packs, {accepted} of {len(results)} events by {len(story.PARTNERS)} "
        f"partners logged, {'no' if clean else 'some'} findings",
    )


def resend(stage: Stage) -> Shown:
    """A retry changes nothing."""
    before = stage.sizes()["sequenced"]
    results = stage.capture(story.MAKER, story.commission())
    verdicts = {row["verdict"] for row in results}
    entries = stage.event_count() - stage.captured
    return Shown(
        "A resent document changes nothing",
        verdicts == {"duplicate"} and entries == 0,
        f"answered {', '.join(sorted(verdicts))}; log of {before} entries has the same events",
    )


def killed(stage: Stage) -> Shown:
    """A kill -9 of the worker between accept and anchor loses nothing and repeats nothing."""
    jobs = []
    for partner, document in story.double_sale():
        jobs.append(stage.submit(partner, document))
        stage.kill_worker()
        stage.start_worker()
    results = [row for job in jobs for row in stage.finish(job)]
    stage.wait_integrated()
    logged = stage.event_count()
    return Shown(
        "kill -9 of the worker loses nothing",
        all(row["verdict"] == "accepted" for row in results) and logged == stage.captured,
        f"killed {len(jobs)} times; {logged} events accepted, {logged} in the log, each once",
    )


def _finding(stage: Stage, name: str, code: str, item: str) -> Shown:
    found = [
        one for one in stage.get("/findings")["findings"]
        if one["code"] == code and one["item"] == canonical_path(item)
    ]  # fmt: skip
    evidence = ", ".join(str(index) for index in found[0]["evidence"]) if found else "none"
    path = canonical_path(item)
    return Shown(name, bool(found), f"{code} on {path}, evidence: entries {evidence}")


def double_sale(stage: Stage) -> Shown:
    """The second sale of one case is logged and flagged."""
    return _finding(stage, "A double sale is flagged", "DOUBLE_SHIP", story.CASES[20])


def unissued(stage: Stage) -> Shown:
    """A serial that nobody commissioned is flagged."""
    for partner, document in story.unissued_serial():
        stage.capture(partner, document)
    stage.wait_integrated()
    return _finding(stage, "A serial nobody issued is flagged", "NOT_COMMISSIONED", story.UNISSUED)


def anchored(stage: Stage) -> Shown:
    """The head is on the chain, and final."""
    size = stage.wait_final()
    log = stage.get("/log")
    return Shown(
        "The log's head is anchored and final",
        size >= stage.captured,
        f"{size} entries under one record of contract 0x{stage.identity.contract.hex()} "
        f"on chain {log['chain_id']}",
    )


def rewritten(stage: Stage) -> Shown:
    """The contract refuses a signed head that does not extend the last, even from the operator."""
    client = ChainClient(stage.rpc_url, chain_id=stage.identity.chain_id)
    contract = AnchorContract(client, "0x" + stage.identity.contract.hex())
    log_id = stage.identity.log_id()
    on_chain = contract.head(log_id)
    if on_chain is None:
        return Shown("The chain refuses a rewritten log", held=False, detail="no head on the chain")
    forged = OnChainHead(size=on_chain.size + 1, root=bytes(31) + b"\1", map_root=Z)
    signature = sign(stage.head_key(), head_digest(log_id, forged.size, forged.root, Z))
    try:
        contract.sign_anchor(stage.wallet_key(), log_id, on_chain.size, forged, [Z], signature)
    except ContractRejectedError as error:
        return Shown(
            "The chain refuses a rewritten log", held=True,
            detail=f"a head with the operator's own signature was refused: {error.name}",
        )  # fmt: skip
    return Shown("The chain refuses a rewritten log", held=False, detail="it was accepted")


def verify(stage: Stage, bundle: Path) -> tuple[int, dict[str, Any]]:
    """Run the independent verifier as its own process; return exit code and report."""
    program = Path(sys.executable).with_name("unbroken-verify")
    done = subprocess.run(
        [
            program,
            "bundle",
            bundle,
            "--json",
            "--rpc",
            stage.rpc_url,
            "--policy",
            stage.policy_file,
        ],
        capture_output=True,
        check=False,
        timeout=VERIFY_TIMEOUT_S,
    )
    return done.returncode, orjson.loads(done.stdout)


def _failed_step(report: dict[str, Any]) -> str:
    return next((step["step"] for step in report["steps"] if not step["ok"]), "none")


def proved(stage: Stage) -> Shown:
    """Strangers check bundles of a pack, a case, the pallet and the flagged items."""
    items = [WITNESS, story.CASES[20], story.PALLET, story.UNISSUED]
    outcomes, events = [], 0
    for number, item in enumerate(items):
        bundle = stage.save(f"bundle-{number}.json", stage.client.proof(item))
        code, report = verify(stage, bundle)
        outcomes.append(code == 0 and report["ok"])
        events += len(orjson.loads(bundle.read_bytes())["events"])
    return Shown(
        "A stranger verifies histories against the chain",
        all(outcomes),
        f"{sum(outcomes)} of {len(items)} bundles, {events} events, by unbroken-verify "
        "with an RPC and a policy",
    )


def altered_bundle(stage: Stage) -> Shown:
    """One changed character of evidence is found."""
    raw = stage.client.proof(WITNESS)
    altered = raw.replace(story.LOT.encode(), b"UB2602")
    code, report = verify(stage, stage.save("altered.json", altered))
    return Shown(
        "One changed character of a bundle is found",
        altered != raw and code == 1,
        f"lot {story.LOT} made UB2602: exit {code}, step {_failed_step(report)}",
    )


@contextlib.contextmanager
def _edited_behind_the_back(stage: Stage) -> Any:  # noqa: ANN401 -- a context manager
    """Edit the stored commission event as a database superuser would, and put it back."""
    old, new = story.EXPIRY, "2029-06-30"
    change = text(
        "UPDATE events SET content = convert_to(replace(convert_from(content, 'UTF8'), :old, :new),"
        " 'UTF8') WHERE log_index = (SELECT min(log_index) FROM events)"
    )
    # All: what refuses any change, and what lets through nothing but an erasure.
    off, on = (text(f"ALTER TABLE events {verb} TRIGGER USER") for verb in ("DISABLE", "ENABLE"))
    with stage.engine.begin() as connection:
        connection.execute(off)
        connection.execute(change, {"old": old, "new": new})
        connection.execute(on)
    yield f"expiry {old} made {new}"
    with stage.engine.begin() as connection:
        connection.execute(off)
        connection.execute(change, {"old": new, "new": old})
        connection.execute(on)


def append_only(stage: Stage) -> Shown:
    """The database itself refuses to change or delete what was logged."""
    refused = 0
    for statement in ("UPDATE events SET content = ''", "DELETE FROM log_entries"):
        try:
            with stage.engine.begin() as connection:
                connection.execute(text(statement))
        except DBAPIError:
            refused += 1
    return Shown(
        "The database refuses UPDATE and DELETE", refused == 2,  # noqa: PLR2004
        f"{refused} of 2 refused by triggers",
    )  # fmt: skip


def tampered(stage: Stage) -> Shown:
    """With the trigger switched off, verifier and audit find the edit all the same."""
    with _edited_behind_the_back(stage) as edit:
        code, report = verify(stage, stage.save("tampered.json", stage.client.proof(WITNESS)))
        failed = stage.audit()["failed"]
    checks = ", ".join(sorted({one["check"] for one in failed})) or "nothing"
    return Shown(
        "An edit behind the ledger's back is caught",
        code == 1 and bool(failed),
        f"{edit}: verifier exit {code} at step {_failed_step(report)}; audit failed: {checks}",
    )


def audited(stage: Stage) -> Shown:
    """After the edit is undone the whole log replays cleanly."""
    report = stage.audit()
    counts = ", ".join(f"{number} {name}" for name, number in report["checked"].items())
    return Shown("The whole log audits clean", not report["failed"], counts)


ACTS: tuple[tuple[str, Act], ...] = (
    ("five partners move 500 packs", supply),
    ("a document is sent again", resend),
    ("the worker is killed in the middle", killed),
    ("one case is sold twice", double_sale),
    ("an unknown serial turns up", unissued),
    ("the head goes on chain", anchored),
    ("the operator tries to rewrite", rewritten),
    ("strangers verify", proved),
    ("evidence is altered", altered_bundle),
    ("the database is asked to forget", append_only),
    ("a stored event is edited", tampered),
    ("everything is replayed", audited),
)


def play(stage: Stage, before: Callable[[str], None]) -> list[Shown]:
    """Play every act in order; `before` hears what comes next."""
    shown = []
    for title, act in ACTS:
        before(title)
        started = time.monotonic()
        line = act(stage)
        shown.append(Shown(line.name, line.held, line.detail))
        stage.took[title] = time.monotonic() - started
    return shown
