"""`python -m ledger.dispatcher`, killed at random moments under a receiver that fails at random."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from sqlalchemy import text

from ledger.bootstrap import Node, open_node
from ledger.settings import Settings, child_environment
from tests.fakes.receiver import Receiver, always, receiving
from tests.fault.plant import FOUNDED_MS, Plant, Process

# Each process takes seconds to start, of which most are imports.
pytestmark = pytest.mark.timeout(300)

ROOT = Path(__file__).resolve().parents[2]
SEED = 20261125
KILLS = 5
START_S, END_S, QUIET_S = 30.0, 15.0, 40.0
# From the first line to the kill: deliveries take milliseconds, failures are tried after a second.
LONGEST_LIFE_S = 0.8
DOCUMENT_EVERY_S = 0.1


@dataclass(slots=True)
class Installation:
    """A ledger whose log is written here and whose pushes are made by real processes."""

    node: Node
    plant: Plant
    folder: Path
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def start(self) -> "subprocess.Popen[bytes]":
        log = self.folder / f"dispatcher{len(self.processes)}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "ledger.dispatcher"], cwd=ROOT, stderr=file,
                env=child_environment(self.node.settings), start_new_session=True,
            )  # fmt: skip
        self.processes.append(process)
        deadline = time.monotonic() + START_S
        while b"working every" not in log.read_bytes():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return process

    def log(self) -> None:
        """Take in one round of the trade, up to the index."""
        self.plant.take_in()
        process = Process(self.plant)
        process.sequencer().run(at_ms=FOUNDED_MS)
        process.integrator().run()
        self.node.indexer().run()
        process.end()

    def indexed_ids(self) -> list[str]:
        with self.node.engine.connect() as connection:
            query = text("SELECT event_id FROM epcis_events ORDER BY log_index")
            return list(connection.scalars(query))

    def is_quiet(self) -> bool:
        """Whether every subscription has reached the end of the index."""
        with self.node.engine.connect() as connection:
            query = text(
                "SELECT bool_and(s.cursor = i.indexed - 1) FROM subscriptions s, epcis_index i"
            )
            return bool(connection.scalar(query))

    def end(self) -> None:
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(END_S)
        self.node.engine.dispose()


@pytest.fixture
def installation(plant: Plant, tmp_path: Path) -> Iterator[Installation]:
    settings = Settings(
        home=tmp_path / "home", database_url=plant.database_url, interval_ms=10,
        webhook_allow_http=True, webhook_allow_private=True,
    )  # fmt: skip
    made = Installation(open_node(settings), plant, tmp_path)
    with made.node.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO epcis_queries VALUES ('all', :definition, 0)"),
            {"definition": b'{"query":{},"prefixes":{}}'},
        )
    yield made
    made.end()


@dataclass(slots=True)
class Moody:
    """Answers as a receiver on a bad day: most of the time, late, wrongly, or not at all."""

    chance: random.Random

    def answer(self, handler: BaseHTTPRequestHandler, _body: bytes) -> int:
        mood = self.chance.random()
        if mood < 0.1:
            handler.connection.close()
            raise ConnectionResetError
        if mood < 0.2:
            time.sleep(0.3)
        return 503 if 0.2 <= mood < 0.3 else 302 if 0.3 <= mood < 0.35 else 200


def verify_told(installation: Installation, receiver: Receiver) -> None:
    """Every event was told once and in order, but for repetitions of one delivery in a row."""
    requests = receiver.acknowledged()
    ids = [one.id for one in requests]
    firsts = list(dict.fromkeys(ids))
    assert ids == [name for name in firsts for _ in range(ids.count(name))]
    told = [event["eventID"] for one in receiver.distinct() for event in one.events]
    assert told == installation.indexed_ids()


def test_kills_at_random_moments_lose_nothing_and_repeat_only_what_was_on_its_way(
    installation: Installation,
) -> None:
    chance, stop = random.Random(SEED), threading.Event()

    def trade() -> None:
        while not stop.wait(DOCUMENT_EVERY_S):
            installation.log()

    with receiving() as receiver, receiving(always(204)) as steady:
        receiver.answer = Moody(chance).answer
        for one in (receiver, steady):
            installation.node.subscriber().subscribe("all", {"dest": one.url, "stream": True})
        partners = threading.Thread(target=trade)
        partners.start()
        try:
            # Two at a time: they share the work, and either may die.
            running = [installation.start()]
            for _ in range(KILLS):
                running.append(installation.start())
                time.sleep(chance.random() * LONGEST_LIFE_S)
                killed = running.pop(chance.randrange(2))
                os.kill(killed.pid, signal.SIGKILL)
                killed.wait(END_S)
        finally:
            stop.set()
            partners.join()
        receiver.answer = always(200)
        deadline = time.monotonic() + QUIET_S
        while not installation.is_quiet():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        verify_told(installation, receiver)
        verify_told(installation, steady)
        assert len(receiver.requests) > len(receiver.distinct()), "it did fail"
        (last,) = running
        last.terminate()
        assert last.wait(END_S) == 0


def test_a_dispatcher_that_is_stopped_finishes_what_it_sends(installation: Installation) -> None:
    entered = threading.Event()

    def slow(_handler: BaseHTTPRequestHandler, _body: bytes) -> int:
        entered.set()
        time.sleep(1)
        return 200

    with receiving(slow) as receiver:
        installation.node.subscriber().subscribe("all", {"dest": receiver.url, "stream": True})
        installation.log()
        process = installation.start()
        assert entered.wait(10)
        process.terminate()
        assert process.wait(END_S) == 0
        assert installation.is_quiet()
        assert len(receiver.requests) == 1
