"""`unbroken fsck`: rebuild what is derived from the log, compare, and make it anew."""

import os
from typing import Annotated

import typer

from ledger.cli import opened
from ledger.cli.exit_codes import ExitCode
from ledger.cli.output import JsonFlag, output_of

_COLUMNS = ("check", "index", "detail")


def fsck(
    context: typer.Context,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Make item map and custody anew from the log first."),
    ] = False,
    workers: Annotated[
        int, typer.Option("--workers", min=1, help="Processes that share the work.")
    ] = os.cpu_count() or 1,
    as_json: JsonFlag = False,
) -> None:
    """Rebuild tiles, roots of heads, item map and custody from the entries, and compare."""
    output = output_of(context, as_json=as_json)
    checker = opened.node().fsck()
    with output.progress() as report:
        if repair:
            checker.repair()
        found = checker.run(workers=workers, progress=report)
    if output.as_json or output.as_lines:
        output.record(found)
    else:
        output.record({"checked": found["checked"]})
        output.rows(found["failed"], _COLUMNS) if found["failed"] else output.say("all of it holds")
    if found["failed"]:
        raise typer.Exit(ExitCode.FAILED)
