"""Gas of the evidence contract, as real transactions pay it: calldata, 21,000 and all.

A double sale: the pack is the last of an event of so many packs, and the event the last of a
submission of EVENTS; each by a key of its own, since a second conviction writes nothing. A fork:
two signed heads with the longest proof there is at that size. Leaves are all equal, as in
`benchmarks.gas`; nothing here varies, so one transaction each is exact.
"""

import hashlib
from typing import Protocol

from ledger.chain.artifacts import SignedTransaction
from ledger.chain.client import FULL_TRANSACTIONS, ChainClient
from ledger.chain.evidence_contract import EvidenceContract, deploy
from ledger.core.eip712 import SigningDomain, head_digest, submission_digest
from ledger.core.entries import EventEntry, Op, Z, entry_leaf_hash
from ledger.core.evidence_files import DoubleSpend, HeadConflict, SignedHandoff, SignedHead
from ledger.core.identifiers import item_key
from ledger.core.merkle import Levels, leaf_hash
from ledger.core.signatures import address_of, sign
from ledger.core.tokens import hold_token

PATH = "/01/04012345111118/21/987"
PACKS = (1, 100, 5_000)
EVENTS = 100
_STRANGER = leaf_hash(b"unbroken/gas")
_SALT = bytes(range(16))


class Tree(Protocol):
    """A tree of any size."""

    def root(self, size: int) -> bytes:
        """Return the root at a size."""
        ...

    def proof(self, old: int, new: int) -> list[bytes]:
        """Return the consistency proof."""
        ...


class Ground(Protocol):
    """What `benchmarks.gas` opens logs with."""

    payer: bytes
    signer: bytes
    tree: Tree
    client: ChainClient

    def open_log(self, size: int) -> tuple[bytes, bytes]:
        """Open a log of a size; return its id and the anchor contract."""
        ...

    def gas(self, signed: SignedTransaction) -> int:
        """Send a transaction; return its gas."""
        ...


def evidence_figures(ground: Ground, pairs: dict[str, tuple[int, int]]) -> dict[str, object]:
    """Return the figures of double sales, of forks at pairs of sizes, and of two heads."""
    contract = EvidenceContract(ground.client, deploy(ground.client, ground.payer))
    latest = ground.client.rpc("eth_getBlockByNumber", "latest", FULL_TRANSACTIONS)
    prove = _Prover(ground, contract)
    return {
        "deploy": int(latest["gasUsed"], 16),
        "double_spend": {f"{packs} packs": prove.double_spend(packs) for packs in PACKS},
        "events": EVENTS,
        "fork": {name: prove.fork(*pair) for name, pair in pairs.items()},
        "two_heads": prove.two_heads(),
    }


class _Prover:
    def __init__(self, ground: Ground, contract: EvidenceContract) -> None:
        self._ground, self._contract = ground, contract
        self._domain = SigningDomain(log_id=b"\x01" * 32, chain_id=1, contract=b"\x02" * 20)

    def double_spend(self, packs: int) -> int:
        """Convict a key of its own; return the gas."""
        key = hashlib.sha256(b"gas" + packs.to_bytes(4, "big")).digest()
        token = hold_token(item_key(PATH), Z)
        one, two = (self._handoff(key, owner, token, packs) for owner in (b"\x03", b"\x04"))
        claim = DoubleSpend(
            chain_id=1, contract=self._domain.contract, item=PATH, spends=token,
            handoffs=(one, two),
        )  # fmt: skip
        return self._gas(claim)

    def fork(self, old: int, new: int) -> dict[str, int]:
        """Convict a log of its own; return the gas and how many hashes the proof has."""
        log_id, anchor = self._ground.open_log(1)
        tree = self._ground.tree
        heads = (self._head(log_id, old, _STRANGER), self._head(log_id, new, tree.root(new)))
        proof = tree.proof(old, new)
        claim = HeadConflict(log_id=log_id, heads=heads, root=tree.root(old), proof=proof)
        return {"gas": self._gas(claim, anchor), "proof_length": len(proof)}

    def two_heads(self) -> int:
        """Convict a log of its own; return the gas."""
        log_id, anchor = self._ground.open_log(1)
        heads = (self._head(log_id, 9, _STRANGER), self._head(log_id, 9, leaf_hash(b"other")))
        return self._gas(HeadConflict(log_id=log_id, heads=heads), anchor)

    def _gas(self, claim: DoubleSpend | HeadConflict, anchor: bytes = b"") -> int:
        signed = self._contract.sign_proof(self._ground.payer, claim, anchor)
        return self._ground.gas(signed)

    def _head(self, log_id: bytes, size: int, root: bytes) -> SignedHead:
        map_root = hashlib.sha256(b"map" + size.to_bytes(8, "big")).digest()
        signature = sign(self._ground.signer, head_digest(log_id, size, root, map_root))
        return SignedHead(size=size, root=root, map_root=map_root, signature=signature)

    def _handoff(self, key: bytes, owner: bytes, token: bytes, packs: int) -> SignedHandoff:
        row = b"UIR1" + _SALT + bytes(1) + item_key(PATH) + token
        items_root, row_path = _last_of(packs, leaf_hash(row))
        entry = EventEntry(
            op=Op.HANDOFF, flags=0, time_ms=1, signer=address_of(key), party=b"\x05" * 32,
            on_behalf_of=b"\x05" * 32, to_owner=owner * 32, to_possessor=Z, refers=Z, row_count=1,
            event_root=_STRANGER, item_count=packs, items_root=items_root,
        ).encode()  # fmt: skip
        root, path = _last_of(EVENTS, entry_leaf_hash(entry))
        domain = self._domain
        digest = submission_digest(
            domain.separator(), domain.log_id, root, EVENTS, _STRANGER, issued_at=1
        )
        return SignedHandoff(
            log_id=domain.log_id, entry=entry, count=EVENTS, position=EVENTS - 1, path=path,
            issued_at=1, doc_hash=_STRANGER, signature=sign(key, digest), row_index=packs - 1,
            salt=_SALT, role=0, row_path=row_path,
        )  # fmt: skip


def _last_of(size: int, leaf: bytes) -> tuple[bytes, list[bytes]]:
    """Return the root of a tree whose last leaf is given, and that leaf's path."""
    tree = Levels()
    tree.extend([_STRANGER] * (size - 1) + [leaf])
    return tree.root(), [bytes(node) for node in tree.inclusion_proof(size - 1)]
