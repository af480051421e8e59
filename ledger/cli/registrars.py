"""`unbroken registrar`: who signs the log's facts. An operator's command."""

from typing import TYPE_CHECKING, Annotated

import typer

from ledger.cli import opened
from ledger.cli.keys import new_or_known
from ledger.cli.output import JsonFlag, output_of
from ledger.cli.registering import log_facts
from ledger.core.entries import Address, Z
from ledger.core.errors import NotAnchoredError
from ledger.core.facts import claim_key, registrar_rotated

if TYPE_CHECKING:
    from ledger.bootstrap import Node

app = typer.Typer(
    help="The registrar, who signs parties and keys.", no_args_is_help=True, rich_markup_mode=None
)


@app.callback()
def registrar() -> None:
    """The registrar, who signs parties and keys."""


@app.command("rotate")
def rotate(
    context: typer.Context,
    to: Annotated[str, typer.Option("--to", help="Name of the incoming registrar's key.")],
    as_json: JsonFlag = False,
) -> None:
    """Hand the registrar's office to another key, in the log and on its chain; repeatable."""
    output = output_of(context, as_json=as_json)
    node = opened.node()
    incoming = new_or_known(node.keystore, to)
    # The log first: a crash behind it leaves the chain with the outgoing registrar, whose order is
    # still valid there. The other way round, nobody could sign the log's own entry.
    if node.registrar_address() != incoming:
        _rotate_log(node, to, incoming)
    is_there = node.rotate_registrar_on_chain(incoming)
    output.record(
        {
            "name": to,
            "registrar": f"0x{incoming.hex()}",
            "chain": "rotated" if is_there else "not open",
        }
    )
    if not is_there:
        raise NotAnchoredError(
            f"the log is not open on its chain yet; then: unbroken registrar rotate --to {to}"
        )


def _rotate_log(node: "Node", name: str, incoming: Address) -> None:
    proof = claim_key(node.keystore.private_key(name), node.identity, Z, incoming)
    log_facts(node, lambda outgoing, at_ms: [registrar_rotated(at_ms, outgoing, incoming, proof)])
