"""What a real chain does to transactions, on Anvil."""

import pytest
from eth_abi.abi import encode
from sqlalchemy import text

from ledger.chain.client import FULL_TRANSACTIONS, GWEI, ChainClient
from ledger.chain.devnet import dev_accounts
from ledger.chain.errors import ChainUnreachableError, ContractRejectedError
from ledger.clock import now_ms
from ledger.core.eip712 import keccak
from ledger.core.signatures import sign
from ledger.service.anchor import REPLACE_AFTER_MS, Anchorer
from tests.fakes.trap import Trap
from tests.fault.anvil import Anvil
from tests.fault.plant import Plant, Process, key
from tests.fault.whole_state import verify_by_audit, verify_whole_state

pytestmark = pytest.mark.chain


def _publish(plant: Plant, process: Process) -> None:
    plant.take_in()
    process.sequencer().run(at_ms=now_ms())
    process.integrator().run()
    process.publisher().run(at_ms=now_ms())


def _mined(plant: Plant, process: Process, anchors: int) -> Anchorer:
    """Anchor heads, each in a block of its own, none of them final."""
    anchorer = process.anchorer()
    for _ in range(anchors):
        _publish(plant, process)
        anchorer.run(at_ms=now_ms())
        plant.mine()
        anchorer.run(at_ms=now_ms())
    return anchorer


def _rows(process: Process) -> dict[int, tuple[str, bytes, bytes | None]]:
    with process.engine.connect() as connection:
        rows = connection.execute(
            text("SELECT id, state, raw, block_hash FROM anchors ORDER BY id")
        )
        return {row.id: (row.state, row.raw, row.block_hash) for row in rows}


def _verify(plant: Plant, anvil: Anvil) -> None:
    verify_whole_state(plant, anvil.records(plant.identity))


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("kept", [True, False], ids=["mined again at once", "forgotten"])
def test_a_reorganisation_sends_anchors_back_and_the_same_bytes_become_final(
    anvil_plant: Plant, anvil: Anvil, depth: int, *, kept: bool
) -> None:
    plant = anvil_plant
    process = Process(plant)
    # As many anchors as the reorganisation undoes, as far as none of them is final before.
    anchorer = _mined(plant, process, min(depth, 2))
    anvil.mine(max(0, depth - 2))
    before = _rows(process)
    anvil.reorg(depth, tuple(raw for _, raw, _ in before.values()) if kept else ())
    anchorer.run(at_ms=now_ms())
    after = _rows(process)
    assert {raw for _, raw, _ in after.values()} == {raw for _, raw, _ in before.values()}
    assert "final" not in {state for state, _, _ in before.values()}
    if kept:
        assert all(after[one][2] not in {before[one][2], None} for one in before)
    else:
        assert next(iter(after.values()))[0] == "sent"
    plant.settle(process)
    assert {one: raw for one, (_, raw, _) in _rows(process).items()} == {
        one: raw for one, (_, raw, _) in before.items()
    }
    _verify(plant, anvil)


def test_a_dropped_anchor_is_sent_again(anvil_plant: Plant, anvil: Anvil) -> None:
    process = Process(anvil_plant)
    _publish(anvil_plant, process)
    process.anchorer().run(at_ms=now_ms())
    ((_, raw, _),) = _rows(process).values()
    anvil.client.rpc("anvil_dropTransaction", "0x" + keccak(raw).hex())
    anvil.mine()
    assert anvil_plant.chain.mined_nonce() == 0
    anvil_plant.settle(process)
    assert [row[1] for row in _rows(process).values()] == [raw]
    _verify(anvil_plant, anvil)


