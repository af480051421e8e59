"""What commands print: a table for people, lines and JSON for programs, one line for errors."""

import io
import json

import pytest
from rich.console import Console

import ledger.bootstrap  # noqa: F401 -- database errors are known once it is loaded
from ledger.cli.exit_codes import ExitCode, exit_code, one_line
from ledger.cli.output import Output
from ledger.client import UnreachableError
from ledger.core.errors import (
    InvariantError,
    MalformedError,
    NotAnchoredError,
    NotFoundError,
    NotPermittedError,
)
from ledger.settings import SettingError
from ledger.store.database import DatabaseError

ROWS = [
    {"file": "a.json", "verdict": "accepted", "findings": ["X", "Y"], "hidden": 1},
    {"file": "b\t[red]c\x1b[2J", "verdict": "rejected", "findings": [], "hidden": None},
]
COLUMNS = ("file", "verdict", "findings")


def printed(*, terminal: bool = False, as_json: bool = False, as_lines: bool = False) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=80, color_system=None)
    Output(as_json=as_json, as_lines=as_lines, out=console).rows(ROWS, COLUMNS)
    return file.getvalue()


def test_a_pipe_gets_fields_with_tabs_between() -> None:
    first, second = printed().splitlines()
    assert first == "a.json\taccepted\tX, Y"
    assert second.split("\t") == ["b [red]c [2J", "rejected", ""]


def test_json_is_one_document_with_every_member() -> None:
    assert json.loads(printed(as_json=True)) == ROWS


def test_json_lines_are_one_document_a_row() -> None:
    assert [json.loads(line) for line in printed(as_lines=True).splitlines()] == ROWS


def test_a_terminal_gets_a_table_that_text_from_outside_cannot_command() -> None:
    table = printed(terminal=True)
    assert "verdict" in table
    assert "[red]c" in table
    assert "\x1b[2J" not in table


def test_a_record_is_flat_for_programs_without_json() -> None:
    file = io.StringIO()
    Output(out=Console(file=file, force_terminal=False)).record({"a": {"b": True, "c": None}})
    assert file.getvalue() == "a.b\tyes\na.c\t\n"


def test_progress_is_silent_where_nobody_watches() -> None:
    file = io.StringIO()
    with Output(talk=Console(file=file, force_terminal=False)).progress() as report:
        report("work", 1, 2)
    assert file.getvalue() == ""


def test_progress_shows_stage_and_count_in_a_terminal() -> None:
    file = io.StringIO()
    talk = Console(file=file, force_terminal=True, width=100, color_system=None)
    with Output(talk=talk).progress() as report:
        report("entries", 1, 2)
    assert "entries" in file.getvalue()
    assert "1/2" in file.getvalue()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MalformedError("document", "is JSON"), ExitCode.FAILED),
        (NotFoundError("none"), ExitCode.FAILED),
        (InvariantError("broken"), ExitCode.FAILED),
        (OSError("disk"), ExitCode.FAILED),
        (SettingError("UNBROKEN_PORT", "is a number"), ExitCode.USAGE),
        (UnreachableError("no answer"), ExitCode.UNREACHABLE),
        (DatabaseError("no database"), ExitCode.UNREACHABLE),
        (NotAnchoredError("wait"), ExitCode.NOT_ANCHORED),
        (NotPermittedError("no"), ExitCode.NOT_PERMITTED),
        (ZeroDivisionError(), None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_every_foreseen_error_has_its_exit_code(error: Exception, code: ExitCode | None) -> None:
    assert exit_code(error) is code


def test_an_error_is_one_line_that_cannot_command_a_terminal() -> None:
    assert one_line(MalformedError("name", "is\nshort\x1b[2J")) == "name: is short?[2J"


def test_an_unreachable_ledger_is_told_how_to_start() -> None:
    assert "unbroken up" in one_line(UnreachableError("no answer"))
