"""Anchor: bring published heads onto a chain, as a state machine in the database.

prepared -> sent -> mined -> safe -> final; failed when it reverted; replaced when another of its
nonce offers more. The signed bytes are committed before they are broadcast, so a crash at any point
is mended by broadcasting the same bytes again. None can be mined twice: its nonce is one, and the
contract refuses a stale size. A reorganisation sends anchors back to sent, lowest nonce first,
since one is in flight; the others keep the block they were seen in until their turn.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ledger.core.errors import InvariantError, NotFoundError
from ledger.core.merkle import consistency_proof
from ledger.core.tiles import TileReader
from ledger.service.ports import AnchorChain, AnchorRow, AnchorStore, Head, LogStore

# Ten slots of Ethereum: fees that outlast six full blocks have then been outbid for good.
REPLACE_AFTER_MS = 120_000
_IN_FLIGHT = frozenset(["prepared", "sent"])
Mined = tuple[int, bytes, bool]


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
            InvariantError: The chain has a head that this log did not publish (a restored backup).
        """
        rows = self.anchors.unsettled(self.chain.chain_id)
        moved = self._advance(rows, at_ms) if rows else False
        return self._start(at_ms) or moved

    def verify_not_behind(self) -> None:
        """Raise unless the head on the chain is one that this log published.

        Raises:
            InvariantError: It is not: a restored backup, or a second copy of this log at work.
        """
        self._anchored_size()

    def _anchored_size(self) -> int:
        found = self.chain.anchored_head()
        if found is None:
            return 0
        size, root = found
        try:
            published = self.log.head(size).root
        except NotFoundError:
            published = None
        if published != root:
            raise InvariantError(
                f"the chain has a head of size {size}, root {root.hex()}, that this database did "
                "not publish: a restored backup? nothing more may be signed: stop every worker and "
                "recover the missing entries from a newer backup or a mirror first"
            )
        return size

    def _advance(self, rows: list[AnchorRow], at_ms: int) -> bool:
        # Finality is read before the blocks: only then is a block that is canonical now final.
        settled = {state: self.chain.settled_number(state) for state in ("final", "safe")}
        in_flight = any(row.state in _IN_FLIGHT for row in rows)
        moved = False
        for row in rows:
            mined = self.chain.mined_in(row.tx_hash, row.size)
            if mined is not None:
                moved |= self._settle(row, mined, settled, at_ms)
            elif row.state in _IN_FLIGHT or not in_flight:
                in_flight = True
                moved |= self._resume(row, settled, at_ms)
        return moved

    def _settle(self, row: AnchorRow, mined: Mined, settled: Mapping[str, int], at_ms: int) -> bool:
        number, block_hash, recorded = mined
        if not recorded:
            self.anchors.move(row.id, "failed", at_ms=at_ms, reason=f"reverted in block {number}")
            return True
        state = next((name for name, height in settled.items() if number <= height), "mined")
        if (state, number, block_hash) == (row.state, row.block_number, row.block_hash):
            return False
        self.anchors.move(row.id, state, at_ms=at_ms, block=(number, block_hash))
        return True

    def _resume(self, row: AnchorRow, settled: Mapping[str, int], at_ms: int) -> bool:
        """Bring a transaction that is in no block back on its way.

        It was not sent before a crash, dropped from the pool, undone by a reorganisation, outbid,
        or its nonce went to one that it replaced or was replaced by.
        """
        nonce = self.chain.mined_nonce() if row.wallet == self.chain.wallet else row.nonce
        signed = self.anchors.signed_from(row.chain_id, row.wallet, min(nonce, row.nonce))
        if self._mined_of(row, signed, settled, at_ms):
            return True
        if row.state in _IN_FLIGHT and at_ms - row.updated_ms >= REPLACE_AFTER_MS:
            if nonce > row.nonce:
                reason = f"nonce {row.nonce} went to a transaction that is not the ledger's"
                self.anchors.move(row.id, "failed", at_ms=at_ms, reason=reason)
                return True
            if self._replace(row, at_ms):
                return True
        # Lower nonces too: a reverted one that a reorganisation undid would leave a gap for ever.
        for one in signed:
            if one.nonce <= row.nonce and (one.id == row.id or one.state != "replaced"):
                self.chain.broadcast(one.raw)
        if row.state != "sent":
            self.anchors.move(row.id, "sent", at_ms=at_ms)
        return row.state != "sent"

    def _mined_of(
        self, row: AnchorRow, signed: list[AnchorRow], settled: Mapping[str, int], at_ms: int
    ) -> bool:
        """Take up the one of row's nonce that is mined, if any; only one can be."""
        for one in signed:
            mined = self.chain.mined_in(one.tx_hash, one.size) if one.nonce == row.nonce else None
            if mined is None:
                continue
            # In this order: after a crash in between the next run comes here again.
            self._settle(one, mined, settled, at_ms)
            if one.id != row.id:
                reason = f"another of its nonce was mined: {one.tx_hash.hex()}"
                self.anchors.move(row.id, "replaced", at_ms=at_ms, reason=reason)
            return True
        return False

    def _replace(self, row: AnchorRow, at_ms: int) -> bool:
        signed = self.chain.replacement(row.raw) if row.wallet == self.chain.wallet else None
        if signed is None:
            return False
        raw, tx_hash = signed
        dearer = replace(
            row, id=0, raw=raw, tx_hash=tx_hash, state="prepared", block_number=None,
            block_hash=None, created_ms=at_ms, updated_ms=at_ms,
        )  # fmt: skip
        self._launch(self.anchors.prepare(dearer, instead_of=row.id), at_ms)
        return True

    def _start(self, at_ms: int) -> bool:
        head, latest = self.log.last_head(), self.anchors.latest(self.chain.chain_id)
        # A clock that was set back must not stop anchoring until it has caught up.
        if head is None or (
            latest is not None and 0 <= at_ms - latest.created_ms < self.interval_ms
        ):
            return False
        if any(row.state in _IN_FLIGHT for row in self.anchors.unsettled(self.chain.chain_id)):
            return False
        anchored = self._anchored_size()
        return anchored < head.size and self._send(head, anchored, at_ms)

    def _send(self, head: Head, anchored: int, at_ms: int) -> bool:
        chain_id, wallet, nonce = self.chain.chain_id, self.chain.wallet, self.chain.mined_nonce()
        undone = self.anchors.signed_from(chain_id, wallet, nonce)
        if undone:
            # Failed or final, and yet in no block any more: its nonce is free, so it comes first.
            first = next((row for row in undone if row.state != "replaced"), undone[0])
            self._launch(first, at_ms)
            return True
        proof: list[bytes] = []
        if anchored:
            read = TileReader(self.log.read_tile).at(head.size)
            proof = consistency_proof(anchored, head.size, read)
        raw, tx_hash = self.chain.sign(head, anchored, proof, nonce)
        row = AnchorRow(
            id=0, chain_id=chain_id, wallet=wallet, nonce=nonce, size=head.size, raw=raw,
            tx_hash=tx_hash, state="prepared", block_number=None, block_hash=None,
            created_ms=at_ms, updated_ms=at_ms,
        )  # fmt: skip
        self._launch(self.anchors.prepare(row), at_ms)
        return True

    def _launch(self, row: AnchorRow | None, at_ms: int) -> None:
        """Broadcast committed bytes; None: another worker was first, and does it."""
        if row is not None:
            # A crash here leaves the signed bytes in the table: the next run broadcasts them.
            self.chain.broadcast(row.raw)
            self.anchors.move(row.id, "sent", at_ms=at_ms)
