"""The demo's installation: a folder of its own, real processes, five partners with keys."""

import shutil
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Engine, text

from ledger.bootstrap import HEAD_KEY, Node, open_node, own_devnet
from ledger.chain.devnet import dev_accounts
from ledger.client import LedgerClient
from ledger.clock import now_ms
from ledger.core.entries import Address, FactEntry
from ledger.core.facts import LogIdentity, claim_key, key_added, party_added
from ledger.core.identifiers import party_key, party_path
from ledger.core.submission import Signer
from ledger.demo.story import PARTNERS, Partner
from ledger.processes import Processes
from ledger.service.audit import AuditReport
from ledger.settings import Settings

# Finality on the devnet takes three blocks of one second; the rest is a slow machine's.
FINAL_TIMEOUT_S = 40.0
POLL_S = 0.1


@dataclass(slots=True)
class Stage:
    """A running ledger and the partners that use it."""

    settings: Settings
    node: Node
    processes: Processes
    client: LedgerClient
    signers: dict[str, Signer]
    captured: int = 0
    took: dict[str, float] = field(default_factory=dict)

    @property
    def identity(self) -> LogIdentity:
        """What entry 0 fixed."""
        return self.node.identity

    @property
    def engine(self) -> Engine:
        """The database, as its superuser: the attacker's view."""
        return self.node.engine

    @property
    def rpc_url(self) -> str:
        """Where the devnet answers."""
        return own_devnet(self.settings).rpc_url

    @property
    def policy_file(self) -> Path:
        """What a verifier pins."""
        return self.settings.home / "policy.json"

    def head_key(self) -> bytes:
        """The operator's own head key: the strongest attacker of a log."""
        return self.node.keystore.private_key(HEAD_KEY)

    def wallet_key(self) -> bytes:
        """The devnet account that pays."""
        return dev_accounts()[0].private_key

    def get(self, path: str) -> Any:  # noqa: ANN401 -- JSON
        """Return a resource of the API."""
        return self.client.get(path)

    def sizes(self) -> dict[str, int]:
        """Return how far the log is, by state of life."""
        sizes: dict[str, int] = self.get("/log")["sizes"]
        return sizes

    def submit(self, partner: Partner, document: bytes) -> str:
        """Sign and send a document; return its job."""
        signer = self.signers[partner.key]
        return self.client.capture(document, signer, self.identity, issued_at=now_ms())

    def finish(self, job: str) -> list[dict[str, Any]]:
        """Wait for a job and return its results."""
        results: list[dict[str, Any]] = self.client.wait(job)["results"]
        self.captured += sum(row["verdict"] == "accepted" for row in results)
        return results

    def capture(self, partner: Partner, document: bytes) -> list[dict[str, Any]]:
        """Sign, send and wait."""
        results = self.finish(self.submit(partner, document))
        self.wait_integrated()
        return results

    def event_count(self) -> int:
        """Return how many events the log holds."""
        with self.engine.connect() as connection:
            count: int = connection.execute(text("SELECT count(*) FROM events")).scalar_one()
        return count

    def wait_integrated(self) -> None:
        """Wait until tree and custody hold everything that was accepted."""
        self._wait(lambda n: not n["accepted"] and n["integrated"] >= n["sequenced"])

    def wait_final(self) -> int:
        """Wait until a final anchor covers everything that is sequenced now; return its size."""
        wanted = self.sizes()["sequenced"]
        return self._wait(lambda sizes: sizes["final"] >= wanted)["final"]

    def _wait(self, reached: Any) -> dict[str, int]:  # noqa: ANN401 -- a predicate on sizes
        deadline = time.monotonic() + FINAL_TIMEOUT_S
        while not reached(sizes := self.sizes()) and time.monotonic() < deadline:
            time.sleep(POLL_S)
        return sizes

    def kill_worker(self) -> None:
        """Kill -9, as a power cut would."""
        self.processes.kill("worker")

    def start_worker(self) -> None:
        """Start the worker again."""
        self.processes.start("worker")

    def save(self, name: str, content: bytes) -> Path:
        """Write a file into the installation's folder and return its path."""
        path = self.settings.home / name
        path.write_bytes(content)
        return path

    def audit(self) -> AuditReport:
        """Replay the whole log; return the report."""
        return self.node.auditor().run()


def set_up(settings: Settings) -> Stage:
    """Start a fresh installation in the demo's folder, with five registered partners."""
    clear(settings)
    node = open_node(settings)
    processes = Processes(settings)
    processes.start("worker")
    processes.start("dispatcher", "api")
    stage = Stage(
        settings=settings, node=node, processes=processes,
        client=LedgerClient(f"http://{settings.host}:{settings.port}"), signers=_register(node),
    )  # fmt: skip
    stage.wait_integrated()
    stage.policy_file.write_bytes(orjson.dumps(_policy(node.identity)))
    return stage


def clear(settings: Settings) -> None:
    """Stop what an earlier demo left running and remove its folder."""
    if settings.home.exists():
        Processes(settings).stop_all()
        shutil.rmtree(settings.home)


def demo_settings(settings: Settings) -> Settings:
    """Return the settings of the demo: its own folder, embedded parts."""
    return replace(
        settings, home=settings.home / "demo", database_url=None, rpc_url=None,
        anchor_interval_ms=500,
    )  # fmt: skip


def _policy(identity: LogIdentity) -> dict[str, Any]:
    return {
        "log_id": identity.log_id().hex(),
        "registrar": identity.registrar.hex(),
        "chain_id": identity.chain_id,
        "contract": identity.contract.hex(),
    }


def _register(node: Node) -> dict[str, Signer]:
    at_ms, facts, signers = now_ms(), list[FactEntry](), dict[str, Signer]()
    for partner in PARTNERS:
        path = party_path(partner.pgln)
        party = party_key(path)
        address = Address(node.keystore.create_evm(partner.key))
        signer = Signer(
            private_key=node.keystore.private_key(partner.key),
            party=party,
            party_secret=node.keystore.create_secret(partner.key, 32),
        )
        proof = claim_key(signer.private_key, node.identity, party, address)
        registrar = node.identity.registrar
        facts += [
            party_added(at_ms, registrar, path, partner.name),
            key_added(at_ms, registrar, party, address, proof),
        ]
        signers[partner.key] = signer
    node.registrar().submit(facts, at_ms=at_ms)
    return signers
