"""`?dryRun=true`: what a document would be told, with nothing stored and no signature asked for."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fastapi import Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from api.asgi import Receive
from api.epcis_paths import EPCIS_HEADERS
from api.items import NO_STORE
from api.receiving import unsigned_document
from ledger.clock import now_ms
from ledger.core.epcis.check import Checked, check_document
from ledger.core.epcis.codes import finding
from ledger.core.epcis.finding import DocumentFinding, Verdict, verdict
from ledger.core.errors import LimitError
from ledger.core.submission import MAX_EVENTS
from ledger.service.findings import MAX_FINDINGS, finding_members

# Attack: nobody signs for a dry run, and checking one large document takes seconds of CPU.
MAX_AT_ONCE = 2


class DryRun:
    """Checks documents, few at a time."""

    def __init__(self) -> None:
        """Nobody is checked yet."""
        self._turns = asyncio.Semaphore(MAX_AT_ONCE)

    async def answer(
        self, headers: Mapping[bytes, bytes], receive: Receive, *, most: int = MAX_EVENTS
    ) -> Response:
        """Return verdict and findings of a request's document.

        Raises:
            LimitError: It has more than `most` events.
            LedgerError: The request is refused.
        """
        document = await unsigned_document(headers, receive)
        async with self._turns:
            checked = await run_in_threadpool(check_document, document, at_ms=now_ms())
        events = 0 if checked.document is None else len(checked.document.events)
        if events > most:
            raise LimitError("document", f"has at most {most} events", events)
        if checked.document is not None and not events:
            checked = _without_events(checked)
        return JSONResponse(_told(checked, events), headers={**EPCIS_HEADERS, **NO_STORE})


def _without_events(checked: Checked) -> Checked:
    """Return what a document that may be right in itself comes to: no submission can sign it."""
    if checked.verdict is Verdict.REJECT:
        return checked
    missing = finding("NO_EVENTS", "", None, "Master data travels with at least one event.")
    return replace(checked, findings=[missing, *checked.findings], verdict=Verdict.REJECT)


def _told(checked: Checked, events: int) -> dict[str, Any]:
    whole: list[DocumentFinding] = []
    of_event: list[list[DocumentFinding]] = [[] for _ in range(events)]
    for one in checked.findings:
        (whole if one.event is None else of_event[one.event]).append(one)
    return {
        "verdict": checked.verdict.value,
        "events": [
            {"event": i, "verdict": verdict(found).value, "findings": _members(found)}
            for i, found in enumerate(of_event)
        ],
        "findings": _members(whole),
    }


def _members(findings: Sequence[DocumentFinding]) -> list[dict[str, object]]:
    return [finding_members(one) for one in findings[:MAX_FINDINGS]]
