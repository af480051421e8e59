"""One chain over JSON-RPC: what is mined, what is final, what a transaction costs.

Answers are checked, not believed: the chain id once per client, a receipt's block against the
canonical block of that height. Only `await_receipt` waits; elsewhere the caller decides when to ask
again.
"""

import time
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from web3 import HTTPProvider, Web3
from web3.exceptions import Web3Exception
from web3.types import RPCEndpoint

from ledger.chain.errors import (
    ChainUnreachableError,
    RpcError,
    TransactionRefusedError,
    WrongChainError,
)
from ledger.core.eip712 import keccak

Block: TypeAlias = int | Literal["latest", "safe", "finalized"]

GWEI = 10**9
DEFAULT_TIP_WEI = GWEI  # what wallets offer in quiet times
DEFAULT_MAX_FEE_WEI = 500 * GWEI  # above any base fee of the last years: a wallet's seat belt
REPLACEMENT_DIVISOR = 8  # nodes take a replacement from +10 %; one eighth is on the safe side
FULL_TRANSACTIONS = False  # of a block, only its header is of interest
FIRST_POLL_S, LAST_POLL_S = 0.002, 1.0

# Answers to a transaction that the node has already: the receipt decides, not this text.
_ALREADY_THERE = ("already known", "already imported", "nonce too low", "alreadyknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalityPolicy:
    """When a block counts as final: the chain's own `finalized` tag, or a number of confirmations.

    Attributes:
        confirmations: Blocks that must follow; None means the `finalized` tag.
    """

    confirmations: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fees:
    """EIP-1559 fees in wei per gas."""

    max_fee: int
    tip: int

    def bumped(self) -> "Fees":
        """Return the fees with which a transaction of the same nonce may replace this one."""
        return Fees(
            max_fee=self.max_fee + self.max_fee // REPLACEMENT_DIVISOR + 1,
            tip=self.tip + self.tip // REPLACEMENT_DIVISOR + 1,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A mined transaction whose block is canonical at the moment of asking."""

    tx_hash: bytes
    block_number: int
    block_hash: bytes
    succeeded: bool
    gas_used: int
    contract_address: str | None


class ChainClient:
    """JSON-RPC to one node of one chain. Safe to use from several threads."""

    def __init__(
        self,
        rpc_url: str,
        *,
        chain_id: int | None = None,
        timeout_s: float = 10.0,
        finality: FinalityPolicy | None = None,
        tip_wei: int = DEFAULT_TIP_WEI,
        max_fee_wei: int = DEFAULT_MAX_FEE_WEI,
    ) -> None:
        """Connect to nothing yet.

        Args:
            rpc_url: Where the node answers.
            chain_id: The chain it must serve; None takes whatever it serves at the first request.
            timeout_s: Seconds for one request.
            finality: When a block counts as final; the `finalized` tag when None.
            tip_wei: Priority fee offered, wei per gas.
            max_fee_wei: Never offer more than this, wei per gas.
        """
        self.rpc_url = rpc_url
        self._expected_chain_id = chain_id
        self._checked_chain_id: int | None = None
        self._finality = finality or FinalityPolicy()
        self._tip_wei = tip_wei
        self._max_fee_wei = max_fee_wei
        self._provider = HTTPProvider(
            rpc_url,
            request_kwargs={"timeout": timeout_s},
            exception_retry_configuration=None,
        )

    @property
    def chain_id(self) -> int:
        """The chain's id, checked against the configured one.

        Raises:
            WrongChainError: The node serves another chain.
            ChainUnreachableError: No usable answer.
        """
        if self._checked_chain_id is None:
            actual = _quantity(self._ask("eth_chainId"))
            if self._expected_chain_id not in (None, actual):
                raise WrongChainError(self._expected_chain_id or 0, actual)
            self._checked_chain_id = actual
        return self._checked_chain_id

    def rpc(self, method: str, *params: object) -> Any:  # noqa: ANN401 - JSON, checked by callers
        """Return the result of one request, after the chain id was checked.

        Raises:
            ChainUnreachableError: No usable answer.
            WrongChainError: The node serves another chain.
            RpcError: The node answered an error.
        """
        _ = self.chain_id
        return self._ask(method, *params)

    def latest_number(self) -> int:
        """Return the height of the chain."""
        return _quantity(self.rpc("eth_blockNumber"))

    def block_hash(self, number: int) -> bytes | None:
        """Return the hash of the canonical block at a height, None above the top."""
        block = self.rpc("eth_getBlockByNumber", hex(number), FULL_TRANSACTIONS)
        return None if block is None else _octets(block["hash"])

    def finalized_number(self) -> int:
        """Return the height of the last block that is final by the policy; 0 is the genesis."""
        if self._finality.confirmations is not None:
            return max(0, self.latest_number() - self._finality.confirmations)
        block = self.rpc("eth_getBlockByNumber", "finalized", FULL_TRANSACTIONS)
        return 0 if block is None else _quantity(block["number"])

    def nonce(self, address: str) -> int:
        """Return how many transactions of an address are mined.

        Asked at `latest`, never at `pending`: nodes leave stuck transactions out of the latter, so
        the next nonce comes from the caller's own table, checked against this.
        """
        return _quantity(
            self.rpc("eth_getTransactionCount", Web3.to_checksum_address(address), "latest")
        )

    def balance(self, address: str) -> int:
        """Return an address's balance in wei."""
        return _quantity(self.rpc("eth_getBalance", Web3.to_checksum_address(address), "latest"))

    def code(self, address: str, block: Block = "latest") -> bytes:
        """Return the code at an address, empty when there is none."""
        return _octets(self.rpc("eth_getCode", Web3.to_checksum_address(address), block_tag(block)))

    def storage(self, address: str, slot: bytes, block: Block = "latest") -> bytes:
        """Return the 32 bytes of a storage slot (32 bytes)."""
        return _octets(
            self.rpc(
                "eth_getStorageAt", Web3.to_checksum_address(address), _hex(slot), block_tag(block)
            )
        )

    def call(self, address: str, data: bytes, block: Block = "latest") -> bytes:
        """Return what a read-only call returns.

        Raises:
            RpcError: Also when the call reverts; its data then holds the revert bytes.
        """
        request = {"to": Web3.to_checksum_address(address), "data": _hex(data)}
        return _octets(self.rpc("eth_call", request, block_tag(block)))

    def estimate_gas(self, sender: str, to: str | None, data: bytes) -> int:
        """Return the gas that a transaction takes when simulated on the latest block.

        Raises:
            RpcError: Also when it would revert; its data then holds the revert bytes.
        """
        request = {"from": Web3.to_checksum_address(sender), "data": _hex(data)}
        if to is not None:
            request["to"] = Web3.to_checksum_address(to)
        return _quantity(self.rpc("eth_estimateGas", request, "latest"))

    def fees(self) -> Fees:
        """Return fees that outlast six full blocks: twice the base fee plus the tip, capped."""
        block = self.rpc("eth_getBlockByNumber", "latest", FULL_TRANSACTIONS)
        base = _quantity(block["baseFeePerGas"])
        max_fee = min(2 * base + self._tip_wei, self._max_fee_wei)
        return Fees(max_fee=max_fee, tip=min(self._tip_wei, max_fee))

    def find_receipt(self, tx_hash: bytes) -> Receipt | None:
        """Return the receipt of a transaction, None unless its block is canonical now.

        A receipt alone proves nothing after a reorganisation, so its block hash is compared with
        the hash of the canonical block at that height.
        """
        found = self.rpc("eth_getTransactionReceipt", _hex(tx_hash))
        if found is None or found.get("blockHash") is None:
            return None
        number = _quantity(found["blockNumber"])
        block_hash = _octets(found["blockHash"])
        if self.block_hash(number) != block_hash:
            return None
        return Receipt(
            tx_hash=tx_hash,
            block_number=number,
            block_hash=block_hash,
            succeeded=_quantity(found["status"]) == 1,
            gas_used=_quantity(found["gasUsed"]),
            contract_address=found.get("contractAddress"),
        )

    def await_receipt(self, tx_hash: bytes, timeout_s: float) -> Receipt | None:
        """Ask for a receipt until it is there or the time is over; for development and set-up."""
        deadline = time.monotonic() + timeout_s
        pause_s = FIRST_POLL_S
        while True:
            receipt = self.find_receipt(tx_hash)
            if receipt is not None or time.monotonic() >= deadline:
                return receipt
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, LAST_POLL_S)

    def broadcast(self, raw: bytes) -> bytes:
        """Hand a signed transaction to the node and return its hash.

        Repeating it is harmless: "already known" and "nonce too low" are not errors, since the
        transaction may be pooled or mined; its receipt tells. A crash after this call loses
        nothing as long as the caller stored the bytes before.

        Raises:
            TransactionRefusedError: The node refused it for any other reason.
            ChainUnreachableError: It is unknown whether the node took it: broadcast again.
        """
        tx_hash = keccak(raw)
        try:
            self.rpc("eth_sendRawTransaction", _hex(raw))
        except RpcError as error:
            if not any(text in error.message.lower() for text in _ALREADY_THERE):
                raise TransactionRefusedError(error.message) from error
        return tx_hash

    def _ask(self, method: str, *params: object) -> Any:  # noqa: ANN401 - JSON, checked by callers
        try:
            received = self._provider.make_request(RPCEndpoint(method), list(params))
        except (OSError, ValueError, Web3Exception) as error:
            # OSError covers the HTTP client's errors, ValueError a body that is not JSON.
            raise ChainUnreachableError(f"{self.rpc_url}: {method}: {error}") from error
        answer: Any = received
        if not isinstance(answer, dict) or not {"error", "result"} & answer.keys():
            raise ChainUnreachableError(f"{self.rpc_url}: {method}: not a JSON-RPC answer")
        if answer.get("error") is not None:
            raise _rpc_error(method, answer["error"])
        return answer["result"]


def block_tag(block: Block) -> str:
    """Return a block as JSON-RPC spells it."""
    return hex(block) if isinstance(block, int) else block


def _rpc_error(method: str, error: object) -> RpcError:
    if not isinstance(error, dict):
        return RpcError(method, 0, str(error), b"")
    data = error.get("data")
    if isinstance(data, dict):  # some nodes wrap the revert bytes once more
        data = data.get("data")
    is_hex = isinstance(data, str) and data.startswith("0x")
    return RpcError(
        method,
        int(error.get("code", 0)),
        str(error.get("message", "")),
        bytes.fromhex(data[2:]) if is_hex and data is not None else b"",
    )


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


def _octets(value: object) -> bytes:
    if not isinstance(value, str) or not value.startswith("0x"):
        raise ChainUnreachableError(f"the node answered {str(value)[:80]!r} for hex bytes")
    try:
        return bytes.fromhex(value[2:])
    except ValueError as error:
        raise ChainUnreachableError(f"the node answered {value[:80]!r} for hex bytes") from error


def _quantity(value: object) -> int:
    if not isinstance(value, str) or not value.startswith("0x"):
        raise ChainUnreachableError(f"the node answered {str(value)[:80]!r} for a number")
    try:
        return int(value, 16)
    except ValueError as error:
        raise ChainUnreachableError(f"the node answered {value[:80]!r} for a number") from error
