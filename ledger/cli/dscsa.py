"""`unbroken dscsa`: what the United States' supply chain act asks of a file."""

import typer

from ledger.cli.documents import Files, file_row, print_checks, read_bytes, unreadable
from ledger.cli.output import JsonFlag, JsonLinesFlag, output_of
from ledger.core.epcis.dscsa import check_dscsa
from ledger.core.epcis.finding import DocumentFinding
from ledger.core.epcis.read import read_document
from ledger.core.errors import MalformedError

app = typer.Typer(
    help="Drug Supply Chain Security Act.", no_args_is_help=True, rich_markup_mode=None
)


@app.callback()
def dscsa() -> None:
    """Drug Supply Chain Security Act."""


@app.command("check")
def check(
    context: typer.Context,
    files: Files,
    as_json: JsonFlag = False,
    as_lines: JsonLinesFlag = False,
) -> None:
    """Check that files carry whole transaction information and a statement."""
    output = output_of(context, as_json=as_json, as_lines=as_lines)
    print_checks(output, files, lambda file: file_row(file, _findings(file)))


def _findings(file: str) -> list[DocumentFinding]:
    try:
        return check_dscsa(read_document(read_bytes(file)))
    except MalformedError as error:
        return [unreadable(error)]
