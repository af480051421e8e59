"""Ledgers to throw away: one PostgreSQL server in a temporary folder, a database a scenario.

There is no chain: nothing is anchored, and what custody finds does not depend on it.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from sqlalchemy import Engine

from ledger.bootstrap import start_database
from ledger.core.custody.settings import RuleSettings
from ledger.core.entries import Address
from ledger.core.facts import LogIdentity
from ledger.core.signatures import address_of
from ledger.service.integrate import Integrator
from ledger.service.register import Registrar
from ledger.service.sequence import Sequencer
from ledger.service.vault import Vault
from ledger.settings import Settings, prepare_home
from ledger.store.database import EmbeddedPostgres, migrate, open_engine
from ledger.store.log_store import SqlLogStore

# Worthless outside of the folder that is thrown away: every play has the same bytes.
HEAD_KEY, REGISTRAR_KEY, STORAGE_KEY = bytes([1]) * 32, bytes([2]) * 32, bytes([3]) * 32
CHAIN_ID = 31_337
_TEMPLATE = "scenario"
# What a crash of the machine would lose is nobody's here; it is half of the time.
_SLOW = ("fsync", "full_page_writes", "synchronous_commit")
_BATCH = 1_000


@dataclass(slots=True)
class Stage:
    """One fresh log; `at_ms` of its genesis is that of the scenario."""

    engine: Engine
    log: SqlLogStore
    identity: LogIdentity
    vault: Vault
    rules: RuleSettings

    @property
    def registrar(self) -> Registrar:
        """Signs facts."""
        return Registrar(
            store=self.log, identity=self.identity, registrar_key=REGISTRAR_KEY, vault=self.vault
        )

    def turn(self, at_ms: int) -> None:
        """Sequence and integrate everything that waits, the sequencer's clock at at_ms."""
        sequencer = Sequencer(store=self.log, vault=self.vault, batch_size=_BATCH)
        while sequencer.run(at_ms=at_ms):
            pass
        integrator = Integrator(store=self.log, rules=self.rules)
        while integrator.run():
            pass


class Theatre:
    """The server, and a migrated database that every stage is a copy of."""

    def __init__(self, folder: Path) -> None:
        """Start the server in an empty folder."""
        settings = Settings(home=folder)
        prepare_home(settings)
        self._url = start_database(settings)
        self._count = 0
        with psycopg.connect(self._url, autocommit=True) as admin:
            for name in _SLOW:
                admin.execute(f"ALTER SYSTEM SET {name} = off".encode())
            admin.execute("SELECT pg_reload_conf()")
            admin.execute(f"CREATE DATABASE {_TEMPLATE}".encode())
        engine = open_engine(_named(self._url, _TEMPLATE))
        migrate(engine)
        engine.dispose()

    @contextmanager
    def stage(self, rules: RuleSettings, at_ms: int) -> Iterator[Stage]:
        """Give a log with its genesis entry; afterwards it is gone."""
        self._count += 1
        name = f"stage_{self._count}"
        with psycopg.connect(self._url, autocommit=True) as admin:
            admin.execute(
                f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE} STRATEGY FILE_COPY".encode()
            )
            engine = open_engine(_named(self._url, name))
            try:
                yield _found(engine, rules, at_ms)
            finally:
                engine.dispose()
                admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _found(engine: Engine, rules: RuleSettings, at_ms: int) -> Stage:
    identity = LogIdentity(
        origin="scenario.example/log",
        head_signer=Address(address_of(HEAD_KEY)),
        registrar=Address(address_of(REGISTRAR_KEY)),
        checkpoint_key=bytes(32),
        chain_id=CHAIN_ID,
        contract=bytes([5]) * 20,
    )
    stage = Stage(engine, SqlLogStore(engine), identity, Vault(STORAGE_KEY), rules)
    stage.registrar.submit([identity.entry(at_ms)], at_ms=at_ms)
    stage.turn(at_ms)
    return stage


def _named(url: str, database: str) -> str:
    head, _, options = url.partition("?")
    return f"{head.rpartition('/')[0]}/{database}?{options}"


@contextmanager
def open_theatre() -> Iterator[Theatre]:
    """Start a server of one's own; afterwards it and its folder are gone."""
    # Short, and open above: a socket's path has 107 bytes, and PostgreSQL may run as another user.
    folder = Path(tempfile.mkdtemp(prefix="unbroken-"))
    try:
        yield Theatre(folder / "home")
    finally:
        EmbeddedPostgres(Settings(home=folder / "home").postgres_dir).stop()
        shutil.rmtree(folder, ignore_errors=True)
