"""`unbroken demo`: the main job on embedded parts."""

from typing import Annotated

import typer

from ledger.cli import opened
from ledger.cli.output import JsonFlag, output_of


def demo(
    context: typer.Context,
    once: Annotated[
        bool,
        typer.Option("--once", help="Stop when it is played, instead of serving API and docs."),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Play a product's whole supply on embedded parts, attack it, and show what held."""
    from ledger.demo.run import run_demo  # noqa: PLC0415 -- two seconds, for this command only

    wanted = output_of(context, as_json=as_json)
    raise typer.Exit(run_demo(opened.settings(), once=once, as_json=wanted.as_json))
