"""The anchor contract in types: read heads and records, sign genesis and anchor transactions.

The interface comes from contracts/artifacts, which a check rebuilds byte for byte from the sources.
Signing never broadcasts: the caller stores the signed bytes first, then hands them to the client.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_account import Account
from web3 import Web3

from ledger.chain.artifacts import Artifact, SignedTransaction, sign_transaction
from ledger.chain.client import Block, ChainClient, Fees, Receipt
from ledger.chain.errors import ChainError, ContractRejectedError, NoContractError, RpcError
from ledger.core.eip712 import keccak
from ledger.core.facts import LogIdentity

_ARTIFACT = Artifact("UnbrokenAnchor")
ZERO_WORD = bytes(32)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnChainHead:
    """The last head that the contract accepted. map_root of 32 zero bytes means "no map"."""

    size: int
    root: bytes
    map_root: bytes


def deployed_code() -> bytes:
    """Return the code that the contract has at every address on every chain."""
    return _ARTIFACT.deployed_code()


def record_slot(log_id: bytes, size: int) -> bytes:
    """Return the storage slot of a record, for `eth_getProof`.

    Args:
        log_id: 32 bytes.
        size: Number of leaves.
    """
    inner = keccak(log_id + ZERO_WORD)
    return keccak(size.to_bytes(32, "big") + inner)


def record_commitment(root: bytes, map_root: bytes) -> bytes:
    """Return what the record of a head holds: keccak256(root || map_root)."""
    return keccak(root + map_root)


def address_of(key: bytes) -> str:
    """Return the checksum address of a private key of 32 bytes."""
    return str(Account.from_key(key).address)


def sign_deployment(
    client: ChainClient, key: bytes, *, nonce: int | None = None
) -> SignedTransaction:
    """Sign the transaction that creates the contract; its address is in the receipt.

    Args:
        client: The chain.
        key: The payer's private key, 32 bytes.
        nonce: The payer's nonce; the next one of the latest block when None.
    """
    code = _ARTIFACT.creation_code()
    return sign_transaction(client, key, to=None, data=code, nonce=nonce, fees=None)


def deploy(client: ChainClient, deployer_key: bytes, timeout_s: float = 30.0) -> str:
    """Create the contract, wait until it is mined, and return its address.

    A crash in between loses the address, not the contract: sign, store and broadcast by
    `sign_deployment` where a deployment costs money.

    Raises:
        ChainError: The transaction was not mined in time, or reverted.
    """
    signed = sign_deployment(client, deployer_key)
    receipt = client.await_receipt(client.broadcast(signed.raw), timeout_s)
    if receipt is None or not receipt.succeeded or receipt.contract_address is None:
        raise ChainError(f"the deployment {signed.tx_hash.hex()} was not mined in time")
    return Web3.to_checksum_address(receipt.contract_address)


class AnchorContract:
    """One deployed anchor contract."""

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
            raise NoContractError(f"{self.address} holds {found}, not the anchor contract")

    def head(self, log_id: bytes, block: Block = "latest") -> OnChainHead | None:
        """Return the last head of a log, None when the log is not open there."""
        size, root, map_root = self._read("head", [log_id], block)
        return None if size == 0 else OnChainHead(size=size, root=root, map_root=map_root)

    def record(self, log_id: bytes, size: int, block: Block = "latest") -> bytes | None:
        """Return the commitment recorded for a size, None when that size was never anchored."""
        (found,) = self._read("record", [log_id, size], block)
        return None if found == ZERO_WORD else bytes(found)

    def signer_at(self, log_id: bytes, size: int) -> bytes | None:
        """Return the address (20 bytes) that signs heads of a size, None for an unknown log."""
        (found,) = self._read("signerAt", [log_id, size], "latest")
        return _address_bytes(found)

    def registrar(self, log_id: bytes) -> bytes | None:
        """Return the registrar's address (20 bytes), None for an unknown log."""
        (found,) = self._read("registrarOf", [log_id], "latest")
        return _address_bytes(found)

    def nonce(self, log_id: bytes) -> int:
        """Return the number that the registrar's next order must carry."""
        (found,) = self._read("nonceOf", [log_id], "latest")
        return int(found)

    def paused_until(self, log_id: bytes) -> int:
        """Return when the last pause ends or ended, in Unix seconds; 0 when there was none."""
        (found,) = self._read("pausedUntil", [log_id], "latest")
        return int(found)

    def sign_genesis(
        self,
        key: bytes,
        identity: LogIdentity,
        head: OnChainHead,
        signature: bytes,
        *,
        nonce: int | None = None,
        fees: Fees | None = None,
    ) -> SignedTransaction:
        """Sign the transaction that opens a log with its first head.

        Args:
            key: The payer's private key, 32 bytes; it has no authority over the log.
            identity: What logId commits to.
            head: The first head, size at least 1.
            signature: Head signature by identity.head_signer, 65 bytes.
            nonce: The payer's nonce; the next one of the latest block when None.
            fees: What to offer; by the client's rule when None.

        Raises:
            ContractRejectedError: The contract would refuse it, as simulated on the latest block.
        """
        arguments = [
            identity.log_id(),
            identity.origin,
            Web3.to_checksum_address(identity.head_signer),
            Web3.to_checksum_address(identity.registrar),
            identity.checkpoint_key,
            head.size,
            head.root,
            head.map_root,
            signature,
        ]
        return self._sign_call(key, "genesis", arguments, nonce=nonce, fees=fees)

    def sign_anchor(
        self,
        key: bytes,
        log_id: bytes,
        old_size: int,
        head: OnChainHead,
        proof: Sequence[bytes],
        signature: bytes,
        *,
        nonce: int | None = None,
        fees: Fees | None = None,
    ) -> SignedTransaction:
        """Sign the transaction that anchors a head.

        Args:
            key: The payer's private key, 32 bytes; it has no authority over the log.
            log_id: 32 bytes.
            old_size: Size of the head on the chain.
            head: The new head.
            proof: RFC 9162 consistency proof from old_size to head.size.
            signature: Head signature, 65 bytes.
            nonce: The payer's nonce; the next one of the latest block when None.
            fees: What to offer; by the client's rule when None.

        Raises:
            StaleOldSizeError: The head on the chain has another size.
            ContractRejectedError: The contract would refuse it, as simulated on the latest block.
        """
        arguments = [
            log_id,
            old_size,
            head.size,
            head.root,
            head.map_root,
            list(proof),
            signature,
        ]
        return self._sign_call(key, "anchor", arguments, nonce=nonce, fees=fees)

    def sign_rotate_registrar(
        self, key: bytes, log_id: bytes, incoming: bytes, order: int, signature: bytes
    ) -> SignedTransaction:
        """Sign the transaction that hands the registrar's office over.

        Args:
            key: The payer's private key, 32 bytes; it has no authority over the log.
            log_id: 32 bytes.
            incoming: The new registrar's address, 20 bytes.
            order: The order's number, `nonce` of the log.
            signature: RotateRegistrar signature by the outgoing registrar, 65 bytes.

        Raises:
            ContractRejectedError: The contract would refuse it, as simulated on the latest block.
        """
        arguments = [log_id, Web3.to_checksum_address(incoming), order, signature]
        return self._sign_call(key, "rotateRegistrar", arguments, nonce=None, fees=None)

    def explain_failure(self, signed: SignedTransaction, receipt: Receipt) -> ContractRejectedError:
        """Return why a mined transaction reverted, by running it again before its block.

        The answer is a diagnosis: another transaction of the same block may have changed the state.
        """
        sender = Account.recover_transaction(signed.raw)
        found = self.client.rpc("eth_getTransactionByHash", "0x" + signed.tx_hash.hex())
        request = {"from": sender, "to": self.address, "data": found["input"]}
        try:
            self.client.rpc("eth_call", request, hex(receipt.block_number - 1))
        except RpcError as error:
            return _ARTIFACT.rejection(error)
        return ContractRejectedError("unknown", {})

    def _sign_call(
        self, key: bytes, name: str, arguments: list[Any], *, nonce: int | None, fees: Fees | None
    ) -> SignedTransaction:
        data, to = _ARTIFACT.encode(name, arguments), self.address
        try:
            return sign_transaction(self.client, key, to=to, data=data, nonce=nonce, fees=fees)
        except RpcError as error:
            if not error.data:
                raise
            raise _ARTIFACT.rejection(error) from error

    def _read(self, name: str, arguments: list[Any], block: Block) -> tuple[Any, ...]:
        answer = self.client.call(self.address, _ARTIFACT.encode(name, arguments), block)
        if not answer:
            raise NoContractError(f"{self.address} holds no contract")
        return _ARTIFACT.decode(name, answer)


def _address_bytes(value: str) -> bytes | None:
    found = bytes.fromhex(value[2:])
    return found if any(found) else None
