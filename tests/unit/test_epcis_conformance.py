"""Reader and writers against the official schemas and the official examples."""

import json
import random
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from lxml import etree

from ledger.core.epcis.document import Document, Event, Format, Kind
from ledger.core.epcis.finding import Severity
from ledger.core.epcis.namespaces import Namespaces, namespaces_of
from ledger.core.epcis.read import read_document
from ledger.core.epcis.vocabulary import (
    BIZ_STEP,
    BIZ_TRANSACTION,
    COMPONENT,
    DISPOSITION,
    ERROR_REASON,
    MEASUREMENT,
    SENSOR_ALERT,
    SOURCE_DESTINATION,
)
from ledger.core.epcis.write import write_document
from ledger.core.errors import MalformedError
from tests.conftest import ConformanceTally

VECTORS = Path(__file__).resolve().parents[1] / "vectors/conversion"
SCHEMAS = {
    "{urn:epcglobal:epcis:xsd:2}EPCISDocument": "2_0_0/EPCglobal-epcis-2_0.xsd",
    "{urn:epcglobal:epcis-query:xsd:2}EPCISQueryDocument": "2_0_0/EPCglobal-epcis-query-2_0.xsd",
    "{urn:epcglobal:epcis-masterdata:xsd:2}EPCISMasterDataDocument": (
        "2_0_0/EPCglobal-epcis-masterdata-2_0.xsd"
    ),
    "{urn:epcglobal:epcis:xsd:1}EPCISDocument": "1_2_0/EPCglobal-epcis-1_2.xsd",
    "{urn:epcglobal:epcis-query:xsd:1}EPCISQueryDocument": "1_2_0/EPCglobal-epcis-query-1_2.xsd",
}
# libxml2 takes no white space around xsd:dateTime under xsi:type; XML Schema part 2, 4.3.6 does.
WHITE_SPACE = {
    "AggregationEvent_all_possible_fields.xml",
    "TransformationEvent_all_possible_fields.xml",
}
NO_DOCUMENT = {"SimpleEventQuery.xml"}
# XML allows what the JSON schema does not: an EPC twice in a list, a sensor report without a type.
# The last is JSON that breaks the JSON schema as it stands.
NOT_VALID_AS_JSON = {
    "epcisDocWithAllGS1Keys.xml", "SensorDataExamples.xml", "event_with_identical_hash_id_7.json",
}  # fmt: skip
WORDS = (
    BIZ_STEP, DISPOSITION, BIZ_TRANSACTION, SOURCE_DESTINATION, ERROR_REASON, COMPONENT,
    MEASUREMENT, SENSOR_ALERT,
)  # fmt: skip
WORDED = frozenset(
    ["type", "bizStep", "disposition", "reason", "exception", "component", "set", "unset"]
)
PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)


@pytest.fixture(scope="module")
def schemas(conformance_data: Path) -> dict[str, Any]:
    folder = conformance_data / "epcis/schemas/xsd"
    return {tag: etree.XMLSchema(etree.parse(folder / path)) for tag, path in SCHEMAS.items()}


@pytest.fixture(scope="module")
def json_schema(conformance_data: Path) -> jsonschema_rs.Validator:
    path = conformance_data / "epcis/schemas/json-schema/epcis-json-schema-2.0.1.json"
    return jsonschema_rs.validator_for(json.loads(path.read_text()), validate_formats=True)


def examples(data: Path, *folders: str) -> Iterator[tuple[str, bytes]]:
    for folder in folders:
        for path in sorted((data / "epcis" / folder).rglob("*")):
            if path.suffix in (".xml", ".json", ".jsonld"):
                yield str(path.relative_to(data / "epcis")), path.read_bytes()


def errors(found: Document) -> list[str]:
    return [one.code for one in found.findings if one.severity is Severity.ERROR]


def ours(raw: bytes) -> bool:
    try:
        return not errors(read_document(raw))
    except MalformedError:
        return False


def expanded(value: object, names: Namespaces, key: str = "") -> object:
    """A value whose names and words are spelt in one way, so that two spellings are equal."""
    if isinstance(value, dict):
        return {
            (names.expanded_name(name) if ":" in name else name): expanded(one, names, name)
            for name, one in value.items()
            if name != "@context"
        }
    if isinstance(value, list):
        return [expanded(one, names, key) for one in value]
    if isinstance(value, str) and key in WORDED:
        text = value.replace("cbv:", "https://ref.gs1.org/cbv/") if value[:4] == "cbv:" else value
        for words in WORDS:
            text = words.bare(text)
        return names.expanded_uri(text)
    return value


