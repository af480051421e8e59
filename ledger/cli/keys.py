"""`unbroken key`: signing keys of partners, and what the log knows of them."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ledger.cli import opened
from ledger.cli.output import JsonFlag, output_of
from ledger.clock import now_ms
from ledger.core.entries import Address
from ledger.core.errors import LedgerError, MalformedError, NotFoundError, NotPermittedError
from ledger.core.facts import claim_key, fact_bytes, key_added, key_revoked

if TYPE_CHECKING:
    from ledger.bootstrap import Node
    from ledger.keystore import Keystore

app = typer.Typer(help="Signing keys.", no_args_is_help=True, rich_markup_mode=None)

SECRET_BYTES = 32
_COLUMNS = ("name", "address", "party_secret", "party", "active")
Name = Annotated[str, typer.Argument(help="Name of the key: a-z, 0-9 and -.")]


@app.command("new")
def new(context: typer.Context, name: Name, as_json: JsonFlag = False) -> None:
    """Make a signing key and a party secret of one name."""
    output = output_of(context, as_json=as_json)
    keys = opened.keystore()
    address = keys.create_evm(name)
    # A crash here leaves a key without its secret: the next call says that the key exists.
    if not _has_secret(keys, name):
        keys.create_secret(name, SECRET_BYTES)
    output.record({"name": name, "address": f"0x{address.hex()}"})


@app.command("list")
def list_keys(context: typer.Context, as_json: JsonFlag = False) -> None:
    """Show the keys of this installation; registration as the running ledger tells it."""
    output = output_of(context, as_json=as_json)
    rows: list[dict[str, Any]] = []
    keys = opened.keystore()
    entries = keys.list()
    secrets = {entry.name for entry in entries if entry.kind == "secret"}
    with opened.client(None) as client:
        reachable = True
        for entry in entries:
            if entry.address is None:
                continue
            row: dict[str, Any] = {
                "name": entry.name, "address": f"0x{entry.address.hex()}",
                "party_secret": entry.name in secrets, "party": None, "active": None,
            }  # fmt: skip
            rows.append(row)
            try:
                known = client.get(f"/keys/{row['address']}") if reachable else {}
            except NotFoundError:
                continue
            except LedgerError:
                reachable = False
                continue
            row |= {"party": known.get("name"), "active": known.get("active")}
    output.rows(rows, _COLUMNS)
    if not reachable:
        output.say("the ledger does not run, so parties are not shown: `unbroken up`")


@app.command("rotate")
def rotate(
    context: typer.Context,
    name: Name,
    to: Annotated[str, typer.Option("--to", help="Name of the new key.")],
    as_json: JsonFlag = False,
) -> None:
    """Register a new key of the same party; both sign until the old one is revoked."""
    output = output_of(context, as_json=as_json)
    node = opened.node()
    old = Address(node.keystore.address_of(name))
    party = party_of(node, old)
    address = Address(node.keystore.create_evm(to))
    node.keystore.copy_secret(name, to)
    register_key(node, party, to)
    output.record({"name": to, "address": f"0x{address.hex()}", "party": party.hex()})
    output.say(f"both keys sign now; end the old one: unbroken key revoke {name} --reason …")


@app.command("revoke")
def revoke(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of the key, or its address.")],
    reason: Annotated[str, typer.Option("--reason", help="Logged for everyone to read.")],
    as_json: JsonFlag = False,
) -> None:
    """Revoke a key from now on; what it signed before stays valid."""
    output = output_of(context, as_json=as_json)
    node = opened.node()
    address = _address(node.keystore, name)
    party = party_of(node, address)
    at_ms = now_ms()
    registrar = node.identity.registrar
    node.registrar().submit([key_revoked(at_ms, registrar, party, address, reason)], at_ms=at_ms)
    sequence(node)
    if node.log.directory().may_sign(address, party):
        raise NotPermittedError(f"the log did not take up the revocation of 0x{address.hex()}")
    output.record({"name": name, "address": f"0x{address.hex()}", "active": False})


def register_key(node: "Node", party: bytes, name: str) -> None:
    """Log a key with its proof of possession, and see that it may sign.

    Raises:
        NotPermittedError: The log refused it.
    """
    at_ms, keys, identity = now_ms(), node.keystore, node.identity
    address = Address(keys.address_of(name))
    proof = claim_key(keys.private_key(name), identity, party, address)
    fact = key_added(at_ms, identity.registrar, party, address, proof)
    node.registrar().submit([fact], at_ms=at_ms)
    sequence(node)
    if not node.log.directory().may_sign(address, party):
        raise NotPermittedError(f"the log refused key 0x{address.hex()}: of another party?")


def sequence(node: "Node") -> None:
    """Give indexes to all that waits; the sequencer's lock keeps it apart from a running worker."""
    sequencer = node.sequencer()
    while sequencer.run(at_ms=now_ms()):
        pass


def party_of(node: "Node", address: Address) -> bytes:
    """Return the party of a registered key.

    Raises:
        NotFoundError: The log does not know the key.
    """
    known = node.log.directory().keys.get(address)
    if known is None:
        raise NotFoundError(f"key 0x{address.hex()} is registered for no party: unbroken party add")
    return known[0]


def _address(keys: "Keystore", name: str) -> Address:
    if not name.startswith("0x"):
        return Address(keys.address_of(name))
    try:
        return Address(fact_bytes({"address": name[2:].lower()}, "address", 20))
    except MalformedError as error:
        raise MalformedError("address", "is 0x and 20 bytes in hexadecimal", name) from error


def _has_secret(keys: "Keystore", name: str) -> bool:
    return any((entry.name, entry.kind) == (name, "secret") for entry in keys.list())
