"""The bytes of docs/spec, pinned: the ledger makes them and the verifier finds them right."""

import base64
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from unbroken_verifier import eip712, entry, identifiers, item_map, operation, signature, tree
from unbroken_verifier.canonical import parse_canonical
from unbroken_verifier.errors import RefusedError
from unbroken_verifier.event import item_row_bytes, named_items, row_bytes, verify_pointer
from unbroken_verifier.policy import Policy
from unbroken_verifier.report import Report
from unbroken_verifier.steps import verify_bundle

from tests.verifier.maker import root_of

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "vectors" / "format"
hexed = bytes.fromhex
Json = dict[str, Any]


def vectors(name: str) -> Json:
    read: Json = json.loads((FOLDER / f"{name}.json").read_bytes())
    return read


EVENTS, ENTRIES, LOG = vectors("events")["events"], vectors("entries")["entries"], vectors("log")
ITEM_MAP = vectors("item_map")
PARTNER, NAMES = vectors("submissions")["partner"], vectors("names")
SIGNER = hexed(NAMES["key"]["address"])
SIGNED = [hexed(ENTRIES[name]["entry"]) for name in ("commission", "handoff")]
LOGGED = [hexed(ENTRIES[name]["entry"]) for name in ("genesis", "clock", "party", "key")] + SIGNED


def test_the_ledger_makes_these_bytes() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/build_vectors.py", "--check"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("item", NAMES["items"], ids=lambda item: item["identifier"])
def test_the_verifier_names_an_item_alike(item: Json) -> None:
    assert identifiers.canonical_path(item["identifier"]) == item["path"]
    assert identifiers.item_key(item["path"]).hex() == item["item_key"]


@pytest.mark.parametrize("party", NAMES["parties"], ids=lambda party: party["identifier"])
def test_the_verifier_names_a_party_alike(party: Json) -> None:
    assert identifiers.party_path(party["identifier"]) == party["path"]
    assert identifiers.party_key(party["path"]).hex() == party["party"]


@pytest.mark.parametrize("position", [0, 1])
def test_the_verifier_recomputes_rows_and_roots_of_an_event(position: int) -> None:
    event = EVENTS[position]
    leaves = []
    rows = {}
    for row in event["rows"]:
        leaves.append(tree.leaf_hash(row_bytes(hexed(row["salt"]), row["pointer"], row["value"])))
        assert leaves[-1].hex() == row["leaf_hash"]
        rows[row["pointer"]] = parse_canonical(row["value"].encode())
        verify_pointer(row["pointer"], rows[row["pointer"]])
    assert root_of(leaves).hex() == event["event_root"]
    items = []
    for item in event["items"]:
        key = identifiers.item_key(item["path"])
        raw = item_row_bytes(hexed(item["salt"]), item["role"], key, hexed(item["spends"]))
        assert raw.hex() == item["row"]
        items.append(tree.leaf_hash(raw))
    assert root_of(items).hex() == event["items_root"]
    assert named_items(rows) == {(item["role"], item["path"]) for item in event["items"]}
    said = entry.decode_event(SIGNED[position])
    assert said.op == operation.operation(rows)
    assert said.time == operation.instant(rows["/eventTime"])
    assert said.to_owner == operation.receiver(rows, "owning_party", said.party)
    assert said.to_possessor == operation.receiver(rows, "possessing_party", said.party)
    assert (said.row_count, said.event_root) == (len(leaves), hexed(event["event_root"]))
    assert (said.item_count, said.items_root) == (len(items), hexed(event["items_root"]))


@pytest.mark.parametrize("position", [0, 1])
def test_digest_and_secrets_follow_from_the_canonical_event(position: int) -> None:
    event = EVENTS[position]
    digest = hashlib.sha256(event["canonical"].encode()).hexdigest()
    assert digest == event["digest"]
    secret = hexed(event["event_secret"])
    items_secret = hashlib.sha256(secret + b"unbroken/items/v1\0").hexdigest()
    assert items_secret == event["items_secret"]


def test_the_verifier_reads_every_kind_of_entry() -> None:
    read = {name: hexed(one["entry"]) for name, one in ENTRIES.items()}
    assert all(tree.leaf_hash(read[name]).hex() == ENTRIES[name]["leaf_hash"] for name in read)
    _, genesis = entry.decode_genesis(read["genesis"])
    assert genesis.log_id.hex() == LOG["log_id"] == PARTNER["log_id"]
    for name in ("party", "key", "key_revoked"):
        entry.decode_fact(read[name])
    assert {entry.signer_of(raw) for raw in SIGNED} == {SIGNER}


