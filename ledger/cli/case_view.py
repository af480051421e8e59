"""A case for a person at a terminal: what it is, then what became of it, by log index."""

from collections.abc import Mapping
from typing import Any, Final

from ledger.cli.output import Output

COLUMNS: Final = ("code", "severity", "state", "item", "about", "id")
_TURNS: Final = ("index", "time", "what", "by", "note")


def print_case(output: Output, case: Mapping[str, Any]) -> None:
    """Print what GET /cases/{id} tells; programs get all of it as one document."""
    if output.as_json or output.as_lines:
        output.record(case)
        return
    output.record(_head(case))
    output.rows(_turns(case), _TURNS)


def _head(case: Mapping[str, Any]) -> dict[str, Any]:
    head = {
        "case": case["id"],
        "item": case["item"],
        "rule": f"{case['code']}, {case['severity']}, {case['class']}",
        "state": case["state"],
        "finding": case["detail"] if case["finding_open"] else f"gone; it was: {case['detail']}",
        "evidence": case["evidence"],
    }
    for name in ("assignee", "cause", "reason"):
        if name in case:
            head[name] = case[name]
    if case["muted"]:
        head["muted_until"] = case["muted_until"]
    return head


def _turns(case: Mapping[str, Any]) -> list[dict[str, Any]]:
    changes = [
        {
            "index": one["index"], "time": "", "what": f"finding {one['change']}",
            "by": "entries " + ", ".join(map(str, one["evidence"])), "note": one.get("reason", ""),
        }
        for one in case["changes"]
    ]  # fmt: skip
    acts = [
        {
            "index": one["index"], "time": one["time"], "what": _what(one), "by": _who(one),
            "note": one.get("note", ""),
        }
        for one in case["acts"]
    ]  # fmt: skip
    # An act stands before a change of its own index, as in the case itself.
    return sorted([*acts, *changes], key=lambda one: (one["index"], one["time"] == ""))


def _what(act: Mapping[str, Any]) -> str:
    detail = {
        "assign": f" to {act.get('assignee')}", "resolve": f": {act.get('cause')}",
        "mute": f" until {act.get('until')}",
    }.get(act["act"], "")  # fmt: skip
    return f"{act['act']}{detail}{'' if act['effective'] else ' (no effect)'}"


def _who(act: Mapping[str, Any]) -> str:
    party = act["party"]
    return f"{party.get('name') or party['party'][:16]}, {act['signer']}"
