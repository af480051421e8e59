"""The commands of docs/howto print what the pages say, in a terminal of 170 columns."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ledger.cli import opened_table
from ledger.cli.main import app

PAGES = Path(__file__).resolve().parents[2] / "docs/howto"
FILE = re.compile(r"^`([\w.-]+)`:\n\n```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SESSION = re.compile(r"^```\n(\$ .*?)^```$", re.MULTILINE | re.DOTALL)
STYLE = re.compile(r"\x1b\[[0-9;]*m")
# 2026-11-25: what is stale or lies ahead depends on the day.
AT_MS = 1_795_564_800_000


def test_a_page_prints_what_it_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    page = (PAGES / "spreadsheets.md").read_text()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(opened_table, "now_ms", lambda: AT_MS)
    environment = {
        "UNBROKEN_HOME": str(tmp_path), "COLUMNS": "170", "FORCE_COLOR": "1", "NO_COLOR": "1",
        "TERM": "xterm",
    }  # fmt: skip
    for name, content in FILE.findall(page):
        (tmp_path / name).write_text(content)
    sessions = SESSION.findall(page)
    assert len(sessions) >= 3
    for session in sessions:
        printed = ""
        for command in re.findall(r"^\$ (.*)$", session, re.MULTILINE):
            program, *arguments = shlex.split(command)
            assert program == "unbroken"
            result = CliRunner().invoke(app, arguments, env=environment)
            printed += f"$ {command}\n{STYLE.sub('', result.output)}"
        assert re.sub(r" +$", "", printed, flags=re.MULTILINE) == session
