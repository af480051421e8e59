"""What a GS1 Digital Link says beyond its identity: its elements and its query."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ledger.core.barcodes.application_identifiers import ROWS
from ledger.core.barcodes.refusal import BarcodeError
from ledger.core.digital_links import ORIGIN
from ledger.core.errors import MalformedError
from ledger.core.gs1_keys import (
    find_elements_of_link,
    find_path_of_link,
    percent_decoded,
    percent_encoded,
)

_LINK = re.compile(r"https?://[^/?#]+([^?#]*)(?:\?([^#]*))?(?:#.*)?", re.IGNORECASE | re.DOTALL)
_PARAMETERS = re.compile(r"[&;]")
_GTIN_DIGITS: Final = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The parts of a link that names a GS1 key."""

    path: str
    elements: dict[str, str]
    """AI -> value of the path."""
    query: dict[str, str]
    """Everything behind the question mark, decoded; AIs among it."""

    def all_elements(self) -> dict[str, str]:
        """Return the elements of path and query.

        Raises:
            BarcodeError: a value against its row, or an AI twice.
        """
        elements = dict(self.elements)
        for ai, value in self.query.items():
            if ai in ROWS:
                if ai in elements:
                    raise BarcodeError("DUPLICATE_AI", "must stand once", value, f"({ai})")
                elements[ai] = value
        for ai, value in elements.items():
            ROWS[ai].verify(value)
        return elements


def find_link(text: str) -> Link | None:
    """Return the parts of a Digital Link, None for any other text.

    Raises:
        MalformedError: the shape is that of a key, the check digit is wrong.
        BarcodeError: a query that names one AI twice.
    """
    parts = _LINK.fullmatch(text)
    if parts is None:
        return None
    path, elements = find_path_of_link(parts[1]), find_elements_of_link(parts[1])
    if path is None or elements is None:
        return None
    if "01" in elements:
        elements["01"] = elements["01"].rjust(_GTIN_DIGITS, "0")
    return Link(path=path, elements=elements, query=_query(parts[2] or ""))


def _query(text: str) -> dict[str, str]:
    query: dict[str, str] = {}
    for piece in _PARAMETERS.split(text):
        name, _, value = piece.partition("=")
        decoded = percent_decoded(value)
        if not name:
            continue
        if name in query and name in ROWS:
            raise BarcodeError("DUPLICATE_AI", "must stand once", piece, f"({name})")
        query[name] = value if decoded is None else decoded
    return query


def link_error(error: MalformedError) -> BarcodeError:
    """Return an identifier's refusal with a stable code."""
    code = "INVALID_CHECK_DIGIT" if "check digit" in error.rule else "MALFORMED_IDENTIFIER"
    return BarcodeError(code, error.rule, error.value, error.field)


# Qualifiers stand in this order (Digital Link URI Syntax 1.4); a link takes one of the last two.
_QUALIFIERS: Final = {
    "01": ("22", "10", "21", "235"), "8006": ("22", "10", "21"), "8010": ("8011",), "414": ("254",),
}  # fmt: skip
# A symbol may name several; the first of these is what the symbol is on.
KEYS: Final = (
    "00", "8006", "01", "8003", "8004", "253", "255", "402", "401", "8010", "8017", "8018", "414",
    "417",
)  # fmt: skip


def format_link(elements: Mapping[str, str]) -> str:
    """Return the canonical Digital Link of elements; what is no part of the key goes in the query.

    Raises:
        BarcodeError: no element is a key.
    """
    key = next((ai for ai in KEYS if ai in elements), None)
    if key is None:
        raise BarcodeError("NO_ITEM", "must hold the key of an item", ", ".join(elements))
    named = [key, *(ai for ai in _QUALIFIERS.get(key, ()) if ai in elements)]
    path = "".join(f"/{ai}/{percent_encoded(elements[ai])}" for ai in named)
    beside = "&".join(
        f"{ai}={percent_encoded(value)}" for ai, value in elements.items() if ai not in named
    )
    return f"{ORIGIN}{path}?{beside}" if beside else ORIGIN + path
