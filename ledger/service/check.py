"""Check: recompute what an accepted submission claims about its events, before sequencing.

Pure CPU over bytes, made to run in a process pool: hashing small rows holds the GIL.
"""

from dataclasses import dataclass

from ledger.core.commitment import commit, content_digest, derive_items_secret
from ledger.core.errors import MalformedError
from ledger.core.events import Event, document_events
from ledger.core.jcs import canonical_json
from ledger.core.strict_json import parse_json
from ledger.core.submission import SignedEvent, first_difference, parse_submission


@dataclass(frozen=True, slots=True)
class CheckedEvent:
    """An event whose entry was recomputed: ready to be logged, or refused with a reason."""

    entry: bytes
    event_digest: bytes = b""
    content: bytes = b""
    event_secret: bytes = b""
    items_secret: bytes = b""
    items: tuple[tuple[bytes, int, str], ...] = ()
    spends: tuple[tuple[int, bytes], ...] = ()
    code: str | None = None
    reason: str | None = None


def check_submission(part: bytes, document: bytes) -> list[CheckedEvent]:
    """Return one checked event per signed entry.

    Attack: a submission that was accepted but cannot be checked would stop the sequencer for all;
    whatever goes wrong with it is its own rejection.
    """
    signed = parse_submission(part).events
    try:
        events = document_events(parse_json(document))
        return [_check(event, one) for event, one in zip(events, signed, strict=True)]
    except Exception as error:  # noqa: BLE001 -- see above
        return [CheckedEvent(one.entry, code="malformed", reason=str(error)) for one in signed]


def _check(event: Event, signed: SignedEvent) -> CheckedEvent:
    try:
        committed = commit(event, signed.event_secret, signed.spends)
        difference = first_difference(event, signed, committed)
    except MalformedError as error:
        return CheckedEvent(signed.entry, code="malformed", reason=str(error))
    if difference is not None:
        return CheckedEvent(signed.entry, code="commitment_mismatch", reason=difference)
    content = canonical_json(event)
    return CheckedEvent(
        entry=signed.entry,
        event_digest=content_digest(content),
        content=content,
        event_secret=signed.event_secret,
        items_secret=derive_items_secret(signed.event_secret),
        items=tuple(committed.items),
        spends=tuple(signed.spends.items()),
    )
