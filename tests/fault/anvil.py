"""Anvil as a chain that obeys: it mines when told, forgets, reorganises, gets dear."""

from dataclasses import dataclass

from eth_account import Account

from ledger.chain.anchor_contract import AnchorContract
from ledger.chain.anchored_records import AnchoredRecords
from ledger.chain.anchoring import LogOnChain
from ledger.chain.client import GWEI, ChainClient
from ledger.core.facts import LogIdentity
from ledger.service.ports import Head
from tests.contracts.anchored_log import NO_MAP, AnchoredLog

ETHER = 10**18


@dataclass(slots=True)
class Anvil:
    """One Anvil with one contract, shared by tests: each pays from a wallet of its own."""

    client: ChainClient
    contract: AnchorContract

    def begin(self) -> None:
        """Bury what other tests did, and mine by hand."""
        self.client.rpc("anvil_dropAllTransactions")
        self.client.rpc("evm_setAutomine", False)  # noqa: FBT003 -- JSON-RPC
        self.client.rpc("anvil_setNextBlockBaseFeePerGas", hex(GWEI))
        self.mine(4)

    def wallet(self) -> bytes:
        """Return the key of a new account with money."""
        account = Account.create()
        self.client.rpc("anvil_setBalance", account.address, hex(10 * ETHER))
        return bytes(account.key)

    def mine(self, blocks: int = 1) -> None:
        self.client.rpc("anvil_mine", hex(blocks))

    def reorg(self, depth: int, again: tuple[bytes, ...] = ()) -> None:
        """Replace the last blocks; the new first one may hold transactions of the old again."""
        pairs = [["0x" + raw.hex(), 0] for raw in again]
        self.client.rpc("anvil_reorg", depth, pairs)

    def drop(self) -> None:
        self.client.rpc("anvil_dropAllTransactions")

    def outbid(self) -> None:
        """Raise the base fee a hundredfold, which no offer made before outlasts."""
        block = self.client.rpc("eth_getBlockByNumber", "latest", False)  # noqa: FBT003
        base = int(block["baseFeePerGas"], 16)
        self.client.rpc("anvil_setNextBlockBaseFeePerGas", hex(100 * base))

    def link(self, identity: LogIdentity, wallet: bytes) -> LogOnChain:
        return LogOnChain(self.client, identity, wallet)

    def records(self, identity: LogIdentity) -> AnchoredRecords:
        return AnchoredRecords(self.client, identity)


class AnvilStand:
    """A log on Anvil for the contract suite."""

    def __init__(self, anvil: Anvil) -> None:
        self._anvil = anvil
        wallet = anvil.wallet()
        self._log = AnchoredLog(contract=anvil.contract, payer=wallet)
        self.chain = anvil.link(self._log.identity, wallet)
        self.mine, self.reorg = anvil.mine, anvil.reorg
        self.drop, self.outbid = anvil.drop, anvil.outbid

    def head(self, size: int) -> Head:
        head = self._log.head(size)
        return Head(
            size=size, root=head.root, map_root=NO_MAP, signature=self._log.signature(head),
            note=b"", published_ms=0,
        )  # fmt: skip

    def proof(self, old: int, new: int) -> list[bytes]:
        return self._log.proof(old, new)
