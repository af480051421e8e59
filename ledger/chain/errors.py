"""What can go wrong between the ledger and a chain, by fault domain."""

from collections.abc import Mapping

from ledger.core.errors import LedgerError


class ChainError(LedgerError):
    """Base of every error of this package."""


class ChainUnreachableError(ChainError):
    """No usable answer came from the node: it is down, too slow, or does not speak JSON-RPC."""


class WrongChainError(ChainError):
    """The node serves another chain than the one that was configured."""

    def __init__(self, expected: int, actual: int) -> None:
        """Keep both chain ids."""
        self.expected, self.actual = expected, actual
        super().__init__(f"the node serves chain {actual}, not {expected}")


class RpcError(ChainError):
    """The node answered a JSON-RPC error."""

    def __init__(self, method: str, code: int, message: str, data: bytes) -> None:
        """Keep the parts; data holds the revert bytes of a call, and is empty otherwise."""
        self.method, self.code, self.message, self.data = method, code, message, data
        super().__init__(f"{method}: {message} ({code})")


class TransactionRefusedError(ChainError):
    """The node did not take the transaction into its pool, and it is not mined either."""


class NoContractError(ChainError):
    """There is no code at the address that should hold the anchor contract."""


class ContractRejectedError(ChainError):
    """The contract would revert, or reverted, with one of its own errors."""

    def __init__(self, name: str, arguments: Mapping[str, object]) -> None:
        """Keep the error's name in the interface and its values by name."""
        self.name, self.arguments = name, dict(arguments)
        values = ", ".join(f"{key}={_shown(value)}" for key, value in self.arguments.items())
        super().__init__(f"the anchor contract rejected it: {name}({values})")


class StaleOldSizeError(ContractRejectedError):
    """The head on the chain is not the one that the proof starts from."""

    def __init__(self, actual: int) -> None:
        """Keep the size of the head on the chain."""
        self.actual = actual
        super().__init__("StaleOldSize", {"actual": actual})


class DevnetError(ChainError):
    """The development network could not be started or stopped."""


def _shown(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
