"""RFC 8785 canonical JSON (JCS): strict reading, exact writing.

Two readers. `parse_canonical` takes any JCS text (row values, entry payloads). `parse_bundle_json`
takes the evidence file, where numbers are integers, so that the standard library's encoder is
exact and a file of megabytes is checked in one pass of C code.
"""

import json
from functools import partial
from math import isinf
from typing import NoReturn, TypeAlias

from unbroken_verifier.errors import RefusedError

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"

MAX_DEPTH = 64  # docs/spec/event.md: nesting of a value; also keeps recursion small
NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
MAX_INTEGER_DIGITS = 20  # of 2^64-1; int() of a longer text could take long
MAX_SAFE_INTEGER = 2**53 - 1  # what every JSON reader holds exactly


def parse_canonical(raw: bytes) -> JsonValue:
    """Value of a JCS text.

    Raises:
        RefusedError: not strict JSON, or not the canonical spelling of its value.
    """
    value = parse_strict(raw)
    if encode(value) != raw:
        raise RefusedError("not canonical JSON (RFC 8785)")
    return value


def parse_strict(raw: bytes, *, largest: int = MAX_SAFE_INTEGER) -> JsonValue:
    """Value of a JSON text without the traps: duplicate names, NaN, overflow, BOM, bad UTF-8.

    Args:
        raw: the text.
        largest: bound of integer literals; beyond 2^53-1 readers disagree (docs/spec/event.md).

    Raises:
        RefusedError: the text is not strict JSON.
    """
    try:
        text = raw.decode("utf-8")
        _verify_depth(text)
        value: JsonValue = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_int=partial(_integer, largest),
            parse_float=_finite,
            parse_constant=_refuse_constant,
        )
    except ValueError as error:
        raise RefusedError(f"not JSON: {error}") from error
    return value


def parse_bundle_json(raw: bytes) -> JsonValue:
    """Value of a canonical JSON text that has integers and ASCII object keys only.

    Non-ASCII keys come back unchecked for order; the caller's list of members refuses them.

    Raises:
        RefusedError: any other byte sequence.
    """
    try:
        text = raw.decode("utf-8")
        _verify_depth(text)
        value: JsonValue = json.loads(
            text, parse_float=_refuse_constant, parse_constant=_refuse_constant
        )
        # Duplicate names, spare spaces, other escapes and "-0" all vanish in this round trip.
        again = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    except ValueError as error:
        raise RefusedError(f"not JSON: {error}") from error
    if again != text:
        raise RefusedError("not canonical JSON (RFC 8785)")
    return value


def encode(value: JsonValue) -> bytes:
    """JCS bytes of a value.

    Raises:
        RefusedError: a lone surrogate, which has no UTF-8 form.
    """
    try:
        return _text(value).encode("utf-8")
    except UnicodeEncodeError as error:
        raise RefusedError("a lone surrogate in a text") from error


def _text(value: JsonValue) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, list):
        return "[" + ",".join(map(_text, value)) + "]"
    # RFC 8785 section 3.2.3 orders by UTF-16 code units, not by code points.
    names = sorted(value, key=lambda name: name.encode("utf-16-be"))
    return "{" + ",".join(f"{_text(name)}:{_text(value[name])}" for name in names) + "}"


def _number(value: float) -> str:
    """ECMAScript Number::toString, from Python's repr, which gives the same shortest digits."""
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    padded = whole + fraction
    digits = padded.lstrip("0")
    point = len(whole) + int(exponent or "0") - (len(padded) - len(digits))
    digits = digits.rstrip("0")
    return sign + _place(digits, point)


def _place(digits: str, point: int) -> str:
    """Writes 0.digits x 10^point as ECMA-262 6.1.6.1.20 does."""
    count = len(digits)
    if count <= point <= 21:  # noqa: PLR2004  the standard's own bound
        return digits + "0" * (point - count)
    if 0 < point <= 21:  # noqa: PLR2004
        return digits[:point] + "." + digits[point:]
    if -6 < point <= 0:  # noqa: PLR2004
        return "0." + "0" * -point + digits
    tail = "." + digits[1:] if count > 1 else ""
    return f"{digits[0]}{tail}e{point - 1:+d}"


def _unique(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member name occurs twice")
    return members


def _integer(largest: int, literal: str) -> int:
    if len(literal) > MAX_INTEGER_DIGITS or abs(value := int(literal)) > largest:
        raise ValueError(f"an integer is beyond {largest}")
    return value


def _finite(literal: str) -> float:
    value = float(literal)
    if isinf(value):
        raise ValueError("a number overflows")
    return value


def _refuse_constant(literal: str) -> NoReturn:
    raise ValueError(f"number {literal[:32]} is not allowed here")


def _verify_depth(text: str) -> None:
    """Peels brackets outside strings pair by pair, before any recursive reader sees the text.

    Crash: the standard reader overflows the C stack where an importing program has raised the
    interpreter's recursion limit.
    """
    if "\\" in text:
        text = text.replace("\\\\", "").replace('\\"', "")
    structure = "".join(text.split('"')[::2]).encode()
    brackets = structure.translate(None, NOT_BRACKETS)
    for _ in range(MAX_DEPTH):
        if not brackets:
            return
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    if brackets:
        raise ValueError(f"nested deeper than {MAX_DEPTH}, or brackets do not match")
