"""Canonical JSON: RFC 8785 (JCS), the only writer of JSON that is hashed.

orjson writes the same bytes but for two things: the form of a float, and the order of member names
beyond U+FFFF. Floats are handed to it ready-made; such names take the path that follows the clauses
of the RFC.
"""

import math
import re
from typing import Final

import orjson

from ledger.core.errors import MalformedError
from ledger.core.strict_json import MAX_SAFE_INTEGER, JsonValue

_FIELD = "json"
_OPTIONS: Final = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_STRICT_INTEGER
    | orjson.OPT_PASSTHROUGH_SUBCLASS
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
)
# Every digit and sign becomes 0, every "[" a comma: a number then stands behind `":` or a comma. A
# quote inside a text is escaped, so no number can be missed; a text that looks like one costs time.
_NUMBERS_TO_ZERO: Final = bytes.maketrans(b"-123456789[", b"0000000000,")
# UTF-16 and UTF-8 sort alike but for characters beyond U+FFFF: four bytes, the first F0 to F4.
_BEYOND_BMP: Final = re.compile(rb"[\xf0-\xf4]")
# ECMA-262 Number::toString: an exponent from 1e21 on and below 1e-6.
_MAX_PLAIN_EXPONENT: Final = 21
_MIN_PLAIN_EXPONENT: Final = -6


def canonical_json(value: JsonValue) -> bytes:
    """Write the one canonical text of a value.

    Raises:
        MalformedError: an integer beyond ±(2^53-1), NaN or Infinity, a lone surrogate, a cycle or
            a type that JSON has not.
    """
    try:
        text = orjson.dumps(value, option=_OPTIONS)
        if type(value) is str:
            return text
        if _may_hold_float(text):
            text = orjson.dumps(_with_written_floats(value), option=_OPTIONS)
        if text.isascii() or not _BEYOND_BMP.search(text):
            return text
    except (orjson.JSONEncodeError, RecursionError):
        pass  # the clauses name the rule that is broken
    return _by_clauses(value)


def _may_hold_float(text: bytes) -> bool:
    """Tell whether orjson wrote any number, or the null that it makes of NaN and Infinity."""
    zeroed = text.translate(_NUMBERS_TO_ZERO)
    return b'":0' in zeroed or b",0" in zeroed or zeroed[:1] == b"0" or b"null" in text


def _with_written_floats(value: JsonValue) -> object:
    if isinstance(value, dict):
        return {
            name: member if type(member) is str else _with_written_floats(member)
            for name, member in value.items()
        }
    if isinstance(value, list):
        return [
            element if type(element) is str else _with_written_floats(element) for element in value
        ]
    return orjson.Fragment(_number(value)) if isinstance(value, float) else value


def _by_clauses(value: JsonValue) -> bytes:
    parts: list[bytes] = []
    try:
        _write(value, parts)
    except RecursionError:
        raise MalformedError(_FIELD, "must not nest so deep") from None
    return b"".join(parts)


def _write(value: JsonValue, parts: list[bytes]) -> None:
    if isinstance(value, str):
        parts.append(_text(value))
    elif isinstance(value, dict):
        _write_object(value, parts)
    elif isinstance(value, list):
        _write_array(value, parts)
    else:
        parts.append(_scalar(value))


def _write_object(members: dict[str, JsonValue], parts: list[bytes]) -> None:
    """RFC 8785 section 3.2.3: members by the UTF-16 code units of their names."""
    opening = b"{"
    for name in sorted(members, key=_utf16):
        parts += (opening, _text(name), b":")
        _write(members[name], parts)
        opening = b","
    parts.append(b"}" if members else b"{}")


def _write_array(elements: list[JsonValue], parts: list[bytes]) -> None:
    opening = b"["
    for element in elements:
        parts.append(opening)
        _write(element, parts)
        opening = b","
    parts.append(b"]" if elements else b"[]")


def _scalar(value: float | None) -> bytes:
    if value is None:
        return b"null"
    if isinstance(value, bool):
        return b"true" if value else b"false"
    if isinstance(value, int):
        if not -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
            raise MalformedError(_FIELD, "integer must lie within ±(2^53-1)")
        return b"%d" % value
    if isinstance(value, float):
        return _number(value)
    raise MalformedError(_FIELD, "must be a JSON value", type(value).__name__)


def _utf16(name: str) -> bytes:
    if not isinstance(name, str):
        raise MalformedError(_FIELD, "member name must be text", type(name).__name__)
    try:
        return name.encode("utf-16-be")
    except UnicodeEncodeError:
        raise _lone_surrogate() from None


def _text(text: str) -> bytes:
    """RFC 8785 section 3.2.2.2; orjson escapes exactly these characters in exactly this way."""
    try:
        return orjson.dumps(text)
    except orjson.JSONEncodeError:
        raise _lone_surrogate() from None


def _lone_surrogate() -> MalformedError:
    return MalformedError(_FIELD, "text must not hold a lone surrogate")


def _number(number: float) -> bytes:
    """RFC 8785 section 3.2.2.3: Number::toString over the shortest digits, which repr gives too."""
    if not math.isfinite(number):
        raise MalformedError(_FIELD, "number must be finite", number)
    if number == 0:
        return b"0"
    mantissa, _, exponent = repr(abs(number)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    # The value is 0.digits times ten to the power of `point`.
    point = len(digits) - len(fraction) + int(exponent or "0")
    digits = digits.rstrip("0")
    sign = "-" if number < 0 else ""
    return (sign + _place_point(digits, point)).encode()


def _place_point(digits: str, point: int) -> str:
    if _MIN_PLAIN_EXPONENT < point <= 0:
        return "0." + "0" * -point + digits
    if 0 < point <= _MAX_PLAIN_EXPONENT:
        if len(digits) <= point:
            return digits.ljust(point, "0")
        return f"{digits[:point]}.{digits[point:]}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}e{point - 1:+d}"
