import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.core.errors import MalformedError
from ledger.core.strict_json import MAX_DEPTH, MAX_SAFE_INTEGER, JsonValue, parse_json

ACCEPTED: dict[str, tuple[bytes, JsonValue]] = {
    "scalars": (
        b'[null,true,false,0,-0,1.5,1e3,""]', [None, True, False, 0, 0, 1.5, 1000.0, ""],
    ),
    "white space around": (b' \t\r\n{ "a" : [ ] }\n', {"a": []}),
    "largest integer": (b"9007199254740991", MAX_SAFE_INTEGER),
    "smallest integer": (b"-9007199254740991", -MAX_SAFE_INTEGER),
    "float beyond the integers": (b"1e21", 1e21),
    "underflow": (b"1e-400", 0.0),
    "surrogate pair as escapes": (rb'"\ud83d\ude00"', "\U0001f600"),
    "escaped backslash before u": (rb'"\\ud800"', r"\ud800"),
    "raw astral character": ('"\U0001f600"'.encode(), "\U0001f600"),
    "one name in two objects": (b'[{"a":1},{"a":1}]', [{"a": 1}, {"a": 1}]),
    "empty name": (b'{"":1}', {"": 1}),
    "brackets in text": (b'"' + b"[{" * 200 + b'"', "[{" * 200),
    "wide, not deep": (b"[" + b"[]," * 200 + b"{}]", [*[[]] * 200, {}]),
}  # fmt: skip

REFUSED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "must be JSON"),
    "white space only": (b" ", "must be JSON"),
    "byte order mark": (b"\xef\xbb\xbf{}", "byte order mark"),
    "UTF-16": ("{}".encode("utf-16"), "UTF-8"),
    "Latin-1": (b'"\xe9"', "UTF-8"),
    "overlong UTF-8": (b'"\xc0\xaf"', "UTF-8"),
    "surrogate in UTF-8": (b'"\xed\xa0\x80"', "UTF-8"),
    "name twice": (b'{"a":1,"a":1}', "twice"),
    "name twice, below": (b'[{"b":{"a":1,"c":2,"a":3}}]', "twice"),
    "name twice, by escape": (rb'{"a":1,"\u0061":2}', "twice"),
    "high surrogate": (rb'"\ud800"', "surrogate"),
    "low surrogate": (rb'"\uDC00"', "surrogate"),
    "surrogates in the wrong order": (rb'"\udc00\ud800"', "surrogate"),
    "two high surrogates": (rb'"\ud83d\ud83d\ude00"', "surrogate"),
    "surrogate in a name": (rb'{"a":{"\udfff":1}}', "surrogate"),
    "surrogate behind an escaped backslash": (rb'"\\\ud800"', "surrogate"),
    "NaN": (b"[NaN]", "finite"),
    "Infinity": (b'{"a":Infinity}', "finite"),
    "minus Infinity": (b"-Infinity", "finite"),
    "overflow": (b"1e400", "overflow"),
    "integral float that JCS writes as a long integer": (b"1e20", "integer"),
    "negative overflow": (b"[-1.8e308]", "overflow"),
    "integer past the limit": (b"9007199254740992", "integer"),
    "negative integer past the limit": (b"-9007199254740992", "integer"),
    "integer of 17 digits": (b"12345678901234567", "integer"),
    "integer of a million digits": (b"1" * 1_000_000, "integer"),
    "trailing data": (b"{} {}", "must be JSON"),
    "trailing NUL": (b"{}\x00", "must be JSON"),
    "trailing comma": (b"[1,]", "must be JSON"),
    "leading zero": (b"01", "must be JSON"),
    "plus sign": (b"+1", "must be JSON"),
    "bare point": (b"1.", "must be JSON"),
    "hexadecimal": (b"0x10", "must be JSON"),
    "underscore": (b"1_0", "must be JSON"),
    "single quotes": (b"{'a':1}", "must be JSON"),
    "comment": (b"{}//", "must be JSON"),
    "control character in text": (b'"\x01"', "must be JSON"),
    "line feed in text": (b'"\n"', "must be JSON"),
    "bad escape": (rb'"\x41"', "must be JSON"),
    "short escape": (rb'"\u12"', "must be JSON"),
    "spaced escape": (rb'"\u 12a"', "must be JSON"),
    "non-breaking space": (b"\xc2\xa0{}", "must be JSON"),
    "open array": (b"[", "must be JSON"),
    "65 arrays": (b"[" * 65 + b"]" * 65, "deeper"),
    "65 objects": (b'{"a":' * 65 + b"1" + b"}" * 65, "deeper"),
    "a hundred thousand arrays": (b"[" * 100_000 + b"]" * 100_000, "deeper"),
    "a hundred thousand open objects": (b'{"a":' * 100_000, "deeper"),
    "deep, hidden by brackets in text": (b'["]",' * 65 + b"1" + b',"["]' * 65, "deeper"),
}


