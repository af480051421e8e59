"""A small log and its bundles, written from docs/spec apart from ledger and verifier.

EIP-712 comes from eth-account, trees are the recursive definition of RFC 9162, canonical paths are
written out by hand.
"""

import hmac
import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, TypedDict, Unpack

from eth_account import Account
from eth_account.messages import encode_typed_data

from tests.verifier import map_maker

Z = bytes(32)
ORIGIN = "log.example/unbroken"
CHAIN_ID = 31337
CONTRACT = bytes.fromhex("5fbdb2315678afecb367f032d93f642f64180aa3")
CHECKPOINT_KEY = bytes(range(32))
T0 = 1_767_225_600_000  # 2026-01-01T00:00:00Z
DOCUMENT_HASH = sha256(b"a document").digest()

COMMISSION, OBSERVE, HANDOFF, RECEIVE, PACK, UNPACK, VOID = 1, 2, 3, 4, 5, 6, 11

PACK_A, PACK_B, CASE, PALLET = (
    ("urn:epc:id:sgtin:4012345.011111.1", "/01/04012345111118/21/1"),
    ("urn:epc:id:sgtin:4012345.011111.2", "/01/04012345111118/21/2"),
    ("urn:epc:id:sscc:0614141.0000000001", "/00/006141410000000012"),
    ("urn:epc:id:sscc:030001.11000002201", "/00/103000110000022013"),
)
PATHS = dict([PACK_A, PACK_B, CASE, PALLET])
SPLIT = {"epcList": 0, "childEPCs": 2, "inputEPCList": 3, "outputEPCList": 4}
LISTS = {*SPLIT, "sourceList", "destinationList", "bizTransactionList"}

Json = dict[str, Any]


def canonical(value: object) -> bytes:
    """JCS of values without fractions and with ASCII names."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def leaf_hash(data: bytes) -> bytes:
    return sha256(b"\x00" + data).digest()


def root_of(leaves: list[bytes]) -> bytes:
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"").digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01" + root_of(leaves[:split]) + root_of(leaves[split:])).digest()


def path_of(index: int, leaves: list[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if index < split:
        return [*path_of(index, leaves[:split]), root_of(leaves[split:])]
    return [*path_of(index - split, leaves[split:]), root_of(leaves[:split])]


def gln_path(gln: str) -> str:
    return f"/417/{gln}"


def party_of(gln: str) -> bytes:
    return sha256(b"unbroken/party/v1\x00" + gln_path(gln).encode()).digest()


def key_key_of(address: bytes) -> bytes:
    return sha256(b"unbroken/key/v1\x00" + address).digest()


def key_of(path: str) -> bytes:
    return sha256(b"unbroken/item/v1\x00" + path.encode()).digest()


@dataclass(frozen=True)
class Key:
    """A test key; `seed` 1 to 255."""

    seed: int

    @property
    def address(self) -> bytes:
        return bytes.fromhex(Account.from_key(bytes([self.seed]) * 32).address[2:])

    def sign(self, types: Json, domain: Json, message: Json) -> bytes:
        signable = encode_typed_data(domain, types, message)
        return bytes(Account.sign_message(signable, bytes([self.seed]) * 32).signature)


REGISTRAR, HEAD_KEY = Key(1), Key(2)
SUBMISSION = {
    "Submission": [
        {"name": "logId", "type": "bytes32"},
        {"name": "entriesRoot", "type": "bytes32"},
        {"name": "count", "type": "uint32"},
        {"name": "docHash", "type": "bytes32"},
        {"name": "issuedAt", "type": "uint64"},
    ]
}
KEY_CLAIM = {
    "KeyClaim": [
        {"name": "logId", "type": "bytes32"},
        {"name": "party", "type": "bytes32"},
        {"name": "key", "type": "address"},
    ]
}
HEAD = {
    "Head": [
        {"name": "logId", "type": "bytes32"},
        {"name": "size", "type": "uint64"},
        {"name": "root", "type": "bytes32"},
        {"name": "mapRoot", "type": "bytes32"},
    ]
}
DOMAIN = {
    "name": "Unbroken",
    "version": "1",
    "chainId": CHAIN_ID,
    "verifyingContract": "0x" + CONTRACT.hex(),
}


def rows_of(event: Json) -> list[tuple[str, str]]:
    """(pointer, value) by docs/spec/event.md, in order."""
    rows = []
    for name, value in event.items():
        if name in LISTS and value:
            rows += [(f"/{name}/{n}", canonical(one).decode()) for n, one in enumerate(value)]
        else:
            rows.append((f"/{name}", canonical(value).decode()))
    return sorted(rows, key=lambda row: row[0].encode())


def items_of(event: Json) -> list[tuple[bytes, int, str]]:
    """(item_key, role, path) by docs/spec/event.md, in order."""
    named = {(role, epc) for name, role in SPLIT.items() for epc in event.get(name, [])}
    if "parentID" in event:
        named.add((1, event["parentID"]))
    return sorted((key_of(PATHS[epc]), role, PATHS[epc]) for role, epc in named)


def event_of(at: int, kind: str, action: str, step: str, **members: object) -> Json:
    """A bare event `at` seconds after 2026-01-01T00:00:00Z."""
    time = f"2026-01-01T{at // 3600:02}:{at // 60 % 60:02}:{at % 60:02}Z"
    return {"type": kind, "action": action, "bizStep": step, "eventTime": time, **members}


def to_owner(gln: str) -> list[Json]:
    return [{"type": "owning_party", "destination": f"https://id.gs1.org/417/{gln}"}]


class Changes(TypedDict, total=False):
    """Entry fields of an event, and commitments that are not the event's."""

    flags: int
    time: int
    on_behalf_of: bytes
    to_owner: bytes
    to_possessor: bytes
    refers: bytes
    spends: bytes
    items: list[tuple[bytes, int, str]]
    rows: list[tuple[str, str]]
    signed_by: Key


