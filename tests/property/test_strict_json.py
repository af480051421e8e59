"""The fast reader of JSON beside the one that asks at every member: one answer, or one refusal."""

from typing import Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ledger.core import strict_json
from ledger.core.errors import MalformedError
from ledger.core.strict_json import JsonValue, parse_json

NUMBERS: Final = [
    "0", "-0", "7", "-1.0", "1.0", "-0.0", "1e5", "1E400", "1e-400", "1E+2", "9007199254740991",
    "9007199254740992", "-9007199254740992", "9007199254740993.0", "123456789012345", "1e16",
    "1234567890123456", "0.1234567890123456789", "18446744073709551616", "1e20", "1e21", "-1e308",
    "150.5", "0.00001", "100000000000000000000000",
]  # fmt: skip
# Texts that look like members and numbers, and every kind of escape.
TEXTS: Final = [
    '""', '"a"', '":"', '" :"', '"a:1"', '":1"', '":1234567890123456789"', '",0"', '"[0"', '"{"',
    '"urn:epc:id:sscc:0614141.0000000001"', '"\\u0061"', '"\\":"', '"\\\\"', '"\\/:"', '"\\u003a"',
    '"\\ud800"',
    '"\\ud83d\\ude00"', '"é"', '"\U0001f600"', '"\u2028"', '"x\\n:"', '"10e16"', '"\t"',
]  # fmt: skip
NAMES: Final = ['"a"', '"b"', '"\\u0061"', '""', '":"', '" :"', '"a:"', '"ex:a"']
SPACES: Final = ["", " ", "  ", "\n", "\t", "\r\n", "\u00a0"]


def _composed(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    space = st.sampled_from(SPACES[:-1])
    member = st.tuples(st.sampled_from(NAMES), space, space, children).map(
        lambda parts: f"{parts[0]}{parts[1]}:{parts[2]}{parts[3]}"
    )
    return st.one_of(
        st.lists(children, max_size=4).map(lambda parts: f"[{','.join(parts)}]"),
        st.lists(member, max_size=4).map(lambda parts: "{" + ",".join(parts) + "}"),
    )


JSON_TEXTS: Final = st.recursive(
    st.sampled_from([*NUMBERS, *TEXTS, "true", "null", "NaN", "-Infinity"]), _composed, max_leaves=8
)


def _outcome(read: object, raw: bytes) -> tuple[str, object]:
    assert callable(read)
    try:
        return "read", _typed(read(raw))
    except MalformedError as refused:
        return "refused", (refused.rule, str(refused.value))


def _typed(value: JsonValue) -> object:
    """Return a value that differs where a type or the sign of a zero does."""
    if isinstance(value, dict):
        return [(name, _typed(member)) for name, member in value.items()]
    if isinstance(value, list):
        return [_typed(one) for one in value]
    return type(value), repr(value)


@settings(deadline=None)
@given(JSON_TEXTS)
@example('{"b":2,"b":3}')
@example('{"a":1,"a":"\\u0022"}')
@example('{"":1,"":1}')
@example("[" * 64 + "1" + "]" * 64)
@example("[" * 65 + "1" + "]" * 65)
@example("[" * 65 + "]" * 65)
@example('{"a":' * 65 + "1" + "}" * 65)
@example('{"a":12345678901234567}')
def test_both_readers_agree_on_json(text: str) -> None:
    raw = text.encode("utf-8", "surrogatepass")
    assert _outcome(parse_json, raw) == _outcome(strict_json._by_clauses, raw)


@settings(deadline=None)
@given(st.binary(max_size=60))
@example(b'{"a":"\xff"}')
def test_both_readers_agree_on_any_bytes(raw: bytes) -> None:
    if not raw.startswith(b"\xef\xbb\xbf"):
        assert _outcome(parse_json, raw) == _outcome(strict_json._by_clauses, raw)


@settings(deadline=None)
@given(st.text(alphabet='{}[]:," \t\n019.-eE"ab\\u', max_size=40))
def test_both_readers_agree_on_near_json(text: str) -> None:
    raw = text.encode()
    assert _outcome(parse_json, raw) == _outcome(strict_json._by_clauses, raw)


@pytest.mark.parametrize(
    "raw", [b'{"type":"ObjectEvent","epcList":["urn:epc:id:sscc:0614141.0000000001"]}',
            b'{"a" : 1.5, "b" : [{"c" : -0}]}'],
    ids=["compact", "spaced"],
)  # fmt: skip
def test_ordinary_documents_take_the_fast_reader(raw: bytes) -> None:
    assert strict_json._find_at_once(raw) is not strict_json._UNSURE
