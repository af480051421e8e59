"""`benchmarks/run [NAME...] [--json] [--check]`: the goals, a line of Markdown or JSON each."""

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib import import_module
from typing import Any

import orjson

from benchmarks.measure import Result

Suite = Callable[[], Iterator[Result]]
# Imported when they run: processes that an audit starts import this module too.
SUITES = {
    "intake": ("G2", "G3"),
    "bulk": ("G6",),
    "audit": ("G7",),
    "inclusion": ("G8",),
    "appends": ("G9",),
    "proofs": ("G10",),
    "queries": ("G10",),
    "documents": ("G4",),
    "growth": ("G11",),
    "gas": ("G12",),
    "validation": ("G14",),
    "custody": ("G15", "G16"),
    "quoted": ("G1", "G5", "G13"),
}
# What `--quick` gives a suite: whether it works, not what anything costs.
QUICK: dict[str, dict[str, Any]] = {"custody": {"sizes": (40, 120), "pairs": 2}}
_MODULES = {"inclusion": "log", "appends": "log", "growth": "log"}
_HEAD = "| goal | what / beside what | ratio (quartiles) | threshold | verdict | wall, note |"


def chosen(names: Sequence[str], *, quick: bool = False) -> list[Suite]:
    """Return the suites of these names or goals, all without any; quick ones are tiny.

    Raises:
        ValueError: A name that is neither.
    """
    known = {*SUITES, *(goal for goals in SUITES.values() for goal in goals)}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(SUITES)}")
    wanted = [name for name, goals in SUITES.items() if not names or {name, *goals} & set(names)]
    suites = {
        name: getattr(import_module(f"benchmarks.{_MODULES.get(name, name)}"), name)
        for name in wanted
    }
    return [
        partial(suite, **QUICK[name]) if quick and name in QUICK else suite
        for name, suite in suites.items()
    ]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"  # noqa: PLR2004 -- gas


def line(result: Result) -> str:
    """Return the Markdown row of a result."""
    ratio = bound = ""
    if result.ratio is not None and result.low is not None and result.high is not None:
        quartiles = f"{_number(result.low)} to {_number(result.high)}"
        ratio = f"{_number(result.ratio)} ({quartiles})"
    if result.threshold is not None:
        sign = ">=" if result.better == "higher" else "<="
        bound = f"{sign} {_number(result.threshold)}"
    remarks = "; ".join(filter(None, (result.wall, result.note)))
    return f"| {result.goal} | {result.what} | {ratio} | {bound} | {result.verdict} | {remarks} |"


def _run(suites: Sequence[Suite], *, show: bool) -> list[Result]:
    if show:
        print(_HEAD, "|---|---|---|---|---|---|", sep="\n", flush=True)
    results = []
    for suite in suites:
        for result in suite():
            results.append(result)
            if show:
                print(line(result), flush=True)
    return results


def main(argv: Sequence[str] | None = None) -> int:
    """Measure; 1 with --check when a goal is not reached, 2 for an unknown name."""
    parser = argparse.ArgumentParser(prog="benchmarks/run", description=__doc__)
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"{', '.join(SUITES)} or a goal")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is not reached")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, of the suites that can")
    options = parser.parse_args(argv)
    try:
        suites = chosen(options.names, quick=options.quick)
    except ValueError as error:
        parser.error(str(error))
    results = _run(suites, show=not options.json)
    if options.json:
        machine = {"cores": os.cpu_count(), "python": platform.python_version()}
        rows = [result.as_row() for result in results]
        print(orjson.dumps({"machine": machine, "results": rows}).decode())
    return int(options.check and any(one.verdict == "not reached" for one in results))


if __name__ == "__main__":
    sys.exit(main())
