"""Element strings: `01…17…10…<GS>21…` as scanners send them, `(01)…(21)…` as people write them."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from ledger.core.barcodes.application_identifiers import (
    ROWS,
    ApplicationIdentifier,
    find_ai,
    is_named,
)
from ledger.core.barcodes.refusal import BarcodeError

GS: Final = "\x1d"
# More than any symbol holds (a 144 x 144 DataMatrix: 2,335 characters), so that no text costs more.
MAX_SCAN_CHARACTERS: Final = 4096

_BRACKETED = re.compile(r"\(([0-9]{2,4})\)")


def parse_elements(text: str) -> dict[str, str]:
    """Return AI -> value of an element string with GS for FNC1, in its order.

    Separators before, between and behind elements are accepted (General Specifications 7.8.6).

    Raises:
        BarcodeError: no sequence of elements that the General Specifications allow.
    """
    return _verified(_split_raw(text))


def parse_bracketed(text: str) -> dict[str, str]:
    """Return AI -> value of `(01)…(21)…`.

    Raises:
        BarcodeError: as parse_elements.
    """
    pairs: list[tuple[str, str]] = []
    starts = [one for one in _BRACKETED.finditer(text) if one[1] in ROWS]
    if not starts or starts[0].start():
        unknown = _BRACKETED.match(text)
        rule = "must begin with a known application identifier in brackets"
        raise BarcodeError("UNKNOWN_AI", rule, unknown[1] if unknown else text)
    ends = [one.start() for one in starts[1:]] + [len(text)]
    for start, end in zip(starts, ends, strict=True):
        pairs.append((start[1], text[start.end() : end]))
    return _verified(pairs)


def format_elements(elements: Mapping[str, str]) -> str:
    """Return the element string of AI -> value: a separator where one is needed, none at the end.

    Raises:
        BarcodeError: an unknown AI, or a value against its row.
    """
    pieces = []
    last = len(elements) - 1
    for place, (ai, value) in enumerate(_verified(elements.items()).items()):
        pieces.append(ai + value)
        if place < last and not ROWS[ai].predefined:
            pieces.append(GS)
    return "".join(pieces)


def format_bracketed(elements: Mapping[str, str]) -> str:
    """Return `(01)…(21)…`.

    Raises:
        BarcodeError: as format_elements, or a value that itself holds an AI in brackets.
    """
    for ai, value in _verified(elements.items()).items():
        if any(one[1] in ROWS for one in _BRACKETED.finditer(value)):
            rule = "holds an application identifier in brackets; only the raw form can say it"
            raise BarcodeError("AMBIGUOUS_BRACKETS", rule, value, f"({ai})")
    return "".join(f"({ai}){value}" for ai, value in elements.items())


def find_missing(elements: Iterable[str]) -> dict[str, list[str]]:
    """Return AI -> what it needs beside it and has not; another symbol of the pack may hold it."""
    ais = frozenset(elements)
    missing: dict[str, list[str]] = {}
    for ai in ais & ROWS.keys():
        for need in ROWS[ai].needs:
            if not any(all(is_named(one, ais, but=ai) for one in way) for way in need):
                missing.setdefault(ai, []).append(" or ".join("+".join(way) for way in need))
    return missing


def _split_raw(text: str) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    at = 0
    while True:
        while text.startswith(GS, at):
            at += 1
        if at == len(text):
            return pairs
        row = find_ai(text, at)
        if row is None:
            rule = f"no application identifier begins at character {at + 1}"
            raise BarcodeError("UNKNOWN_AI", rule, text[at : at + 20])
        at += len(row.ai)
        end = _end_of_value(text, at, row)
        pairs.append((row.ai, text[at:end]))
        at = end


def _end_of_value(text: str, at: int, row: ApplicationIdentifier) -> int:
    end = text.find(GS, at)
    end = len(text) if end == -1 else end
    return min(end, at + row.longest) if row.predefined else end


def _verified(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    elements: dict[str, str] = {}
    for ai, value in pairs:
        if ai not in ROWS:
            raise BarcodeError("UNKNOWN_AI", "must be an application identifier", ai)
        if ai in elements:
            raise BarcodeError("DUPLICATE_AI", "must stand once", value, f"({ai})")
        ROWS[ai].verify(value)
        elements[ai] = value
    if not elements:
        raise BarcodeError("EMPTY", "must hold at least one element")
    ais = frozenset(elements)
    for ai, value in elements.items():
        against = [one for one in ROWS[ai].excludes if is_named(one, ais, but=ai)]
        if against:
            rule = f"must not stand beside ({against[0]})"
            raise BarcodeError("EXCLUDED_PAIR", rule, value, f"({ai})")
    return elements
