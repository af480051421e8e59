"""`unbroken scenario`: plays stories of custody on a ledger that is thrown away afterwards."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ledger.cli.documents import read_bytes, verify_readable
from ledger.cli.exit_codes import ExitCode
from ledger.cli.output import JsonFlag, JsonLinesFlag, Output, Report, output_of
from ledger.core.times import format_time

if TYPE_CHECKING:
    from ledger.scenario.play import Outcome
    from ledger.scenario.script import Scenario

_TIMELINE = ("#", "time", "who", "what", "verdict", "reason")
_FINDINGS = ("code", "severity", "class", "item", "evidence", "detail")
_STORIES = ("name", "title", "finds")


def scenario(
    context: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME|FILE...", help="Built-in stories, or files; - is stdin."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Play every built-in story.")] = False,
    as_json: JsonFlag = False,
    as_lines: JsonLinesFlag = False,
) -> None:
    """Play a custody scenario; without a name, list the built-in stories."""
    from ledger.scenario.play import play  # noqa: PLC0415 -- late: it starts a database
    from ledger.scenario.stage import open_theatre  # noqa: PLC0415
    from ledger.scenario.stories import STORIES  # noqa: PLC0415

    output = output_of(context, as_json=as_json, as_lines=as_lines)
    if not names and not every:
        output.rows([_story_row(name, make()) for name, make in STORIES.items()], _STORIES)
        return
    wanted = [*(names or []), *(STORIES if every else [])]
    verify_readable([name for name in wanted if name not in STORIES])
    scenarios = [_scenario(name) for name in wanted]
    outcomes: list[Outcome] = []
    with output.progress() as report, open_theatre() as theatre:
        for number, one in enumerate(scenarios):
            _tell(report, number, len(scenarios))
            outcomes.append(play(theatre, one))
            if output.as_lines:
                # A thousand take minutes; whoever reads lines works on the first meanwhile.
                show(output, outcomes[-1:])
                output.out.file.flush()
        _tell(report, len(scenarios), len(scenarios))
    if not output.as_lines:
        show(output, outcomes)
    if any(one.broken for one in outcomes):
        raise typer.Exit(ExitCode.FAILED)


def _tell(report: Report, done: int, total: int) -> None:
    report("scenarios", done, total)


def _scenario(name: str) -> "Scenario":
    from ledger.scenario.script import parse_scenario  # noqa: PLC0415
    from ledger.scenario.stories import STORIES  # noqa: PLC0415

    return STORIES[name]() if name in STORIES else parse_scenario(read_bytes(name))


def show(output: Output, outcomes: "list[Outcome]") -> None:
    """Print what came of scenarios: rows for programs, a timeline and findings for people."""
    if output.as_json or output.as_lines:
        output.rows([outcome_row(one) for one in outcomes], ("id",))
        return
    for one in outcomes:
        script = one.scenario
        output.say(f"\n{script.id}  {script.name}")
        for line in script.story or ([script.note] if script.note else []):
            output.say(f"  {line}")
        output.rows([_act_row(act) for act in one.acts], _TIMELINE)
        found = [_finding_row(row) for row in outcome_row(one)["findings"]]
        if found:
            output.say("findings:")
            output.rows(found, _FINDINGS)
        else:
            output.say("no findings")
        for line in one.broken:
            output.say(f"NOT AS EXPECTED: {line}")


def outcome_row(outcome: "Outcome") -> dict[str, Any]:
    """Return an outcome as programs read it; evidence are numbers of submissions, from 0."""
    findings = []
    for one in outcome.findings:
        row: dict[str, Any] = {
            "code": one.finding.code.value, "severity": one.finding.severity.value,
            "item": one.item, "class": one.finding.finding_class.value,
            "evidence": list(one.evidence), "log_indexes": list(one.finding.evidence),
            "detail": one.finding.detail,
        }  # fmt: skip
        if one.finding.backdated:
            row["backdated"] = True
        findings.append(row)
    return {
        "id": outcome.scenario.id,
        "name": outcome.scenario.name,
        "findings": findings,
        "submissions": [
            {"verdict": act.verdict, "log_index": act.log_index}
            | ({"reason": act.reason} if act.reason else {})
            for act in outcome.acts
        ],
        "not_as_expected": list(outcome.broken),
    }


def _act_row(act: Any) -> dict[str, Any]:  # noqa: ANN401 -- of a module that is loaded late
    return {
        "#": act.number, "time": "" if act.time_ms is None else format_time(act.time_ms),
        "who": act.who, "what": act.summary, "verdict": act.verdict, "reason": act.reason,
    }  # fmt: skip


def _finding_row(row: dict[str, Any]) -> dict[str, Any]:
    return row


def _story_row(name: str, script: "Scenario") -> dict[str, Any]:
    finds = ", ".join(dict.fromkeys(one.rule for one in script.must_flag)) or "nothing"
    return {"name": name, "title": script.name, "finds": finds}
