"""Lots and dates in ilmd: dates that are none, and one lot with two expiries.

CBV's names of master data (`cbvmda:`) are found by whatever prefix a context binds to them.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Final
from urllib.parse import unquote

from ledger.core.epcis.codes import finding
from ledger.core.epcis.document import Event
from ledger.core.epcis.finding import DocumentFinding
from ledger.core.epcis.namespaces import CBVMDA, namespaces_of
from ledger.core.epcis.rules import Report, elements, texts
from ledger.core.epcis.rules_identifiers import find_path
from ledger.core.strict_json import JsonValue

_PREFIX: Final = "cbvmda:"
_NAMESPACE: Final = f"{{{CBVMDA}}}"
_LOT: Final = "lotNumber"
_EXPIRY: Final = "itemExpirationDate"
# CBV 2.0 section 9.2 has more, for fish and plants; none but these says until when one may sell.
DATES: Final = (_EXPIRY, "bestBeforeDate", "sellByDate")
_WANTED: Final = frozenset([_LOT, *DATES])
# xsd:date or xsd:dateTime.
_DATE: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})(T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?)?"
    r"(?:Z|[+-][0-9]{2}:[0-9]{2})?"
)
# ilmd is about what comes into being, not about what a transformation uses up.
_MADE: Final = ("epcList", "outputEPCList")
_MADE_QUANTITIES: Final = ("quantityList", "outputQuantityList")


def judge_dates(event: Event, report: Report) -> None:
    """Add the dates in an event's ilmd that are no dates."""
    known = _master_data(event)
    for local in DATES:
        name, value = known.get(local, ("", None))
        text = str(value).strip() if isinstance(value, str | int | float) else None
        if text is not None and not _is_date(text):
            message = "A date is YYYY-MM-DD, and must exist."
            report.add("INVALID_DATE", f"/ilmd/{_escaped(name)}", value, message)


def _is_date(text: str) -> bool:
    match = _DATE.fullmatch(text)
    if match is None:
        return False
    try:
        date.fromisoformat(match[1])
        return match[2] is None or datetime.fromisoformat(text) is not None
    except ValueError:
        return False


def _master_data(event: Event) -> dict[str, tuple[str, JsonValue]]:
    """Return lot and dates of an event's ilmd: the member's name and value, by CBV's own name."""
    ilmd = event.get("ilmd")
    found: dict[str, tuple[str, JsonValue]] = {}
    for name, value in ilmd.items() if isinstance(ilmd, dict) else ():
        local = re.split("[:#]", name)[-1]
        if local in _WANTED and (name == _PREFIX + local or _is_master_data(name, event)):
            found.setdefault(local, (name, value))
    return found


def _is_master_data(name: str, event: Event) -> bool:
    if name.startswith(CBVMDA):
        return True
    return namespaces_of(event.get("@context")).expanded_name(name).startswith(_NAMESPACE)


def mixed_expiries(events: Sequence[Event], pointers: Sequence[str]) -> Iterator[DocumentFinding]:
    """Yield commissionings whose lot has another expiry elsewhere in the document."""
    by_lot: dict[str, list[tuple[str, int]]] = {}
    for i, event in enumerate(events):
        if "ilmd" in event:
            known = _master_data(event)
            expiry = known.get(_EXPIRY, ("", None))[1]
            if isinstance(expiry, str):
                for lot in {_text(known.get(_LOT)), *_lots_of_classes(event)} - {""}:
                    by_lot.setdefault(lot, []).append((expiry, i))
    for lot, uses in by_lot.items():
        if len({expiry for expiry, _ in uses}) > 1:
            yield from _mixed(events, pointers, lot, uses)


def _text(member: tuple[str, JsonValue] | None) -> str:
    return member[1] if member is not None and isinstance(member[1], str) else ""


def _mixed(
    events: Sequence[Event], pointers: Sequence[str], lot: str, uses: list[tuple[str, int]]
) -> Iterator[DocumentFinding]:
    first: dict[str, tuple[str, int]] = {}
    for expiry, i in uses:
        for product in sorted(_products(events[i], lot)):
            before, where = first.setdefault(product, (expiry, i))
            if before != expiry:
                message = f"{pointers[where]} gives lot {lot} the expiry {before}."
                at = f"{pointers[i]}/ilmd/{_escaped(_master_data(events[i])[_EXPIRY][0])}"
                yield finding("MIXED_EXPIRY_SAME_LOT", at, expiry, message, i)
                break


def _products(event: Event, lot: str) -> set[str]:
    """Return the GTINs of which an event makes a lot: its own by lotNumber, or that of a class."""
    own = _text(_master_data(event).get(_LOT))
    made = [find_path(one) for name in _MADE for _, one in texts(event, name)]
    named = [(path, own) for path in made] + [(path, of or own) for path, of in _classes(event)]
    return {path.split("/")[2] for path, of in named if of == lot and path and path[:4] == "/01/"}


def _classes(event: Event) -> Iterator[tuple[str | None, str]]:
    """Yield the path of each class of which an event makes some, and its lot if it has one."""
    for name in _MADE_QUANTITIES:
        for _, element in elements(event, name):
            path = find_path(str(element.get("epcClass")))
            yield path, unquote((path or "").partition("/10/")[2])


def _lots_of_classes(event: Event) -> set[str]:
    return {lot for _, lot in _classes(event)}


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def lot_and_expiry(event: Event) -> tuple[str, str]:
    """Return lot number and expiry date as an event's ilmd says them, "" where it does not."""
    known = _master_data(event)
    return _text(known.get(_LOT)), _text(known.get(_EXPIRY))
