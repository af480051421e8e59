"""The GS1 keys that name items and parties: one table, two spellings, one path.

Reads EPC URNs (GS1 TDS 1.13 section 6) and GS1 Digital Links (URI Syntax 1.4) into the canonical
paths of docs/spec/identifiers.md. Every form of both spellings follows from ROWS.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from ledger.core.errors import MalformedError

_FIELD = "identifier"
# GS1 General Specifications figures 7.11-1 and 7.11-2.
_SET_82 = r"""[!"%&'()*+,\-./0-9:;<=>?A-Z_a-z]"""
_SET_39 = r"[#\-/0-9A-Z]"


class CheckDigitError(MalformedError):
    """A Digital Link has the shape of a key, and a wrong check digit."""

    def __init__(self, ai: str, value: str) -> None:
        """Name the key by its application identifier."""
        super().__init__(_FIELD, "check digit must be right", value)
        self.ai = ai


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """One kind of key: `/ai/value` or `/ai/value/tail_ai/tail` and the URN that spells it."""

    urn: str
    ai: str
    digits: int = 0
    """Digits of company prefix and companion together, before the check digit; 0: joined text."""
    joined: str = ""
    """Pattern of company prefix and reference joined, for keys without a fixed length."""
    indicator: bool = False
    """The companion's first digit stands before the company prefix."""
    filler: str = ""
    pieces: bool = False
    """Two digits for the piece and two for the total follow the check digit."""
    tail_ai: str = ""
    """Qualifier of the serial or lot; empty: it stands directly behind the value."""
    tail: str = ""
    """Pattern of the serial or lot; empty: the key has none."""
    idpat: bool = False
    """The key without its tail is a class: `urn:epc:idpat:` and a `*` for the tail."""

    @property
    def link_value(self) -> str:
        """Pattern of the value in a Digital Link."""
        if self.joined:
            return self.joined
        if self.ai == "01":
            return "[0-9]{8}|[0-9]{12,14}"
        serial = f"(?:{self.tail})?" if self.tail and not self.tail_ai else ""
        return f"{self.filler}[0-9]{{{self.digits + 1}}}{'[0-9]{4}' * self.pieces}{serial}"

    @property
    def urn_parts(self) -> str:
        """Pattern of what follows the key name; the tail takes the rest, dots included."""
        companion = r"([0-9]*)"
        if self.joined:
            companion = r"([^.]+)" if self.tail else r"(.+)"
        pieces = r"\.([0-9]{2})\.([0-9]{2})" if self.pieces else "()()"
        return rf"([0-9]{{6,12}})\.{companion}{pieces}" + (r"\.(.+)" if self.tail else "()")


ROWS: Final = (
    KeyRow(
        urn="id:sgtin", ai="01", digits=13, indicator=True,
        tail_ai="21", tail=_SET_82 + "{1,20}", idpat=True,
    ),
    KeyRow(
        urn="class:lgtin", ai="01", digits=13, indicator=True,
        tail_ai="10", tail=_SET_82 + "{1,20}",
    ),
    KeyRow(
        urn="id:upui", ai="01", digits=13, indicator=True,
        tail_ai="235", tail=_SET_82 + "{1,28}",
    ),
    KeyRow(urn="id:sscc", ai="00", digits=17, indicator=True),
    KeyRow(urn="id:sgln", ai="414", digits=12, tail_ai="254", tail=_SET_82 + "{1,20}"),
    KeyRow(urn="id:pgln", ai="417", digits=12),
    KeyRow(
        urn="id:grai", ai="8003", digits=12, filler="0",
        tail=_SET_82 + "{1,16}", idpat=True,
    ),
    KeyRow(urn="id:giai", ai="8004", joined=_SET_82 + "{1,30}"),
    KeyRow(urn="id:gsrn", ai="8018", digits=17),
    KeyRow(urn="id:gsrnp", ai="8017", digits=17),
    KeyRow(urn="id:gdti", ai="253", digits=12, tail=_SET_82 + "{1,17}", idpat=True),
    KeyRow(urn="id:sgcn", ai="255", digits=12, tail="[0-9]{1,12}", idpat=True),
    KeyRow(
        urn="id:cpi", ai="8010", joined=_SET_39 + "{1,30}",
        tail_ai="8011", tail="[0-9]{1,12}", idpat=True,
    ),
    KeyRow(
        urn="id:itip", ai="8006", digits=13, indicator=True, pieces=True,
        tail_ai="21", tail=_SET_82 + "{1,20}", idpat=True,
    ),
    KeyRow(urn="id:gsin", ai="402", digits=16),
    KeyRow(urn="id:ginc", ai="401", joined=_SET_82 + "{1,30}"),
)  # fmt: skip

URN_KEY_NAMES: Final = frozenset(row.urn.partition(":")[2] for row in ROWS)
_URN_ROWS: Final = {row.urn: row for row in ROWS}
_CLASS_ROWS: Final = {row.urn.replace("id:", "idpat:"): row for row in ROWS if row.idpat}
_URN_PARTS: Final = {row.urn: re.compile(row.urn_parts, re.DOTALL) for row in ROWS}
_JOINED: Final = {row.urn: re.compile(row.joined) for row in ROWS}
_TAIL: Final = {row.urn: re.compile(row.tail) for row in ROWS}

# The first row of an AI describes its value; 01 has three, which differ in their tails only.
LINK_ROWS: Final = {row.ai: row for row in reversed(ROWS)}
_LINK_VALUE: Final = {ai: re.compile(row.link_value) for ai, row in LINK_ROWS.items()}
_LINK_TAILS: Final = {
    ai: {row.tail_ai: _TAIL[row.urn] for row in ROWS if row.ai == ai and row.tail_ai}
    for ai in LINK_ROWS
}
_CPV, _LOT = "22", "10"
# Tails that a trade item may carry beside its identity (Digital Link URI Syntax 1.4).
_BESIDE: Final = {_CPV: re.compile(_SET_82 + "{1,20}"), _LOT: re.compile(_SET_82 + "{1,20}")}
_WITH_BESIDE: Final = frozenset({"01", "8006"})
_SHORT_NAMES: Final = {
    "gtin": "01", "ser": "21", "lot": "10", "cpv": "22", "sscc": "00", "gln": "414", "glnx": "254",
    "party": "417", "grai": "8003", "giai": "8004", "gsrn": "8018", "gsrnp": "8017", "gdti": "253",
    "gcn": "255", "cpid": "8010", "cpsn": "8011", "itip": "8006", "gsin": "402", "ginc": "401",
}  # fmt: skip
# Key, CPV, lot and serial: no tail has more segments, so a long path costs no more than a short.
_MAX_TAIL_SEGMENTS: Final = 8

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ESCAPE = re.compile(r"%(..)")
_RESERVED = re.compile(r"[^A-Za-z0-9\-._~]")


@lru_cache(maxsize=4096)
def check_digit(digits: str) -> str:
    """Return the GS1 check digit of `digits` (General Specifications section 7.9.1)."""
    raw = digits.encode("ascii")
    odd, even = raw[::-2], raw[-2::-2]
    weighted = 3 * (sum(odd) - 48 * len(odd)) + sum(even) - 48 * len(even)
    return str(-weighted % 10)


def path_of_urn(form: str, name: str, rest: str) -> str:
    """Return the path of `urn:epc:{form}:{name}:{rest}`, whose name is one of URN_KEY_NAMES.

    Raises:
        MalformedError: the URN does not fit the row of its key.
    """
    urn = f"{form}:{name}"
    is_class = urn in _CLASS_ROWS
    row = _CLASS_ROWS.get(urn) or _URN_ROWS.get(urn)
    if row is None:
        raise MalformedError(_FIELD, f"a {name} has no form urn:epc:{form}")
    parts = _URN_PARTS[row.urn].fullmatch(rest)
    if parts is None:
        raise MalformedError(_FIELD, f"must have the parts of {urn}", rest)
    prefix, companion, piece, total, tail = parts.groups()
    value = _urn_value(row, prefix, companion) + piece + total
    if is_class:
        if tail != "*":
            raise MalformedError(_FIELD, f"{urn} must end in .*", rest)
        return f"/{row.ai}/{value}"
    if not row.tail:
        return f"/{row.ai}/{value}"
    serial = percent_decoded(tail)
    if serial is None or not _TAIL[row.urn].fullmatch(serial):
        raise MalformedError(_FIELD, f"{urn} must end in {row.tail}", tail)
    return _path(row.ai, value, row.tail_ai, serial)


def _urn_value(row: KeyRow, prefix: str, companion: str) -> str:
    if row.joined:
        reference = percent_decoded(companion)
        if reference is None or not _JOINED[row.urn].fullmatch(prefix + reference):
            raise MalformedError(_FIELD, f"{row.urn} must be {row.joined}", companion)
        return prefix + percent_encoded(reference)
    if len(prefix) + len(companion) != row.digits:
        rule = f"company prefix and reference of {row.urn} must have {row.digits} digits"
        raise MalformedError(_FIELD, rule, f"{prefix}.{companion}")
    body = companion[0] + prefix + companion[1:] if row.indicator else prefix + companion
    return row.filler + body + check_digit(body)


def find_path_of_link(path: str, *, verify_check_digit: bool = True) -> str | None:
    """Return the canonical path that the path of a URI ends in, None if it has no such shape.

    Args:
        path: from the first `/` behind the domain up to query or fragment.
        verify_check_digit: False only where a spelling is wanted that names nothing.

    Raises:
        CheckDigitError: the shape is that of a key, the check digit is wrong.
    """
    tail = _find_tail(path)
    if tail is None:
        return None
    names, values, qualifier = tail
    return _link_path(LINK_ROWS[names[0]], values[0], qualifier, verify_check_digit)


def find_elements_of_link(path: str) -> dict[str, str] | None:
    """Return AI -> decoded value of the key that the path of a URI ends in and of all beside it."""
    tail = _find_tail(path)
    return None if tail is None else dict(zip(tail[0], tail[1], strict=True))


def _find_tail(path: str) -> tuple[list[str], list[str], tuple[str, str]] | None:
    segments = [percent_decoded(segment) for segment in path.split("/")[1:][-_MAX_TAIL_SEGMENTS:]]
    for start in range(len(segments) % 2, len(segments), 2):
        tail = segments[start:]
        if None in tail:
            continue
        names = [_SHORT_NAMES.get(name, name) for name in tail[::2] if name is not None]
        values = [value for value in tail[1::2] if value is not None]
        if names[0] in LINK_ROWS and _LINK_VALUE[names[0]].fullmatch(values[0]):
            qualifier = _identifying(names, values)
            if qualifier is not None:
                return names, values, qualifier
    return None


def _identifying(names: list[str], values: list[str]) -> tuple[str, str] | None:
    """Return the qualifier that is part of the identity, ("", "") for none, None for no shape."""
    ai, *rest = names
    tails = _LINK_TAILS[ai]
    patterns = {**_BESIDE, **tails} if ai in _WITH_BESIDE else tails
    qualifiers = dict(zip(rest, values[1:], strict=True))
    if len(qualifiers) != len(rest):
        return None
    for name, value in qualifiers.items():
        if name not in patterns or not patterns[name].fullmatch(value):
            return None
    qualifiers.pop(_CPV, None)
    if len(qualifiers) > 1:
        qualifiers.pop(_LOT, None)
    if not qualifiers:
        return "", ""
    name, value = qualifiers.popitem()
    return (name, value) if not qualifiers and name in tails else None


def _link_path(row: KeyRow, value: str, qualifier: tuple[str, str], verify: bool) -> str:
    if row.digits:
        if row.ai == "01":
            value = value.rjust(14, "0")
        last = len(row.filler) + row.digits
        if verify and check_digit(value[len(row.filler) : last]) != value[last]:
            raise CheckDigitError(row.ai, value)
    return _path(row.ai, percent_encoded(value), *qualifier)


def _path(ai: str, value: str, tail_ai: str, tail: str) -> str:
    # TDS section 6.3.3: the extension 0 says that there is none.
    if not tail or (tail_ai == "254" and tail == "0"):
        return f"/{ai}/{value}"
    between = f"/{tail_ai}/" if tail_ai else ""
    return f"/{ai}/{value}{between}{percent_encoded(tail)}"


def percent_decoded(text: str) -> str | None:
    """Percent-decode once, None for a broken escape; no byte from 80 on becomes a valid one."""
    if "%" not in text:
        return text
    if _BAD_ESCAPE.search(text):
        return None
    return _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), text)


def percent_encoded(value: str) -> str:
    """Percent-encode an ASCII value (RFC 3986 section 2.3)."""
    if value.isalnum():
        return value
    return _RESERVED.sub(lambda reserved: f"%{ord(reserved[0]):02X}", value)
