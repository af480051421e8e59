"""EPCIS files as commands take them, and what was found in them as commands print it."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ledger.cli.exit_codes import ExitCode, file_error, one_line
from ledger.cli.finding_view import print_findings
from ledger.cli.output import Output
from ledger.core.epcis.finding import DocumentFinding, Severity, Verdict, verdict
from ledger.core.errors import MalformedError

# As many bytes as a capture takes (api/): what is checked here can be sent.
MAX_DOCUMENT_BYTES = 32 * 1024 * 1024

Files = Annotated[list[str], typer.Argument(metavar="FILE...", help="EPCIS documents; - is stdin.")]
_COLUMNS = ("file", "verdict", "code", "severity", "pointer", "value", "message")


def read_bytes(file: str) -> bytes:
    """Return a file's bytes; `-` is stdin.

    Raises:
        MalformedError: It is too long.
        typer.BadParameter: It cannot be read.
    """
    try:
        if file == "-":
            raw = sys.stdin.buffer.read(MAX_DOCUMENT_BYTES + 1)
        else:
            with Path(file).open("rb") as opened_file:
                raw = opened_file.read(MAX_DOCUMENT_BYTES + 1)
    except OSError as error:
        raise file_error(file, error) from error
    if len(raw) > MAX_DOCUMENT_BYTES:
        raise MalformedError("document", f"has at most {MAX_DOCUMENT_BYTES} bytes")
    return raw


def unreadable(error: MalformedError) -> DocumentFinding:
    """Return the one finding about a document that cannot be read."""
    return DocumentFinding(
        code="UNREADABLE",
        severity=Severity.ERROR,
        pointer="",
        value=None if error.value is None else str(error.value)[:120],
        message=f"{error.field}: {error.rule}",
    )


def errors_of(findings: Sequence[DocumentFinding]) -> list[DocumentFinding]:
    """Return the findings for which a document is rejected."""
    return [one for one in findings if one.severity is Severity.ERROR]


def tell_errors(file: str, errors: Sequence[DocumentFinding]) -> None:
    """Say that a command took what a check rejects; on stderr, so that programs hear of it too."""
    if errors:
        say_plainly(f"{file} has errors ({len(errors)}): unbroken epcis check {file}")


def say_plainly(line: str) -> None:
    """Print one line on stderr; attack: names from a document that command a terminal."""
    typer.echo("".join(sign if sign.isprintable() else "?" for sign in line), err=True)


def file_row(file: str, findings: Sequence[DocumentFinding]) -> dict[str, Any]:
    """Return what a file's findings come to, for programs."""
    return {
        "file": file,
        "verdict": verdict(findings).value,
        "findings": [
            {
                "code": one.code,
                "severity": one.severity.value,
                "pointer": one.pointer,
                "value": one.value,
                "message": one.message,
            }
            for one in findings
        ],
    }


def print_checks(
    output: Output, files: Sequence[str], row_of: Callable[[str], dict[str, Any]]
) -> None:
    """Print the row of each file; one that cannot be read is told on stderr, the others go on.

    Raises:
        typer.Exit: A file could not be read, or was rejected.
    """
    rows, unread = [], False
    for file in files:
        try:
            rows.append(row_of(file))
        except typer.BadParameter as error:
            sys.stderr.write(f"unbroken: {one_line(error)}\n")
            unread = True
    print_files(output, rows)
    if unread:
        raise typer.Exit(ExitCode.USAGE)
    if any(row["verdict"] == Verdict.REJECT for row in rows):
        raise typer.Exit(ExitCode.FAILED)


def verify_readable(files: Sequence[str]) -> None:
    """Return if every file can be opened, so that none is sent before another is missing.

    Raises:
        typer.BadParameter: One cannot.
    """
    for file in files:
        try:
            if file != "-":
                Path(file).open("rb").close()
        except OSError as error:
            raise file_error(file, error) from error


def print_files(output: Output, rows: Sequence[dict[str, Any]]) -> None:
    """Print file rows: whole for programs, in a pipe one line a finding, a view in a terminal."""
    if output.as_json or output.as_lines:
        output.rows(rows, ())
        return
    if output.out.is_terminal:
        print_findings(output.out, rows)
        return
    lines = []
    for row in rows:
        about = {"file": row["file"], "verdict": row["verdict"]}
        lines += [{**about, **one} for one in row["findings"]] or [about]
    output.rows(lines, _COLUMNS)
