"""A log with its keys, for tests: identity, tree, signed heads."""

import hashlib
import itertools
from dataclasses import dataclass, field

from eth_abi.abi import encode

from ledger.chain.anchor_contract import AnchorContract, OnChainHead
from ledger.chain.devnet import dev_accounts
from ledger.chain.errors import RpcError
from ledger.core.eip712 import head_digest, keccak
from ledger.core.entries import Address
from ledger.core.facts import LogIdentity
from ledger.core.signatures import address_of, sign
from tests.contracts import reference_tree

MINED_WITHIN_S = 10.0
NO_MAP = bytes(32)
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchoredLog:
    """A log that nobody else uses."""

    contract: AnchorContract
    payer: bytes = field(default_factory=lambda: dev_accounts()[0].private_key)
    signer: bytes = field(default_factory=lambda: dev_accounts()[1].private_key)
    registrar: bytes = field(default_factory=lambda: dev_accounts()[2].private_key)
    number: int = field(default_factory=lambda: next(_numbers))
    chain_id: int = 31337

    @property
    def identity(self) -> LogIdentity:
        return LogIdentity(
            origin="test.example/log",
            head_signer=Address(address_of(self.signer)),
            registrar=Address(address_of(self.registrar)),
            checkpoint_key=hashlib.sha256(self.number.to_bytes(8, "big")).digest(),
            chain_id=self.chain_id,
            contract=bytes.fromhex(self.contract.address[2:]),
        )

    @property
    def log_id(self) -> bytes:
        return self.identity.log_id()

    def head(self, size: int, map_root: bytes = NO_MAP) -> OnChainHead:
        root = reference_tree.root(reference_tree.leaves(size))
        return OnChainHead(size=size, root=root, map_root=map_root)

    def proof(self, old: int, new: int) -> list[bytes]:
        return reference_tree.consistency_proof(old, reference_tree.leaves(new))

    def signature(self, head: OnChainHead, key: bytes | None = None) -> bytes:
        digest = head_digest(self.log_id, head.size, head.root, head.map_root)
        return sign(key or self.signer, digest)

    def open(self, size: int, map_root: bytes = NO_MAP) -> OnChainHead:
        head = self.head(size, map_root)
        signed = self.contract.sign_genesis(self.payer, self.identity, head, self.signature(head))
        self._send(signed.raw)
        return head

    def anchor(self, old: int, new: int, map_root: bytes = NO_MAP) -> OnChainHead:
        head = self.head(new, map_root)
        signed = self.contract.sign_anchor(
            self.payer, self.log_id, old, head, self.proof(old, new), self.signature(head)
        )
        self._send(signed.raw)
        return head

    def _send(self, raw: bytes) -> None:
        client = self.contract.client
        receipt = client.await_receipt(client.broadcast(raw), MINED_WITHIN_S)
        assert receipt is not None
        assert receipt.succeeded


def simulated_anchor(
    log: AnchoredLog,
    old: tuple[int, bytes],
    new: tuple[int, bytes],
    proof: list[bytes],
) -> str | None:
    """Call `anchor` on a log whose head is put into storage; return the error's name or None.

    The code that runs is the deployed contract's; only the storage of one log is given, so that
    heads of any size can be tried without sending a transaction.
    """
    old_size, old_root = old
    head = OnChainHead(size=new[0], root=new[1], map_root=NO_MAP)
    base = int.from_bytes(keccak(log.log_id + (1).to_bytes(32, "big")), "big")
    packed = old_size | int.from_bytes(address_of(log.signer), "big") << 64
    words = [packed.to_bytes(32, "big"), old_root, NO_MAP]
    slots = {hex_word(base + i): "0x" + word.hex() for i, word in enumerate(words)}
    types = ["bytes32", "uint64", "uint64", "bytes32", "bytes32", "bytes32[]", "bytes"]
    values = [log.log_id, old_size, *new, NO_MAP, proof, log.signature(head)]
    signature = f"anchor({','.join(types)})".encode()
    request = {
        "to": log.contract.address,
        "data": "0x" + (keccak(signature)[:4] + encode(types, values)).hex(),
    }
    overrides = {log.contract.address: {"stateDiff": slots}}
    try:
        log.contract.client.rpc("eth_call", request, "latest", overrides)
    except RpcError as error:
        return ERROR_NAMES[error.data[:4]]
    return None


def hex_word(number: int) -> str:
    return f"0x{number % (1 << 256):064x}"


ERROR_NAMES = {
    keccak(text.encode())[:4]: text.partition("(")[0]
    for text in (
        "BadSignature()",
        "InconsistentHead()",
        "NotGrowing(uint64,uint64)",
        "StaleOldSize(uint64)",
        "UnknownLog(bytes32)",
    )
}
