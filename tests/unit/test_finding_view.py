"""Findings at a terminal: a heading for each file, the heaviest findings in order of position."""

import io
from typing import Any, Literal

from rich.console import Console

from ledger.cli.documents import print_files
from ledger.cli.finding_view import MAX_SHOWN
from ledger.cli.output import Output

Row = dict[str, Any]


def one(severity: str = "error", pointer: str = "/a", **more: object) -> Row:
    return {
        "code": f"CODE_{severity.upper()}", "severity": severity, "pointer": pointer,
        "value": None, "message": "Mend it.", **more,
    }  # fmt: skip


def file(*findings: Row, name: str = "a.json", verdict: str = "reject") -> Row:
    return {"file": name, "verdict": verdict, "findings": list(findings)}


def printed(
    *rows: Row, terminal: bool = True, colours: Literal["standard"] | None = None, **how: bool
) -> str:
    written = io.StringIO()
    console = Console(
        file=written, force_terminal=terminal, width=80, color_system=colours, no_color=False
    )
    print_files(Output(out=console, **how), rows)
    return written.getvalue()


def test_a_finding_has_its_place_and_its_sentence_below_the_file() -> None:
    text = printed(file(one(value="x y", line=7), one("info", "")))
    assert [line.rstrip() for line in text.splitlines()] == [
        "a.json  reject  1 error, 1 info",
        "  info  CODE_INFO  document",
        "    Mend it.",
        "  error  CODE_ERROR  7:/a",
        '    Mend it. "x y"',
    ]


def test_files_without_findings_stand_close_together() -> None:
    clean = file(verdict="accept")
    lines = [line.rstrip() for line in printed(clean, clean, file(one())).splitlines()]
    assert lines[:4] == ["a.json  accept", "a.json  accept", "", "a.json  reject  1 error"]


def test_positions_are_in_order_of_the_file() -> None:
    pointers = ["/l/10", "/l/9", "/l", ""]
    text = printed(file(*(one(pointer=pointer) for pointer in pointers), one(line=3)))
    places = [line.split("  ")[-1].strip() for line in text.splitlines() if "CODE" in line]
    assert places == ["document", "/l", "/l/9", "/l/10", "3:/a"]


def test_what_weighs_most_is_shown_where_all_do_not_fit() -> None:
    light = [one("info", f"/{i}") for i in range(MAX_SHOWN + 4)]
    text = printed(file(*light, one(pointer="/last")))
    assert text.count("Mend it.") == MAX_SHOWN
    assert "/last" in text
    assert "5 more" in text


def test_no_line_is_wider_than_the_terminal_nor_made_of_single_words() -> None:
    pointer = "/epcisBody/eventList/0/sensorElementList/0/sensorReport/0/dataProcessingMethod"
    text = printed(file(one(pointer=pointer, message="word " * 40, value="v" * 200)))
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) < 14


def test_text_from_outside_cannot_command_a_terminal() -> None:
    bad = "b\t[red]c\x1b[2J"
    text = printed(file(one(pointer=bad, message=bad, value=bad), name=bad))
    assert text.count("[red]c") == 4
    assert "\x1b" not in text


def test_a_verdict_is_coloured_and_an_info_dimmed() -> None:
    text = printed(file(one("info")), colours="standard")
    assert "\x1b[1;31mreject" in text
    assert "\x1b[2m" in text


def test_a_pipe_gets_one_line_a_finding_and_json_whole_rows() -> None:
    rows = [file(one(value="x y", line=7)), file(name="b.json", verdict="accept")]
    assert printed(*rows, terminal=False).splitlines() == [
        "a.json\treject\tCODE_ERROR\terror\t/a\tx y\tMend it.", "b.json\taccept\t\t\t\t\t",
    ]  # fmt: skip
    assert '"line": 7' in printed(*rows, as_json=True)
