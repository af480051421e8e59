"""One cell into one value: what spreadsheets do to identifiers, dates and numbers is diagnosed.

Nothing is corrected unasked: a serial that lost its zeros is another serial, and a day that was
read as a month is another expiry. Where a mapping's option says what is meant, it is taken.
"""

import calendar
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Final
from urllib.parse import quote

from ledger.core.epcis.finding import Severity
from ledger.core.epcis.vocabulary import DISPOSITION
from ledger.core.errors import LedgerError, MalformedError
from ledger.core.gs1_keys import check_digit
from ledger.core.identifiers import canonical_path
from ledger.core.tabular.columns import KINDS, NO_DISPOSITION, Column
from ledger.core.tabular.mapping import TableMapping
from ledger.core.tabular.table import Cell

# Excel keeps 15 digits of a number; what follows became zeros.
EXACT_DIGITS: Final = 15
# A GTIN-8 has six in front of it; a shorter number is no key without its zeros.
MOST_ZEROS: Final = 6
# The year 9999: the last day that Excel knows.
LAST_EXCEL_DAY: Final = 2_958_465

_EXPONENT = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?[eE][+-]?[0-9]+")
_DIGITS = re.compile(r"[0-9]+")
_SET_82 = re.compile(r"""[!"%&'()*+,\-./0-9:;<=>?A-Z_a-z]{1,20}""")
_UOM = re.compile(r"[A-Z0-9]{2,3}")
_THOUSAND = re.compile(r"[0-9]{1,3}\.[0-9]{3}")
_ISO_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_YYMMDD = re.compile(r"([0-9]{2})([0-9]{2})([0-9]{2})")
_TIME = re.compile(
    r"([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9])((?:\.[0-9]{1,9})?))?"
    r" ?(Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)?"
)
_OFFSET = re.compile(r"Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00")
_LOCAL: Final = {
    "DD.MM.YYYY": (re.compile(r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})", re.ASCII)),
    "DD/MM/YYYY": (re.compile(r"(?P<d>\d{1,2})/(?P<m>\d{1,2})/(?P<y>\d{4})", re.ASCII)),
    "MM/DD/YYYY": (re.compile(r"(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d{4})", re.ASCII)),
    "DD-MM-YYYY": (re.compile(r"(?P<d>\d{1,2})-(?P<m>\d{1,2})-(?P<y>\d{4})", re.ASCII)),
    "YYYY/MM/DD": (re.compile(r"(?P<y>\d{4})/(?P<m>\d{1,2})/(?P<d>\d{1,2})", re.ASCII)),
    "YYYYMMDD": (re.compile(r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})", re.ASCII)),
}
_EXCEL_EPOCH = date(1899, 12, 30)


class CellError(LedgerError):
    """A cell that is not taken: code and sentence of the finding that it becomes."""

    def __init__(self, code: str, message: str, value: object) -> None:
        """Keep the parts of the finding."""
        super().__init__(message)
        self.code, self.message, self.value = code, message, str(value)


def text_of(cell: Cell) -> str:
    """Return a cell as text, without the spaces around it.

    Raises:
        CellError: A number that no longer has the digits which were typed.
    """
    if cell is None:
        return ""
    if isinstance(cell, bool):
        raise CellError("WRONG_CELL_TYPE", "is true or false, where text is meant", cell)
    if isinstance(cell, float) and not cell.is_integer():
        raise CellError("NUMBER_FORMAT_LOST", "is a fraction; format the column as text", cell)
    if isinstance(cell, int | float):
        digits = f"{cell:.0f}"
        if len(digits.lstrip("-")) > EXACT_DIGITS:
            raise _lost(digits)
        return digits
    if isinstance(cell, str):
        return cell.strip()
    raise CellError("WRONG_CELL_TYPE", "is a date or time; format the column as text", cell)


def _lost(value: object) -> CellError:
    return CellError(
        "NUMBER_FORMAT_LOST",
        f"a spreadsheet kept this as a number of {EXACT_DIGITS} digits at most: the digits are "
        "lost; format the column as text and enter the value again",
        value,
    )


