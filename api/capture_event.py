"""`POST /epcis/events`: one signed event, answered when the log has it."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from api import schemas
from api.capture import Intake
from api.dry_run import DryRun
from api.epcis_paths import CAPTURE, EPCIS_HEADERS, EVENTS
from api.errors import AlreadyExistsError, RejectedEventError
from api.items import NO_STORE
from api.jobs import detail
from api.negotiation import is_dry_run, verify_headers
from api.receiving import Disconnected, Receiver
from ledger.core.epcis.read import read_document
from ledger.core.errors import LimitError, NotPermittedError
from ledger.service.accept import capture_id
from ledger.service.look_up import LookUp
from ledger.service.ports import AcceptedSubmission
from ledger.service.read_ports import Job, JobResult

# The worker takes up what waits five times a second; who waits longer than this is told where to
# ask, and its connection is free.
WAIT_S = 5.0
FIRST_POLL_S, LAST_POLL_S = 0.02, 0.2


class CaptureEvent:
    """The endpoint; the intake stores, the worker logs, and this waits for it."""

    def __init__(
        self,
        receiver: Receiver,
        intake: Intake,
        dry_run: DryRun,
        reader: LookUp,
        indexed: Callable[[], int],
    ) -> None:
        """Take the services; `indexed` tells how many entries queries know, blocking."""
        self._receiver, self._intake, self._dry_run = receiver, intake, dry_run
        self._reader, self._indexed = reader, indexed

    async def post(self, request: Request) -> Response:
        """Take one event: 201 when it is logged, 202 with its job when that takes longer."""
        headers = dict(request.scope["headers"])
        verify_headers(headers)
        query = request.scope["query_string"]
        try:
            if query and is_dry_run(query):
                return await self._dry_run.answer(headers, request.receive, most=1)
            accepted = await self._receiver.accepted(headers, request.receive)
        except Disconnected:
            return Response(status_code=400)
        await run_in_threadpool(_verify_single, accepted)
        job_id = capture_id(accepted.digest)
        known = await run_in_threadpool(self._reader.find_job, job_id)
        if known is None:
            await self._intake.add(accepted)
        job = await self._logged(job_id)
        if job is None:
            location = {"Location": f"{CAPTURE}/{job_id}"}
            return JSONResponse({}, 202, {**location, **EPCIS_HEADERS})
        is_new = known is None or known.running
        return await run_in_threadpool(_answer, accepted, job, is_new=is_new)

    async def _logged(self, job_id: str) -> Job | None:
        """Poll a job until it has run and its event can be asked for; None after WAIT_S.

        What is logged and not indexed in time is told as logged all the same.
        """
        loop = asyncio.get_running_loop()
        deadline, pause = loop.time() + WAIT_S, FIRST_POLL_S
        while True:
            job = await run_in_threadpool(self._reader.find_job, job_id)
            done = job if job is not None and not job.running else None
            if done is not None and await run_in_threadpool(self._is_readable, done):
                return done
            if loop.time() > deadline:
                return done
            await asyncio.sleep(pause)
            pause = min(2 * pause, LAST_POLL_S)

    def _is_readable(self, job: Job) -> bool:
        indexes = [one.log_index for one in job.results if one.log_index is not None]
        return not indexes or max(indexes) < self._indexed()


def _verify_single(accepted: AcceptedSubmission) -> None:
    events = len(read_document(accepted.document or b"").events)
    if events != 1:
        raise LimitError("document", f"has one event here; send several to {CAPTURE}", events)


def _answer(accepted: AcceptedSubmission, job: Job, *, is_new: bool) -> Response:
    (result,) = job.results
    if result.verdict == "rejected":
        raise _refusal(result)
    name = quote(result.event_id or "", safe="")
    headers = {
        "Location": f"{EVENTS}/{name}",
        "Link": f'<{CAPTURE}/{capture_id(job.digest)}>; rel="describedby"',
    }
    if result.verdict == "duplicate" or not is_new:
        raise AlreadyExistsError(f"the event is in the log, at index {result.log_index}", headers)
    event = _stored(accepted.document or b"", result, job)
    return JSONResponse(event, 201, {**headers, **EPCIS_HEADERS, **NO_STORE})


def _stored(document: bytes, result: JobResult, job: Job) -> Mapping[str, Any]:
    (event,) = read_document(document).events
    return {
        **event,
        "eventID": result.event_id,
        "recordTime": schemas.iso_time(job.finished_ms or job.created_ms),
    }


def _refusal(result: JobResult) -> Exception:
    if result.code == "not_permitted":
        return NotPermittedError(result.reason or "")
    return RejectedEventError(detail(result), result.details)
