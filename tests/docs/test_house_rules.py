"""Rules of the house that no linter knows."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ("ledger", "api", "verifier/unbroken_verifier")
LONGEST_FUNCTION = 40
LONGEST_MODULE = 400
READERS = {
    "ledger/clock.py": {"time.time", "time.time_ns"},
    "ledger/settings.py": {"os.environ", "os.getenv"},
}
GUARDED = {"datetime.now", "datetime.utcnow", "datetime.today"}.union(*READERS.values())


def modules() -> Iterator[tuple[str, str]]:
    for folder in SHIPPED:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path.relative_to(ROOT).as_posix(), path.read_text()


def function_lengths(source: str) -> Iterator[tuple[str, int]]:
    """Lines of every function, its docstring not counted."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                length -= (first.end_lineno or first.lineno) - first.lineno + 1
            yield node.name, length


def test_functions_fit_on_a_screen() -> None:
    assert [
        f"{path}: {name} has {length} lines"
        for path, source in modules()
        for name, length in function_lengths(source)
        if length > LONGEST_FUNCTION
    ] == []


def test_modules_fit_in_a_reading() -> None:
    lengths = {path: len(source.splitlines()) for path, source in modules()}
    assert {path: n for path, n in lengths.items() if n > LONGEST_MODULE} == {}


def test_no_module_is_a_drawer_for_everything() -> None:
    vague = re.compile(r"(utils?|helpers?|managers?|common|misc)(\.py)?")
    assert [path for path, _ in modules() if any(map(vague.fullmatch, path.split("/")))] == []


def test_time_and_the_environment_have_one_reader_each() -> None:
    assert [
        f"{path}: {ast.unparse(node)}"
        for path, source in modules()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and ast.unparse(node) in GUARDED - READERS.get(path, set())
    ] == []


# Written in two halves, so that this file does not find itself.
@pytest.mark.parametrize("word", ["TO" + "DO", "FIX" + "ME", "XX" + "X"])
def test_no_work_is_left_in_a_comment(word: str) -> None:
    marks = re.compile(rf"\b{word}\b")
    places = [*modules(), *((str(p), p.read_text()) for p in (ROOT / "tests").rglob("*.py"))]
    assert [path for path, source in places if marks.search(source)] == []


@pytest.mark.parametrize(
    "way", ["unittest" + ".mock", "mark" + ".skip", "x" + "fail", "pytest" + ".skip"]
)
def test_no_test_is_skipped_or_patched(way: str) -> None:
    sources = {path: path.read_text() for path in (ROOT / "tests").rglob("*.py")}
    assert [str(path) for path, source in sources.items() if way in source] == []
