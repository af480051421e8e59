"""Readers of JSON and XML on documents that were broken on purpose.

Whatever the bytes: a Document or a MalformedError, in bounded time; and what was read can be
written in every format and read again. More than the usual run:
`pytest tests/property/test_document_fuzz.py --hypothesis-profile=long`.
"""

import json
import re
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ledger.core.epcis.document import Document, Format
from ledger.core.epcis.finding import Severity
from ledger.core.epcis.finding_list import MAX_FINDINGS
from ledger.core.epcis.read import read_document
from ledger.core.epcis.write import write_document
from ledger.core.errors import MalformedError
from ledger.core.jcs import canonical_json
from tests.epcis_xml import document, observed

SECONDS = 10
VECTORS = Path(__file__).resolve().parents[1] / "vectors/semantic"
SENSOR = (
    '<sensorElementList><sensorElement><sensorMetadata time="2026-01-02T03:04:05Z"/>'
    '<sensorReport type="gs1:Temperature" value="4.50" e:a="b"/></sensorElement>'
    "</sensorElementList>"
)
WHERE = (
    "<bizStep>urn:epcglobal:cbv:bizstep:shipping</bizStep>"
    "<readPoint><id>urn:epc:id:sgln:4012345.00005.0</id></readPoint>"
)
EXTENSION = '<e:a b="c">1<e:d xml:space="preserve"> 2 </e:d><f xsi:nil="true"/></e:a><e:a>3</e:a>'
SPACES = (
    ' xmlns:e="urn:e" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    ' xmlns:xsd="http://www.w3.org/2001/XMLSchema"'
)
SEEDS = [
    document(observed(WHERE + SENSOR + EXTENSION, SPACES)),
    document(
        observed(WHERE + "<extension><ilmd>" + EXTENSION + "</ilmd></extension>", SPACES), "1.2"
    ),
    b'<?xml version="1.0" encoding="UTF-8"?><!-- a --><!DOCTYPE b>' + document(observed() * 3),
    observed(WHERE, SPACES).encode(),
    *(path.read_bytes() for path in sorted(VECTORS.glob("*.json"))[:12]),
]
PIECES = [
    b"<", b">", b"</", b"/>", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<?", b"?>", b"&",
    b"&#x41;",
    b"&#0;", b"&a;", b"<!DOCTYPE a [<!ENTITY a 'b'>]>", b"\x00", b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"<extension>", b"</extension>", b"<epc/>", b'xmlns:e="urn:x" ', b'xmlns="" ', b"e:",
    b"{", b"}",
    b"[", b"]", b'"', b",", b":", b"null", b"1e999", b"9007199254740993", b"\\ud800", b"\\u0000",
    b'"type":', b'"@context":', b"eventList", b"EventList", b"ObjectEvent",
    b"xsi:type='xsd:integer'",
    b"urn:unbroken:json", b"a" * 300, b"<e:a>" * 40, b"[" * 70,
]  # fmt: skip
_UNIT = re.compile(rb"<[^<>]*>[^<>]*|[^<>]+|[<>]")


def read_or_refuse(raw: bytes) -> Document | None:
    """The document or None; anything but MalformedError is a fault, so is a long time."""
    begun = time.process_time()
    try:
        found = read_document(raw)
    except MalformedError:
        return None
    finally:
        assert time.process_time() - begun < SECONDS
    assert len(found.events) == len(found.pointers)
    assert len(found.findings) <= (MAX_FINDINGS + 1) * len(Severity)
    return found


