"""The ledger writes an event's rows, the verifier reads them: both see the same event."""

import json
from collections.abc import Iterator
from pathlib import Path

from unbroken_verifier.canonical import JsonValue, parse_canonical
from unbroken_verifier.errors import RefusedError
from unbroken_verifier.event import lists_children, named_items, verify_pointer
from unbroken_verifier.operation import Op, instant, operation, receiver

from ledger.core import events as ledger
from ledger.core.commitment import event_rows, item_names
from ledger.core.epcis.read import read_document
from ledger.core.errors import MalformedError
from tests.conftest import ConformanceTally

SCENARIOS = Path(__file__).parents[1] / "vectors" / "clone-scenarios"
PARTY = bytes([7]) * 32
Event = dict[str, JsonValue]
Reading = tuple[int, int, int, bytes, bytes, frozenset[tuple[int, str]]]
SCALARS: list[JsonValue] = [None, True, 0, "", "x"]
DAMAGE: list[JsonValue] = [
    *SCALARS,
    [],
    {},
    ["x"],
    [{}],
    [None],
    {"type": 1},
    [{"type": "x"}],
    [{"destination": "x"}],
    [{"type": "owning_party", "destination": 1}],
    [{"type": "owning_party", "destination": ""}],
    [{"type": 1, "destination": "x"}],
    [{"type": "owning_party", "destination": "x", "epcClass": "y"}],
    [{"epcClass": "x"}],
    [{"epcClass": None}],
]


def ledger_reading(event: Event) -> Reading | None:
    try:
        said = ledger.operation(event, PARTY)
        names = frozenset((name.role, name.path) for name in item_names(event))
    except MalformedError:
        return None
    return said.op, said.flags, said.time_ms, said.to_owner, said.to_possessor, names


def verifier_reading(event: Event) -> Reading | None:
    try:
        rows = {row.pointer: parse_canonical(row.value) for row in event_rows(event)}
        for pointer, value in rows.items():
            verify_pointer(pointer, value)
        op = operation(rows)
        flags = int("/errorDeclaration" in rows)
        flags |= 2 if op == Op.UNPACK and lists_children(rows, []) is False else 0
        owner = receiver(rows, "owning_party", PARTY)
        possessor = receiver(rows, "possessing_party", PARTY)
        names = frozenset(named_items(rows))
        return op, flags, instant(rows.get("/eventTime")), owner, possessor, names
    except RefusedError:
        return None


def scenario_events() -> Iterator[Event]:
    """Every object with an eventTime in the scenario files."""
    pending: list[JsonValue] = [json.loads(f.read_bytes()) for f in sorted(SCENARIOS.glob("*"))]
    while pending:
        value = pending.pop()
        if isinstance(value, dict) and "eventTime" in value:
            yield value
        elif isinstance(value, dict):
            pending += value.values()
        elif isinstance(value, list):
            pending += value


def test_scenario_events_are_read_alike() -> None:
    readings = [(ledger_reading(e), verifier_reading(e)) for e in scenario_events()]
    assert len(readings) > 50
    assert all(one == two and one is not None for one, two in readings)


def test_damaged_events_are_read_alike() -> None:
    compared = 0
    for event in list(scenario_events())[:40]:
        for name in [*event, "quantityList", "destinationList", "childEPCs", "parentID", "ilmd"]:
            for value in SCALARS if name == "type" else DAMAGE:
                damaged = {**event, name: value}
                assert verifier_reading(damaged) == ledger_reading(damaged), damaged
                compared += 1
    assert compared > 4000


def test_published_events_are_read_alike(
    conformance_data: Path, conformance_tally: ConformanceTally
) -> None:
    read = wrong = 0
    for folder in ("gs1-examples", "openepcis-valid"):
        for file in sorted((conformance_data / "epcis" / folder).rglob("*.json*")):
            try:
                events = read_document(file.read_bytes()).events
            except MalformedError:
                continue
            for event in events:
                read += 1
                wrong += verifier_reading(event) != ledger_reading(event)
    conformance_tally(read, wrong)
    assert read > 50
    assert not wrong
