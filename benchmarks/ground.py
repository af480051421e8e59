"""A ledger of its own for measuring: temporary home, embedded PostgreSQL, own devnet, one partner.

One per process: the embedded PostgreSQL fixes its runtime folder when it is first imported.
"""

import asyncio
import atexit
import secrets
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import orjson

from benchmarks.measure import cpu_of_tree, postmaster_of
from ledger.bootstrap import Node, open_node, own_devnet
from ledger.clock import now_ms
from ledger.core.eip712 import SigningDomain
from ledger.core.facts import claim_key, key_added, party_added
from ledger.core.identifiers import party_key
from ledger.core.signatures import address_of
from ledger.core.submission import Signer, build_submission, format_submission
from ledger.service.ports import AcceptedSubmission
from ledger.settings import Settings
from ledger.store.database import EmbeddedPostgres

PARTY_PATH = "/417/4012345000009"
MEDIA_TYPE = "application/ld+json"
HOUR_MS = 3_600_000
_CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"


def new_signer() -> Signer:
    """Return a partner's keys."""
    return Signer(
        private_key=secrets.token_bytes(32),
        party=party_key(PARTY_PATH),
        party_secret=secrets.token_bytes(32),
    )


def event(serial: int) -> dict[str, object]:
    """Return a shipping event of one pack, about 1 KB in a document."""
    return {
        "type": "ObjectEvent",
        "eventID": f"urn:uuid:5b2c4a36-0000-4000-8000-{serial:012x}",
        "eventTime": f"2026-01-02T10:00:{serial % 60:02}.000Z",
        "recordTime": "2026-01-02T10:05:00.000Z",
        "eventTimeZoneOffset": "+00:00",
        "action": "OBSERVE",
        "bizStep": "shipping",
        "disposition": "in_transit",
        "epcList": [f"urn:epc:id:sgtin:4012345.011111.{serial}"],
        "readPoint": {"id": "urn:epc:id:sgln:4012345.00001.0"},
        "bizLocation": {"id": "urn:epc:id:sgln:4012345.00001.0"},
        "bizTransactionList": [
            {"type": "po", "bizTransaction": f"urn:epcglobal:cbv:bt:4012345000009:PO-{serial}"},
            {"type": "desadv", "bizTransaction": "urn:epcglobal:cbv:bt:4012345000009:DA-2026-1"},
        ],
        "sourceList": [{"type": "owning_party", "source": "urn:epc:id:pgln:4012345.00000"}],
        "destinationList": [
            {"type": "owning_party", "destination": "urn:epc:id:pgln:4012346.00000"}
        ],
    }


def document(serials: Sequence[int]) -> bytes:
    """Return an EPCIS document with one event for each serial."""
    return orjson.dumps(
        {
            "@context": [_CONTEXT],
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": "2026-01-02T10:05:00Z",
            "epcisBody": {"eventList": [event(serial) for serial in serials]},
        }
    )


def signed(serials: Sequence[int], signer: Signer, domain: SigningDomain) -> tuple[bytes, bytes]:
    """Return the submission part and the document."""
    body = document(serials)
    return format_submission(build_submission(body, signer, domain, issued_at=1)), body


@dataclass(slots=True)
class Ground:
    """An opened ledger with one registered partner; serials are used once.

    alone counts the logged events that were signed one by one, newest names the last of them.
    """

    node: Node
    signer: Signer
    postmaster: int
    used: int = 0
    alone: int = 0
    newest: range = range(0)

    def serials(self, count: int) -> range:
        """Return serials that no event has had."""
        self.used += count
        return range(self.used - count, self.used)

    def signed(self, documents: int, events: int = 1) -> list[tuple[bytes, bytes]]:
        """Return new documents with their submission parts."""
        domain = self.node.identity.domain()
        return [signed(self.serials(events), self.signer, domain) for _ in range(documents)]

    def postgres_cpu(self) -> float:
        """Return the CPU seconds that PostgreSQL has used."""
        return cpu_of_tree(self.postmaster)

    def store(self, accepted: Sequence[AcceptedSubmission]) -> None:
        """Make submissions durable as the API does, all of them in flight."""

        async def run() -> None:
            intake = self.node.intake()
            await intake.start()
            try:
                await asyncio.gather(*map(intake.add, accepted))
            finally:
                await intake.stop()

        asyncio.run(run())

    def work(self) -> None:
        """Sequence and integrate all that is stored; heads and anchors are apart."""
        sequencer, integrator = self.node.sequencer(), self.node.integrator()
        while sequencer.run(at_ms=now_ms()):
            integrator.run()


@cache
def ground() -> Ground:
    """Return this process's ledger; it ends with the process."""
    stack = ExitStack()
    # Before pgserver is imported, so that ours runs after its own hook, which leaves a lock behind.
    atexit.register(stack.close)
    home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="unbroken-")))
    # Nothing is anchored by itself while something is measured.
    settings = Settings(home=home, anchor_interval_ms=HOUR_MS)
    stack.callback(own_devnet(settings).stop)
    node = open_node(settings)
    stack.callback(EmbeddedPostgres(settings.postgres_dir).stop)
    stack.callback(node.engine.dispose)
    made = Ground(node=node, signer=new_signer(), postmaster=postmaster_of(settings.postgres_dir))
    _register(made)
    return made


def _register(made: Ground) -> None:
    node, signer, at_ms = made.node, made.signer, now_ms()
    registrar, address = node.identity.registrar, address_of(signer.private_key)
    claim = claim_key(signer.private_key, node.identity, signer.party, address)
    facts = [
        party_added(at_ms, registrar, PARTY_PATH, "Maker"),
        key_added(at_ms, registrar, signer.party, address, claim),
    ]
    node.registrar().submit(facts, at_ms=at_ms)
    made.work()
