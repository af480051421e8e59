"""Step `anchor` of docs/spec/bundle.md: the chain holds the head (docs/spec/log.md, Anchor)."""

import re

from unbroken_verifier.canonical import JsonValue
from unbroken_verifier.eip712 import Z32, keccak, uint
from unbroken_verifier.entry import Genesis
from unbroken_verifier.errors import NotFinalError, RefusedError, RpcError
from unbroken_verifier.jsonrpc import Rpc
from unbroken_verifier.parts import Head
from unbroken_verifier.policy import Policy

RECORD_SELECTOR = keccak(b"record(bytes32,uint64)")[:4]


def verify_anchor(rpc: Rpc, log: Genesis, head: Head, policy: Policy) -> None:
    """The chain is the log's, and its contract recorded this head at the policy's block.

    Raises:
        RefusedError: another chain, another record, none at all, or other code than pinned.
        NotFinalError: recorded at `latest`, but not yet at the policy's block.
        RpcError: the endpoint gave no usable answer.
    """
    chain_id = _quantity(rpc, rpc.call("eth_chainId", []))
    if chain_id != log.chain_id:
        raise RefusedError(f"{rpc.name} serves chain {chain_id}, not {log.chain_id}")
    wanted = keccak(head.root + head.map_root)
    actual = _record(rpc, log, head.size, policy.block)
    if actual == Z32 and policy.block != "latest":
        actual = _record(rpc, log, head.size, "latest")
        if actual == wanted:
            raise NotFinalError(
                f"{rpc.name}: size {head.size} is anchored, but not yet at block {policy.block}"
            )
    if actual == Z32:
        raise RefusedError(f"{rpc.name} has no anchor of size {head.size}")
    if actual != wanted:
        raise RefusedError(f"{rpc.name} has another head anchored at size {head.size}")
    if policy.code_hash is not None:
        verify_code(rpc, log.contract, policy.code_hash, policy.block)


def verify_code(rpc: Rpc, contract: bytes, code_hash: bytes, block: str) -> None:
    """The contract's code has the pinned Keccak-256.

    Raises:
        RefusedError: it has another one.
        RpcError: the endpoint gave no usable answer.
    """
    code = _data(rpc, rpc.call("eth_getCode", ["0x" + contract.hex(), block]))
    if keccak(code) != code_hash:
        raise RefusedError(f"{rpc.name}: the contract's code hashes to {keccak(code).hex()}")


def _record(rpc: Rpc, log: Genesis, size: int, block: str) -> bytes:
    """`record(logId, size)` at a block; Z as well where the contract does not exist yet."""
    data = RECORD_SELECTOR + log.log_id + uint(size)
    call: JsonValue = {"to": "0x" + log.contract.hex(), "data": "0x" + data.hex()}
    answer = _data(rpc, rpc.call("eth_call", [call, block]))
    if len(answer) not in {0, 32}:
        raise RefusedError(f"{rpc.name}: the contract answers {len(answer)} bytes, not 32")
    return answer or Z32


def _quantity(rpc: Rpc, value: JsonValue) -> int:
    if not isinstance(value, str) or not re.fullmatch("0x[0-9a-fA-F]{1,64}", value):
        raise RpcError(f"{rpc.name} answered no quantity")
    return int(value, 16)


def _data(rpc: Rpc, value: JsonValue) -> bytes:
    if not isinstance(value, str) or not re.fullmatch("0x(?:[0-9a-fA-F]{2})*", value):
        raise RpcError(f"{rpc.name} answered no bytes")
    return bytes.fromhex(value[2:])