@pytest.mark.parametrize(("raw", "value"), ACCEPTED.values(), ids=ACCEPTED)
def test_json_is_read(raw: bytes, value: JsonValue) -> None:
    assert parse_json(raw) == value


@pytest.mark.parametrize(("raw", "rule"), REFUSED.values(), ids=REFUSED)
def test_ambiguous_json_is_refused(raw: bytes, rule: str) -> None:
    with pytest.raises(MalformedError, match=rule) as refused:
        parse_json(raw)
    assert refused.value.field == "json"


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")], ids=["[", "{"])
def test_the_deepest_nesting_is_read(opening: bytes, closing: bytes) -> None:
    inner = b"[]" if opening == b"[" else b"{}"
    parse_json(opening * (MAX_DEPTH - 1) + inner + closing * (MAX_DEPTH - 1))
    with pytest.raises(MalformedError, match="deeper"):
        parse_json(opening * MAX_DEPTH + inner + closing * MAX_DEPTH)


def test_the_member_named_twice_is_said() -> None:
    with pytest.raises(MalformedError) as refused:
        parse_json(b'{"a":1,"b":1,"c":1,"b":2}')
    assert refused.value.value == "b"


def test_a_name_twice_among_many_is_found_at_once() -> None:
    members = b",".join(b'"%d":0' % number for number in range(200_000))
    with pytest.raises(MalformedError, match="twice"):
        parse_json(b"{" + members + b',"199999":0}')


def test_attacks_on_the_parser_are_refused(
    conformance_data: Path, conformance_tally: Callable[[int, int], None]
) -> None:
    attacks = sorted((conformance_data / "epcis/authored/semantic").glob("raw-*.json.txt"))
    assert attacks
    for attack in attacks:
        with pytest.raises(MalformedError):
            parse_json(attack.read_bytes())
    conformance_tally(len(attacks), 0)


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 200_000,
        b"[" * 200_000 + b"]" * 200_000,
        b'{"a":' * 200_000,
        b"]" * 200_000 + b"[" * 200_000,
        rb'["\\",' * 100_000,
        rb'["\"",' * 100_000,
        rb'["\\\"]",' * 100_000,
        b"[" * 200_000 + rb"\"" + b"]" * 200_000,
    ],
    ids=range(8),
)
def test_no_depth_crashes_the_process_whatever_the_recursion_limit(raw: bytes) -> None:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000_000)
    try:
        with pytest.raises(MalformedError):
            parse_json(raw)
    finally:
        sys.setrecursionlimit(before)


def test_brackets_in_texts_do_not_nest() -> None:
    for text in (rb"\"[", rb"\\\"[", rb"[\\", rb"\\\\[{", rb"\u005b["):
        parse_json(b"[" + b",".join([b'"' + text + b'"'] * 100) + b"]")


def test_the_fast_reader_knows_how_orjson_writes_an_exponent() -> None:
    """Its search for long numbers rests on that spelling."""
    with pytest.raises(MalformedError, match="2\\^53"):
        parse_json(b"[1e16]")
