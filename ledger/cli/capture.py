"""`unbroken capture`: sign EPCIS documents, send them, and tell what became of each event."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import typer

from ledger.cli import opened
from ledger.cli.documents import read_bytes, verify_readable
from ledger.cli.exit_codes import ExitCode
from ledger.cli.output import JsonFlag, JsonLinesFlag, Output, Report, output_of
from ledger.cli.prove import Url
from ledger.client import Captured, LedgerClient, RefusedDocumentError, UnreachableError
from ledger.clock import now_ms
from ledger.core.drafts import draft_events
from ledger.core.errors import MalformedError, NotFoundError, NotPermittedError
from ledger.core.facts import LogIdentity
from ledger.core.submission import Signer
from ledger.core.tokens import SpentTokenError

# Longer than a worker's turn on a slow machine; then something is stuck, and says so.
LOGGED_TIMEOUT_S = 120.0
# Finality of a public chain takes a quarter of an hour.
FINAL_TIMEOUT_S = 3_600.0
POLL_S = 0.1

_COLUMNS = ("file", "event", "verdict", "log_index", "findings", "reason")
_OPTIONAL = {
    "event_id": "eventID", "state": "state", "code": "code", "reason": "reason",
    "details": "details",
}  # fmt: skip
_STATES = ("sequenced", "integrated", "published", "anchored", "final")


NoClaims = Annotated[
    bool, typer.Option("--no-claims", help="Hand on without tokens, which convict a cheat.")
]


class OnError(StrEnum):
    """What a rejected event means for the others of its document."""

    ROLLBACK = "rollback"
    PROCEED = "proceed"


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
    on_error: OnError
    claims: bool


def capture(
    context: typer.Context,
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="EPCIS documents; - is stdin.")
    ],
    key: Annotated[str | None, typer.Option("--key", help="Name of the signing key.")] = None,
    on_error: Annotated[
        OnError,
        typer.Option("--on-error", help="A rejected event rejects its document, or itself only."),
    ] = OnError.ROLLBACK,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Let the ledger check only; needs no key.")
    ] = False,
    wait: Annotated[
        WaitFor, typer.Option("--wait", help="Return when events are logged, or final on chain.")
    ] = WaitFor.LOGGED,
    no_claims: NoClaims = False,
    url: Url = None,
    as_json: JsonFlag = False,
    as_lines: JsonLinesFlag = False,
) -> None:
    """Sign and submit EPCIS documents; one row per event."""
    output = output_of(context, as_json=as_json, as_lines=as_lines)
    if key is None and not dry_run:
        raise typer.BadParameter("--key is needed, but for a --dry-run")
    verify_readable(files)
    with opened.client(url) as client, output.progress() as report:
        if key is None or dry_run:
            rows = [row for file in files for row in _dry_run(client, file)]
        else:
            sending = _sending(client, key, wait, on_error, claims=not no_claims)
            rows = _captured(sending, files, report)
    output.rows(rows, _COLUMNS)
    exit_if_refused(rows)


def exit_if_refused(rows: Sequence[dict[str, Any]]) -> None:
    """End with the exit code of a refusal when a row is one.

    Raises:
        typer.Exit: It is.
    """
    refused = [row for row in rows if row["verdict"] in {"rejected", "reject"}]
    if refused:
        forbidden = any(row.get("code") == "not_permitted" for row in refused)
        raise typer.Exit(ExitCode.NOT_PERMITTED if forbidden else ExitCode.FAILED)


def _captured(sending: _Sending, files: Sequence[str], report: Report) -> list[dict[str, Any]]:
    """Send every document before waiting for the first; return a row per event."""
    rows = []
    for file, sent in [(file, _send(sending, file)) for file in files]:
        rows += _results(sending, sent, file, report)
    return rows


def _results(
    sending: _Sending, sent: Captured | list[dict[str, Any]], file: str, report: Report
) -> list[dict[str, Any]]:
    """Await a document that was sent; return a row per event, or the rows of its refusal.

    An event that was not signed was refused for want of its signature; the reason is known here.
    """
    if not isinstance(sent, Captured):
        return sent
    rows = [_row(file, result) for result in _await(sending, sent.job, file, report)]
    for row in rows:
        error = sent.refused.get(row["event"])
        if error is not None and row["verdict"] == "rejected":
            row |= {"code": "not_permitted", "reason": str(error), "findings": []}
            row.pop("details", None)
    return rows


def _dry_run(client: LedgerClient, file: str) -> list[dict[str, Any]]:
    """Return a row per event, and one more for what was found in the document as a whole."""
    try:
        told = client.dry_run(read_bytes(file))
    except MalformedError as error:
        return [_refused(file, error)]
    parts: list[dict[str, Any]] = list(told["events"])
    if told["findings"]:
        parts.insert(0, {"event": None, "verdict": told["verdict"], "findings": told["findings"]})
    return [
        {
            "file": file, "event": part["event"], "verdict": part["verdict"], "log_index": None,
            "findings": [one["code"] for one in _weighty(part["findings"])],
            "details": part["findings"], "reason": _first(_weighty(part["findings"])),
        }
        for part in parts
    ]  # fmt: skip


def _weighty(findings: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the findings that keep an event from being simply accepted."""
    return [one for one in findings if one["severity"] not in {"info", "low"}]


