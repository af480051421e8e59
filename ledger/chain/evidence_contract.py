"""The evidence contract in types: prove that a key or a log contradicted itself, ask who did."""

from typing import Any

from web3 import Web3

from ledger.chain.artifacts import Artifact, SignedTransaction, sign_transaction
from ledger.chain.client import Block, ChainClient, Fees
from ledger.chain.errors import ChainError, NoContractError, RpcError
from ledger.core.evidence_files import DoubleSpend, HeadConflict, SignedHandoff, SignedHead
from ledger.core.identifiers import item_key

_ARTIFACT = Artifact("UnbrokenEvidence")


def deployed_code() -> bytes:
    """Return the code that the contract has at every address on every chain."""
    return _ARTIFACT.deployed_code()


def deploy(client: ChainClient, deployer_key: bytes, timeout_s: float = 30.0) -> str:
    """Create the contract, wait until it is mined, and return its address.

    A crash in between loses the address and the gas, nothing else: nobody depends on one of these.

    Raises:
        ChainError: The transaction was not mined in time, or reverted.
    """
    code = _ARTIFACT.creation_code()
    signed = sign_transaction(client, deployer_key, to=None, data=code, nonce=None, fees=None)
    receipt = client.await_receipt(client.broadcast(signed.raw), timeout_s)
    if receipt is None or not receipt.succeeded or receipt.contract_address is None:
        raise ChainError(f"the deployment {signed.tx_hash.hex()} was not mined in time")
    return Web3.to_checksum_address(receipt.contract_address)


class EvidenceContract:
    """One deployed evidence contract."""

    def __init__(self, client: ChainClient, address: str) -> None:
        """Bind an address; nothing is asked yet. `verify_code` tells whether it is the contract."""
        self.client = client
        self.address = Web3.to_checksum_address(address)

    def verify_code(self) -> None:
        """Raise unless the code at the address is the contract's, byte for byte.

        Raises:
            NoContractError: There is no code, or other code.
        """
        code = self.client.code(self.address)
        if code != deployed_code():
            found = f"other code ({len(code)} bytes)" if code else "no code"
            raise NoContractError(f"{self.address} holds {found}, not the evidence contract")

    def key_equivocated_at(self, signer: bytes, chain_id: int, contract: bytes) -> int | None:
        """Return the block in which a key was convicted, None when it was not."""
        arguments = [Web3.to_checksum_address(signer), chain_id, _address(contract)]
        return self._block("keyEquivocatedAt", arguments)

    def log_equivocated_at(self, anchor: bytes, log_id: bytes) -> int | None:
        """Return the block in which a log was convicted, None when it was not."""
        return self._block("logEquivocatedAt", [_address(anchor), log_id])

    def sign_proof(
        self,
        key: bytes,
        evidence: DoubleSpend | HeadConflict,
        anchor: bytes = b"",
        *,
        nonce: int | None = None,
        fees: Fees | None = None,
    ) -> SignedTransaction:
        """Sign the transaction that proves what a file of evidence claims.

        Args:
            key: The payer's private key, 32 bytes; it has no authority over anything.
            evidence: What is claimed.
            anchor: Of heads: the anchor contract that knows the log's signers.
            nonce: The payer's nonce; the next one of the latest block when None.
            fees: What to offer; by the client's rule when None.

        Raises:
            ContractRejectedError: It is no proof, as simulated on the latest block.
        """
        name, arguments = _call(evidence, anchor)
        data = _ARTIFACT.encode(name, arguments)
        try:
            return sign_transaction(
                self.client, key, to=self.address, data=data, nonce=nonce, fees=fees
            )
        except RpcError as error:
            if not error.data:
                raise
            raise _ARTIFACT.rejection(error) from error

    def _block(self, name: str, arguments: list[Any], block: Block = "latest") -> int | None:
        answer = self.client.call(self.address, _ARTIFACT.encode(name, arguments), block)
        if not answer:
            raise NoContractError(f"{self.address} holds no contract")
        (number,) = _ARTIFACT.decode(name, answer)
        return int(number) or None


def _call(evidence: DoubleSpend | HeadConflict, anchor: bytes) -> tuple[str, list[Any]]:
    if isinstance(evidence, DoubleSpend):
        named = [item_key(evidence.item), evidence.spends]
        home = [evidence.chain_id, _address(evidence.contract)]
        return "proveDoubleSpend", [*home, *named, *map(_handoff, evidence.handoffs)]
    heads = [_address(anchor), evidence.log_id, *map(_head, evidence.heads)]
    if evidence.root is None:
        return "proveTwoHeads", heads
    return "proveFork", [*heads, evidence.root, list(evidence.proof)]


def _handoff(one: SignedHandoff) -> tuple[Any, ...]:
    return (
        one.log_id, one.doc_hash, one.entry, list(one.path), one.signature, list(one.row_path),
        one.salt, one.issued_at, one.count, one.position, one.row_index, one.role,
    )  # fmt: skip


def _head(one: SignedHead) -> tuple[Any, ...]:
    return (one.size, one.root, one.map_root, one.signature)


def _address(raw: bytes) -> str:
    return Web3.to_checksum_address("0x" + raw.hex())
