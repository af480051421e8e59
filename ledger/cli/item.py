"""`unbroken item`: any spelling to the canonical item."""

from typing import Any

import typer

from ledger.cli.exit_codes import ExitCode
from ledger.cli.output import JsonFlag, JsonLinesFlag, output_of
from ledger.cli.texts import Texts, odd_bytes, texts_of, visible

_COLUMNS = ("input", "item", "kind", "detail")
# What people see of the attributes; programs get all.
_DETAILS = ("lot", "expiry", "urn", "pzn")


def item(
    context: typer.Context,
    texts: Texts,
    as_json: JsonFlag = False,
    as_lines: JsonLinesFlag = False,
) -> None:
    """Name the item of each text: URN, link, element string, scan, HIBC, ICCBBA, IFA or NDC."""
    output = output_of(context, as_json=as_json, as_lines=as_lines)
    rows = _rows(list(texts_of(texts)))
    shown = rows if output.as_json or output.as_lines else [_for_people(row) for row in rows]
    output.rows(shown, _COLUMNS)
    if any("error" in row for row in rows):
        raise typer.Exit(ExitCode.FAILED)


def _rows(texts: list[str]) -> list[dict[str, Any]]:
    from ledger.core.barcodes.items import name_item  # noqa: PLC0415 -- other commands start faster
    from ledger.core.barcodes.refusal import BarcodeError  # noqa: PLC0415 -- as above
    from ledger.core.prefix_lengths import PrefixLengths  # noqa: PLC0415 -- as above

    lengths = PrefixLengths()
    for text in texts:
        lengths.learn(text)
    rows = []
    for text in texts:
        try:
            rows.append({**name_item(text, lengths).as_json(text), **odd_bytes(text)})
        except BarcodeError as error:
            told = {"code": error.code, "message": str(error)}
            rows.append({"input": text, **odd_bytes(text), "error": told})
    return rows


def _for_people(row: dict[str, Any]) -> dict[str, Any]:
    if "error" in row:
        error = row["error"]
        detail = f"{error['code']}: {visible(error['message'])}"
        return {"input": visible(row["input"]), "kind": "refused", "detail": detail}
    attributes = row["attributes"]
    details = [f"{name} {attributes[name]}" for name in _DETAILS if name in attributes]
    if "ndc" in attributes:
        codes = " or ".join(one["ndc"] for one in attributes["ndc"]["candidates"])
        details.append(f"NDC {codes}")
    details += [f"suspect: {one['code']}" for one in attributes.get("suspicions", ())]
    return {**row, "input": visible(row["input"]), "detail": ", ".join(details)}