def _digits(cell: Cell) -> str:
    text = text_of(cell)
    if _EXPONENT.fullmatch(text):
        raise _lost(text)
    return text


def _gs1_key(cell: Cell, name: str, length: int) -> str:
    """Return the digits of a GS1 key of fixed length, its check digit checked."""
    text = _digits(cell)
    if not _DIGITS.fullmatch(text):
        raise CellError(f"INVALID_{name}", f"a {name} is {length} digits", text)
    if len(text) == length:
        if check_digit(text[:-1]) == text[-1]:
            return text
        if text[EXACT_DIGITS:].strip("0") == "" and length > EXACT_DIGITS:
            raise _lost(text)
        raise CellError(
            f"INVALID_{name}_CHECK_DIGIT", f"the check digit should be {check_digit(text[:-1])}",
            text,
        )  # fmt: skip
    if length - MOST_ZEROS <= len(text) < length and check_digit(text[:-1]) == text[-1]:
        raise CellError(
            "LEADING_ZERO_STRIPPED",
            f"a {name} is {length} digits; with its zeros it may be {text.rjust(length, '0')}: "
            "format the column as text and enter it so",
            text,
        )
    raise CellError(f"INVALID_{name}", f"a {name} is {length} digits, not {len(text)}", text)


def _gtin(cell: Cell, mapping: TableMapping) -> str:
    try:
        return _gs1_key(cell, "GTIN", 14)
    except CellError as error:
        if error.code != "LEADING_ZERO_STRIPPED" or len(error.value) not in {8, 12, 13}:
            raise
        if mapping.pad_gtin:
            return error.value.rjust(14, "0")
        rule = (
            f'{error.message}, or set "pad_gtin": true when GTINs of 8, 12 or 13 digits are meant'
        )
        raise CellError(error.code, rule, error.value) from None


def _key_or_uri(cell: Cell, name: str, length: int) -> str:
    text = _digits(cell)
    return _uri(text) if ":" in text else _gs1_key(cell, name, length)


def _uri(text: str) -> str:
    try:
        canonical_path(text)
    except MalformedError as error:
        raise CellError("INVALID_IDENTIFIER", str(error), text) from None
    if ":" not in text or " " in text:
        raise CellError("INVALID_IDENTIFIER", "is no URN, Digital Link or other URI", text)
    return text


def _sscc(cell: Cell, _mapping: TableMapping) -> str:
    return _gs1_key(cell, "SSCC", 18)


def _epc(cell: Cell, _mapping: TableMapping) -> str:
    return _uri(_digits(cell))


def _parent(cell: Cell, _mapping: TableMapping) -> str:
    return _key_or_uri(cell, "SSCC", 18)


def _place(cell: Cell, _mapping: TableMapping) -> str:
    return _key_or_uri(cell, "GLN", 13)


def _text_82(code: str) -> Callable[[Cell, TableMapping], str]:
    def read(cell: Cell, _mapping: TableMapping) -> str:
        text = text_of(cell)
        if _EXPONENT.fullmatch(text) and "+" in text:
            raise _lost(text)
        if not _SET_82.fullmatch(text):
            rule = "has 1 to 20 characters of GS1's set of 82: no spaces, no letters with marks"
            raise CellError(code, rule, text)
        return text

    return read


def _date(cell: Cell, mapping: TableMapping) -> date:
    """Return a date: ISO, a typed date of a spreadsheet, or the mapping's local format."""
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    text = text_of(cell)
    iso = _ISO_DATE.fullmatch(text)
    if iso is not None:
        return _real_date(text, *iso.groups())
    if mapping.date_format == "excel" and _DIGITS.fullmatch(text):
        if len(text) > len(str(LAST_EXCEL_DAY)) or int(text) > LAST_EXCEL_DAY:
            raise CellError("INVALID_DATE", "is no day that Excel counts", text)
        return _EXCEL_EPOCH + timedelta(days=int(text))
    local = _LOCAL.get(mapping.date_format or "")
    match = local.fullmatch(text) if local is not None else None
    if match is not None:
        return _real_date(text, match["y"], match["m"], match["d"])
    raise _unread_date(text, mapping)


