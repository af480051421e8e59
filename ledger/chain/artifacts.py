"""Compiled contracts by name, their codec, and transactions that are signed and not yet sent.

The files come from contracts/artifacts, which a check rebuilds byte for byte from the sources.
"""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from eth_account import Account
from web3 import Web3

from ledger.chain.client import ChainClient, Fees
from ledger.chain.errors import ContractRejectedError, RpcError, StaleOldSizeError
from ledger.core.eip712 import keccak

FOLDER = Path(__file__).resolve().parents[2] / "contracts" / "artifacts"
GAS_MARGIN_PERCENT = 20  # the head may have moved by a rotation between simulation and mining


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedTransaction:
    """A transaction ready to broadcast, any number of times.

    Attributes:
        raw: The signed bytes.
        tx_hash: 32 bytes.
        nonce: The sender's nonce in it.
        fees: What it offers; `fees.bumped()` is what a replacement must offer.
        gas: Its gas limit.
    """

    raw: bytes
    tx_hash: bytes
    nonce: int
    fees: Fees
    gas: int


class Artifact:
    """One compiled contract, and how its calls, answers and errors are spelt."""

    def __init__(self, name: str) -> None:
        """Take the contract's name; the file is read at first use."""
        self._name = name

    @functools.cached_property
    def _members(self) -> dict[str, Any]:
        members: dict[str, Any] = orjson.loads((FOLDER / f"{self._name}.json").read_bytes())
        return members

    @functools.cached_property
    def _interface(self) -> Any:  # noqa: ANN401 - web3 builds the class from the ABI
        return _web3().eth.contract(abi=self._members["abi"])

    @functools.cached_property
    def _errors(self) -> dict[bytes, dict[str, Any]]:
        found = {}
        for entry in self._members["abi"]:
            if entry["type"] == "error":
                types = ",".join(item["type"] for item in entry["inputs"])
                found[keccak(f"{entry['name']}({types})".encode())[:4]] = entry
        return found

    def creation_code(self) -> bytes:
        """Return what a deployment sends."""
        return bytes.fromhex(self._members["bytecode"][2:])

    def deployed_code(self) -> bytes:
        """Return the code that the contract has at every address on every chain."""
        return bytes.fromhex(self._members["deployedBytecode"][2:])

    def encode(self, name: str, arguments: list[Any]) -> bytes:
        """Return the data of a call."""
        return bytes.fromhex(self._interface.encode_abi(name, args=arguments)[2:])

    def decode(self, name: str, answer: bytes) -> tuple[Any, ...]:
        """Return the values that a call answered."""
        entry = next(item for item in self._members["abi"] if item.get("name") == name)
        return _decode([item["type"] for item in entry["outputs"]], answer)

    def rejection(self, error: RpcError) -> ContractRejectedError:
        """Return why the contract reverts, by the error's own name."""
        entry = self._errors.get(error.data[:4])
        if entry is None:
            return ContractRejectedError("unknown", {"data": error.data})
        values = _decode([item["type"] for item in entry["inputs"]], error.data[4:])
        names = [item["name"] for item in entry["inputs"]]
        arguments = dict(zip(names, values, strict=True))
        if entry["name"] == "StaleOldSize":
            return StaleOldSizeError(int(arguments["actual"]))
        return ContractRejectedError(entry["name"], arguments)


def sign_transaction(
    client: ChainClient,
    key: bytes,
    *,
    to: str | None,
    data: bytes,
    nonce: int | None,
    fees: Fees | None,
) -> SignedTransaction:
    """Sign a transaction; nothing is sent.

    Args:
        client: The chain.
        key: The payer's private key, 32 bytes.
        to: The contract, None to create one.
        data: The call, or the creation code.
        nonce: The payer's nonce; the next one of the latest block when None.
        fees: What to offer; by the client's rule when None.

    Raises:
        RpcError: The call would revert, as simulated on the latest block.
    """
    account = Account.from_key(key)
    gas = client.estimate_gas(account.address, to, data)
    gas += gas * GAS_MARGIN_PERCENT // 100
    fees = fees or client.fees()
    nonce = client.nonce(account.address) if nonce is None else nonce
    transaction: dict[str, Any] = {
        "type": 2,
        "chainId": client.chain_id,
        "nonce": nonce,
        "gas": gas,
        "maxFeePerGas": fees.max_fee,
        "maxPriorityFeePerGas": fees.tip,
        "value": 0,
        "data": data,
    }
    if to is not None:
        transaction["to"] = to
    signed = account.sign_transaction(transaction)
    return SignedTransaction(
        raw=bytes(signed.raw_transaction),
        tx_hash=bytes(signed.hash),
        nonce=nonce,
        fees=fees,
        gas=gas,
    )


@functools.cache
def _web3() -> Web3:
    """Only for its codec: it is connected to nothing."""
    return Web3()


def _decode(types: list[str], encoded: bytes) -> tuple[Any, ...]:
    return tuple(_web3().codec.decode(types, encoded))
