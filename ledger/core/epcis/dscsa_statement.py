"""DSCSA: the transaction statement, FD&C Act section 581(27)."""

from collections.abc import Iterator
from typing import Final

from ledger.core.epcis.dscsa_trade import Trade, fault, find_member, text_of
from ledger.core.epcis.finding import DocumentFinding
from ledger.core.epcis.namespaces import Namespaces
from ledger.core.strict_json import JsonValue

# GS1 US binds the namespace in XML without, JSON-LD senders also with a separator at its end.
_SPELLINGS: Final = tuple(f"{{http://epcis.gs1us.org/hc/ns{end}}}" for end in ("", "#", "/", ":"))
_STATEMENT: Final = "dscsaTransactionStatement"
_TRUE: Final = frozenset(["true", "1"])  # xsd:boolean; "True" is neither.


def check_statement(trade: Trade) -> Iterator[DocumentFinding]:
    """Find a statement that is absent, denied, or without its legal notice.

    It stands in the header or beside it, in an extension point of any depth, as versions differ
    in where they have one; or in each shipping event.
    """
    statement = _search(trade.document.members, trade.names)
    if statement is not None:
        yield from _check(statement, "/epcisHeader", trade.names)
        return
    silent = False
    for shipping in trade.shippings:
        statement = _find(shipping.event, _STATEMENT, shipping.names)
        if statement is None:
            silent = True
        else:
            yield from _check(statement, shipping.pointer, shipping.names)
    if silent or not trade.shippings:
        message = "The document has no gs1ushc:dscsaTransactionStatement."
        yield fault("MISSING_TRANSACTION_STATEMENT", message, "/epcisHeader")


def _search(holder: JsonValue, names: Namespaces) -> JsonValue:
    if isinstance(holder, list):
        inner = list(holder)
    elif isinstance(holder, dict):
        found = _find(holder, _STATEMENT, names)
        if found is not None:
            return found
        inner = [value for name, value in holder.items() if name != "epcisMasterData"]
    else:
        return None
    found_below = (_search(value, names) for value in inner)
    return next((found for found in found_below if found is not None), None)


def _check(statement: JsonValue, pointer: str, names: Namespaces) -> Iterator[DocumentFinding]:
    if isinstance(statement, list) and len(statement) == 1:
        statement = statement[0]
    affirmed = text_of(_find(statement, "affirmTransactionStatement", names))
    if affirmed not in _TRUE:
        message = "The seller does not affirm the transaction statement."
        yield fault("TRANSACTION_STATEMENT_NOT_AFFIRMED", message, pointer, affirmed or None)
    elif not text_of(_find(statement, "legalNotice", names)):
        message = "The transaction statement has no legalNotice, which is what is affirmed."
        yield fault("TRANSACTION_STATEMENT_NOT_AFFIRMED", message, pointer)


def _find(holder: JsonValue, local: str, names: Namespaces) -> JsonValue:
    spelt = (find_member(holder, namespace + local, names) for namespace in _SPELLINGS)
    return next((value for value in spelt if value is not None), None)
