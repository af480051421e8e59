"""Files of evidence against a key or a log, and the heads that one is made of (evidence.md).

Readers here are the sender's side: what they let by, the verifier and the contract judge anew.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from ledger.core.entries import Z, decode_fact
from ledger.core.errors import LedgerError, MalformedError, ProofError
from ledger.core.facts import LogIdentity, fact_bytes, parse_identity
from ledger.core.jcs import canonical_json
from ledger.core.merkle import (
    Frontier,
    ReadNode,
    consistency_proof,
    range_nodes,
    verify_consistency,
)
from ledger.core.strict_json import JsonValue, parse_json

FORMAT = "unbroken/evidence/v1"
DOUBLE_SPEND, TWO_HEADS, FORK, OMISSION = "double_spend", "two_heads", "fork", "omission"
_FIELD = "evidence"
# The last role in which a token is spent: a child.
_LAST_ROLE = 2
_U32, _U64 = 2**32 - 1, 2**64 - 1
Members = dict[str, JsonValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedHead:
    """A head with its signature; map_root is Z for "no map"."""

    size: int
    root: bytes
    map_root: bytes
    signature: bytes

    def members(self) -> Members:
        """Return the head as files have it."""
        shown: Members = {
            "size": self.size, "root": self.root.hex(), "signature": self.signature.hex(),
        }  # fmt: skip
        return shown if self.map_root == Z else {**shown, "map_root": self.map_root.hex()}


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedHandoff:
    """One signed handoff, and the row in which it names the item."""

    log_id: bytes
    entry: bytes
    count: int
    position: int
    path: Sequence[bytes]
    issued_at: int
    doc_hash: bytes
    signature: bytes
    row_index: int
    salt: bytes
    role: int
    row_path: Sequence[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubleSpend:
    """Two handoffs of one item with one token."""

    chain_id: int
    contract: bytes
    item: str
    spends: bytes
    handoffs: tuple[SignedHandoff, SignedHandoff]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadConflict:
    """Two heads of a log that contradict each other, the older first.

    `root` is the newer tree's root at the older size and proof leads from there to the newer head;
    None, and nothing, for two heads of one size.
    """

    log_id: bytes
    heads: tuple[SignedHead, SignedHead]
    root: bytes | None = None
    proof: Sequence[bytes] = ()

    def encode(self, identity: LogIdentity) -> bytes:
        """Return the file; with what the log's id commits to, so that it says whose head it is."""
        members: Members = {
            "format": FORMAT,
            "kind": TWO_HEADS if self.root is None else FORK,
            "log_id": self.log_id.hex(),
            "identity": {
                "checkpoint_key": identity.checkpoint_key.hex(),
                "head_signer": identity.head_signer.hex(),
                "origin": identity.origin,
                "registrar": identity.registrar.hex(),
            },
            "heads": [head.members() for head in self.heads],
        }
        if self.root is not None:
            members |= {"root": self.root.hex(), "proof": [node.hex() for node in self.proof]}
        return canonical_json(members)


