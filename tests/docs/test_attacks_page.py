"""docs/attacks.md names for every attack a test, and the test asserts by the names of the page."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = (ROOT / "tests/attacks/test_the_operator.py").read_text()
ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \| `(test_\w+)` \|$", re.MULTILINE)
ROWS = ROW.findall((ROOT / "docs/attacks.md").read_text())
TESTS = {
    node.name: ast.get_source_segment(SOURCE, node) or ""
    for node in ast.parse(SOURCE).body
    if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
}
# What the operator is said to do.
ASKED = (
    "edits", "omits", "reorders", "forks", "back-dates", "leaves an entry out of the map",
    "restores a backup", "serves two heads",
)  # fmt: skip


def test_every_attack_has_a_test_and_every_test_an_attack() -> None:
    named = {test for *_, test in ROWS}
    assert named == set(TESTS) - {"test_before_the_attacks_all_of_it_holds"}


def test_each_name_of_a_check_stands_in_its_test() -> None:
    for attack, caught, _, test in ROWS:
        for name in re.findall(r"`([^`]+)`", caught):
            assert f'"{name}' in TESTS[test] or name in TESTS[test].split(), (attack, name)


def test_what_is_asked_of_the_page_is_there() -> None:
    attacks = [attack for attack, *_ in ROWS]
    assert [one for one in ASKED if not any(attack.startswith(one) for attack in attacks)] == []


def test_a_log_made_again_is_so_in_every_way_that_is_told() -> None:
    again = {attack.split()[0] for attack, *_ in ROWS if attack.endswith("makes the log again")}
    again |= {attack.split()[0] for attack, *_ in ROWS if attack.endswith("makes it again")}
    assert again == {"edits", "omits", "reorders", "back-dates"}
    assert all(f'"{word}": ' in SOURCE for word in again)


def test_the_table_in_the_tests_says_nothing_else() -> None:
    docstring = ast.get_docstring(ast.parse(SOURCE)) or ""
    told = {name for _, caught, _, _ in ROWS for name in re.findall(r"`([^`]+)`", caught)}
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", docstring, re.MULTILINE)
    named = {name for _, caught in rows for name in re.findall(r"`([^`]+)`", caught)}
    assert named
    assert named <= told
    assert [one for one in ASKED if not any(attack.startswith(one) for attack, _ in rows)] == []
