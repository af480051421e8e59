"""Bytes of a partner to the one internal model, whatever their format (docs/spec/epcis-xml.md)."""

from ledger.core.epcis.document import Document
from ledger.core.epcis.read_json import read_json
from ledger.core.epcis.read_xml import read_xml

_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff", b"\xff\xfe", b"\xfe\xff")
_SPACE = b" \t\r\n\x00"


def read_document(raw: bytes) -> Document:
    """Read a document, a bare event or a list of events; the bytes tell the format, no header.

    A document without findings of severity ERROR holds events that custody can read: one of the
    five types, an action where the type has one, items named only where the type names them.

    Args:
        raw: The whole document; a caller limits its size before.

    Raises:
        MalformedError: Nothing can be read: not well-formed, two readings possible, an entity or
            a document type, too deep or too large, or neither a document nor an event.
    """
    if is_xml(raw):
        return read_xml(raw)
    return read_json(raw)


def is_xml(raw: bytes) -> bool:
    """Tell whether the first sign of the bytes is `<`, in any of XML's encodings."""
    start = raw[:64]
    for mark in _BOMS:
        if start.startswith(mark):
            start = start[len(mark) :]
            break
    return start.lstrip(_SPACE).startswith(b"<")
