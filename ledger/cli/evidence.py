"""`unbroken evidence`: files that convict a key or a log, and the contract that records it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.cli import opened
from ledger.cli.documents import read_bytes
from ledger.cli.exit_codes import file_error
from ledger.cli.output import JsonFlag, Output, output_of, write_bytes
from ledger.cli.prove import Url, replace_file
from ledger.core.entries import decode_event
from ledger.core.errors import MalformedError
from ledger.core.evidence_files import (
    DoubleSpend,
    HeadConflict,
    head_conflict,
    parse_evidence,
    read_head,
    read_identity,
)
from ledger.core.omission_files import omission

if TYPE_CHECKING:
    from ledger.chain.client import ChainClient
    from ledger.chain.evidence_contract import EvidenceContract
    from ledger.settings import Settings

MINED_TIMEOUT_S = 60.0
Heads = Annotated[
    tuple[str, str] | None,
    typer.Option("--heads", metavar="FILE FILE", help="Two files that show signed heads."),
]
Omission = Annotated[
    tuple[str, str] | None,
    typer.Option(
        "--omission", metavar="FILE FILE",
        help="A file that shows an entry, and a history of its item that lacks it.",
    ),
]  # fmt: skip


def evidence(
    context: typer.Context,
    subject: Annotated[
        str | None,
        typer.Argument(metavar="ITEM|FILE", help="An item; with --submit a file of evidence."),
    ] = None,
    heads: Heads = None,
    omitted: Omission = None,
    write_to: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write, instead of stdout.")
    ] = None,
    submit: Annotated[
        bool, typer.Option("--submit", help="Prove a file of evidence on chain.")
    ] = False,
    contract: Annotated[
        str | None, typer.Option("--contract", help="Address of the evidence contract.")
    ] = None,
    deploy: Annotated[
        bool, typer.Option("--deploy", help="Make the contract first; the wallet pays.")
    ] = False,
    url: Url = None,
    as_json: JsonFlag = False,
) -> None:
    """Make evidence of a double sale, or against a log, of two files; or submit it."""
    output = output_of(context, as_json=as_json)
    if [subject, heads, omitted].count(None) != 2:  # noqa: PLR2004 -- exactly one is given
        raise typer.BadParameter(
            "name an item, or a file with --submit, or two --heads, or two files of an --omission"
        )
    if submit:
        if subject is None:
            raise typer.BadParameter("--submit takes a file of evidence")
        _submit(output, subject, contract, url, deploy=deploy)
        return
    made = _made(subject, heads, omitted, url)
    if write_to is None or str(write_to) == "-":
        write_bytes(made)
        return
    replace_file(write_to, made)
    output.say(f"{write_to}: {len(made):,} bytes; check it: unbroken-verify evidence {write_to}")


def _made(
    item: str | None,
    heads: tuple[str, str] | None,
    omitted: tuple[str, str] | None,
    url: str | None,
) -> bytes:
    if item is not None:
        return _of_item(item, url)
    return _of_heads(heads, url) if heads is not None else _of_omission(omitted, url)


def _of_item(item: str, url: str | None) -> bytes:
    with opened.client(url) as client:
        return client.double_spend(item)


def _of_heads(files: tuple[str, str], url: str | None) -> bytes:
    raw = [read_bytes(file) for file in files]
    (log_id, one), (other, two) = map(read_head, raw)
    if log_id != other:
        raise MalformedError("heads", f"are of one log, here {log_id.hex()}", other.hex())
    with opened.client(url) as client:
        # A ledger that is accused need not be asked who it is.
        identity = read_identity(raw[0]) or read_identity(raw[1]) or client.identity()
        if identity.log_id() != log_id:
            raise MalformedError("log_id", "is that of the ledger at --url", log_id.hex())
        return head_conflict(log_id, one, two, client.tree_at).encode(identity)


def _of_omission(files: tuple[str, str] | None, url: str | None) -> bytes:
    shows, lacks = (read_bytes(file) for file in files or ())
    with opened.client(url) as client:
        return omission(shows, lacks, client.tree_at)


def _submit(
    output: Output, file: str, contract: str | None, url: str | None, *, deploy: bool
) -> None:
    """Send a file of evidence to the contract, and wait until it is mined.

    Raises:
        ChainError: It was not mined in time, or the contract refused it.
    """
    # Late, as in opened: web3 takes a second.
    from ledger.bootstrap import open_chain, wallet_key  # noqa: PLC0415
    from ledger.chain.errors import ChainError  # noqa: PLC0415

    claim = parse_evidence(read_bytes(file))
    anchor = _anchor(claim, url) if isinstance(claim, HeadConflict) else b""
    settings = opened.settings()
    chain, payer = open_chain(settings), wallet_key(settings, opened.keystore())
    registry = _contract(settings, chain, payer, contract, deploy=deploy)
    signed = registry.sign_proof(payer, claim, anchor)
    at = _recorded_at(registry, claim, anchor)  # of a claim that the contract takes
    if at is not None:
        state = "recorded already, nothing was sent"
        output.record({"file": file, "contract": registry.address, "block": at, "state": state})
        return
    receipt = chain.await_receipt(chain.broadcast(signed.raw), MINED_TIMEOUT_S)
    if receipt is None or not receipt.succeeded:
        raise ChainError(f"the transaction {signed.tx_hash.hex()} was not mined in time")
    output.record({
        "file": file, "contract": registry.address, "transaction": signed.tx_hash.hex(),
        "block": receipt.block_number, "gas": receipt.gas_used,
    })  # fmt: skip


def _recorded_at(
    registry: "EvidenceContract", claim: DoubleSpend | HeadConflict, anchor: bytes
) -> int | None:
    """Return the block in which the key or log that is accused was convicted."""
    if isinstance(claim, HeadConflict):
        return registry.log_equivocated_at(anchor, claim.log_id)
    signer = decode_event(claim.handoffs[0].entry).signer
    return registry.key_equivocated_at(signer, claim.chain_id, claim.contract)


def _anchor(claim: HeadConflict, url: str | None) -> bytes:
    """Return the anchor contract that knows the signers of a log's heads.

    Raises:
        MalformedError: The ledger that was asked has another log.
    """
    with opened.client(url) as client:
        identity = client.identity()
    if identity.log_id() != claim.log_id:
        raise MalformedError("log_id", "is that of the ledger at --url", claim.log_id.hex())
    return identity.contract


def _contract(
    settings: "Settings", chain: "ChainClient", payer: bytes, address: str | None, *, deploy: bool
) -> "EvidenceContract":
    """Return the contract that is named, was used here last, or is made now.

    On a chain that is not our own devnet nothing is made unasked: it costs the wallet's money.
    """
    from ledger.chain import evidence_contract as chain_side  # noqa: PLC0415 -- as above
    from ledger.chain.errors import NoContractError  # noqa: PLC0415

    kept = settings.evidence_contract_file
    if address is None and kept.exists() and not deploy:
        address = kept.read_text().strip()
        try:
            registry = chain_side.EvidenceContract(chain, address)
            registry.verify_code()
        except (NoContractError, ValueError):
            address = None  # a devnet that was made anew
    if address is None:
        if not (deploy or settings.has_own_devnet):
            raise typer.BadParameter("name the contract with --contract, or make one by --deploy")
        address = chain_side.deploy(chain, payer)
    try:
        registry = chain_side.EvidenceContract(chain, address)
    except ValueError:
        raise typer.BadParameter(f"--contract is no address: {address}") from None
    registry.verify_code()
    try:
        kept.write_text(f"{registry.address}\n")
    except OSError as error:
        raise file_error(kept, error) from error
    return registry
