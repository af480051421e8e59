"""Every valid document of the examples: into a ledger, through each format, into another ledger.

Items, states, findings and what a query returns must be the same. What a format cannot hold is told
by pointer and equals the list in tests/vectors/conversion; nothing else may differ.
"""

import json
import re
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ledger.bootstrap import open_node, own_devnet, start_database
from ledger.clock import now_ms
from ledger.core.epcis.check import check_document
from ledger.core.epcis.document import Document, Event, Format
from ledger.core.epcis.event_hash import event_hash
from ledger.core.epcis.finding import Severity, Verdict
from ledger.core.epcis.read import read_document
from ledger.core.epcis.write import write_document
from ledger.core.facts import claim_key, key_added, party_added
from ledger.core.identifiers import party_key
from ledger.core.jcs import canonical_json
from ledger.core.signatures import address_of
from ledger.core.submission import Signer
from ledger.service.read_ports import JobResult
from ledger.settings import Settings, prepare_home
from ledger.store.database import EmbeddedPostgres
from tests.conftest import ConformanceTally
from tests.integration.fresh_ledgers import FreshLedgers, Known, hasten, named
from tests.integration.partners import Partner

VECTORS = Path(__file__).resolve().parents[1] / "vectors/conversion"
LOSSES: dict[str, dict[str, list[str]]] = json.loads((VECTORS / "losses.json").read_text())
# What only a sensor can tell of.
SENSED = "TEMPERATURE_EXCURSION"
# Folders of one size, so that workers share them.
FOLDERS = (
    "gs1-examples/JSON",
    "gs1-examples/XML",
    "gs1-examples/XML-1.2",
    "openepcis-valid/1.2",
    "openepcis-valid/2.0/EPCIS/JSON",
    "openepcis-valid/2.0/EPCIS/XML",
)
# Not taken, for what is said beside each; everything else in the folders is.
LEFT_OUT = {
    "gs1-examples/XML/CBV/CBV-11.4-2020-06-16a.xml": "no events",
    "gs1-examples/XML/CaptureJob/Example-CaptureJobRunning.xml": "a capture job",
    "gs1-examples/XML/CaptureJob/Example-CaptureJobWithErrorFile.xml": "a capture job",
    "gs1-examples/XML/Mimasu/Example-masterData.xml": "no events",
    "gs1-examples/XML/WithEventHashID/event_with_identical_hash_id_7.json": "invalid",
    "gs1-examples/XML/WithFullCombinationOfFields/masterdata_all_possible_fields.xml": "no events",
    "openepcis-valid/1.2/EPCIS/XML/Capture/Documents/TransactionEvent_all_possible_fields.xml": (
        "invalid"
    ),
    "openepcis-valid/2.0/EPCIS/JSON/Query/Queries/SimpleEventQuery.json": "a query",
    "openepcis-valid/2.0/EPCIS/XML/Capture/Documents/JumbledFieldsOrder.xml": "invalid",
    "openepcis-valid/2.0/EPCIS/XML/Capture/Documents/Namespace_document.xml": "invalid",
    "openepcis-valid/2.0/EPCIS/XML/Query/JumbledFieldsOrder.xml": "invalid",
    "openepcis-valid/2.0/EPCIS/XML/Query/Queries/SimpleEventQuery.xml": "a query",
}

