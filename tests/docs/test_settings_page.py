"""docs/settings.md has a heading for each setting, with its true default."""

import dataclasses
import re
from pathlib import Path

import pytest

from ledger.settings import VARIABLES, Settings

PAGE = Path(__file__).resolve().parents[2] / "docs/settings.md"
SECTION = re.compile(r"^## `(UNBROKEN_\w+)`\n\nDefault: (none|`([^`]*)`)\.", re.MULTILINE)
OUTSIDE = {"UNBROKEN_CONFORMANCE_DATA", "UNBROKEN_PYTHON"}


def documented() -> dict[str, str | None]:
    return {name: value or None for name, _, value in SECTION.findall(PAGE.read_text())}


def test_every_setting_has_a_heading_and_no_other_has() -> None:
    assert set(documented()) == set(VARIABLES) | OUTSIDE
    assert PAGE.read_text().count("\n## `") == len(documented())


def test_every_documented_default_is_the_true_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings.from_environment({})
    for field in dataclasses.fields(Settings):
        value = getattr(settings, field.name)
        shown = value.relative_to(tmp_path) if isinstance(value, Path) else value
        expected = None if shown is None else str(shown)
        assert documented()[f"UNBROKEN_{field.name.upper()}"] == expected, field.name
