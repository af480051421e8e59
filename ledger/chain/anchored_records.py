"""An auditor's view of a chain: what the home contract recorded of one log. Reads only."""

from ledger.chain.anchor_contract import AnchorContract
from ledger.chain.client import ChainClient
from ledger.core.facts import LogIdentity


class AnchoredRecords:
    """Head and records of one log."""

    def __init__(self, client: ChainClient, identity: LogIdentity) -> None:
        """Bind the log's home contract."""
        self._contract = AnchorContract(client, "0x" + identity.contract.hex())
        self._log_id = identity.log_id()

    def verify_code(self) -> None:
        """Raise unless the contract is the anchor contract.

        Raises:
            NoContractError: There is no code, or other code.
        """
        self._contract.verify_code()

    def head(self) -> tuple[int, bytes] | None:
        """Return size and root of the last head, None when the log is not open there."""
        head = self._contract.head(self._log_id)
        return None if head is None else (head.size, head.root)

    def record(self, size: int) -> bytes | None:
        """Return the record of a size, None when it was never anchored."""
        return self._contract.record(self._log_id, size)
