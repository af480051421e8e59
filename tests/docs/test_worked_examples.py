"""The worked examples of docs/spec have the values of the vectors."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    "entry.md",
    "event.md",
    "evidence.md",
    "identifiers.md",
    "item-map.md",
    "log.md",
    "submission.md",
]
EXAMPLE = re.compile(
    r"^## Worked example\nFrom `(tests/vectors/format/\w+\.json)`\..*\n\n```\n((?:.+ = .+\n)+)```$",
    re.MULTILINE,
)


def look_up(value: Any, path: str) -> Any:  # noqa: ANN401
    """The value at a path such as `events[0].rows[3].salt`."""
    for step in re.findall(r"[^.\[\]]+", path):
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value


@pytest.mark.parametrize("page", PAGES)
def test_a_worked_example_has_the_values_of_its_vectors(page: str) -> None:
    (example,) = EXAMPLE.findall((ROOT / "docs" / "spec" / page).read_text())
    vectors = json.loads((ROOT / example[0]).read_text())
    for line in example[1].splitlines():
        path, value = re.split(r" += ", line, maxsplit=1)
        assert str(look_up(vectors, path)) == value, line
