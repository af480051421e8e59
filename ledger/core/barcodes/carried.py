"""What a data carrier says, the same for every issuing agency."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ledger.core.gs1_keys import percent_encoded


class Issuer(StrEnum):
    """Issuing agencies of unique device identification, accredited in the US, the EU or both."""

    GS1 = "gs1"
    HIBC = "hibc"
    ICCBBA = "iccbba"
    IFA = "ifa"


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """Contents of one symbol.

    Dates are ISO 8601: `2028-01-31`, `2028-01` where the symbol names the month only, with an hour
    `2028-01-31T14`.
    """

    issuer: Issuer
    elements: Mapping[str, str]
    """As the agency names and writes them: AIs for GS1, words for the others."""
    di: str | None = None
    """Device identifier or product code: the model, its package level included."""
    serial: str | None = None
    lot: str | None = None
    expiry: str | None = None
    manufactured: str | None = None
    path: str | None = None
    """Canonical path of the item or class, None where the symbol names none."""
    more: Mapping[str, str] = field(default_factory=dict)


def path_of(issuer: Issuer, di: str, *, serial: str = "", lot: str = "") -> str:
    """Return the path of an item, or of its lot or model where it has no serial.

    (issuer, DI, serial) is the identity; a lot beside a serial is no part of it.
    """
    start = f"{issuer}:{percent_encoded(di)}"
    if serial:
        return f"{start}/serial/{percent_encoded(serial)}"
    return f"{start}/lot/{percent_encoded(lot)}" if lot else start
