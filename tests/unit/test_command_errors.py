"""Errors of commands as the shell gets them: one line on stderr, and the exit code of its kind."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.cli.main import main

GTIN = "09501101530003"
Ran = Callable[..., tuple[object, str, str]]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ran:
    def run(*arguments: object) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["unbroken", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        return ended.value.code or 0, shown.out, shown.err

    return run


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nonsense"], "No such command 'nonsense'; see unbroken --help"),
        (["scan"], "Missing argument 'TEXT...'; see unbroken scan --help"),
        (["scan", "--nope", "1"], "No such option: --nope"),
        (["key", "list", "x"], "(x); see unbroken key list --help"),
        (["epcis", "convert", "a", "--to", "b"], "'--to'"),
        (["audit", "--workers", "0"], "'--workers'"),
        (["barcode", "1", "-o", "y", "--symbol", "q"], "--symbol: one of datamatrix"),
        (["case", "list", "--state", "bogus"], "--state is one of open, acknowledged"),
        (["capture", "a"], "--key is needed, but for a --dry-run"),
        (["capture", "none", "--key", "a"], "none: No such file or directory"),
        (["export", "none"], "none: No such file or directory"),
        (["epcis", "hash", "none"], "none: No such file or directory"),
        (["epcis", "check", "none"], "none: No such file or directory"),
        (["scan", "--known", "none", "1"], "none: No such file or directory"),
        (["scan", "--known", "/", "1"], "/: Is a directory"),
        (["barcode", f"(01){GTIN}", "-o", "/none/x"], "/none/x: No such file or directory"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_is_one_line_and_exit_2(ran: Ran, arguments: list[str], told: str) -> None:
    code, out, error = ran(*arguments)
    assert (code, out) == (2, "")
    assert error.startswith("unbroken: ")
    assert error.endswith("\n")
    assert error.count("\n") == 1
    assert told in error


def test_a_command_that_went_well_says_nothing_of_errors(ran: Ran) -> None:
    code, out, error = ran("item", "--jsonl", f"(01){GTIN}")
    assert (code, json.loads(out)["item"], error) == (0, f"/01/{GTIN}", "")
    assert ran("item", "(01)1")[0] == 1
    assert ran("--version")[0] == 0


def test_a_group_without_a_command_shows_its_help(ran: Ran) -> None:
    code, out, error = ran("epcis")
    assert (code, out) == (2, "")
    assert error.startswith("Usage: unbroken epcis")
    assert "convert" in error


@pytest.mark.parametrize("command", ["epcis", "dscsa"])
def test_a_missing_file_leaves_the_others(ran: Ran, command: str, tmp_path: Path) -> None:
    good, missing = tmp_path / "good.json", tmp_path / "missing.json"
    good.write_text("[]")
    code, out, error = ran(command, "check", "--json", missing, good)
    assert code == 2
    assert [row["file"] for row in json.loads(out)] == [str(good)]
    assert error == f"unbroken: {missing}: No such file or directory\n"
    assert ran(command, "check", good)[0] == 1


def test_a_result_that_cannot_be_written_names_its_file(ran: Ran, tmp_path: Path) -> None:
    document = Path(__file__).resolve().parents[1] / "vectors/dscsa/ok-gs1us-2.2.1.1.xml"
    there = tmp_path / "none" / "x.json"
    for arguments in (
        ("epcis", "convert", document, "--to", "json", "-o", there),
        ("export", document, "-o", there),
    ):
        assert ran(*arguments) == (2, "", f"unbroken: {there}: No such file or directory\n")
