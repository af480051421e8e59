"""Build tests/vectors/format from the ledger's core, or check that they are current.

They pin the bytes of docs/spec: one small log with fixed keys, from identifiers to a signed head.
Built once; a change of a byte here is a change of format and needs an ADR (docs/spec/README.md).
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.core.checkpoint import checkpoint_text, signed_note
from ledger.core.commitment import (
    commit,
    derive_event_secret,
    derive_items_secret,
    event_digest,
    item_rows,
    item_salt,
    row_data,
    row_salt,
)
from ledger.core.eip712 import SigningDomain, head_digest
from ledger.core.entries import Z, decode_event, decode_fact, entry_leaf_hash
from ledger.core.epcis.read import read_document
from ledger.core.facts import (
    LogIdentity,
    claim_key,
    clock,
    facts_digest,
    key_added,
    key_revoked,
    party_added,
    sign_facts,
)
from ledger.core.identifiers import canonical_path, item_key, key_key, party_key, party_path
from ledger.core.item_map import (
    Step,
    chain_head,
    chain_start,
    fact_keys,
    map_leaf,
    map_proof,
    map_root,
    value_of,
)
from ledger.core.jcs import canonical_json
from ledger.core.merkle import Levels, consistency_proof, leaf_hash, root_hash
from ledger.core.signatures import address_of, sign
from ledger.core.submission import (
    Signer,
    Submission,
    build_submission,
    doc_hash,
    format_submission,
    verify_submission,
)

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "vectors" / "format"
# Known to everyone: keys of examples, never of a log.
REGISTRAR_KEY, HEAD_KEY, PARTNER_KEY = (bytes([n]) * 32 for n in (1, 2, 3))
CHECKPOINT_KEY = Ed25519PrivateKey.from_private_bytes(bytes([4]) * 32)
PARTY_SECRET = bytes(range(32))
LOG = LogIdentity(
    origin="unbroken.example/log",
    head_signer=address_of(HEAD_KEY),
    registrar=address_of(REGISTRAR_KEY),
    checkpoint_key=CHECKPOINT_KEY.public_key().public_bytes_raw(),
    chain_id=31337,
    contract=bytes.fromhex("5fbdb2315678afecb367f032d93f642f64180aa3"),
)
NOW = 1_767_225_600_000  # 2026-01-01T00:00:00Z
IDENTIFIERS = [
    "urn:epc:id:sgtin:4012345.011111.1",
    "https://id.gs1.org/01/04012345111118/21/1",
    "https://shop.example/p/01/4012345111118/10/A/21/1?x=1",
    "urn:epc:id:sscc:4012345.0000000001",
    "urn:epc:class:lgtin:4012345.011111.A",
    "urn:uuid:6f1c2f0e-9a44-4b5e-8a1f-3d7a5c1b2e90",
]
PARTIES = [
    "urn:epc:id:pgln:4012345.00000",
    "https://id.gs1.org/414/0614141000005/254/7",
    "did:web:a",
]
DOCUMENT = b"""{
 "@context": ["https://ref.gs1.org/standards/epcis/epcis-context.jsonld", {"ex": "https://ex.example/"}],
 "type": "EPCISDocument", "schemaVersion": "2.0", "creationDate": "2026-01-01T00:00:00Z",
 "epcisBody": {"eventList": [
  {"type": "ObjectEvent", "action": "ADD", "bizStep": "commissioning",
   "eventTime": "2026-01-01T01:00:00.5+01:00", "eventTimeZoneOffset": "+01:00",
   "epcList": ["urn:epc:id:sgtin:4012345.011111.1", "urn:epc:id:sgtin:4012345.011111.2"],
   "ilmd": {"ex:a/b": 1e2, "cbvmda:lotNumber": "A"}, "sensorElementList": []},
  {"type": "AggregationEvent", "action": "OBSERVE",
   "bizStep": "https://ref.gs1.org/cbv/BizStep-shipping",
   "eventTime": "2026-01-02T00:00:00Z", "eventTimeZoneOffset": "+00:00",
   "parentID": "urn:epc:id:sscc:4012345.0000000001",
   "childEPCs": ["urn:epc:id:sgtin:4012345.011111.1"],
   "childQuantityList": [{"epcClass": "urn:epc:class:lgtin:4012345.011111.A", "quantity": 1}],
   "destinationList": [
    {"type": "owning_party", "destination": "https://id.gs1.org/417/0614141000005"}]}]}}
