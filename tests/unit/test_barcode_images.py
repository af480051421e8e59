"""Pictures of symbols: what is drawn reads back, and the same content gives the same bytes."""

import re
from io import BytesIO
from itertools import product

import pytest
import zxingcpp
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from ledger.barcode_images import Picture, Symbol, draw
from ledger.core.barcodes.element_strings import GS, format_elements
from ledger.core.barcodes.hibc import format_hibc
from ledger.core.barcodes.ifa import format_ifa
from ledger.core.barcodes.refusal import BarcodeError

GTIN = "09501101530003"
BRACKETED = f"(01){GTIN}(21)ABC12(17)280131(10)AB-123"
RAW = f"01{GTIN}21ABC12{GS}1728013110AB-123"
LINK = f"https://id.gs1.org/01/{GTIN}/10/AB-123/21/ABC12?17=280131"
GS1_128 = 48
# The largest DataMatrix holds 1,555 characters of mixed kinds.
MORE_THAN_FITS = "".join(
    [f"({ai})" + "!a%A" * 22 for ai in range(91, 100)]
    + [f"({ai})999" + "!a%A" * 6 for ai in range(7030, 7040)]
    + [f"({ai})99" + "!a%A" * 7 for ai in range(7230, 7240)]
    + [f"({ai})" + "!a%A" * 5 for ai in range(710, 718)]
    + [f"({ai})" + "!a%A" * 5 for ai in (10, 21, 7020, 7021)]
)
SET_82 = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize("picture", Picture)
@pytest.mark.parametrize(
    ("text", "symbol", "reads"),
    [
        (BRACKETED, None, f"]d2{RAW}"),
        (f"]C1{RAW}", Symbol.DATAMATRIX, f"]d2{RAW}"),
        (RAW, Symbol.GS1_QR, f"]Q3{RAW}"),
        (RAW, Symbol.CODE128, f"]C1{RAW}"),
        (RAW, Symbol.QR, f"]Q1{LINK}"),
        (LINK, None, f"]Q1{LINK}"),
        (LINK, Symbol.DATAMATRIX, f"]d1{LINK}"),
        ("urn:epc:id:sscc:0614141.0000000001", Symbol.CODE128, "]C100006141410000000012"),
        (format_hibc("A123BJC5D6E71"), None, "]d1+A123BJC5D6E71G"),
        (f"*{format_hibc('A123BJC5D6E71')}*", None, "]d1+A123BJC5D6E71G"),
        (format_hibc("A123BJC5D6E71"), Symbol.CODE128, "]C0+A123BJC5D6E71G"),
        (format_ifa("111234567842", serial="S"), None,
         "]d1" + format_ifa("111234567842", serial="S")),
    ],
)  # fmt: skip
def test_symbols(text: str, symbol: Symbol | None, reads: str, picture: Picture) -> None:
    drawn = draw(text, symbol, picture)
    assert drawn.symbology + drawn.text == reads
    assert draw(text, symbol, picture) == drawn
    assert scanned(drawn.content, picture) == reads


def scanned(content: bytes, picture: Picture) -> str:
    image = Image.open(BytesIO(content)) if picture is Picture.PNG else rasterised(content.decode())
    (found,) = zxingcpp.read_barcodes(image.convert("L"))
    return found.symbology_identifier + found.bytes.decode()


def rasterised(svg: str, pixels: int = 6) -> Image.Image:
    """Paint the rectangles of an SVG, as a browser would."""
    size = re.search(r'width="([0-9]+)" height="([0-9]+)"', svg)
    assert size is not None
    image = Image.new("L", (int(size[1]) * pixels, int(size[2]) * pixels), 255)
    for x, y, wide, high in re.findall(r"M([0-9]+) ([0-9]+)h([0-9]+)v([0-9]+)h-[0-9]+z", svg):
        box = (int(x), int(y), int(x) + int(wide), int(y) + int(high))
        image.paste(0, tuple(side * pixels for side in box))
    return image


def test_datamatrix_is_square_with_a_quiet_zone() -> None:
    image = Image.open(BytesIO(draw(BRACKETED, None, Picture.PNG, 3).content))
    assert image.width == image.height
    assert {image.getpixel((x, 0)) for x in range(image.width)} == {255}


@pytest.mark.parametrize(
    ("text", "symbol", "code"),
    [
        ("hello", None, "UNKNOWN_CARRIER"),
        (f"(01){GTIN[:-1]}4", None, "INVALID_CHECK_DIGIT"),
        (format_hibc("A123BJC5D6E71"), Symbol.GS1_QR, "WRONG_SYMBOL"),
        ("10LOT", Symbol.QR, "NO_ITEM"),
        (f"(01){GTIN}(240){'A' * 30}(241){'B' * 30}", Symbol.CODE128, "TOO_LONG"),
        (MORE_THAN_FITS, None, "NOT_DRAWABLE"),
    ],
)
def test_refusals(text: str, symbol: Symbol | None, code: str) -> None:
    with pytest.raises(BarcodeError) as refused:
        draw(text, symbol)
    assert refused.value.code == code


values = st.text(SET_82, min_size=1, max_size=20)


@settings(max_examples=40, deadline=None)
@given(lot=values, serial=values, way=st.sampled_from(list(product(Symbol, Picture))))
def test_any_lot_and_serial_read_back(lot: str, serial: str, way: tuple[Symbol, Picture]) -> None:
    symbol, picture = way
    elements = {"01": GTIN, "10": lot, "21": serial}
    raw = format_elements(elements)
    assume(symbol is not Symbol.CODE128 or len(raw) <= GS1_128)
    drawn = draw(raw, symbol, picture)
    assert scanned(drawn.content, picture) == drawn.symbology + drawn.text
    if symbol is not Symbol.QR:
        assert drawn.text == raw
