"""The anchor worker's view of a chain: one contract, one log, one paying wallet."""

from collections.abc import Callable, Sequence
from typing import Protocol

from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from web3.types import HexBytes  # type: ignore[attr-defined]  # what eth-account takes

from ledger.chain.anchor_contract import AnchorContract, OnChainHead, address_of
from ledger.chain.client import DEFAULT_MAX_FEE_WEI, FULL_TRANSACTIONS, ChainClient, Fees
from ledger.core.facts import LogIdentity


class SignedHead(Protocol):
    """A published head."""

    @property
    def size(self) -> int:
        """Number of leaves."""
        ...

    @property
    def root(self) -> bytes:
        """32 bytes."""
        ...

    @property
    def map_root(self) -> bytes:
        """32 bytes."""
        ...

    @property
    def signature(self) -> bytes:
        """65 bytes."""
        ...


class LogOnChain:
    """Anchors one log through one contract."""

    def __init__(
        self,
        client: ChainClient,
        identity: LogIdentity,
        wallet_key: bytes,
        settle: Callable[[], None] | None = None,
    ) -> None:
        """Bind the log's home contract.

        Args:
            client: The chain.
            identity: Of the log.
            wallet_key: Pays, and has no other authority.
            settle: Makes a devnet, where nobody else mines, go on until all that is mined is final.
        """
        self._client = client
        self._settle = settle
        self._contract = AnchorContract(client, "0x" + identity.contract.hex())
        self._identity = identity
        self._log_id = identity.log_id()
        self._key = wallet_key
        self._wallet = address_of(wallet_key)

    @property
    def chain_id(self) -> int:
        """The chain's id."""
        return self._identity.chain_id

    @property
    def wallet(self) -> bytes:
        """The paying address, 20 bytes."""
        return bytes.fromhex(self._wallet[2:])

    def anchored_head(self) -> tuple[int, bytes] | None:
        """Return size and root of the last head there, None when the log is not open there."""
        head = self._contract.head(self._log_id)
        return None if head is None else (head.size, head.root)

    def mined_nonce(self) -> int:
        """Return how many transactions of the wallet are mined."""
        return self._client.nonce(self._wallet)

    def sign(
        self, head: SignedHead, old_size: int, proof: Sequence[bytes], nonce: int
    ) -> tuple[bytes, bytes]:
        """Return raw bytes and hash of the transaction that anchors head (genesis at old_size 0).

        Raises:
            StaleOldSizeError: The head on the chain has another size.
            ContractRejectedError: The contract would refuse it.
        """
        on_chain = OnChainHead(size=head.size, root=head.root, map_root=head.map_root)
        if old_size == 0:
            signed = self._contract.sign_genesis(
                self._key, self._identity, on_chain, head.signature, nonce=nonce
            )
        else:
            signed = self._contract.sign_anchor(
                self._key, self._log_id, old_size, on_chain, proof, head.signature, nonce=nonce
            )
        return signed.raw, signed.tx_hash

    def replacement(self, raw: bytes) -> tuple[bytes, bytes] | None:
        """Return raw bytes and hash of the same call with the same nonce and higher fees.

        Nodes take a replacement from +10 % of both fees; it offers what is usual now if that is
        more. None when it offers the most that it may already.
        """
        call = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
        offered = Fees(max_fee=call["maxFeePerGas"], tip=call["maxPriorityFeePerGas"]).bumped()
        usual = self._client.fees()
        if offered.max_fee > DEFAULT_MAX_FEE_WEI:
            return None
        kept = {name: value for name, value in call.items() if name not in {"v", "r", "s"}}
        kept["maxFeePerGas"] = max(offered.max_fee, usual.max_fee)
        kept["maxPriorityFeePerGas"] = max(offered.tip, usual.tip)
        signed = Account.sign_transaction(kept, self._key)
        return bytes(signed.raw_transaction), bytes(signed.hash)

    def broadcast(self, raw: bytes) -> None:
        """Hand signed bytes to the node; repeating it is harmless."""
        self._client.broadcast(raw)

    def mined_in(self, tx_hash: bytes, size: int) -> tuple[int, bytes, bool] | None:
        """Return canonical number and hash of the block that a transaction was mined in.

        And whether the head of size was recorded there: by it, or before it by anybody else. Who
        copies an anchor out of the pool makes it revert, and has paid for it.
        """
        receipt = self._client.find_receipt(tx_hash)
        if receipt is None:
            return None
        number = receipt.block_number
        recorded = receipt.succeeded or (
            self._contract.record(self._log_id, size, number) is not None
        )
        return number, receipt.block_hash, recorded

    def settled_number(self, state: str) -> int:
        """Return the height up to which blocks are `safe` or `final`."""
        if self._settle is not None:
            self._settle()
        if state == "final":
            return self._client.finalized_number()
        block = self._client.rpc("eth_getBlockByNumber", "safe", FULL_TRANSACTIONS)
        return 0 if block is None else int(block["number"], 16)
