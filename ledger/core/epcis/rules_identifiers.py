"""What is wrong with an identifier: check digits, lengths, characters, the level that it names.

The ledger's own reading (ledger.core.identifiers) decides whether an identifier has a canonical
path; here its refusal gets a code and a sentence that helps. A wrong check digit of a key that
names neither product, logistic unit nor party is a flag, so that foreign data can be kept, although
such a key names no item of the ledger.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from ledger.core.epcis.finding import Severity
from ledger.core.errors import MalformedError
from ledger.core.gs1_keys import CheckDigitError, check_digit, find_path_of_link
from ledger.core.identifiers import canonical_path

CHECK_DIGIT_CODES: Final = {
    "01": "INVALID_GTIN_CHECK_DIGIT",
    "00": "INVALID_SSCC_CHECK_DIGIT",
    "414": "INVALID_GLN_CHECK_DIGIT",
    "417": "INVALID_GLN_CHECK_DIGIT",
}
_NAMES: Final = {
    "00": "SSCC", "01": "GTIN", "253": "GDTI", "255": "SGCN", "402": "GSIN", "414": "GLN",
    "417": "GLN", "8003": "GRAI", "8006": "ITIP", "8017": "GSRN", "8018": "GSRN",
}  # fmt: skip
# Digits of a key without a serial; what is longer carries one.
_CLASS_LENGTHS: Final = {"253": 13, "255": 13, "8003": 14}
_SERIALISED_BY: Final = {"01": ("21", "235"), "8006": ("21",), "8010": ("8011",)}
_CLASS_KEYS: Final = frozenset([*_CLASS_LENGTHS, *_SERIALISED_BY])
_GTIN_LENGTHS: Final = (8, 12, 13, 14)
_RIGHT_LENGTH: Final = {"01": 14, "00": 18, "414": 13, "417": 13}
_MANY_DIGITS: Final = 7

_LINK = re.compile(r"https?://[^/?#]+([^?#]*)", re.IGNORECASE | re.ASCII)
_EPC = re.compile(r"urn:epc:([a-z]+):([a-z]*)", re.IGNORECASE)
# TDS section 6.3: schemes beside the GS1 keys that have a canonical path.
_OTHER_SCHEMES: Final = frozenset(["adi", "bic", "gid", "imovn", "usdod"])
_PURE_FORMS: Final = frozenset(["id", "class", "idpat"])
_KEY_IN_LINK = re.compile(
    r"/(01|gtin|00|sscc|414|gln|417|party)/([0-9]+)(?:/(21|ser|10|lot|235|254|glnx)/([^/]*))?(?=/|$)"
)
_AI_OF: Final = {"gtin": "01", "sscc": "00", "gln": "414", "party": "417"}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of an identifier, wherever it stands."""

    code: str
    message: str
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What an identifier is, and what is wrong with it."""

    path: str | None
    fault: Fault | None
    is_class: bool | None
    """None for what is no GS1 key."""


# Documents repeat the same places, classes and parties; serials pass through.
@lru_cache(maxsize=8192)
def look_up(identifier: str) -> Known:
    """Return all that the rules ask about an identifier."""
    try:
        path = canonical_path(identifier)
    except MalformedError as error:
        return Known(None, _refused(identifier, error), None)
    if path.startswith("uri:"):
        return Known(path, _foreign(identifier), None)
    return Known(path, _short_gtin(identifier, path), is_class(path))


def find_fault(identifier: str) -> Fault | None:
    """Return what is wrong with an identifier, None for a right one and for any other URI."""
    return look_up(identifier).fault


def find_path(identifier: str) -> str | None:
    """Return the canonical path, None for an identifier that has none."""
    return look_up(identifier).path


def _short_gtin(identifier: str, path: str) -> Fault | None:
    if not path.startswith("/01/") or identifier[:4].lower() == "urn:":
        return None
    key = _key_in_link(identifier)
    if key is None or key[0] != "01" or len(key[1]) == _RIGHT_LENGTH["01"]:
        return None
    digits = key[1]
    message = f"A GTIN in a link has 14 digits, here are {len(digits)}: {digits.zfill(14)}?"
    return Fault("LEADING_ZERO_STRIPPED", message)


def is_class(path: str) -> bool:
    """Tell whether a path of a GS1 key names a class, such as a GTIN or a lot, not one thing."""
    _, ai, value, *rest = path.split("/")
    if ai in _CLASS_LENGTHS:
        return len(value) <= _CLASS_LENGTHS[ai]
    return ai in _SERIALISED_BY and not (rest and rest[0] in _SERIALISED_BY[ai])


def may_be_class(path: str) -> bool:
    """Tell whether the key of a path exists as class and as instance."""
    return path.split("/", 2)[1] in _CLASS_KEYS


def _refused(identifier: str, error: MalformedError) -> Fault:
    if error.rule == "check digit must be right":
        return _wrong_check_digit(identifier, str(error.value))
    if error.rule.startswith("a link of"):
        fault = _broken_link(identifier)
        return fault or Fault(
            "INVALID_IDENTIFIER", "A link of id.gs1.org must be /{AI}/{value} of a GS1 key."
        )
    if " must end in " in error.rule and not error.rule.endswith(".*"):
        message = "Serial or lot is too long, empty, or has a character outside of the GS1 set"
        return Fault("INVALID_SERIAL", f"{message}: {error.value}.")
    what = "An EPC URN" if _EPC.match(identifier) else "An identifier"
    return Fault("INVALID_IDENTIFIER", f"{what}: {error.rule}.")


def _wrong_check_digit(identifier: str, value: str) -> Fault:
    link = _LINK.match(identifier)
    path = find_path_of_link(link[1], verify_check_digit=False) if link else None
    ai = path.split("/")[1] if path else ""
    key = _key_in_link(identifier)
    if ai == "01" and key and len(key[1]) < _RIGHT_LENGTH["01"] and not _is_of_gs1(identifier):
        # /2024/01/20240501 of an order system is no GTIN-8.
        message = f"This link looks like a GTIN, but {key[1]} is none."
        return Fault("SUSPECT_DIGITAL_LINK", message)
    if ai in CHECK_DIGIT_CODES:
        right = value[:-1] + check_digit(value[:-1])
        if ai == "01":
            right = right.zfill(14)
        message = f"The check digit of {_NAMES[ai]} {value} is wrong; {right} would be right."
        return Fault(CHECK_DIGIT_CODES[ai], message)
    return Fault("INVALID_CHECK_DIGIT", f"The check digit of {_NAMES.get(ai, 'key')} is wrong.")


def _foreign(identifier: str) -> Fault | None:
    """Look at a URI that is no GS1 key: is it meant to be one?"""
    epc = _EPC.match(identifier)
    if epc is not None:
        form, scheme = epc[1].lower(), epc[2].lower()
        if form in _PURE_FORMS and scheme in _OTHER_SCHEMES:
            return None
        return Fault(
            "UNKNOWN_EPC_SCHEME", f"urn:epc:{form}:{scheme} is no pure identity that is known."
        )
    link = _LINK.match(identifier)
    if link is not None:
        try:
            find_path_of_link(link[1])
        except CheckDigitError as error:
            return _wrong_check_digit(identifier, str(error.value))
    return _broken_link(identifier)


def _key_in_link(identifier: str) -> tuple[str, str, str, str] | None:
    """Return (AI, digits, AI of the tail, tail) of what looks like a key in a link."""
    link = _LINK.match(identifier)
    key = _KEY_IN_LINK.search(link[1]) if link else None
    if key is None:
        return None
    return _AI_OF.get(key[1], key[1]), key[2], key[3] or "", key[4] or ""


def _is_of_gs1(identifier: str) -> bool:
    return identifier.lower().startswith(("https://id.gs1.org/", "http://id.gs1.org/"))


def _broken_link(identifier: str) -> Fault | None:
    key = _key_in_link(identifier)
    if key is None:
        return None
    ai, digits, _tail_ai, tail = key
    right = _RIGHT_LENGTH[ai]
    name = _NAMES[ai]
    fits = len(digits) in _GTIN_LENGTHS if ai == "01" else len(digits) == right
    if fits and check_digit(digits[:-1]) == digits[-1]:
        return Fault(
            "INVALID_SERIAL",
            f"What follows the {name} is too long, empty, or outside of the GS1 character set:"
            f" {tail or identifier}.",
        )
    if len(digits) == right - 1 and check_digit(digits[:-1]) == digits[-1]:
        return Fault(
            "LEADING_ZERO_STRIPPED",
            f"{name} {digits} has {right - 1} digits of {right}: 0{digits}?",
            Severity.ERROR,
        )
    if _is_of_gs1(identifier):
        return Fault("INVALID_IDENTIFIER", f"{name} has {right} digits, here are {len(digits)}.")
    if len(digits) >= _MANY_DIGITS:
        return Fault(
            "SUSPECT_DIGITAL_LINK", f"This link looks like a {name}, but {digits} is none."
        )
    return None


# Check digits of many keys at once: the digits of one position of all keys are one long number in
# base 256, so eighteen additions add up the weights of thousands. 18 positions times 9 stay below
# 256: no carry from one key into the next.
_ONCE: Final = bytes.maketrans(b"0123456789", bytes(range(10)))
_THRICE: Final = bytes.maketrans(b"0123456789", bytes(3 * digit % 10 for digit in range(10)))
_TENS: Final = bytes(range(0, 256, 10))


def are_check_digits_right(keys: list[str], length: int) -> bool:
    """Tell whether all these keys of `length` ASCII digits end in their check digit."""
    digits = "".join(keys).encode("ascii")
    total = 0
    for position in range(length):
        weights = _ONCE if (length - 1 - position) % 2 == 0 else _THRICE
        total += int.from_bytes(digits[position::length].translate(weights), "big")
    return not total.to_bytes(len(keys), "big").translate(None, _TENS)
