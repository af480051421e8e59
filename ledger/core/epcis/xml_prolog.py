"""The beginning of an XML document: its encoding, and no document type that declares anything."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ledger.core.errors import MalformedError

_FIELD: Final = "xml"
# Encodings of ASCII's family and UTF-16 (XML 1.0, section 4.3.3). UTF-32, UTF-7 and EBCDIC only
# ever hide something.
_ENCODINGS: Final = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "ascii",
    "ascii": "ascii",
    "iso-8859-1": "latin-1",
    "latin1": "latin-1",
    "windows-1252": "cp1252",
    "utf-16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
}
_BOMS: Final = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_UTF_32: Final = (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff", b"\x00\x00\x00<", b"<\x00\x00\x00")
# `<?xm`: the family of EBCDIC (XML 1.0, appendix F).
EBCDIC: Final = b"\x4c\x6f\xa7\x94"
_DECLARATION = re.compile(
    rb"""<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:"1\.0"|'1\.0')"""
    rb"""(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?:"([A-Za-z][\w.-]*)"|'([A-Za-z][\w.-]*)'))?"""
    rb"""(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:"yes"|"no"|'yes'|'no'))?[ \t\r\n]*\?>""",
    re.ASCII,
)
# A document type without a subset of its own and without one elsewhere declares nothing.
_BARE_DOCTYPE = re.compile(rb"<!DOCTYPE[ \t\r\n]+[^ \t\r\n\[\]<>\"'&;]+[ \t\r\n]*>")
_BROKEN_DECLARATION = re.compile(rb"<\?xml[ \t\r\n]")
_SPACE: Final = b" \t\r\n"
_DOCTYPE: Final = b"<!DOCTYPE"
_SKIPPED: Final = ((b"<!--", b"-->"), (b"<?", b"?>"))
# Comments before the first element: a page of them at most.
MAX_PROLOG_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A document as UTF-8, its declaration and bare document type blanked out.

    Attributes:
        prolog: What stands for the first bytes; lines keep their numbers.
        raw: The document, to be read from `start` on. Not copied: it may be large.
        start: Where `raw` goes on behind the prolog.
        has_type: Whether there was a document type, which declared nothing.
    """

    prolog: bytes
    raw: bytes
    start: int
    has_type: bool

    def chunks(self, size: int) -> Iterator[bytes]:
        """Yield the document piece by piece."""
        yield self.prolog
        for start in range(self.start, len(self.raw), size):
            yield self.raw[start : start + size]


def as_utf8(raw: bytes) -> Text:
    """Return the document as UTF-8 without what its prolog declares.

    Raises:
        MalformedError: Another encoding, bytes that are not of it, XML other than 1.0, or a
            document type that declares something or points elsewhere.
    """
    raw = _transcoded(raw)
    declaration = _DECLARATION.match(raw)
    if declaration is None and _BROKEN_DECLARATION.match(raw):
        raise MalformedError(_FIELD, "begins with a declaration of XML 1.0", raw[:60])
    start = declaration.end() if declaration else 0
    position = _first_markup(raw, start)
    prolog = _blank(raw[:start]) + raw[start:position]
    if raw[position : position + len(_DOCTYPE)] != _DOCTYPE:
        return Text(prolog=prolog, raw=raw, start=position, has_type=False)
    bare = _BARE_DOCTYPE.match(raw, position)
    if bare is None:
        rule = "declares no document type with entities, a subset or an address"
        raise MalformedError(_FIELD, rule, raw[position : position + 60])
    return Text(prolog=prolog + _blank(bare[0]), raw=raw, start=bare.end(), has_type=True)


def _transcoded(raw: bytes) -> bytes:
    if raw.startswith(_UTF_32):
        raise MalformedError(_FIELD, "is UTF-8 or UTF-16", "UTF-32")
    if raw.startswith(EBCDIC):
        raise MalformedError(_FIELD, "is UTF-8 or UTF-16", "EBCDIC")
    encoding = ""
    for mark, named in _BOMS:
        if raw.startswith(mark):
            raw, encoding = raw[len(mark) :], named
    if not encoding and raw[:2] in (b"<\x00", b"\x00<"):
        encoding = "utf-16-le" if raw[0] else "utf-16-be"
    if encoding.startswith("utf-16"):
        return _decoded(raw, encoding)
    declaration = _DECLARATION.match(raw)
    declared = (declaration[1] or declaration[2] or b"utf-8") if declaration else b"utf-8"
    named = _ENCODINGS.get(declared.decode().lower(), "")
    if not named or named.startswith("utf-16") or (encoding and named != encoding):
        raise MalformedError(_FIELD, "declares the encoding that it has", declared.decode())
    return raw if named == "utf-8" else _decoded(raw, named)


def _decoded(raw: bytes, encoding: str) -> bytes:
    try:
        return raw.decode(encoding).encode()
    except UnicodeError as error:
        raise MalformedError(_FIELD, f"must be {encoding}", str(error)) from None


def _first_markup(raw: bytes, position: int) -> int:
    """Return where the first tag or document type begins, comments and instructions skipped."""
    prolog = raw[: MAX_PROLOG_BYTES + len(_DOCTYPE)]
    while position < MAX_PROLOG_BYTES:
        if raw[position : position + 1] in (b" ", b"\t", b"\r", b"\n"):
            position += len(prolog[position:]) - len(prolog[position:].lstrip(_SPACE))
            continue
        ending = next((end for start, end in _SKIPPED if prolog.startswith(start, position)), None)
        found = -1 if ending is None else prolog.find(ending, position + 2)
        if ending is None or (found < 0 and len(raw) <= len(prolog)):
            return position
        position = MAX_PROLOG_BYTES if found < 0 else found + len(ending)
    raise MalformedError(_FIELD, f"has at most {MAX_PROLOG_BYTES} bytes before the first element")


def _blank(text: bytes) -> bytes:
    return re.sub(rb"[^\r\n]", b" ", text)
