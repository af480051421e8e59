"""A document's findings, layer by layer: bytes, model, semantic rules, data quality."""

from dataclasses import dataclass, field

from ledger.core.epcis.document import Document, Event, Format, Kind
from ledger.core.epcis.finding import DocumentFinding, Severity, Verdict, verdict
from ledger.core.errors import MalformedError
from ledger.core.events import document_events, event_time_ms
from ledger.core.strict_json import parse_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What checking a document came to.

    Attributes:
        document: As it was read, None when nothing could be read.
        findings: All of them, those of reading first.
        verdict: What they come to.
    """

    document: Document | None
    findings: list[DocumentFinding] = field(default_factory=list)
    verdict: Verdict = Verdict.ACCEPT


def check_document(raw: bytes, *, at_ms: int) -> Checked:
    """Check bytes of any EPCIS format; whatever they are, the result is a list of findings.

    Args:
        raw: The whole document; a caller limits its size before.
        at_ms: Present time in ms since 1970, to judge events of the future and stale ones.
    """
    try:
        document = _read(raw)
    except MalformedError as error:
        findings = [_unreadable(error)]
        return Checked(document=None, findings=findings, verdict=verdict(findings))
    findings = [*document.findings, *check_events(document, at_ms=at_ms)]
    return Checked(document=document, findings=findings, verdict=verdict(findings))


def check_events(document: Document, *, at_ms: int) -> list[DocumentFinding]:
    """Return the findings about the events of a document that was read, not those of reading.

    Args:
        document: From read_document.
        at_ms: Present time in ms since 1970.
    """
    findings: list[DocumentFinding] = []
    for position, event in enumerate(document.events):
        pointer = document.pointers[position]
        findings += _check_time(event, pointer, position, at_ms)
    return findings


def _check_time(event: Event, pointer: str, position: int, _at_ms: int) -> list[DocumentFinding]:
    try:
        event_time_ms(event.get("eventTime"))
    except MalformedError as error:
        return [
            DocumentFinding(
                code="INVALID_TIME", severity=Severity.ERROR, pointer=f"{pointer}/eventTime",
                value=str(error.value), message=error.rule, event=position,
            )
        ]  # fmt: skip
    return []


def _read(raw: bytes) -> Document:
    value = parse_json(raw)
    events = document_events(value)
    members = value if isinstance(value, dict) else {}
    bare = "epcisBody" not in members
    return Document(
        format=Format.JSON,
        kind=Kind.EVENT if bare else Kind.CAPTURE,
        members={} if bare else {k: v for k, v in members.items() if k != "epcisBody"},
        events=events,
        pointers=[""] if bare else [f"/epcisBody/eventList/{i}" for i in range(len(events))],
    )


def _unreadable(error: MalformedError) -> DocumentFinding:
    return DocumentFinding(
        code="UNREADABLE", severity=Severity.ERROR, pointer="",
        value=None if error.value is None else str(error.value),
        message=f"{error.field} {error.rule}",
    )  # fmt: skip
