"""A ledger on trial: what survives a crash, and the objects of one process that does not."""

import hashlib
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text

from ledger.core.entries import Address
from ledger.core.facts import LogIdentity, claim_key, key_added, party_added
from ledger.core.signatures import address_of
from ledger.core.submission import Signer, build_submission, format_submission
from ledger.service.accept import Acceptor
from ledger.service.anchor import Anchorer
from ledger.service.check import CheckPool
from ledger.service.index import Indexer
from ledger.service.integrate import Integrator
from ledger.service.ports import AcceptedSubmission, AnchorChain, Directory
from ledger.service.publish import Publisher
from ledger.service.register import Registrar
from ledger.service.sequence import Sequencer
from ledger.service.vault import Vault
from ledger.store.anchor_store import SqlAnchorStore
from ledger.store.index_store import SqlIndexStore
from ledger.store.log_store import SqlLogStore
from ledger.worker import STORE_AWAY, Worker
from tests.fakes.chain import TrappedChain
from tests.fakes.trap import Trap, trapped_engine
from tests.fault.trade import MAKER, MAKER_PATH, NO_TIME, SHOP, SHOP_PATH, documents

FOUNDED_MS = 1_767_225_600_000  # 2026-01-01
TURNS = 40


def key(use: str) -> bytes:
    return hashlib.sha256(f"fault suite: {use}".encode()).digest()


def identity_on(contract: bytes, name: str = "fault") -> LogIdentity:
    checkpoint = Ed25519PrivateKey.from_private_bytes(key("checkpoint"))
    return LogIdentity(
        origin=f"{name}.example/log",
        head_signer=Address(address_of(key("head"))),
        registrar=Address(address_of(key("registrar"))),
        checkpoint_key=checkpoint.public_key().public_bytes_raw(),
        chain_id=31337,
        contract=contract,
    )


class Process:
    """The objects of one worker process; made anew after every crash."""

    def __init__(self, plant: "Plant", trap: Trap | None = None) -> None:
        self.plant, self.trap = plant, trap or Trap()
        plant.processes.append(self)
        self.engine = trapped_engine(plant.database_url, self.trap)
        self.log = SqlLogStore(self.engine)
        self.anchors = SqlAnchorStore(self.engine)

    def sequencer(self, pool: CheckPool | None = None) -> Sequencer:
        return Sequencer(store=self.log, vault=self.plant.vault, batch_size=100, pool=pool)

    def integrator(self, hasher: Executor | None = None) -> Integrator:
        return Integrator(store=self.log, pool=hasher)

    def indexer(self) -> Indexer:
        return Indexer(store=SqlIndexStore(self.engine))

    def publisher(self) -> Publisher:
        return Publisher(
            store=self.log, identity=self.plant.identity, head_key=key("head"),
            note_signer=TrappedSigner(self.trap),
        )  # fmt: skip

    def anchorer(self, interval_ms: int = 0) -> Anchorer:
        chain: Any = TrappedChain(self.plant.chain, self.trap)
        return Anchorer(log=self.log, anchors=self.anchors, chain=chain, interval_ms=interval_ms)

    def worker(self) -> Worker:
        return Worker(self)

    def end(self) -> None:
        self.engine.dispose()


@dataclass(slots=True)
class TrappedSigner:
    """The checkpoint key, on a way that fails."""

    trap: Trap

    def sign(self, message: bytes, /) -> bytes:
        signer = Ed25519PrivateKey.from_private_bytes(key("checkpoint"))
        return self.trap.around("sign head", lambda: signer.sign(message))


