"""Findings over HTTP: open, over time, and as they change."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request, Response

from api import case_schemas, schemas
from api.event_stream import EventStream, Followers
from api.items import path_of_text
from api.negotiation import NotAcceptableError
from api.routing import GIVEN, problems
from ledger.clock import now_ms
from ledger.core.errors import MalformedError
from ledger.core.identifiers import item_key, party_key, party_path
from ledger.service.case_ports import FindingFilter, ListedFinding, ToldChange
from ledger.service.cases import MAX_PAGE, Cases

_EVENTS = "text/event-stream"
_GLN_DIGITS = 13
_HEX_DIGITS = 64
_EXAMPLE = (
    'id: 23\nevent: finding.opened\ndata: {"type":"finding.opened","index":23,'
    '"item":"/01/04012345111118/21/987","code":"DOUBLE_SHIP","severity":"high",'
    '"class":"suspicious","evidence":[17,23],"detail":"Shipped again: 17, 23."}\n\n'
)

Code = Annotated[str | None, Query(pattern="^[A-Z_]{1,64}$", examples=["DOUBLE_SHIP"])]
Class = Annotated[
    Literal["conflict_proven", "suspicious", "data_quality", "procedural"] | None,
    Query(alias="class", description="What a finding claims."),
]
Severity = Annotated[
    Literal["low", "medium", "high", "critical"] | None, Query(description="How urgent it is.")
]
ItemText = Annotated[str | None, Query(description="Any spelling of an item.")]
PartyText = Annotated[
    str | None,
    Query(
        description="A party that signed a part of the evidence: its GLN, any identifier of it, or"
        " its 32 bytes in hexadecimal."
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

    def __init__(self, cases: Cases) -> None:
        """Take the service."""
        self._cases, self._followers = cases, Followers(cases)

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["Findings"])
        router.add_api_route(
            "/findings", self.findings, methods=["GET"], response_description=GIVEN,
            responses=problems(400, 422), response_model_exclude_none=True,
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
            party=party_of(party), since=since, case=case, at_ms=now_ms(),
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
        wanted = FindingFilter(
            code=code, finding_class=finding_class, severity=severity, item=item_of(item),
            party=party_of(party),
        )  # fmt: skip
        begin = await self._followers.begin(_index(last_event_id), after)
        stays = _EVENTS in accepted
        return EventStream(self._followers, wanted, begin, told_change, stays=stays)


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
        MalformedError: It claims a GS1 form and breaks it.
    """
    return None if text is None else item_key(path_of_text(text))


def party_of(text: str | None) -> bytes | None:
    """Return a party by GLN, identifier, path or key.

    Raises:
        MalformedError: It claims a GS1 form and breaks it.
    """
    if text is None:
        return None
    if len(text) == _HEX_DIGITS and all(one in "0123456789abcdef" for one in text):
        return bytes.fromhex(text)
    if len(text) == _GLN_DIGITS and text.isascii() and text.isdigit():
        text = f"/417/{text}"
    path = f"https://id.gs1.org{text}" if text.startswith("/") else text
    return party_key(party_path(path))


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
