"""IFA: the pharmacy product number (PPN) in ISO 15434 format 06 with MH10.8.2 data identifiers."""

import re
from typing import Final

from ledger.core.barcodes.calendar_dates import iso_date, iso_full_date
from ledger.core.barcodes.carried import Carried, Issuer, path_of
from ledger.core.barcodes.refusal import BarcodeError

RS, GS, EOT = "\x1e", "\x1d", "\x04"
HEADER: Final = f"[)>{RS}06{GS}"
TRAILER: Final = f"{RS}{EOT}"

_FIELD: Final = "IFA"
_PPN = re.compile(r"([0-9A-Z]{2})([0-9A-Z]{1,18})([0-9]{2})")
_GERMANY: Final = "11"
_PZN_DIGITS: Final = 8
_PPN_MODULUS, _PZN_MODULUS = 97, 11
_VALUE: Final = r"[!\"%&'()*+,\-./0-9:;<=>?A-Z_a-z]{1,20}"
# data identifier, name here, data; IFA coding system, table of data identifiers.
_FIELDS: Final = tuple(
    (identifier, name, re.compile(re.escape(identifier) + f"({pattern})"))
    for identifier, name, pattern in (
        ("9N", "ppn", "[0-9A-Z]{5,22}"),
        ("8P", "gtin", "[0-9]{14}"),
        ("1T", "lot", _VALUE),
        ("16D", "manufactured", "[0-9]{8}"),
        ("D", "expiry", "[0-9]{6}"),
        ("S", "serial", _VALUE),
    )
)


def ppn_check_digits(text: str) -> str:
    """Return the two check digits of a product number without them (IFA, modulo 97)."""
    weighted = sum(weight * ord(one) for weight, one in enumerate(text, start=2))
    return f"{weighted % _PPN_MODULUS:02d}"


def is_pzn(text: str) -> bool:
    """Ask whether the last of eight digits checks the others (IFA, modulo 11)."""
    if len(text) != _PZN_DIGITS or not text.isdigit():
        return False
    weighted = sum(weight * int(one) for weight, one in enumerate(text[:-1], start=1))
    return weighted % _PZN_MODULUS == int(text[-1])


def parse_ifa(text: str) -> Carried:
    """Read `[)>RS06GS9N…GS1T…GSD…GSS…RSEOT`.

    Raises:
        BarcodeError: no such message, or a wrong check digit.
    """
    if not (text.startswith(HEADER) and text.endswith(TRAILER)):
        rule = "must be a message of ISO 15434 format 06 from [)> to EOT"
        raise BarcodeError("INVALID_ENVELOPE", rule, text, _FIELD)
    elements: dict[str, str] = {}
    for piece in text[len(HEADER) : -len(TRAILER)].split(GS):
        name, value = _field_of(piece)
        if name in elements:
            raise BarcodeError("DUPLICATE_FIELD", f"must have one {name}", piece, _FIELD)
        elements[name] = value
    ppn = elements.get("ppn")
    if ppn is None:
        raise BarcodeError("NO_PRODUCT", "must hold a 9N", text, _FIELD)
    serial, lot = elements.get("serial"), elements.get("lot")
    return Carried(
        issuer=Issuer.IFA,
        elements=elements,
        di=ppn,
        serial=serial,
        lot=lot,
        expiry=elements.get("expiry"),
        manufactured=elements.get("manufactured"),
        path=path_of(Issuer.IFA, ppn, serial=serial or "", lot=lot or ""),
        more={"pzn": ppn[2:-2]} if ppn.startswith(_GERMANY) else {},
    )


def format_ifa(ppn: str, *, lot: str = "", expiry: str = "", serial: str = "") -> str:
    """Return the message of a product number, expiry as YYMMDD.

    Raises:
        BarcodeError: as parse_ifa.
    """
    named = (("9N", ppn), ("1T", lot), ("D", expiry), ("S", serial))
    text = HEADER + GS.join(name + value for name, value in named if value) + TRAILER
    parse_ifa(text)
    return text


def _field_of(piece: str) -> tuple[str, str]:
    for identifier, name, pattern in _FIELDS:
        if piece.startswith(identifier):
            parts = pattern.fullmatch(piece)
            if parts is None:
                raise BarcodeError("INVALID_VALUE", f"must be {pattern.pattern}", piece, _FIELD)
            return name, _read(name, parts[1])
    raise BarcodeError("UNKNOWN_FIELD", "must be a data identifier of IFA", piece, _FIELD)


def _read(name: str, value: str) -> str:
    if name == "ppn":
        _verify_ppn(value)
    if name == "expiry":
        return iso_date(value, _FIELD)
    if name == "manufactured":
        return iso_full_date(value, _FIELD)
    return value


def _verify_ppn(ppn: str) -> None:
    parts = _PPN.fullmatch(ppn)
    if parts is None or ppn_check_digits(ppn[:-2]) != ppn[-2:]:
        rule = "the two check digits of a PPN must be right"
        raise BarcodeError("INVALID_CHECK_DIGIT", rule, ppn, _FIELD)
    agency, product, _ = parts.groups()
    if agency == _GERMANY and not is_pzn(product):
        rule = "the check digit of the PZN in a PPN must be right"
        raise BarcodeError("INVALID_CHECK_DIGIT", rule, ppn, _FIELD)
