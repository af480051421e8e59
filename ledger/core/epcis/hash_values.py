"""Values as the event hash writes them (docs/spec/event-hash.md, rules 5 to 10)."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from ledger.core.digital_links import ORIGIN
from ledger.core.epcis.hash_order import As
from ledger.core.epcis.namespaces import Namespaces
from ledger.core.epcis.vocabulary import (
    BIZ_STEP,
    BIZ_TRANSACTION,
    DISPOSITION,
    ERROR_REASON,
    SOURCE_DESTINATION,
    Words,
)
from ledger.core.errors import MalformedError
from ledger.core.gs1_keys import find_path_of_link
from ledger.core.identifiers import canonical_path
from ledger.core.strict_json import JsonValue

_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
# Extensions have no types: only what can be nothing but a decimal is one. A lot `007` is no 7.
_DECIMAL = re.compile(r"-?(?:0|[1-9]\d*)\.\d+", re.ASCII)
# Attack: an exponent whose digits fill the memory. A double has at most 309 before the point.
_MAX_EXPONENT: Final = 400
_LINK = re.compile(r"https?://[^/?#]+(/[^?#]*)", re.IGNORECASE | re.ASCII)
_CBV_URN = "urn:epcglobal:cbv:"
_CBV_WORDS: Final = (BIZ_STEP, DISPOSITION, BIZ_TRANSACTION, SOURCE_DESTINATION, ERROR_REASON)
_PLACES_OF_A_MILLISECOND = 3


def written(value: JsonValue, kind: As, words: Words | None, names: Namespaces) -> str:
    """Return a plain value of EPCIS; a value of another shape than its kind is taken as text."""
    text = _text(value)
    if kind is As.TIME:
        return _time(text)
    if kind is As.NUMBER:
        return _number(text)
    if words is not None:
        return _word(text, words, names)
    return _uri(text, names)


def written_extension(value: JsonValue, names: Namespaces) -> str:
    """Return a plain value of an extension, whose type nobody knows."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number(_text(value))
    text = _text(value)
    return _without_zeros(text) if _DECIMAL.fullmatch(text) else _uri(text, names)


def _text(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).strip()


def _time(text: str) -> str:
    """Return UTC with milliseconds, the third decimal rounded half up, whatever that carries to."""
    match = _TIME.fullmatch(text)
    if match is None:
        return text
    day, time, fraction, zone = match.groups()
    digits = (fraction or "").ljust(_PLACES_OF_A_MILLISECOND + 1, "0")
    milliseconds = int(digits[:_PLACES_OF_A_MILLISECOND])
    milliseconds += digits[_PLACES_OF_A_MILLISECOND] >= "5"
    try:
        instant = datetime.fromisoformat(f"{day}T{time}{'+00:00' if zone in 'Zz' else zone}")
        utc = (instant + timedelta(milliseconds=milliseconds)).astimezone(UTC)
    except (ValueError, OverflowError):
        return text
    return utc.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _number(text: str) -> str:
    """Return a number without exponent, leading and trailing zeros."""
    if not _NUMBER.fullmatch(text):
        return text
    number = Decimal(text)
    if number and abs(number.adjusted()) > _MAX_EXPONENT:
        return text
    return _without_zeros(f"{number:f}")


def _without_zeros(text: str) -> str:
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", "-", ""} else text


def _word(text: str, words: Words, names: Namespaces) -> str:
    web = words.as_web(text)
    return web if web != text else _uri(text, names)


def _uri(text: str, names: Namespaces) -> str:
    """Write URIs in one way: no prefixes, CBV as Web URI, GS1 keys as canonical Digital Link."""
    if ":" not in text:
        return text
    if text.startswith(_CBV_URN):
        return _cbv_web_uri(text)
    text = names.expanded_uri(text)
    try:
        path = canonical_path(text)
    except MalformedError:
        path = _path_of_any_check_digit(text)
    return _link(path) if path.startswith("/") else text


def _cbv_web_uri(text: str) -> str:
    for words in _CBV_WORDS:
        if text.startswith(words.urn):
            return words.web + text[len(words.urn) :]
    return text


def _path_of_any_check_digit(text: str) -> str:
    """Return the path of a Digital Link that names nothing: a hash judges no check digit."""
    link = _LINK.match(text)
    return (link and find_path_of_link(link[1], verify_check_digit=False)) or ""


def _link(path: str) -> str:
    # Digital Link URI Syntax 1.2 table 7-1 leaves bare what the ledger's canonical path escapes.
    return ORIGIN + path.replace("%27", "'").replace("%3B", ";").replace("%3D", "=")