def test_the_verifier_recovers_who_signed() -> None:
    _, genesis = entry.decode_genesis(LOGGED[0])
    domain = eip712.submission_domain(genesis.chain_id, genesis.contract)
    root = root_of([tree.leaf_hash(raw) for raw in SIGNED])
    digest = eip712.submission_digest(
        domain,
        genesis.log_id,
        entries_root=root,
        count=2,
        doc_hash=hexed(PARTNER["doc_hash"]),
        issued_at=PARTNER["issued_at"],
    )
    assert (domain.hex(), root.hex(), digest.hex()) == (
        PARTNER["separator"],
        PARTNER["entries_root"],
        PARTNER["digest"],
    )
    signature.verify_signer(digest, hexed(PARTNER["signature"]), SIGNER, "the partner")
    registered = vectors("submissions")["registrar"]
    signature.verify_signer(
        hexed(registered["digest"]),
        hexed(registered["signature"]),
        genesis.registrar,
        "the registrar",
    )


def test_the_document_hash_is_that_of_the_document() -> None:
    text = b"unbroken/doc/v1\0" + hexed(PARTNER["doc_salt"])
    text += vectors("events")["document"].encode()
    assert hashlib.sha256(text).hexdigest() == PARTNER["doc_hash"]


def test_the_part_on_the_wire_carries_entries_secrets_and_tokens() -> None:
    part = json.loads(PARTNER["part"])
    assert [base64.b64decode(one["entry"]) for one in part["events"]] == SIGNED
    assert [one["event_secret"] for one in part["events"]] == [e["event_secret"] for e in EVENTS]
    zero = "00" * 32
    spent = [
        [[n, item["spends"]] for n, item in enumerate(event["items"]) if item["spends"] != zero]
        for event in EVENTS
    ]
    assert [one.get("spends", []) for one in part["events"]] == spent
    assert spent[1]


def test_the_verifier_checks_the_log_and_its_head() -> None:
    leaves = [tree.leaf_hash(raw) for raw in LOGGED]
    roots = [root_of(leaves[: size + 1]) for size in range(len(leaves))]
    assert [root.hex() for root in roots] == LOG["roots"]
    size = len(leaves)
    for index, leaf in enumerate(leaves):
        path = [hexed(node) for node in LOG["inclusion"][index]]
        tree.verify_inclusion(leaf, index, size, path, roots[-1])
        proof = [hexed(node) for node in LOG["consistency"][index]]
        tree.verify_consistency(index + 1, size, proof, roots[index], roots[-1])
    _, genesis = entry.decode_genesis(LOGGED[0])
    digest = eip712.head_digest(genesis.log_id, size, roots[-1], bytes(32))
    assert digest.hex() == LOG["head"]["digest"]
    signed = hexed(LOG["head"]["signature"])
    signature.verify_signer(digest, signed, genesis.head_signer, "the head signer")


def test_the_checkpoint_is_signed_by_the_checkpoint_key() -> None:
    text, _, line = LOG["checkpoint"].partition("\n\n")
    origin, size, root = text.split("\n")
    assert (origin, int(size)) == (LOG["identity"]["origin"], LOG["head"]["size"])
    assert base64.b64decode(root).hex() == LOG["head"]["root"]
    raw = base64.b64decode(line.split(" ")[-1])
    key = Ed25519PublicKey.from_public_bytes(hexed(LOG["identity"]["checkpoint_key"]))
    key.verify(raw[4:], text.encode() + b"\n")


def test_the_verifier_takes_the_evidence() -> None:
    made, report = vectors("evidence"), Report()
    verify_bundle(made["file"].encode(), policy=Policy(), report=report)
    told = report.steps[-1].detail
    for said in (made["signer"], made["item"], *(one["to_owner"] for one in made["handoffs"])):
        assert said in told
    assert made["handoffs"][0]["leaf_hash"] == ENTRIES["handoff"]["leaf_hash"]
    assert identifiers.item_key(made["item"]).hex() == made["item_key"]


@pytest.mark.parametrize("mapped", ITEM_MAP["keys"], ids=lambda mapped: mapped["key"][:8])
def test_the_verifier_finds_a_key_in_the_map_and_no_other_value_there(mapped: Json) -> None:
    root, key, value = (
        hexed(one) for one in (ITEM_MAP["map_root"], mapped["key"], mapped["value"])
    )
    siblings = [hexed(one) for one in mapped["siblings"]]
    item_map.verify_membership(root, key, value, siblings)
    with pytest.raises(RefusedError):
        item_map.verify_membership(root, key, hexed(mapped["chain_start"]), siblings)
    with pytest.raises(RefusedError):
        item_map.verify_absence(root, key, siblings, None)
    assert [step["leaf_hash"] for step in mapped["steps"]] == [
        tree.leaf_hash(LOGGED[step["index"]]).hex() for step in mapped["steps"]
    ]


@pytest.mark.parametrize("absent", ITEM_MAP["absent"], ids=lambda absent: absent["key"][:8])
def test_the_verifier_finds_that_a_key_is_absent(absent: Json) -> None:
    ends = absent["terminal"] and (
        hexed(absent["terminal"]["key"]),
        hexed(absent["terminal"]["value"]),
    )
    siblings = [hexed(one) for one in absent["siblings"]]
    item_map.verify_absence(hexed(ITEM_MAP["map_root"]), hexed(absent["key"]), siblings, ends)
    with pytest.raises(RefusedError):
        item_map.verify_absence(hexed(LOG["roots"][5]), hexed(absent["key"]), siblings, ends)