def names_of(document: Document, event: Event) -> Namespaces:
    return namespaces_of(document.members.get("@context"), event.get("@context"))


def compared(document: Document) -> list[Any]:
    return [expanded(event, names_of(document, event)) for event in document.events]


def without_lost(document: Document, pointers: dict[str, int | None]) -> list[Any]:
    """The events without what a writer said that it lost."""
    events: list[Any] = deepcopy(list(document.events))
    gone = set()
    # From behind: what is taken out of a list moves only what stands behind it.
    for pointer, position in reversed(pointers.items()):
        if position is None:
            continue
        path = pointer.removeprefix(document.pointers[position]).split("/")[1:]
        if not path:
            gone.add(position)
            continue
        holder = events[position]
        for name in path[:-1]:
            holder = holder[int(name)] if isinstance(holder, list) else holder[name]
        del holder[int(path[-1]) if isinstance(holder, list) else path[-1]]
    kept = [(i, event) for i, event in enumerate(events) if i not in gone]
    return [expanded(event, names_of(document, document.events[i])) for i, event in kept]


def without_empty_lists(events: list[Any]) -> list[Any]:
    """1.2 demands an EPC list even where there is none: an empty one says nothing there."""
    return [{k: v for k, v in event.items() if v != []} for event in events]


def test_the_grammar_has_the_verdict_of_the_schemas(
    conformance_data: Path, conformance_tally: ConformanceTally, schemas: dict[str, Any]
) -> None:
    seen = 0
    for name, raw in examples(conformance_data, ""):
        if not name.endswith(".xml"):
            continue
        tree = etree.fromstring(raw, PARSER).getroottree()
        schema = schemas.get(tree.getroot().tag)
        base = name.rpartition("/")[2]
        if schema is None or base in NO_DOCUMENT:
            continue
        seen += 1
        explained = base in WHITE_SPACE and "/1.2/" in name
        agrees = schema.validate(tree) == ours(raw) or explained
        conformance_tally(1, 0 if agrees else 1)
        assert agrees, name
    assert seen > 80


CHANGES = (
    "extension", "baseExtension", "epcList", "action", "eventID", "foo", "quantity", "uom",
    "bizTransactionList", "ilmd", "{http://x.example/}a", "id", "sensorElementList", "set",
)  # fmt: skip
TEXTS = (
    "", "x", "2020-02-30T00:00:00Z", "2020-01-01T00:00:00", "1", "1.5",
    "2020-01-01T24:00:00Z", "-1", "1e5", "true", "ADD", " ADD ", "0f", "0x", "1.", ".", "a:b",
)  # fmt: skip


def shifted(one: etree._Element, change: int, chosen: random.Random) -> None:
    """Take an element away, double it or move it."""
    parent = one.getparent()
    if parent is None:
        return
    place = parent.index(one)
    if change == 1:
        parent.insert(place, deepcopy(one))
        return
    parent.remove(one)
    if change == 2:
        parent.insert(chosen.randrange(len(parent) + 1), one)


def changed(root: etree._Element, chosen: random.Random) -> None:
    """Change one thing about a document's structure or values."""
    elements = [one for one in root.iter() if isinstance(one.tag, str)]
    one = chosen.choice(elements)
    change = chosen.randrange(9)
    if change in (0, 1, 2):
        shifted(one, change, chosen)
    elif change == 3:
        one.tag = chosen.choice(CHANGES)
    elif change == 4:
        one.text = chosen.choice(TEXTS)
    elif change == 5 and len(one.attrib):
        del one.attrib[chosen.choice(list(one.attrib))]
    elif change == 6:
        one.set(
            chosen.choice(["type", "foo", "{http://x.example/}b", "time"]), chosen.choice(TEXTS)
        )
    elif change == 7:
        etree.SubElement(one, chosen.choice(CHANGES)).text = chosen.choice(TEXTS)
    else:
        del one[:]


