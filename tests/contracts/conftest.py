"""One Anvil and one anchor contract per test process; every test opens logs of its own."""

from collections.abc import Iterator

import pytest

from ledger.chain.anchor_contract import AnchorContract, deploy
from ledger.chain.client import ChainClient
from ledger.chain.devnet import Devnet, dev_accounts
from tests.contracts.anchored_log import AnchoredLog


@pytest.fixture(scope="session")
def devnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    network = Devnet(tmp_path_factory.mktemp("devnet"), port=0)
    network.start()
    yield network
    network.stop()


@pytest.fixture(scope="session")
def client(devnet: Devnet) -> ChainClient:
    return devnet.client()


@pytest.fixture(scope="session")
def contract(client: ChainClient) -> AnchorContract:
    return AnchorContract(client, deploy(client, dev_accounts()[0].private_key))


@pytest.fixture
def log(contract: AnchorContract) -> AnchoredLog:
    return AnchoredLog(contract=contract)
