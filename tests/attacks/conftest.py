"""A real ledger with a short honest history, and for each attack a copy of it to ruin."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from ledger.bootstrap import Node, own_devnet
from ledger.clock import now_ms
from ledger.store.database import migrate, open_engine
from ledger.store.log_store import SqlLogStore
from tests.attacks.stage import CASE, PACKS, Stage
from tests.integration.conftest import opened_ledger
from tests.integration.fresh_ledgers import hasten, named
from tests.integration.partners import commission, pack
from tests.integration.test_audit import BUYER, MAKER, register, send, settle

HERE = Path(__file__).parent
EMPTY, EARLIER, GOOD = "attack_empty", "attack_earlier", "attack_good"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs the database and the chain."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.db)
            item.add_marker(pytest.mark.chain)


def copied(node: Node, template: str, name: str) -> Node:
    """Return the ledger on a copy of one of its databases, which nobody may have open."""
    with psycopg.connect(named(node.database_url, "template1"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    url = named(node.database_url, name)
    engine = open_engine(url)
    return replace(node, database_url=url, engine=engine, log=SqlLogStore(engine))


@pytest.fixture(scope="session")
def honest() -> Iterator[Stage]:
    """Three packs made, packed and sold in a case, received; a backup from before the sale."""
    with opened_ledger() as node:
        hasten(node.database_url)
        source = str(psycopg.conninfo.conninfo_to_dict(node.database_url)["dbname"])
        empty = copied(node, "template0", EMPTY)
        migrate(empty.engine)
        empty.engine.dispose()
        stage = Stage(node=node, maker=register(node, MAKER), buyer=register(node, BUYER))
        node.sequencer().run(at_ms=now_ms())
        send(node, stage.maker, commission(*PACKS))
        settle(node, stage.worker())
        send(node, stage.maker, pack(CASE, *PACKS))
        settle(node, stage.worker())
        node.engine.dispose()
        copied(node, source, EARLIER).engine.dispose()
        send(node, stage.maker, stage.sale(BUYER))
        settle(node, stage.worker())
        stage.held.append(node.prover().prove(PACKS[0]))
        send(node, stage.buyer, stage.receipt())
        settle(node, stage.worker())
        stage.held.append(node.prover().prove(PACKS[0]))
        node.engine.dispose()
        copied(node, source, GOOD).engine.dispose()
        yield stage


@pytest.fixture
def stage(honest: Stage) -> Iterator[Stage]:
    """The honest ledger as it was; what a test does to database and chain is undone."""
    chain = own_devnet(honest.node.settings).client()
    state = chain.rpc("evm_snapshot")
    made: list[Node] = []

    def copy(template: str) -> Node:
        made.append(copied(honest.node, template, f"attack_{len(made)}"))
        return made[-1]

    node = copy(GOOD)
    yield replace(honest, node=node, earlier=lambda: copy(EARLIER), empty=lambda: copy(EMPTY))
    chain.rpc("evm_revert", state)
    for one in made:
        one.engine.dispose()
    with psycopg.connect(named(node.database_url, "template1"), autocommit=True) as admin:
        for number in range(len(made)):
            admin.execute(f"DROP DATABASE attack_{number} WITH (FORCE)")
