"""Capture jobs: what became of documents, event by event."""

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from api import schemas
from api.epcis_paths import CAPTURE, CAPTURE_JOB, EPCIS_HEADERS
from api.items import NO_STORE
from api.negotiation import json_is_asked
from api.routing import GIVEN, problems
from ledger.core.errors import MalformedError
from ledger.service.accept import capture_id
from ledger.service.look_up import LookUp
from ledger.service.read_ports import Job, JobResult, Sizes

# EPCIS 2.0 section 12.5; who asks for more than a page of ours gets a page of ours.
DEFAULT_PER_PAGE = 30
# Rights are checked again at the log index; every other reason is a fault of the event.
_SECURITY_CODES = frozenset(["not_permitted"])
# Severities that flag nothing: an event may have been old, or have said more than it need.
_TOLD_ONLY = frozenset(["low", "info"])
_SIGN_ANEW = "the same submission keeps this answer: sign the document anew and send that"
_HEADERS = {**EPCIS_HEADERS, **NO_STORE}


class JobRoutes:
    """The routes of capture jobs."""

    def __init__(self, reader: LookUp) -> None:
        """Take the service."""
        self._reader = reader

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["Capture"], dependencies=[Depends(json_is_asked)])
        router.add_api_route(
            CAPTURE, self.jobs, methods=["GET"], response_description=GIVEN,
            response_model=list[schemas.CaptureJob], response_model_exclude_none=True,
            responses=problems(400, 406),
        )  # fmt: skip
        router.add_api_route(
            CAPTURE_JOB, self.job, methods=["GET"], response_description=GIVEN,
            response_model=schemas.CaptureJob, response_model_exclude_none=True,
            responses=problems(400, 404, 406),
        )  # fmt: skip
        return router

    def jobs(
        self,
        request: Request,
        response: Response,
        per_page: Annotated[int, Query(alias="perPage", ge=1)] = DEFAULT_PER_PAGE,
        token: Annotated[str | None, Query(alias="nextPageToken", examples=["5f" * 16])] = None,
    ) -> list[schemas.CaptureJob]:
        """List capture jobs, newest first; `Link` names the next page while there is one.

        A job's results are told by the job alone, and here its first errors.
        """
        _verify_parameters(request, "perPage", "nextPageToken")
        found = self._reader.jobs(token, per_page)
        response.headers.update(_HEADERS)
        if found and self._reader.jobs(capture_id(found[-1].digest), 1):
            query = f"perPage={per_page}&nextPageToken={capture_id(found[-1].digest)}"
            response.headers["Link"] = f'<{CAPTURE}?{query}>; rel="next"'
        return [_job(one) for one in found]

    def job(
        self,
        request: Request,
        response: Response,
        job_id: Annotated[str, Path(alias="captureID", examples=["5f" * 16])],
    ) -> schemas.CaptureJob:
        """Show a capture job; poll it until `running` is false, and on for the state of events."""
        _verify_parameters(request)
        response.headers.update(_HEADERS)
        job, sizes = self._reader.job(job_id)
        told = _job(job)
        told.results = [_result(one, sizes) for one in job.results]
        told.findings = [
            schemas.DocumentFinding(**found)
            for one in job.results
            for found in one.details
            if "event" not in found
        ]
        return told


def _verify_parameters(request: Request, *known: str) -> None:
    for name, count in Counter(name for name, _ in request.query_params.multi_items()).items():
        if name not in known:
            raise MalformedError(name, "is no parameter of this resource", name)
        if count > 1:
            raise MalformedError(
                name, "is given once", ",".join(request.query_params.getlist(name))
            )


def detail(result: JobResult) -> str:
    """Return why an event was rejected, and the way out where the reason does not show it."""
    # What is wrong stands beside the signed digest, by which a submission is known.
    again = f"; {_SIGN_ANEW}" if result.code == "commitment_mismatch" else ""
    return f"{result.reason or ''}{again}"


def _job(job: Job) -> schemas.CaptureJob:
    errors = [_error(one) for one in job.results if one.verdict == "rejected"]
    return schemas.CaptureJob(
        capture_id=capture_id(job.digest),
        created_at=schemas.iso_time(job.created_ms),
        finished_at=None if job.finished_ms is None else schemas.iso_time(job.finished_ms),
        running=job.running,
        # While it runs: no error so far.
        success=not errors,
        capture_error_behaviour=job.error_behaviour,
        errors=errors,
    )


def _error(result: JobResult) -> schemas.EventError:
    security = result.code in _SECURITY_CODES
    found = [one for one in result.details if one["severity"] == "error"]
    return schemas.EventError(
        type=f"epcisException:{'Security' if security else 'Validation'}Exception",
        title=(result.code or "rejected").replace("_", " "),
        status=403 if security else 400,
        detail=detail(result),
        event=result.position,
        errors=[schemas.DocumentFinding(**one) for one in found] or None,
    )


def _result(result: JobResult, sizes: Sizes) -> schemas.EventResult:
    index = result.log_index
    details = [one for one in result.details if "event" in one]
    weighty = [one["code"] for one in details if one["severity"] not in _TOLD_ONLY]
    codes = dict.fromkeys([*result.findings, *weighty])
    return schemas.EventResult.model_validate(
        {
            "event": result.position,
            "verdict": result.verdict,
            "code": result.code,
            "reason": result.reason,
            "log_index": index,
            "event_id": result.event_id,
            "state": None if index is None else sizes.state(index),
            "findings": list(codes) or None,
            "details": details or None,
        }
    )