@dataclass(slots=True)
class Plant:
    """Database, chain and keys of one log, and what its partners were promised."""

    database_url: str
    chain: AnchorChain
    mine: Callable[[], None]
    identity: LogIdentity
    acknowledged: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    vault: Vault = field(default_factory=lambda: Vault(key("storage")))
    rounds: int = 0
    front: Process | None = None
    processes: list[Process] = field(default_factory=list)

    def found(self) -> None:
        """Log genesis, both parties and their keys."""
        process, registrar = Process(self), self.identity.registrar
        register = Registrar(
            store=process.log, identity=self.identity, registrar_key=key("registrar"),
            vault=self.vault,
        )  # fmt: skip
        register.submit([self.identity.entry(FOUNDED_MS)], at_ms=FOUNDED_MS)
        facts = []
        for one, path in ((MAKER, MAKER_PATH), (SHOP, SHOP_PATH)):
            address = address_of(one.private_key)
            proof = claim_key(one.private_key, self.identity, one.party, address)
            facts += [
                party_added(FOUNDED_MS, registrar, path, path),
                key_added(FOUNDED_MS, registrar, one.party, address, proof),
            ]
        register.submit(facts, at_ms=FOUNDED_MS)
        process.sequencer().run(at_ms=FOUNDED_MS)
        process.end()

    def accepted(self) -> list[AcceptedSubmission]:
        """Check the next round of the trade as the API does; not stored yet."""
        self.rounds += 1
        return [self._accept(*one) for one in documents(self.rounds)]

    def _accept(self, signer: Signer, document: bytes) -> AcceptedSubmission:
        domain, directory = self.identity.domain(), Directory()
        for one in (MAKER, SHOP):
            directory.parties[one.party] = True
            directory.keys[address_of(one.private_key)] = (one.party, True)
        submission = build_submission(document, signer, domain, issued_at=FOUNDED_MS, lenient=True)
        acceptor = Acceptor(
            identity=self.identity, directory=directory, vault=self.vault,
            log_id=domain.log_id, separator=domain.separator(),
        )  # fmt: skip
        part = format_submission(submission)
        return acceptor.accept(part, document, "application/json", at_ms=FOUNDED_MS)

    def take_in(self) -> None:
        """Accept and acknowledge the next round, as the API's process does."""
        if self.front is None:
            self.front = Process(self)
        for one in self.accepted():
            self.front.log.add_submission(one)
            self.acknowledge(one)

    def close(self) -> None:
        """Let go of the database."""
        for process in self.processes:
            process.end()

    def acknowledge(self, one: AcceptedSubmission) -> None:
        """Its sender was told that it is stored; one refused event rolls back its document."""
        assert one.document is not None
        events = one.document.count(b'"eventTime"')
        is_refused = NO_TIME.encode() in one.document
        self.acknowledged[one.digest] = (0, events) if is_refused else (events, 0)

    def settle(self, process: Process, turns: int = TURNS) -> None:
        """Let a worker run, and the chain go on, until everything is final.

        A worker goes on when the database is away, as `Worker.run` does.
        """
        worker = process.worker()
        for _ in range(turns):
            try:
                worker.turn()
            except STORE_AWAY:
                continue
            self.mine()
            if self.is_settled(process):
                return
        raise AssertionError(f"not final after {turns} turns: {self.anchor_rows(process)}")

    def is_settled(self, process: Process) -> bool:
        """Whether everything that was accepted is final; passes no trap."""
        with process.trap.away(), process.engine.connect() as connection:
            row = connection.execute(
                text(
                    "SELECT (SELECT count(*) FROM submission_queue) = 0"
                    " AND sequenced = integrated AND EXISTS (SELECT 1 FROM anchors"
                    " WHERE state = 'final' AND size = sequenced) AND NOT EXISTS"
                    " (SELECT 1 FROM anchors WHERE state IN ('prepared', 'sent', 'mined', 'safe'))"
                    " AND sequenced = (SELECT indexed FROM epcis_index)"
                    " FROM log_state"
                )
            )
            return bool(row.scalar_one())

    def anchor_rows(self, process: Process) -> list[Any]:
        """(size, nonce, state, reason) of every anchor, oldest first."""
        with process.trap.away(), process.engine.connect() as connection:
            query = text("SELECT size, nonce, state, reason FROM anchors ORDER BY id")
            return [tuple(row) for row in connection.execute(query)]

    def run_to_the_end(self) -> None:
        """Start a fresh process and let it finish."""
        process = Process(self)
        process.worker().verify_not_behind()
        self.settle(process)
        process.end()
