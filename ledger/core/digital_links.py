"""GS1 Digital Link <-> EPC URN, where the keys of both are the same object.

A URN becomes a link by arithmetic. The way back needs the length of the company prefix, which
`PrefixLengths` learns from other URNs.
"""

import re
from typing import Final

from ledger.core.errors import MalformedError
from ledger.core.gs1_keys import LINK_ROWS, ROWS, KeyRow, percent_decoded
from ledger.core.identifiers import canonical_path
from ledger.core.prefix_lengths import PrefixLengths

ORIGIN: Final = "https://id.gs1.org"

_LEADING_DIGITS = re.compile(r"[0-9]*")
_URN = re.compile(r"urn:epc:", re.IGNORECASE)
_ROWS_BY_TAIL: Final = {(row.ai, row.tail_ai): row for row in ROWS}
# TDS section 6.3.1: what of the 82- and 39-character sets a URN escapes.
_URN_ESCAPED = re.compile(r'["#%&/<>?]')
_NO_EXTENSION = "0"


def to_digital_link(identifier: str) -> str:
    """Return the canonical Digital Link of a GS1 key; anything else is returned unchanged.

    Lot, CPV and query beside an identity are no part of it and are left out.
    """
    path = _find_gs1_path(identifier)
    return identifier if path is None else ORIGIN + path


def to_urn(identifier: str, lengths: PrefixLengths) -> str:
    """Return the EPC URN of a GS1 key; unchanged where it is one or the prefix is not known."""
    path = None if _URN.match(identifier) else _find_gs1_path(identifier)
    urn = None if path is None else find_urn_of_path(path, lengths)
    return identifier if urn is None else urn


def find_urn_of_path(path: str, lengths: PrefixLengths) -> str | None:
    """Return the EPC URN of a canonical path, None for other paths or unknown prefixes."""
    if not path.startswith("/"):
        return None
    ai, value, *qualifier = (percent_decoded(one) or "" for one in path.split("/")[1:])
    tail_ai, tail = qualifier or ("", "")
    row = _ROWS_BY_TAIL[ai, tail_ai] if tail_ai else LINK_ROWS[ai]
    if row.joined:
        split = _split_joined(value, lengths)
        return None if split is None else _format(row, *split, tail)
    end = len(row.filler) + row.digits
    body, behind = value[len(row.filler) : end], value[end + 1 :]
    first, rest = (body[0], body[1:]) if row.indicator else ("", body)
    length = lengths.length_of(rest)
    if length is None:
        return None
    companion = first + rest[length:]
    if row.pieces:
        companion, behind = f"{companion}.{behind[:2]}.{behind[2:]}", ""
    return _format(row, rest[:length], companion, tail or behind)


def _split_joined(value: str, lengths: PrefixLengths) -> tuple[str, str] | None:
    digits = _LEADING_DIGITS.match(value)
    length = lengths.length_of(digits[0]) if digits else None
    if length is None or length == len(value):
        return None
    return value[:length], _escaped(value[length:])


def _format(row: KeyRow, prefix: str, companion: str, tail: str) -> str:
    start = f"{prefix}.{companion}"
    if not row.tail:
        return f"urn:epc:{row.urn}:{start}"
    if tail:
        return f"urn:epc:{row.urn}:{start}.{_escaped(tail)}"
    if row.idpat:
        return f"urn:epc:{row.urn.replace('id:', 'idpat:')}:{start}.*"
    return f"urn:epc:{row.urn}:{start}.{_NO_EXTENSION}"


def _escaped(text: str) -> str:
    return _URN_ESCAPED.sub(lambda one: f"%{ord(one[0]):02X}", text)


def _find_gs1_path(identifier: str) -> str | None:
    try:
        path = canonical_path(identifier)
    except MalformedError:
        return None
    return path if path.startswith("/") else None
