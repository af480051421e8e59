"""What the official schema refuses we refuse: on thousands of examples, each broken somewhere."""

import copy
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import orjson

from ledger.core.epcis.check import check_bytes, check_document

ROUNDS: Final = 4_000
AT_MS: Final = 1_795_652_400_000
GROUPS: Final = ("gs1-examples", "openepcis-valid", "event-hash", "authored/semantic")
VALUES: Final[list[Any]] = [
    None, True, 0, -1, 1.5, "", "x", "x y", "urn:a:b", "https://a.b/c", "2024-05-01T10:00:00Z",
    "2024-13-01T10:00:00Z", "Z", "+00:00", "+15:00", [], [1], ["x"], ["urn:a:b", "urn:a:b"], {},
    {"a": 1}, {"a:b": 1}, {"id": "urn:a:b"}, {"id": 1}, "ADD", "shipping", "did_not_occur", "kgm",
    "urn:epcglobal:cbv:bizstep:shipping", "https://ns.gs1.org/cbv/x", "https://gs1.org/voc/x",
    "ABCD", "deadbeef", "gs1:Temperature", "é",
]  # fmt: skip
NAMES: Final = [
    "a:b", "foo", "@x", "ex:é", "a b:c", "x:", "x:y z", "1a:b", "_a:b", "a:%zz", "a:#b#c", "type",
    "epcList", "action", "ilmd", "parentID", "childEPCs", "sensorElementList", "quantityList",
    "bizTransactionList", "set", "id", "uom",
]  # fmt: skip
Step = str | int


def _places(node: Any, path: tuple[Step, ...] = ()) -> Iterator[tuple[Step, ...]]:  # noqa: ANN401
    children = node.items() if isinstance(node, dict) else enumerate(node)
    for step, child in children:
        yield (*path, step)
        if isinstance(child, dict | list):
            yield from _places(child, (*path, step))


def _break(document: Any, rng: random.Random) -> None:  # noqa: ANN401
    """Change, remove, add or rename one thing somewhere in a document."""
    *above, last = rng.choice([*_places(document)])
    parent = document
    for step in above:
        parent = parent[step]
    value = copy.deepcopy(rng.choice(VALUES))
    match rng.randrange(4):
        case 0:
            parent[last] = value
        case 1:
            del parent[last]
        case 2 if isinstance(parent, list):
            parent.append(copy.deepcopy(parent[last]) if rng.random() < 0.5 else value)
        case 2:
            parent[rng.choice(NAMES)] = value
        case _ if isinstance(parent, dict):
            parent[rng.choice(NAMES)] = parent.pop(last)
        case _:
            parent.insert(0, value)


def test_what_the_official_schema_refuses_we_refuse(
    conformance_data: Path, conformance_tally: Callable[[int, int], None]
) -> None:
    epcis = conformance_data / "epcis"
    schema = json.loads((epcis / "schemas/json-schema/epcis-json-schema-2.0.1.json").read_text())
    official = jsonschema_rs.validator_for(schema, validate_formats=True)
    files = [file for group in GROUPS for file in sorted((epcis / group).rglob("*.json*"))]
    texts = [file.read_bytes() for file in files if file.suffix != ".txt"]
    documents = [orjson.loads(text) for text in texts if b'"@context"' in text]
    rng = random.Random(2024)
    refused, wrong = 0, []
    for _ in range(ROUNDS):
        document = copy.deepcopy(rng.choice(documents))
        for _ in range(rng.randint(1, 2)):
            _break(document, rng)
        raw = orjson.dumps(document)
        checked = check_document(raw, at_ms=AT_MS)
        assert check_bytes(raw, at_ms=AT_MS).findings == checked.findings
        if not official.is_valid(document):
            refused += 1
            if checked.verdict != "reject":
                wrong.append(next(official.iter_errors(document)).message[-200:])
    conformance_tally(refused, len(wrong))
    assert refused > ROUNDS / 4
    assert wrong == []
