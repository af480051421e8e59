"""Numbers of orders, deliveries and invoices as transaction identifiers (CBV 2.0 section 8.5)."""

import re
from typing import Final
from urllib.parse import quote, unquote

from ledger.core.errors import MalformedError
from ledger.core.identifiers import party_path

PREFIX: Final = "urn:epcglobal:cbv:bt:"
_GLN = re.compile(r"(?:https://id\.gs1\.org)?/41[47]/([0-9]{13})")
_REFERENCE = re.compile(re.escape(PREFIX) + r"([0-9]{13}):(.+)")


def gln_of(party: str) -> str | None:
    """Return the GLN of a party given as digits or in any spelling of PGLN or SGLN."""
    if ":" not in party:
        return party
    try:
        match = _GLN.fullmatch(party_path(party))
    except MalformedError:
        return None
    return match[1] if match else None


def reference_uri(text: str, issuer: str | None) -> str | None:
    """Return the URI of a number that this party gave; None when it takes an unknown issuer."""
    if text.startswith(("urn:", "http:", "https:")):
        return text
    gln = gln_of(issuer) if issuer else None
    return f"{PREFIX}{gln}:{quote(text, safe='')}" if gln else None


def reference_number(uri: str, issuer: str | None) -> str:
    """Return the number that reference_uri makes this URI of, else the URI itself."""
    match = _REFERENCE.fullmatch(uri)
    if match is not None and reference_uri(unquote(match[2]), issuer) == uri:
        return unquote(match[2])
    return uri
