"""Check: validate an accepted submission and recompute what it claims, before sequencing.

Pure CPU over bytes, made to run in a process pool: hashing small rows holds the GIL.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from ledger.core.commitment import commit, content_digest, derive_items_secret
from ledger.core.epcis.check import check_events
from ledger.core.epcis.document import Document, Event
from ledger.core.epcis.event_hash import event_hash
from ledger.core.epcis.finding import DocumentFinding, Severity
from ledger.core.epcis.read import read_document
from ledger.core.errors import MalformedError
from ledger.core.jcs import canonical_json
from ledger.core.strict_json import JsonValue
from ledger.core.submission import SignedEvent, first_difference, parse_submission

_T = TypeVar("_T")

# As UTF-8: an entry of PostgreSQL's index has room for 2,704 bytes (`events.event_id`).
MAX_EVENT_ID_BYTES = 1024
_HASH_PREFIX, _HASH_DIGITS = "ni:///sha-256;", 64
_RECORD_TIME = "recordTime"


class CheckPool(Protocol):
    """Processes with limits, in which submissions are checked."""

    def run(
        self,
        function: Callable[..., _T],
        jobs: Sequence[tuple[object, ...]],
        *,
        chunksize: int,
        instead: Callable[..., _T],
    ) -> Iterator[_T]:
        """Yield function's results in order; of a job that kills its process, instead's."""
        ...


@dataclass(frozen=True, slots=True)
class CheckedEvent:
    """An event whose entry was recomputed: ready to be logged, or refused with a reason.

    `pointer` is the event's in its document; findings about the document stand with its first.
    `digests` has that of the content and, where the sender gave a recordTime, that without it:
    recordTime is the repository's to give, so it makes no other event.
    """

    entry: bytes
    digests: tuple[bytes, ...] = ()
    content: bytes = b""
    event_secret: bytes = b""
    items_secret: bytes = b""
    items: tuple[tuple[bytes, int, str], ...] = ()
    spends: tuple[tuple[int, bytes], ...] = ()
    code: str | None = None
    reason: str | None = None
    findings: tuple[DocumentFinding, ...] = ()
    pointer: str = ""
    event_id: str = ""
    event_hash: bytes = b""
    has_id: bool = False
    declares_error: bool = False

    @property
    def event_digest(self) -> bytes:
        """Return the digest of the content, as it stands in the log."""
        return self.digests[0]


def check_submission(part: bytes, document: bytes, at_ms: int) -> list[CheckedEvent]:
    """Return one checked event per signed entry.

    Attack: a submission that was accepted but cannot be checked would stop the sequencer for all;
    whatever goes wrong with it is its own rejection.

    Args:
        part: The `submission` part.
        document: The received bytes.
        at_ms: When they were accepted, so that a repeated check has the same findings.
    """
    signed = parse_submission(part).events
    try:
        return _checked(read_document(document), signed, at_ms)
    except Exception as error:  # noqa: BLE001 -- see above
        return [CheckedEvent(one.entry, code="malformed", reason=str(error)) for one in signed]


def uncheckable(part: bytes, _document: bytes, _at_ms: int) -> list[CheckedEvent]:
    """Return the rejection of a submission whose check ended its process."""
    reason = "its check needs more memory or time than one submission may have"
    signed = parse_submission(part).events
    return [CheckedEvent(one.entry, code="uncheckable", reason=reason) for one in signed]


def _checked(document: Document, signed: Sequence[SignedEvent], at_ms: int) -> list[CheckedEvent]:
    if len(document.events) != len(signed):
        rule = f"one for each of the document's {len(document.events)} events"
        raise MalformedError("submission.events", rule, len(signed))
    whole: list[DocumentFinding] = []
    of_event: list[list[DocumentFinding]] = [[] for _ in signed]
    for finding in (*document.findings, *check_events(document, at_ms=at_ms)):
        (whole if finding.event is None else of_event[finding.event]).append(finding)
    fault, outer = _first_error(whole), document.members.get("@context")
    of_event[0] = whole + of_event[0]
    return [
        _check(event, one, pointer, tuple(findings), fault or _first_error(findings), outer)
        for event, one, pointer, findings in zip(
            document.events, signed, document.pointers, of_event, strict=True
        )
    ]


def _first_error(findings: Sequence[DocumentFinding]) -> DocumentFinding | None:
    return next((one for one in findings if one.severity is Severity.ERROR), None)


def _check(
    event: Event, signed: SignedEvent, pointer: str, findings: tuple[DocumentFinding, ...],
    fault: DocumentFinding | None, outer: JsonValue,
) -> CheckedEvent:  # fmt: skip
    if fault is None:
        return replace(recomputed(event, signed, outer), findings=findings, pointer=pointer)
    reason = f"{fault.pointer or 'document'}: {fault.message}"
    return CheckedEvent(
        signed.entry, code=fault.code, reason=reason, findings=findings, pointer=pointer
    )


def recomputed(event: Event, signed: SignedEvent, outer: JsonValue = None) -> CheckedEvent:
    """Return an event with all that its entry commits to, or with how the entry differs.

    Args:
        event: E of docs/spec/event.md, whose content nobody judges here.
        signed: What was sent for it.
        outer: `@context` of its document.
    """
    try:
        committed = commit(event, signed.event_secret, signed.spends)
        difference = first_difference(event, signed, committed)
        event_id, hashed = event_name(event, outer)
    except MalformedError as error:
        return CheckedEvent(signed.entry, code="malformed", reason=str(error))
    if difference is not None:
        return CheckedEvent(signed.entry, code="commitment_mismatch", reason=difference)
    content = canonical_json(event)
    return CheckedEvent(
        entry=signed.entry,
        digests=(content_digest(content), *_digest_without_record_time(event)),
        content=content,
        event_secret=signed.event_secret,
        items_secret=derive_items_secret(signed.event_secret),
        items=tuple(committed.items),
        spends=tuple(signed.spends.items()),
        event_id=event_id,
        event_hash=hashed,
        has_id="eventID" in event,
        declares_error="errorDeclaration" in event,
    )


def _digest_without_record_time(event: Event) -> tuple[bytes, ...]:
    if _RECORD_TIME not in event:
        return ()
    rest = {name: value for name, value in event.items() if name != _RECORD_TIME}
    return (content_digest(canonical_json(rest)),)


def event_name(event: Event, outer: JsonValue = None) -> tuple[str, bytes]:
    """Return the id of an event, sent or its CBV hash, and that hash.

    Error declarations have the hash of their original, however either spells its identifiers.

    Args:
        event: E of docs/spec/event.md.
        outer: `@context` of its document.

    Raises:
        MalformedError: Its eventID is no text that can be kept.
    """
    name = event_hash(event, outer)
    event_id = event.get("eventID", name)
    if (
        not isinstance(event_id, str)
        or not event_id
        or not event_id.isprintable()
        or len(event_id.encode()) > MAX_EVENT_ID_BYTES
    ):
        raise MalformedError("eventID", f"is a URI of at most {MAX_EVENT_ID_BYTES} bytes", event_id)
    digits = name.removeprefix(_HASH_PREFIX)[:_HASH_DIGITS]
    return event_id, bytes.fromhex(digits)
