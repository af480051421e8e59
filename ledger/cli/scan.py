"""`unbroken scan` and `unbroken barcode`: symbols read with diagnosis, and drawn."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from ledger.cli.exit_codes import ExitCode, file_error
from ledger.cli.output import JsonFlag, JsonLinesFlag, output_of, write_bytes
from ledger.cli.prove import replace_file
from ledger.cli.texts import Texts, lines_of, odd_bytes, texts_of, visible
from ledger.core.errors import MalformedError
from ledger.core.strict_json import parse_json

# Larger ones fill memory and help no reader.
MAX_MODULE = 64

_COLUMNS = ("input", "verdict", "elements", "diagnosis")


def scan(
    context: typer.Context,
    texts: Texts,
    known: Annotated[
        Path | None,
        typer.Option(
            "--known", help="File of known items: lines in any spelling, or a JSON array."
        ),
    ] = None,
    as_json: JsonFlag = False,
    as_lines: JsonLinesFlag = False,
) -> None:
    """Read what a scanner sent and say what went wrong on the way; nothing is corrected."""
    from ledger.core.barcodes.diagnosis import diagnose  # noqa: PLC0415 -- others start faster

    output = output_of(context, as_json=as_json, as_lines=as_lines)
    oracle = None if known is None else _oracle(known)
    rows = [{**diagnose(text, oracle).as_json(), **odd_bytes(text)} for text in texts_of(texts)]
    shown = rows if output.as_json or output.as_lines else [_for_people(row) for row in rows]
    output.rows(shown, _COLUMNS)
    if any(row["verdict"] != "ok" for row in rows):
        raise typer.Exit(ExitCode.FAILED)


def _oracle(file: Path) -> Callable[[str], bool]:
    from ledger.core.barcodes.items import name_item  # noqa: PLC0415 -- as above
    from ledger.core.barcodes.scans import lot_path  # noqa: PLC0415 -- as above
    from ledger.core.prefix_lengths import PrefixLengths  # noqa: PLC0415 -- as above

    lengths = PrefixLengths()
    paths = set()
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise file_error(file, error) from error
    for number, text in enumerate(_known_texts(raw), start=1):
        try:
            named = name_item(text, lengths)
        except MalformedError as error:
            raise MalformedError(f"{file}, item {number}", str(error)) from None
        paths.add(named.path)
        gtin, lot = named.attributes.get("gtin"), named.attributes.get("lot")
        if gtin and lot:
            paths.add(lot_path(gtin, lot))
    return paths.__contains__


def _known_texts(raw: bytes) -> list[str]:
    """Return the lines that are not empty, or the strings of a JSON array."""
    if raw.lstrip().startswith((b'["', b"[\n", b"[ ")):
        given = parse_json(raw)
        texts = [one for one in given if isinstance(one, str)] if isinstance(given, list) else []
        if not isinstance(given, list) or len(texts) != len(given):
            raise MalformedError("known items", "must be lines or a JSON array of strings")
        return texts
    lines = (line.removesuffix("\r") for line in lines_of(raw))
    return [line for line in lines if line]


def _for_people(row: dict[str, Any]) -> dict[str, Any]:
    elements = " ".join(f"({ai}) {value}" for ai, value in row["elements"].items())
    lines: dict[str, str] = {}
    for one in row["diagnosis"]:
        suggestion = one.get("suggestion")
        meant = f"; perhaps {suggestion['text']}" if suggestion else ""
        lines.setdefault(one["code"], f"{one['code']}: {visible(one['message'] + meant)}")
    return {
        "input": visible(row["input"]),
        "verdict": row["verdict"],
        "elements": elements,
        "diagnosis": " · ".join(lines.values()),
    }


def barcode(
    context: typer.Context,
    text: Annotated[
        str, typer.Argument(help="Element string, Digital Link, EPC URN, HIBC, ISBT 128 or IFA.")
    ],
    file: Annotated[
        Path, typer.Option("--output", "-o", help="File to write, PNG if it ends so; - is stdout.")
    ],
    symbol: Annotated[
        str | None,
        typer.Option("--symbol", help="datamatrix, qr, gs1-qr or code128."),
    ] = None,
    module: Annotated[
        int,
        typer.Option("--module", min=1, max=MAX_MODULE, help="Pixels of a module in a PNG."),
    ] = 8,
    as_json: JsonFlag = False,
) -> None:
    """Draw a symbol as SVG or PNG and read it back; what reads back otherwise is refused."""
    from ledger.barcode_images import Picture, Symbol, draw  # noqa: PLC0415 -- loads zxing

    output = output_of(context, as_json=as_json)
    if symbol is not None and symbol not in set(Symbol):
        raise typer.BadParameter(f"one of {', '.join(Symbol)}", param_hint="--symbol")
    picture = Picture.PNG if file.suffix.lower() == ".png" else Picture.SVG
    drawn = draw(text, None if symbol is None else Symbol(symbol), picture, module)
    if str(file) == "-":
        write_bytes(drawn.content)
        return
    replace_file(file, drawn.content)
    row = {"file": str(file), "symbol": drawn.symbol.value, "reads": drawn.symbology + drawn.text}
    output.record(row if output.as_json else {**row, "reads": visible(row["reads"])})