def test_the_grammar_has_the_verdict_of_the_schemas_on_changed_documents(
    conformance_data: Path, conformance_tally: ConformanceTally, schemas: dict[str, Any]
) -> None:
    trees = [
        etree.fromstring(raw, etree.XMLParser(remove_comments=True, resolve_entities=False))
        for name, raw in examples(conformance_data, "gs1-examples", "openepcis-valid", "authored")
        # In extensions of 1.2 the schema knows no AssociationEvent, so none of its members.
        if name.endswith(".xml") and "Query/Queries" not in name and "XML-1.2/Assoc" not in name
    ]
    trees = [one for one in trees if one.tag in schemas and schemas[one.tag].validate(one)]
    chosen = random.Random(20_26)
    for _ in range(600):
        root = deepcopy(chosen.choice(trees))
        changed(root, chosen)
        raw = etree.tostring(root)
        schema = schemas.get(root.tag)
        if schema is None:
            continue
        verdict = schema.validate(etree.fromstring(raw))
        agrees = verdict == ours(raw)
        conformance_tally(1, 0 if agrees else 1)
        assert agrees, (raw.decode(), schema.error_log, read_document(raw).findings)


def test_every_example_survives_every_format(
    conformance_data: Path,
    conformance_tally: ConformanceTally,
    schemas: dict[str, Any],
    json_schema: jsonschema_rs.Validator,
) -> None:
    listed = json.loads((VECTORS / "losses.json").read_text())
    told: dict[str, dict[str, list[str]]] = {}
    for name, raw in examples(conformance_data, "gs1-examples", "openepcis-valid"):
        try:
            document = read_document(raw)
        except MalformedError:
            continue
        if errors(document):
            continue
        for to in Format:
            written, lost = write_document(document, to)
            assert {one.code for one in lost} <= {"LOST_IN_CONVERSION"}
            pointers = {one.pointer: one.event for one in lost}
            if pointers:
                told.setdefault(name, {})[to.value] = list(pointers)
            is_right = _is_valid(name, document.kind, to, written, schemas, json_schema)
            again = read_document(written)
            assert errors(again) == [], (name, to)
            before, after = without_lost(document, pointers), compared(again)
            if to is Format.XML_12:
                before, after = without_empty_lists(before), without_empty_lists(after)
            conformance_tally(1, 0 if is_right and before == after else 1)
            assert is_right, (name, to)
            assert before == after, (name, to)
            assert write_document(document, to)[0] == written
    assert {name: told[name] for name in listed if name in told} == listed
    assert all("xml20" not in one for one in told.values())
    assert {name for name in told if "json" in told[name]} <= listed.keys()


def _is_valid(
    name: str,
    kind: Kind,
    to: Format,
    written: bytes,
    schemas: dict[str, Any],
    json_schema: jsonschema_rs.Validator,
) -> bool:
    if to is not Format.JSON:
        root = etree.fromstring(written)
        return bool(schemas[root.tag].validate(root))
    if name.rpartition("/")[2] in NOT_VALID_AS_JSON or kind is Kind.EVENTS:
        return True
    return bool(json_schema.is_valid(json.loads(written)))


# Where the twins themselves differ: times in another zone, other identifiers, a comment.
TIMES = frozenset([
    "eventTime", "recordTime", "declarationTime", "time", "startTime", "endTime",
])  # fmt: skip
OTHER_CONTENT = frozenset([
    "epcisDocWithAllGS1Keys", "epcisDocWithSensorComponent", "queryDocument",
    "ObjectEvent_with_comment", "TransactionEvent",
])  # fmt: skip


def without_times(value: object) -> object:
    if isinstance(value, dict):
        return {k: without_times(v) for k, v in value.items() if k not in TIMES}
    return [without_times(one) for one in value] if isinstance(value, list) else value


def test_xml_is_read_as_its_json_twin(
    conformance_data: Path, conformance_tally: ConformanceTally
) -> None:
    folder = conformance_data / "epcis/openepcis-valid/2.0/EPCIS"
    pairs = [
        (path, folder / "JSON" / path.relative_to(folder / "XML").with_suffix(".json"))
        for path in sorted((folder / "XML").rglob("*.xml"))
    ]
    folder = conformance_data / "epcis/event-hash/examples"
    pairs += [(path, path.with_suffix(".jsonld")) for path in sorted(folder.glob("*.xml"))]
    pairs = [
        (a, b)
        for a, b in pairs
        if b.exists() and a.stem not in {*OTHER_CONTENT, "SimpleEventQuery"}
    ]
    assert len(pairs) > 20
    for xml, twin in pairs:
        read = [without_times(one) for one in compared(read_document(xml.read_bytes()))]
        wanted = [without_times(one) for one in compared(read_document(twin.read_bytes()))]
        conformance_tally(1, 0 if read == wanted else 1)
        assert read == wanted, xml.name