def _unread_date(text: str, mapping: TableMapping) -> CellError:
    if mapping.date_format is not None:
        rule = f"is neither YYYY-MM-DD nor {mapping.date_format}"
        return CellError("INVALID_DATE", rule, text)
    fits = [name for name, pattern in _LOCAL.items() if pattern.fullmatch(text)]
    if _DIGITS.fullmatch(text):
        fits.append("excel")
    if not fits:
        return CellError("INVALID_DATE", "is no date; write YYYY-MM-DD", text)
    options = " or ".join(f'"date_format": "{name}"' for name in fits)
    return CellError("AMBIGUOUS_DATE", f"write YYYY-MM-DD, or say in the mapping {options}", text)


def _real_date(text: str, year: str, month: str, day: str) -> date:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        raise CellError("INVALID_DATE", "is no day of the calendar", text) from None


def _expiry(cell: Cell, mapping: TableMapping) -> str:
    text = text_of(cell) if isinstance(cell, str | int | float) else ""
    short = _YYMMDD.fullmatch(text)
    if short is None:
        return _date(cell, mapping).isoformat()
    # General Specifications section 3.4.3: day 00 is the month's last. An expiry lies in 20YY.
    year, month, day = f"20{short[1]}", short[2], short[3]
    if day == "00" and "01" <= month <= "12":
        day = str(calendar.monthrange(int(year), int(month))[1])
    return _real_date(text, year, month, day).isoformat()


def _event_time(cell: Cell, mapping: TableMapping) -> str:
    """Return `YYYY-MM-DD`, or with time of day `YYYY-MM-DDThh:mm:ss[.f][zone]`."""
    if isinstance(cell, datetime):
        return cell.replace(tzinfo=None).isoformat()
    if isinstance(cell, float) and mapping.date_format == "excel" and not cell.is_integer():
        return _excel_moment(cell)
    if not isinstance(cell, str):
        return _date(cell, mapping).isoformat()
    day, _, clock = text_of(cell).replace("T", " ", 1).partition(" ")
    read = _date(day, mapping).isoformat()
    return f"{read}T{_clock(clock)}" if clock else read


def _excel_moment(days: float) -> str:
    if not 0 <= days <= LAST_EXCEL_DAY:
        raise CellError("INVALID_DATE", "is no day that Excel counts", days)
    moment = datetime.combine(_EXCEL_EPOCH, time()) + timedelta(seconds=round(days * 86_400))
    return moment.isoformat()


def _clock(text: str) -> str:
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise CellError("INVALID_TIME", "a time of day is hh:mm or hh:mm:ss[.f][zone]", text)
    hour, minute, second, fraction, zone = match.groups()
    return f"{hour}:{minute}:{second or '00'}{fraction or ''}{zone or ''}"


def _time_of_day(cell: Cell, _mapping: TableMapping) -> str:
    if isinstance(cell, time):
        return cell.replace(tzinfo=None).isoformat()
    return _clock(text_of(cell))


def _zone(cell: Cell, _mapping: TableMapping) -> str:
    text = text_of(cell)
    if _OFFSET.fullmatch(text) or "/" in text:
        return "+00:00" if text == "Z" else text
    if text == "UTC":
        return "+00:00"
    raise CellError("INVALID_ZONE", "a zone is +hh:mm, -hh:mm, Z or a name as Europe/Berlin", text)


def _quantity(cell: Cell, mapping: TableMapping) -> str:
    """Return a number as JSON writes it."""
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        text, decimal = number_text(cell), "."
    else:
        text = text_of(cell)
        if mapping.decimal is None and ("," in text or _THOUSAND.fullmatch(text)):
            rule = 'does not say what "," and "." mean: set "decimal" in the mapping to one of them'
            raise CellError("AMBIGUOUS_NUMBER", rule, text)
        decimal = mapping.decimal or "."
    thousands = "," if decimal == "." else "."
    whole = rf"(?:[0-9]{{1,12}}|[0-9]{{1,3}}(?:[{thousands}][0-9]{{3}}){{1,3}})"
    if not re.fullmatch(rf"{whole}(?:[{decimal}][0-9]{{1,6}})?", text):
        rule = f"is a number above 0 with at most six digits behind {decimal!r}"
        raise CellError("INVALID_QUANTITY", rule, text)
    number = float(text.replace(thousands, "").replace(decimal, "."))
    if not number:
        raise CellError("INVALID_QUANTITY", "is a number above 0", text)
    return number_text(number)