"""
SPENT_ROW, TOKEN = 2, bytes([5]) * 32
Json = dict[str, Any]


def names() -> Json:
    """Return the keys of items, parties and addresses."""
    address = address_of(PARTNER_KEY)
    return {
        "items": [
            {
                "identifier": i,
                "path": canonical_path(i),
                "item_key": item_key(canonical_path(i)).hex(),
            }
            for i in IDENTIFIERS
        ],
        "parties": [
            {"identifier": i, "path": party_path(i), "party": party_key(party_path(i)).hex()}
            for i in PARTIES
        ],
        "key": {
            "private_key": PARTNER_KEY.hex(),
            "address": address.hex(),
            "key_key": key_key(address).hex(),
        },
    }


def signer() -> Signer:
    """Return the partner of the examples."""
    party = party_key(party_path(PARTIES[0]))
    return Signer(private_key=PARTNER_KEY, party=party, party_secret=PARTY_SECRET)


def submission() -> Submission:
    """Return the signed document of the examples; its second event spends a token."""
    return build_submission(
        DOCUMENT, signer(), LOG.domain(), issued_at=NOW, spends={1: {SPENT_ROW: TOKEN}}
    )


def events() -> Json:
    """Return what the events of the document commit to."""
    listed = read_document(DOCUMENT).events
    spends: list[dict[int, bytes]] = [{}, {SPENT_ROW: TOKEN}]
    return {
        "document": DOCUMENT.decode(),
        "party_secret": PARTY_SECRET.hex(),
        "events": [_event(event, spent) for event, spent in zip(listed, spends, strict=True)],
    }


def _event(event: Json, spends: dict[int, bytes]) -> Json:
    digest = event_digest(event)
    secret = derive_event_secret(PARTY_SECRET, digest)
    items_secret = derive_items_secret(secret)
    made = commit(event, secret, spends)
    data, items = row_data(made.rows, secret), item_rows(made.items, items_secret, spends)
    return {
        "canonical": canonical_json(event).decode(),
        "digest": digest.hex(),
        "event_secret": secret.hex(),
        "rows": [
            {
                "salt": row_salt(secret, i).hex(),
                "pointer": row.pointer,
                "value": row.value.decode(),
                "leaf_hash": leaf_hash(data[i]).hex(),
            }
            for i, row in enumerate(made.rows)
        ],
        "event_root": made.event_root.hex(),
        "items_secret": items_secret.hex(),
        "items": [
            {
                "salt": item_salt(items_secret, i).hex(),
                "role": item.role,
                "path": item.path,
                "spends": spends.get(i, Z).hex(),
                "row": items[i].hex(),
            }
            for i, item in enumerate(made.items)
        ],
        "items_root": made.items_root.hex(),
    }


def facts() -> list[bytes]:
    """Return genesis, party and key entries in the order of the example's log."""
    partner, address = signer().party, address_of(PARTNER_KEY)
    proof = claim_key(PARTNER_KEY, LOG, partner, address)
    return [
        LOG.entry(NOW).encode(),
        clock(NOW, LOG.head_signer).encode(),
        party_added(NOW, LOG.registrar, party_path(PARTIES[0]), "Maker GmbH").encode(),
        key_added(NOW, LOG.registrar, partner, address, proof).encode(),
    ]


