"""`unbroken epcis`: EPCIS documents without a ledger; each command has its own module."""

import typer

from ledger.cli import check, convert
from ledger.cli import hash as hashing

app = typer.Typer(
    help="EPCIS documents: nothing is stored.", no_args_is_help=True, rich_markup_mode=None
)


@app.callback()
def epcis() -> None:
    """EPCIS documents: nothing is stored."""


app.command("check")(check.check)
app.command("hash")(hashing.hash_events)
app.command("convert")(convert.convert)
