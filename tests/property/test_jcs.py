import math
import struct

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.errors import MalformedError
from ledger.core.jcs import canonical_json
from ledger.core.strict_json import MAX_SAFE_INTEGER, JsonValue, parse_json

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(['":1.5', ",1e5", "[-2.", "null", "urn:epc:id:sgtin:4012345.011111.1"])
)
NAMES = st.text(st.characters(codec="utf-8") | st.sampled_from("\ue000\uffff\U00010000\U0010ffff"))
VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=20,
)

# RFC 8785 appendix B: the bits of a double and its canonical text.
NUMBERS = {
    "0000000000000000": b"0",
    "8000000000000000": b"0",
    "0000000000000001": b"5e-324",
    "8000000000000001": b"-5e-324",
    "7fefffffffffffff": b"1.7976931348623157e+308",
    "ffefffffffffffff": b"-1.7976931348623157e+308",
    "4340000000000000": b"9007199254740992",
    "c340000000000000": b"-9007199254740992",
    "4430000000000000": b"295147905179352830000",
    "44b52d02c7e14af5": b"9.999999999999997e+22",
    "44b52d02c7e14af6": b"1e+23",
    "44b52d02c7e14af7": b"1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": b"999999999999999700000",
    "444b1ae4d6e2ef4f": b"999999999999999900000",
    "444b1ae4d6e2ef50": b"1e+21",
    "3eb0c6f7a0b5ed8c": b"9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": b"0.000001",
    "41b3de4355555553": b"333333333.3333332",
    "41b3de4355555554": b"333333333.33333325",
    "41b3de4355555555": b"333333333.3333333",
    "41b3de4355555556": b"333333333.3333334",
    "41b3de4355555557": b"333333333.33333343",
    "becbf647612f3696": b"-0.0000033333333333333333",
    "43143ff3c1cb0959": b"1424953923781206.2",
}

CANONICAL: dict[str, tuple[JsonValue, bytes]] = {
    "negative zero": ({"a": -0.0}, b'{"a":0}'),
    "whole float": ([1.0, 100.0], b"[1,100]"),
    "float among other things": (
        {"b": [True, None, 1.50], "a": "é"}, b'{"a":"\xc3\xa9","b":[true,null,1.5]}',
    ),
    "names by UTF-16 code units": (
        {"\uffff": 1, "\U00010000": 2, "a": 3}, b'{"a":3,"\xf0\x90\x80\x80":2,"\xef\xbf\xbf":1}',
    ),
    "names by UTF-16 code units beside a float": (
        {"\uffff": 1.5, "\U00010000": 2.0}, b'{"\xf0\x90\x80\x80":2,"\xef\xbf\xbf":1.5}',
    ),
    "escapes": (
        '\x00\x08\t\n\x0b\x0c\r\x1f"\\/\x7f', b'"\\u0000\\b\\t\\n\\u000b\\f\\r\\u001f\\"\\\\/\x7f"',
    ),
    "line separators": ("\u2028\u2029", b'"\xe2\x80\xa8\xe2\x80\xa9"'),
    "empty containers": ([{}, []], b"[{},[]]"),
    "empty name": ({"b": 0, "": 1}, b'{"":1,"b":0}'),
    "text like a number behind a quote": ('":1.5', rb'"\":1.5"'),
    "the word null": (["null", None], b'["null",null]'),
}  # fmt: skip

REFUSED: dict[str, tuple[JsonValue, str]] = {
    "NaN": (math.nan, "finite"),
    "NaN, nested": ({"a": [math.nan]}, "finite"),
    "Infinity": ([math.inf], "finite"),
    "minus Infinity": ({"a": -math.inf}, "finite"),
    "integer past the limit": (MAX_SAFE_INTEGER + 1, "integer"),
    "negative integer past the limit": ([-MAX_SAFE_INTEGER - 1], "integer"),
    "integer past 64 bits": ({"a": 1 << 70}, "integer"),
    "lone surrogate": ("\ud800", "surrogate"),
    "lone surrogate, nested": ({"a": ["\udfff"]}, "surrogate"),
    "lone surrogate in a name": ({"\ud800": 1}, "surrogate"),
    "lone surrogate beside a float": ([1.5, "\ud800"], "surrogate"),
}


@given(VALUES)
def test_canonical_text_is_that_of_the_rfc(value: JsonValue) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_number_has_the_form_of_ecmascript(number: float) -> None:
    text = canonical_json(number)
    assert text == rfc8785.dumps(number)
    assert float(text) == number
    assert canonical_json([number]) == b"[" + text + b"]"


@given(st.text(st.characters(codec="utf-8")))
def test_text_is_escaped_as_the_rfc_does(text: str) -> None:
    assert canonical_json(text) == rfc8785.dumps(text)


@given(st.text(), st.dictionaries(st.text(), st.floats() | st.integers() | st.text()))
def test_any_value_is_written_or_refused(text: str, members: dict[str, JsonValue]) -> None:
    try:
        canonical = canonical_json([text, members])
    except MalformedError:
        return
    assert canonical == rfc8785.dumps([text, members])


@given(st.dictionaries(NAMES, st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER) | st.text()))
def test_canonical_text_is_strict_json_and_canonical_again(members: dict[str, JsonValue]) -> None:
    text = canonical_json(members)
    assert parse_json(text) == members
    assert canonical_json(parse_json(text)) == text


@pytest.mark.parametrize(("bits", "text"), NUMBERS.items(), ids=NUMBERS)
def test_number_of_appendix_b(bits: str, text: bytes) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert canonical_json(number) == text
    assert canonical_json({"a": [number]}) == b'{"a":[' + text + b"]}"


@pytest.mark.parametrize(("value", "text"), CANONICAL.values(), ids=CANONICAL)
def test_value_has_its_canonical_text(value: JsonValue, text: bytes) -> None:
    assert canonical_json(value) == text == rfc8785.dumps(value)


@pytest.mark.parametrize(("value", "rule"), REFUSED.values(), ids=REFUSED)
def test_value_without_canonical_text_is_refused(value: JsonValue, rule: str) -> None:
    with pytest.raises(MalformedError, match=rule) as refused:
        canonical_json(value)
    assert refused.value.field == "json"


def test_deep_value_is_written_or_refused_without_a_crash() -> None:
    value: JsonValue = []
    for _ in range(300):
        value = [value]
    assert canonical_json(value) == b"[" * 301 + b"]" * 301
    for _ in range(100_000):
        value = [value]
    with pytest.raises(MalformedError, match="deep"):
        canonical_json(value)


def test_cycle_is_refused() -> None:
    cycle: list[JsonValue] = []
    cycle.append(cycle)
    with pytest.raises(MalformedError, match="deep"):
        canonical_json(cycle)
