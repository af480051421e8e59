"""Barcodes as pictures: DataMatrix, QR and Code 128 as SVG or PNG, read back before they leave.

The same content gives the same bytes. A picture that does not read back as what was asked for,
with its symbology identifier, is refused: a label is printed a million times.
"""

from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from itertools import groupby
from typing import Any, Final

import zxingcpp
from PIL import Image

from ledger.core.barcodes.carried import Issuer
from ledger.core.barcodes.element_strings import format_elements
from ledger.core.barcodes.links import format_link
from ledger.core.barcodes.refusal import BarcodeError
from ledger.core.barcodes.scans import Reading, read_scan

# Pixels of one module: a printer's dot is a fraction of it, and readers want three at least.
DEFAULT_MODULE_PIXELS: Final = 8
# For the read-back of an SVG, which has no pixels of its own.
_READING_PIXELS: Final = 4
_DARK: Final = 0x80


class Symbol(StrEnum):
    """What is drawn."""

    DATAMATRIX = "datamatrix"
    QR = "qr"
    GS1_QR = "gs1-qr"
    CODE128 = "code128"


class Picture(StrEnum):
    """How it is written."""

    SVG = "svg"
    PNG = "png"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A picture that was read back."""

    content: bytes
    symbol: Symbol
    symbology: str
    """Identifier that a scanner sends: `]d2` and its like."""
    text: str
    """What a scanner sends behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    text: str
    symbol: Symbol
    expected: str
    symbology: str
    gs1: bool


# Any: the stubs of zxing-cpp know neither the buffer of an image nor one format as formats.
_FORMATS: Final[dict[Symbol, Any]] = {
    Symbol.DATAMATRIX: zxingcpp.BarcodeFormat.DataMatrix,
    Symbol.QR: zxingcpp.BarcodeFormat.QRCode,
    Symbol.GS1_QR: zxingcpp.BarcodeFormat.QRCode,
    Symbol.CODE128: zxingcpp.BarcodeFormat.Code128,
}
# General Specifications section 5.4.1: data of a GS1-128, AIs and separators included.
_MAX_GS1_128: Final = 48
# ISO/IEC 15424, with GS1 data and without.
_GS1: Final = {Symbol.DATAMATRIX: "]d2", Symbol.GS1_QR: "]Q3", Symbol.CODE128: "]C1"}
_PLAIN: Final = {Symbol.DATAMATRIX: "]d1", Symbol.QR: "]Q1", Symbol.CODE128: "]C0"}


def draw(
    text: str,
    symbol: Symbol | None = None,
    picture: Picture = Picture.SVG,
    module_pixels: int = DEFAULT_MODULE_PIXELS,
) -> Drawn:
    """Return the picture of a symbol.

    Args:
        text: element string, Digital Link, URN of a GS1 key, HIBC, ISBT 128 or IFA.
        symbol: QR for links and DataMatrix for all else, if not given; a QR of GS1 elements is
            their Digital Link.
        picture: SVG or PNG.
        module_pixels: width of a module in a PNG.

    Raises:
        BarcodeError: no data of a carrier, none that fits the symbol, or a picture that does not
            read back.
    """
    plan = _plan(text, read_scan(text), symbol)
    rows = _modules(plan)
    if picture is Picture.SVG:
        _verify(plan, _enlarged(rows, _READING_PIXELS))
        content = _svg(rows)
    else:
        image = _enlarged(rows, module_pixels)
        content = _png(image)
        _verify(plan, Image.open(BytesIO(content)).convert("L"))
    return Drawn(content=content, symbol=plan.symbol, symbology=plan.symbology, text=plan.expected)


def _plan(text: str, reading: Reading, symbol: Symbol | None) -> _Plan:
    is_link = reading.spelling == "digital_link"
    symbol = symbol or (Symbol.QR if is_link else Symbol.DATAMATRIX)
    body = text[len(reading.symbology) :]
    if reading.carried.issuer is Issuer.HIBC:
        body = body.strip("*")  # start and stop of Code 39, which other symbols have no place for
    if reading.carried.issuer is Issuer.GS1 and symbol in _GS1 and not (
        is_link and symbol is Symbol.DATAMATRIX
    ):  # fmt: skip
        elements = reading.carried.elements
        expected = format_elements(elements)
        if symbol is Symbol.CODE128 and len(expected) > _MAX_GS1_128:
            rule = f"must have at most {_MAX_GS1_128} characters"
            raise BarcodeError("TOO_LONG", rule, expected, symbol.value)
        return _Plan(
            text="".join(f"[{ai}]{value}" for ai, value in elements.items()),
            symbol=symbol,
            expected=expected,
            symbology=_GS1[symbol],
            gs1=True,
        )
    if symbol not in _PLAIN:
        raise BarcodeError("WRONG_SYMBOL", "holds GS1 elements only", text, symbol.value)
    if reading.carried.issuer is Issuer.GS1 and not is_link:
        body = format_link(reading.carried.elements)
    return _Plan(text=body, symbol=symbol, expected=body, symbology=_PLAIN[symbol], gs1=False)


def _modules(plan: _Plan) -> list[bytes]:
    """Return one byte a module, row by row, quiet zone included; 0 is dark."""
    options: dict[str, Any] = {"gs1": True} if plan.gs1 else {}
    if plan.symbol is Symbol.DATAMATRIX:
        options["force_square"] = True
    try:
        drawn = zxingcpp.create_barcode(plan.text, _FORMATS[plan.symbol], **options)
    except ValueError as error:
        raise BarcodeError("NOT_DRAWABLE", str(error), plan.text, plan.symbol.value) from None
    image: Any = drawn.to_image(scale=1)
    rows: Any = memoryview(image).tolist()
    return [bytes(row) for row in rows]


def _verify(plan: _Plan, image: Image.Image) -> None:
    found = zxingcpp.read_barcodes(image, formats=_FORMATS[plan.symbol])
    seen = [(one.symbology_identifier, one.bytes) for one in found]
    if seen != [(plan.symbology, plan.expected.encode())]:
        rule = f"the picture must read back as {plan.symbology}{plan.expected}"
        raise BarcodeError("READ_BACK_DIFFERS", rule, seen, plan.symbol.value)


def _enlarged(rows: list[bytes], pixels: int) -> Image.Image:
    image = Image.frombytes("L", (len(rows[0]), len(rows)), b"".join(rows))
    size = (image.width * pixels, image.height * pixels)
    return image.resize(size, Image.Resampling.NEAREST)


def _png(image: Image.Image) -> bytes:
    written = BytesIO()
    image.convert("1").save(written, "PNG")
    return written.getvalue()


def _svg(rows: list[bytes]) -> bytes:
    width, height = len(rows[0]), len(rows)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}" shape-rendering="crispEdges">'
        f'<rect width="{width}" height="{height}" fill="#fff"/>'
        f'<path d="{_outline(rows)}"/></svg>\n'
    ).encode()


def _outline(rows: list[bytes]) -> str:
    """Return the dark runs as rectangles; rows that are the same make one, as high as they are."""
    runs = []
    y = 0
    for row, same in groupby(rows):
        high = len(list(same))
        x = 0
        for dark, modules in groupby(row, key=lambda module: module < _DARK):
            wide = len(list(modules))
            if dark:
                runs.append(f"M{x} {y}h{wide}v{high}h-{wide}z")
            x += wide
        y += high
    return "".join(runs)
