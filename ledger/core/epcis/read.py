"""Bytes of a partner to the one internal model, whatever their format (docs/spec/epcis-xml.md)."""

import re

from ledger.core.epcis.document import Document
from ledger.core.epcis.read_json import read_json
from ledger.core.epcis.read_xml import read_xml
from ledger.core.epcis.xml_prolog import EBCDIC

# Byte order marks and zero bytes: UTF-16 and UTF-32 are told from JSON as well.
_XML = re.compile(rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[ \t\r\n\x00]*<")


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
    """Tell whether the bytes begin as XML does, in any encoding that a parser could tell."""
    return raw.startswith(EBCDIC) or _XML.match(raw) is not None
