"""Scans of medicine packs and what keyboards, scanners, programs and people make of them.

Every corruption is made here, by its own means (the keyboard tables excepted: `type_on` is the
model of typing, its inverse is what is tested), seeded, one kind at a time or a layout together
with a lost separator. `scan` is what the label says, `raw` what arrives.
"""

import random
import string
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from ledger.core.barcodes.keyboards import LAYOUT_FAULTS, swap_shift, type_on
from ledger.core.gs1_keys import check_digit

GS = "\x1d"
STAND_INS = (
    "<GS>", "{GS}", "[GS]", "<gs>", "|", "~", "^", " ", "^]", "\\x1d", "\\u001d", "{FNC1}",
    "[FNC1]", "<FNC1>", "&#29;", "%1D", "_x001D_", "#", "@", "\u241d", "\t", "\x1e", "~d029",
)  # fmt: skip
ENDS = ("\r", "\n", "\r\n", " ", "\t", "\x00", "\u00a0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What one pack says, and how its symbol says it."""

    elements: dict[str, str]
    scan: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Corruption:
    """One scan gone wrong."""

    kind: str
    codes: frozenset[str]
    """Any of these explains it."""
    label: Label
    raw: str
    recoverable: bool


ALPHABETS = (
    string.digits,
    string.digits + string.ascii_uppercase,
    "0123456789ACDEFGHJKLMNPQRTUVWXYZ",
    string.digits + string.ascii_letters,
    string.digits + string.ascii_uppercase + "-./_",
)


def element_string(elements: dict[str, str]) -> str:
    text = ""
    for ai, value in elements.items():
        text += ai + value + ("" if ai in {"00", "01", "11", "17"} else GS)
    return text.removesuffix(GS)


def digital_link(elements: dict[str, str]) -> str:
    path = "".join(f"/{ai}/{quote(elements[ai], safe='')}" for ai in ("01", "10", "21"))
    return f"https://id.gs1.org{path}?17={elements['17']}"


def label(chance: random.Random, *, form: str | None = None, alphabet: str | None = None) -> Label:
    """A pack with GTIN, expiry, lot and serial."""
    body = chance.choice(("0", "0", "0", "1")) + "".join(chance.choices(string.digits, k=12))
    gtin = body + check_digit(body)
    letters = alphabet or chance.choice(ALPHABETS)
    lot = "".join(chance.choices(letters, k=chance.randint(4, 10)))
    serial = "".join(chance.choices(letters, k=chance.randint(8, 20)))
    expiry = (
        f"{chance.randint(26, 34)}{chance.randint(1, 12):02d}{chance.choice((0, 1, 15, 28)):02d}"
    )
    known = {"01": gtin, "17": expiry, "10": lot, "21": serial}
    order = chance.choice(
        (("01", "17", "10", "21"), ("01", "21", "17", "10"), ("01", "21", "10", "17"))
    )
    elements = {ai: known[ai] for ai in order}
    path = f"/01/{gtin}/21/{quote(serial, safe='')}"
    form = form or chance.choice(("raw", "raw", "]d2", "]Q3", "bracketed", "link"))
    if form == "bracketed":
        scan = "".join(f"({ai}){value}" for ai, value in elements.items())
    elif form == "link":
        scan = digital_link(elements)
    else:
        scan = ("" if form == "raw" else form) + element_string(elements)
    return Label(elements=elements, scan=scan, path=path)


def pallet(chance: random.Random) -> Label:
    """An SSCC, as a logistic label carries it."""
    body = "0" + "".join(chance.choices(string.digits, k=16))
    elements = {"00": body + check_digit(body)}
    return Label(elements=elements, scan=element_string(elements), path=f"/00/{elements['00']}")


def _corruption(
    kind: str, codes: str, label: Label, raw: str, *, recoverable: bool = True
) -> Corruption:
    return Corruption(
        kind=kind, codes=frozenset(codes.split()), label=label, raw=raw, recoverable=recoverable
    )


def _element_scan(chance: random.Random) -> Label:
    return label(chance, form=chance.choice(("raw", "]d2", "]C1", "]Q3")))


def caps_lock(chance: random.Random) -> Corruption:
    one = label(chance)
    while one.elements["21"].isdigit():
        one = label(chance)
    return _corruption("caps lock", "CAPS_LOCK", one, one.scan.swapcase())


def layout(chance: random.Random) -> Corruption:
    one, fault = label(chance), chance.choice(LAYOUT_FAULTS)
    # Digits that stay digits leave nothing to tell, and a lot beside a known serial tells nothing.
    while type_on(one.elements["21"], fault) == one.elements["21"]:
        one = label(chance)
    kind = f"layout {fault.scanner} on {fault.host}"
    return _corruption(kind, "KEYBOARD_LAYOUT", one, type_on(one.scan, fault))


def shift_lock(chance: random.Random) -> Corruption:
    one = label(chance)
    fault = chance.choice([fault for fault in LAYOUT_FAULTS if fault.host == "AZERTY"])
    raw = swap_shift(type_on(one.scan, fault), "AZERTY")
    return _corruption("layout and shift lock", "KEYBOARD_LAYOUT CAPS_LOCK", one, raw)


def layout_without_separators(chance: random.Random) -> Corruption:
    one = _element_scan(chance)
    fault = chance.choice(LAYOUT_FAULTS)
    raw = type_on(one.scan.replace(GS, ""), fault)
    return _corruption("layout and lost separators", "KEYBOARD_LAYOUT SEPARATOR_LOST", one, raw)


def separators_lost(chance: random.Random) -> Corruption:
    one = _element_scan(chance)
    return _corruption("separators lost", "SEPARATOR_LOST", one, one.scan.replace(GS, ""))


def separators_replaced(chance: random.Random) -> Corruption:
    one = _element_scan(chance)
    shown = chance.choice(STAND_INS)
    codes = "SEPARATOR_REPLACED WHITESPACE" if shown.isspace() else "SEPARATOR_REPLACED"
    codes += " PERCENT_ENCODED" * (shown == "%1D")
    return _corruption(f"separator as {shown!r}", codes, one, one.scan.replace(GS, shown))


def zero_stripped(chance: random.Random) -> Corruption:
    while True:
        one = chance.choice((_element_scan, lambda c: label(c, form="bracketed"), pallet))(chance)
        key = next(iter(one.elements))
        value = one.elements[key]
        if value.startswith("0"):
            break
    shorter = value.lstrip("0") if chance.random() < 0.5 else value[1:]
    raw = one.scan.replace(value, shorter, 1)
    return _corruption("zeros of a key", "LEADING_ZERO_STRIPPED", one, raw)


def text_as_number(chance: random.Random) -> Corruption:
    one = chance.choice((lambda c: label(c, form="raw"), pallet))(chance)
    return _corruption("zeros of the text", "LEADING_ZERO_STRIPPED", one, one.scan.lstrip("0"))


def zeros_of_serial(chance: random.Random) -> Corruption:
    one = label(chance, form="raw", alphabet=string.digits)
    elements = one.elements | {"21": "0" + one.elements["21"][1:]}
    one = Label(elements=elements, scan=element_string(elements),
                path=f"/01/{elements['01']}/21/{elements['21']}")  # fmt: skip
    raw = element_string(elements | {"21": elements["21"].lstrip("0")})
    return _corruption("zeros of a serial", "LEADING_ZERO_STRIPPED", one, raw)


def white_space(chance: random.Random) -> Corruption:
    one = label(chance)
    end = chance.choice(ENDS)
    raw = chance.choice((one.scan + end, end + one.scan, end + one.scan + end))
    return _corruption("white space around", "WHITESPACE", one, raw)


def spaced(chance: random.Random) -> Corruption:
    one = label(chance, form="bracketed")
    raw = one.scan.replace("(", " (").replace(")", ") ")
    return _corruption("white space within", "WHITESPACE", one, raw)


def wrapped_link(chance: random.Random) -> Corruption:
    one = label(chance, form="link")
    ways: tuple[Callable[[str], str], ...] = (
        lambda link: f"Scan result: {link}",
        lambda link: f"<{link}>",
        lambda link: f'"{link}"',
        lambda link: f"URL:{link} (QR)",
        lambda link: f"https://r.example/?url={quote(link, safe='')}&x=1",
        lambda link: f"https://r.example/go?to={link}",
        lambda link: quote(link, safe=""),
        lambda link: quote(quote(link, safe=""), safe=""),
    )
    return _corruption(
        "link wrapped", "WRAPPED_URL PERCENT_ENCODED", one, chance.choice(ways)(one.scan)
    )


def elements_in_link(chance: random.Random) -> Corruption:
    one = label(chance, form=chance.choice(("raw", "]d2", "bracketed")))
    inner = quote(one.scan, safe="")
    raw = chance.choice(("https://s.example/?code={}", "http://s.example/scan/{}?v=2")).format(
        inner
    )
    return _corruption("elements in a link", "WRAPPED_URL PERCENT_ENCODED", one, raw)


def wrapped_elements(chance: random.Random) -> Corruption:
    one = label(chance, form=chance.choice(("]d2", "bracketed")))
    raw = chance.choice(("UDI: {}", "'{}'", "barcode={}", "[{}]", "*{}")).format(one.scan)
    return _corruption("elements wrapped", "WRAPPED WHITESPACE SEPARATOR_REPLACED", one, raw)


def scheme_lost(chance: random.Random) -> Corruption:
    one = label(chance, form="link")
    start = chance.choice(("https://", "https:", "h", "ht", "https", "https://id.gs1.org"))
    raw = one.scan.removeprefix(start)
    return _corruption("scheme lost", "SCHEME_LOST", one, raw)


def encoded_twice(chance: random.Random) -> Corruption:
    one = label(chance, form="link", alphabet=string.digits + string.ascii_uppercase + "/&?+:")
    serial = one.elements["21"]
    if serial.isalnum():
        return encoded_twice(chance)
    raw = one.scan.replace("%", "%25")
    return _corruption("link encoded twice", "PERCENT_ENCODED", one, raw)


def doubled(chance: random.Random) -> Corruption:
    one = label(chance)
    between = chance.choice(("", "", "\n", "\r\n", GS, " "))
    return _corruption("doubled", "DOUBLED MERGED WHITESPACE", one, one.scan + between + one.scan)


def merged(chance: random.Random) -> Corruption:
    one, other = (label(chance, form="]d2") for _ in range(2))
    raw = one.scan + chance.choice(("", "\r\n")) + other.scan
    return _corruption("two scans in one", "MERGED", one, raw)


def truncated(chance: random.Random) -> Corruption:
    """Cut within an element of fixed length: within a lot or serial nothing shows the loss."""
    one = label(chance, form=chance.choice(("raw", "]d2")))
    # 8, 12 or 13 digits with a right check digit would be another GTIN.
    end = one.scan.index("01") + 2 + chance.choice((1, 2, 3, 4, 5, 7, 8, 9, 13))
    return _corruption("truncated", "TRUNCATED", one, one.scan[:end], recoverable=False)


KINDS: tuple[Callable[[random.Random], Corruption], ...] = (
    caps_lock, layout, layout, shift_lock, layout_without_separators, separators_lost,
    separators_lost, separators_replaced, separators_replaced, zero_stripped, text_as_number,
    zeros_of_serial, white_space, spaced, wrapped_link, elements_in_link, wrapped_elements,
    scheme_lost, encoded_twice, doubled, merged, truncated,
)  # fmt: skip


def corruptions(count: int, seed: int) -> list[Corruption]:
    """Corruptions of every kind in turn; a draw that changes nothing is drawn again."""
    chance = random.Random(seed)
    made: list[Corruption] = []
    while len(made) < count:
        one = KINDS[len(made) % len(KINDS)](chance)
        if one.raw != one.label.scan:
            made.append(one)
    return made
