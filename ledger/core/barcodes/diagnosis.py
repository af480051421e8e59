"""What went wrong between a label and the text that arrived: named, never mended in silence.

A text that breaks its carrier's rules is refused, with the faults that explain it. A text that
reads well is suspect only on evidence: a trace that no label has, or a list of known items that
holds the scan with the fault undone and not the scan itself. An unknown serial without evidence
is an unknown serial; to excuse it as a scanner's fault would let a falsified pack through.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from ledger.core.barcodes.application_identifiers import MAX_AI_DIGITS, ROWS
from ledger.core.barcodes.element_strings import MAX_SCAN_CHARACTERS, find_missing, format_elements
from ledger.core.barcodes.evidence import (
    MAX_PLAIN,
    Explanation,
    evident_faults,
    find_reading,
    misspelt_link,
    shown_separators,
    with_swapped_keys,
)
from ledger.core.barcodes.faults import OUTER, TYPED, Fault, Undone
from ledger.core.barcodes.refusal import BarcodeError
from ledger.core.barcodes.scans import Reading, lot_path, read_scan
from ledger.core.barcodes.separators import (
    separator_lost,
    separator_replaced,
    separator_replaced_by_data,
    zeros_stripped,
)

Known = Callable[[str], bool]
"""Asks whether an item or class with this canonical path is known."""


class Verdict(StrEnum):
    """What becomes of a scan."""

    OK = "ok"
    SUSPECT = "suspect"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """One fault that explains a scan, or the rule that it breaks."""

    code: str
    message: str
    suggestion: Mapping[str, Any] | None = None
    """text, elements and item as they are with all faults of this explanation undone."""

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        shown: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.suggestion is not None:
            shown["suggestion"] = dict(self.suggestion)
        return shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosed:
    """A scan with its verdict."""

    raw: str
    """As it came, byte for byte."""
    verdict: Verdict
    reading: Reading | None
    """What it says as it stands; None where it was refused."""
    diagnosis: tuple[Diagnosis, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        elements = {} if self.reading is None else dict(self.reading.carried.elements)
        return {
            "input": self.raw,
            "verdict": self.verdict.value,
            "elements": elements,
            "item": None if self.reading is None else self.reading.carried.path,
            "diagnosis": [one.as_json() for one in self.diagnosis],
        }


# Three faults at once: layout, Caps Lock and lost separators come together, more is another text.
# Where the text reads well and only a known item can tell, the third costs more than it finds.
_MAX_FAULTS, _MAX_FAULTS_UNSEEN = 3, 2
# What a pack says: an explanation that finds it all stands before one that finds less.
_USUAL: Final = frozenset({"01", "10", "17", "21"})
# Eight plain ones, and what swapped keys make of two of them.
_MAX_SHOWN: Final = 12
# Guesses stand behind what leaves a trace, and only where no reading contradicts them.
_FAULTS: Final[tuple[Fault, ...]] = (
    *OUTER, *TYPED, separator_replaced, separator_replaced_by_data, zeros_stripped, separator_lost,
)  # fmt: skip
# Where data of some carrier may begin, so that a wrong guess ends at once.
_DATA_START = re.compile(
    r"\x1d?[0-9]{4}|\(|\]?[A-Za-z][0-9][0-9(+=\[h]|.[A-Za-z][0-9][0-9(]|\+[A-Z$0-9]|[=&]|\[\)>|h?t?tps?:"
    r"|https?%|urn:|[\w-]+\.[\w.-]+/|/[0-9a-z]+/",
    re.IGNORECASE | re.DOTALL,
)
_UNMISTAKABLE = re.compile(
    r"https?://[\w.-]+/|urn:epc:|\[\)>|\](?:d2|C1|Q3|e0)[0-9]{4}|\(0[01]\)[0-9]{8}|0[01][0-9]{12}"
)
_LINK_CUT_SHORT = re.compile(
    r"https?://[^?#]+/(?:01/[0-9]{0,13}|00/[0-9]{0,17}|01/[0-9]{14}/[0-9]*/?)"
)
_TOO_SHORT: Final = frozenset({"VALUE_TOO_SHORT", "EMPTY_VALUE", "LEADING_ZERO_STRIPPED"})
_MAX_SERIAL: Final = 20


def diagnose(raw: str, known: Known | None = None) -> Diagnosed:
    """Read a scan and say what is wrong with it.

    Args:
        raw: what arrived, kept as it is.
        known: tells known items, where somebody knows them, and their lots as classes.
    """
    try:
        reading = read_scan(raw)
    except BarcodeError as error:
        return _refused(raw, error, known)
    shown = _shown(_faults_of_read(raw, reading, known))
    verdict = Verdict.SUSPECT if shown else Verdict.OK
    return Diagnosed(
        raw=raw, verdict=verdict, reading=reading, diagnosis=(*shown, *_notes(reading))
    )


def _faults_of_read(raw: str, reading: Reading, known: Known | None) -> list[Explanation]:
    """Return what explains a scan that reads well; a list clears its own items and no others."""
    if known is None:
        return with_swapped_keys(evident_faults(raw, reading))
    if not _is_known(reading, known):
        found = _fewest_faults(raw, reading, lambda one: _is_known(one, known))
        return found or with_swapped_keys(evident_faults(raw, reading))
    if _has_known_lot(reading, known):
        return misspelt_link(raw, reading)
    found = _fewest_faults(raw, reading, lambda one: _has_known_lot(one, known))
    return found or misspelt_link(raw, reading) or shown_separators(raw, reading)


def _refused(raw: str, error: BarcodeError, known: Known | None) -> Diagnosed:
    found: list[Explanation] = []
    if len(raw) <= MAX_SCAN_CHARACTERS:
        accepted = None if known is None else lambda one: _is_known(one, known)
        found = _fewest_faults(raw, None, accepted)
        if known is None or not any(_is_known(one.reading, known) for one in found):
            found = with_swapped_keys([*_with_evident_faults(found), *found])
    shown = _shown(found) or _likely(raw)
    # Zeros before a remainder check by chance, one time in ten: both faults are named then.
    if all(one.code == "LEADING_ZERO_STRIPPED" for one in shown) and _is_cut_short(raw, error):
        message = "the scan ends too early: part of it is missing"
        shown.append(Diagnosis(code="TRUNCATED", message=message))
    broken = Diagnosis(code=error.code, message=str(error))
    return Diagnosed(raw=raw, verdict=Verdict.REFUSED, reading=None, diagnosis=(*shown, broken))


def _with_evident_faults(found: list[Explanation]) -> list[Explanation]:
    """Return explanations whose text reads well and still shows a fault, with that undone too."""
    return [
        Explanation(undone=(*one.undone, *more.undone), reading=more.reading)
        for one in found[:MAX_PLAIN]
        for more in evident_faults(one.text, one.reading)
        if more.undone[0].code not in {undone.code for undone in one.undone}
    ]


def _likely(raw: str) -> list[Diagnosis]:
    """Return a keyboard fault whose undoing begins as data does, though the rest does not read."""
    if _UNMISTAKABLE.match(raw):
        return []
    for fault in TYPED:
        for undone in fault(raw):
            if _UNMISTAKABLE.match(undone.text):
                suggestion = {"text": undone.text}
                return [Diagnosis(code=undone.code, message=undone.message, suggestion=suggestion)]
    return []


def _fewest_faults(
    raw: str, reading: Reading | None, accepted: Callable[[Reading], bool] | None
) -> list[Explanation]:
    """Return the explanations with the fewest faults; those that are accepted, if any are.

    A text that reads well is explained by what is accepted only.
    """
    fewest: list[Explanation] = []
    for found in _explanations(raw, refused=reading is None):
        sure = [one for one in found if accepted is not None and accepted(one.reading)]
        if sure:
            return sure
        fewest = fewest or found
        if fewest and accepted is None:
            break
    return fewest if reading is None else []


def _explanations(raw: str, *, refused: bool) -> Iterator[list[Explanation]]:
    """Undo one fault, then two, then three."""
    tried = {raw}
    paths: list[tuple[int, tuple[Undone, ...]]] = [(0, ())]
    faults = _FAULTS if refused else _FAULTS_UNSEEN
    for _ in range(_MAX_FAULTS if refused else _MAX_FAULTS_UNSEEN):
        longer: list[tuple[int, tuple[Undone, ...]]] = []
        found: list[Explanation] = []
        for first, path in paths:
            text = path[-1].text if path else raw
            for place, fault in enumerate(faults[first:], start=first):
                for undone in fault(text):
                    if undone.text in tried:
                        continue
                    tried.add(undone.text)
                    if not _DATA_START.match(undone.text):
                        continue
                    reading = find_reading(undone.text)
                    if reading is not None:
                        found.append(Explanation(undone=(*path, undone), reading=reading))
                    following = 0 if place < len(OUTER) else place + 1
                    longer.append((following, (*path, undone)))
        found.sort(key=lambda one: -len(one.reading.carried.elements.keys() & _USUAL))
        yield found
        paths = longer


def _serial_zeros(text: str) -> Iterator[Undone]:
    """Zeros at the start of a serial: only a list of known items can tell."""
    found = find_reading(text)
    if found is None or found.spelling not in {"element_string", "bracketed"}:
        return
    elements = dict(found.carried.elements)
    serial = elements.get("21")
    if serial is None or not serial.isdigit():
        return
    for length in range(len(serial) + 1, _MAX_SERIAL + 1):
        elements["21"] = serial.zfill(length)
        message = "leading zeros of the serial are missing"
        whole = found.symbology + format_elements(elements)
        yield Undone(code="LEADING_ZERO_STRIPPED", message=message, text=whole)


# A text that reads well has its separators or has lost them; no value is taken for one.
_FAULTS_UNSEEN: Final[tuple[Fault, ...]] = (
    *OUTER, *TYPED, separator_replaced, zeros_stripped, separator_lost, _serial_zeros,
)  # fmt: skip


def _is_known(reading: Reading, known: Known) -> bool:
    path = reading.carried.path
    return path is not None and known(path)


def _has_known_lot(reading: Reading, known: Known) -> bool:
    """Ask for the lot beside a serial: a fault may touch it alone, and then the item is known."""
    gtin, lot = reading.carried.elements.get("01"), reading.carried.lot
    if not _is_known(reading, known) or gtin is None or lot is None:
        return _is_known(reading, known)
    return known(lot_path(gtin, lot))


def _shown(found: list[Explanation]) -> list[Diagnosis]:
    shown: dict[tuple[str, str], Diagnosis] = {}
    for one in found[:_MAX_SHOWN]:
        carried = one.reading.carried
        suggestion: dict[str, Any] = {"text": one.text, "elements": dict(carried.elements)}
        if carried.path is not None:
            suggestion["item"] = carried.path
        for undone in one.undone:
            shown.setdefault(
                (undone.code, one.text),
                Diagnosis(code=undone.code, message=undone.message, suggestion=suggestion),
            )
    return list(shown.values())


def _is_cut_short(raw: str, error: BarcodeError) -> bool:
    if _LINK_CUT_SHORT.fullmatch(raw):
        return True
    if error.code in _TOO_SHORT:
        return raw.endswith(str(error.value or ""))
    end = str(error.value)
    return (
        error.code == "UNKNOWN_AI"
        and len(end) < MAX_AI_DIGITS
        and raw.endswith(end)
        and any(ai.startswith(end) for ai in ROWS)
    )


def _notes(reading: Reading) -> list[Diagnosis]:
    carried = reading.carried
    if carried.path is not None or reading.spelling not in {"element_string", "bracketed"}:
        return []
    missing = find_missing(carried.elements)
    return [
        Diagnosis(
            code="INCOMPLETE",
            message=f"({ai}) needs {' and '.join(needs)}: in another symbol of the pack, or lost",
        )
        for ai, needs in sorted(missing.items())
    ]
