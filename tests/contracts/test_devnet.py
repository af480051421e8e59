"""The development network survives kills, restarts and cut-off files."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.chain.anchor_contract import AnchorContract, deploy
from ledger.chain.devnet import STATE_INTERVAL_S, Devnet, dev_accounts
from ledger.chain.errors import ChainUnreachableError, DevnetError
from tests.contracts.anchored_log import AnchoredLog

pytestmark = pytest.mark.chain

KEY = dev_accounts()[0].private_key


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Devnet]:
    network = Devnet(tmp_path / "net", port=0)
    network.start()
    yield network
    network.stop()


def _pid(network: Devnet) -> int:
    return int((network.home / "anvil.pid").read_text())


def _kill(network: Devnet) -> None:
    os.kill(_pid(network), signal.SIGKILL)
    deadline = time.monotonic() + 5
    while network.is_running() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not network.is_running()


def _anchored(network: Devnet) -> AnchoredLog:
    log = AnchoredLog(contract=AnchorContract(network.client(), deploy(network.client(), KEY)))
    log.open(3)
    return log


def test_start_is_idempotent_and_stop_too(network: Devnet) -> None:
    pid = _pid(network)
    assert network.start() == network.rpc_url
    assert Devnet(network.home, port=1).start() == network.rpc_url
    assert _pid(network) == pid
    network.stop()
    network.stop()
    assert not network.is_running()
    with pytest.raises(DevnetError, match="no development network"):
        _ = network.rpc_url


def test_only_loopback_is_bound(network: Devnet) -> None:
    assert network.rpc_url.startswith("http://127.0.0.1:")
    arguments = Path(f"/proc/{_pid(network)}/cmdline").read_bytes().split(b"\0")
    assert arguments[arguments.index(b"--host") + 1] == b"127.0.0.1"


def test_state_is_kept_across_a_restart_and_readable_at_the_final_block(network: Devnet) -> None:
    log = _anchored(network)
    network.stop()
    network.start()
    contract = AnchorContract(network.client(), log.contract.address)
    assert contract.head(log.log_id) == log.head(3)
    assert contract.head(log.log_id, "finalized") == log.head(3)


def test_killed_network_comes_back_with_what_was_dumped(network: Devnet) -> None:
    log = _anchored(network)
    time.sleep(STATE_INTERVAL_S + 0.5)
    _kill(network)
    with pytest.raises(ChainUnreachableError):
        log.contract.head(log.log_id)
    network.start()
    contract = AnchorContract(network.client(), log.contract.address)
    assert contract.head(log.log_id) == log.head(3)


@pytest.mark.parametrize("damage", ["cut", "missing"])
def test_damaged_dump_is_replaced_by_the_checkpoint(network: Devnet, damage: str) -> None:
    log = _anchored(network)
    network.checkpoint()
    _kill(network)
    state = network.home / "state.json"
    state.unlink(missing_ok=True)
    if damage == "cut":
        state.write_text('{"block":')
    network.start()
    contract = AnchorContract(network.client(), log.contract.address)
    assert contract.head(log.log_id) == log.head(3)


def test_without_a_checkpoint_a_damaged_dump_starts_an_empty_chain(network: Devnet) -> None:
    _kill(network)
    (network.home / "state.json").write_text('{"block":')
    network.start()
    assert network.client().latest_number() == 0
    assert (network.home / "state.damaged.json").exists()


def test_process_id_of_somebody_else_is_left_alone(network: Devnet) -> None:
    _kill(network)
    (network.home / "anvil.pid").write_text(f"{os.getpid()}\n")
    assert not network.is_running()
    network.stop()
    network.start()
    assert _pid(network) != os.getpid()


def test_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(DevnetError, match=str(port)):
            Devnet(tmp_path, port=port).start()


def test_two_mined_blocks_make_everything_final(network: Devnet) -> None:
    client = network.client()
    network.mine()
    height = client.latest_number()
    network.mine(2)
    assert client.finalized_number() == height


def test_settling_makes_transactions_final_and_adds_nothing_when_they_are(network: Devnet) -> None:
    client = network.client()
    log = _anchored(network)
    network.settle()
    assert log.contract.head(log.log_id, "finalized") == log.head(3)
    height = client.latest_number()
    network.settle()
    assert client.latest_number() == height


def test_block_time_moves_finality_by_itself(tmp_path: Path) -> None:
    network = Devnet(tmp_path, port=0, block_time_s=1)
    network.start()
    try:
        deadline = time.monotonic() + 10
        while network.client().finalized_number() < 1 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert network.client().finalized_number() >= 1
    finally:
        network.stop()
