"""Findings for a person at a terminal: a heading for each file, what to mend below it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from ledger.cli.output import flat
from ledger.core.epcis.finding import Severity, Verdict

Finding = Mapping[str, Any]

# What one can take in of a file; a pipe and --json have all.
MAX_SHOWN: Final = 20

_OF_VERDICT: Final = {Verdict.ACCEPT: "green", Verdict.FLAG: "yellow", Verdict.REJECT: "red"}
_OF_SEVERITY: Final = {
    Severity.ERROR: "red", Severity.CRITICAL: "red", Severity.HIGH: "yellow",
    Severity.MEDIUM: "yellow", Severity.LOW: "", Severity.INFO: "",
}  # fmt: skip
# From the heaviest to the lightest, as Severity lists them.
_WEIGHTS: Final = {severity.value: i for i, severity in enumerate(Severity)}


def print_findings(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows of documents.file_row; of more findings than fit, those that weigh most."""
    for i, row in enumerate(rows):
        findings = sorted(row["findings"], key=lambda one: _WEIGHTS[one["severity"]])
        if i and (findings or rows[i - 1]["findings"]):
            console.print()
        console.print(_heading(row["file"], Verdict(row["verdict"]), findings))
        for one in sorted(findings[:MAX_SHOWN], key=_position):
            _print_one(console, one)
        if len(findings) > MAX_SHOWN:
            rest = f"{len(findings) - MAX_SHOWN} more: a pipe or --json has all."
            _print_indented(console, Text(rest, style="dim"), 2)


def _heading(file: str, verdict: Verdict, findings: Sequence[Finding]) -> Text:
    counts = Counter(one["severity"] for one in findings)
    return Text.assemble(
        (flat(file), "bold"), "  ", (verdict.value, f"bold {_OF_VERDICT[verdict]}"),
        "  ", ", ".join(f"{count} {severity}" for severity, count in counts.items()),
    )  # fmt: skip


def _position(finding: Finding) -> tuple[int, list[tuple[int, str]]]:
    """Order by line, within a line or without one by pointer; element 10 comes after 9."""
    steps = finding["pointer"].split("/")
    return finding.get("line", 0), [
        (int(step) if step.isascii() and step.isdigit() else -1, step) for step in steps
    ]


def _print_one(console: Console, finding: Finding) -> None:
    severity = Severity(finding["severity"])
    style = "dim" if severity is Severity.INFO else ""
    line = f"{finding['line']}:" if "line" in finding else ""
    where = line + flat(finding["pointer"] or "document")
    head = Text.assemble(
        (severity.value, _OF_SEVERITY[severity]), f"  {finding['code']}  {where}", style=style
    )
    value = "" if finding["value"] is None else f' "{flat(finding["value"])}"'
    _print_indented(console, head, 2)
    _print_indented(console, Text(flat(finding["message"]) + value, style=style), 4)


def _print_indented(console: Console, text: Text, columns: int) -> None:
    console.print(Padding(text, (0, 0, 0, columns), expand=False))
