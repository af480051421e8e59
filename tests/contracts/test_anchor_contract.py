"""The typed binding, against the contract on Anvil."""

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from ledger.chain.anchor_contract import (
    AnchorContract,
    deployed_code,
    record_commitment,
    record_slot,
)
from ledger.chain.client import ChainClient, Fees
from ledger.chain.errors import ContractRejectedError, NoContractError, StaleOldSizeError
from ledger.core.signatures import address_of
from tests.contracts.anchored_log import MINED_WITHIN_S, NO_MAP, AnchoredLog

pytestmark = pytest.mark.chain

MAP_ROOT = bytes(range(32))


def test_unknown_log_has_no_head_no_record_and_no_keys(log: AnchoredLog) -> None:
    contract = log.contract
    assert contract.head(log.log_id) is None
    assert contract.record(log.log_id, 1) is None
    assert contract.signer_at(log.log_id, 1) is None
    assert contract.registrar(log.log_id) is None


def test_genesis_then_anchors_leave_a_record_each(log: AnchoredLog) -> None:
    first = log.open(3)
    second = log.anchor(3, 5, MAP_ROOT)
    third = log.anchor(5, 16, MAP_ROOT)
    assert log.contract.head(log.log_id) == third
    for head in (first, second, third):
        expected = record_commitment(head.root, head.map_root)
        assert log.contract.record(log.log_id, head.size) == expected
        slot = record_slot(log.log_id, head.size)
        assert log.contract.client.storage(log.contract.address, slot) == expected
    assert log.contract.record(log.log_id, 4) is None
    assert log.contract.signer_at(log.log_id, 17) == address_of(log.signer)
    assert log.contract.registrar(log.log_id) == address_of(log.registrar)
    assert log.contract.nonce(log.log_id) == 0
    assert log.contract.paused_until(log.log_id) == 0


def test_head_signature_is_plain_eip712(log: AnchoredLog) -> None:
    head = log.head(3, MAP_ROOT)
    message = encode_typed_data(
        {"name": "Unbroken Log", "version": "1"},
        {
            "Head": [
                {"name": "logId", "type": "bytes32"},
                {"name": "size", "type": "uint64"},
                {"name": "root", "type": "bytes32"},
                {"name": "mapRoot", "type": "bytes32"},
            ]
        },
        {"logId": log.log_id, "size": 3, "root": head.root, "mapRoot": MAP_ROOT},
    )
    signature = bytes(Account.sign_message(message, log.signer).signature)
    assert signature == log.signature(head)
    log.contract.sign_genesis(log.payer, log.identity, head, signature)


def test_stale_old_size_says_the_actual_one(log: AnchoredLog) -> None:
    log.open(3)
    log.anchor(3, 5)
    with pytest.raises(StaleOldSizeError) as caught:
        log.anchor(3, 6)
    assert caught.value.actual == 5


def test_contract_errors_come_by_name(log: AnchoredLog) -> None:
    log.open(3)
    head = log.head(6)
    with pytest.raises(ContractRejectedError, match="InconsistentHead"):
        log.contract.sign_anchor(
            log.payer, log.log_id, 3, head, log.proof(3, 5), log.signature(head)
        )
    with pytest.raises(ContractRejectedError, match="BadSignature"):
        log.contract.sign_anchor(
            log.payer, log.log_id, 3, head, log.proof(3, 6), log.signature(head, log.registrar)
        )
    with pytest.raises(ContractRejectedError) as caught:
        log.open(3)
    assert caught.value.name == "LogExists"
    assert caught.value.arguments == {"logId": log.log_id}


def test_signing_sends_nothing_and_repeats_byte_for_byte(log: AnchoredLog) -> None:
    log.open(3)
    head = log.head(4)
    arguments = (log.payer, log.log_id, 3, head, log.proof(3, 4), log.signature(head))
    fees = Fees(max_fee=50 * 10**9, tip=10**9)
    nonce = log.contract.client.nonce(Account.from_key(log.payer).address)
    first = log.contract.sign_anchor(*arguments, nonce=nonce, fees=fees)
    second = log.contract.sign_anchor(*arguments, nonce=nonce, fees=fees)
    assert first == second
    assert first.nonce == nonce
    assert log.contract.client.find_receipt(first.tx_hash) is None
    bumped = log.contract.sign_anchor(*arguments, nonce=nonce, fees=fees.bumped())
    assert bumped.nonce == nonce
    assert bumped.tx_hash != first.tx_hash


def test_mined_failure_is_explained(log: AnchoredLog) -> None:
    log.open(3)
    client = log.contract.client
    heads = [log.head(size) for size in (4, 5)]
    nonce = client.nonce(Account.from_key(log.payer).address)
    early, late = (
        log.contract.sign_anchor(
            log.payer,
            log.log_id,
            3,
            head,
            log.proof(3, head.size),
            log.signature(head),
            nonce=nonce + offset,
        )
        for offset, head in enumerate(heads)
    )
    client.await_receipt(client.broadcast(early.raw), MINED_WITHIN_S)
    receipt = client.await_receipt(client.broadcast(late.raw), MINED_WITHIN_S)
    assert receipt is not None
    assert not receipt.succeeded
    reason = log.contract.explain_failure(late, receipt)
    assert isinstance(reason, StaleOldSizeError)
    assert reason.actual == 4


def test_deployed_code_is_the_artefact(contract: AnchorContract, client: ChainClient) -> None:
    contract.verify_code()
    assert client.code(contract.address) == deployed_code()
    with pytest.raises(NoContractError):
        AnchorContract(client, "0x" + "11" * 20).verify_code()
    with pytest.raises(NoContractError):
        AnchorContract(client, "0x" + "11" * 20).head(NO_MAP)


def test_old_record_is_proved_by_any_later_block(log: AnchoredLog) -> None:
    head = log.open(3)
    log.anchor(3, 9)
    slot = "0x" + record_slot(log.log_id, 3).hex()
    answer = log.contract.client.rpc("eth_getProof", log.contract.address, [slot], "latest")
    (found,) = answer["storageProof"]
    expected = record_commitment(head.root, head.map_root)
    assert int(found["value"], 16) == int.from_bytes(expected, "big")
    assert found["proof"]
