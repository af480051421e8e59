"""Gas of the contracts, as real transactions pay it: calldata, 21,000 and all.

For trees of 2^e leaves: 100 seeded pairs, old size uniform in [2^e, 2^(e+1)), batch log-uniform in
1..20,000, non-zero map roots before and after, so that every slot is overwritten and not first set.
Every pair is a log of its own on a fresh Anvil. Leaves are all equal, which makes the roots of huge
trees cheap and changes no cost. "longest" is the longest proof that a batch of two can need there.
The numbers are exact, so the snapshot is compared by equality.
"""

import argparse
import hashlib
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from benchmarks.evidence_gas import evidence_figures
from benchmarks.measure import Result
from ledger.chain.anchor_contract import AnchorContract, OnChainHead, deploy
from ledger.chain.artifacts import SignedTransaction
from ledger.chain.client import FULL_TRANSACTIONS, ChainClient
from ledger.chain.devnet import Devnet, dev_accounts
from ledger.chain.errors import ChainError
from ledger.core.eip712 import head_digest
from ledger.core.entries import Address
from ledger.core.facts import LogIdentity
from ledger.core.merkle import consistency_proof, leaf_hash, node_hash, range_nodes
from ledger.core.signatures import address_of, sign

SNAPSHOT = Path(__file__).resolve().parent.parent / "contracts" / "gas.json"
EXPONENTS = (10, 20, 30)
PAIRS = 100
SEED = 20261123
MAX_BATCH = 20_000
MINED_WITHIN_S = 10.0
MEAN_LIMIT = 100_000  # at 2^30 leaves
LONGEST_LIMIT = 116_000


class UniformLog:
    """A log whose leaves are all equal: node (level, index) depends on the level only."""

    def __init__(self) -> None:
        """Compute the 64 levels that a size of 64 bits can have."""
        self._nodes = [bytes(leaf_hash(b"unbroken/gas"))]
        for _ in range(64):
            self._nodes.append(bytes(node_hash(self._nodes[-1], self._nodes[-1])))

    def read(self, level: int, _index: int) -> bytes:
        """Return the node at a level."""
        return self._nodes[level]

    def root(self, size: int) -> bytes:
        """Return the root of a tree of size leaves, at least 1."""
        peaks = [self.read(level, index) for level, index in range_nodes(0, size)]
        root = peaks.pop()
        while peaks:
            root = bytes(node_hash(peaks.pop(), root))
        return root

    def proof(self, old: int, new: int) -> list[bytes]:
        """Return the consistency proof."""
        return consistency_proof(old, new, self.read)


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchoring:
    """Gas of one anchor transaction and how many hashes its proof has."""

    gas: int
    proof_length: int


class GasMeter:
    """A deployed contract on an empty chain, and one log per measurement."""

    def __init__(self, client: ChainClient) -> None:
        """Deploy the contract."""
        accounts = dev_accounts()
        self.client = client
        self.payer, self.signer = accounts[0].private_key, accounts[1].private_key
        self._registrar = accounts[2].private_key
        self._contract = AnchorContract(client, deploy(client, self.payer))
        self.tree = UniformLog()
        self._logs = 0

    def deployment(self) -> int:
        """Return the gas of the deployment, the chain's first transaction."""
        return int(self.client.rpc("eth_getBlockByNumber", "0x1", FULL_TRANSACTIONS)["gasUsed"], 16)

    def genesis(self, size: int) -> tuple[LogIdentity, int]:
        """Open a log of a size; return it and the gas."""
        self._logs += 1
        identity = LogIdentity(
            origin="gas.example/log",
            head_signer=Address(address_of(self.signer)),
            registrar=Address(address_of(self._registrar)),
            checkpoint_key=hashlib.sha256(b"gas" + self._logs.to_bytes(4, "big")).digest(),
            chain_id=self.client.chain_id,
            contract=bytes.fromhex(self._contract.address[2:]),
        )
        head, signature = self._head(identity.log_id(), size)
        signed = self._contract.sign_genesis(self.payer, identity, head, signature)
        return identity, self.gas(signed)

    def open_log(self, size: int) -> tuple[bytes, bytes]:
        """Open a log of a size; return its id and the contract."""
        identity, _ = self.genesis(size)
        return identity.log_id(), identity.contract

    def anchor(self, old: int, new: int) -> Anchoring:
        """Open a log at one size and anchor another."""
        log_id = self.genesis(old)[0].log_id()
        head, signature = self._head(log_id, new)
        proof = self.tree.proof(old, new)
        signed = self._contract.sign_anchor(self.payer, log_id, old, head, proof, signature)
        return Anchoring(gas=self.gas(signed), proof_length=len(proof))

    def _head(self, log_id: bytes, size: int) -> tuple[OnChainHead, bytes]:
        root = self.tree.root(size)
        map_root = hashlib.sha256(b"map" + size.to_bytes(8, "big")).digest()
        signature = sign(self.signer, head_digest(log_id, size, root, map_root))
        return OnChainHead(size=size, root=root, map_root=map_root), signature

    def gas(self, signed: SignedTransaction) -> int:
        """Send a transaction; return its gas."""
        receipt = self.client.await_receipt(self.client.broadcast(signed.raw), MINED_WITHIN_S)
        if receipt is None or not receipt.succeeded:
            raise ChainError("a measured transaction failed")
        return receipt.gas_used


