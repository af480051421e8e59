"""`unbroken audit`: replay everything."""

import os
from typing import Annotated

import typer

from ledger.cli import opened
from ledger.cli.exit_codes import ExitCode
from ledger.cli.output import JsonFlag, output_of

_COLUMNS = ("check", "index", "detail")


def audit(
    context: typer.Context,
    workers: Annotated[
        int, typer.Option("--workers", min=1, help="Processes that share the work.")
    ] = os.cpu_count() or 1,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Leave out contents, documents, custody and recovery ids."),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Replay the log: bytes, signatures, rights, tree, heads, anchors, contents, custody."""
    output = output_of(context, as_json=as_json)
    auditor = opened.node().auditor()
    with output.progress() as report:
        found = auditor.run(workers=workers, quick=quick, progress=report)
    if output.as_json or output.as_lines:
        output.record(found)
    else:
        output.record({"checked": found["checked"]})
        output.rows(found["failed"], _COLUMNS) if found["failed"] else output.say("all of it holds")
    if found["failed"]:
        raise typer.Exit(ExitCode.FAILED)
