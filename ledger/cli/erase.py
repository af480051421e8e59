"""`unbroken erase`: destroys the content of an event on legal grounds. An operator's command."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.cli import opened
from ledger.cli.output import JsonFlag, output_of
from ledger.cli.registering import log_facts
from ledger.core.errors import InvariantError
from ledger.core.facts import tombstone

if TYPE_CHECKING:
    from ledger.bootstrap import Node


def erase(
    context: typer.Context,
    event: Annotated[str, typer.Argument(help="Log index, leaf hash or eventID.")],
    legal_basis: Annotated[
        str, typer.Option("--legal-basis", help="Logged for everyone to read, for ever.")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: it cannot be undone.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Log a tombstone, then destroy content, secret and document of an event; proofs stay."""
    from ledger.service.erase import find_erasable  # noqa: PLC0415 -- late, as in opened
    from ledger.store.erasure_store import SqlLoggedEvents  # noqa: PLC0415

    output = output_of(context, as_json=as_json)
    node = opened.node()
    log = SqlLoggedEvents(node.engine)
    index = find_erasable(log, event)
    if not yes:
        _confirm(index)
    log_facts(node, lambda registrar, at_ms: [tombstone(at_ms, registrar, index, legal_basis)])
    at = log.tombstone_of(index)
    if at is None:
        raise InvariantError(f"a tombstone of event {index} was logged and is not known")
    _integrate(node, at)
    output.record({"event": index, "tombstone": at, "legal_basis": legal_basis, "erased": True})
    output.say("copies in backups, replicas and freed disk space are not erased: docs/erasure.md")


def _confirm(index: int) -> None:
    if not sys.stdin.isatty():
        raise typer.BadParameter("it cannot be undone: say --yes", param_hint="--yes")
    question = f"Destroy the content of event {index} for ever, and all of its document?"
    typer.confirm(question, abort=True, err=True)


def _integrate(node: "Node", index: int) -> None:
    """Integrate up to an index, which destroys what its tombstone names; or the worker has."""
    integrator = node.integrator()
    while node.log.state().integrated <= index:
        integrator.run()
