"""Faults within element strings: separators lost or replaced, leading zeros stripped."""

import re
from collections.abc import Iterator
from typing import Final

from ledger.core.barcodes.application_identifiers import ApplicationIdentifier, find_ai
from ledger.core.barcodes.element_strings import GS
from ledger.core.barcodes.faults import Undone
from ledger.core.barcodes.refusal import BarcodeError

_SYMBOLOGY = re.compile(r"\][A-Za-z][0-9]")
_PLAIN = re.compile(rf"[!\"%&'()*+,\-./0-9:;<=>?A-Z_a-z{GS}]")
# How programs and people show FNC1; the longest first, each in any case.
_STAND_INS: Final = (
    "<0x1D>", "_x001D_", "&#x1d;", "{FNC1}", "[FNC1]", "<FNC1>", "(FNC1)", "\\u001d", "~d029",
    "&#29;", "&#029;", "0x1D", "\\x1d", "\\035", "<GS>", "{GS}", "[GS]", "(GS)", "[1D]", "{1D}",
    "<1D>", "^029", "%1D", "<29>", "[29]", "{29}", "\\F", "\\G", "^]", "~1",
)  # fmt: skip
_STAND_IN = {one: re.compile(re.escape(one), re.IGNORECASE) for one in _STAND_INS}
# What may follow on a medicine or a device; any AI at all would find a pattern in every serial.
_FOLLOWING: Final = frozenset({
    "10", "11", "13", "15", "16", "17", "21", "22", "30", "37", "235", "240", "241", "250", "251",
    "710", "711", "712", "713", "714", "715", "716", "717",
})  # fmt: skip
_MAX_SPLITS: Final = 32
# Steps of the search, so that 4,096 digits cost no more than forty.
_MAX_STEPS: Final = 3000
_MAX_SHOWN: Final = 8
_MIN_SERIAL: Final = 4
_PLAUSIBLE_YEARS: Final = ("15", "49")
_ZERO_LED: Final = {"00": 18, "01": 14, "02": 14}
_MAX_ZEROS: Final = 8
# (01) or (00) and its key.
_NUMBERS: Final = (16, 20)
_BRACKETED_KEY = re.compile(r"\((00|01|02)\)([0-9]{6,17})(?![0-9])")
_LINKED_KEY = re.compile(r"/(00|01|sscc|gtin)/([0-9]{6,17})(?![0-9])")
_LINKED: Final = {"00": 18, "sscc": 18, "01": 14, "gtin": 14}


def separator_replaced(text: str) -> Iterator[Undone]:
    """A visible stand-in, or any character that no element may hold, in the place of FNC1."""
    for shown, pattern in _STAND_IN.items():
        meant = pattern.sub(GS, text)
        if meant != text:
            yield _replaced(shown, meant)
    start, body = _cut(text)
    for one in dict.fromkeys(_PLAIN.sub("", body)):
        yield _replaced(one, start + body.replace(one, GS))


def separator_replaced_by_data(text: str) -> Iterator[Undone]:
    """A character that elements may hold in the place of FNC1: a guess, for refused scans only."""
    start, body = _cut(text)
    if body[:1].isdigit():
        for one in dict.fromkeys(
            letter for letter in body if not letter.isalnum() and letter != GS
        ):
            yield _replaced(one, start + body.replace(one, GS))


def separator_lost(text: str) -> Iterator[Undone]:
    """FNC1 dropped between a value of variable length and the next element."""
    start, body = _cut(text)
    if not body[:1].isdigit():
        return
    search = _Search(body)
    search.run(0, frozenset(), ())
    for cuts in sorted(search.found, key=lambda cuts: _unlikelihood(_inserted(body, cuts)))[
        :_MAX_SHOWN
    ]:
        message = "a separator between two elements is missing"
        yield Undone(code="SEPARATOR_LOST", message=message, text=start + _inserted(body, cuts))