def entries() -> Json:
    """Return entries of the kinds that this version writes, with their leaf hashes."""
    genesis, clock_entry, party, key = facts()
    event = [one.entry for one in submission().events]
    revoked = key_revoked(NOW, LOG.registrar, signer().party, address_of(PARTNER_KEY), "lost")
    raw = {
        "genesis": genesis,
        "clock": clock_entry,
        "party": party,
        "key": key,
        "key_revoked": revoked.encode(),
        "commission": event[0],
        "handoff": event[1],
    }
    fields = decode_event(event[1])
    said = {name: getattr(fields, name) for name in type(fields).__slots__}
    return {
        "entries": {
            name: {"entry": one.hex(), "leaf_hash": entry_leaf_hash(one).hex()}
            for name, one in raw.items()
        },
        "handoff": {n: v.hex() if isinstance(v, bytes) else int(v) for n, v in said.items()},
    }


def submissions() -> Json:
    """Return the partner's submission and the registrar's, with what they sign."""
    sent, domain = submission(), LOG.domain()
    checked = verify_submission(sent, DOCUMENT, domain.log_id, domain.separator())
    registered = facts()[2:]
    return {
        "partner": {
            "separator": domain.separator().hex(),
            "log_id": domain.log_id.hex(),
            "entries_root": root_hash(checked.leaf_hashes).hex(),
            "count": len(checked.leaf_hashes),
            "doc_salt": sent.doc_salt.hex(),
            "doc_hash": doc_hash(sent.doc_salt, DOCUMENT).hex(),
            "issued_at": sent.issued_at,
            "digest": checked.digest.hex(),
            "signature": sent.signature.hex(),
            "part": format_submission(sent).decode(),
        },
        "registrar": {
            "digest": facts_digest(LOG, registered, NOW).hex(),
            "signature": sign_facts(REGISTRAR_KEY, LOG, registered, NOW).hex(),
        },
    }


def log() -> Json:
    """Return a log of six entries: its name, roots, proofs, and the head at its size."""
    tree = Levels()
    roots = []
    for entry in [*facts(), *(one.entry for one in submission().events)]:
        tree.append(entry_leaf_hash(entry))
        roots.append(tree.root().hex())
    size, root = tree.size, tree.root()
    digest = head_digest(LOG.log_id(), size, root, Z)
    text = checkpoint_text(LOG.origin, size, root)
    note = signed_note(LOG.origin, text, LOG.checkpoint_key, CHECKPOINT_KEY.sign(text))
    domain: SigningDomain = LOG.domain()
    return {
        "identity": LOG.entry(NOW).payload,
        "log_id": domain.log_id.hex(),
        "roots": roots,
        "inclusion": [[node.hex() for node in tree.inclusion_proof(i)] for i in range(size)],
        "consistency": [
            [node.hex() for node in consistency_proof(old, size, tree.read)]
            for old in range(1, size + 1)
        ],
        "head": {
            "size": size,
            "root": root.hex(),
            "map_root": Z.hex(),
            "digest": digest.hex(),
            "signature": sign(HEAD_KEY, digest).hex(),
        },
        "checkpoint": note.decode(),
    }


def evidence() -> Json:
    """Return the handoff of the example and another one of the same token, as evidence."""
    other = DOCUMENT.replace(b"0614141000005", b"0300011111116")
    handoffs = [_handoff(document) for document in (DOCUMENT, other)]
    spent = _event(read_document(DOCUMENT).events[1], {SPENT_ROW: TOKEN})["items"][SPENT_ROW]
    file = {
        "format": "unbroken/evidence/v1",
        "kind": "double_spend",
        "chain_id": LOG.chain_id,
        "contract": LOG.contract.hex(),
        "item": spent["path"],
        "spends": TOKEN.hex(),
        "handoffs": handoffs,
    }
    entries = [decode_event(bytes.fromhex(one["entry"])) for one in handoffs]
    return {
        "signer": entries[0].signer.hex(),
        "item": spent["path"],
        "item_key": item_key(spent["path"]).hex(),
        "spends": TOKEN.hex(),
        "handoffs": [
            {
                "leaf_hash": entry_leaf_hash(entry.encode()).hex(),
                "to_owner": entry.to_owner.hex(),
                "items_root": entry.items_root.hex(),
            }
            for entry in entries
        ],
        "file": canonical_json(file).decode(),
    }


