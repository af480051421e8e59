"""Faults that a text which reads well shows by itself, without a list of known items."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from ledger.core.barcodes.faults import (
    Undone,
    caps_lock,
    percent_encoded_text,
    swapped_keys,
    white_space,
)
from ledger.core.barcodes.refusal import BarcodeError
from ledger.core.barcodes.scans import Reading, read_scan
from ledger.core.barcodes.separators import (
    is_evident,
    separator_lost,
    separator_replaced,
    zeros_stripped,
)

_UPPER_HOST = re.compile(r"HTTPS?://[^a-z/]+(/.*[a-z].*)", re.DOTALL)
_ONLY_ENCODED = re.compile(r"(?:[A-Za-z0-9\-._~]|%(?:2[0-9A-F]|3[A-F]|40|5F|7E))*")
_PLAIN_SYMBOLS: Final = frozenset({"]d1", "]C0", "]Q1", "]Q2"})
# Splits that are tried with swapped keys too: the likeliest ones, so that a list stays short.
_MAX_SWAPPED: Final = 2
# Explanations without them; the message of a refusal is for a person.
MAX_PLAIN: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Faults that, undone one after the other, give a text that reads well."""

    undone: tuple[Undone, ...]
    reading: Reading

    @property
    def text(self) -> str:
        """The text with all of them undone."""
        return self.undone[-1].text


def find_reading(text: str) -> Reading | None:
    """Return what a text says, None where it breaks its carrier's rules."""
    try:
        return read_scan(text)
    except BarcodeError:
        return None


def evident_faults(raw: str, reading: Reading) -> list[Explanation]:
    """Return the faults of a text that reads well, which show without a list of known items."""
    found = _traces(raw, reading)
    if found or reading.spelling != "element_string":
        return found
    before = dict(reading.carried.elements)
    for fault in (separator_lost, zeros_stripped):
        for undone in fault(raw):
            meant = find_reading(undone.text)
            if meant is None:
                continue
            after = dict(meant.carried.elements)
            gained_key = reading.carried.path is None and meant.carried.path is not None
            if gained_key if fault is zeros_stripped else is_evident(before, after):
                found.append(Explanation(undone=(undone,), reading=meant))
    return found


def with_swapped_keys(found: list[Explanation]) -> list[Explanation]:
    """Return explanations by lost separators alone, with those of another keyboard behind them.

    Keyboards lose separators, and where one did, Y and Z may have changed places unseen.
    """
    lost = [one for one in found if [undone.code for undone in one.undone] == ["SEPARATOR_LOST"]]
    swapped = [
        Explanation(undone=(*one.undone, undone), reading=meant)
        for one in lost[:_MAX_SWAPPED]
        for undone, meant in _read_well(swapped_keys(one.text))
    ]
    return [*found[:MAX_PLAIN], *swapped]


def misspelt_link(raw: str, reading: Reading) -> list[Explanation]:
    """Return the faults of a link that is read, though no label has it so; known items too."""
    if reading.spelling != "digital_link":
        return []
    return _explained([*white_space(raw), *zeros_stripped(raw)])


def shown_separators(raw: str, reading: Reading) -> list[Explanation]:
    """Return element strings with a separator for the visible stand-in that arrived."""
    return _explained(separator_replaced(raw)) if reading.spelling == "element_string" else []


def _traces(raw: str, reading: Reading) -> list[Explanation]:
    """Return the traces that no label has."""
    if reading.spelling == "digital_link":
        return misspelt_link(raw, reading) or _explained(_traces_of_link(raw, reading))
    if reading.spelling == "element_string" and reading.symbology in _PLAIN_SYMBOLS:
        message = "GS1 data in a symbol without FNC1 at its start: misprinted or not GS1"
        plain = Undone(code="NOT_A_GS1_SYMBOL", message=message, text=raw)
        return [Explanation(undone=(plain,), reading=reading)]
    return shown_separators(raw, reading)


def _traces_of_link(raw: str, reading: Reading) -> Iterator[Undone]:
    if _UPPER_HOST.match(raw):
        # A symbol in upper case alone is smaller, so HTTPS:// is lawful; a mixture is not.
        yield from caps_lock(raw)
    values = [one for one in reading.carried.elements.values() if "%" in one]
    if values and all(_ONLY_ENCODED.fullmatch(one) for one in values):
        yield from list(percent_encoded_text(raw))[:1]


def _explained(undone: Iterable[Undone]) -> list[Explanation]:
    return [Explanation(undone=(one,), reading=meant) for one, meant in _read_well(undone)]


def _read_well(undone: Iterable[Undone]) -> Iterator[tuple[Undone, Reading]]:
    for one in undone:
        meant = find_reading(one.text)
        if meant is not None:
            yield one, meant
