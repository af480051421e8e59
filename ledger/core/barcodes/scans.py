"""What a scanner sent, read strictly: one reader for every carrier, nothing guessed or mended."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from ledger.core.barcodes.application_identifiers import find_ai
from ledger.core.barcodes.calendar_dates import iso_date
from ledger.core.barcodes.carried import Carried, Issuer
from ledger.core.barcodes.element_strings import (
    GS,
    MAX_SCAN_CHARACTERS,
    parse_bracketed,
    parse_elements,
)
from ledger.core.barcodes.hibc import parse_hibc
from ledger.core.barcodes.iccbba import parse_iccbba
from ledger.core.barcodes.ifa import parse_ifa
from ledger.core.barcodes.links import KEYS, find_link, link_error
from ledger.core.barcodes.refusal import BarcodeError
from ledger.core.errors import MalformedError
from ledger.core.gs1_keys import check_digit, find_path_of_link, percent_decoded, percent_encoded
from ledger.core.identifiers import canonical_path

# ISO/IEC 15424: carriers whose first FNC1 says that GS1 element strings follow.
GS1_SYMBOLOGIES: Final = frozenset({"]C1", "]e0", "]e1", "]d2", "]d5", "]Q3", "]Q4", "]J1", "]J5"})
# Carriers that hold the digits of a GTIN and nothing else: EAN/UPC, EAN-8, ITF-14.
_RETAIL: Final = frozenset({"]E0", "]E4", "]I0", "]I1"})
_IDENTIFIER = re.compile(r"\][ACEFGIKLMPQRSTUXdeJzH][0-9A-Za-z]")
_URI = re.compile(r"(https?|urn):", re.IGNORECASE)
_GTIN_LENGTHS: Final = (8, 12, 13, 14)
_SHORT_GTIN: Final = 8
_GTIN_DIGITS: Final = 14
_TAILS: Final[Mapping[str, tuple[str, ...]]] = {
    "01": ("21", "235", "10"), "8006": ("21",), "8010": ("8011",), "414": ("254",),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A scan that fits its carrier's rules."""

    carried: Carried
    symbology: str = ""
    """`]d2` and its like, empty where the scanner sends none."""
    spelling: str
    query: Mapping[str, str]
    """What stands in a link's query; part of no identity."""


def read_scan(raw: str) -> Reading:
    """Read one symbol's text.

    Raises:
        BarcodeError: no data that a carrier's rules allow.
    """
    symbology, body = _cut(raw)
    if symbology in GS1_SYMBOLOGIES:
        return _reading("element_string", carried_of(parse_elements(body)), symbology)
    if symbology in _RETAIL:
        return _reading("digits", carried_of({"01": _gtin(body)}), symbology)
    for starts, spelling, read in _READERS:
        if starts(body):
            return _reading(spelling, read(body), symbology)
    if _URI.match(body):
        return _read_uri(body, symbology)
    rule = "must be GS1 data, a Digital Link, an EPC URN, HIBC, ISBT 128 or IFA"
    raise BarcodeError("UNKNOWN_CARRIER", rule, raw)


def _cut(raw: str) -> tuple[str, str]:
    if not raw:
        raise BarcodeError("EMPTY", "must not be empty")
    if len(raw) > MAX_SCAN_CHARACTERS:
        rule = f"must have at most {MAX_SCAN_CHARACTERS} characters"
        raise BarcodeError("TOO_LONG", rule, len(raw))
    if not raw.startswith("]"):
        return "", raw
    identifier = _IDENTIFIER.match(raw)
    if identifier is None:
        raise BarcodeError("UNKNOWN_SYMBOLOGY", "must be an identifier of ISO/IEC 15424", raw[:3])
    return identifier[0], raw[identifier.end() :]


def _reading(
    spelling: str, carried: Carried, symbology: str, query: Mapping[str, str] | None = None
) -> Reading:
    return Reading(carried=carried, symbology=symbology, spelling=spelling, query=query or {})


def carried_of(elements: Mapping[str, str]) -> Carried:
    """Return what GS1 elements say, with the path of the item or class that they name."""
    dates = {
        name: iso_date(elements[ai], f"({ai})")
        for name, ai in (("expiry", "17"), ("manufactured", "11"))
        if ai in elements
    }
    key = next((ai for ai in KEYS if ai in elements), None)
    return Carried(
        issuer=Issuer.GS1,
        elements=elements,
        di=None if key is None else elements[key],
        serial=elements.get("21"),
        lot=elements.get("10"),
        expiry=dates.get("expiry"),
        manufactured=dates.get("manufactured"),
        path=None if key is None else _path(key, elements),
    )


def lot_path(gtin: str, lot: str) -> str:
    """Return the path of a lot."""
    return f"/01/{gtin}/10/{percent_encoded(lot)}"


def _path(key: str, elements: Mapping[str, str]) -> str | None:
    path = f"/{key}/{percent_encoded(elements[key])}"
    tail = next((ai for ai in _TAILS.get(key, ()) if ai in elements), None)
    if tail is not None:
        path += f"/{tail}/{percent_encoded(elements[tail])}"
    return find_path_of_link(path)


def _gtin(digits: str) -> str:
    if not _is_gtin(digits):
        rule = "must be the 8, 12, 13 or 14 digits of a GTIN with its check digit"
        raise BarcodeError("INVALID_CHECK_DIGIT", rule, digits, "GTIN")
    return digits.rjust(_GTIN_DIGITS, "0")


def _is_gtin(digits: str) -> bool:
    return (
        len(digits) in _GTIN_LENGTHS
        and digits.isascii()
        and digits.isdigit()
        and check_digit(digits[:-1]) == digits[-1]
    )


def _read_digits(body: str) -> Carried:
    """Bare digits of a GTIN's length that check are one; eight that begin as a date are a date."""
    if _is_gtin(body):
        row = find_ai(body) if len(body) == _SHORT_GTIN else None
        if row is None or not row.predefined:
            return carried_of({"01": _gtin(body)})
    return carried_of(parse_elements(body))


def _read_uri(body: str, symbology: str) -> Reading:
    try:
        link = find_link(body)
        path = canonical_path(body)
    except BarcodeError:
        raise
    except MalformedError as error:
        raise link_error(error) from None
    if link is not None:
        return _reading("digital_link", carried_of(link.all_elements()), symbology, link.query)
    if path.startswith("/"):
        segments = [percent_decoded(one) or "" for one in path.split("/")[1:]]
        elements = dict(zip(segments[::2], segments[1::2], strict=True))
        return _reading("epc_urn", carried_of(elements), symbology)
    raise BarcodeError("NO_GS1_KEY", "must be a Digital Link or the URN of a GS1 key", body)


_READERS: Final[tuple[tuple[Callable[[str], bool], str, Callable[[str], Carried]], ...]] = (
    (lambda body: body[:1] in "0123456789" + GS, "element_string", _read_digits),
    (
        lambda body: body.startswith("("),
        "bracketed",
        lambda body: carried_of(parse_bracketed(body)),
    ),
    (lambda body: body.startswith(("+", "*+")), "hibc", parse_hibc),
    (lambda body: body[:1] in "=&", "iccbba", parse_iccbba),
    (lambda body: body.startswith("[)>"), "ifa", parse_ifa),
)