def _first(findings: Sequence[dict[str, Any]]) -> str | None:
    return next((f"{one['pointer'] or 'document'}: {one['message']}" for one in findings), None)


def _sending(
    client: LedgerClient, key: str, wait: WaitFor, on_error: OnError, *, claims: bool = True
) -> _Sending:
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
        timeout_s=FINAL_TIMEOUT_S if final else LOGGED_TIMEOUT_S, on_error=on_error, claims=claims,
    )  # fmt: skip


def _send(
    sending: _Sending, file: str, document: bytes | None = None
) -> Captured | list[dict[str, Any]]:
    """Send one document; return its job, or the rows of a document that is refused whole.

    That is one row, unless an event is known to be at fault: then each event has one.
    """
    content = read_bytes(file) if document is None else document
    try:
        return sending.client.send(
            content,
            sending.signer,
            sending.identity,
            issued_at=now_ms(),
            on_error=sending.on_error.value,
            claims=sending.claims,
        )
    except SpentTokenError as error:
        signer = sending.signer
        drafts = draft_events(content, signer.party, signer.party_secret, lenient=True)
        return [_of_unsent(file, event, error) for event in range(len(drafts))]
    except (MalformedError, NotPermittedError) as error:
        return [_refused(file, error)]


def _of_unsent(file: str, event: int, error: SpentTokenError) -> dict[str, Any]:
    """Return the row of an event of a document that is not sent, for the fault of one of them."""
    if event == error.position:
        return _refused(file, error)
    return {
        "file": file, "event": event, "verdict": "rejected", "log_index": None, "findings": [],
        "code": "rolled_back", "reason": f"not sent: event {error.position} may not be signed",
    }  # fmt: skip


def _refused(file: str, error: Exception) -> dict[str, Any]:
    details = error.errors if isinstance(error, RefusedDocumentError) else []
    row: dict[str, Any] = {
        "file": file, "event": getattr(error, "position", None), "verdict": "rejected",
        "log_index": None, "findings": [one["code"] for one in details if "code" in one],
        "code": "not_permitted" if isinstance(error, NotPermittedError) else "malformed",
        "reason": str(error),
    }  # fmt: skip
    return {**row, "details": details} if details else row


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
    for name, member in _OPTIONAL.items():
        if member in result:
            row[name] = result[member]
    return row


def submit(
    document: bytes, file: str, *, key: str, url: str | None, output: Output, claims: bool = True
) -> list[dict[str, Any]]:
    """Sign and submit a document that was made of a file; return a row per event."""
    with opened.client(url) as client, output.progress() as report:
        sending = _sending(client, key, WaitFor.LOGGED, OnError.ROLLBACK, claims=claims)
        return _results(sending, _send(sending, file, document), file, report)
