"""An annotated copy says what is wrong where it is wrong, and without it is the partner's file."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

from ledger.core.epcis.annotate import annotate, suffix_of
from ledger.core.epcis.check import check_document
from ledger.core.epcis.read import is_xml
from tests.unit.epcis_events import AT_MS, document, event

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
JSON_COMMENT = re.compile(rb"^[ \t]*// unbroken: [^\n]*\n", re.MULTILINE)
XML_COMMENT = re.compile(rb"<!-- unbroken: (?:(?!--).)*? -->\n[ \t]*", re.DOTALL)
BAD = "https://id.gs1.org/01/09506000134350/21/1"
XML = """<?xml version="1.0" encoding="UTF-8"?>
<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:1" schemaVersion="1.2"
    creationDate="2024-05-01T12:00:00Z">
  <EPCISBody>
    <EventList>
      <ObjectEvent>
        <eventTime>2024-05-01T10:00:00Z</eventTime>
        <eventTimeZoneOffset>+00:00</eventTimeZoneOffset>
        <epcList>
          <epc>urn:epc:id:sgtin:0614141.107346.2017</epc>
          <epc>{epc}</epc>
        </epcList>
        <action>OBSERVE</action>
      </ObjectEvent>
    </EventList>
  </EPCISBody>
</epcis:EPCISDocument>
"""


def annotated(raw: bytes) -> bytes:
    checked = check_document(raw, at_ms=AT_MS)
    return annotate(raw, checked.document, checked.findings)


def without_comments(copy: bytes) -> bytes:
    return XML_COMMENT.sub(b"", copy) if is_xml(copy) else JSON_COMMENT.sub(b"", copy)


def test_json_is_annotated_before_the_line() -> None:
    raw = json.dumps(document(event(epcList=[BAD])), indent=2).encode()
    lines = annotated(raw).decode().splitlines()
    at = next(i for i, line in enumerate(lines) if line.strip() == f'"{BAD}"')
    assert lines[at - 1].strip().startswith("// unbroken: error INVALID_GTIN_CHECK_DIGIT at /epcis")
    assert "09506000134352 would be right" in lines[at - 1]
    assert lines[at - 1].index("/") == lines[at].index('"')
    assert lines[0] == "// unbroken: reject: 1 error"


def test_xml_is_annotated_before_the_tag() -> None:
    copy = annotated(XML.format(epc=BAD).encode())
    lines = copy.decode().splitlines()
    at = next(i for i, line in enumerate(lines) if line.strip() == f"<epc>{BAD}</epc>")
    assert lines[at - 1].startswith("          <!-- unbroken: error INVALID_GTIN_CHECK_DIGIT at /")
    assert lines[0].startswith("<?xml")
    assert lines[0].endswith("<!-- unbroken: reject: 1 error -->")
    assert without_comments(copy) == XML.format(epc=BAD).encode()


def test_what_is_missing_is_said_where_it_belongs() -> None:
    raw = json.dumps(document({**event(), "errorDeclaration": {}}), indent=1).encode()
    lines = annotated(raw).decode().splitlines()
    at = next(i for i, line in enumerate(lines) if "MISSING_MEMBER" in line)
    assert '"errorDeclaration"' in lines[at + 1]


def test_json_on_one_line_is_indented_first() -> None:
    raw = json.dumps(document(event(epcList=[BAD]))).encode()
    copy = annotated(raw)
    assert copy.count(b"\n") > 20
    assert json.loads(without_comments(copy)) == json.loads(raw)


@pytest.mark.parametrize(
    "value", ["--> <evil/>", "a---b-", "*/ \n // x", "\x1b[31m", "é\u2028", "]]>"], ids=ascii
)
def test_no_value_ends_its_comment(value: str) -> None:
    raw = json.dumps(document(event(bizStep=value)), indent=1).encode()
    assert without_comments(annotated(raw)) == raw
    assert b"\x1b" not in annotated(raw)
    escaped = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = XML.format(epc=escaped.replace("\x1b", "")).encode()
    copy = annotated(text)
    etree.fromstring(copy)
    assert without_comments(copy) == text


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1", "utf-8-sig"])
def test_xml_of_any_encoding_stays_well_formed(encoding: str) -> None:
    name = encoding.removesuffix("-sig")
    raw = (
        XML.replace("UTF-8", name).format(epc="urn:epc:id:sgtin:0614141.107346.é").encode(encoding)
    )
    checked = check_document(raw, at_ms=AT_MS)
    assert checked.verdict == "reject"
    copy = annotate(raw, checked.document, checked.findings)
    comments = etree.fromstring(copy).xpath("//comment() | /comment()")
    assert any("unbroken:" in comment.text for comment in comments)


def test_unreadable_bytes_come_back_under_one_sentence() -> None:
    for raw in (b'{"a":1,"a":2}', b"<a><b></a>", b"\xff"):
        copy = annotated(raw)
        assert raw in copy
        assert b"unbroken: reject" in copy


def test_every_vector_is_itself_without_its_comments() -> None:
    for file in sorted([*VECTORS.glob("semantic/*.json"), *VECTORS.glob("dscsa/*.xml")]):
        raw = file.read_bytes()
        if file.name != "expected.json":
            assert without_comments(annotated(raw)) == raw, file.name


def test_every_example_is_itself_without_its_comments(
    conformance_data: Path, conformance_tally: Callable[[int, int], None]
) -> None:
    groups = ("gs1-examples", "openepcis-valid", "openepcis-invalid", "event-hash")
    files = [
        file
        for group in groups
        for file in (conformance_data / "epcis" / group).rglob("*")
        if file.suffix in {".json", ".jsonld", ".xml"}
    ]
    wrong = []
    for file in files:
        raw = file.read_bytes()
        copy = annotated(raw)
        if is_xml(raw):
            etree.fromstring(copy)
        if without_comments(copy) != raw and b"\n" in raw.strip():
            wrong.append(file.name)
    conformance_tally(len(files), len(wrong))
    assert wrong == []


def test_the_ending_of_a_copy_says_its_format() -> None:
    assert suffix_of(None, b"<a/>") == ".annotated.xml"
    assert suffix_of(None, b"{}") == ".annotated.jsonc"