def zeros_stripped(text: str) -> Iterator[Undone]:
    """Zeros at the start of the text or of its first key, as spreadsheets strip them."""
    message = "leading zeros are missing"
    start, body = _cut(text)
    texts = []
    if body.isdigit():
        # An SSCC or a GTIN as a number; fewer digits were padded to anything that checks.
        texts += [
            start + body.zfill(whole) for whole in _NUMBERS if whole - _MAX_ZEROS <= len(body)
        ]
    elif body[:1].isdigit():
        texts += [start + "0" * count + body for count in range(1, _MAX_ZEROS + 1)]
    if body[:2] in _ZERO_LED:
        ai, rest = body[:2], body[2:]
        fewest = max(1, _ZERO_LED[ai] - len(rest))
        texts += [start + ai + "0" * count + rest for count in range(fewest, _MAX_ZEROS + 1)]
    texts.append(
        _BRACKETED_KEY.sub(lambda key: f"({key[1]}){key[2].zfill(_ZERO_LED[key[1]])}", text)
    )
    texts.append(_LINKED_KEY.sub(lambda key: f"/{key[1]}/{key[2].zfill(_LINKED[key[1]])}", text))
    for meant in texts:
        if meant != text:
            yield Undone(code="LEADING_ZERO_STRIPPED", message=message, text=meant)


def is_evident(before: dict[str, str], after: dict[str, str]) -> bool:
    """Ask whether the split alone is evidence, when the text also reads without it.

    A trade item without serial whose lot holds `21…`, or two elements that only the split shows,
    a date of these years among them. Less is found in many a serial.
    """
    if "01" not in before:
        return False
    gained = after.keys() - before.keys()
    if "21" in gained and len(after["21"]) >= _MIN_SERIAL:
        return True
    first, last = _PLAUSIBLE_YEARS
    dated = any(first <= after[ai][:2] <= last and not after[ai].endswith("00")
                for ai in gained & {"11", "17"})  # fmt: skip
    return dated and bool(gained & {"10", "21"})


class _Search:
    """Every way to read a text in which separators may be missing, within bounds."""

    def __init__(self, body: str) -> None:
        self.body = body
        self.found: list[tuple[int, ...]] = []
        self.steps = 0

    def run(self, at: int, seen: frozenset[str], cuts: tuple[int, ...]) -> None:
        self.steps += 1
        if self.steps > _MAX_STEPS or len(self.found) >= _MAX_SPLITS:
            return
        while self.body.startswith(GS, at):
            at += 1
        if at == len(self.body):
            if cuts:
                self.found.append(cuts)
            return
        row = find_ai(self.body, at)
        if row is None or row.ai in seen:
            return
        start = at + len(row.ai)
        for end in self._ends(row, start):
            if _fits(row, self.body[start:end]):
                whole = row.predefined or end == len(self.body) or self.body[end] == GS
                self.run(end, seen | {row.ai}, cuts if whole else (*cuts, end))

    def _ends(self, row: ApplicationIdentifier, start: int) -> Iterator[int]:
        stop = self.body.find(GS, start)
        stop = len(self.body) if stop == -1 else stop
        if row.predefined:
            yield min(stop, start + row.longest)
            return
        limit = min(stop, start + row.longest)
        for end in range(start + 1, limit):
            following = find_ai(self.body, end)
            if following is not None and following.ai in _FOLLOWING:
                yield end
        if limit == stop or _begins_element(self.body, limit):
            yield limit


def _begins_element(body: str, at: int) -> bool:
    following = find_ai(body, at)
    return following is not None and following.ai in _FOLLOWING


def _fits(row: ApplicationIdentifier, value: str) -> bool:
    try:
        row.verify(value)
    except BarcodeError:
        return False
    return True


def _inserted(body: str, cuts: tuple[int, ...]) -> str:
    pieces, last = [], 0
    for cut in cuts:
        pieces.append(body[last:cut])
        last = cut
    return GS.join([*pieces, body[last:]])


def _unlikelihood(text: str) -> tuple[int, int, int]:
    """Sort what a pack would say first: a lot and a serial, no stub of either, few cuts."""
    stubs = usual = 0
    for piece in text.split(GS):
        at = 0
        while at < len(piece):
            row = find_ai(piece, at)
            if row is None:
                break
            value = piece[at + len(row.ai) :][: row.longest]
            if row.ai in {"10", "21"}:
                usual += 1
                stubs += len(value) < _MIN_SERIAL
            at += len(row.ai) + len(value)
    return -usual, stubs, text.count(GS)


def _replaced(shown: str, meant: str) -> Undone:
    message = f"the separator arrives as {shown!r}"
    return Undone(code="SEPARATOR_REPLACED", message=message, text=meant)


def _cut(text: str) -> tuple[str, str]:
    identifier = _SYMBOLOGY.match(text)
    end = identifier.end() if identifier else 0
    return text[:end], text[end:]
