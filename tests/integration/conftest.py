"""A real ledger: embedded PostgreSQL, Anvil, the worker's steps and the API over HTTP."""

import atexit
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from api.app import create_app
from ledger.bootstrap import Node, open_node, own_devnet, start_database
from ledger.clock import now_ms
from ledger.core.facts import claim_key, key_added, party_added
from ledger.core.gs1_keys import check_digit
from ledger.core.identifiers import party_key
from ledger.core.signatures import address_of
from ledger.core.submission import Signer
from ledger.settings import Settings, prepare_home
from ledger.store.database import EmbeddedPostgres
from ledger.worker import Worker
from tests.integration.partners import Partner, document, post, signed

HERE = Path(__file__).parent
TURNS = 200


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs the database and the chain."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.db)
            item.add_marker(pytest.mark.chain)


@contextmanager
def opened_ledger() -> Iterator[Node]:
    """Open a ledger of its own in a folder of its own; afterwards both are gone."""
    # Short, and open above: a socket's path has 107 bytes, and PostgreSQL may run as another user.
    folder = Path(tempfile.mkdtemp(prefix="unbroken-"))
    # Here, before the first import of the server's package, whose own last act makes it anew.
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    settings = Settings(home=folder / "home", anchor_interval_ms=0)
    prepare_home(settings)
    try:
        node = open_node(settings)
        yield node
        node.engine.dispose()
    finally:
        own_devnet(settings).stop()
        start_database(settings)
        EmbeddedPostgres(settings.postgres_dir).stop()


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    """The ledger that all tests share; they use items of their own."""
    with opened_ledger() as node:
        yield node


@pytest.fixture
def fresh_node() -> Iterator[Node]:
    """A ledger for one test that damages it."""
    with opened_ledger() as node:
        yield node


@pytest.fixture(scope="session")
def worker(node: Node) -> Worker:
    """The worker, which moves when a test turns it."""
    return Worker(node)


@pytest.fixture(scope="session")
def settle(node: Node, worker: Worker) -> Callable[[], int]:
    """Turn the worker until everything is final; returns the size."""

    def run() -> int:
        for _ in range(TURNS):
            worker.turn()
            sizes = node.reader().sizes()
            if sizes.final == sizes.sequenced and not sizes.accepted:
                return sizes.final
            own_devnet(node.settings).mine(2)
        raise AssertionError(f"not final after {TURNS} turns: {node.reader().sizes()}")

    return run


@pytest.fixture(scope="session")
def partner(node: Node, worker: Worker) -> Callable[..., Partner]:
    """Make a registered signer; `register=False` leaves the facts to the test."""

    def make(name: str) -> Partner:
        body = f"4{secrets.randbelow(10**11):011d}"
        path = f"/417/{body}{check_digit(body)}"
        key, party, at = secrets.token_bytes(32), party_key(path), now_ms()
        registrar, address = node.identity.registrar, address_of(key)
        proof = claim_key(key, node.identity, party, address)
        facts = [
            party_added(at, registrar, path, name),
            key_added(at, registrar, party, address, proof),
        ]
        node.registrar().submit(facts, at_ms=at)
        worker.turn()
        signer = Signer(private_key=key, party=party, party_secret=secrets.token_bytes(32))
        return Partner(signer=signer, path=path, name=name)

    return make


@contextmanager
def serving(app: FastAPI) -> Iterator[httpx.Client]:
    """Run an application in a real server, and return a client of it."""
    config = uvicorn.Config(app, port=0, log_level="critical", ws="websockets-sansio")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        yield client
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="session")
def api(node: Node) -> Iterator[httpx.Client]:
    """A client of the API, which runs in a real server."""
    with serving(create_app(node)) as client:
        yield client


@pytest.fixture(scope="session")
def captured(api: httpx.Client, node: Node, worker: Worker) -> Callable[..., dict[str, Any]]:
    """Sign and send events, turn the worker once, return the job."""

    def capture(partner: Partner, *events: dict[str, Any]) -> dict[str, Any]:
        raw = document(*events)
        answer = post(api, signed(node, raw, partner), raw)
        assert answer.status_code == 202, answer.text
        worker.turn()
        return api.get(answer.headers["location"]).json()

    return capture