def check(raw: bytes) -> None:
    """Read the bytes twice, and write what was read in every format."""
    found = read_or_refuse(raw)
    if found is None:
        return
    again = read_document(raw)
    assert [canonical_json(one) for one in found.events] == [
        canonical_json(one) for one in again.events
    ]
    for to in Format:
        written, _ = write_document(found, to)
        read_or_refuse(written)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A seed with bytes changed, cut, doubled or put in."""
    raw = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 5))):
        start = draw(st.integers(0, len(raw)))
        end = min(len(raw), start + draw(st.integers(0, 40)))
        change = draw(st.integers(0, 3))
        if change == 0:
            raw[start:end] = draw(st.binary(max_size=8))
        elif change == 1:
            raw[start:end] = draw(st.sampled_from(PIECES))
        elif change == 2:
            raw[start:start] = raw[start:end] * draw(st.integers(1, 20))
        else:
            del raw[start:end]
    return bytes(raw)


@st.composite
def reordered(draw: st.DrawFn) -> bytes:
    """An XML seed whose tags are moved, doubled or dropped: often nearly well-formed."""
    units = _UNIT.findall(draw(st.sampled_from(SEEDS[:4])))
    for _ in range(draw(st.integers(1, 3))):
        source, target = (draw(st.integers(0, len(units) - 1)) for _ in range(2))
        unit = units[source] if draw(st.booleans()) else units.pop(source)
        units.insert(target, unit)
        if not units:
            break
    return b"".join(units)


NAMES = st.sampled_from([
    "type", "action", "eventTime", "epcList", "quantityList", "readPoint", "sensorElementList",
    "ilmd", "errorDeclaration", "persistentDisposition", "bizTransactionList", "certificationInfo",
    "sourceList", "e:a", "e:b", "@x", "#text", "@context", "https://x.example/a#b", "plain", "e:1",
    "sensorReport", "sensorMetadata", "epcClass", "quantity", "id", "source", "set", "unset", "",
])  # fmt: skip
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**53) + 1, 2**53 - 1), st.text(max_size=8),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.sampled_from(["shipping", "urn:x:1", "gs1:Temperature", "e:c", "2026-01-02T03:04:05Z"]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
KINDS = st.sampled_from([
    "ObjectEvent", "AggregationEvent", "TransactionEvent", "TransformationEvent",
    "AssociationEvent", "Other",
])  # fmt: skip


@st.composite
def generated(draw: st.DrawFn) -> bytes:
    """A JSON document of odd events, its head odd as well."""
    events = [
        {**draw(st.dictionaries(NAMES, VALUES, max_size=6)), "type": draw(KINDS), "action": "ADD"}
        for _ in range(draw(st.integers(0, 3)))
    ]
    head = draw(
        st.dictionaries(
            st.sampled_from([
                "sender", "receiver", "instanceIdentifier", "epcisHeader", "e:more", "id",
                "creationDate", "odd",
            ]),
            VALUES | st.fixed_dictionaries({"epcisMasterData": VALUES}),
            max_size=4,
        )
    )  # fmt: skip
    context = draw(
        st.sampled_from([[{"e": "urn:e:"}], [], "urn:c", {"@vocab": "urn:v:"}, [{"e": 1}]])
    )
    whole = {
        "type": draw(st.sampled_from(["EPCISDocument", "EPCISQueryDocument"])),
        "schemaVersion": "2.0", "@context": context, **head,
        "epcisBody": {"eventList": events, "queryResults": {"resultsBody": {"eventList": events}}},
    }  # fmt: skip
    return json.dumps(whole).encode()


FUZZED = settings(
    deadline=timedelta(seconds=SECONDS),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@FUZZED
@given(mutated())
def test_changed_bytes_are_read_or_refused(raw: bytes) -> None:
    check(raw)


@FUZZED
@given(reordered())
def test_changed_structure_is_read_or_refused(raw: bytes) -> None:
    check(raw)


@FUZZED
@given(generated())
def test_odd_json_is_read_or_refused_and_written(raw: bytes) -> None:
    check(raw)


@FUZZED
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    check(raw)
    check(b"<" + raw)


@FUZZED
@given(st.dictionaries(st.sampled_from(["e:a", "e:b", "e:c"]), VALUES, min_size=1, max_size=3))
def test_a_written_extension_is_read_back_or_said_to_be_lost(extension: dict[str, object]) -> None:
    event = {
        "type": "ObjectEvent", "eventTime": "2026-01-02T03:04:05Z", "eventTimeZoneOffset": "+00:00",
        "action": "ADD", "epcList": ["urn:x:1"], "@context": [{"e": "urn:e:"}], **extension,
    }  # fmt: skip
    found = read_or_refuse(json.dumps(event).encode())
    assume(found is not None)
    assert found is not None
    for to in (Format.XML_20, Format.XML_12):
        written, lost = write_document(found, to)
        if not lost and not _is_ambiguous(extension):
            (read,) = read_document(written).events
            assert {name: read.get(name) for name in extension} == extension


def _is_ambiguous(value: object) -> bool:
    """Tell whether XML may spell a value otherwise: a lone text member, a name that is an IRI."""
    if isinstance(value, dict):
        odd = any(name == "#text" or "://" in name for name in value)
        return odd or any(_is_ambiguous(one) for one in value.values())
    return isinstance(value, list) and any(_is_ambiguous(one) for one in value)


def _example_files(conformance_data: Path) -> Iterator[bytes]:
    for folder in ("gs1-examples", "openepcis-valid", "event-hash"):
        for path in sorted((conformance_data / "epcis" / folder).rglob("*")):
            if path.suffix in (".xml", ".json", ".jsonld"):
                yield path.read_bytes()


def test_every_cut_of_real_documents_is_read_or_refused(conformance_data: Path) -> None:
    for raw in _example_files(conformance_data):
        for cut in range(0, len(raw), max(1, len(raw) // 12)):
            read_or_refuse(raw[:cut])
            read_or_refuse(raw[:cut] + raw[cut + 7 :])


@pytest.mark.parametrize("raw", SEEDS)
def test_every_seed_is_read(raw: bytes) -> None:
    check(raw)
