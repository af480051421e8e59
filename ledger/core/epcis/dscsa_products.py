"""DSCSA: what is sold; product identifiers and descriptions, FD&C Act section 581(26)(A)-(G)."""

import re
from collections.abc import Iterator
from datetime import date
from typing import Final

from ledger.core.barcodes.ndc import candidates_of_gtin, parse_ndc
from ledger.core.barcodes.refusal import BarcodeError
from ledger.core.epcis.dscsa_trade import Trade, TradeEvent, gtin_path, stated
from ledger.core.epcis.finding import DocumentFinding
from ledger.core.epcis.namespaces import CBVMDA

# xsd:date, or a dateTime of that day.
_DATE: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:T\S+|Z|[+-][0-9]{2}:[0-9]{2})?\Z")
_NDC_CODES: Final = frozenset(["US_FDA_NDC", "FDA_NDC_11"])
_NDC_ATTRIBUTE: Final = "additionalTradeItemIdentification"
_DESCRIPTION: Final = (
    "regulatedProductName", "manufacturerOfTradeItemPartyName", "dosageFormType",
    "strengthDescription", "netContentDescription",
)  # fmt: skip
_NAMING: Final = ("epcList", "outputEPCList", "childEPCs")


def check_products(trade: Trade) -> Iterator[DocumentFinding]:
    """Find trade items without lot or expiry, and GTINs without NDC or description."""
    for commissioning in trade.commissionings:
        yield from _check_ilmd(commissioning)
    for gtin, event in _gtins(trade).items():
        yield from _check_master_data(trade, gtin, event)


def _check_ilmd(commissioning: TradeEvent) -> Iterator[DocumentFinding]:
    """Cases and packs have lot and expiry; a logistic unit has none of its own."""
    items = [path for path in commissioning.paths("epcList", "outputEPCList") if gtin_path(path)]
    if not items:
        return
    ilmd = commissioning.event.get("ilmd")
    for code, local, is_usable, lacking in _DATED_BY:
        if not is_usable(stated(commissioning.find_extension(ilmd, f"{{{CBVMDA}}}{local}"))):
            message = f"{len(items)} commissioned items have {lacking}."
            yield commissioning.fault(code, message, at="/ilmd", value=items[0])


def _is_date(text: str) -> bool:
    match = _DATE.match(text)
    try:
        return match is not None and date.fromisoformat(match[1]) is not None
    except ValueError:
        return False


_DATED_BY: Final = (
    ("MISSING_LOT", "lotNumber", bool, "no lot number"),
    ("MISSING_EXPIRY", "itemExpirationDate", _is_date, "no expiration date"),
)


def _is_ndc(text: str, gtin: str) -> bool:
    """Tell whether a text is an NDC, and the one in a GTIN that has one (prefix 03)."""
    try:
        possible = {ndc.digits for ndc in parse_ndc(text)}
    except BarcodeError:
        return False
    held = {ndc.digits for ndc in candidates_of_gtin(gtin.rpartition("/")[2])}
    return bool(possible & held if held else possible)


def _gtins(trade: Trade) -> dict[str, TradeEvent]:
    """Return every GTIN that the document trades in, with the first event that names it."""
    gtins: dict[str, TradeEvent] = {}
    for event in (*trade.commissionings, *trade.packings, *trade.shippings):
        for path in event.paths("parentID", *_NAMING):
            gtin = gtin_path(path)
            if gtin is not None:
                gtins.setdefault(gtin, event)
    return gtins


def _check_master_data(trade: Trade, gtin: str, event: TradeEvent) -> Iterator[DocumentFinding]:
    element = trade.products.get(gtin)
    if element is None:
        message = "The product has no master data: what it is, is not told."
        yield event.fault("MISSING_PRODUCT_MASTER_DATA", message, value=gtin)
        return
    kinds = set(element.attributes.get(f"{_NDC_ATTRIBUTE}TypeCode", ()))
    codes = element.attributes.get(_NDC_ATTRIBUTE, [])
    if not (kinds & _NDC_CODES and any(_is_ndc(text, gtin) for text in codes)):
        message = "Master data of the product has no NDC of its GTIN, of type US_FDA_NDC."
        yield event.fault("MISSING_NDC", message, value=gtin)
    lacking = element.lacks(_DESCRIPTION)
    if lacking:
        message = f"Master data of the product lacks {', '.join(lacking)}."
        yield event.fault("MISSING_PRODUCT_MASTER_DATA", message, value=gtin)
