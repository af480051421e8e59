"""Cases over HTTP, and the acts on them."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from fastapi.concurrency import run_in_threadpool

from api import case_schemas, schemas
from api.capture import Intake
from api.errors import UnsupportedMediaTypeError
from api.findings import (
    After,
    CaseFilter,
    Class,
    Code,
    ItemText,
    Limit,
    PartyText,
    Severity,
    item_of,
    party_of,
)
from api.items import NO_STORE
from api.receiving import FreshDirectory, read_body
from api.routing import GIVEN, problems
from ledger.clock import now_ms
from ledger.core.entries import decode_fact
from ledger.core.errors import NotPermittedError
from ledger.core.finding_acts import parse_finding_act
from ledger.service.accept import Acceptor, capture_id, kind_of
from ledger.service.acts import MAX_ACTS, accept_acts
from ledger.service.case_ports import ActJob, FindingFilter, ListedCase, ShownAct
from ledger.service.cases import Cases
from ledger.service.look_up import LookUp
from ledger.service.ports import AcceptedSubmission
from ledger.service.read_ports import Sizes

ACTS = "/acts"
_JSON = "application/json"
_ID = Annotated[str, Path(alias="id", examples=["5f" * 16], description="32 hexadecimal digits.")]
_SUBMISSION = {
    "doc_salt": "00" * 16,
    "events": [{"entry": "VUJFMQcAAAA…", "event_secret": "00" * 32}],
    "issuedAt": 1767348000000,
    "signature": "5f" * 65,
}


class CaseRoutes:
    """The routes of cases and of acts."""

    def __init__(
        self, cases: Cases, reader: LookUp, acceptor: Acceptor, directory: FreshDirectory,
        intake: Intake,
    ) -> None:  # fmt: skip
        """Take the services."""
        self._cases, self._reader = cases, reader
        self._acceptor, self._directory, self._intake = acceptor, directory, intake

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["Cases"])
        router.add_api_route(
            "/cases", self.cases, methods=["GET"], response_description=GIVEN,
            responses=problems(400, 413, 422), response_model_exclude_none=True,
        )  # fmt: skip
        router.add_api_route(
            "/cases/{id}", self.case, methods=["GET"], response_description=GIVEN,
            responses=problems(400, 404), response_model_exclude_none=True,
        )  # fmt: skip
        stored = "Stored durably, with its signature checked; the job tells the rest."
        location = {"Location": {"schema": {"type": "string", "example": f"{ACTS}/{'5f' * 16}"}}}
        router.add_api_route(
            ACTS, self.act, methods=["POST"], status_code=202, response_description=stored,
            response_model=case_schemas.StoredActs, openapi_extra=_body(),
            responses={202: {"headers": location}, **problems(400, 401, 403, 413, 415)},
        )  # fmt: skip
        router.add_api_route(
            f"{ACTS}/{{id}}", self.act_job, methods=["GET"], response_description=GIVEN,
            responses=problems(404), response_model_exclude_none=True,
        )  # fmt: skip
        return router

    def cases(
        self,
        state: CaseFilter = None,
        code: Code = None,
        finding_class: Class = None,
        severity: Severity = None,
        item: ItemText = None,
        party: PartyText = None,
        after: After = None,
        limit: Limit = 100,
    ) -> case_schemas.Cases:
        """List cases, one for each item and rule that ever made a finding, by id."""
        at_ms = now_ms()
        wanted = FindingFilter(
            code=code, finding_class=finding_class, severity=severity, item=item_of(item),
            party=party_of(party, self._reader), case=state, at_ms=at_ms,
        )  # fmt: skip
        found, cursor = self._cases.cases(wanted, after, limit)
        shown = [case_schemas.Case(**_members(one, at_ms)) for one in found]
        return case_schemas.Cases(cases=shown, next=cursor)

    def case(self, name: _ID) -> case_schemas.CaseHistory:
        """Show a case: its finding over time, and every act with signer and place in the log."""
        shown, sizes = self._cases.case(name), self._reader.sizes()
        changes = [
            case_schemas.CaseChange(
                index=one.change.index, change=one.change.kind.value,
                evidence=list(one.change.evidence), reason=one.change.reason,
            )
            for one in shown.changes
        ]  # fmt: skip
        acts = [_act(one, sizes) for one in shown.acts]
        members = _members(shown.listed, now_ms())
        return case_schemas.CaseHistory(**members, changes=changes, acts=acts)

    async def act(self, request: Request, response: Response) -> case_schemas.StoredActs:
        """Take acts on findings, signed by a key of a registered party.

        The same submission again answers the same job.
        """
        headers = dict(request.scope["headers"])
        media_type = headers.get(b"content-type", b"").decode("latin-1")
        if kind_of(media_type) != _JSON:
            raise UnsupportedMediaTypeError("content-type", f"is {_JSON}", media_type)
        part = await read_body(request.receive, headers.get(b"content-length", b""))
        try:
            accepted = await self._accepted(part)
        except NotPermittedError:
            # The key may have been registered since the directory was read.
            if not await self._directory.refresh():
                raise
            accepted = await self._accepted(part)
        await self._intake.add(accepted)
        name = capture_id(accepted.digest)
        response.headers["Location"] = f"{ACTS}/{name}"
        return case_schemas.StoredActs(id=name)

    async def _accepted(self, part: bytes) -> AcceptedSubmission:
        return await run_in_threadpool(accept_acts, self._acceptor, part, at_ms=now_ms())

    def act_job(self, response: Response, name: _ID) -> case_schemas.ActJob:
        """Show what became of acts; poll it until `running` is false."""
        job, sizes = self._cases.act_job(name), self._reader.sizes()
        response.headers.update(NO_STORE)
        return _job(job, sizes)


def _members(one: ListedCase, at_ms: int) -> dict[str, Any]:
    case = one.row.case
    until = case.muted_until
    return {
        "id": one.row.id.hex(), "item": one.path, "item_key": one.row.item_key.hex(),
        "code": one.row.code, "state": case.state.value, "muted": case.is_muted(at_ms),
        "muted_until": None if until is None else schemas.iso_time(until), "cause": case.cause,
        "reason": case.reason, "assignee": case.assignee, "opened_index": case.opened,
        "changed_index": case.changed, "finding_open": one.finding_open,
        "severity": one.severity, "finding_class": one.finding_class,
        "evidence": list(one.evidence), "detail": one.detail,
    }  # fmt: skip


def _act(one: ShownAct, sizes: Sizes) -> case_schemas.CaseAct:
    entry = decode_fact(one.entry)
    act = parse_finding_act(entry)
    return case_schemas.CaseAct.model_validate(
        {
            "index": one.index, "act": act.act.value, "time": schemas.iso_time(entry.time_ms),
            "party": schemas.PartyName(
                party=entry.party.hex(), name=one.party_name, path=one.party_path
            ),
            "signer": f"0x{entry.signer.hex()}", "effective": one.effective, "note": act.note,
            "assignee": act.assignee, "cause": act.cause,
            "until": None if act.until is None else schemas.iso_time(act.until),
            "entry": one.entry.hex(), "leaf_hash": one.leaf_hash.hex(),
            "state": sizes.state(one.index),
        }
    )  # fmt: skip


def _job(job: ActJob, sizes: Sizes) -> case_schemas.ActJob:
    results = [
        case_schemas.ActResult.model_validate(
            {
                "act": one.position, "verdict": one.verdict, "code": one.code,
                "reason": one.reason, "log_index": one.log_index,
                "state": None if one.log_index is None else sizes.state(one.log_index),
            }
        )
        for one in job.results
    ]  # fmt: skip
    return case_schemas.ActJob(
        id=capture_id(job.digest), created_at=schemas.iso_time(job.created_ms),
        running=job.running, results=results,
        success=not job.running and all(one.verdict != "rejected" for one in job.results),
    )  # fmt: skip


def _body() -> dict[str, Any]:
    schema = {
        "type": "object", "required": ["doc_salt", "events", "issuedAt", "signature"],
        "properties": {
            "doc_salt": {"type": "string"}, "issuedAt": {"type": "integer"},
            "signature": {"type": "string"},
            "events": {"type": "array", "minItems": 1, "maxItems": MAX_ACTS,
                       "items": {"type": "object"}},
        },
        "additionalProperties": False,
    }  # fmt: skip
    content = {_JSON: {"schema": schema, "example": _SUBMISSION}}
    return {"requestBody": {"required": True, "content": content}}
