"""Keyboards: what becomes of a scan that is typed by a scanner of one layout on a host of another.

A scanner that acts as a keyboard sends keys, not characters. Each layout is its keys in one order
of places (digit row, three letter rows, a blank between), once plain and once with shift.
"""

import unicodedata
from dataclasses import dataclass
from itertools import permutations
from typing import Final

_NONE: Final = "\ufffd"
_LAYOUTS: Final = {
    "US": (
        "`1234567890-= qwertyuiop[]\\ asdfghjkl;' zxcvbnm,./",
        '~!@#$%^&*()_+ QWERTYUIOP{}| ASDFGHJKL:" ZXCVBNM<>?',
    ),
    "AZERTY": (
        "²&é\"'(-è_çà)= azertyuiop^$* qsdfghjklmù wxcvbn,;:!",
        f"{_NONE}1234567890°+ AZERTYUIOP¨£µ QSDFGHJKLM% WXCVBN?./§",
    ),
    "QWERTZ": (
        "^1234567890ß\u00b4 qwertzuiopü+# asdfghjklöä yxcvbnm,.-",
        "°!\"§$%&/()=?` QWERTZUIOPÜ*' ASDFGHJKLÖÄ YXCVBNM;:_",
    ),
}
# Characters that need a third level, by the key they share; a scanner's AltGr gets lost on the way.
_ALTGR: Final = {
    "AZERTY": {'"': "#", "'": "{", "(": "[", "-": "|", "_": "\\", "à": "@", ")": "]", "=": "}"},
    "QWERTZ": {"7": "{", "8": "[", "9": "]", "0": "}", "ß": "\\", "q": "@", "+": "~"},
}
# A dead key waits for the next letter: acute and A arrive as one Á.
_DEAD_ACUTE: Final = "\u0301"


@dataclass(frozen=True, slots=True)
class Mistyping:
    """A scanner's layout, its host's, and whether the host's Caps Lock was on."""

    scanner: str
    host: str

    @property
    def words(self) -> str:
        """The fault in words."""
        return f"the scanner types for a {self.scanner} keyboard, the computer has {self.host}"


def type_on(text: str, mistyping: Mistyping) -> str:
    """Return what arrives; characters that the scanner's layout lacks arrive unchanged."""
    return text.translate(_TYPED[mistyping.scanner, mistyping.host])


def untype(text: str, mistyping: Mistyping) -> str:
    """Return what the scanner meant."""
    if mistyping.host == "QWERTZ" and not text.isascii():
        text = "".join(_separated(one) for one in text)
    return text.translate(_TYPED[mistyping.host, mistyping.scanner])


def swap_case(text: str) -> str:
    """Return the text with Caps Lock on: letters change case, nothing else does."""
    return text.translate(_SWAPPED)


def swap_shift(text: str, host: str) -> str:
    """Return the text with Caps Lock on where it is a shift lock: AZERTY's takes the digits too."""
    return text.translate(_SHIFTED[host])


def _separated(one: str) -> str:
    parts = unicodedata.normalize("NFD", one)
    if len(parts) > 1 and parts[1] == _DEAD_ACUTE:
        return f"\u00b4{parts[0]}"
    return one


def _table(scanner: str, host: str) -> dict[int, str]:
    table: dict[int, str] = {}
    # The third level first: where a key means two things, the plain one stands.
    places = {key: place for place, key in enumerate(_LAYOUTS[scanner][0])}
    for key, character in _ALTGR.get(scanner, {}).items():
        table[ord(character)] = _LAYOUTS[host][0][places[key]]
    for own, theirs in zip(_LAYOUTS[scanner], _LAYOUTS[host], strict=True):
        table |= {
            ord(one): other
            for one, other in zip(own, theirs, strict=True)
            if _NONE not in one + other
        }
    return table


LAYOUT_FAULTS: Final = tuple(Mistyping(*pair) for pair in permutations(_LAYOUTS, 2))
_TYPED: Final = {(one, other): _table(one, other) for one, other in permutations(_LAYOUTS, 2)}
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyzäöü"
_SWAPPED: Final = str.maketrans(_LETTERS + _LETTERS.upper(), _LETTERS.upper() + _LETTERS)
_SHIFTED: Final = {
    name: {
        ord(one): other
        for one, other in (*zip(*keys, strict=True), *zip(*reversed(keys), strict=True))
        if _NONE not in one + other
    }
    for name, keys in _LAYOUTS.items()
}
