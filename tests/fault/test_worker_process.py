"""`python -m ledger.worker`, killed at random moments while documents come in; and its refusals."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest

from ledger.bootstrap import Node, open_node, own_devnet
from ledger.core.facts import FactEntry, claim_key, key_added, party_added
from ledger.core.signatures import address_of
from ledger.settings import Settings, child_environment
from tests.fault.conftest import CopyDatabase, Databases, name_of
from tests.fault.plant import FOUNDED_MS, Plant, Process
from tests.fault.trade import MAKER, MAKER_PATH, SHOP, SHOP_PATH
from tests.fault.whole_state import verify_whole_state

pytestmark = pytest.mark.chain

ROOT = Path(__file__).resolve().parents[2]
SEED = 20261123
KILLS = 6
START_S, END_S, FINAL_S = 30.0, 15.0, 30.0
# A start takes seconds, a turn milliseconds: this is where something goes on in every kill.
LONGEST_LIFE_S = 0.4
DOCUMENT_EVERY_S = 0.03


@dataclass(slots=True)
class Running:
    """One worker process and what it says."""

    process: subprocess.Popen[bytes]
    log: Path

    def said(self) -> str:
        return self.log.read_text()

    def await_work(self) -> None:
        deadline = time.monotonic() + START_S
        while "working every" not in self.said() and time.monotonic() < deadline:
            assert self.process.poll() is None, self.said()
            time.sleep(0.01)

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(END_S)

    def refuses(self, why: str) -> None:
        """It ends by itself: exit code 1, one line that says why."""
        assert self.process.wait(START_S) == 1, self.said()
        last = self.said().splitlines()[-1]
        assert "CRITICAL" in last
        assert why in last
        assert "Traceback" not in self.said()


@dataclass(slots=True)
class Installation:
    """A ledger of its own with its own devnet."""

    node: Node
    plant: Plant
    folder: Path
    running: list[Running]

    def start(self, settings: Settings | None = None) -> Running:
        settings = settings or self.node.settings
        log = self.folder / f"worker{len(self.running)}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "ledger.worker"], cwd=ROOT, stderr=file,
                env=child_environment(settings), start_new_session=True,
            )  # fmt: skip
        self.running.append(Running(process, log))
        return self.running[-1]

    def end(self) -> None:
        for one in self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(one.process.pid, signal.SIGKILL)
            one.process.wait(END_S)
        self.plant.close()
        self.node.engine.dispose()
        own_devnet(self.node.settings).stop()


@pytest.fixture(scope="module")
def installation(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("installation")
    settings = Settings(
        home=folder / "home", database_url=databases.copy("empty"), interval_ms=5,
        anchor_interval_ms=0,
    )  # fmt: skip
    node = open_node(settings)
    plant = Plant(
        database_url=node.database_url, chain=node.anchorer().chain, identity=node.identity,
        mine=own_devnet(settings).mine, vault=node.vault,
    )  # fmt: skip
    node.registrar().submit(_facts(node), at_ms=FOUNDED_MS)
    made = Installation(node, plant, folder, [])
    yield made
    made.end()


def _facts(node: Node) -> list[FactEntry]:
    facts, registrar = [], node.identity.registrar
    for one, path in ((MAKER, MAKER_PATH), (SHOP, SHOP_PATH)):
        address = address_of(one.private_key)
        proof = claim_key(one.private_key, node.identity, one.party, address)
        facts += [
            party_added(FOUNDED_MS, registrar, path, path),
            key_added(FOUNDED_MS, registrar, one.party, address, proof),
        ]
    return facts


def _settle(installation: Installation) -> None:
    deadline = time.monotonic() + FINAL_S
    process = Process(installation.plant)
    while not installation.plant.is_settled(process):
        assert time.monotonic() < deadline, installation.plant.anchor_rows(process)
        own_devnet(installation.node.settings).mine()
        time.sleep(0.05)
    process.end()


# Each life of a worker begins with starting it, which other work on the machine slows down.
@pytest.mark.timeout(400)
def test_kills_at_random_moments_lose_nothing_and_repeat_nothing(
    installation: Installation,
) -> None:
    plant, stop, chance = installation.plant, threading.Event(), random.Random(SEED)

    def trade() -> None:
        while not stop.wait(DOCUMENT_EVERY_S):
            plant.take_in()

    partners = threading.Thread(target=trade)
    partners.start()
    try:
        for _ in range(KILLS):
            worker = installation.start()
            worker.await_work()
            time.sleep(chance.random() * LONGEST_LIFE_S)
            worker.kill()
    finally:
        stop.set()
        partners.join()
    last = installation.start()
    last.await_work()
    _settle(installation)
    last.process.terminate()
    assert last.process.wait(END_S) == 0
    auditor = installation.node.auditor()
    verify_whole_state(plant, auditor.records)
    assert auditor.run()["failed"] == []


def test_a_worker_ends_with_one_line_when_the_log_left_what_was_signed(
    installation: Installation,
) -> None:
    installation.plant.take_in()
    first = installation.start()
    first.await_work()
    _settle(installation)
    with psycopg.connect(installation.node.database_url) as connection:
        connection.execute("UPDATE log_state SET root = sha256('another')")
    try:
        first.refuses("does not extend the head signed")
    finally:
        _mend(installation)


def _mend(installation: Installation) -> None:
    with psycopg.connect(installation.node.database_url) as connection:
        connection.execute("UPDATE log_state SET root = (SELECT root FROM heads h"
                           " WHERE h.size = integrated)")  # fmt: skip


def test_a_worker_over_a_restored_backup_says_what_to_do_and_ends(
    installation: Installation, copy_database: CopyDatabase
) -> None:
    node = installation.node
    installation.plant.close()
    node.engine.dispose()
    backup = copy_database(name_of(node.database_url))
    signed = _heads(backup)
    installation.plant.take_in()
    worker = installation.start()
    _settle(installation)
    worker.kill()
    restored = installation.start(replace(node.settings, database_url=backup))
    restored.refuses("recover the missing entries from a newer backup or a mirror")
    assert _heads(backup) == signed


def _heads(url: str) -> list[tuple[int, bytes]]:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT size, root FROM heads ORDER BY size").fetchall()
