"""`GET /epcis/capture/{captureID}`: what became of a document, event by event."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from api import schemas
from api.capture import PATH, VERSIONS
from api.items import NO_STORE
from api.routing import GIVEN, problems
from ledger.service.accept import capture_id
from ledger.service.look_up import LookUp
from ledger.service.read_ports import Job, JobResult, Sizes

# Rights are checked again at the log index; every other reason is a fault of the event.
_SECURITY_CODES = frozenset(["not_permitted"])
_HEADERS = {name.decode(): value.decode() for name, value in VERSIONS} | NO_STORE


class JobRoutes:
    """The routes under /epcis but the capture itself."""

    def __init__(self, reader: LookUp) -> None:
        """Take the service."""
        self._reader = reader

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["Capture"])
        router.add_api_route(
            f"{PATH}/{{captureID}}", self.job, methods=["GET"], response_description=GIVEN,
            response_model=schemas.CaptureJob, response_model_exclude_none=True,
            responses=problems(404),
        )  # fmt: skip
        return router

    def job(
        self,
        response: Response,
        job_id: Annotated[str, Path(alias="captureID", examples=["5f" * 16])],
    ) -> schemas.CaptureJob:
        """Show a capture job; poll it until `running` is false, and on for the state of events."""
        response.headers.update(_HEADERS)
        return _job(*self._reader.job(job_id))


def _job(job: Job, sizes: Sizes) -> schemas.CaptureJob:
    errors = [_error(one) for one in job.results if one.verdict == "rejected"]
    return schemas.CaptureJob(
        capture_id=capture_id(job.digest),
        created_at=schemas.iso_time(job.created_ms),
        finished_at=None if job.finished_ms is None else schemas.iso_time(job.finished_ms),
        running=job.running,
        success=not job.running and not errors,
        errors=errors,
        results=[_result(one, sizes) for one in job.results],
    )


def _error(result: JobResult) -> schemas.EventError:
    security = result.code in _SECURITY_CODES
    return schemas.EventError(
        type=f"epcisException:{'Security' if security else 'Validation'}Exception",
        title=(result.code or "rejected").replace("_", " "),
        detail=result.reason or "",
        event=result.position,
    )


def _result(result: JobResult, sizes: Sizes) -> schemas.EventResult:
    index = result.log_index
    return schemas.EventResult.model_validate(
        {
            "event": result.position,
            "verdict": result.verdict,
            "code": result.code,
            "reason": result.reason,
            "log_index": index,
            "state": None if index is None else sizes.state(index),
            "findings": list(result.findings) or None,
        }
    )
