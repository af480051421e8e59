"""Orders of the registrar to the anchor contract: hands over its office there too.

The log and the chain each know a registrar, and each learns of a rotation by itself. The order is
signed for one contract on one chain and carries a number, so that it is valid once.
"""

from ledger.chain.anchor_contract import AnchorContract
from ledger.chain.errors import ChainError
from ledger.core.eip712 import WORD, keccak, typed_digest
from ledger.core.facts import LogIdentity
from ledger.core.signatures import sign

TIMEOUT_S = 30.0
_DOMAIN_TYPE = keccak(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_ROTATE_TYPE = keccak(b"RotateRegistrar(bytes32 logId,address newRegistrar,uint64 nonce)")


def rotation_digest(identity: LogIdentity, incoming: bytes, order: int) -> bytes:
    """Return what the outgoing registrar signs (contracts/src/IUnbrokenAnchor.sol)."""
    separator = keccak(
        _DOMAIN_TYPE + keccak(b"Unbroken Anchor") + keccak(b"1")
        + identity.chain_id.to_bytes(WORD, "big") + bytes(12) + identity.contract
    )  # fmt: skip
    number = order.to_bytes(WORD, "big")
    return typed_digest(
        separator, keccak(_ROTATE_TYPE + identity.log_id() + bytes(12) + incoming + number)
    )


def rotate_on_chain(
    contract: AnchorContract,
    identity: LogIdentity,
    payer_key: bytes,
    outgoing_key: bytes,
    incoming: bytes,
) -> None:
    """Hand the office over and return when it is mined; sent twice, the second has an old number.

    Raises:
        ChainError: It was not mined in time, or reverted.
        ContractRejectedError: outgoing_key is not the registrar's there.
    """
    log_id = identity.log_id()
    order = contract.nonce(log_id)
    signature = sign(outgoing_key, rotation_digest(identity, incoming, order))
    signed = contract.sign_rotate_registrar(payer_key, log_id, incoming, order, signature)
    client = contract.client
    receipt = client.await_receipt(client.broadcast(signed.raw), TIMEOUT_S)
    if receipt is None:
        raise ChainError(f"the rotation {signed.tx_hash.hex()} was not mined in time: repeat it")
    if not receipt.succeeded:
        raise contract.explain_failure(signed, receipt)
