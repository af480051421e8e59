"""Lexical rules of XML Schema's simple types, and their values as JSON (XML Schema part 2)."""

import calendar
import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from ledger.core.strict_json import MAX_SAFE_INTEGER, JsonValue

SPACE: Final = " \t\r\n"
# Attack: Decimal and int take quadratic time over digits; a double shows at most 17 of them.
MAX_NUMBER_LENGTH: Final = 400

_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)", re.ASCII)
_DOUBLE = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|-?INF|NaN", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_HEX = re.compile(r"([0-9a-fA-F]{2})*")
_DATE_TIME = re.compile(
    r"-?([1-9]\d{4,8}|\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
    r"T(([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?|24:00:00(\.0+)?)"
    r"(Z|[+-]((0\d|1[0-3]):[0-5]\d|14:00))?",
    re.ASCII,
)
_TIME_STAMP = re.compile(
    r"(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?"
    r"(Z|[+-]((0\d|1[0-3]):[0-5]\d|14:00))",
    re.ASCII,
)
_INT_BOUND = 2**31
# As strict_json has it: JCS writes integers from here on with an exponent.
FIRST_EXPONENT: Final = 1e21


def _matches(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.fullmatch(text) is not None


def _is_date(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    def is_date(text: str) -> bool:
        match = pattern.fullmatch(text)
        if match is None:
            return False
        year, month, day = (int(match[i]) for i in (1, 2, 3))
        leap = calendar.isleap(year)
        return day <= (29 if leap and month == 2 else calendar.monthrange(2001, month)[1])  # noqa: PLR2004

    return is_date


def _is_int(text: str) -> bool:
    if len(text) > MAX_NUMBER_LENGTH or not _INTEGER.fullmatch(text):
        return False
    return -_INT_BOUND <= int(text) < _INT_BOUND


# Types whose values no rule limits here: the model's own rules look at words.
_FREE: Final = frozenset(["string", "mixed", "action"])
# RFC 3986 appendix A: a colon in the first segment ends a scheme. More is a rule of the model.
_ANY_URI = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.\-]*:|[^:/?#]*(?:[/?#]|\Z)).*", re.DOTALL)
_RULES: Final[dict[str, Callable[[str], bool]]] = {
    "decimal": _matches(_DECIMAL),
    "double": _matches(_DOUBLE),
    "integer": _matches(_INTEGER),
    "int": _is_int,
    "anyURI": _matches(_ANY_URI),
    "boolean": lambda text: text in ("true", "false", "1", "0"),
    "hexBinary": _matches(_HEX),
    "dateTime": _is_date(_DATE_TIME),
    "timeStamp": _is_date(_TIME_STAMP),
}
# XML Schema types that an extension may name by xsi:type and whose values JSON has types for.
_INTEGERS: Final = frozenset([
    "integer", "int", "long", "short", "byte", "nonNegativeInteger", "positiveInteger",
    "nonPositiveInteger", "negativeInteger", "unsignedLong", "unsignedInt", "unsignedShort",
    "unsignedByte",
])  # fmt: skip
NUMBERS: Final = _INTEGERS | {"decimal", "double", "float"}


def is_valid(of: str, text: str) -> bool:
    """Tell whether a text is a value of a simple type, white space around it apart."""
    return of in _FREE or _RULES[of](text.strip(SPACE))


def is_typed(of: str, text: str) -> bool:
    """Tell whether a text is a value of the XML Schema type that xsi:type names; unknown: yes."""
    if of in _INTEGERS:
        return _RULES["integer"](text)
    return is_valid({"float": "double"}.get(of, of), text) if of in _TYPED else True


_TYPED: Final = frozenset(["decimal", "double", "float", "boolean", "dateTime", "hexBinary"])


def json_number(text: str) -> int | float | None:
    """Return the JSON number of a decimal or double; None when no JSON number equals it.

    An integral value is an integer, so that `10.0` and `10` are one value to whoever hashes it.
    """
    if len(text) > MAX_NUMBER_LENGTH or not _DOUBLE.fullmatch(text):
        return None
    number = float(text)
    if not math.isfinite(number) or MAX_SAFE_INTEGER < abs(number) < FIRST_EXPONENT:
        return None
    return int(number) if number.is_integer() and abs(number) < FIRST_EXPONENT else number


def is_rounded(text: str, number: float) -> bool:
    """Tell whether a number is not the one that the text says, but the double nearest to it."""
    return Decimal(text) != Decimal(repr(number))


def typed_value(of: str, text: str) -> JsonValue:
    """Return the JSON value of an extension's text under xsi:type; the text where there is none."""
    if of in NUMBERS:
        number = json_number(text)
        return text if number is None else number
    if of == "boolean" and _RULES["boolean"](text):
        return text in ("true", "1")
    return text
