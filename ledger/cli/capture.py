"""`unbroken capture`: sign EPCIS documents, send them, and tell what became of each event."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ledger.cli import opened
from ledger.cli.exit_codes import ExitCode
from ledger.cli.output import JsonFlag, JsonLinesFlag, Report, output_of
from ledger.cli.prove import Url
from ledger.client import LedgerClient, UnreachableError
from ledger.clock import now_ms
from ledger.core.errors import MalformedError, NotFoundError, NotPermittedError
from ledger.core.facts import LogIdentity
from ledger.core.submission import Signer

# The ledger takes no longer body (api/): signing more would be work for nothing.
MAX_DOCUMENT_BYTES = 32 * 1024 * 1024
# Longer than a worker's turn on a slow machine; then something is stuck, and says so.
LOGGED_TIMEOUT_S = 120.0
# Finality of a public chain takes a quarter of an hour.
FINAL_TIMEOUT_S = 3_600.0
POLL_S = 0.1

_COLUMNS = ("file", "event", "verdict", "log_index", "findings", "reason")
_STATES = ("sequenced", "integrated", "published", "anchored", "final")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class WaitFor(StrEnum):
    """How far the events of a document shall be."""

    LOGGED = "logged"
    FINAL = "final"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sending:
    client: LedgerClient
    signer: Signer
    identity: LogIdentity
    until: str
    timeout_s: float


def capture(
    context: typer.Context,
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="EPCIS documents; - is stdin.")
    ],
    key: Annotated[str, typer.Option("--key", help="Name of the signing key.")],
    wait: Annotated[
        WaitFor, typer.Option("--wait", help="Return when events are logged, or final on chain.")
    ] = WaitFor.LOGGED,
    url: Url = None,
    as_json: JsonFlag = False,
    as_lines: JsonLinesFlag = False,
) -> None:
    """Sign and submit EPCIS documents; one row per event."""
    output = output_of(context, as_json=as_json, as_lines=as_lines)
    rows: list[dict[str, Any]] = []
    with opened.client(url) as client, output.progress() as report:
        sending = _sending(client, key, wait)
        sent = [(file, _send(sending, file)) for file in files]
        for file, job in sent:
            if isinstance(job, str):
                rows += [_row(file, result) for result in _await(sending, job, file, report)]
            else:
                rows.append(job)
    output.rows(rows, _COLUMNS)
    refused = [row for row in rows if row["verdict"] == "rejected"]
    if refused:
        forbidden = any(row.get("code") == "not_permitted" for row in refused)
        raise typer.Exit(ExitCode.NOT_PERMITTED if forbidden else ExitCode.FAILED)


def _sending(client: LedgerClient, key: str, wait: WaitFor) -> _Sending:
    """Open the key and ask the ledger which party it signs for.

    Raises:
        NotPermittedError: The ledger does not know the key.
    """
    identity = client.identity()
    keys = opened.keystore()
    address = keys.address_of(key)
    try:
        known = client.get(f"/keys/0x{address.hex()}")
    except NotFoundError as error:
        raise NotPermittedError(
            f"key {key} (0x{address.hex()}) is not registered: unbroken party add … --key {key}"
        ) from error
    signer = Signer(
        private_key=keys.private_key(key),
        party=bytes.fromhex(known["party"]),
        party_secret=keys.secret(key),
    )
    final = wait is WaitFor.FINAL
    # Findings are made with the tree, so "logged" waits for it.
    return _Sending(
        client=client, signer=signer, identity=identity, until="final" if final else "integrated",
        timeout_s=FINAL_TIMEOUT_S if final else LOGGED_TIMEOUT_S,
    )  # fmt: skip


def _send(sending: _Sending, file: str) -> str | dict[str, Any]:
    """Send one document; return its job, or the one row of a document that is refused whole."""
    try:
        document = read_document(file)
        return sending.client.capture(
            document, sending.signer, sending.identity, issued_at=now_ms()
        )
    except (MalformedError, NotPermittedError) as error:
        forbidden = isinstance(error, NotPermittedError)
        return {
            "file": file, "event": None, "verdict": "rejected", "log_index": None,
            "findings": [], "code": "not_permitted" if forbidden else "malformed",
            "reason": str(error),
        }  # fmt: skip


def read_document(file: str) -> bytes:
    """Return a document's bytes; `-` is stdin.

    Raises:
        MalformedError: It is too long, or XML, which this release does not take.
        typer.BadParameter: It cannot be read.
    """
    try:
        if file == "-":
            document = sys.stdin.buffer.read(MAX_DOCUMENT_BYTES + 1)
        else:
            with Path(file).open("rb") as opened_file:
                document = opened_file.read(MAX_DOCUMENT_BYTES + 1)
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}") from error
    if len(document) > MAX_DOCUMENT_BYTES:
        raise MalformedError("document", f"has at most {MAX_DOCUMENT_BYTES} bytes")
    if document.removeprefix(_BYTE_ORDER_MARK).lstrip()[:1] == b"<":
        raise MalformedError("document", "is EPCIS 2.0 JSON; EPCIS XML is not taken yet")
    return document


def _await(sending: _Sending, job: str, file: str, report: Report) -> Sequence[dict[str, Any]]:
    """Poll a job until every event has its result and is far enough.

    Raises:
        UnreachableError: It does not get there in time.
    """
    deadline = time.monotonic() + sending.timeout_s
    while True:
        found = sending.client.job(job)
        results: list[dict[str, Any]] = found["results"]
        done = sum(_is_far(result, sending.until) for result in results)
        if not found["running"] and done == len(results):
            report(file, len(results), len(results))
            return results
        report(file, done, max(1, len(results)))
        if time.monotonic() > deadline:
            raise UnreachableError(
                f"{file}: {job} was not {sending.until} within {sending.timeout_s:.0f} s"
            )
        time.sleep(POLL_S)


def _is_far(result: dict[str, Any], until: str) -> bool:
    if result["verdict"] == "rejected":
        return True
    return _STATES.index(result.get("state", "sequenced")) >= _STATES.index(until)


def _row(file: str, result: dict[str, Any]) -> dict[str, Any]:
    row = {
        "file": file, "event": result["event"], "verdict": result["verdict"],
        "log_index": result.get("logIndex"), "findings": result.get("findings", []),
    }  # fmt: skip
    for name in ("state", "code", "reason"):
        if name in result:
            row[name] = result[name]
    return row
