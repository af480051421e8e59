"""`unbroken import` and `unbroken export`: tables of partners who have no EPCIS."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ledger.cli.capture import NoClaims, exit_if_refused, submit
from ledger.cli.documents import read_bytes
from ledger.cli.exit_codes import ExitCode
from ledger.cli.opened_table import (
    OpenedTable,
    event_row,
    finding_row,
    merged,
    open_table,
    row_ranges,
)
from ledger.cli.output import JsonFlag, JsonLinesFlag, Output, output_of, write_bytes
from ledger.cli.prove import Url, replace_file
from ledger.cli.table_mappings import read_mapping, save_mapping, with_options
from ledger.core.epcis.finding import DocumentFinding, Verdict
from ledger.core.epcis.read import read_document
from ledger.core.tabular.columns import Column
from ledger.core.tabular.events_to_rows import rows_of
from ledger.core.tabular.mapping import mapping_members
from ledger.core.tabular.rows_to_events import document_bytes
from ledger.tabular_files import write_csv, write_xlsx

# What a person reads before saying yes.
PREVIEWED_EVENTS = 10

_EVENTS = ("event", "rows", "kind", "time", "items", "first_item", "parent", "lot", "from", "to")
_FINDINGS = ("row", "column", "severity", "code", "value", "message")
_RESULTS = ("file", "event", "rows", "verdict", "log_index", "findings", "reason")
_LOSSES = ("file", "pointer", "code", "value", "message")


class TableFormat(StrEnum):
    """How a table is written."""

    CSV = "csv"
    XLSX = "xlsx"


Input = Annotated[str, typer.Argument(metavar="FILE", help="CSV or XLSX; - is stdin.")]
Key = Annotated[str | None, typer.Option("--key", help="Name of the signing key.")]
Mapping = Annotated[
    str | None, typer.Option("--mapping", help="A mapping's file, or its name if saved.")
]
SaveAs = Annotated[
    str | None, typer.Option("--save-mapping", help="Save the mapping for this key.")
]
EventKind = Annotated[
    str | None, typer.Option("--kind", help="What happened: commissioning, shipping, …")
]
Zone = Annotated[
    str | None, typer.Option("--zone", help="Of times without one: +01:00, Europe/Berlin.")
]
DateFormat = Annotated[
    str | None, typer.Option("--date-format", help="Of dates not ISO 8601: DD.MM.YYYY, …")
]
Encoding = Annotated[str | None, typer.Option("--encoding", help="Of a CSV file: utf-8 or cp1252.")]
Preview = Annotated[bool, typer.Option("--preview", help="Show the first events; send nothing.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print all findings; send nothing.")]
Written = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write the EPCIS document; send nothing.")
]


def import_table(
    context: typer.Context,
    file: Input,
    key: Key = None,
    mapping: Mapping = None,
    save_as: SaveAs = None,
    kind: EventKind = None,
    zone: Zone = None,
    date_format: DateFormat = None,
    encoding: Encoding = None,
    preview: Preview = False,
    dry_run: DryRun = False,
    write_to: Written = None,
    no_claims: NoClaims = False,
    url: Url = None,
    as_json: JsonFlag = False,
    as_lines: JsonLinesFlag = False,
) -> None:
    """Make EPCIS events of a table's rows, sign and submit them."""
    output = output_of(context, as_json=as_json, as_lines=as_lines)
    chosen = with_options(
        read_mapping(mapping, key), kind=kind, zone=zone, date_format=date_format,
        encoding=encoding,
    )  # fmt: skip
    table = open_table(file, chosen)
    if save_as is not None:
        save_mapping(table.mapping, save_as, key)
        output.say(f"mapping {save_as} saved for {key}")
    refused = table.verdict is Verdict.REJECT
    if preview:
        _preview(output, table)
    elif dry_run or refused:
        _findings(output, table)
    elif write_to is not None:
        replace_file(write_to, document_bytes(table.imported.document))
        output.say(f"{write_to}: {len(table.imported.rows)} events")
    else:
        _submit(output, table, key, url, claims=not no_claims)
    if refused:
        raise typer.Exit(ExitCode.FAILED)


