"""G14: from bytes to a verdict, beside jsonschema-rs with the official JSON Schema of EPCIS 2.0.1.

The peer parses with orjson and asks `is_valid`, formats asserted: a verdict, without a word on what
is wrong. Ours reads strictly, checks the model, every semantic rule and the data's quality.
"""

import os
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

import jsonschema_rs
import orjson

from benchmarks.measure import PAIRS, Result, cpu_of, spread
from ledger.core.epcis.check import check_bytes, check_document

GOAL = "G14"
CONFORMANCE = "UNBROKEN_CONFORMANCE_DATA"
THRESHOLD = 2.0
EXAMPLES = ("gs1-examples", "openepcis-valid", "event-hash", "authored/semantic")
_CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
# The day after the events that are made here; the examples are of all years.
_AT_MS = 1_714_665_600_000
_LATER_MS = 1_795_652_400_000

IsValid = Callable[[object], bool]


def _event(i: int, *, linked: bool) -> dict[str, object]:
    """Return a shipping event of one pack, as URNs or as Digital Links."""
    urns = (f"urn:epc:id:sgtin:0614141.107346.{i}", "urn:epc:id:sgln:0614141.07346.1234")
    links = (f"https://id.gs1.org/01/10614141073464/21/{i}", "https://id.gs1.org/414/0614141073467")
    pack, place = links if linked else urns
    return {
        "type": "ObjectEvent", "eventID": f"urn:uuid:550e8400-e29b-41d4-a716-{i:012d}",
        "eventTime": "2024-05-01T10:00:00.000Z", "eventTimeZoneOffset": "+00:00",
        "action": "OBSERVE", "bizStep": "shipping", "disposition": "in_transit",
        "epcList": [pack], "readPoint": {"id": place},
        "bizTransactionList": [
            {"type": "po", "bizTransaction": "urn:epcglobal:cbv:bt:0614141073467:1152"}
        ],
    }  # fmt: skip


def _document(events: int, *, linked: bool = False) -> bytes:
    return orjson.dumps(
        {
            "@context": [_CONTEXT, {"ex": "https://ns.example.com/epcis/"}],
            "type": "EPCISDocument", "schemaVersion": "2.0",
            "creationDate": "2024-05-01T12:00:00.000Z",
            "epcisBody": {"eventList": [_event(i, linked=linked) for i in range(events)]},
        }
    )  # fmt: skip


def _examples(folder: Path, is_valid: IsValid) -> list[bytes]:
    """Return the JSON examples that the official schema takes."""
    found = []
    for group in EXAMPLES:
        for file in sorted((folder / group).rglob("*.json*")):
            raw = file.read_bytes()
            if file.suffix != ".txt" and b'"@context"' in raw and is_valid(orjson.loads(raw)):
                found.append(raw)
    return found


def _compared(what: str, raws: list[bytes], at_ms: int, is_valid: IsValid, pairs: int) -> Result:
    events = 0
    for raw in raws:
        checked = check_document(raw, at_ms=at_ms)
        events += len(checked.document.events) if checked.document else 0
    ratios, ours, peers = [], [], []
    for _ in range(pairs):
        our, _ = cpu_of(lambda: [check_bytes(raw, at_ms=at_ms).verdict for raw in raws])
        peer, _ = cpu_of(lambda: [is_valid(orjson.loads(raw)) for raw in raws])
        ratios.append(our / peer)
        ours.append(our / events * 1e6)
        peers.append(peer / events * 1e6)
    median, low, high = spread(ratios)
    return Result(
        goal=GOAL, what=f"bytes to verdict, {what} / official schema in jsonschema-rs",
        ratio=median, low=low, high=high, threshold=THRESHOLD, better="lower",
        note=f"{statistics.median(ours):.1f} and {statistics.median(peers):.1f} us an event",
    )  # fmt: skip


def validation(documents: int = 2_000, bulk: int = 5, pairs: int = PAIRS) -> Iterator[Result]:
    """G14: one event a document, 1,000 events a document, and the examples of the standard."""
    data = os.environ.get(CONFORMANCE)
    if data is None:
        yield Result(
            goal=GOAL, what="bytes to verdict / official schema in jsonschema-rs",
            threshold=THRESHOLD, better="lower", without=f"not run: {CONFORMANCE} is not set",
        )  # fmt: skip
        return
    epcis = Path(data) / "epcis"
    schema = (epcis / "schemas/json-schema/epcis-json-schema-2.0.1.json").read_bytes()
    is_valid = jsonschema_rs.validator_for(orjson.loads(schema), validate_formats=True).is_valid
    examples = _examples(epcis, is_valid)
    cases = [
        ("1,000 events, URNs", [_document(1000)] * bulk, _AT_MS),
        ("1,000 events, Digital Links", [_document(1000, linked=True)] * bulk, _AT_MS),
        ("one event", [_document(1)] * documents, _AT_MS),
        (f"{len(examples)} examples, all old", examples * max(1, bulk), _LATER_MS),
    ]
    for what, raws, at_ms in cases:
        yield _compared(what, raws, at_ms, is_valid, pairs)
