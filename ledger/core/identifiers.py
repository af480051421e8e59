"""Names of items, parties and keys (docs/spec/identifiers.md).

One object has one canonical path, however it was spelt: otherwise a serial could be sold twice
under two names.
"""

import re
from functools import lru_cache
from hashlib import sha256
from typing import Final, NewType

from ledger.core.errors import MalformedError
from ledger.core.gs1_keys import (
    URN_KEY_NAMES,
    CheckDigitError,
    check_digit,
    find_path_of_link,
    path_of_urn,
)

ItemKey = NewType("ItemKey", bytes)
"""32 bytes that name an item in the log and in the item map."""
PartyKey = NewType("PartyKey", bytes)
"""32 bytes that name a party."""

MAX_IDENTIFIER_BYTES: Final = 2048
ADDRESS_BYTES: Final = 20

_FIELD = "identifier"
_ITEM_LABEL = b"unbroken/item/v1\0"
_PARTY_LABEL = b"unbroken/party/v1\0"
_KEY_LABEL = b"unbroken/key/v1\0"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_URN = re.compile(
    r"urn:epc:(id|class|idpat):([a-z]+)(?::(.*)|\Z)", re.IGNORECASE | re.ASCII | re.DOTALL
)
_LINK = re.compile(r"https?://([^/?#]+)([^?#]*)", re.IGNORECASE | re.ASCII)
_GLN = re.compile(r"[0-9]{13}")
_GS1_HOST = "id.gs1.org"
# GTIN, SSCC and GLN: the trade sends other keys with wrong check digits, and means something.
_ALWAYS_RIGHT = frozenset(["01", "00", "414", "417"])
# The spellings of nearly every pack and pallet, without escapes; all else takes the table.
_PLAIN_LINK = re.compile(
    r"https://id\.gs1\.org(?:/01/([0-9]{13})([0-9])/21/[A-Za-z0-9\-._]{1,20}"
    r"|/00/([0-9]{17})([0-9]))"
)
_PLAIN_URN = re.compile(
    r"urn:epc:id:(?:sgtin:([0-9]{6,12})\.([0-9])([0-9]{0,6})\.([A-Za-z0-9\-._]{1,20})"
    r"|sscc:([0-9]{6,12})\.([0-9])([0-9]{4,10}))"
)
_PLAIN_LINK_ORIGIN = "https://id.gs1.org"
_GTIN_BODY, _SSCC_BODY = 13, 17


def canonical_path(identifier: str) -> str:
    """Return the one path of an object: GS1 keys without domain and query, else `uri:…`.

    Raises:
        MalformedError: not 1 to 2,048 bytes of UTF-8 without control characters, or the spelling
            of a GS1 key that does not fit it.
    """
    plain = _find_plain_path(identifier)
    if plain is not None:
        return plain
    _verify_text(identifier)
    urn = _URN.match(identifier)
    if urn is not None:
        form, name, rest = urn.groups()
        if name.lower() in URN_KEY_NAMES:
            return path_of_urn(form.lower(), name.lower(), rest or "")
    link = _LINK.match(identifier)
    path_of_link = None if link is None else _path_of_link(identifier, link)
    return f"uri:{identifier}" if path_of_link is None else path_of_link


def _path_of_link(identifier: str, link: re.Match[str]) -> str | None:
    try:
        path = find_path_of_link(link[2])
    except CheckDigitError as error:
        if error.ai in _ALWAYS_RIGHT:
            raise
        return None
    if path is None and _host(link[1]) == _GS1_HOST:
        raise MalformedError(_FIELD, f"a link of {_GS1_HOST} must name a GS1 key", identifier)
    return path


def _find_plain_path(identifier: str) -> str | None:
    """Do at once what the table would do; None says nothing about the identifier."""
    urn = _PLAIN_URN.fullmatch(identifier)
    if urn is not None:
        prefix, indicator, reference, serial, sscc_prefix, extension, sscc_reference = urn.groups()
        if serial is not None:
            body = indicator + prefix + reference
            if len(body) == _GTIN_BODY:
                return f"/01/{body}{check_digit(body)}/21/{serial}"
            return None
        body = extension + sscc_prefix + sscc_reference
        return f"/00/{body}{check_digit(body)}" if len(body) == _SSCC_BODY else None
    link = _PLAIN_LINK.fullmatch(identifier)
    if link is not None:
        gtin, gtin_check, sscc, sscc_check = link.groups()
        if (gtin_check or sscc_check) == check_digit(gtin or sscc):
            return identifier[len(_PLAIN_LINK_ORIGIN) :]
    return None


def _verify_text(identifier: str) -> None:
    try:
        length = len(identifier.encode())
    except UnicodeEncodeError:
        raise MalformedError(_FIELD, "must be UTF-8") from None
    if not 1 <= length <= MAX_IDENTIFIER_BYTES:
        raise MalformedError(_FIELD, f"must have 1 to {MAX_IDENTIFIER_BYTES} bytes", length)
    if _CONTROL.search(identifier):
        raise MalformedError(_FIELD, "must not hold a control character", identifier)


def _host(authority: str) -> str:
    return authority.rpartition("@")[2].partition(":")[0].lower()


def item_key(path: str) -> ItemKey:
    """Return the key of an item with this canonical path."""
    return ItemKey(sha256(_ITEM_LABEL + path.encode()).digest())


@lru_cache(maxsize=4096)
def party_path(identifier: str) -> str:
    """Return the path of a party: `/417/{gln}` for a PGLN or SGLN, else the canonical path.

    Raises:
        MalformedError: as canonical_path.
    """
    path = canonical_path(identifier)
    if path.startswith("/414/"):
        return f"/417/{path.split('/')[2]}"
    return path


def gln_path(gln: str) -> str:
    """Return the path of the party that has a GLN.

    Raises:
        MalformedError: It has not 13 digits, or a wrong check digit.
    """
    if not _GLN.fullmatch(gln):
        raise MalformedError("gln", "is 13 digits", gln)
    if gln[-1] != (right := check_digit(gln[:-1])):
        raise MalformedError("gln", f"has the check digit {right}", gln)
    return f"/417/{gln}"


def party_key(path: str) -> PartyKey:
    """Return the key of a party with this path, see party_path."""
    return PartyKey(sha256(_PARTY_LABEL + path.encode()).digest())


def key_key(address: bytes) -> bytes:
    """Return the 32 bytes that name a signing key in the item map.

    Raises:
        MalformedError: the address has not 20 bytes.
    """
    if len(address) != ADDRESS_BYTES:
        raise MalformedError("address", f"must have {ADDRESS_BYTES} bytes", len(address))
    return sha256(_KEY_LABEL + address).digest()