def test_a_base_fee_that_rises_is_outbid_in_time(anvil_plant: Plant, anvil: Anvil) -> None:
    process = Process(anvil_plant)
    _publish(anvil_plant, process)
    anchorer, began = process.anchorer(), now_ms()
    anchorer.run(at_ms=began)
    for _ in range(3):
        anvil.client.rpc("anvil_setNextBlockBaseFeePerGas", hex(50 * GWEI))
        anvil.mine()
    anchorer.run(at_ms=began + REPLACE_AFTER_MS)
    assert [row[0] for row in _rows(process).values()] == ["replaced", "sent"]
    anvil.mine(4)
    anchorer.run(at_ms=began + REPLACE_AFTER_MS)
    assert [row[0] for row in _rows(process).values()] == ["replaced", "final"]
    _verify(anvil_plant, anvil)


def test_a_spike_before_sending_only_costs_more(anvil_plant: Plant, anvil: Anvil) -> None:
    anvil.outbid()
    anvil.mine()
    anvil_plant.take_in()
    anvil_plant.run_to_the_end()
    _verify(anvil_plant, anvil)


def test_a_pause_delays_anchors_and_loses_none(anvil_plant: Plant, anvil: Anvil) -> None:
    plant, process = anvil_plant, Process(anvil_plant)
    anchorer = _mined(plant, process, 1)
    _pause(plant, anvil, seconds=3_600)
    _publish(plant, process)
    with pytest.raises(ContractRejectedError, match="AnchoringPaused"):
        anchorer.run(at_ms=now_ms())
    worker = process.worker()
    worker.turn()
    assert worker.turn() is False
    anvil.client.rpc("evm_increaseTime", 3_601)
    anvil.mine()
    plant.settle(process)
    _verify(plant, anvil)


def _pause(plant: Plant, anvil: Anvil, seconds: int) -> None:
    """Send the registrar's order to pause; anybody may."""
    block = anvil.client.rpc("eth_getBlockByNumber", "latest", FULL_TRANSACTIONS)
    until, log_id = int(block["timestamp"], 16) + seconds, plant.identity.log_id()
    domain = keccak(
        encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [
                keccak(b"EIP712Domain(string name,string version,uint256 chainId,"
                       b"address verifyingContract)"),
                keccak(b"Unbroken Anchor"), keccak(b"1"), anvil.client.chain_id,
                anvil.contract.address,
            ],
        )
    )  # fmt: skip
    order = keccak(
        keccak(b"Pause(bytes32 logId,uint64 until,uint64 nonce)")
        + encode(["bytes32", "uint64", "uint64"], [log_id, until, 0])
    )
    signature = sign(key("registrar"), keccak(b"\x19\x01" + domain + order))
    arguments = encode(["bytes32", "uint64", "uint64", "bytes"], [log_id, until, 0, signature])
    call = keccak(b"pause(bytes32,uint64,uint64,bytes)")[:4] + arguments
    request = {
        "from": dev_accounts()[5].address, "to": anvil.contract.address, "data": "0x" + call.hex(),
    }  # fmt: skip
    anvil.client.rpc("eth_sendTransaction", request)
    anvil.mine()
    assert anvil.contract.paused_until(log_id) == until


def test_a_node_that_is_away_stops_anchoring_only(anvil_plant: Plant, anvil: Anvil) -> None:
    plant, process = anvil_plant, Process(anvil_plant, Trap())
    anchorer = _mined(plant, process, 1)
    there = plant.chain
    away = ChainClient("http://127.0.0.1:9", chain_id=31337, timeout_s=1)
    plant.chain = type(there)(away, plant.identity, key("nobody"))
    cut = Process(plant)
    worker = cut.worker()
    plant.take_in()
    worker.turn()
    state = cut.log.state()
    head = cut.log.last_head()
    assert head is not None
    assert head.size == state.integrated == state.sequenced
    with pytest.raises(ChainUnreachableError):
        worker.verify_not_behind()
    plant.chain = there
    anchorer.run(at_ms=now_ms())
    plant.run_to_the_end()
    _verify(plant, anvil)
    verify_by_audit(plant, anvil.records(plant.identity))
