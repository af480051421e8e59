"""Findings over HTTP: open, over time, and as they change."""

import re
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from api import case_schemas, schemas
from api.event_stream import EventStream, Followers
from api.items import NOT_EMPTY
from api.negotiation import NotAcceptableError
from api.routing import GIVEN, problems
from ledger.clock import now_ms
from ledger.core.custody.findings import Rule
from ledger.core.errors import MalformedError, NotFoundError
from ledger.core.identifiers import item_key, party_key, party_path
from ledger.core.item_names import asked_path
from ledger.service.case_ports import FindingFilter, ListedFinding, ToldChange
from ledger.service.cases import MAX_PAGE, Cases
from ledger.service.look_up import LookUp

_EVENTS = "text/event-stream"
_GLN = re.compile(r"[0-9]{13}", re.ASCII)
_PARTY = re.compile(r"[0-9a-f]{64}", re.ASCII)
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)
# A URI, as parties are registered by.
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:.", re.ASCII | re.DOTALL)
_EXAMPLE = (
    'id: 23\nevent: finding.opened\ndata: {"type":"finding.opened","index":23,'
    '"item":"/01/04012345111118/21/987","code":"DOUBLE_SHIP","severity":"high",'
    '"class":"suspicious","evidence":[17,23],"detail":"Shipped again: 17, 23."}\n\n'
)

Code = Annotated[Rule | None, Query(description="The rule.", examples=["DOUBLE_SHIP"])]
Class = Annotated[
    Literal["conflict_proven", "suspicious", "data_quality", "procedural"] | None,
    Query(alias="class", description="What a finding claims."),
]
Severity = Annotated[
    Literal["low", "medium", "high", "critical", "operational"] | None,
    Query(description="How urgent it is."),
]
ItemText = Annotated[
    str | None, Query(description="Any spelling of an item.", json_schema_extra=NOT_EMPTY)
]
PartyText = Annotated[
    str | None,
    Query(
        description="A party that signed a part of the evidence: its GLN, any identifier of it, its"
        " 32 bytes in hexadecimal, or the address (0x…) of a key of it.",
        json_schema_extra=NOT_EMPTY,
    ),
]
CaseFilter = Annotated[
    Literal["open", "acknowledged", "assigned", "resolved", "closed", "muted"] | None,
    Query(description="How far its case is; one that is muted is that alone."),
]
After = Annotated[str | None, Query(description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
Position = Annotated[int | None, Query(ge=-1, lt=1 << 63)]


class FindingRoutes:
    """The routes of findings."""

    def __init__(self, cases: Cases, reader: LookUp) -> None:
        """Take the services."""
        self._cases, self._reader, self._followers = cases, reader, Followers(cases)

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["Findings"])
        router.add_api_route(
            "/findings", self.findings, methods=["GET"], response_description=GIVEN,
            responses=problems(400, 413, 422), response_model_exclude_none=True,
        )  # fmt: skip
        stream = {
            "description": "Server-sent events, for as long as the line holds.",
            "content": {_EVENTS: {"schema": {"type": "string"}, "example": _EXAMPLE}},
        }
        router.add_api_route(
            "/findings/stream", self.stream, methods=["GET"], response_class=Response,
            responses={200: stream, **problems(400, 406, 422)},
        )  # fmt: skip
        return router

    def findings(
        self,
        code: Code = None,
        finding_class: Class = None,
        severity: Severity = None,
        item: ItemText = None,
        party: PartyText = None,
        state: Annotated[
            Literal["open", "closed", "all"],
            Query(description="Open now, or every time that one was open."),
        ] = "open",
        since: Annotated[
            int | None, Query(ge=-1, lt=1 << 63, description="Changed behind this log index.")
        ] = None,
        case: CaseFilter = None,
        after: After = None,
        limit: Limit = 100,
    ) -> case_schemas.Findings:
        """List findings: contradictions between entries, each with its evidence.

        Open ones are in the order of items and codes, those over time in that of opening. Only
        among the open ones are those of SERIAL_GUESSING, which are not of the log.
        """
        wanted = FindingFilter(
            code=code, finding_class=finding_class, severity=severity, item=item_of(item),
            party=party_of(party, self._reader), since=since, case=case, at_ms=now_ms(),
        )  # fmt: skip
        if state == "open":
            found, cursor = self._cases.open_findings(wanted, after, limit)
        else:
            found, cursor = self._cases.past_findings(
                wanted, after, limit, closed_only=state == "closed"
            )
        return case_schemas.Findings(findings=[_finding(one) for one in found], next=cursor)

    async def stream(
        self,
        request: Request,
        code: Code = None,
        finding_class: Class = None,
        severity: Severity = None,
        item: ItemText = None,
        party: PartyText = None,
        after: Annotated[
            int | None,
            Query(
                ge=-1, lt=1 << 63,
                description="Tell what changed behind this log index, from -1 on all. Without it,"
                " and without `Last-Event-ID`, which goes before it, what changes from now on.",
            ),
        ] = None,
        last_event_id: Annotated[
            str | None,
            Header(description="The last `id` that was received.", examples=["23"]),
        ] = None,
    ) -> Response:  # fmt: skip
        """Tell findings as they open, change and close, as server-sent events.

        `id` is the last log index that was integrated when it did; of several changes at one index
        only the last has it. Whoever comes back with it has missed none. Whoever reads too slowly
        is cut off, and comes back. The line stays open for who accepts `text/event-stream` by name,
        as browsers do; others are told what there is.
        """
        accepted = _accepted(request)
        wanted = await run_in_threadpool(self._followed, code, finding_class, severity, item, party)
        begin = await self._followers.begin(_index(last_event_id), after)
        stays = _EVENTS in accepted
        return EventStream(self._followers, wanted, begin, told_change, stays=stays)

    def _followed(
        self, code: str | None, finding_class: str | None, severity: str | None, item: str | None,
        party: str | None,
    ) -> FindingFilter:  # fmt: skip
        return FindingFilter(
            code=code,
            finding_class=finding_class,
            severity=severity,
            item=item_of(item),
            party=party_of(party, self._reader),
        )


def _accepted(request: Request) -> str:
    accepted = request.headers.get("accept", "*/*").lower()
    if not any(one in accepted for one in (_EVENTS, "text/*", "*/*")):
        raise NotAcceptableError(f"a stream of findings is {_EVENTS}")
    return accepted


def _index(text: str | None) -> int | None:
    if text is None or not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):  # noqa: PLR2004 -- below 2^63
        raise MalformedError("Last-Event-ID", "is an id of this stream, a log index", text)
    return int(text)


