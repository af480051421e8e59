"""`unbroken epcis hash`: the names by which partners know events."""

from typing import Annotated

import typer

from ledger.cli.documents import errors_of, read_bytes, tell_errors
from ledger.cli.exit_codes import ExitCode
from ledger.cli.output import JsonFlag, JsonLinesFlag, output_of
from ledger.clock import now_ms
from ledger.core.epcis.check import check_bytes
from ledger.core.epcis.event_hash import event_hash, event_prehash
from ledger.core.epcis.read import read_document


def hash_events(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="EPCIS document; - is stdin.")],
    prehash: Annotated[
        bool, typer.Option("--prehash", help="Print the texts that are hashed instead.")
    ] = False,
    as_json: JsonFlag = False,
    as_lines: JsonLinesFlag = False,
) -> None:
    """Print the CBV 2.0 hash of every event, one a line, in the order of the document."""
    output = output_of(context, as_json=as_json, as_lines=as_lines)
    raw = read_bytes(file)
    document = read_document(raw)
    outer = document.members.get("@context")
    name = event_prehash if prehash else event_hash
    output.texts([name(event, outer) for event in document.events])
    tell_errors(file, errors_of(check_bytes(raw, at_ms=now_ms()).findings))
    strange = [one for one in document.findings if one.code == "NOT_AN_EVENT"]
    for one in strange:
        output.say(f"{one.pointer} is no event and has no hash")
    if strange:
        raise typer.Exit(ExitCode.FAILED)