def _preview(output: Output, table: OpenedTable) -> None:
    count = len(table.imported.rows)
    events = [event_row(table, i) for i in range(min(count, PREVIEWED_EVENTS))]
    if output.as_json or output.as_lines:
        findings = [finding_row(table.file, one) for one in table.findings]
        output.record({
            "mapping": mapping_members(table.mapping), "events": events, "total": count,
            "findings": findings,
        })  # fmt: skip
        return
    taken = ", ".join(f"{header} = {column}" for header, column in table.mapping.columns.items())
    output.say(f"columns: {taken}")
    output.rows(events, _EVENTS)
    output.say(f"{count} events, of which {len(events)} are shown")
    if table.findings:
        output.rows(merged(table.findings), _FINDINGS)


def _findings(output: Output, table: OpenedTable) -> None:
    if output.as_json or output.as_lines:
        findings = [finding_row(table.file, one) for one in table.findings]
        found = {"file": table.file, "verdict": table.verdict.value, "findings": findings}
        output.rows([found], ())
        return
    if table.findings:
        output.rows(merged(table.findings), _FINDINGS)
    output.say(f"{table.file}: {table.verdict.value}, {len(table.imported.rows)} events")


def _submit(
    output: Output, table: OpenedTable, key: str | None, url: str | None, *, claims: bool
) -> None:
    if key is None:
        raise typer.BadParameter("--key is needed to sign; without it: --preview or --dry-run")
    if table.findings:
        output.say(f"{len(table.findings)} findings: see --dry-run")
    document = document_bytes(table.imported.document)
    rows = submit(document, table.file, key=key, url=url, output=output, claims=claims)
    for row in rows:
        if row["event"] is not None:
            row["rows"] = row_ranges(table.imported.rows[row["event"]])
    output.rows(rows, _RESULTS)
    exit_if_refused(rows)


def export(
    context: typer.Context,
    files: Annotated[
        list[str], typer.Argument(metavar="DOCUMENT...", help="EPCIS of any format; - is stdin.")
    ],
    table_format: Annotated[
        TableFormat, typer.Option("--format", help="What to write.")
    ] = TableFormat.CSV,
    write_to: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write, instead of stdout.")
    ] = None,
    as_json: JsonFlag = False,
    as_lines: JsonLinesFlag = False,
) -> None:
    """Write the events of EPCIS documents as a table, and say what a table cannot hold."""
    output = output_of(context, as_json=as_json, as_lines=as_lines)
    columns, rows, losses = _table_of(files)
    header = [column.value for column in columns]
    made = write_csv(header, rows) if table_format is TableFormat.CSV else write_xlsx(header, rows)
    if write_to is None or str(write_to) == "-":
        write_bytes(made)
        for loss in losses:
            output.say(f"{loss['file']}: {loss['code']} {loss['pointer']}: {loss['value']}")
        return
    replace_file(write_to, made)
    if losses or output.as_json or output.as_lines:
        output.rows(losses, _LOSSES)
    output.say(f"{write_to}: {len(rows)} rows; {len(losses)} things that a table cannot hold")


def _table_of(
    files: Sequence[str],
) -> tuple[list[Column], list[list[str]], list[dict[str, str | None]]]:
    """Return one table of all documents, and the losses of each."""
    parts = []
    losses: list[dict[str, str | None]] = []
    for file in files:
        document = read_document(read_bytes(file))
        exported = rows_of(document)
        parts += [dict(zip(exported.columns, row, strict=True)) for row in exported.rows]
        losses += [_loss(file, one) for one in (*document.findings, *exported.losses)]
    columns = [column for column in Column if any(column in part for part in parts)]
    return columns, [[part.get(column, "") for column in columns] for part in parts], losses


def _loss(file: str, one: DocumentFinding) -> dict[str, str | None]:
    return {
        "file": file, "pointer": one.pointer, "code": one.code, "severity": one.severity.value,
        "value": one.value, "message": one.message,
    }  # fmt: skip
