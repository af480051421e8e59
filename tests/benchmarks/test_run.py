"""The benchmarks work, and say what they measured; no timing is judged here."""

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from benchmarks import __main__ as command
from benchmarks.audit import _replay
from benchmarks.log import appends, growth, inclusion
from benchmarks.measure import Result, spread
from benchmarks.validation import CONFORMANCE, validation


def test_tiny_logs_are_measured_beside_their_peers() -> None:
    results = [*inclusion(300, 20, 2), *appends(300, 100, 2), *growth((100, 300), 20, 2)]
    assert [result.goal for result in results] == ["G8", "G8", "G9", "G11", "G11"]
    assert all(result.ratio and result.low and result.high for result in results)


def test_a_replay_of_signatures_is_measured_beside_bare_ones() -> None:
    results = list(_replay(entries=20, pairs=2))
    assert [(result.goal, result.threshold) for result in results] == [("G7", 0.85), ("G7", None)]


@pytest.mark.parametrize(
    ("ratio", "better", "verdict"),
    [(2.0, "higher", "reached"), (1.9, "higher", "not reached"), (2.1, "lower", "not reached")],
    ids=["reached", "too low", "too high"],
)
def test_a_ratio_is_judged_by_its_threshold(ratio: float, better: str, verdict: str) -> None:
    result = Result(goal="G", what="", ratio=ratio, low=1, high=3, threshold=2.0, better=better)
    assert result.verdict == verdict


def test_a_ratio_is_the_median_with_its_quartiles() -> None:
    assert spread([5, 1, 2, 4, 3]) == (3, 2, 4)


def test_validation_is_measured_beside_the_official_schema(conformance_data: Path) -> None:
    assert conformance_data.is_dir()
    results = list(validation(documents=2, bulk=1, pairs=2))
    assert [(one.goal, one.threshold) for one in results] == [("G14", 2.0)] * 4
    assert all(one.ratio and one.low and one.high for one in results)


def test_validation_says_when_it_has_no_official_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CONFORMANCE, raising=False)
    (result,) = validation()
    assert result.verdict.startswith("not run")


def test_every_goal_has_its_suite() -> None:
    goals = {goal for named in command.SUITES.values() for goal in named}
    assert sorted(goals, key=lambda goal: int(goal[1:])) == [f"G{i}" for i in range(1, 17)]
    assert len(command.chosen([])) == len(command.SUITES)
    assert command.chosen(["G8", "inclusion"]) == [inclusion]


def test_an_unknown_name_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.main(["G99"])
    assert "no such benchmark: G99" in capsys.readouterr().err


def test_the_command_prints_a_table_or_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["quoted"]) == 0
    table = capsys.readouterr().out.splitlines()
    assert table[2].startswith("| G1 | EPCIS XML")
    assert "| >= 50 | quoted |" in table[2]
    assert command.main(["G5", "--json"]) == 0
    rows = orjson.loads(capsys.readouterr().out)["results"]
    assert {"G1", "G5", "G13"} == {row["goal"] for row in rows}
    assert [row["verdict"] for row in rows if row["goal"] == "G5"] == ["quoted"]


@pytest.mark.db
@pytest.mark.chain
def test_map_and_custody_are_measured_in_a_process_of_their_own() -> None:
    """The embedded PostgreSQL fixes its folder when it is first imported."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "custody", "--quick", "--json"],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    results = orjson.loads(done.stdout)["results"]
    assert [(one["goal"], one["threshold"]) for one in results] == [
        ("G15", 1.0), ("G15", None), ("G16", 2.0), ("G16", 2.0),
    ]  # fmt: skip
    assert all(one["ratio"] > 0 for one in results)
    # 120 items are below a tile of 16 buckets: some seven siblings and three short inclusions.
    assert "bytes of hashes" in results[2]["note"]
