"""`unbroken key`: signing keys of partners, and what the log knows of them."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ledger.cli import opened
from ledger.cli.output import JsonFlag, output_of
from ledger.cli.registering import log_facts
from ledger.core.entries import Address
from ledger.core.errors import LedgerError, MalformedError, NotFoundError, NotPermittedError
from ledger.core.events import event_time_ms
from ledger.core.facts import claim_key, fact_bytes, key_added, key_revoked
from ledger.core.identifiers import party_key, party_path

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
            if "equivocated_at" in known:  # from that log index on it is proven a cheat's
                row["equivocated_at"] = known["equivocated_at"]
    cheats = any("equivocated_at" in row for row in rows)
    output.rows(rows, (*_COLUMNS, "equivocated_at") if cheats else _COLUMNS)
    if not reachable:
        output.say("the ledger does not run, so parties are not shown: `unbroken up`")


@app.command("add")
def add(
    context: typer.Context,
    name: Name,
    party: Annotated[str, typer.Option("--party", help="Its party: GLN, path or hash.")],
    as_json: JsonFlag = False,
) -> None:
    """Register one more key of a party, or one that was revoked, from now on."""
    output = output_of(context, as_json=as_json)
    node = opened.node()
    key = known_party(node, party)
    register_key(node, key, name)
    address = node.keystore.address_of(name)
    output.record({"name": name, "address": f"0x{address.hex()}", "party": key.hex()})


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
    address = new_or_known(node.keystore, to)
    # A crash behind any of these steps is repeated up to here, and goes on.
    if not _has_secret(node.keystore, to):
        node.keystore.copy_secret(name, to)
    if node.keystore.secret(to) != node.keystore.secret(name):
        raise NotPermittedError(f"key {to} has another party secret: it is no successor of {name}")
    if node.log.directory().keys.get(address) != (party, True):
        register_key(node, party, to)
    output.record({"name": to, "address": f"0x{address.hex()}", "party": party.hex()})
    output.say(f"both keys sign now; end the old one: unbroken key revoke {name} --reason …")


@app.command("revoke")
def revoke(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of the key, or its address.")],
    reason: Annotated[str, typer.Option("--reason", help="Logged for everyone to read.")],
    since: Annotated[
        str | None,
        typer.Option("--compromised-since", help="ISO 8601 with a zone. Informs, undoes nothing."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Revoke a key from now on; what it signed before stays valid."""
    output = output_of(context, as_json=as_json)
    node = opened.node()
    address = _address(node.keystore, name)
    party = party_of(node, address)
    since_ms = None if since is None else _moment(since)
    log_facts(
        node,
        lambda registrar, at_ms: [key_revoked(at_ms, registrar, party, address, reason, since_ms)],
    )
    if node.log.directory().may_sign(address, party):
        raise NotPermittedError(f"the log did not take up the revocation of 0x{address.hex()}")
    output.record({"name": name, "address": f"0x{address.hex()}", "active": False})


def register_key(node: "Node", party: bytes, name: str) -> None:
    """Log a key with its proof of possession, and see that it may sign.

    Raises:
        NotPermittedError: The log refused it.
    """
    keys = node.keystore
    address = Address(keys.address_of(name))
    proof = claim_key(keys.private_key(name), node.identity, party, address)
    log_facts(node, lambda registrar, at_ms: [key_added(at_ms, registrar, party, address, proof)])


def new_or_known(keys: "Keystore", name: str) -> Address:
    """Return the address of a key, made where there is none of that name."""
    if any((entry.name, entry.kind) == (name, "evm") for entry in keys.list()):
        return Address(keys.address_of(name))
    return Address(keys.create_evm(name))


def known_party(node: "Node", given: str) -> bytes:
    """Return the hash of a registered party, named by GLN, canonical path or hash.

    Raises:
        NotFoundError: The log does not know it.
        MalformedError: It is none of these.
    """
    if len(given) == 2 * SECRET_BYTES:
        party = fact_bytes({"party": given.lower()}, "party", SECRET_BYTES)
    else:
        tail = given if given.startswith("/") else f"/417/{given}"
        party = party_key(party_path(f"https://id.gs1.org{tail}"))
    if party not in node.log.directory().parties:
        raise NotFoundError(f"the log holds no party {given}: unbroken party add")
    return party


def party_of(node: "Node", address: Address) -> bytes:
    """Return the party of a registered key.

    Raises:
        NotFoundError: The log does not know the key.
    """
    known = node.log.directory().keys.get(address)
    if known is None:
        raise NotFoundError(f"key 0x{address.hex()} is registered for no party: unbroken party add")
    return known[0]


def _moment(text: str) -> int:
    try:
        return event_time_ms(text)
    except MalformedError as error:
        raise typer.BadParameter(f"--compromised-since {text}: {error.rule}") from error


def _address(keys: "Keystore", name: str) -> Address:
    if not name.startswith("0x"):
        return Address(keys.address_of(name))
    try:
        return Address(fact_bytes({"address": name[2:].lower()}, "address", 20))
    except MalformedError as error:
        raise MalformedError("address", "is 0x and 20 bytes in hexadecimal", name) from error


def _has_secret(keys: "Keystore", name: str) -> bool:
    return any((entry.name, entry.kind) == (name, "secret") for entry in keys.list())
