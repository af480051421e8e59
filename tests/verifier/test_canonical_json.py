"""RFC 8785 in the verifier, against the PyPI implementation and by named bad inputs."""

import math

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from unbroken_verifier.canonical import encode, parse_canonical, parse_strict
from unbroken_verifier.errors import RefusedError

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
# docs/spec/event.md: what JCS would write as an unsafe integer is no number of an event.
NUMBERS = FLOATS.filter(lambda value: not 2**53 <= abs(value) < 1e21) | st.integers(
    -(2**53) + 1, 2**53 - 1
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_values_are_written_as_rfc8785_says(value: object) -> None:
    assert encode(value) == rfc8785.dumps(value)  # type: ignore[arg-type]


@given(VALUES)
def test_canonical_texts_come_back_as_themselves(value: object) -> None:
    text = encode(value)  # type: ignore[arg-type]
    assert encode(parse_canonical(text)) == text


@given(FLOATS)
def test_numbers_keep_their_value(value: float) -> None:
    assert float(encode(value)) == value or math.isclose(value, 0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (-0.0, "0"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (4.5, "4.5"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (333333333.33333329, "333333333.3333333"),
        (100.0, "100"),
    ],
)
def test_numbers_are_written_as_ecmascript_does(value: float, text: str) -> None:
    assert encode(value) == text.encode()


def test_names_are_ordered_by_utf_16_units() -> None:
    assert encode({"\ufb33": 1, "\U0001f600": 2}) == '{"\U0001f600":2,"\ufb33":1}'.encode()


NOT_JSON = {
    "empty": b"",
    "two values": b"1 2",
    "byte order mark": b"\xef\xbb\xbf1",
    "bad utf-8": b'"\xff"',
    "utf-16": '"a"'.encode("utf-16"),
    "duplicate name": b'{"a":1,"a":1}',
    "not a number": b"NaN",
    "infinity": b"-Infinity",
    "overflow": b"1e400",
    "overflow as integer": b"1" + b"0" * 400,
    "integer beyond 2^53-1": b"9007199254740992",
    "integer below -(2^53-1)": b"-9007199254740992",
    "what JCS makes of 1e20": b"100000000000000000000",
    "depth": b"[" * 65 + b"]" * 65,
    "endless depth": b"[" * 200_000,
    "endless depth behind brackets in a text": b'["' + b"]" * 200_000 + b'",' + b"[" * 200_000,
    "control character": b'"\n"',
}


@pytest.mark.parametrize("name", NOT_JSON)
def test_what_is_not_strict_json_is_refused(name: str) -> None:
    with pytest.raises(RefusedError):
        parse_strict(NOT_JSON[name])


NOT_CANONICAL = {
    "space": b"[1, 2]",
    "order": b'{"b":1,"a":1}',
    "escape": b'"\\u0061"',
    "slash": b'"\\/"',
    "upper-case escape": b'"\\u001F"',
    "fraction": b"1.0",
    "exponent": b"1E3",
    "minus zero": b"-0",
    "lone surrogate": b'"\\ud800"',
}


@pytest.mark.parametrize("name", NOT_CANONICAL)
def test_what_is_not_canonical_is_refused(name: str) -> None:
    with pytest.raises(RefusedError):
        parse_canonical(NOT_CANONICAL[name])


def test_numbers_at_the_bounds_are_taken() -> None:
    for text in (b"9007199254740991", b"-9007199254740991", b"1e+21", b"5e-324"):
        parse_canonical(text)


def test_depth_64_is_allowed() -> None:
    parse_canonical(b"[" * 64 + b"]" * 64)
    parse_canonical(b'["' + b"[" * 99 + b'\\"[\\\\"]')
