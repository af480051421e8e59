"""Findings about a document: what is wrong, where, by which rule."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding weighs; ERROR alone refuses an event."""

    ERROR = "error"
    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"


class Verdict(StrEnum):
    """What a document's findings come to."""

    ACCEPT = "accept"
    FLAG = "flag"
    REJECT = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentFinding:
    """One finding.

    Attributes:
        code: Stable name, capitals and underscores.
        severity: Its weight.
        pointer: RFC 6901 pointer into the JSON form of the document, whatever its format was;
            "" is the whole document.
        value: The offending value as text, None where there is none.
        message: One sentence for people.
        rule: Standard and clause that it rests on.
        event: Position of the event in the document, None when it is about the document.
    """

    code: str
    severity: Severity
    pointer: str
    value: str | None
    message: str
    rule: str = ""
    event: int | None = None


_FLAGS = frozenset([Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM])


def verdict(findings: Iterable[DocumentFinding]) -> Verdict:
    """Return reject for any error, flag for any of medium to critical, else accept."""
    severities = {finding.severity for finding in findings}
    if Severity.ERROR in severities:
        return Verdict.REJECT
    return Verdict.FLAG if severities & _FLAGS else Verdict.ACCEPT
