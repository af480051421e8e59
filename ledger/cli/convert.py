"""`unbroken epcis convert`: one EPCIS format to another, and what is lost on the way."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ledger.cli.documents import errors_of, read_bytes, say_plainly, tell_errors
from ledger.cli.exit_codes import ExitCode, file_error
from ledger.cli.output import JsonFlag, JsonLinesFlag, Output, output_of, write_bytes
from ledger.clock import now_ms
from ledger.core.epcis.check import check_bytes, check_events
from ledger.core.epcis.document import Format
from ledger.core.epcis.finding import DocumentFinding
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
    # A fault of the format: nobody could say what a conversion of it means.
    _refuse(output, file, errors_of(document.findings))
    faults = errors_of(check_events(document, at_ms=now_ms()))
    written, lost = write_document(document, to)
    if not faults:
        # JSON has rules that the XSD has not: what was right would be wrong with its receiver.
        faults_there = errors_of(check_bytes(written, at_ms=now_ms()).findings)
        _refuse(output, file, faults_there, why=f"{file} cannot be written as {to.value}:")
    tell_errors(file, faults)
    if out is not None:
        try:
            out.write_bytes(written)
        except OSError as error:
            raise file_error(out, error) from error
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
        say_plainly(f"lost {one.pointer}: {one.message}")


def _refuse(output: Output, file: str, faults: Sequence[DocumentFinding], why: str = "") -> None:
    """End, and write nothing, where there are faults."""
    if not faults:
        return
    if output.as_json or output.as_lines:
        output.record({"file": file, "refused": [_row(one) for one in faults]})
    else:
        if why:
            say_plainly(why)
        for one in faults:
            say_plainly(f"{one.code} {one.pointer}: {one.message}")
    raise typer.Exit(ExitCode.FAILED)


def _row(one: DocumentFinding) -> dict[str, Any]:
    return {
        "code": one.code,
        "severity": one.severity.value,
        "pointer": one.pointer,
        "value": one.value,
        "message": one.message,
    }
