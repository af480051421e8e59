"""docs/cli.md has a section for every command, with every option it has and no other."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from ledger.cli.exit_codes import ExitCode
from ledger.cli.main import app

PAGE = (Path(__file__).resolve().parents[2] / "docs/cli.md").read_text()
EVERYWHERE = {"--json", "--jsonl", "--help", "-o"}


def commands(command: object, name: str) -> Iterator[tuple[str, Any]]:
    """Every command that can be run, by its full name."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for word, one in inner.items():
        yield from commands(one, f"{name} {word}")


COMMANDS = dict(commands(typer.main.get_command(app), "unbroken"))
SECTIONS = dict(re.findall(r"^## `([^`\n]+)`\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def test_every_command_has_a_section_and_no_other_has() -> None:
    assert set(SECTIONS) == set(COMMANDS)


def test_every_option_is_explained_where_it_belongs() -> None:
    for name, command in COMMANDS.items():
        options = {word for option in command.params for word in option.opts if word[0] == "-"}
        # Another command's option may be named beside that command, as `key revoke --reason` is.
        known = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*\b", SECTIONS[name]))
        assert options - EVERYWHERE <= known, name
        assert known - EVERYWHERE <= options | {"--reason"}, name


def test_every_exit_code_is_explained() -> None:
    assert {int(code) for code in re.findall(r"^\| (\d) \|", PAGE, re.MULTILINE)} == set(ExitCode)


def test_every_named_check_of_the_audit_is_explained() -> None:
    service = Path(__file__).resolve().parents[2] / "ledger"
    sources = [*service.glob("service/audit*.py"), service / "core/audit_signatures.py"]
    named = {
        name
        for path in sources
        for name in re.findall(r'(?:_fail|Failure)\(\s*"(\w+)"', path.read_text())
    }
    explained = set(re.findall(r"^\| (`.*?`) \|", SECTIONS["unbroken audit"], re.MULTILINE))
    told = {name for cell in explained for name in re.findall(r"\w+", cell)}
    assert named - {"more"} <= told
    assert told - named == {"findings"}
