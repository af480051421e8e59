"""Anchor: bring published heads onto a chain, as a state machine in the database.

prepared -> sent -> mined -> safe -> final; failed when it reverted. The signed bytes are committed
before they are broadcast, so a crash at any point is mended by broadcasting the same bytes again;
a transaction that was mined twice cannot be: its nonce is one, and the contract refuses a stale size.
"""

from dataclasses import dataclass

from ledger.core.errors import InvariantError
from ledger.core.merkle import consistency_proof
from ledger.core.tiles import TileReader
from ledger.service.ports import AnchorChain, AnchorRow, AnchorStore, Head, LogStore


@dataclass(slots=True)
class Anchorer:
    """Anchors heads on one chain; one transaction in flight."""

    log: LogStore
    anchors: AnchorStore
    chain: AnchorChain
    interval_ms: int

    def run(self, *, at_ms: int) -> bool:
        """Advance every open anchor one step and start a new one when due; tell if any moved.

        Raises:
            InvariantError: The chain has a greater head than the log (a restored backup).
        """
        moved = [
            self._advance(row, at_ms) for row in self.anchors.unsettled(self.chain.chain_id)
        ]
        return self._start(at_ms) or any(moved)

    def _advance(self, row: AnchorRow, at_ms: int) -> bool:
        mined = self.chain.mined_in(row.tx_hash)
        if mined is None:
            # Not sent before a crash, dropped from the pool, or undone by a reorganisation.
            self.chain.broadcast(row.raw)
            if row.state != "sent":
                self.anchors.move(row.id, "sent", at_ms=at_ms)
            return row.state != "sent"
        number, block_hash, succeeded = mined
        if not succeeded:
            self.anchors.move(row.id, "failed", at_ms=at_ms, reason=f"reverted in block {number}")
            return True
        state = self._settlement(number)
        if (state, number, block_hash) == (row.state, row.block_number, row.block_hash):
            return False
        self.anchors.move(row.id, state, at_ms=at_ms, block=(number, block_hash))
        return True

    def _settlement(self, number: int) -> str:
        for state in ("final", "safe"):
            if number <= self.chain.settled_number(state):
                return state
        return "mined"

    def _start(self, at_ms: int) -> bool:
        head, latest = self.log.last_head(), self.anchors.latest(self.chain.chain_id)
        if head is None or (latest is not None and latest.state in {"prepared", "sent"}):
            return False
        if latest is not None and at_ms - latest.created_ms < self.interval_ms:
            return False
        anchored = self.chain.anchored_size()
        if anchored > head.size:
            raise InvariantError(
                f"the chain has a head of size {anchored}, the log only {head.size}: "
                "a restored backup? recover the missing entries from a mirror first"
            )
        if anchored == head.size:
            return False
        self._send(head, anchored, at_ms)
        return True

    def _send(self, head: Head, anchored: int, at_ms: int) -> None:
        proof: list[bytes] = []
        if anchored:
            read = TileReader(self.log.read_tile).at(head.size)
            proof = consistency_proof(anchored, head.size, read)
        nonce = max(
            self.chain.mined_nonce(), self.anchors.next_nonce(self.chain.chain_id, self.chain.wallet)
        )
        raw, tx_hash = self.chain.sign(head, anchored, proof, nonce)
        row = self.anchors.prepare(
            AnchorRow(
                id=0, chain_id=self.chain.chain_id, wallet=self.chain.wallet, nonce=nonce,
                size=head.size, raw=raw, tx_hash=tx_hash, state="prepared", block_number=None,
                block_hash=None, created_ms=at_ms,
            )  # fmt: skip
        )
        # A crash here leaves the signed bytes in the table: the next run broadcasts them.
        self.chain.broadcast(row.raw)
        self.anchors.move(row.id, "sent", at_ms=at_ms)