def seeded_pairs(exponent: int) -> list[tuple[int, int]]:
    """Return the (old, new) sizes measured at 2^exponent leaves."""
    generator = random.Random(SEED + exponent)
    pairs = []
    for _ in range(PAIRS):
        old = generator.randrange(1 << exponent, 1 << exponent + 1)
        pairs.append((old, old + round(MAX_BATCH ** generator.random())))
    return pairs


def costliest_pair(exponent: int) -> tuple[int, int]:
    """Return the sizes whose proof is longest for an old size in [2^exponent, 2^(exponent + 1)).

    old - 1 = 11…10 in binary, so that every level but the lowest extends both roots, and the new
    tree is one level higher: exponent + 3 hashes, the most that any new size of that height needs.
    """
    return (1 << exponent + 1) - 1, (1 << exponent + 1) + 1


def measure(client: ChainClient) -> dict[str, object]:
    """Return the figures that the snapshot holds."""
    meter = GasMeter(client)
    anchors: dict[str, object] = {}
    for exponent in EXPONENTS:
        runs = [meter.anchor(old, new) for old, new in seeded_pairs(exponent)]
        longest = meter.anchor(*costliest_pair(exponent))
        anchors[f"2^{exponent}"] = {
            "longest": {"gas": longest.gas, "proof_length": longest.proof_length},
            "max": max(run.gas for run in runs),
            "mean": sum(run.gas for run in runs) // PAIRS,
            "min": min(run.gas for run in runs),
            "proof_length_max": max(run.proof_length for run in runs),
        }
    return {
        "anchor": anchors,
        "deploy": meter.deployment(),
        "genesis": meter.genesis(1)[1],
        "evidence": evidence_figures(
            meter, {f"2^{exponent}": costliest_pair(exponent) for exponent in EXPONENTS}
        ),
        "pairs": PAIRS,
        "seed": SEED,
    }


def snapshot() -> bytes:
    """Return contracts/gas.json as it should be, measured on an Anvil of its own."""
    with tempfile.TemporaryDirectory() as home:
        network = Devnet(Path(home), port=0)
        network.start()
        try:
            measured = measure(network.client())
        finally:
            network.stop()
    options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(measured, option=options)


def gas() -> Iterator[Result]:
    """G12: gas of an anchor at 2^30 leaves with its on-chain consistency proof; no ratio."""
    figures = orjson.loads(snapshot())
    largest = figures["anchor"]["2^30"]
    longest = largest["longest"]["gas"]
    yield Result(
        goal="G12", what="gas of an anchor at 2^30 leaves, mean of 100", ratio=largest["mean"],
        low=largest["min"], high=largest["max"], threshold=MEAN_LIMIT, better="lower",
        note=f"{largest['mean'] / 1000:.0f} gas an event in batches of 1,000",
    )  # fmt: skip
    yield Result(
        goal="G12", what="gas of the costliest anchor at 2^30 leaves", ratio=longest, low=longest,
        high=longest, threshold=LONGEST_LIMIT, better="lower",
    )  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Write the snapshot, or with --check compare it; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if any figure moved")
    check = parser.parse_args(argv).check
    content = snapshot()
    sys.stdout.write(content.decode())
    if check:
        return 0 if SNAPSHOT.read_bytes() == content else 1
    SNAPSHOT.write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
