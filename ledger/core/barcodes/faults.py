"""Faults of a whole scan and how each is undone: keyboards, white space, wrapping, doubling.

Each fault is a function from a text to the texts it may have been before, never applied in
silence: diagnosis.py tells a person what it found.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from ledger.core.barcodes.element_strings import GS
from ledger.core.barcodes.keyboards import LAYOUT_FAULTS, Mistyping, swap_case, swap_shift, untype
from ledger.core.digital_links import ORIGIN
from ledger.core.gs1_keys import percent_decoded


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """One fault, taken back."""

    code: str
    message: str
    text: str


Fault = Callable[[str], Iterator[Undone]]

# Blanks of every kind, and the STX, ETX and NUL that scanners frame with; GS, RS and EOT are data.
_BLANK: Final = " \t\r\n\v\f\0\x02\x03\u00a0\u2002\u2003\u2007\u2009\u200b\u202f\ufeff"
_BLANKS = re.compile(f"[{_BLANK}]+")
_LINK_START = re.compile(r"https?://", re.IGNORECASE)
_LINK = re.compile(r"https?://[^\s\"'<>]+", re.IGNORECASE)
_CLOSING: Final = ")]}.,;!"
_HOST_AND_PATH = r"((?:[\w-]+\.)+[a-z]{2,}(?::[0-9]+)?/.+)"
_NO_SCHEME = re.compile(r"(?:(?:h?t{0,2}p?s?)?:?/{1,2})?" + _HOST_AND_PATH, re.IGNORECASE)
_BROKEN_SCHEME = re.compile(r"h?t{0,2}ps?:?/{0,2}" + _HOST_AND_PATH, re.IGNORECASE)
_PATH_ONLY = re.compile(
    r"/(?:00|01|253|255|401|402|414|417|80[0-9]{2}|gtin|sscc)/.+", re.IGNORECASE
)
_DATA_INSIDE = re.compile(
    r"\](?:C1|e0|d[12]|Q[13]|J1)|\((?:00|01)\)|(?<![0-9])01[0-9]{14}|urn:epc:|\+[A-Z][0-9A-Z]{3}|\[\)>"
)
_NEXT_SCAN = re.compile(r"(?<=.)(?=\](?:C1|e0|d[12]|Q[13]|J1|E0)|https?://)|[\r\n]+", re.DOTALL)
_SCAN_START = re.compile(r"\]|[0-9]{4}|\([0-9]{2}|\+[A-Z]|[=&]|\[\)>|https?:|urn:", re.IGNORECASE)
_CAPITAL_IDENTIFIER = re.compile(r"\](?:D[0-6]|E0)(?=[0-9(])")
_WHOLE_IDENTIFIER = re.compile(r"\][A-Za-z][0-9]")
_Y_OR_Z = re.compile("[YZyz]")
_ESCAPED = re.compile(r"%(?:25)*[0-9A-Fa-f]{2}")
_BROKEN_IDENTIFIER = re.compile(r".?([CdeQJ])([0-6])(?=[0-9(+\[h])")
# Twice encoded is common, thrice has been seen; more is an attack on the reader.
_MAX_DECODINGS: Final = 3
# Links looked at within one text; a redirect holds two.
_MAX_LINKS: Final = 4
# Pieces of a link looked at, from its end.
_MAX_PARTS: Final = 8


def white_space(text: str) -> Iterator[Undone]:
    """Blanks around or between."""
    stripped = text.strip(_BLANK)
    if stripped != text:
        message = "white space or a line end stands before or behind the scan"
        yield Undone(code="WHITESPACE", message=message, text=stripped)
    closed = _BLANKS.sub("", stripped)
    if closed != stripped:
        message = "white space stands within the scan"
        yield Undone(code="WHITESPACE", message=message, text=closed)


def caps_lock(text: str) -> Iterator[Undone]:
    """Letters with their cases swapped."""
    swapped = swap_case(text)
    if swapped != text:
        message = "Caps Lock was on: upper and lower case are swapped"
        yield Undone(code="CAPS_LOCK", message=message, text=swapped)


def case_changed(text: str) -> Iterator[Undone]:
    """All letters made capitals; only the symbology identifier is known not to have been one."""
    identifier = _CAPITAL_IDENTIFIER.match(text)
    if identifier is not None and text == text.upper():
        message = "all letters arrive as capitals, those of the label among them or not"
        meant = identifier[0].lower() + text[identifier.end() :]
        yield Undone(code="CASE_CHANGED", message=message, text=meant)


def keyboard_layout(text: str) -> Iterator[Undone]:
    """A scanner of one layout on a host of another, with and without a shift lock."""
    for mistyping in LAYOUT_FAULTS:
        meant = untype(text, mistyping)
        if meant != text:
            yield _mistyped(mistyping, meant)
    for mistyping in LAYOUT_FAULTS:
        if mistyping.host == "AZERTY":
            meant = untype(swap_shift(text, mistyping.host), mistyping)
            yield _mistyped(mistyping, meant, "; Caps Lock was on")


def swapped_keys(text: str) -> Iterator[Undone]:
    """US for QWERTZ or the other way: Y and Z change places and nothing need show it.

    A bracket that a layout lacks is typed by its number, so the identifier arrives as it is.
    """
    identifier = _WHOLE_IDENTIFIER.match(text)
    end = identifier.end() if identifier else 0
    if not _Y_OR_Z.search(text, end):
        return
    for mistyping in LAYOUT_FAULTS:
        if {mistyping.scanner, mistyping.host} == {"US", "QWERTZ"}:
            yield _mistyped(mistyping, text[:end] + untype(text[end:], mistyping))


def _mistyped(mistyping: Mistyping, meant: str, more: str = "") -> Undone:
    return Undone(code="KEYBOARD_LAYOUT", message=mistyping.words + more, text=meant)


def wrapped_link(text: str) -> Iterator[Undone]:
    """A Digital Link within a message or another link, or data within a link that is none."""
    inner: list[str] = []
    for start in islice(_LINK_START.finditer(text), _MAX_LINKS):
        link = _LINK.match(text, start.start())
        if link is not None:
            inner += [link[0].rstrip(_CLOSING), link[0].partition("&")[0]]
    if _LINK_START.match(text):
        inner += _pieces_of_link(text)
    for found in inner:
        if found != text:
            message = "the data stands within a link or a text around a link"
            yield Undone(code="WRAPPED_URL", message=message, text=found)


def _pieces_of_link(text: str) -> Iterator[str]:
    """Data in a link that is none: values of its query, ends of its path, pieces of both.

    A slash may be part of a serial, so a value that begins as data is not cut at one.
    """
    path, _, query = text.partition("#")[0].partition("?")
    pieces: list[str] = []
    for piece in query.split("&")[-_MAX_PARTS:]:
        value = piece.partition("=")[2] or piece
        pieces += [value] if _SCAN_START.match(_decoded(value)) else value.split("/")[-_MAX_PARTS:]
    segments = path.split("/")[-_MAX_PARTS:]
    pieces += ["/".join(segments[place:]) for place in range(len(segments))]
    pieces += [*segments, text.partition("#")[2]]
    for one in dict.fromkeys(map(_decoded, pieces)):
        if _SCAN_START.match(one):
            yield one


def _decoded(part: str) -> str:
    return percent_decoded(part) or ""


def wrapped(text: str) -> Iterator[Undone]:
    """Other data within a message or in quotes."""
    inner: list[str] = []
    inside = None if _LINK_START.match(text) else _DATA_INSIDE.search(text)
    if inside is not None:
        found = text[inside.start() :]
        inner += [found, found.rstrip("\"'<>{}.,; ")]
    if text[:1] in "\"'<{[" and text[-1:] in "\"'>}]":
        inner.append(text[1:-1])
    for found in inner:
        if found and found != text:
            message = "the scan stands within other text"
            yield Undone(code="WRAPPED", message=message, text=found)


def percent_encoded_text(text: str) -> Iterator[Undone]:
    """Percent-encoding once more than the data has."""
    decoded: str | None = text
    for _ in range(_MAX_DECODINGS):
        if decoded is None or not _ESCAPED.search(decoded):
            return
        decoded = percent_decoded(decoded)
        if decoded is not None:
            message = "the scan was percent-encoded on its way"
            yield Undone(code="PERCENT_ENCODED", message=message, text=decoded)


def scheme_lost(text: str) -> Iterator[Undone]:
    """A link without its `https://`, or without its domain too."""
    message = "the link has lost its beginning"
    for pattern in (_NO_SCHEME, _BROKEN_SCHEME):
        rest = pattern.fullmatch(text)
        if rest is not None:
            yield Undone(code="SCHEME_LOST", message=message, text=f"https://{rest[1]}")
            return
    if _PATH_ONLY.fullmatch(text):
        yield Undone(code="SCHEME_LOST", message=message, text=ORIGIN + text)


def doubled(text: str) -> Iterator[Undone]:
    """One scan twice, with or without a line end or separator between."""
    for gap in range(3):
        half = (len(text) - gap) // 2
        first, between, second = text[:half], text[half:-half], text[-half:]
        if half > 0 and first == second and len(between) == gap and not between.strip(_BLANK + GS):
            yield Undone(code="DOUBLED", message="one scan arrived twice", text=first)
            return


def merged(text: str) -> Iterator[Undone]:
    """Two scans in one."""
    parts = [part for part in _NEXT_SCAN.split(text) if part]
    if len(parts) > 1 and all(_SCAN_START.match(part) for part in parts):
        for part in parts:
            yield Undone(code="MERGED", message="several scans arrived as one", text=part)


def symbology_identifier(text: str) -> Iterator[Undone]:
    """`d2` and its like without their bracket: no keyboard of the host has it in that place."""
    broken = _BROKEN_IDENTIFIER.match(text)
    if broken is not None and not text.startswith("]"):
        message = "the symbology identifier has lost its bracket"
        whole = f"]{broken[1]}{broken[2]}{text[broken.end() :]}"
        yield Undone(code="SYMBOLOGY_IDENTIFIER_BROKEN", message=message, text=whole)


# In the order in which they are undone: what came last on the way is taken back first.
OUTER: Final[tuple[Fault, ...]] = (
    white_space, doubled, percent_encoded_text, scheme_lost, wrapped_link, wrapped, merged,
)  # fmt: skip
TYPED: Final[tuple[Fault, ...]] = (
    caps_lock, case_changed, keyboard_layout, symbology_identifier,
)  # fmt: skip
