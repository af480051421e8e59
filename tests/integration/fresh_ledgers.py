"""A ledger for every document: one server, one genesis, a copy of its database each time."""

import asyncio
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from sqlalchemy import text

from ledger.bootstrap import Node
from ledger.client import media_type_of
from ledger.clock import now_ms
from ledger.core.epcis.document import Event
from ledger.core.epcis.query import Query
from ledger.core.strict_json import parse_json
from ledger.core.submission import build_submission, format_submission
from ledger.service.accept import capture_id
from ledger.service.read_ports import JobResult
from ledger.store.database import open_engine
from ledger.store.log_store import SqlLogStore
from tests.integration.partners import Partner

PER_PAGE = 1_000
# What a crash of the machine would lose is no concern of a test; it is half of the time.
_SLOW = ("fsync", "full_page_writes", "synchronous_commit")
_STATES = """
SELECT i.path, s.status, s.holder, s.shipped_to, c.path FROM items i
LEFT JOIN item_states s USING (item_key) LEFT JOIN items c ON c.item_key = s.container
"""
_FINDINGS = "SELECT i.path, f.code, f.finding_class FROM findings f JOIN items i USING (item_key)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a ledger knows after one document.

    Attributes:
        results: Of the capture job, one an event.
        events: As a query returns them, in the order of their log indexes.
        states: Path, status, holder, recipient and container of each item.
        findings: Path, code and class of each finding of custody.
    """

    results: Sequence[JobResult]
    events: Sequence[Event]
    states: frozenset[tuple[Any, ...]]
    findings: frozenset[tuple[Any, ...]]


class FreshLedgers:
    """Makes ledgers that all begin as the one that was given."""

    def __init__(self, origin: Node, partner: Partner) -> None:
        """Take a ledger whose database nobody else uses any more."""
        self._origin, self._partner = origin, partner
        self._name = str(psycopg.conninfo.conninfo_to_dict(origin.database_url)["dbname"])
        origin.engine.dispose()

    def know(self, document: bytes) -> Known:
        """Capture a document into a ledger of its own, query it, and forget the ledger."""
        with self._fresh() as node:
            digest = asyncio.run(self._accept(node, document))
            node.sequencer().run(at_ms=now_ms())
            node.integrator().run()
            node.indexer().run()
            job, _ = node.reader().job(capture_id(digest))
            with node.engine.connect() as connection:
                states = connection.execute(text(_STATES)).all()
                findings = connection.execute(text(_FINDINGS)).all()
            return Known(
                results=job.results, events=asyncio.run(_queried(node)),
                states=frozenset(map(tuple, states)), findings=frozenset(map(tuple, findings)),
            )  # fmt: skip

    async def _accept(self, node: Node, document: bytes) -> bytes:
        signer, domain = self._partner.signer, node.identity.domain()
        submission = build_submission(document, signer, domain, issued_at=now_ms(), lenient=True)
        accepted = node.acceptor().accept(
            format_submission(submission), document, media_type_of(document), at_ms=now_ms()
        )
        intake = node.intake()
        await intake.start()
        await intake.add(accepted)
        await intake.stop()
        return accepted.digest

    @contextmanager
    def _fresh(self) -> Iterator[Node]:
        name = f"fresh_{secrets.token_hex(6)}"
        server = named(self._origin.database_url, "template1")
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {self._name} STRATEGY FILE_COPY")
            url = named(self._origin.database_url, name)
            engine = open_engine(url)
            try:
                log = SqlLogStore(engine)
                yield replace(self._origin, database_url=url, engine=engine, log=log)
            finally:
                engine.dispose()
                admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def _queried(node: Node) -> list[Event]:
    store = node.event_store()
    await store.start()
    try:
        queries = node.event_queries(store)
        page = await queries.page(Query(), per_page=PER_PAGE, token=None, at_ms=now_ms())
        assert page.token is None
        in_order = sorted(page.events, key=lambda event: event.log_index)
        return [as_event(event.rendered) for event in in_order]
    finally:
        await store.stop()


def as_event(raw: bytes) -> Event:
    """Read an event of ours."""
    event = parse_json(raw)
    assert isinstance(event, dict)
    return event


def named(url: str, database: str) -> str:
    """Return the URL of another database of the same server."""
    head, _, options = url.partition("?")
    return f"{head.rpartition('/')[0]}/{database}?{options}"


def hasten(url: str) -> None:
    """Tell a server of tests that nothing on it has to survive."""
    with psycopg.connect(url, autocommit=True) as connection:
        for name in _SLOW:
            connection.execute(f"ALTER SYSTEM SET {name} = off")
        connection.execute("SELECT pg_reload_conf()")
