"""EPC patterns: `urn:epc:idpat:sgtin:4012345.*.*` as ranges of canonical paths.

A path does not say where the company prefix ends; a pattern with a wildcard for the reference
matches every path that begins as the company's do.
"""

import re
from dataclasses import dataclass
from typing import Final

from ledger.core.errors import MalformedError
from ledger.core.gs1_keys import ROWS, KeyRow, check_digit, percent_encoded

_PATTERN = re.compile(r"urn:epc:(?:idpat|class):([a-z]+):(.*)", re.IGNORECASE | re.ASCII)
_IDENTITY = re.compile(r"urn:epc:idpat:([a-z]+):(.*)", re.IGNORECASE | re.ASCII)
_ROWS: Final = {row.urn.partition(":")[2]: row for row in ROWS}
_LAST = chr(0x10FFFF)
_GTIN, _LOTS = "01", "10"
_LOT_CLASS = "lgtin"


@dataclass(frozen=True, slots=True)
class PathPattern:
    """Canonical paths between `low` and `high` of any range, which the expression matches.

    TDS 1.13 section 8.
    """

    ranges: tuple[tuple[str, str], ...]
    expression: str


def without_wildcard(text: str) -> str:
    """Return the identifier that a pattern without a wildcard names; any other text unchanged.

    TDS 1.13 section 8: a pattern may leave nothing open.
    """
    match = _IDENTITY.fullmatch(text)
    if match is None:
        return text
    form = "class" if match[1].lower() == _LOT_CLASS else "id"
    return f"urn:epc:{form}:{match[1]}:{match[2]}"


def find_pattern(text: str, *, classes: bool = False) -> PathPattern | None:
    """Return the pattern that a text spells, None when it has no wildcard.

    Args:
        text: an EPC pattern, or any URI.
        classes: classes are looked for, not instances: the last wildcard is part of their name.

    Raises:
        MalformedError: it has a wildcard and does not fit its key.
    """
    match = _PATTERN.fullmatch(text)
    if match is None:
        return None
    if match[1].lower() not in _ROWS:
        return None if classes else _find_foreign(text)
    row = _ROWS[match[1].lower()]
    parts = match[2].split(".", 1 + 2 * row.pieces + bool(row.tail))
    if "*" not in parts:
        return None
    fixed = parts[: parts.index("*")]
    rest = parts[len(fixed) :]
    if len(parts) != 2 + 2 * row.pieces + bool(row.tail) or set(rest) != {"*"}:
        raise MalformedError("pattern", f"must have the parts of {row.urn}, then * only", text)
    if fixed and not re.fullmatch("[0-9]{6,12}", fixed[0], re.ASCII):
        raise MalformedError("pattern", "must begin with a company prefix of 6 to 12 digits", text)
    return PathPattern(
        tuple((low, low + _LAST) for low in _beginnings(row, fixed, text)),
        _expression(row, classes=classes and row.tail_ai != _LOTS),
    )


def _find_foreign(text: str) -> PathPattern | None:
    """Return the pattern of a scheme that is no GS1 key (gid, usdod): its URIs begin so."""
    match = _IDENTITY.fullmatch(text)
    parts = match[2].split(".") if match else []
    if match is None or "*" not in parts:
        return None
    fixed = parts[: parts.index("*")]
    if set(parts[len(fixed) :]) != {"*"}:
        raise MalformedError("pattern", "must have its parts, then * only", text)
    low = f"uri:urn:epc:id:{match[1]}:" + "".join(f"{part}." for part in fixed)
    return PathPattern(((low, low + _LAST),), "")


def _beginnings(row: KeyRow, fixed: list[str], text: str) -> list[str]:
    """Return how the paths begin; an indicator stands before the prefix and may be any digit."""
    start = f"/{row.ai}/{row.filler}"
    if not fixed:
        return [start]
    prefix, *more = fixed
    if not more:
        return [f"{start}{digit}{prefix}" for digit in "0123456789" * row.indicator] or [
            start + prefix
        ]
    companion, *pieces = more
    if row.joined:
        between = f"/{row.tail_ai}/" if row.tail_ai else ""
        return [start + percent_encoded(prefix + companion) + between]
    if not re.fullmatch(f"[0-9]{{{row.digits}}}", prefix + companion, re.ASCII):
        rule = f"company prefix and reference of {row.urn} must have {row.digits} digits"
        raise MalformedError("pattern", rule, text)
    body = companion[0] + prefix + companion[1:] if row.indicator else prefix + companion
    return [start + body + check_digit(body) + "".join(pieces)]


def _expression(row: KeyRow, *, classes: bool) -> str:
    """Return what tells apart the keys that share an application identifier."""
    if row.ai != _GTIN:
        return ""
    return "^/01/[0-9]{14}$" if classes else f"^/01/[0-9]{{14}}/{row.tail_ai}/"
