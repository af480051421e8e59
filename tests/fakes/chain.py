"""A chain in memory, as far as the anchor worker sees one; and a line to a chain that fails.

Blocks come when a test mines them. A reorganisation forgets transactions altogether, as Anvil does
and as a node with a full pool may.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from ledger.core.eip712 import keccak
from ledger.core.errors import LedgerError, ProofError
from ledger.core.merkle import verify_consistency
from ledger.service.ports import AnchorChain, Head
from tests.fakes.trap import Trap

SAFE_DEPTH, FINAL_DEPTH = 1, 2


class FakeRefusedError(LedgerError):
    """The node or the contract does not take it."""


class FakeUnreachableError(LedgerError):
    """No answer, which says nothing about what was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeCall:
    """What raw bytes of a transaction say."""

    raw: bytes
    nonce: int
    fee: int
    old: int
    size: int
    root: bytes
    map_root: bytes
    proof: tuple[bytes, ...]

    @property
    def tx_hash(self) -> bytes:
        return hashlib.sha256(self.raw).digest()


class FakeHead(NamedTuple):
    """A head that the contract took."""

    size: int
    root: bytes
    map_root: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeBlock:
    """A block with the state after it; mined transactions with their success."""

    block_hash: bytes
    mined: dict[bytes, bool]
    nonce: int
    heads: tuple["FakeHead", ...]


