"""`unbroken epcis convert`: one EPCIS format to another, and what is lost on the way."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ledger.cli.documents import read_bytes
from ledger.cli.exit_codes import ExitCode
from ledger.cli.output import JsonFlag, JsonLinesFlag, Output, output_of, write_bytes
from ledger.core.epcis.document import Document, Format
from ledger.core.epcis.finding import DocumentFinding, Severity
from ledger.core.epcis.read import read_document
from ledger.core.epcis.write import write_document


def convert(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="EPCIS document; - is stdin.")],
    to: Annotated[Format, typer.Option("--to", help="Format to write.")],
    out: Annotated[Path | None, typer.Option("-o", help="Write here instead of to stdout.")] = None,
    as_json: JsonFlag = False,
    as_lines: JsonLinesFlag = False,
) -> None:
    """Convert an EPCIS document; its own format is told from its bytes."""
    output = output_of(context, as_json=as_json, as_lines=as_lines)
    document = read_document(read_bytes(file))
    _refuse_faulty(output, file, document)
    written, lost = write_document(document, to)
    if out is not None:
        out.write_bytes(written)
    if output.as_json or output.as_lines:
        row: dict[str, Any] = {
            "file": file,
            "to": to.value,
            "output": None if out is None else str(out),
        }
        if out is None:
            row["document"] = written.decode()
        output.record({**row, "lost": [_row(one) for one in lost]})
        return
    if out is None:
        write_bytes(written)
    for one in lost:
        _say(f"lost {one.pointer}: {one.message}")


def _refuse_faulty(output: Output, file: str, document: Document) -> None:
    """End where a fault of the format was found: nobody could say what a conversion of it means."""
    faults = [one for one in document.findings if one.severity is Severity.ERROR]
    if not faults:
        return
    if output.as_json or output.as_lines:
        output.record({"file": file, "refused": [_row(one) for one in faults]})
    else:
        for one in faults:
            _say(f"{one.code} {one.pointer}: {one.message}")
    raise typer.Exit(ExitCode.FAILED)


def _say(line: str) -> None:
    """Print one line on stderr; attack: names from a document that command a terminal."""
    typer.echo("".join(sign if sign.isprintable() else "?" for sign in line), err=True)


def _row(one: DocumentFinding) -> dict[str, Any]:
    return {
        "code": one.code,
        "severity": one.severity.value,
        "pointer": one.pointer,
        "value": one.value,
        "message": one.message,
    }
