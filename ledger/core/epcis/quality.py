"""Data quality: times that cannot or hardly be, and how many findings a reader is given."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

from ledger.core.epcis.codes import finding
from ledger.core.epcis.compared import find_time_ms
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

_MINUTE_MS: Final = 60_000
# Of the last year that a time can be written in.
_LAST_MS: Final = 253_402_300_799_999
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017 -- banned-api sees datetime.UTC
_STALE_MESSAGE: Final = "This event is more than a year old."
_NOT_KEPT: Final = {
    "is not before 1970": "is before 1970", "is not after 9999 (UTC)": "is after 9999 (UTC)",
}  # fmt: skip


def is_unremarkable(time: str, at_ms: int) -> bool:
    """Tell whether an eventTime that ends in `Z` or `±hh:mm` is neither of the future nor stale.

    Times of one zone compare as texts; the limits are moved inwards to whole minutes.
    """
    zone = "Z" if time[-1] == "Z" else time[-6:]
    oldest, newest = _limits(at_ms // _MINUTE_MS, zone)
    return oldest < time < newest


# A document has few zones, and a process judges by one minute at a time.
@lru_cache(maxsize=128)
def _limits(minute: int, zone: str) -> tuple[str, str]:
    offset = 0
    if zone != "Z":
        offset = int(zone[1:3]) * 60 + int(zone[4:6])
        offset = -offset if zone[0] == "-" else offset
    local = (minute + offset) * _MINUTE_MS
    oldest = local + _MINUTE_MS - STALE_AFTER_MS
    return _as_text(oldest), _as_text(local + FUTURE_TOLERANCE_MS)


def _as_text(at_ms: int) -> str:
    instant = _EPOCH + timedelta(milliseconds=max(0, min(at_ms, _LAST_MS)))
    return instant.strftime("%Y-%m-%dT%H:%M:%S")


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
    instant = find_time_ms(value)
    if instant is None:
        _refuse_time(value, path, report)
    elif instant > at_ms + FUTURE_TOLERANCE_MS:
        message = "This time is more than 300 seconds ahead of the present."
        report.add("FUTURE_EVENT_TIME", path, value, message)
    elif stale and instant < at_ms - STALE_AFTER_MS:
        report.add("STALE_EVENT", path, value, _STALE_MESSAGE)


def _refuse_time(value: str, path: str, report: Report) -> None:
    try:
        event_time_ms(value)
    except MalformedError as error:
        message = (
            "Our own limit, not the standard's: the ledger keeps instants from 1970 to 9999,"
            f" and this {_NOT_KEPT.get(error.rule, 'is none of these')}."
        )
        report.add("INVALID_TIME", path, value, message)


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
    findings = list(findings)
    if len(findings) <= MAX_PER_CODE:
        return findings
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
