"""A document's findings, layer by layer: bytes, model, semantic rules, data quality.

Cost: an event of the usual kind passes one narrow schema (plain.py) and a few look-ups; any other
takes the whole schema and every rule, and comes out with all of its faults, not only the first.
"""

from dataclasses import dataclass, field, replace
from typing import Final

from ledger.core.epcis.clean import is_clean
from ledger.core.epcis.codes import finding
from ledger.core.epcis.document import Document, Event, Format, Kind
from ledger.core.epcis.finding import DocumentFinding, Severity, Verdict, verdict
from ledger.core.epcis.model import model_findings
from ledger.core.epcis.plain import are_links_right, is_plain, is_usual
from ledger.core.epcis.quality import (
    deduplicated,
    is_unremarkable,
    judge_times,
    truncated,
)
from ledger.core.epcis.read import is_xml, read_document
from ledger.core.epcis.read_json import document_of
from ledger.core.epcis.rules import Report, judge_event, judge_rare
from ledger.core.epcis.rules_context import (
    PREFIXES,
    Context,
    are_names_bound,
    inherited,
    name_faults,
    read_context,
)
from ledger.core.epcis.rules_document import judge_together
from ledger.core.epcis.rules_lots import judge_dates
from ledger.core.epcis.schema import DOCUMENT_KINDS, MEMBERS
from ledger.core.errors import MalformedError
from ledger.core.strict_json import parse_json

