"""`unbroken policy`: what a verifier pins, as the ledger says it."""

from typing import Annotated

import typer

from ledger.cli import opened
from ledger.cli.output import JsonFlag, format_json, output_of, write_bytes
from ledger.cli.prove import OutputFile, Url, replace_file

BLOCKS = ("finalized", "safe", "latest")


def policy(
    context: typer.Context,
    file: OutputFile = None,
    block: Annotated[
        str, typer.Option("--block", help="Which block counts: finalized, safe or latest.")
    ] = BLOCKS[0],
    url: Url = None,
    as_json: JsonFlag = False,
) -> None:
    """Write what `unbroken-verify --policy` pins: whose log, at which contract of which chain."""
    output = output_of(context, as_json=as_json)
    if block not in BLOCKS:
        raise typer.BadParameter(f"--block is one of {', '.join(BLOCKS)}")
    with opened.client(url) as client:
        identity = client.identity()
    pins = {
        "log_id": identity.log_id().hex(),
        "registrar": identity.registrar.hex(),
        "chain_id": identity.chain_id,
        "contract": identity.contract.hex(),
        "block": block,
    }
    content = f"{format_json(pins, indent=2)}\n".encode()
    if file is None or str(file) == "-":
        write_bytes(content)
    else:
        replace_file(file, content)
    output.say(
        "this is what the ledger says of itself: compare it with what its operator publishes"
    )
