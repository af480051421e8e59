"""HIBC supplier labelling (ANSI/HIBC 2.6): primary, secondary and concatenated symbols."""

import re
from collections.abc import Mapping
from typing import Final

from ledger.core.barcodes.calendar_dates import iso_date, iso_full_date, iso_ordinal
from ledger.core.barcodes.carried import Carried, Issuer, path_of
from ledger.core.barcodes.refusal import BarcodeError

_FIELD: Final = "HIBC"
# Section 2.1.5: place of a character = its value modulo 43.
_SET_43: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%"
_ALLOWED = re.compile(r"[0-9A-Z\-. $/+%]+")
# Labeller code, product or catalogue number of 1 to 18, unit of measure.
_PRIMARY = re.compile(r"([A-Z][0-9A-Z]{3})([0-9A-Z]{1,18})([0-9])")
_TEXT = r"[0-9A-Z\-. $+%]{0,18}"
_QUANTITY = r"(?:8(?P<q2>[0-9]{2})|9(?P<q5>[0-9]{5}))?"
_DATE = (
    r"(?:2(?P<mdy>[0-9]{6})|3(?P<ymd>[0-9]{6})|4(?P<ymdh>[0-9]{8})|5(?P<yj>[0-9]{5})"
    r"|6(?P<yjh>[0-9]{7})|(?P<none>7)|(?P<my>[01][0-9]{3}))?"
)
# Table 2 of the standard; `+` makes the text a serial instead of a lot.
_DATED = re.compile(rf"\$\$(?P<plus>\+?){_QUANTITY}{_DATE}(?P<text>{_TEXT})")
_UNDATED = re.compile(rf"\$(?P<plus>\+?)(?!\$)(?P<text>{_TEXT})")
_JULIAN = re.compile(rf"(?P<yj>[0-9]{{5}})(?P<text>{_TEXT})")
# Supplemental data, each behind a slash.
_SUPPLEMENTS: Final = (
    ("manufactured", re.compile(r"16D([0-9]{8})")),
    ("expiry", re.compile(r"14D([0-9]{8})")),
    ("serial", re.compile(rf"S({_TEXT})")),
    ("quantity", re.compile(r"Q([0-9]{1,5})")),
    ("lot", re.compile(rf"B({_TEXT})")),
)


def check_character(text: str) -> str:
    """Return the modulo 43 check character of `+…`."""
    return _SET_43[sum(_SET_43.index(one) for one in text) % len(_SET_43)]


def parse_hibc(text: str) -> Carried:
    """Read `+primaryC`, `+primary/secondaryC` or `+secondaryLC`.

    The asterisks that people see around it are start and stop of Code 39, and no data.

    Raises:
        BarcodeError: a wrong check character, or data against the standard.
    """
    if text.startswith("*") and text.endswith("*"):
        text = text[1:-1]
    if not text.startswith("+") or not _ALLOWED.fullmatch(text):
        rule = "must be + and characters of the 43-character set"
        raise BarcodeError("INVALID_CHARACTER", rule, text, _FIELD)
    data, check = text[:-1], text[-1]
    if len(data) < 2 or check_character(data) != check:  # noqa: PLR2004 -- + and one more
        rule = "modulo 43 check character must be right"
        raise BarcodeError("INVALID_CHECK_DIGIT", rule, text, _FIELD)
    body = data[1:]
    if body[0].isalpha():
        first, *rest = body.split("/")
        return _carried(_primary(first), rest)
    # A secondary symbol ends in its link: the check character of the primary it belongs to.
    first, *rest = body[:-1].split("/")
    return _carried({"link": body[-1]}, [first, *rest])


def format_hibc(di: str, *secondary: str) -> str:
    """Return the symbol text of a DI and its secondary and supplemental data.

    Raises:
        BarcodeError: as parse_hibc.
    """
    data = "+" + "/".join((di, *secondary))
    if not _ALLOWED.fullmatch(data):
        rule = "must be characters of the 43-character set"
        raise BarcodeError("INVALID_CHARACTER", rule, data, _FIELD)
    text = data + check_character(data)
    parse_hibc(text)
    return text


def _primary(text: str) -> dict[str, str]:
    parts = _PRIMARY.fullmatch(text)
    if parts is None:
        rule = "must begin with labeller code, product code of 1 to 18 and unit of measure"
        raise BarcodeError("INVALID_PRIMARY", rule, text, _FIELD)
    labeller, product, unit = parts.groups()
    return {"di": text, "labeller": labeller, "product": product, "unit": unit}


def _carried(elements: dict[str, str], rest: list[str]) -> Carried:
    for place, piece in enumerate(rest):
        found = _secondary(piece) if place == 0 else None
        found = _supplement(piece) if found is None else found
        for name, value in found.items():
            if name in elements:
                raise BarcodeError("DUPLICATE_FIELD", f"must have one {name}", piece, _FIELD)
            elements[name] = value
    di = elements.get("di")
    serial, lot = elements.get("serial"), elements.get("lot")
    path = path_of(Issuer.HIBC, di, serial=serial or "", lot=lot or "") if di else None
    return Carried(
        issuer=Issuer.HIBC,
        elements=elements,
        di=di,
        serial=serial,
        lot=lot,
        expiry=elements.get("expiry"),
        manufactured=elements.get("manufactured"),
        path=path,
    )


def _secondary(piece: str) -> dict[str, str] | None:
    for pattern in (_DATED, _UNDATED, _JULIAN):
        parts = pattern.fullmatch(piece)
        if parts is not None and _says_date(parts):
            return _named({name: value for name, value in parts.groupdict().items() if value})
    if piece.startswith("$"):
        raise BarcodeError("INVALID_SECONDARY", "must fit table 2 of the standard", piece, _FIELD)
    return None


def _says_date(parts: re.Match[str]) -> bool:
    """`$$` announces a date or its absence (7); only a quantity may stand alone."""
    if parts.re is not _DATED or not parts["text"]:
        return True
    return any(parts[name] for name in ("mdy", "ymd", "ymdh", "yj", "yjh", "none", "my"))


def _named(parts: Mapping[str, str]) -> dict[str, str]:
    elements = {}
    if parts.get("text"):
        elements["serial" if "plus" in parts else "lot"] = parts["text"]
    expiry = _expiry(parts)
    if expiry:
        elements["expiry"] = expiry
    quantity = parts.get("q2") or parts.get("q5")
    if quantity:
        elements["quantity"] = str(int(quantity))
    return elements


def _expiry(parts: Mapping[str, str]) -> str | None:
    if "my" in parts:
        return iso_date(parts["my"][2:] + parts["my"][:2], _FIELD)
    if "mdy" in parts:
        return iso_date(parts["mdy"][4:] + parts["mdy"][:4], _FIELD)
    if "ymd" in parts or "ymdh" in parts:
        return iso_date(parts.get("ymd") or parts["ymdh"], _FIELD)
    if "yj" in parts or "yjh" in parts:
        return iso_ordinal(parts.get("yj") or parts["yjh"], _FIELD)
    return None


def _supplement(piece: str) -> dict[str, str]:
    for name, pattern in _SUPPLEMENTS:
        parts = pattern.fullmatch(piece)
        if parts is not None and parts[1]:
            dated = name in {"manufactured", "expiry"}
            return {name: iso_full_date(parts[1], _FIELD) if dated else parts[1]}
    rule = "must be secondary or supplemental data of the standard"
    raise BarcodeError("INVALID_SECONDARY", rule, piece, _FIELD)
