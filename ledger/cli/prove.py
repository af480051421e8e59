"""`unbroken prove`: the evidence bundle of an item."""

import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

from ledger.cli import opened
from ledger.cli.exit_codes import file_error
from ledger.cli.output import JsonFlag, output_of, write_bytes

Url = Annotated[
    str | None, typer.Option("--url", help="Base URL of the ledger's API, if not this machine's.")
]


def prove(
    context: typer.Context,
    item: Annotated[str, typer.Argument(help="Canonical path, URN or Digital Link.")],
    file: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write, instead of stdout.")
    ] = None,
    url: Url = None,
    as_json: JsonFlag = False,
) -> None:
    """Fetch the evidence bundle of an item, for `unbroken-verify bundle`."""
    output = output_of(context, as_json=as_json)
    with opened.client(url) as client:
        bundle = client.proof(item)
    if file is None or str(file) == "-":
        write_bytes(bundle)
        return
    replace_file(file, bundle)
    output.say(f"{file}: {len(bundle):,} bytes; check it: unbroken-verify bundle {file}")


def replace_file(path: Path, content: bytes) -> None:
    """Write a file that is the old or the new one, whenever the machine stops.

    Raises:
        typer.BadParameter: It cannot be written.
    """
    try:
        _replace_file(path, content)
    except OSError as error:
        raise file_error(path, error) from error


def _replace_file(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with partial.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
