"""Findings as they are kept with the answer to a sender: JSON, bounded."""

from collections.abc import Sequence

import orjson

from ledger.core.epcis.finding import DocumentFinding, Severity
from ledger.core.errors import MalformedError

# Per event. Whoever has more mends these first; a document of 20,000 events has 20,000 times this.
MAX_FINDINGS = 50
# Both may quote the sender's own text, a whole document at worst.
MAX_TEXT = 500
MAX_VALUE = 120


class RefusedError(MalformedError):
    """A document is refused for what was found in it; `field` and the rest are of the first."""

    def __init__(self, findings: Sequence[DocumentFinding]) -> None:
        """Take at least one finding."""
        first = findings[0]
        super().__init__(first.pointer or "document", first.message, first.value)
        self.findings = findings


def format_findings(findings: Sequence[DocumentFinding]) -> str | None:
    """Return the JSON list that is stored, None for no findings.

    What a finding says of the document as a whole has no `event`.
    """
    if not findings:
        return None
    kept = list(findings[:MAX_FINDINGS])
    if len(findings) > MAX_FINDINGS:
        kept.append(_truncated(findings[0], len(findings) - MAX_FINDINGS))
    return orjson.dumps([finding_members(one) for one in kept]).decode()


def finding_members(finding: DocumentFinding) -> dict[str, object]:
    """Return a finding as JSON members; those without a value are left out."""
    members: dict[str, object] = {
        "code": finding.code,
        "severity": finding.severity.value,
        "pointer": _shown(finding.pointer, MAX_TEXT),
        "message": _shown(finding.message, MAX_TEXT),
    }
    if finding.value is not None:
        members["value"] = _shown(finding.value, MAX_VALUE)
    if finding.rule:
        members["rule"] = finding.rule
    if finding.event is not None:
        members["event"] = finding.event
    return members


def _truncated(like: DocumentFinding, more: int) -> DocumentFinding:
    return DocumentFinding(
        code="FINDINGS_TRUNCATED", severity=Severity.INFO, pointer="", value=None,
        message=f"There are {more} more findings.", event=like.event,
    )  # fmt: skip


def _shown(text: str, length: int) -> str:
    """Return text that UTF-8 can carry and a terminal obeys nothing of."""
    cut = text[:length].encode(errors="backslashreplace").decode()
    return cut if cut.isprintable() else "".join(c if c.isprintable() else "?" for c in cut)
