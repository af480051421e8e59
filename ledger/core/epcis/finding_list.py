"""Findings as a reader collects them: bounded, and told apart by event."""

from collections.abc import Container, Mapping
from typing import Final

from ledger.core.epcis.finding import DocumentFinding, Severity

# Attack: two bytes of JSON could make a finding of 300; nobody reads the ten-thousandth.
MAX_FINDINGS: Final = 1_000
# Enough to recognise a value; a partner's file may hold megabytes of it.
MAX_VALUE: Final = 500


class FindingList:
    """Collects findings of one document, of each severity at most MAX_FINDINGS.

    So a verdict never hangs on those that were left out.
    """

    def __init__(self, rule: str) -> None:
        """Begin an empty list whose findings rest on one rule unless they name another."""
        self.found: list[DocumentFinding] = []
        self.event: int | None = None
        self.rule = rule
        self._counts: dict[Severity, int] = {}

    def add(
        self,
        code: str,
        pointer: str,
        message: str,
        *,
        value: object = None,
        severity: Severity = Severity.ERROR,
    ) -> None:
        """Add a finding about the current event, or about the document when `event` is None."""
        self._keep(
            DocumentFinding(
                code=code,
                severity=severity,
                pointer=pointer,
                value=None if value is None else str(value)[:MAX_VALUE],
                message=message,
                rule=self.rule,
                event=self.event,
            )
        )

    def drop_repeated(self, start: int, better: Mapping[str, Container[str]]) -> None:
        """Leave out what another finding from `start` on tells of the same place by a better code.

        Args:
            start: Position in `found`.
            better: The codes that are better, by code.
        """
        if len(self.found) - start < 2:  # noqa: PLR2004
            return
        codes: dict[str, set[str]] = {}
        for one in self.found[start:]:
            codes.setdefault(one.pointer, set()).add(one.code)
        self.found[start:] = [
            one
            for one in self.found[start:]
            if not any(code in better.get(one.code, ()) for code in codes[one.pointer])
        ]

    def _keep(self, finding: DocumentFinding) -> None:
        count = self._counts.get(finding.severity, 0) + 1
        self._counts[finding.severity] = count
        if count <= MAX_FINDINGS:
            self.found.append(finding)
        elif count == MAX_FINDINGS + 1:
            message = (
                f"More than {MAX_FINDINGS} findings are {finding.severity}; no more is listed."
            )
            self.found.append(
                DocumentFinding(
                    code="FINDINGS_TRUNCATED",
                    severity=Severity.INFO,
                    pointer="",
                    value=None,
                    message=message,
                )
            )
