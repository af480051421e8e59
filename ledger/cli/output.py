"""What commands print: data on stdout, talk on stderr; tables for people, lines for programs.

In a terminal rows are a table; in a pipe they are lines of fields with tabs between; with `--json`
one document, with `--jsonl` one document a row. rich respects NO_COLOR.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
JsonLinesFlag = Annotated[bool, typer.Option("--jsonl", help="Print one JSON document a row.")]
_SURROGATE = re.compile("[\ud800-\udfff]")
Row = Mapping[str, Any]
Report = Callable[[str, int, int], None]

# Words that a person looks for, and their colours.
_COLOURS = {
    "accepted": "green", "ok": "green", "running": "green", "rejected": "red", "failed": "red",
    "stopped": "yellow", "duplicate": "yellow", "warning": "yellow", "suspect": "yellow",
    "refused": "red",
}  # fmt: skip


@dataclass(slots=True)
class Output:
    """Where one command prints."""

    as_json: bool = False
    as_lines: bool = False
    out: Console = field(default_factory=Console)
    talk: Console = field(default_factory=lambda: Console(stderr=True))

    def rows(self, rows: Sequence[Row], columns: Sequence[str]) -> None:
        """Print rows; columns are those that people see, programs get all members."""
        if self.as_lines:
            for row in rows:
                self._write(format_json(row))
        elif self.as_json:
            self._write(format_json(list(rows)))
        elif self.out.is_terminal:
            self.out.print(_table(rows, columns))
        else:
            for row in rows:
                self._write("\t".join(flat(shown(row.get(name))) for name in columns))

    def texts(self, texts: Sequence[str]) -> None:
        """Print texts, one a line; JSON alone has them to the letter."""
        if self.as_json:
            self._write(format_json(list(texts)))
            return
        for text in texts:
            self._write(format_json(text) if self.as_lines else flat(text))

    def record(self, record: Row) -> None:
        """Print one thing and its members; a member that holds members is indented."""
        if self.as_json or self.as_lines:
            self._write(format_json(record, indent=None if self.as_lines else 2))
            return
        for name, value in record.items():
            if isinstance(value, Mapping):
                for inner, one in value.items():
                    self._pair(f"{name}.{inner}", one)
            else:
                self._pair(name, value)

    def _pair(self, name: str, value: object) -> None:
        if self.out.is_terminal:
            self.out.print(Text(f"{name:<22}", style="bold"), _coloured(shown(value)))
        else:
            self._write(f"{name}\t{flat(shown(value))}")

    def _write(self, line: str) -> None:
        # Not through rich, which would wrap lines and read brackets as markup.
        self.out.file.write(line + "\n")

    def say(self, sentence: str) -> None:
        """Tell people how it goes, on stderr; programs that ask for JSON are spared it."""
        if not (self.as_json or self.as_lines):
            self.talk.print(sentence, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def progress(self) -> Iterator[Report]:
        """Show stages of long work with rate and remaining time, where a person watches."""
        if not self.talk.is_terminal or self.as_json or self.as_lines:
            yield lambda _stage, _done, _total: None
            return
        columns = (
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            _Rate(), TimeRemainingColumn(),
        )  # fmt: skip
        with Progress(*columns, console=self.talk, transient=True) as bars:
            known: dict[str, Any] = {}

            def report(stage: str, done: int, total: int) -> None:
                if stage not in known:
                    known[stage] = bars.add_task(stage, total=total)
                bars.update(known[stage], completed=done, total=total)

            yield report


class _Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s", style="dim")


def output_of(context: typer.Context, *, as_json: bool = False, as_lines: bool = False) -> Output:
    """Return where a command prints: its own options or those before its name."""
    before = context.find_root().obj
    given = before if isinstance(before, Output) else Output()
    return Output(as_json=as_json or given.as_json, as_lines=as_lines or given.as_lines)


def format_json(value: object, *, indent: int | None = None) -> str:
    """Return JSON for programs; never bytes that are hashed."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    # Bytes that are no UTF-8 arrive as lone surrogates, which RFC 8259 readers may refuse.
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def shown(value: object) -> str:
    """Return a value as people read it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(shown(one) for one in value)
    return str(value)


def write_bytes(content: bytes) -> None:
    """Write exact bytes to stdout."""
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def flat(text: str) -> str:
    """Keep a field in its line and column; attack: control characters that command a terminal."""
    return "".join(one if one.isprintable() else " " for one in text)


def _table(rows: Sequence[Row], columns: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_coloured(flat(shown(row.get(name)))) for name in columns))
    return table


def _coloured(text: str) -> Text:
    return Text(text, style=_COLOURS.get(text, ""))
