"""Strict JSON (docs/spec/event.md): one reading of the bytes, or MalformedError.

Whatever two parsers could read differently is refused before anything is hashed: two members of
one name, numbers that do not fit a double, lone surrogates, a byte order mark.
"""

import json
import math
import re
from itertools import accumulate
from typing import Final, NoReturn, TypeAlias, cast

import orjson

from ledger.core.errors import MalformedError

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"

# A limit far above EPCIS (about 10) and far below the recursion limit of any parser.
MAX_DEPTH: Final = 64
# RFC 7493 section 2.2: beyond it a double no longer names every integer.
MAX_SAFE_INTEGER: Final = 2**53 - 1

# From here on ECMAScript writes numbers with an exponent; below it JCS writes an integral float as
# an integer, which the rule above then refuses: so it is refused however it was spelt.
_FIRST_EXPONENT = 1e21

_FIELD = "json"
_BOM = b"\xef\xbb\xbf"
_SAFE_DIGITS = len(str(-MAX_SAFE_INTEGER))
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
# One level up or down, as signed bytes.
_STEPS: Final = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
# How far orjson indents what stands in the innermost container that is allowed.
_DEEP_LINE: Final = b"\n" + b"  " * MAX_DEPTH
# Digits and signs as zeros. One of the two is in every number beyond 2^53-1 that orjson writes in a
# container, behind the space that it puts before any number; few texts have either.
_TO_ZERO: Final = bytes.maketrans(b"-123456789", b"0000000000")
_LONG_NUMBER: Final = b" " + b"0" * len(str(MAX_SAFE_INTEGER))
_EXPONENT: Final = b"0e+0"
_UNSURE: Final[JsonValue] = cast("JsonValue", object())
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")


def parse_json(raw: bytes) -> JsonValue:
    """Read one JSON text (RFC 8259, UTF-8, no byte order mark).

    Args:
        raw: the whole text; a caller limits its size before.

    Raises:
        MalformedError: not JSON, not UTF-8, a name twice in one object, NaN or Infinity, a number
            that overflows or that JCS writes as an integer beyond ±(2^53-1), a lone surrogate, or
            containers nested deeper than MAX_DEPTH.
    """
    if raw.startswith(_BOM):
        raise MalformedError(_FIELD, "must not begin with a byte order mark")
    value = _find_at_once(raw)
    return _by_clauses(raw) if value is _UNSURE else value


def _by_clauses(raw: bytes) -> JsonValue:
    """Read by the decoder that asks at every member and number; its refusals name the rule."""
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH and _depth(raw) > MAX_DEPTH:
        raise MalformedError(_FIELD, f"must not nest deeper than {MAX_DEPTH}")
    try:
        value: JsonValue = _DECODER.decode(raw.decode())
    except UnicodeDecodeError as error:
        raise MalformedError(_FIELD, "must be UTF-8", f"byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise MalformedError(_FIELD, f"must be JSON: {error.msg}", f"char {error.pos}") from None
    if b"\\u" in raw and _SURROGATE_ESCAPE.search(raw):
        _verify_no_surrogates(value)
    return value


def _find_at_once(raw: bytes) -> JsonValue:
    """Read by orjson what it reads in the one way that is left, else return _UNSURE.

    orjson keeps the last of two members of one name, makes floats of long integers and nests
    deeper. Where no text has an escape, quotes stand around texts only: a member that was lost
    took two of them with it. A text that looks like a number or a deep line costs time, no more.
    """
    if b"\\" in raw:
        return _UNSURE
    try:
        value: JsonValue = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return _UNSURE
    try:
        written = orjson.dumps(value, option=orjson.OPT_INDENT_2)
    except orjson.JSONEncodeError:
        return _UNSURE
    if raw.count(b'"') != written.count(b'"') or _DEEP_LINE in written:
        return _UNSURE
    return _UNSURE if _may_hold_long_number(written) else value


def _may_hold_long_number(written: bytes) -> bool:
    """Tell whether orjson wrote a number beyond 2^53-1; True may be wrong and costs time."""
    zeroed = written.translate(_TO_ZERO)
    return _LONG_NUMBER in zeroed or _EXPONENT in zeroed or zeroed[:1] == b"0"


def _depth(raw: bytes) -> int:
    """Return a depth that parsing cannot exceed; of JSON, exactly its own. Linear time.

    Attack: the parser of Python 3.11 recurses as deep as the interpreter's limit lets it, and a
    library that raises the limit lets a hundred kB of brackets overflow the stack. So this comes
    before parsing. Where bytes are no JSON, all before that place is read as a parser would.
    """
    if b"\\" in raw:
        raw = raw.replace(rb"\\", b"").replace(rb"\"", b"")
    outside_texts = b"".join(raw.split(b'"')[::2])
    steps = memoryview(outside_texts.translate(_STEPS, _NO_BRACKETS)).cast("b")
    return max(accumulate(steps), default=0)


def _unique_members(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    members = dict(pairs)
    if len(members) != len(pairs):
        for name, _ in pairs:
            if name not in members:
                raise MalformedError(_FIELD, "must not name a member twice", name)
            del members[name]
    return members


def _safe_integer(literal: str) -> int:
    # Length first: int() on a megabyte of digits is quadratic.
    if len(literal) <= _SAFE_DIGITS:
        number = int(literal)
        if -MAX_SAFE_INTEGER <= number <= MAX_SAFE_INTEGER:
            return number
    raise MalformedError(_FIELD, "integer must lie within ±(2^53-1)", literal)


def _finite_float(literal: str) -> float:
    number = float(literal)
    if math.isinf(number):
        raise MalformedError(_FIELD, "number must not overflow", literal)
    if MAX_SAFE_INTEGER < abs(number) < _FIRST_EXPONENT:
        raise MalformedError(_FIELD, "integer must lie within ±(2^53-1)", literal)
    return number


def _no_constant(literal: str) -> NoReturn:
    raise MalformedError(_FIELD, "number must be finite", literal)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique_members,
    parse_int=_safe_integer,
    parse_float=_finite_float,
    parse_constant=_no_constant,
)


def _verify_no_surrogates(value: JsonValue) -> None:
    """Have orjson write the value: it refuses every text that UTF-8 cannot carry."""
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError:
        raise MalformedError(_FIELD, "text must not hold a lone surrogate") from None
