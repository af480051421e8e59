"""Which JSON a parameter takes in a posted query (query-schema 2.0.0): a list, a number, a text.

URLs have texts only; what is posted says which of them it means, and is refused where it is
another than the standard's.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from ledger.core.epcis.compared import find_time_ms
from ledger.core.epcis.given import QueryParameterError
from ledger.core.strict_json import JsonValue


class _Shape(NamedTuple):
    """What a value is, and what tells it."""

    rule: str
    fits: Callable[[JsonValue], bool]


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_integer(value: JsonValue) -> bool:
    return _is_number(value) and value == int(value)  # type: ignore[arg-type]


def _is_text(value: JsonValue) -> bool:
    return isinstance(value, str)


def _is_scalar(value: JsonValue) -> bool:
    return _is_number(value) or find_time_ms(value) is not None


def _are(fits: Callable[[JsonValue], bool]) -> Callable[[JsonValue], bool]:
    return lambda value: isinstance(value, list) and all(map(fits, value))


_TEXT: Final = _Shape("is a text", _is_text)
_TEXTS: Final = _Shape("is a list of texts", _are(_is_text))
_INTEGER: Final = _Shape("is a whole number", _is_integer)
_NUMBER: Final = _Shape("is a number", _is_number)
_NUMBERS: Final = _Shape("is a list of numbers", _are(_is_number))
_BOOLEAN: Final = _Shape("is true or false", lambda value: isinstance(value, bool))
# A boolean in the OpenAPI document, an integer or null in the schema.
_FLAG: Final = _Shape(
    "is true, 1 or null", lambda value: value is None or isinstance(value, bool | int)
)
_SCALAR: Final = _Shape("is a number or a time", _is_scalar)
_ANY: Final = _Shape(
    "is a list of texts, a number or a time",
    lambda value: _TEXTS.fits(value) or _is_scalar(value),
)
# The first that fits a name; what no pattern names takes a list of texts.
_SHAPES: Final = tuple(
    (re.compile(pattern, re.ASCII), shape)
    for pattern, shape in (
        ("orderBy|orderDirection", _TEXT),
        ("eventCountLimit|maxEventCount", _INTEGER),
        ("EXISTS_.*", _FLAG),
        ("EQ_booleanValue", _BOOLEAN),
        ("EQ_(bizTransaction|source|destination)_.*|HASATTR_.*", _TEXTS),
        ("EQ_?ATTR_.*|EQ_.*[:#].*", _ANY),
        ("(GT|GE|LT|LE)_.*[:#].*", _SCALAR),
        ("(GE|LT)_.*[tT]ime", _TEXT),
        ("(GT|GE|LT|LE)_.*", _NUMBER),
        ("EQ_(quantity|percRank|[a-zA-Z]+_[A-Z0-9]{2,4})", _NUMBERS),
    )
)


def verify_shapes(members: Mapping[str, JsonValue]) -> None:
    """Raise unless each member of a posted query has the JSON type of its parameter.

    Raises:
        QueryParameterError: one has another.
    """
    for name, value in members.items():
        shape = next((one for pattern, one in _SHAPES if pattern.fullmatch(name)), _TEXTS)
        if name != "@context" and not shape.fits(value):
            raise QueryParameterError(name, f"{shape.rule} (query-schema 2.0.0)", value)