@dataclass(slots=True)
class FakeChain:
    """One contract, one log, one wallet; satisfies `ledger.service.ports.AnchorChain`."""

    chain_id: int = 31337
    wallet: bytes = b"\x0a" * 20
    base_fee: int = 10
    automine: bool = False
    final_at: int | None = None
    paused: bool = False
    blocks: list[FakeBlock] = field(default_factory=list)
    pool: dict[bytes, FakeCall] = field(default_factory=dict)
    _made: int = 0

    def __post_init__(self) -> None:
        self.blocks.append(FakeBlock(block_hash=self._new_hash(), mined={}, nonce=0, heads=()))

    def anchored_head(self) -> tuple[int, bytes] | None:
        heads = self.blocks[-1].heads
        return (heads[-1].size, heads[-1].root) if heads else None

    def mined_nonce(self) -> int:
        return self.blocks[-1].nonce

    def sign(
        self, head: Head, old_size: int, proof: Sequence[bytes], nonce: int
    ) -> tuple[bytes, bytes]:
        call = {
            "fee": 2 * self.base_fee, "nonce": nonce, "old": old_size,
            "proof": [node.hex() for node in proof], "root": head.root.hex(), "size": head.size,
            "map_root": head.map_root.hex(),
        }  # fmt: skip
        raw = orjson.dumps(call)
        if not self._accepts(_decode(raw), self.blocks[-1].heads):
            raise FakeRefusedError("the contract would revert")
        return raw, _decode(raw).tx_hash

    def replacement(self, raw: bytes) -> tuple[bytes, bytes] | None:
        call = orjson.loads(raw)
        call["fee"] = max(call["fee"] + call["fee"] // 8 + 1, 2 * self.base_fee)
        dearer = orjson.dumps(call)
        return dearer, _decode(dearer).tx_hash

    def broadcast(self, raw: bytes) -> None:
        call = _decode(raw)
        if call.nonce < self.mined_nonce() or call.tx_hash in self.pool:
            return
        if call.fee < self.base_fee:
            raise FakeRefusedError("max fee per gas less than block base fee")
        for other in [one for one in self.pool.values() if one.nonce == call.nonce]:
            if call.fee * 10 < other.fee * 11:
                raise FakeRefusedError("replacement transaction underpriced")
            del self.pool[other.tx_hash]
        self.pool[call.tx_hash] = call
        if self.automine:
            self.mine()

    def mined_in(self, tx_hash: bytes, size: int) -> tuple[int, bytes, bool] | None:
        for number, block in enumerate(self.blocks):
            if tx_hash in block.mined:
                recorded = block.mined[tx_hash] or size in {head.size for head in block.heads}
                return number, block.block_hash, recorded
        return None

    def settled_number(self, state: str) -> int:
        if self.final_at is not None:
            return self.final_at
        depth = FINAL_DEPTH if state == "final" else SAFE_DEPTH
        return max(0, len(self.blocks) - 1 - depth)

    # What a test does to it.

    def mine(self, blocks: int = 1) -> None:
        """Mine what the pool holds at or above the base fee, in order of nonces."""
        for _ in range(blocks):
            top = self.blocks[-1]
            nonce, heads, mined = top.nonce, top.heads, dict[bytes, bool]()
            for call in sorted(self.pool.values(), key=lambda one: one.nonce):
                if call.nonce == nonce and call.fee >= self.base_fee:
                    mined[call.tx_hash] = self._accepts(call, heads)
                    heads += (FakeHead(call.size, call.root, call.map_root),) * mined[call.tx_hash]
                    nonce += 1
            self.pool = {key: call for key, call in self.pool.items() if call.nonce >= nonce}
            self.blocks.append(
                FakeBlock(block_hash=self._new_hash(), mined=mined, nonce=nonce, heads=heads)
            )

    def reorg(self, depth: int) -> None:
        """Replace the last blocks by empty ones; their transactions are forgotten."""
        del self.blocks[-depth:]
        for _ in range(depth):
            top = self.blocks[-1]
            self.blocks.append(
                FakeBlock(block_hash=self._new_hash(), mined={}, nonce=top.nonce, heads=top.heads)
            )

    def drop(self) -> None:
        """Forget the pool."""
        self.pool.clear()

    def copy_from_pool(self) -> None:
        """Somebody sends what waits in the pool himself, and is mined first."""
        top = self.blocks[-1]
        heads = top.heads
        for call in self.pool.values():
            heads += (FakeHead(call.size, call.root, call.map_root),) * self._accepts(call, heads)
        self.blocks.append(
            FakeBlock(block_hash=self._new_hash(), mined={}, nonce=top.nonce, heads=heads)
        )

    def spend_nonce(self) -> None:
        """Mine a transaction of the wallet that is none of the ledger's."""
        top = self.blocks[-1]
        self.pool.clear()
        self.blocks.append(
            FakeBlock(block_hash=self._new_hash(), mined={}, nonce=top.nonce + 1, heads=top.heads)
        )

    def successes(self) -> int:
        """Return how many anchors the contract took on the canonical chain."""
        return sum(ok for block in self.blocks for ok in block.mined.values())

    # What an auditor asks.

    def verify_code(self) -> None:
        """The code is what it is."""

    def head(self) -> tuple[int, bytes] | None:
        return self.anchored_head()

    def record(self, size: int) -> bytes | None:
        heads = [head for head in self.blocks[-1].heads if head.size == size]
        return keccak(heads[0].root + heads[0].map_root) if heads else None

    def _accepts(self, call: FakeCall, heads: tuple[FakeHead, ...]) -> bool:
        size, root, _ = heads[-1] if heads else (0, b"", b"")
        if self.paused or size != call.old or call.size <= size:
            return False
        try:
            if size:
                verify_consistency(
                    old=size, new=call.size, old_root=root, new_root=call.root, proof=call.proof
                )
        except ProofError:
            return False
        return True

    def _new_hash(self) -> bytes:
        self._made += 1
        return hashlib.sha256(self._made.to_bytes(8, "big")).digest()


def _decode(raw: bytes) -> FakeCall:
    call = orjson.loads(raw)
    return FakeCall(
        raw=raw, nonce=call["nonce"], fee=call["fee"], old=call["old"], size=call["size"],
        root=bytes.fromhex(call["root"]), map_root=bytes.fromhex(call["map_root"]),
        proof=tuple(map(bytes.fromhex, call["proof"])),
    )  # fmt: skip


@dataclass(slots=True)
class TrappedChain:
    """Any chain behind a line that fails where its trap says, before or after the far end acted."""

    chain: AnchorChain
    trap: Trap

    @property
    def chain_id(self) -> int:
        return self.chain.chain_id

    @property
    def wallet(self) -> bytes:
        return self.chain.wallet

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.chain, name)
        return lambda *arguments: self.trap.around(f"chain {name}", lambda: method(*arguments))