def item_of(text: str | None) -> bytes | None:
    """Return the key of an item in any spelling.

    Raises:
        MalformedError: It names none.
    """
    return None if text is None else item_key(asked_path(text))


def party_of(text: str | None, reader: LookUp) -> bytes | None:
    """Return a party by GLN, identifier, path or key, or by the address of a signing key.

    Raises:
        MalformedError: It is none of these, or breaks the form that it claims.
    """
    if text is None:
        return None
    if _PARTY.fullmatch(text):
        return bytes.fromhex(text)
    if text[:2].lower() == "0x":
        return _party_of_key(text, reader)
    if _GLN.fullmatch(text):
        text = f"/417/{text}"
    identifier = f"https://id.gs1.org{text}" if text.startswith("/") else text.removeprefix("uri:")
    try:
        if _IDENTIFIER.match(identifier):
            return party_key(party_path(identifier))
    except MalformedError as error:
        raise MalformedError("party", error.rule, text) from None
    raise MalformedError("party", "is a GLN, an identifier, or a key", text)


def _party_of_key(text: str, reader: LookUp) -> bytes:
    if not _ADDRESS.fullmatch(text):
        raise MalformedError("party", "is 0x and 40 hexadecimal digits, where it is a key", text)
    try:
        return reader.key(bytes.fromhex(text[2:])).party.party
    except NotFoundError:
        raise MalformedError("party", "is a registered key", text) from None


def _finding(one: ListedFinding) -> case_schemas.Finding:
    case = one.case and case_schemas.CaseBrief(
        id=one.case.id.hex(), state=one.case.state.value, muted_until=_time(one.case.muted_until)
    )
    closed = one.closed and case_schemas.Closed(
        index=one.closed.log_index, time=schemas.iso_time(one.closed.ms), reason=one.closed.reason
    )
    return case_schemas.Finding(
        code=one.code, severity=one.severity, finding_class=one.finding_class,
        evidence=list(one.evidence), detail=one.detail, item=one.path,
        item_key=one.item_key.hex(), backdated=one.backdated or None,
        opened_index=one.opened_index, opened_at=_time(one.opened_ms),
        changed_index=one.changed_index, closed=closed, case=case,
    )  # fmt: skip


def _time(ms: int | None) -> str | None:
    return None if ms is None else schemas.iso_time(ms)


def told_change(one: ToldChange) -> dict[str, Any]:
    """Return what the stream tells of a change, as a webhook would."""
    finding = one.finding
    told: dict[str, Any] = {
        "type": f"finding.{one.kind}", "index": one.index, "item": finding.path,
        "item_key": finding.item_key.hex(), "code": finding.code, "severity": finding.severity,
        "class": finding.finding_class, "evidence": list(finding.evidence),
        "detail": finding.detail,
    }  # fmt: skip
    if finding.backdated:
        told["backdated"] = True
    if one.reason is not None:
        told["reason"] = one.reason
    if finding.case is not None:
        told["case"] = finding.case.id.hex()
    return told