def number_text(number: float) -> str:
    """Return a number with at most six decimals, never with an exponent."""
    return f"{number:.6f}".rstrip("0").rstrip(".")


def _kind(cell: Cell, _mapping: TableMapping) -> str:
    text = text_of(cell).casefold().replace(" ", "_")
    if text not in KINDS:
        raise CellError("UNKNOWN_KIND", f"is one of {', '.join(KINDS)}", text_of(cell))
    return text


def _disposition(cell: Cell, _mapping: TableMapping) -> str:
    text = DISPOSITION.bare(text_of(cell))
    if text == NO_DISPOSITION:
        return ""
    if text in DISPOSITION.words:
        return text
    if ":" in text:
        return _uri(text)
    raise CellError("UNKNOWN_DISPOSITION", "is no disposition of CBV 2.0, and no URI", text)


def _uom(cell: Cell, _mapping: TableMapping) -> str:
    text = text_of(cell)
    if not _UOM.fullmatch(text):
        raise CellError("INVALID_UOM", "is a code of UN/ECE Recommendation 20, as KGM", text)
    return text


def _reference(cell: Cell, _mapping: TableMapping) -> str:
    text = _digits(cell)
    return _uri(text) if text.startswith(("urn:", "http:", "https:")) else text


READERS: Final[Mapping[Column, Callable[[Cell, TableMapping], str]]] = {
    Column.KIND: _kind,
    Column.EVENT_ID: _epc,
    Column.EVENT_TIME: _event_time,
    Column.TIME_OF_DAY: _time_of_day,
    Column.ZONE: _zone,
    Column.GTIN: _gtin,
    Column.SERIAL: _text_82("INVALID_SERIAL"),
    Column.LOT: _text_82("INVALID_LOT"),
    Column.EXPIRY: _expiry,
    Column.QUANTITY: _quantity,
    Column.UOM: _uom,
    Column.SSCC: _sscc,
    Column.EPC: _epc,
    Column.PARENT: _parent,
    Column.DISPOSITION: _disposition,
    Column.READ_POINT: _place,
    Column.BIZ_LOCATION: _place,
    Column.FROM_PARTY: _place,
    Column.TO_PARTY: _place,
    Column.FROM_POSSESSOR: _place,
    Column.TO_POSSESSOR: _place,
    Column.FROM_LOCATION: _place,
    Column.TO_LOCATION: _place,
    Column.PURCHASE_ORDER: _reference,
    Column.DESPATCH_ADVICE: _reference,
    Column.INVOICE: _reference,
}
# What has no check digit cannot tell whether a spreadsheet dropped its zeros.
UNCHECKED: Final = frozenset(
    [
        Column.SERIAL, Column.LOT, Column.PURCHASE_ORDER, Column.DESPATCH_ADVICE, Column.INVOICE,
    ]
)  # fmt: skip


def number_cell(column: Column, cell: Cell) -> tuple[str, Severity, str] | None:
    """Return code, weight and sentence where a value that is text stands as a number."""
    if column in UNCHECKED and isinstance(cell, int | float) and not isinstance(cell, bool):
        return (
            "NUMBER_CELL",
            Severity.MEDIUM,
            "is held as a number: leading zeros, if there were any, are lost; format it as text",
        )
    if isinstance(cell, str) and cell != cell.strip():
        return "SPACES_TRIMMED", Severity.INFO, "spaces around the value are left out"
    return None


def link(ai: str, value: str) -> str:
    """Return the Digital Link URI of a key; a value that is a URI already stays."""
    return value if ":" in value else f"https://id.gs1.org/{ai}/{value}"


def item_link(gtin: str, tail_ai: str, tail: str) -> str:
    """Return the Digital Link URI of a trade item with serial (21) or lot (10), or of its class."""
    return f"https://id.gs1.org/01/{gtin}" + (f"/{tail_ai}/{quote(tail, safe='')}" if tail else "")
