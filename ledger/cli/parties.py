"""`unbroken party`: who takes part. An operator's commands; they log facts by the registrar."""

from typing import Annotated

import typer

from ledger.cli import opened
from ledger.cli.keys import register_key, sequence
from ledger.cli.output import JsonFlag, output_of
from ledger.clock import now_ms
from ledger.core.entries import Address
from ledger.core.errors import NotPermittedError
from ledger.core.facts import party_added
from ledger.core.identifiers import party_key, party_path

app = typer.Typer(help="Parties.", no_args_is_help=True, rich_markup_mode=None)
_COLUMNS = ("name", "path", "active", "keys")


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
    path = party_path(f"https://id.gs1.org/417/{gln}")
    party = party_key(path)
    node = opened.node()
    address = Address(node.keystore.address_of(key))
    node.keystore.private_key(key)  # a key that does not open must not leave a party without one
    if party not in node.log.directory().parties:
        at_ms = now_ms()
        fact = party_added(at_ms, node.identity.registrar, path, name)
        node.registrar().submit([fact], at_ms=at_ms)
        sequence(node)
    if not node.log.directory().parties.get(party, False):
        raise NotPermittedError(f"the log holds no active party {path}")
    if not node.log.directory().may_sign(address, party):
        register_key(node, party, key)
    row = {"party": party.hex(), "path": path, "name": name, "address": f"0x{address.hex()}"}
    output.record(row)


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
                f"0x{address.hex()}{'' if active else ' (revoked)'}"
                for address, active in party.keys
            ],
        }
        for party in parties
    ]
    output.rows(rows, _COLUMNS)