def _handoff(document: bytes) -> Json:
    sent = build_submission(
        document, signer(), LOG.domain(), issued_at=NOW, spends={1: {SPENT_ROW: TOKEN}}
    )
    spent = _event(read_document(document).events[1], {SPENT_ROW: TOKEN})
    batch, rows = Levels(), Levels()
    batch.extend([entry_leaf_hash(one.entry) for one in sent.events])
    rows.extend([leaf_hash(bytes.fromhex(item["row"])) for item in spent["items"]])
    return {
        "log_id": LOG.log_id().hex(),
        "entry": sent.events[1].entry.hex(),
        "submission": {
            "count": batch.size,
            "position": 1,
            "path": [node.hex() for node in batch.inclusion_proof(1)],
            "issued_at": sent.issued_at,
            "doc_hash": doc_hash(sent.doc_salt, document).hex(),
            "signature": sent.signature.hex(),
        },
        "row": {
            "index": SPENT_ROW,
            "salt": spent["items"][SPENT_ROW]["salt"],
            "role": spent["items"][SPENT_ROW]["role"],
            "path": [node.hex() for node in rows.inclusion_proof(SPENT_ROW)],
        },
    }


def item_map() -> Json:
    """Return the item map of the example's log: every key's chain and path, and two absent keys."""
    chains: dict[bytes, list[Step]] = {}
    for index, entry in enumerate(facts()):
        for key in fact_keys(decode_fact(entry)):
            chains.setdefault(key, []).append((index, entry_leaf_hash(entry)))
    for index, (sent, event) in enumerate(
        zip(submission().events, events()["events"], strict=True), len(facts())
    ):
        for key in sorted({item_key(item["path"]) for item in event["items"]}):
            chains.setdefault(key, []).append((index, entry_leaf_hash(sent.entry)))
    values = {key: value_of(key, steps) for key, steps in chains.items()}
    absent = [item_key(f"/01/04012345111118/21/{serial}") for serial in ("never", 3)]
    digest = head_digest(LOG.log_id(), len(facts()) + 2, _log_root(), map_root(values))
    return {
        "keys": [_mapped(key, chains[key], values) for key in chains],
        "absent": [_path(key, values) for key in absent],
        "map_root": map_root(values).hex(),
        "head_digest": digest.hex(),
    }


def _mapped(key: bytes, steps: list[Step], values: dict[bytes, bytes]) -> Json:
    heads = [chain_head(chain_start(key), steps[:count]) for count in range(len(steps) + 1)]
    return {
        **_path(key, values),
        "chain_start": heads[0].hex(),
        "steps": [
            {"index": index, "leaf_hash": leaf.hex(), "head": head.hex()}
            for (index, leaf), head in zip(steps, heads[1:], strict=True)
        ],
        "value": values[key].hex(),
        "leaf": map_leaf(key, values[key]).hex(),
    }


def _path(key: bytes, values: dict[bytes, bytes]) -> Json:
    siblings, terminal = map_proof(values, key)
    ends = terminal and {"key": terminal[0].hex(), "value": terminal[1].hex()}
    return {"key": key.hex(), "siblings": [one.hex() for one in siblings], "terminal": ends}


def _log_root() -> bytes:
    logged = [*facts(), *(one.entry for one in submission().events)]
    return root_hash([entry_leaf_hash(entry) for entry in logged])


FILES = {
    "names.json": names,
    "events.json": events,
    "entries.json": entries,
    "submissions.json": submissions,
    "log.json": log,
    "item_map.json": item_map,
    "evidence.json": evidence,
}


def main() -> int:
    """Write the files, or with --check compare them; 1 when one differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check = parser.parse_args().check
    FOLDER.mkdir(parents=True, exist_ok=True)
    stale = []
    for name, build in FILES.items():
        built, path = orjson.dumps(build(), option=orjson.OPT_INDENT_2) + b"\n", FOLDER / name
        if not check:
            path.write_bytes(built)
        elif not path.is_file() or path.read_bytes() != built:
            stale.append(name)
    for name in stale:
        print(f"tests/vectors/format/{name} is not what the ledger makes")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
