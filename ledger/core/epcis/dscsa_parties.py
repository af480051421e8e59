"""DSCSA: who sells to whom, under which documents; FD&C Act section 581(26)(J) and (K)."""

from collections.abc import Iterator
from typing import Final

from ledger.core.epcis.dscsa_trade import Trade, TradeEvent, fault, place_path, text_of
from ledger.core.epcis.finding import DocumentFinding
from ledger.core.epcis.vocabulary import BIZ_TRANSACTION, SOURCE_DESTINATION, Words

_SIDES: Final = (
    ("sourceList", "source", "seller"),
    ("destinationList", "destination", "buyer"),
)
_OWNER: Final = "owning_party"
_ROLES: Final = (_OWNER, "location")
# The buyer's order and the seller's despatch advice: by them both match goods and data.
_DOCUMENTS: Final = ("po", "desadv")
_ADDRESS: Final = ("name", "streetAddressOne", "city", "postalCode", "countryCode")
# Elsewhere addresses need no state.
_COUNTRIES_WITH_STATES: Final = frozenset(["US", "USA", "840"])


def check_parties(trade: Trade) -> Iterator[DocumentFinding]:
    """Find shipments without owner or place on a side, references, or names and addresses."""
    if not trade.shippings:
        yield _no_shipping(trade)
    told: set[str] = set()
    for shipping in trade.shippings:
        yield from _check_references(shipping)
        yield from _check_owners(shipping)
        for member, value_name, side in _SIDES:
            named = _typed(shipping, member, value_name, SOURCE_DESTINATION)
            lacking = [role for role in _ROLES if not named.get(role)]
            if lacking:
                message = f"{member} names no {' and no '.join(lacking)} of the {side}."
                yield shipping.fault("MISSING_OWNING_PARTY", message, at=f"/{member}")
            for role in _ROLES:
                for place in named.get(role, ()):
                    if place_path(place) not in told:
                        told.add(place_path(place))
                        yield from _check_address(trade, shipping, place, f"{side}'s {role}")


def _no_shipping(trade: Trade) -> DocumentFinding:
    count = len(trade.document.events)
    message = f"None of the {count} events ships what is not voided: no transaction is documented."
    return fault("NO_SHIPPING_EVENT", message)


def _check_references(shipping: TradeEvent) -> Iterator[DocumentFinding]:
    named = _typed(shipping, "bizTransactionList", "bizTransaction", BIZ_TRANSACTION)
    lacking = [document for document in _DOCUMENTS if not named.get(document)]
    if lacking:
        message = f"The shipment names no {' and no '.join(lacking)}."
        yield shipping.fault("MISSING_BIZ_TRANSACTION", message, at="/bizTransactionList")


def _check_owners(shipping: TradeEvent) -> Iterator[DocumentFinding]:
    sellers, buyers = (
        set(map(place_path, _typed(shipping, member, name, SOURCE_DESTINATION).get(_OWNER, ())))
        for member, name, _ in _SIDES
    )
    if buyers and buyers <= sellers:
        message = "The buyer is the seller: no change of ownership is documented."
        yield shipping.fault("MISSING_OWNING_PARTY", message, at="/destinationList")


def _check_address(
    trade: Trade, shipping: TradeEvent, place: str, role: str
) -> Iterator[DocumentFinding]:
    element = trade.places.get(place_path(place))
    if element is None:
        message = f"The {role} has no master data: name and address are not told."
        yield shipping.fault("MISSING_PARTY_MASTER_DATA", message, value=place)
        return
    lacking = element.lacks(_ADDRESS)
    countries = set(element.attributes.get("countryCode", ()))
    if countries & _COUNTRIES_WITH_STATES:
        lacking += element.lacks(["state"])
    if lacking:
        message = f"Master data of the {role} lacks {', '.join(lacking)}."
        yield shipping.fault("MISSING_PARTY_MASTER_DATA", message, value=place)


def _typed(
    shipping: TradeEvent, member: str, value_name: str, words: Words
) -> dict[str, list[str]]:
    """Return the values of a typed list by bare type."""
    named: dict[str, list[str]] = {}
    listed = shipping.event.get(member)
    for one in listed if isinstance(listed, list) else ():
        if not isinstance(one, dict):
            continue
        kind = words.bare(shipping.names.expanded_uri(text_of(one.get("type"))))
        value = text_of(one.get(value_name))
        if value:
            named.setdefault(kind, []).append(value)
    return named
