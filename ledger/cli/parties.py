"""`unbroken party`: who takes part. An operator's commands; they log facts by the registrar."""

from typing import TYPE_CHECKING, Annotated

import typer

from ledger.cli import opened
from ledger.cli.keys import known_party, register_key
from ledger.cli.output import JsonFlag, output_of
from ledger.cli.registering import log_facts
from ledger.core.entries import Address
from ledger.core.errors import NotPermittedError
from ledger.core.facts import party_added, party_turned
from ledger.core.identifiers import gln_path, party_key

if TYPE_CHECKING:
    from ledger.service.read_ports import Party

app = typer.Typer(help="Parties.", no_args_is_help=True, rich_markup_mode=None)
_COLUMNS = ("name", "path", "active", "keys")
Named = Annotated[str, typer.Argument(metavar="PARTY", help="GLN, canonical path or hash.")]


@app.command("add")
def add(
    context: typer.Context,
    name: Annotated[str, typer.Option("--name", help="As people read it.")],
    gln: Annotated[str, typer.Option("--gln", help="Its party GLN, 13 digits.")],
    key: Annotated[str, typer.Option("--key", help="Name of its first key: `unbroken key new`.")],
    as_json: JsonFlag = False,
) -> None:
    """Log a party with its first key; repeated, it adds the key to the known party."""
    output = output_of(context, as_json=as_json)
    path = gln_path(gln)
    party = party_key(path)
    node = opened.node()
    address = Address(node.keystore.address_of(key))
    node.keystore.private_key(key)  # a key that does not open must not leave a party without one
    if party not in node.log.directory().parties:
        log_facts(node, lambda registrar, at_ms: [party_added(at_ms, registrar, path, name)])
    if not node.log.directory().parties.get(party, False):
        raise NotPermittedError(f"the log holds no active party {path}")
    known = node.log.directory().keys.get(address)
    if known == (party, False):
        # A command that is repeated after a crash must not bring back what was revoked since.
        raise NotPermittedError(f"key {key} was revoked; unbroken key add {key} --party {gln}")
    if known is None or known[0] != party:
        register_key(node, party, key)
    row = {"party": party.hex(), "path": path, "name": name, "address": f"0x{address.hex()}"}
    output.record(row)


@app.command("suspend")
def suspend(context: typer.Context, party: Named, as_json: JsonFlag = False) -> None:
    """Let no key of a party sign from now on; what they signed before stays valid."""
    _turn(context, party, active=False, as_json=as_json)


@app.command("resume")
def resume(context: typer.Context, party: Named, as_json: JsonFlag = False) -> None:
    """Let the active keys of a suspended party sign again."""
    _turn(context, party, active=True, as_json=as_json)


def _turn(context: typer.Context, given: str, *, active: bool, as_json: bool) -> None:
    output = output_of(context, as_json=as_json)
    node = opened.node()
    party = known_party(node, given)
    if node.log.directory().parties[party] != active:
        log_facts(
            node, lambda registrar, at_ms: [party_turned(at_ms, registrar, party, active=active)]
        )
    output.record({"party": party.hex(), "active": node.log.directory().parties[party]})


@app.command("list")
def list_parties(context: typer.Context, as_json: JsonFlag = False) -> None:
    """Show all parties with their keys."""
    from ledger.store.read_store import SqlReadStore  # noqa: PLC0415 -- late, as in opened

    output = output_of(context, as_json=as_json)
    parties = SqlReadStore(opened.node().engine).parties()
    rows = [
        {
            "name": party.name,
            "path": party.path,
            "party": party.party.hex(),
            "active": party.active,
            "keys": [
                f"0x{address.hex()}{'' if active else ' (revoked)'}{_cheat(party, address)}"
                for address, active in party.keys
            ],
        }
        for party in parties
    ]
    output.rows(rows, _COLUMNS)


def _cheat(party: "Party", address: bytes) -> str:
    at = party.equivocated.get(address)
    return "" if at is None else f" (two owners for one token, proven at {at})"
