"""One PostgreSQL per test process, one database per test, copied from one founded log."""

import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from ledger.chain.anchor_contract import AnchorContract, deploy
from ledger.chain.devnet import Devnet, dev_accounts
from ledger.settings import Settings, prepare_home
from ledger.store.database import EmbeddedPostgres, migrate, open_engine
from tests.fakes.chain import FakeChain
from tests.fault.anvil import Anvil
from tests.fault.plant import Plant, identity_on

HERE = Path(__file__).parent
CopyDatabase = Callable[[str], str]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here breaks something, and needs the database."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.fault)
            item.add_marker(pytest.mark.db)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a server of our own; its folder is short, since a socket's path has 107 bytes."""
    home = Path(tempfile.mkdtemp(prefix="unbroken-"))
    settings = Settings(home=home)
    prepare_home(settings)
    server = EmbeddedPostgres(settings.postgres_dir)
    for unsafe in ("fsync", "synchronous_commit", "full_page_writes"):
        # Only our processes are killed here, never the server.
        _execute(server.url, f"ALTER SYSTEM SET {unsafe} = off")
    _execute(server.url, "SELECT pg_reload_conf()")
    yield server.url
    server.stop()
    shutil.rmtree(home, ignore_errors=True)


@dataclass(slots=True)
class Databases:
    """Makes databases from others: `empty`, which is migrated, or any that a test made."""

    server_url: str
    numbers: Iterator[int] = field(default_factory=count)

    def copy(self, template: str) -> str:
        name = f"fault{next(self.numbers)}"
        _execute(self.server_url, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return url_of(self.server_url, name)

    def drop(self, url: str) -> None:
        _execute(self.server_url, f"DROP DATABASE {name_of(url)} WITH (FORCE)")


@pytest.fixture(scope="session")
def databases(postgres: str) -> Databases:
    """The databases of the server."""
    _execute(postgres, "CREATE DATABASE empty")
    engine = open_engine(url_of(postgres, "empty"))
    migrate(engine)
    engine.dispose()
    return Databases(postgres)


@pytest.fixture
def copy_database(databases: Databases) -> Iterator[CopyDatabase]:
    """Make databases for one test; each has 8 MB, so they go at once."""
    made: list[str] = []

    def copy(template: str) -> str:
        made.append(databases.copy(template))
        return made[-1]

    yield copy
    for url in made:
        databases.drop(url)


@pytest.fixture(scope="session")
def founded(databases: Databases) -> str:
    """Name of a database with genesis, parties and keys of a log on a fake chain."""
    chain = FakeChain()
    plant = Plant(
        database_url=databases.copy("empty"), chain=chain, mine=chain.mine,
        identity=identity_on(b"\x0c" * 20),
    )  # fmt: skip
    plant.found()
    plant.close()
    return name_of(plant.database_url)


@pytest.fixture
def chain() -> FakeChain:
    """A chain that mines when told."""
    return FakeChain()


@pytest.fixture
def plant(copy_database: CopyDatabase, founded: str, chain: FakeChain) -> Iterator[Plant]:
    """A founded log on the fake chain."""
    plant = Plant(
        database_url=copy_database(founded), chain=chain, mine=chain.mine,
        identity=identity_on(b"\x0c" * 20),
    )  # fmt: skip
    yield plant
    plant.close()


@pytest.fixture(scope="session")
def shared_anvil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anvil]:
    """One Anvil with the contract."""
    network = Devnet(tmp_path_factory.mktemp("anvil"), port=0)
    network.start()
    client = network.client()
    contract = AnchorContract(client, deploy(client, dev_accounts()[0].private_key))
    yield Anvil(client, contract)
    network.stop()


@pytest.fixture
def anvil(shared_anvil: Anvil) -> Anvil:
    """Anvil, obedient."""
    shared_anvil.begin()
    return shared_anvil


@pytest.fixture
def anvil_plant(copy_database: CopyDatabase, anvil: Anvil) -> Iterator[Plant]:
    """A founded log whose chain is Anvil; every one has a logId of its own."""
    identity = identity_on(bytes.fromhex(anvil.contract.address[2:]), secrets.token_hex(8))
    plant = Plant(
        database_url=copy_database("empty"), chain=anvil.link(identity, anvil.wallet()),
        mine=anvil.mine, identity=identity,
    )  # fmt: skip
    plant.found()
    yield plant
    plant.close()


def url_of(server_url: str, name: str) -> str:
    return urlsplit(server_url)._replace(path=f"/{name}").geturl()


def name_of(url: str) -> str:
    return urlsplit(url).path[1:]


def _execute(server_url: str, statement: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(statement.encode())
