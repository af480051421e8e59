"""Strict JSON (docs/spec/event.md): one reading of the bytes, or MalformedError.

Whatever two parsers could read differently is refused before anything is hashed: two members of
one name, numbers that do not fit a double, lone surrogates, a byte order mark.
"""

import json
import math
import re
from collections.abc import Iterable
from typing import Final, NoReturn, TypeAlias

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
    try:
        value: JsonValue = _DECODER.decode(raw.decode())
    except UnicodeDecodeError as error:
        raise MalformedError(_FIELD, "must be UTF-8", f"byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise MalformedError(_FIELD, f"must be JSON: {error.msg}", f"char {error.pos}") from None
    except RecursionError:
        raise _too_deep() from None
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH:
        _verify_depth(value)
    if b"\\u" in raw and _SURROGATE_ESCAPE.search(raw):
        _verify_no_surrogates(value)
    return value


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


def _too_deep() -> MalformedError:
    return MalformedError(_FIELD, f"must not nest deeper than {MAX_DEPTH}")


def _verify_depth(value: JsonValue) -> None:
    """Walk level by level, so that depth costs no stack."""
    level: list[JsonValue] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for node in level
            for child in _children(node)
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return
    raise _too_deep()


def _children(container: JsonValue) -> Iterable[JsonValue]:
    if isinstance(container, dict):
        return container.values()
    return container if isinstance(container, list) else ()


def _verify_no_surrogates(value: JsonValue) -> None:
    """Have orjson write the value: it refuses every text that UTF-8 cannot carry."""
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError:
        raise MalformedError(_FIELD, "text must not hold a lone surrogate") from None
