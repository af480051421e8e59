"""`unbroken disclose`: chosen fields and items of one event."""

from typing import Annotated

import typer

from ledger.cli import opened
from ledger.cli.output import JsonFlag, output_of
from ledger.cli.prove import OutputFile, Url, deliver


def disclose(
    context: typer.Context,
    event: Annotated[str, typer.Argument(help="Log index, eventID, or leaf hash (0x…).")],
    fields: Annotated[
        list[str] | None,
        typer.Option("--fields", help="Members, or JSON pointers of rows, with commas between."),
    ] = None,
    items: Annotated[
        list[str] | None,
        typer.Option("--items", help="Items that the event names, with commas between."),
    ] = None,
    file: OutputFile = None,
    url: Url = None,
    as_json: JsonFlag = False,
) -> None:
    """Fetch evidence of chosen parts of one event; whatever else it says stays hidden."""
    output = output_of(context, as_json=as_json)
    with opened.client(url) as client:
        content = client.disclosure(event, _each(fields), _each(items))
    deliver(output, file, content)


def _each(lists: list[str] | None) -> list[str]:
    return [one.strip() for listed in lists or () for one in listed.split(",") if one.strip()]