@dataclass
class Written:
    """One event entry and what was committed in it."""

    index: int
    rows: list[tuple[str, str]]
    items: list[tuple[bytes, int, str]]
    secret: bytes
    spends: bytes = Z

    def row_salt(self, n: int) -> bytes:
        return sha256(self.secret + b"unbroken/rows/v1\x00" + n.to_bytes(4, "big")).digest()[:16]

    def item_salt(self, n: int) -> bytes:
        items_secret = sha256(self.secret + b"unbroken/items/v1\x00").digest()
        return sha256(items_secret + n.to_bytes(4, "big")).digest()[:16]

    def row_leaves(self) -> list[bytes]:
        return [
            leaf_hash(
                b"URW1"
                + self.row_salt(n)
                + len(pointer.encode()).to_bytes(2, "big")
                + pointer.encode()
                + value.encode()
            )
            for n, (pointer, value) in enumerate(self.rows)
        ]

    def item_leaves(self) -> list[bytes]:
        return [
            leaf_hash(b"UIR1" + self.item_salt(n) + bytes([role]) + key + self.spends)
            for n, (key, role, _) in enumerate(self.items)
        ]


@dataclass
class Log:
    """A log that does what it is told, wrong things included."""

    head_key: Key = HEAD_KEY
    registrar: Key = REGISTRAR
    entries: list[bytes] = field(default_factory=list)
    submissions: list[Json | None] = field(default_factory=list)
    events: list[Written] = field(default_factory=list)
    facts: list[int] = field(default_factory=list)
    names: dict[bytes, set[bytes]] = field(default_factory=dict)

    @property
    def log_id(self) -> bytes:
        origin = ORIGIN.encode()
        return sha256(
            b"unbroken/log/v1\x00"
            + len(origin).to_bytes(2, "big")
            + origin
            + self.head_key.address
            + self.registrar.address
            + CHECKPOINT_KEY
        ).digest()

    def append(self, entry: bytes, key: Key | None, doc_hash: bytes = Z) -> int:
        """Logs an entry with a submission of its own by `key`."""
        submission = None
        if key is not None:
            message = {
                "logId": self.log_id,
                "entriesRoot": leaf_hash(entry),
                "count": 1,
                "docHash": doc_hash,
                "issuedAt": T0,
            }
            submission = {
                "count": 1,
                "position": 0,
                "path": [],
                "issued_at": T0,
                "signature": key.sign(SUBMISSION, DOMAIN, message).hex(),
            }
            if doc_hash != Z:
                submission["doc_hash"] = doc_hash.hex()
        self.entries.append(entry)
        self.submissions.append(submission)
        return len(self.entries) - 1

    def fact(self, kind: int, party: bytes, payload: Json, by: Key | None = None) -> int:
        key = by or self.registrar
        text = canonical(payload)
        time = (T0 + len(self.entries)).to_bytes(8, "big")  # a fact said again is another entry
        head = b"UBE1" + bytes([kind, 0, 0, 0]) + time + key.address + party
        entry = head + len(text).to_bytes(2, "big") + text
        self.names[entry] = {party} - {Z}
        if kind == 4 and "address" in payload:
            self.names[entry].add(key_key_of(bytes.fromhex(payload["address"])))
        if kind == 6:
            self.names[entry] = set(self.names[self.entries[payload["index"]]])
        index = self.append(entry, key)
        self.facts.append(index)
        return index

    def genesis(self, **changes: object) -> int:
        payload = {
            "chain_id": CHAIN_ID,
            "checkpoint_key": CHECKPOINT_KEY.hex(),
            "contract": CONTRACT.hex(),
            "head_signer": self.head_key.address.hex(),
            "origin": ORIGIN,
            "registrar": self.registrar.address.hex(),
            **changes,
        }
        return self.fact(2, Z, payload)

    def add_party(self, gln: str, **changes: object) -> int:
        path = gln_path(gln)
        payload = {"fact": "add", "name": "P", "path": path, **changes}
        return self.fact(3, party_of(gln), payload)

    def add_key(self, gln: str, key: Key, proof_by: Key | None = None) -> int:
        message = {
            "logId": self.log_id,
            "party": party_of(gln),
            "key": "0x" + key.address.hex(),
        }
        proof = (proof_by or key).sign(KEY_CLAIM, DOMAIN, message).hex()
        payload = {"fact": "add", "address": key.address.hex(), "proof": proof}
        return self.fact(4, party_of(gln), payload)

    def revoke(self, gln: str, key: Key) -> int:
        payload = {"fact": "revoke", "address": key.address.hex(), "reason": "lost"}
        return self.fact(4, party_of(gln), payload)

    def rotate_registrar(self, key: Key, proof_by: Key | None = None) -> int:
        message = {"logId": self.log_id, "party": Z, "key": "0x" + key.address.hex()}
        proof = (proof_by or key).sign(KEY_CLAIM, DOMAIN, message).hex()
        return self.fact(5, Z, {"registrar": key.address.hex(), "proof": proof})

    def erase(self, written: Written, by: Key | None = None) -> int:
        return self.fact(6, Z, {"index": written.index, "legal_basis": "court order 7"}, by)

    def clock(self) -> int:
        head = b"UBE1" + bytes([10, 0, 0, 0]) + T0.to_bytes(8, "big") + self.head_key.address
        return self.append(head + Z + b"\x00\x02{}", None)

    def write(
        self, gln: str, key: Key, event: Json, op: int, **changes: Unpack[Changes]
    ) -> Written:
        """Logs an event. `changes`: entry fields, or `items` and `rows` to commit instead."""
        secret = hmac.digest(b"\x07" * 32, b"unbroken/event/v1\x00" + canonical(event), "sha256")
        written = Written(
            index=-1,
            rows=changes.get("rows", rows_of(event)),
            items=changes.get("items", items_of(event)),
            secret=secret,
            spends=changes.get("spends", Z),
        )
        hour, minute, second = (int(event["eventTime"][n : n + 2]) for n in (11, 14, 17))
        time = T0 + 1000 * (3600 * hour + 60 * minute + second)
        row_leaves, item_leaves = written.row_leaves(), written.item_leaves()
        entry = (
            b"UBE1"
            + bytes([1, op, changes.get("flags", 0), 0])
            + changes.get("time", time).to_bytes(8, "big")
            + key.address
            + party_of(gln)
            + changes.get("on_behalf_of", party_of(gln))
            + changes.get("to_owner", Z)
            + changes.get("to_possessor", Z)
            + changes.get("refers", Z)
            + len(row_leaves).to_bytes(4, "big")
            + root_of(row_leaves)
            + len(item_leaves).to_bytes(4, "big")
            + (root_of(item_leaves) if item_leaves else Z)
        )
        self.names[entry] = {key for key, _, _ in written.items}
        written.index = self.append(entry, changes.get("signed_by", key), DOCUMENT_HASH)
        self.events.append(written)
        return written

    def proved(self, index: int) -> Json:
        leaves = [leaf_hash(entry) for entry in self.entries]
        return {
            "index": index,
            "entry": self.entries[index].hex(),
            "inclusion": [one.hex() for one in path_of(index, leaves)],
            "submission": self.submissions[index],
        }

    def disclosed(self, written: Written, paths: set[str]) -> Json:
        row_leaves, item_leaves = written.row_leaves(), written.item_leaves()
        rows = [
            {
                "index": n,
                "salt": written.row_salt(n).hex(),
                "pointer": pointer,
                "value": value,
                "path": [one.hex() for one in path_of(n, row_leaves)],
            }
            for n, (pointer, value) in enumerate(written.rows)
            if PATHS.get(value.strip('"'), "") in {"", *paths}
        ]
        items = [
            {
                "index": n,
                "salt": written.item_salt(n).hex(),
                "role": role,
                "item": path,
                "path": [one.hex() for one in path_of(n, item_leaves)],
                **({"spends": written.spends.hex()} if written.spends != Z else {}),
            }
            for n, (_, role, path) in enumerate(written.items)
            if path in paths
        ]
        return {**self.proved(written.index), "rows": rows, "items": items}

    def leaves(self) -> list[bytes]:
        return [leaf_hash(entry) for entry in self.entries]

    def chain_of(self, key: bytes) -> list[int]:
        return [n for n, entry in enumerate(self.entries) if key in self.names.get(entry, ())]

    def map(self) -> map_maker.Map:
        keys = set().union(*(self.names.get(entry, set()) for entry in self.entries))
        leaves = self.leaves()
        return {
            key: map_maker.value_of(key, [(n, leaves[n]) for n in self.chain_of(key)])
            for key in keys
        }

    def chain(self, key: bytes) -> Json:
        siblings, _ = map_maker.path_of(self.map(), key)
        return {
            "key": key.hex(),
            "indexes": self.chain_of(key),
            "siblings": [one.hex() for one in siblings],
        }

    def head(self, by: Key | None = None) -> Json:
        root, map_root = root_of(self.leaves()), map_maker.root_of(self.map())
        size = len(self.entries)
        message = {"logId": self.log_id, "size": size, "root": root, "mapRoot": map_root}
        domain = {"name": "Unbroken Log", "version": "1"}
        return {
            "size": size,
            "root": root.hex(),
            "map_root": map_root.hex(),
            "signature": (by or self.head_key).sign(HEAD, domain, message).hex(),
        }

    def signers(self, events: list[Written]) -> set[bytes]:
        """Keys of the map of the parties and addresses that sign these."""
        entries = [self.entries[one.index] for one in events]
        return {e[36:68] for e in entries} | {key_key_of(e[16:36]) for e in entries}

    def facts_about(self, keys: set[bytes]) -> list[int]:
        """Genesis, rotations, and the facts in these chains."""
        about = {n for key in keys for n in self.chain_of(key)}
        return [n for n in self.facts if n in about or self.entries[n][4] in {2, 5}]

    def bundle(
        self,
        item: str,
        containers: list[str],
        events: list[Written] | None = None,
        facts: list[int] | None = None,
        head_by: Key | None = None,
    ) -> Json:
        """The evidence of an item, from the events given (all by default).

        What else is in its own chain is blinded, what else is in a container's is outside.
        """
        paths = {item, *containers}
        events = self.events if events is None else events
        keys = {key_of(path) for path in paths} | self.signers(events)
        facts = self.facts_about(keys) if facts is None else facts
        shown = {*facts, *(one.index for one in events)}
        rest = {n for path in paths for n in self.chain_of(key_of(path))} - shown
        own = set(self.chain_of(key_of(item)))
        lists: Json = {
            "containers": sorted(containers),
            "outside": [{"index": n, "entry": self.entries[n].hex()} for n in sorted(rest - own)],
            "blinded": [
                {"index": n, "leaf_hash": leaf_hash(self.entries[n]).hex()}
                for n in sorted(rest & own)
            ],
        }
        return {
            "format": "unbroken/bundle/v2",
            "item": item,
            "head": self.head(head_by),
            "chains": [self.chain(key) for key in sorted(keys) if self.chain_of(key)],
            "facts": [self.proved(n) for n in facts],
            "events": [self.disclosed(one, paths) for one in events],
            **{name: value for name, value in lists.items() if value},
        }

    def disclosure(self, written: Written, paths: set[str], pointers: set[str]) -> Json:
        """Chosen rows of an event: those of these paths, and those whose pointers are given."""
        keys = self.signers([written])
        event = self.disclosed(written, paths)
        event["rows"] = [
            row for row in event["rows"]
            if row["pointer"] in pointers or row["value"].strip('"') in PATHS
        ]  # fmt: skip
        return {
            "format": "unbroken/disclosure/v1",
            "head": self.head(),
            "chains": [self.chain(key) for key in sorted(keys)],
            "facts": [self.proved(n) for n in self.facts_about(keys)],
            "events": [event],
        }

    def absence(self, item: str) -> Json:
        """No entry names the item: also if one does."""
        siblings, terminal = map_maker.path_of(self.map(), key_of(item))
        proof: Json = {
            "format": "unbroken/absence/v1",
            "item": item,
            "head": self.head(),
            "facts": [self.proved(0)],
            "siblings": [one.hex() for one in siblings],
        }
        for key, value in terminal.items():
            proof["terminal"] = {"key": key.hex(), "value": value.hex()}
        return proof
