"""ISBT 128 (ICCBBA ST-001): tissues, cells and blood bags, data structures of fixed length."""

import re
from collections.abc import Callable
from typing import Final

from ledger.core.barcodes.calendar_dates import iso_ordinal
from ledger.core.barcodes.carried import Carried, Issuer, path_of
from ledger.core.barcodes.refusal import BarcodeError

_FIELD: Final = "ICCBBA"


def _as_is(text: str) -> str:
    return text


def _century_date(text: str) -> str:
    """Return cyyjjj (the third digit of the year leads, 0 for 20xx) as ISO 8601."""
    if text[0] != "0":
        raise BarcodeError("INVALID_DATE", "must be a date of this century", text, _FIELD)
    iso = iso_ordinal(text[1:6], _FIELD)
    hour, minute = text[6:8], text[8:10]
    if not hour:
        return iso
    if int(hour) > 23 or int(minute) > 59:  # noqa: PLR2004 -- hours of a day, minutes of an hour
        raise BarcodeError("INVALID_DATE", "must have a time that exists", text, _FIELD)
    return f"{iso}T{hour}:{minute}"


# identifier of the structure, name here, data, reading; longer identifiers stand first.
_STRUCTURES: Final[tuple[tuple[str, str, str, Callable[[str], str]], ...]] = (
    ("&,1", "lot", r"[0-9A-Za-z\-_+ ]{18}", lambda text: text.strip()),
    ("=/", "di", r"[A-Z0-9]{16}", _as_is),
    ("=,", "serial", r"[A-Z0-9]{6}", _as_is),
    ("=<", "product", r"[A-Z0-9]{8}", _as_is),
    ("=>", "expiry", r"[0-9]{6}", _century_date),
    ("&>", "expiry", r"[0-9]{10}", _century_date),
    ("=}", "manufactured", r"[0-9]{6}", _century_date),
    ("&}", "manufactured", r"[0-9]{10}", _century_date),
    ("=)", "container", r"[0-9A-Z]{10}", _as_is),
    ("&)", "container_lot", r"[0-9A-Z]{10}", _as_is),
    ("=+", "compound", r"[0-9]{5}", _as_is),
    ("=", "donation", r"[A-NP-Z1-9][0-9A-Z]{4}[0-9]{8}[0-9A-Z]{2}", _as_is),
)
_READERS: Final = tuple(
    (start, name, re.compile(re.escape(start) + f"({pattern})"), read)
    for start, name, pattern, read in _STRUCTURES
)
# The last two characters of a donation number are flags of the process, no part of it.
_FLAGS: Final = 2


def parse_iccbba(text: str) -> Carried:
    """Read one structure or several, concatenated or behind a compound message `=+`.

    Raises:
        BarcodeError: data against the standard.
    """
    elements: dict[str, str] = {}
    at = 0
    while at < len(text):
        name, value, at = _structure(text, at)
        if name in elements:
            raise BarcodeError("DUPLICATE_FIELD", f"must have one {name}", value, _FIELD)
        elements[name] = value
    if not elements:
        raise BarcodeError("EMPTY", "must hold at least one structure", field=_FIELD)
    compound = elements.get("compound")
    if compound is not None and int(compound[:2]) not in {0, len(elements) - 1}:
        rule = f"the compound message announces {int(compound[:2])} structures"
        raise BarcodeError("INCOMPLETE_MESSAGE", rule, text, _FIELD)
    return _carried(elements)


def _structure(text: str, at: int) -> tuple[str, str, int]:
    for start, name, pattern, read in _READERS:
        if text.startswith(start, at):
            parts = pattern.match(text, at)
            if parts is not None:
                return name, read(parts[1]), parts.end()
            if start != "=":
                rule = f"the structure {start} must be {pattern.pattern}"
                raise BarcodeError("INVALID_STRUCTURE", rule, text[at : at + 24], _FIELD)
    rule = f"no structure of ISBT 128 begins at character {at + 1}"
    raise BarcodeError("INVALID_STRUCTURE", rule, text[at : at + 24], _FIELD)


def _carried(elements: dict[str, str]) -> Carried:
    di = elements.get("di") or elements.get("container")
    lot = elements.get("lot") or elements.get("container_lot")
    serial = elements.get("serial")
    # A serial number counts within its donation: both together name one product.
    donation = elements.get("donation", "")[:-_FLAGS]
    whole = "-".join(one for one in (donation, serial) if one)
    return Carried(
        issuer=Issuer.ICCBBA,
        elements=elements,
        di=di,
        serial=whole or None,
        lot=lot,
        expiry=elements.get("expiry"),
        manufactured=elements.get("manufactured"),
        path=path_of(Issuer.ICCBBA, di, serial=whole, lot=lot or "") if di else None,
    )