# JSON has rules that the XSD has not: valid as it came, the document is none in JSON, for what is
# found in it there.
REFUSED = {
    ("gs1-examples/XML/WithSensorData/SensorDataExamples.xml", "json"): frozenset(
        ["MISSING_MEMBER"]
    ),
}
# Findings about the JSON context, of which XML has none.
OF_JSON = frozenset(["CONTEXT_REBINDS_PREFIX"])
# An event with a context of its own does not take its document's (docs/spec/event.md), so what a
# query returns no longer knows the document's prefixes; XML writes all that hold.
UNBOUND = {
    "openepcis-valid/2.0/EPCIS/JSON/Capture/Documents/Namespaces_at_different_level.json",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A document in another format: what was lost whole, and what in part."""

    raw: bytes
    lost: frozenset[str]
    dropped: frozenset[int]
    touched: frozenset[int]


@pytest.fixture(scope="module")
def ledgers() -> Iterator[FreshLedgers]:
    """Ledgers with one partner and nothing else, as many as are asked for."""
    folder = tempfile.TemporaryDirectory(prefix="unbroken-")
    settings = Settings(home=Path(folder.name) / "home")
    prepare_home(settings)
    url = start_database(settings)
    hasten(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE origin")
    try:
        node = open_node(replace(settings, database_url=named(url, "origin")))
        path, at = "/417/4012345000009", now_ms()
        key, party = secrets.token_bytes(32), party_key(path)
        registrar, address = node.identity.registrar, address_of(key)
        facts = [
            party_added(at, registrar, path, "Sender"),
            key_added(at, registrar, party, address, claim_key(key, node.identity, party, address)),
        ]
        node.registrar().submit(facts, at_ms=at)
        node.sequencer().run(at_ms=now_ms())
        node.integrator().run()
        node.indexer().run()
        signer = Signer(private_key=key, party=party, party_secret=secrets.token_bytes(32))
        yield FreshLedgers(node, Partner(signer=signer, path=path, name="Sender"))
    finally:
        own_devnet(settings).stop()
        EmbeddedPostgres(settings.postgres_dir).stop()
        folder.cleanup()


# Of 40 documents and 120 ledgers; on two busy cores a ledger takes a second.
@pytest.mark.timeout(600)
@pytest.mark.parametrize("folder", FOLDERS)
def test_every_valid_document_is_the_same_in_every_format(
    folder: str, ledgers: FreshLedgers, conformance_data: Path, conformance_tally: ConformanceTally
) -> None:
    epcis = conformance_data / "epcis"
    files = sorted(path for path in (epcis / folder).rglob("*") if path.is_file())
    assert files
    wrong: list[str] = []
    for file in files:
        name = file.relative_to(epcis).as_posix()
        raw = file.read_bytes()
        checked = check_document(raw, at_ms=now_ms())
        document = checked.document
        is_valid = checked.verdict is not Verdict.REJECT and document and document.events
        assert is_valid or name in LEFT_OUT, name
        assert not (is_valid and name in LEFT_OUT), name
        if document is not None and name not in LEFT_OUT:
            found = differences(name, raw, document, ledgers)
            conformance_tally(1, bool(found))
            wrong += found
    assert not wrong, "\n".join(wrong)


def differences(name: str, raw: bytes, document: Document, ledgers: FreshLedgers) -> list[str]:
    """What is not the same in two ledgers that heard of one document in two formats."""
    known = ledgers.know(raw)
    wrong = [] if all_accepted(known) else [f"{name}: {known.results}"]
    for to in Format:
        written = converted(document, to)
        if written.lost != frozenset(LOSSES.get(name, {}).get(to, [])):
            wrong.append(f"{name} to {to}: lost {sorted(written.lost)}")
        if len(written.dropped) == len(document.events):
            continue  # the format holds none of its events
        refused = refusals(written.raw)
        if refused != REFUSED.get((name, to.value), frozenset()):
            wrong.append(f"{name} to {to}: refused for {sorted(refused)}")
        elif not refused and not is_rewritten(document, to, written):
            expected = known
            if written.dropped:
                expected = ledgers.know(without(document, written.dropped))
            again = ledgers.know(written.raw)
            quiet = said_by_readers(document, read_document(written.raw))
            wrong += [f"{name} to {to}: {one}" for one in unequal(expected, again, written, quiet)]
    return [one for one in wrong if name not in UNBOUND or ": event " not in one]


def refusals(raw: bytes) -> frozenset[str]:
    """Codes for which a document is refused."""
    found = check_document(raw, at_ms=now_ms()).findings
    return frozenset(one.code for one in found if one.severity is Severity.ERROR)


def is_rewritten(document: Document, to: Format, written: Written) -> bool:
    """Whether these are the same events in their own format again: no ledger tells them apart."""
    if to is not document.format or written.lost:
        return False
    again = read_document(written.raw).events
    return [canonical_json(one) for one in again] == [
        canonical_json(one) for one in document.events
    ]


def said_by_readers(*documents: Document) -> frozenset[str]:
    """Codes of findings about how a format was written, and the places of which they are."""
    return frozenset(
        text
        for document in documents
        for one in document.findings
        for text in (one.code, place(one.pointer))
    )


def place(pointer: str) -> str:
    """A pointer into an event, wherever the event stands."""
    return re.sub(r"^(/epcisBody)?(/queryResults/resultsBody)?(/eventList)?(/[0-9]+)?", "", pointer)


def converted(document: Document, to: Format) -> Written:
    raw, losses = write_document(document, to)
    lost = frozenset(loss.pointer for loss in losses)
    dropped = frozenset(i for i, pointer in enumerate(document.pointers) if pointer in lost)
    kept = [i for i in range(len(document.events)) if i not in dropped]
    touched = frozenset(
        position
        for position, i in enumerate(kept)
        if any(pointer.startswith(f"{document.pointers[i]}/") for pointer in lost)
    )
    return Written(raw=raw, lost=lost, dropped=dropped, touched=touched)


def without(document: Document, dropped: frozenset[int]) -> bytes:
    """The document in its own format without some of its events."""
    kept = [i for i in range(len(document.events)) if i not in dropped]
    rest = replace(
        document,
        events=[document.events[i] for i in kept], pointers=[document.pointers[i] for i in kept],
    )  # fmt: skip
    return write_document(rest, document.format)[0]


def all_accepted(known: Known) -> bool:
    return [one.verdict for one in known.results] == ["accepted"] * len(known.events)


def unequal(
    expected: Known, again: Known, written: Written, quiet: AbstractSet[str]
) -> Iterator[str]:
    """What the second ledger knows otherwise; findings about reading a format are its own."""
    same = {one.position for one in again.results if one.verdict == "duplicate"}
    # Events that differed in what was lost are one event there; nothing else is twice.
    if same - written.touched or len(again.events) + len(same) != len(expected.events):
        yield f"{again.results}"
        return
    if again.states != expected.states:
        yield f"states {sorted(map(str, again.states ^ expected.states))}"
    # What a format without sensors lost, nobody can find any more.
    gone = {one for one in expected.findings if one[1] == SENSED and written.touched}
    if again.findings not in (expected.findings, expected.findings - gone):
        yield f"findings {sorted(map(str, again.findings ^ expected.findings))}"
    pairs = [] if same else list(zip(expected.events, again.events, strict=True))
    for i, (one, other) in enumerate(pairs):
        if i not in written.touched and meaning(one) != meaning(other):
            yield f"event {i}: {meaning(one)} became {meaning(other)}"
    ours, theirs = (told(known.results, written, quiet) for known in (expected, again))
    if ours != theirs:
        yield f"told {theirs}, not {ours}"


def meaning(event: Event) -> tuple[Any, ...]:
    """What a query returned, in no format: the CBV hash leaves out identity and declarations."""
    declared = event.get("errorDeclaration")
    reason = declared.get("reason") if isinstance(declared, dict) else None
    return event_hash(event), event.get("eventID"), reason


def told(
    results: Sequence[JobResult], written: Written, quiet: AbstractSet[str]
) -> list[list[str]]:
    """Codes of what was found in each event that lost nothing, where no reader spoke."""
    return [
        sorted(
            {
                str(one["code"])
                for one in result.details
                if not {one["code"], place(str(one["pointer"]))} & (quiet | OF_JSON)
            }
            | set(result.findings)
        )
        for result in results
        if result.position not in written.touched
    ]
