"""Any spelling of an item to its canonical path: URN, link, element string, scan, NDC, digits."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ledger.core.barcodes.carried import Carried, Issuer
from ledger.core.barcodes.diagnosis import Diagnosed, Verdict, diagnose
from ledger.core.barcodes.ifa import is_pzn
from ledger.core.barcodes.links import find_link, link_error
from ledger.core.barcodes.ndc import Ndc, candidates_of_gtin, parse_ndc
from ledger.core.barcodes.refusal import BarcodeError
from ledger.core.barcodes.scans import Reading, read_scan
from ledger.core.digital_links import ORIGIN, find_urn_of_path
from ledger.core.errors import MalformedError
from ledger.core.gs1_keys import check_digit, percent_decoded
from ledger.core.identifiers import canonical_path, item_key
from ledger.core.prefix_lengths import PrefixLengths

# RFC 3986 and 3987: a scheme, the characters of an IRI but for blanks, whole escapes, one fragment.
_IRI_PART = (
    r"(?:(?!\s)[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=\u00a1-\ud7ff\ue000-\ufdcf\ufdf0-\uffef"
    r"\U00010000-\U000ffffd]|%[0-9A-Fa-f]{2})"
)
_IRI = re.compile(rf"[A-Za-z][A-Za-z0-9+.\-]*:{_IRI_PART}+(?:#{_IRI_PART}*)?")
_LINK_OR_EPC = re.compile(r"https?://|urn:epc:", re.IGNORECASE)
_PATH = re.compile(r"/[0-9]{2,4}/.+")
_SSCC_DIGITS = re.compile(r"[0-9]{18}")
_GTIN_LENGTHS: Final = frozenset({8, 12, 13, 14})
_GLN_DIGITS: Final = 13
_FREE_TEXT_KEY = re.compile(r"401|8004|8010")
# As few digits as a company prefix of an EPC has (TDS 1.13 section 6).
_FREE_TEXT_KEY_WITH_PREFIX = re.compile(r"(?:401|8004|8010)[0-9]{6}")
_HYPHENATED = re.compile(r"[0-9]+(?:-[0-9]+)+")
_CLASS_TAILS: Final = {"8003": 14, "253": 13, "255": 13}
# AI of the path, AI of its tail -> kind
_KINDS: Final = {
    ("01", ""): "gtin", ("01", "21"): "sgtin", ("01", "10"): "lgtin", ("01", "235"): "upui",
    ("00", ""): "sscc", ("414", ""): "sgln", ("414", "254"): "sgln", ("417", ""): "pgln",
    ("8003", ""): "grai", ("8004", ""): "giai", ("8018", ""): "gsrn", ("8017", ""): "gsrnp",
    ("253", ""): "gdti", ("255", ""): "sgcn", ("8010", "8011"): "cpi", ("8010", ""): "cpi_class",
    ("8006", "21"): "itip", ("8006", ""): "itip_class", ("402", ""): "gsin", ("401", ""): "ginc",
}  # fmt: skip
_PZN_START: Final = "04150"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedItem:
    """What a text names."""

    path: str
    kind: str
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self, text: str) -> dict[str, Any]:
        """Return it for programs, with the text that it came as."""
        return {
            "input": text,
            "item": self.path,
            "item_key": item_key(self.path).hex(),
            "kind": self.kind,
            "attributes": dict(self.attributes),
        }


def name_item(text: str, lengths: PrefixLengths) -> NamedItem:
    """Return the item or class that a text names.

    Args:
        text: any spelling.
        lengths: company prefixes that other URNs have shown.

    Raises:
        BarcodeError: nothing, or several things, or a spelling against its rules.
    """
    ndcs = parse_ndc(text)
    if ndcs:
        return _of_ndc(text, ndcs, lengths)
    if _PATH.fullmatch(text):
        return _of_uri(ORIGIN + text, "path", lengths)
    if _LINK_OR_EPC.match(text):
        spelling = "epc_urn" if text[:3].lower() == "urn" else "digital_link"
        return _of_uri(text, spelling, lengths)
    if _IRI.fullmatch(text):
        return NamedItem(path=_path_of(text), kind="uri")
    if text.isascii() and text.isdigit():
        sscc = _of_sscc_digits(text, lengths)
        if sscc is not None:
            return sscc
    return _of_scan(text, diagnose(text), lengths)


def kind_of(path: str) -> str:
    """Return the kind of a canonical path: sgtin, lgtin, gtin, sscc, …, hibc_lot, …, uri."""
    if not path.startswith("/"):
        issuer, _, rest = path.partition(":")
        if issuer not in set(Issuer):
            return "uri"
        _, _, tail = rest.partition("/")
        return {"serial": issuer, "lot": f"{issuer}_lot"}.get(tail.split("/")[0], f"{issuer}_class")
    ai, value, *tail_parts = path[1:].split("/")
    kind = _KINDS[ai, tail_parts[0] if tail_parts else ""]
    is_class = len(percent_decoded(value) or "") == _CLASS_TAILS.get(ai)
    return f"{kind}_class" if is_class else kind


def _path_of(text: str) -> str:
    try:
        # The ledger takes some keys with a wrong check digit as they are; nobody asks for one.
        find_link(text)
        return canonical_path(text)
    except MalformedError as error:
        raise link_error(error) from None


def _named(path: str, spelling: str, lengths: PrefixLengths, **more: object) -> NamedItem:
    attributes: dict[str, Any] = {"spelling": spelling}
    if path.startswith("/"):
        attributes["digital_link"] = ORIGIN + path
        urn = find_urn_of_path(path, lengths)
        if urn is not None:
            attributes["urn"] = urn
    attributes |= {name: value for name, value in more.items() if value}
    if path.startswith("/01/"):
        attributes |= _national(path.split("/")[2])
    return NamedItem(path=path, kind=kind_of(path), attributes=attributes)


def _national(gtin: str) -> dict[str, Any]:
    """Return the national numbers that a GTIN holds."""
    found: dict[str, Any] = {}
    ndcs = candidates_of_gtin(gtin)
    if ndcs:
        found["ndc"] = _ndc_attribute(ndcs)
    pzn = gtin.removeprefix(_PZN_START)[:-1]
    if gtin.startswith(_PZN_START) and is_pzn(pzn):
        found["pzn"] = pzn
    return found


def _ndc_attribute(ndcs: list[Ndc]) -> dict[str, Any]:
    return {
        "digits": ndcs[0].digits,
        "certain": len(ndcs) == 1,
        "candidates": [{"ndc": one.hyphenated, "billing": one.billing} for one in ndcs],
    }


def _of_ndc(text: str, ndcs: list[Ndc], lengths: PrefixLengths) -> NamedItem:
    gtins = {one.gtin for one in ndcs}
    if len(gtins) > 1:
        ways = ", ".join(f"{one.hyphenated} (GTIN {one.gtin})" for one in ndcs)
        rule = f"this billing form is of several codes: {ways}"
        raise BarcodeError("AMBIGUOUS_NDC", rule, text, "NDC")
    named = _named(f"/01/{gtins.pop()}", "ndc", lengths, gtin=ndcs[0].gtin)
    attributes = {**named.attributes, "ndc": _ndc_attribute(ndcs)}
    return NamedItem(path=named.path, kind=named.kind, attributes=attributes)


def _of_uri(text: str, spelling: str, lengths: PrefixLengths) -> NamedItem:
    path = _path_of(text)
    if not path.startswith("/"):
        if not _IRI.fullmatch(text):
            raise _no_uri(text)
        return NamedItem(path=path, kind="uri")
    link = find_link(text)
    if link is None:
        return _named(path, spelling, lengths, **_instance(read_scan(text).carried))
    beside = {ai: value for ai, value in link.elements.items() if ai not in path.split("/")[1::2]}
    instance = {
        name: link.elements[ai]
        for name, ai in (("gtin", "01"), ("serial", "21"), ("lot", "10"), ("cpv", "22"))
        if ai in link.elements
    }
    return _named(path, spelling, lengths, **instance, beside=beside, query=link.query)


def _instance(carried: Carried) -> dict[str, Any]:
    gtin = carried.elements.get("01") if carried.issuer is Issuer.GS1 else None
    return {
        "gtin": gtin,
        "di": None if carried.issuer is Issuer.GS1 else carried.di,
        "serial": carried.serial,
        "lot": carried.lot,
        "expiry": carried.expiry,
        "manufactured": carried.manufactured,
        **carried.more,
    }


def _of_sscc_digits(text: str, lengths: PrefixLengths) -> NamedItem | None:
    """Read 18 bare digits; a GSRN has as many, so it is named beside."""
    if _SSCC_DIGITS.fullmatch(text):
        if check_digit(text[:-1]) != text[-1]:
            rule = "check digit must be right"
            raise BarcodeError("INVALID_CHECK_DIGIT", rule, text, "SSCC")
        others = [f"/8018/{text}", f"/8017/{text}"]
        return _named(f"/00/{text}", "digits", lengths, ambiguous_with=others)
    if len(text) == 17 and check_digit(text[:-1]) == text[-1]:  # noqa: PLR2004 -- one less
        rule = "with a zero before it, it is an SSCC whose check digit is right"
        raise BarcodeError("LEADING_ZERO_STRIPPED", rule, text, "SSCC")
    if len(text) in _GTIN_LENGTHS and check_digit(text[:-1]) != text[-1]:
        rule = "has the length of a GTIN, whose check digit must be right"
        raise BarcodeError("INVALID_CHECK_DIGIT", rule, text, "GTIN")
    return None


def _of_scan(text: str, found: Diagnosed, lengths: PrefixLengths) -> NamedItem:
    if found.reading is None:
        return _of_refused(text, found)
    reading = found.reading
    if reading.spelling == "element_string" and not reading.symbology and _is_chance(text):
        rule = "begins as an element string by chance only; if it is one, write its AI in brackets"
        raise BarcodeError("UNKNOWN_CARRIER", rule, text, "item")
    path = reading.carried.path
    if path is None:
        rule = "names no item: " + ", ".join(f"({ai})" for ai in reading.carried.elements)
        raise BarcodeError("NO_ITEM", rule, text)
    return _named(path, reading.spelling, lengths, **_of_reading(text, reading, found))


def _of_reading(text: str, reading: Reading, found: Diagnosed) -> dict[str, Any]:
    suspect = found.verdict is Verdict.SUSPECT
    glns = [f"/414/{text}", f"/417/{text}"]
    return {
        **_instance(reading.carried),
        "issuer": reading.carried.issuer.value,
        "symbology": reading.symbology,
        "elements": dict(reading.carried.elements),
        "ambiguous_with": glns if text.isdigit() and len(text) == _GLN_DIGITS else None,
        "suspicions": [one.as_json() for one in found.diagnosis] if suspect else None,
    }


def _is_chance(text: str) -> bool:
    """Tell a number that happens to begin as a key of free text does: no check digit speaks for it.

    Such keys begin with a company prefix, and a number with hyphens is a catalogue's or an NDC.
    """
    return bool(_FREE_TEXT_KEY.match(text)) and not (
        _FREE_TEXT_KEY_WITH_PREFIX.match(text) and not _HYPHENATED.fullmatch(text)
    )


def _no_uri(text: str) -> BarcodeError:
    rule = "is no spelling of an item, and no URI: that has a scheme, and no blanks or brackets <>"
    return BarcodeError("INVALID_URI", rule, text, "item")


def _of_refused(text: str, found: Diagnosed) -> NamedItem:
    """Raise why, by the explanation where there is one."""
    *explained, broken = found.diagnosis
    if broken.code in {"UNKNOWN_CARRIER", "NO_GS1_KEY"} and not explained:
        raise _no_uri(text)
    first = broken
    if explained and broken.code not in {"INVALID_CHECK_DIGIT", "INVALID_DATE"}:
        first = explained[0]
    rule = first.message if first is broken else f"{first.message} ({broken.message})"
    if first.suggestion is not None:
        rule += f"; perhaps {first.suggestion['text']!r} was meant"
    raise BarcodeError(first.code, rule)
