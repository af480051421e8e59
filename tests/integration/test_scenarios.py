"""Scenarios on real ledgers: the public ones, the built-in stories, and `unbroken scenario`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ledger.cli.main import app
from ledger.core.errors import MalformedError
from ledger.scenario.play import play
from ledger.scenario.script import parse_scenario
from ledger.scenario.stage import Theatre, open_theatre
from ledger.scenario.stories import PACK, STORIES

FOLDER = Path(__file__).parents[1] / "vectors/clone-scenarios"
FILES = sorted(path for path in FOLDER.glob("[CD]*.json"))


GLN = "0300011111116"


def flagged(rule: str = "DOUBLE_SHIP", cause: int = 0) -> dict[str, Any]:
    return {"epc": PACK, "rule": rule, "caused_by_submission": cause}


@pytest.fixture(scope="module")
def theatre() -> Iterator[Theatre]:
    with open_theatre() as opened:
        yield opened


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_a_public_scenario_finds_what_it_must_and_nothing_on_quiet_items(
    theatre: Theatre, file: Path
) -> None:
    outcome = play(theatre, parse_scenario(file.read_bytes()))
    assert outcome.broken == ()
    assert {act.verdict for act in outcome.acts} <= {"accepted", "duplicate"}


@pytest.mark.parametrize("name", STORIES)
def test_a_story_finds_exactly_what_it_says(theatre: Theatre, name: str) -> None:
    script = STORIES[name]()
    outcome = play(theatre, script)
    assert outcome.broken == ()
    assert {one.finding.code.value for one in outcome.findings} == {
        one.rule for one in script.must_flag
    }


def test_lines_are_printed_as_scenarios_end(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = list(STORIES)[:2]

    def stopped(theatre: Theatre, script: Any) -> Any:  # noqa: ANN401
        if script.id == STORIES[second]().id:
            raise KeyboardInterrupt
        return play(theatre, script)

    monkeypatch.setattr("ledger.scenario.play.play", stopped)
    printed = CliRunner().invoke(app, ["scenario", first, second, "--jsonl"]).stdout.splitlines()
    assert [json.loads(line)["id"] for line in printed] == [STORIES[first]().id]


def test_only_two_signatures_prove_a_conflict(theatre: Theatre) -> None:
    classes = {
        (one.finding.code.value, one.finding.finding_class.value)
        for name in STORIES
        for one in play(theatre, STORIES[name]()).findings
    }
    assert {code for code, kind in classes if kind == "conflict_proven"} == {"DOUBLE_SPEND"}
    assert ("OVERDUE_RECEIPT", "procedural") in classes


def test_a_stolen_key_is_refused_once_it_is_revoked(theatre: Theatre) -> None:
    acts = play(theatre, STORIES["key-stolen"]()).acts
    assert [act.verdict for act in acts] == [*["accepted"] * 4, "rejected", *["accepted"] * 3]
    assert "not an active key" in acts[4].reason


def test_playing_twice_gives_the_same(theatre: Theatre) -> None:
    first, second = (play(theatre, STORIES["clone-in-two-cities"]()) for _ in range(2))
    assert first == second


def test_an_expectation_that_does_not_hold_is_told(theatre: Theatre) -> None:
    value = json.loads((FOLDER / "C01.json").read_bytes())
    value["must_flag"] = [{"epc": PACK, "rule": "DOUBLE_SHIP", "caused_by_submission": 0}]
    (line,) = play(theatre, parse_scenario(json.dumps(value).encode())).broken
    assert "DOUBLE_SHIP" in line
    assert "missing" in line


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"submissions": None}, "submissions"),
        ({"submissions": [{"submitter": "0300011111116"}]}, "submissions[0]"),
        ({"submissions": [{"submitter": "1", "fact": "suspend"}]}, "submissions[0].submitter"),
        (
            {"submissions": [{"submitter": GLN[:-1] + "7", "fact": "resume"}]},
            "submissions[0].submitter",
        ),
        ({"must_flag": [flagged(rule="SHIPPED_TWICE")]}, "must_flag[0].rule"),
        ({"must_flag": [flagged(cause=-1)]}, "must_flag[0].caused_by_submission"),
        ({"must_flag": [flagged(cause=999)]}, "must_flag[0].caused_by_submission"),
        ({"submissions": [{"submitter": GLN, "event": {}}]}, "submissions[0].event.eventTime"),
        ({"id": 7}, "id"),
        ({"sites": {"A": {"gln": GLN, "sgln": "x", "pgln": "x", "lat": 91}}}, "sites.A.lat"),
        ({"must_flag": [{"epc": "x"}]}, "must_flag[0].rule"),
        ({"as_of_days": True}, "as_of_days"),
    ],
)
def test_a_file_of_another_form_is_refused_by_name(change: dict[str, Any], field: str) -> None:
    value = {**json.loads((FOLDER / "C01.json").read_bytes()), **change}
    with pytest.raises(MalformedError) as caught:
        parse_scenario(json.dumps(value).encode())
    assert caught.value.field == field


def test_the_command_prints_one_json_document_and_tells_by_its_exit_code() -> None:
    files = [str(FOLDER / name) for name in ("C01.json", "D10.json")]
    result = CliRunner().invoke(app, ["scenario", *files, "wrong-receiver", "--json"])
    assert result.exit_code == 0, result.output
    first, second, story = json.loads(result.stdout)
    assert (first["id"], first["findings"]) == ("C01", [])
    for outcome in (second, story):
        (found,) = outcome["findings"]
        assert found["code"] == "RECEIVE_BY_WRONG_PARTY"
        assert found["class"] == "suspicious"
        assert 2 in found["evidence"]


def test_the_command_lists_the_stories_without_starting_anything() -> None:
    result = CliRunner().invoke(app, ["scenario", "--json"])
    assert [row["name"] for row in json.loads(result.stdout)] == list(STORIES)
