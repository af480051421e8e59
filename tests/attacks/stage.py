"""What the operator has: every key but those of partners, the database's superuser, the wallet.

And what others have against him: a verifier with the chain, evidence from before, the contracts.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy import Connection, text
from unbroken_verifier.errors import StepError
from unbroken_verifier.jsonrpc import HttpRpc
from unbroken_verifier.policy import Policy
from unbroken_verifier.report import Report
from unbroken_verifier.steps import verify_bundle

from ledger.bootstrap import HEAD_KEY, Node, open_chain, own_devnet, wallet_key
from ledger.chain.anchor_contract import AnchorContract, OnChainHead
from ledger.chain.errors import ContractRejectedError
from ledger.chain.evidence_contract import EvidenceContract, deploy
from ledger.clock import now_ms
from ledger.core.eip712 import head_digest, submission_digest
from ledger.core.entries import entry_leaf_hash
from ledger.core.evidence_files import (
    HeadConflict,
    SignedHead,
    head_conflict,
    parse_evidence,
    read_head,
)
from ledger.core.merkle import ReadNode, consistency_proof, root_hash
from ledger.core.signatures import address_of, sign
from ledger.core.strict_json import parse_json
from ledger.core.submission import Signer, build_submission, doc_hash, format_submission
from ledger.core.tiles import TileReader
from ledger.service.ports import AcceptedSubmission, Head
from ledger.worker import Worker
from tests.integration.partners import document, event

PACKS = [f"https://id.gs1.org/01/04012345111118/21/A{n}" for n in range(3)]
CASE = "https://id.gs1.org/00/040123450000000016"
MINED_WITHIN_S = 20.0
Json = dict[str, Any]


def _nowhere() -> Node:
    raise AssertionError("only a copy of the ledger has these")


@dataclass(slots=True)
class Stage:
    """One ledger, its partners, and evidence that a partner was given.

    Attributes:
        held: Bundles of the first pack: of when it was sold, and of when it was received.
        earlier: Restores the backup from before the sale.
        empty: Makes a database without a log.
    """

    node: Node
    maker: Signer
    buyer: Signer
    held: list[bytes] = field(default_factory=list)
    earlier: Callable[[], Node] = _nowhere
    empty: Callable[[], Node] = _nowhere

    def worker(self, node: Node | None = None) -> Worker:
        return Worker(node or self.node)

    def sale(self, to: str, at: str = "2026-01-02T10:00:00Z") -> Json:
        destination = {"type": "owning_party", "destination": f"https://id.gs1.org/417/{to}"}
        return event(
            action="OBSERVE", bizStep="shipping", epcList=[CASE], eventTime=at,
            destinationList=[destination],
        )  # fmt: skip

    def receipt(self) -> Json:
        return event(
            action="OBSERVE", bizStep="receiving", epcList=[CASE], eventTime="2026-01-03T10:00:00Z"
        )

    # -- what the operator does ------------------------------------------------------------------

    def submissions(self) -> list[Json]:
        """Everything that was ever sent, in order: genesis, two parties, then five documents."""
        with self.node.engine.connect() as connection:
            rows = connection.execute(text("SELECT * FROM submissions ORDER BY id")).mappings()
            return [{name: row[name] for name in AcceptedSubmission.__slots__} for row in rows]

    def rebuilt(self, sent: Sequence[Json], at_ms: Callable[[int], int] = lambda ms: ms) -> Node:
        """Make the log again from what was sent, with the ledger's own code and keys.

        Args:
            sent: What the operator says was sent.
            at_ms: The time that he says it was accepted at.
        """
        node = self.empty()
        for row in sent:
            node.log.add_submission(AcceptedSubmission(**row))
            node.sequencer().run(at_ms=at_ms(row["accepted_ms"]))
        return node

    def forged(self, by: Signer, *events: Json, name: bytes | None = None) -> Json:
        """A submission in the name of a party; `name`: of a signer whose key he does not have."""
        raw, domain = document(*events), self.node.identity.domain()
        made = build_submission(raw, by, domain, issued_at=now_ms())
        signer = name or address_of(by.private_key)
        renamed = [
            replace(one, entry=one.entry[:16] + signer + one.entry[36:]) for one in made.events
        ]
        part = format_submission(replace(made, events=renamed))
        leaves = [entry_leaf_hash(one.entry) for one in renamed]
        hashed = doc_hash(made.doc_salt, raw)
        digest = submission_digest(
            domain.separator(), domain.log_id, root_hash(leaves), len(leaves), hashed,
            made.issued_at,
        )  # fmt: skip
        return {
            "digest": digest, "party": by.party, "signer": signer, "signature": made.signature,
            "issued_ms": made.issued_at, "accepted_ms": now_ms(), "doc_hash": hashed,
            "sealed": self.node.vault.seal(part, digest), "document": raw,
            "media_type": "application/json", "error_behaviour": "rollback",
        }  # fmt: skip

    def signed(self, node: Node) -> Head:
        """Integrate everything, and sign a head over it, whatever a worker would say."""
        while node.integrator().run():
            pass
        head = node.publisher().run(at_ms=now_ms()) or node.log.last_head()
        assert head is not None
        return head

    def second_signature(self, head: Head, **changes: bytes) -> SignedHead:
        """Sign the size of a head once more, with other roots, beside the database."""
        root, map_root = changes.get("root", head.root), changes.get("map_root", head.map_root)
        digest = head_digest(self.node.identity.log_id(), head.size, root, map_root)
        signature = sign(self.node.keystore.private_key(HEAD_KEY), digest)
        return SignedHead(size=head.size, root=root, map_root=map_root, signature=signature)

    def pass_off_as_final(self, node: Node, head: Head) -> None:
        """Say in the database that the chain has a head, so that bundles are made at it."""
        with superuser(node) as connection:
            connection.execute(
                text("""
                    INSERT INTO anchors (chain_id, wallet, nonce, size, raw, tx_hash, state,
                        block_number, block_hash, created_ms, updated_ms)
                    VALUES (:chain, :name, 1000000, :size, '', :name, 'final', 1, :name, 0, 0)
                """),
                {"chain": node.identity.chain_id, "name": head.root, "size": head.size},
            )

    # -- what catches him ------------------------------------------------------------------------

    def verdict(self, raw: bytes, *, with_chain: bool = True) -> str | None:
        """The step at which `unbroken-verify` refuses a file, None when it accepts it."""
        identity = self.node.identity
        policy = Policy(
            log_id=identity.log_id(), registrar=identity.registrar, chain_id=identity.chain_id,
            contract=identity.contract,
        )  # fmt: skip
        rpcs = [HttpRpc(own_devnet(self.node.settings).rpc_url)] if with_chain else []
        try:
            verify_bundle(raw, policy=policy, rpcs=rpcs, report=Report())
        except StepError as error:
            return error.step
        return None

    def audit(self, node: Node | None = None) -> set[str]:
        """The checks of `unbroken audit` that fail."""
        return {one["check"] for one in (node or self.node).auditor().run()["failed"]}

    def fsck(self, node: Node | None = None) -> set[str]:
        """The checks of `unbroken fsck` that fail."""
        return {one["check"] for one in (node or self.node).fsck().run()["failed"]}

    def on_chain(self) -> OnChainHead:
        """The head that the anchor contract has."""
        head = self._anchor().head(self.node.identity.log_id())
        assert head is not None
        return head

    def contract_error(self, node: Node, head: Head, old_size: int | None = None) -> str:
        """The error by which the anchor contract refuses a head, from what it has by default."""
        old = self.on_chain().size if old_size is None else old_size
        proof: list[bytes] = []
        if old < head.size:
            proof = consistency_proof(old, head.size, tree_of(node)(head.size))
        claim = OnChainHead(size=head.size, root=head.root, map_root=head.map_root)
        with pytest.raises(ContractRejectedError) as caught:
            self._anchor().sign_anchor(
                self._wallet(), node.identity.log_id(), old, claim, proof, head.signature
            )
        return caught.value.name

    def conflict(self, one: bytes | SignedHead, two: bytes | SignedHead, served: Node) -> bytes:
        """The evidence that two heads, or files that show them, contradict each other."""
        heads = [read_head(part)[1] if isinstance(part, bytes) else part for part in (one, two)]
        made = head_conflict(self.node.identity.log_id(), *heads, tree_of(served))
        return made.encode(self.node.identity)

    def convicted_on_chain(self, evidence: bytes) -> bool:
        """Send evidence to a fresh evidence contract, and ask it about the log."""
        chain, claim = open_chain(self.node.settings), parse_evidence(evidence)
        registry = EvidenceContract(chain, deploy(chain, self._wallet()))
        assert isinstance(claim, HeadConflict)
        anchor = self.node.identity.contract
        signed = registry.sign_proof(self._wallet(), claim, anchor)
        receipt = chain.await_receipt(chain.broadcast(signed.raw), MINED_WITHIN_S)
        assert receipt is not None
        return registry.log_equivocated_at(anchor, claim.log_id) == receipt.block_number

    def block_time_ms(self, size: int) -> int:
        """The time of the block in which a size was anchored."""
        with self.node.engine.connect() as connection:
            query = text("SELECT block_number FROM anchors WHERE size = :size AND state = 'final'")
            number = connection.execute(query, {"size": size}).scalar_one()
        block = open_chain(self.node.settings).rpc("eth_getBlockByNumber", hex(number), False)  # noqa: FBT003 -- hashes of its transactions
        return 1000 * int(block["timestamp"], 16)

    def _anchor(self) -> AnchorContract:
        address = "0x" + self.node.identity.contract.hex()
        return AnchorContract(open_chain(self.node.settings), address)

    def _wallet(self) -> bytes:
        return wallet_key(self.node.settings, self.node.keystore)


def read(file: bytes) -> Json:
    """The members of a file."""
    members: Any = parse_json(file)
    return members


def tree_of(node: Node) -> Callable[[int], ReadNode]:
    """The tree of a ledger, as it serves it."""
    return TileReader(node.log.read_tile).at


def as_signed(head: Head) -> SignedHead:
    """A head as files have it."""
    return SignedHead(
        size=head.size, root=head.root, map_root=head.map_root, signature=head.signature
    )


@contextmanager
def superuser(node: Node) -> Iterator[Connection]:
    """The database without triggers and foreign keys; commits."""
    with node.engine.connect() as connection:
        connection.execute(text("SET session_replication_role = replica"))
        yield connection
        connection.commit()
        connection.execute(text("SET session_replication_role = DEFAULT"))
        connection.commit()
