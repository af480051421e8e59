"""A partner's own file with what is wrong written beside it, as comments.

Comments begin with `unbroken:`. Without them the bytes are the partner's own again: in JSON each is
a line, in XML a comment and the white space up to the next tag. JSON on one line is indented first.
"""

import re
from collections.abc import Sequence
from typing import Final

import orjson

from ledger.core.epcis.document import Document, Format
from ledger.core.epcis.finding import DocumentFinding, verdict
from ledger.core.epcis.places import find_offsets
from ledger.core.epcis.read import is_xml

MARK: Final = "unbroken:"
_DECLARATION: Final = re.compile(rb"(?:\xef\xbb\xbf)?(?:<\?xml[^>]*\?>)?")
_WIDE_MARKS: Final = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_INDENT: Final = re.compile(rb"[ \t]*\Z")


def annotate(raw: bytes, document: Document | None, findings: Sequence[DocumentFinding]) -> bytes:
    """Return the document with its findings as comments, each before the line or tag it is about.

    Args:
        raw: The bytes that were checked.
        document: What they were read as, None when nothing could be read.
        findings: Of check_document.
    """
    xml = is_xml(raw)
    if not xml and document is not None and b"\n" not in raw.strip():
        raw = orjson.dumps(orjson.loads(raw), option=orjson.OPT_INDENT_2) + b"\n"
    offsets: dict[str, int] = {}
    if document is not None:
        offsets = find_offsets(raw, document, (one.pointer for one in findings))
    placed: dict[int, list[str]] = {}
    top = [_headline(findings)]
    for one in findings:
        if one.pointer in offsets:
            placed.setdefault(offsets[one.pointer], []).append(_sentence(one))
        else:
            top.append(_sentence(one))
    return _in_xml(raw, top, placed) if xml else _in_json(raw, top, placed)


def suffix_of(document: Document | None, raw: bytes) -> str:
    """Return the ending of an annotated copy's name."""
    xml = document.format is not Format.JSON if document is not None else is_xml(raw)
    return ".annotated.xml" if xml else ".annotated.jsonc"


def _headline(findings: Sequence[DocumentFinding]) -> str:
    counts: dict[str, int] = {}
    for one in findings:
        counts[one.severity.value] = counts.get(one.severity.value, 0) + 1
    listed = ", ".join(f"{count} {severity}" for severity, count in counts.items()) or "no findings"
    return f"{verdict(findings).value}: {listed}"


def _sentence(one: DocumentFinding) -> str:
    value = "" if one.value is None or one.value in one.message else f" Here: {one.value}"
    rule = f" [{one.rule}]" if one.rule else ""
    return f"{one.severity.value} {one.code} at {one.pointer or '/'}: {one.message}{value}{rule}"


def _in_json(raw: bytes, top: list[str], placed: dict[int, list[str]]) -> bytes:
    parts = [_json_line(b"", sentence) for sentence in top]
    done = 0
    by_line: dict[int, list[str]] = {}
    for offset, sentences in placed.items():
        by_line.setdefault(raw.rfind(b"\n", 0, offset) + 1, []).extend(sentences)
    for start in sorted(by_line):
        indent = re.compile(rb"[ \t]*").match(raw, start)
        white = indent[0] if indent else b""
        parts += [raw[done:start], *(_json_line(white, one) for one in by_line[start])]
        done = start
    return b"".join([*parts, raw[done:]])


def _json_line(indent: bytes, sentence: str) -> bytes:
    return indent + f"// {MARK} {_on_one_line(sentence)}\n".encode()


def _in_xml(raw: bytes, top: list[str], placed: dict[int, list[str]]) -> bytes:
    encoding = _WIDE_MARKS.get(raw[:2], "ascii")
    declaration = _DECLARATION.match(raw)
    start = declaration.end() if declaration else 0
    if encoding != "ascii":
        # Two bytes a sign: the tag of the root is as near to the top as one can say for certain.
        start = min(placed, default=0)
        if not start:
            return raw
    placed = {**placed, start: [*top, *placed.get(start, [])]}
    parts, done = [], 0
    for offset in sorted(placed):
        indent = _INDENT.search(raw[max(0, offset - 200) : offset])
        white = indent[0] if indent and encoding == "ascii" else b""
        parts.append(raw[done:offset])
        parts += [_xml_comment(white, one, encoding) for one in placed[offset]]
        done = offset
    return b"".join([*parts, raw[done:]])


def _xml_comment(indent: bytes, sentence: str, encoding: str) -> bytes:
    # Two hyphens end a comment, and any encoding that XML is written in knows ASCII.
    text = _on_one_line(sentence).replace("--", "- -").replace("--", "- -")
    comment = f"<!-- {MARK} {text} -->\n"
    return comment.encode(encoding, "backslashreplace") + indent


def _on_one_line(sentence: str) -> str:
    """Keep a partner's value from ending the comment, or commanding a terminal."""
    return "".join(one if one.isprintable() else " " for one in sentence)
