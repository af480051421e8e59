"""Data quality: times that cannot or hardly be, and how many findings a reader is given."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

from ledger.core.epcis.codes import finding
from ledger.core.epcis.document import Event
from ledger.core.epcis.finding import DocumentFinding, Severity
from ledger.core.epcis.rules import Report
from ledger.core.errors import MalformedError
from ledger.core.events import event_time_ms

# Clocks of partners differ; what is five minutes ahead is not a clock's doing.
FUTURE_TOLERANCE_MS: Final = 300_000
# A year-old event is kept, but somebody sent the wrong file more often than not.
STALE_AFTER_MS: Final = 365 * 86_400_000
# The fifty-first of a kind tells nobody anything, and one broken export has thousands.
MAX_PER_CODE: Final = 50

_DAY_MS: Final = 86_400_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017 -- banned-api sees datetime.UTC
_STALE_MESSAGE: Final = "This event is more than a year old."
_TIMES: Final = (("eventTime",), ("errorDeclaration", "declarationTime"))


def unremarkable_times(at_ms: int) -> tuple[str, str]:
    """Return texts between which an eventTime is neither of the future nor stale.

    Times compare as texts by their local date, which is within 14 hours of UTC: two days from
    either limit no zone matters.
    """
    return _unremarkable(at_ms // _DAY_MS)


@lru_cache(maxsize=8)
def _unremarkable(day: int) -> tuple[str, str]:
    last_day = (datetime.max.replace(tzinfo=timezone.utc) - _EPOCH).days - 1  # noqa: UP017 -- as above
    day = max(0, min(day, last_day))
    today = _EPOCH + timedelta(days=day)
    oldest = max(today - timedelta(days=363), _EPOCH)
    return oldest.date().isoformat(), max(today - timedelta(days=1), _EPOCH).date().isoformat()


def judge_times(event: Event, at_ms: int, report: Report) -> None:
    """Add what an event's times say, beside their form."""
    _judge_instant(event.get("eventTime"), "/eventTime", at_ms, report)
    declaration = event.get("errorDeclaration")
    if isinstance(declaration, dict) and "declarationTime" in declaration:
        path = "/errorDeclaration/declarationTime"
        _judge_instant(declaration["declarationTime"], path, at_ms, report, stale=False)


def _judge_instant(
    value: object, path: str, at_ms: int, report: Report, *, stale: bool = True
) -> None:
    if not isinstance(value, str):
        return
    try:
        instant = event_time_ms(value)
    except MalformedError as error:
        message = f"The ledger keeps instants from 1970 to 9999: a time {error.rule}."
        report.add("INVALID_TIME", path, value, message)
        return
    if instant > at_ms + FUTURE_TOLERANCE_MS:
        message = "This time is more than 300 seconds ahead of the present."
        report.add("FUTURE_EVENT_TIME", path, value, message)
    elif stale and instant < at_ms - STALE_AFTER_MS:
        report.add("STALE_EVENT", path, value, _STALE_MESSAGE)


def deduplicated(findings: Iterable[DocumentFinding]) -> list[DocumentFinding]:
    """Return each finding once: of two of one code at one place the first."""
    seen: dict[tuple[str, str], DocumentFinding] = {}
    for one in findings:
        seen.setdefault((one.pointer, one.code), one)
    return [*seen.values()]


def truncated(findings: Iterable[DocumentFinding], *, every_refusal: bool) -> list[DocumentFinding]:
    """Return at most MAX_PER_CODE findings of each code, and what was left out.

    Args:
        findings: In their order.
        every_refusal: Keep the first error of each event all the same: who accepts the other events
            of a document must not miss one that is refused.
    """
    kept: list[DocumentFinding] = []
    counts: Counter[str] = Counter()
    refused: set[int | None] = set()
    for one in findings:
        counts[one.code] += 1
        is_error = one.severity is Severity.ERROR
        first_error = is_error and one.event not in refused
        if counts[one.code] <= MAX_PER_CODE or (every_refusal and first_error):
            kept.append(one)
            if is_error:
                refused.add(one.event)
    for code, count in counts.items():
        left_out = count - sum(1 for one in kept if one.code == code)
        if left_out:
            message = f"{left_out} more findings of {code} are left out; there are {count}."
            kept.append(finding("FINDINGS_TRUNCATED", "", code, message))
    return kept
