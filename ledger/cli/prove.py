"""`unbroken prove`: the evidence bundle of an item, or the proof that no entry names it."""

import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

from ledger.cli import opened
from ledger.cli.exit_codes import file_error
from ledger.cli.output import JsonFlag, Output, output_of, write_bytes

Url = Annotated[
    str | None, typer.Option("--url", help="Base URL of the ledger's API, if not this machine's.")
]


OutputFile = Annotated[
    Path | None, typer.Option("--output", "-o", help="File to write, instead of stdout.")
]


def prove(
    context: typer.Context,
    item: Annotated[str, typer.Argument(help="In any spelling that `unbroken item` reads.")],
    file: OutputFile = None,
    viewer: Annotated[
        str | None,
        typer.Option("--viewer", help="Party (GLN) that it is for: what it may not see is hidden."),
    ] = None,
    url: Url = None,
    as_json: JsonFlag = False,
) -> None:
    """Fetch the evidence of an item, or of its absence, for `unbroken-verify bundle`."""
    output = output_of(context, as_json=as_json)
    with opened.client(url) as client:
        content, is_absence = client.evidence(item, viewer)
    deliver(output, file, content)
    if is_absence:
        # Attack: who takes any verified file for a history would pass a clone. The format tells.
        where = "stdout" if file is None or str(file) == "-" else file
        output.say(f"NO HISTORY: no entry of the log names {item}; what is in {where} proves that")


def deliver(output: Output, file: Path | None, content: bytes) -> None:
    """Write evidence to a file, or to stdout, byte for byte."""
    if file is None or str(file) == "-":
        write_bytes(content)
        return
    replace_file(file, content)
    output.say(f"{file}: {len(content):,} bytes; check it: unbroken-verify bundle {file}")


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
