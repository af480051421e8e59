"""Dates as labels write them, as ISO 8601."""

from datetime import date, timedelta
from typing import Final

from ledger.core.barcodes.refusal import BarcodeError

# No label in trade was printed before 2000. GS1 counts from 49 years back (General Specifications
# section 7.12): the same until 2050, and a reading that changes with the clock decides nothing.
_CENTURY: Final = 2000


def iso_date(text: str, field: str) -> str:
    """Return YYMM, YYMMDD or YYMMDDHH as ISO 8601; the month alone for day 00.

    Raises:
        BarcodeError: no such date.
    """
    day = "" if text[4:6] == "00" else text[4:6]
    iso = _iso(_CENTURY + int(text[:2]), text[2:4] + day, text, field)
    return iso + _hour(text[6:], text, field)


def iso_full_date(text: str, field: str) -> str:
    """Return YYYYMMDD as ISO 8601.

    Raises:
        BarcodeError: no such date.
    """
    return _iso(int(text[:4]), text[4:], text, field)


def iso_ordinal(text: str, field: str) -> str:
    """Return YYJJJ or YYJJJHH, the day of the year, as ISO 8601.

    Raises:
        BarcodeError: no such date.
    """
    year, day = _CENTURY + int(text[:2]), int(text[2:5])
    found = date(year, 1, 1) + timedelta(days=day - 1)
    if found.year != year:
        raise BarcodeError("INVALID_DATE", "must be a day of its year", text, field)
    return found.isoformat() + _hour(text[5:], text, field)


def _iso(year: int, rest: str, text: str, field: str) -> str:
    try:
        iso = date(year, int(rest[:2]), int(rest[2:] or "1")).isoformat()
    except ValueError:
        raise BarcodeError("INVALID_DATE", "must be a date that exists", text, field) from None
    return iso if rest[2:] else iso[:7]


def _hour(hour: str, text: str, field: str) -> str:
    if not hour:
        return ""
    if int(hour) > 23:  # noqa: PLR2004 -- hours of a day
        raise BarcodeError("INVALID_DATE", "must have an hour of 00 to 23", text, field)
    return f"T{hour}"