# JSON forbids what the XSD allows: the document is right XML and could not be written as JSON.
_ALLOWED_BY_XML: Final = frozenset(["MISSING_MEMBER", "UNKNOWN_CBV_WORD", "DUPLICATE_IN_LIST"])
# Attack: a finding takes two kB. Behind these an event is refused for its first error alone.
MAX_FOUND: Final = 20_000
_STANDARD: Final = Context(frozenset(PREFIXES), ())
# The rules of strict_json.parse_json, by how their refusals begin.
_OF_RULE: Final = {
    "must not begin with a byte order mark": "BYTE_ORDER_MARK",
    "must not nest deeper": "TOO_DEEP",
    "must be UTF-8": "NOT_UTF8",
    "must be JSON": "NOT_JSON",
    "must not name a member twice": "DUPLICATE_MEMBER",
    "integer must lie": "UNSAFE_NUMBER",
    "number must": "UNSAFE_NUMBER",
    "text must not hold a lone surrogate": "LONE_SURROGATE",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What checking a document came to.

    Attributes:
        document: As it was read, None when nothing could be read.
        findings: Of each code 50 and the first error of every event, those of reading first.
        verdict: What all of them come to.
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
        document = read_document(raw)
    except MalformedError as error:
        return _refused(error)
    return _checked(document, at_ms)


def _refused(error: MalformedError) -> Checked:
    return Checked(document=None, findings=[_unreadable(error)], verdict=Verdict.REJECT)


def _checked(document: Document, at_ms: int) -> Checked:
    findings = check_events(document, at_ms=at_ms)
    if not (findings or document.findings):
        return Checked(document=document)
    if document.findings:
        findings = truncated(
            deduplicated([*document.findings, *findings]), every_refusal=True
        )  # fmt: skip
    return Checked(document=document, findings=findings, verdict=verdict(findings))


def check_bytes(raw: bytes, *, at_ms: int) -> Checked:
    """Check as check_document does, but make no document of a clean one: it is None then, too."""
    if is_xml(raw):
        return check_document(raw, at_ms=at_ms)
    try:
        value = parse_json(raw)
        if is_clean(value, at_ms=at_ms):
            return Checked(document=None)
        return _checked(document_of(value), at_ms)
    except MalformedError as error:
        return _refused(error)


def check_events(document: Document, *, at_ms: int) -> list[DocumentFinding]:
    """Return the findings about a document that was read, without those of reading.

    Args:
        document: From read_document.
        at_ms: Present time in ms since 1970.
    """
    shared = document.members.get("@context")
    context = read_context(shared) if shared is not None else _STANDARD
    findings = _check_members(document, context)
    look = _sorted_out(document, at_ms)
    for position in sorted(look):
        found = _check_event(document, position, context, at_ms, plain=look[position])
        if len(findings) > MAX_FOUND:
            found = [one for one in found if one.severity is Severity.ERROR][:1]
        findings += found
    if len(document.events) > 1:
        findings += judge_together(document.events, document.pointers)
    if not findings:
        return findings
    return truncated(deduplicated(_untold(document, findings)), every_refusal=True)


def _untold(document: Document, findings: list[DocumentFinding]) -> list[DocumentFinding]:
    """Leave out what the reader has said: there, or below a member that is missing or no object."""
    if not document.findings:
        return findings
    told = {one.pointer for one in document.findings}
    above = {
        "/".join(parts[:i]) for parts in (p.split("/") for p in told) for i in range(len(parts))
    }
    shapes = ("MISSING_MEMBER", "WRONG_TYPE")
    return [
        one
        for one in findings
        if one.pointer not in told and not (one.code in shapes and one.pointer in above)
    ]


def _sorted_out(document: Document, at_ms: int) -> dict[int, bool]:
    """Return the positions of events to look at, and whether they are plain.

    Those left out are right beyond doubt.
    """
    shared = document.members.get("@context", _STANDARD)
    links: list[str] = []
    linked: list[int] = []
    look: dict[int, bool] = {}
    for position, event in enumerate(document.events):
        before = len(links)
        time = event.get("eventTime")
        if not is_plain(event, links) or event.get("@context") is not shared:
            look[position] = False
            continue
        if len(links) > before:
            linked.append(position)
        if not (isinstance(time, str) and is_unremarkable(time, at_ms) and is_usual(event)):
            look[position] = True
    if links and not are_links_right(links):
        look |= dict.fromkeys(linked, False)
    return look


def _check_members(document: Document, context: Context) -> list[DocumentFinding]:
    """Check the document around its events; XML's was checked by the reader of XML."""
    if document.format is not Format.JSON or document.kind not in DOCUMENT_KINDS:
        return []
    findings = model_findings(document.kind, document.members, "")
    if context.faults:
        findings += [
            finding(one.code, f"/@context{one.path}", one.value, one.message)
            for one in context.faults
        ]
    if not findings and are_names_bound(document.members, context.prefixes):
        return findings
    told = {one.pointer for one in findings}
    for one in name_faults(document.members, context.prefixes):
        if one.path not in told:
            findings.append(finding(one.code, one.path, one.value, one.message))
    return findings


def _check_event(
    document: Document, position: int, context: Context, at_ms: int, *, plain: bool
) -> list[DocumentFinding]:
    event, pointer = document.events[position], document.pointers[position]
    report = Report(pointer, position)
    kind = event.get("type")
    is_modelled = plain
    if plain:
        judge_rare(event, report)
    else:
        if isinstance(kind, str) and kind in MEMBERS:
            report.found.extend(_of_model(document, kind, event, report))
            is_modelled = not report.found
        judge_event(event, report)
    judge_times(event, at_ms, report)
    if "ilmd" in event:
        judge_dates(event, report)
    if "recordTime" in event and document.kind is not Kind.QUERY:
        message = "The repository's own recordTime counts; this one is kept and ignored."
        report.add("RECORD_TIME_IGNORED", "/recordTime", event["recordTime"], message)
    prefixes = _check_context(document, event, context, report)
    if not (is_modelled and are_names_bound(event, prefixes)):
        _check_names(event, prefixes, report)
    return report.found if is_modelled else _most_exact(report.found)


def _most_exact(found: list[DocumentFinding]) -> list[DocumentFinding]:
    """Leave out what is said of a value beside something more exact: each is one fault."""
    errors: dict[str, set[str]] = {}
    for one in found:
        if one.severity is Severity.ERROR:
            errors.setdefault(one.pointer, set()).add(one.code)
    return [one for one in found if not _is_vaguer(one.code, errors.get(one.pointer, set()))]


def _is_vaguer(code: str, errors: set[str]) -> bool:
    if code == "INVALID_URI":
        return len(errors) > 1
    return code.startswith("MISSING_") and "WRONG_TYPE" in errors


def _of_model(document: Document, kind: str, event: Event, report: Report) -> list[DocumentFinding]:
    findings = model_findings(kind, event, report.pointer, report.event)
    if document.format is Format.JSON:
        return findings
    return [
        replace(one, severity=Severity.MEDIUM) if one.code in _ALLOWED_BY_XML else one
        for one in findings
    ]


def _check_context(
    document: Document, event: Event, context: Context, report: Report
) -> frozenset[str]:
    """Check an event's own context; return the prefixes that are bound in the event."""
    prefixes = context.prefixes
    if "@context" in event and not inherited(event, document.members):
        own = read_context(event["@context"])
        prefixes |= own.prefixes
        if document.format is Format.JSON:
            _report_context(own, document, report)
    elif "@context" not in event and document.kind in (Kind.EVENT, Kind.EVENTS):
        message = "An event outside of a document has its own @context."
        report.add("MISSING_CONTEXT", "/@context", None, message)
    return prefixes


def _check_names(event: Event, prefixes: frozenset[str], report: Report) -> None:
    told = {one.pointer for one in report.found}
    for one in name_faults(event, prefixes):
        if report.pointer + one.path not in told:
            report.add(one.code, one.path, one.value, one.message)


def _report_context(own: Context, document: Document, report: Report) -> None:
    """Report an event's own context; the standard's may stand above it, in the document."""
    standard_above = document.kind in DOCUMENT_KINDS
    for one in own.faults:
        if not (standard_above and one.code == "MISSING_STANDARD_CONTEXT"):
            report.add(one.code, f"/@context{one.path}", one.value, one.message)


def _unreadable(error: MalformedError) -> DocumentFinding:
    codes = (code for start, code in _OF_RULE.items() if error.rule.startswith(start))
    code = next(codes, "UNREADABLE") if error.field == "json" else "UNREADABLE"
    return finding(code, "", error.value, f"{error.field}: {error.rule}.")