def parse_evidence(raw: bytes) -> DoubleSpend | HeadConflict:
    """Read a file of evidence that the contract takes; it takes no omission.

    Raises:
        MalformedError: It is none of these, or has another shape.
    """
    value = parse_json(raw)
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise MalformedError(_FIELD, f"is a file of format {FORMAT}")
    try:
        if value["kind"] == DOUBLE_SPEND:
            return _double_spend(value)
        if value["kind"] == OMISSION:
            raise MalformedError("kind", "is one that a contract takes", OMISSION)
        heads = [_head(one) for one in _list(value, "heads", 2)]
        fork = value["kind"] == FORK
        return HeadConflict(
            log_id=_log_id(value),
            heads=(heads[0], heads[1]),
            root=fact_bytes(value, "root", 32) if fork else None,
            proof=_hashes(value, "proof") if fork else (),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedError(_FIELD, f"has the members of its kind: {error!r}") from error


def read_head(raw: bytes) -> tuple[bytes, SignedHead]:
    """Return logId and head of a file that shows a signed head.

    That is any file with `head` and the genesis entry among its `facts`, as bundles are, or
    `{"log_id": …, "head": …}`.

    Raises:
        MalformedError: It shows none.
    """
    try:
        members = _object(parse_json(raw))
        head = _head(members["head"])
        if "log_id" in members:
            return fact_bytes(members, "log_id", 32), head
        return _genesis(members).log_id(), head
    except (KeyError, TypeError, ValueError, LedgerError) as error:
        rule = "shows a signed head: a bundle, or an object of log_id and head"
        raise MalformedError("head", f"{rule} ({error!r})") from error


def read_identity(raw: bytes) -> LogIdentity | None:
    """Return what the genesis entry of a file says that `read_head` took; None without one."""
    members = _object(parse_json(raw))
    return _genesis(members) if "facts" in members else None


def _genesis(members: Members) -> LogIdentity:
    (genesis, *_) = cast("list[Members]", members["facts"])
    # Facts of other kinds have other members.
    fact = decode_fact(bytes.fromhex(cast("str", genesis["entry"])))
    return parse_identity(fact.payload)


def head_conflict(
    log_id: bytes, one: SignedHead, two: SignedHead, tree_at: Callable[[int], ReadNode]
) -> HeadConflict:
    """Return how two heads of a log contradict each other.

    Args:
        log_id: The log of both.
        one: A head.
        two: Another.
        tree_at: Returns the node reader of the log's tree at a size, as it is served now.

    Raises:
        MalformedError: They do not contradict each other.
        ProofError: The newer head is not of the tree that is served: it cannot be shown here.
    """
    older, newer = sorted((one, two), key=lambda head: head.size)
    if older.size == newer.size:
        if (older.root, older.map_root) == (newer.root, newer.map_root):
            raise MalformedError("heads", "differ", older.root.hex())
        return HeadConflict(log_id=log_id, heads=(older, newer))
    read = tree_at(newer.size)
    peaks = [read(*node) for node in range_nodes(0, older.size)]
    root = bytes(Frontier(older.size, peaks).root())
    proof = consistency_proof(older.size, newer.size, read)
    try:
        verify_consistency(
            old=older.size, new=newer.size, old_root=root, new_root=newer.root, proof=proof
        )
    except ProofError as error:
        raise ProofError(
            f"the head of size {newer.size} is not of the tree that this ledger serves: ask one"
            " that serves it"
        ) from error
    if root == older.root:
        raise MalformedError(
            "heads", f"contradict each other: the newer contains the {older.size} entries of the"
            " older", root.hex(),
        )  # fmt: skip
    return HeadConflict(log_id=log_id, heads=(older, newer), root=root, proof=proof)


def _double_spend(value: Members) -> DoubleSpend:
    one, two = (_handoff(handoff) for handoff in _list(value, "handoffs", 2))
    return DoubleSpend(
        chain_id=_number(value, "chain_id", _U64),
        contract=fact_bytes(value, "contract", 20),
        item=cast("str", value["item"]),
        spends=fact_bytes(value, "spends", 32),
        handoffs=(one, two),
    )


def _handoff(value: JsonValue) -> SignedHandoff:
    members = _object(value)
    submission, row = _object(members["submission"]), _object(members["row"])
    return SignedHandoff(
        log_id=fact_bytes(members, "log_id", 32),
        entry=bytes.fromhex(cast("str", members["entry"])),
        count=_number(submission, "count"),
        position=_number(submission, "position"),
        path=_hashes(submission, "path"),
        issued_at=_number(submission, "issued_at", _U64),
        doc_hash=fact_bytes(submission, "doc_hash", 32) if "doc_hash" in submission else Z,
        signature=bytes.fromhex(cast("str", submission["signature"])),
        row_index=_number(row, "index"),
        salt=fact_bytes(row, "salt", 16),
        role=_number(row, "role", _LAST_ROLE),
        row_path=_hashes(row, "path"),
    )


def _log_id(value: Members) -> bytes:
    """Return the log of two heads, whose head signer the file names."""
    log_id, members = fact_bytes(value, "log_id", 32), _object(value["identity"])
    # What an id commits to is all but the log's home.
    identity = parse_identity({**members, "chain_id": 0, "contract": bytes(20).hex()})
    if identity.log_id() != log_id:
        raise MalformedError("identity", "is what log_id is made of", log_id.hex())
    return log_id


def _head(value: JsonValue) -> SignedHead:
    members = _object(value)
    return SignedHead(
        size=_number(members, "size", _U64),
        root=fact_bytes(members, "root", 32),
        map_root=fact_bytes(members, "map_root", 32) if "map_root" in members else Z,
        signature=bytes.fromhex(cast("str", members["signature"])),
    )


def _object(value: JsonValue) -> Members:
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return value


def _list(members: Members, name: str, length: int) -> list[JsonValue]:
    value = members[name]
    if not isinstance(value, list) or len(value) != length:
        raise TypeError(f"{name} has not {length} elements")
    return value


def _number(members: Members, name: str, most: int = _U32) -> int:
    value = members[name]
    if not isinstance(value, int) or not 0 <= value <= most:
        raise TypeError(f"{name} is no number from 0 to {most}")
    return value


def _hashes(members: Members, name: str) -> list[bytes]:
    value = members[name]
    if not isinstance(value, list):
        raise TypeError(f"{name} is no list")
    return [fact_bytes({name: one}, name, 32) for one in value]
