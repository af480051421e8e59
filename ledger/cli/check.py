"""`unbroken epcis check`: what is wrong with a partner's file, before anybody signs it."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from ledger.cli.documents import Files, file_row, print_checks, read_bytes, unreadable
from ledger.cli.exit_codes import file_error
from ledger.cli.output import JsonFlag, JsonLinesFlag, output_of
from ledger.clock import now_ms
from ledger.core.epcis.annotate import annotate, suffix_of
from ledger.core.epcis.check import Checked, check_bytes
from ledger.core.epcis.event_hash import hash_findings
from ledger.core.epcis.finding import Verdict
from ledger.core.epcis.places import find_offsets, line_of
from ledger.core.epcis.quality import truncated
from ledger.core.epcis.read import read_document
from ledger.core.errors import MalformedError

# What an eventID that is a hash has in every spelling of its bytes but the oddest.
_HASH = b"sha-256"


def check(
    context: typer.Context,
    files: Files,
    annotated: Annotated[
        Path | None,
        typer.Option(
            "--annotate", metavar="DIR", file_okay=False,
            help="Write a copy of each file with its findings as comments.",
        ),
    ] = None,
    as_json: JsonFlag = False,
    as_lines: JsonLinesFlag = False,
) -> None:  # fmt: skip
    """Check EPCIS files (2.0 JSON, 2.0 XML, 1.2 XML); nothing is stored."""
    output = output_of(context, as_json=as_json, as_lines=as_lines)
    present = now_ms()

    def row_of(file: str) -> dict[str, Any]:
        raw, checked = _checked(file, present)
        if annotated is not None:
            copy = _write_copy(annotated, file, raw, checked)
            output.say(f"{file}: {checked.verdict.value}, annotated in {copy}")
        return _row(file, raw, checked)

    print_checks(output, files, row_of)


def _checked(file: str, present: int) -> tuple[bytes, Checked]:
    try:
        raw = read_bytes(file)
    except MalformedError as error:
        return b"", Checked(document=None, findings=[unreadable(error)], verdict=Verdict.REJECT)
    checked = check_bytes(raw, at_ms=present)
    document = checked.document
    if document is None and _HASH in raw and checked.verdict is not Verdict.REJECT:
        # The check makes no document of a clean one.
        document = read_document(raw)
    if document is None:
        return raw, checked
    # For people's eyes: no verdict depends on it, and hashing takes longer than all else.
    named = hash_findings(document)
    return raw, replace(checked, document=document, findings=[*checked.findings, *named])


def _row(file: str, raw: bytes, checked: Checked) -> dict[str, Any]:
    findings = truncated(checked.findings, every_refusal=False)
    row = {**file_row(file, findings), "verdict": checked.verdict.value}
    if checked.document is not None and findings:
        offsets = find_offsets(raw, checked.document, (one.pointer for one in findings))
        for one in row["findings"]:
            if one["pointer"] in offsets:
                one["line"] = line_of(raw, offsets[one["pointer"]])
    return row


def _write_copy(folder: Path, file: str, raw: bytes, checked: Checked) -> Path:
    """Write the annotated copy under a name that is taken by nothing.

    Raises:
        typer.BadParameter: It cannot be written.
    """
    stem = "stdin" if file == "-" else Path(file).name
    content = annotate(raw, checked.document, truncated(checked.findings, every_refusal=False))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(1, 1000):
            again = "" if number == 1 else f".{number}"
            copy = folder / f"{stem}{again}{suffix_of(checked.document, raw)}"
            try:
                with copy.open("xb") as opened:
                    opened.write(content)
            except FileExistsError:
                continue
            return copy
    except OSError as error:
        raise file_error(folder, error) from error
    raise typer.BadParameter(f"{folder}: holds a thousand copies of {stem} already")
