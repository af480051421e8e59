"""Scenario files: what each must raise, what it must not, and that arrival decides nothing.

A file with an empty `must_flag` is a silent one: nothing at all may be raised by it.
"""

import json
import os
import random
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import CONFORMANCE
from tests.custody_story import item_of, raised, scenario_steps

VECTORS = Path(__file__).parents[1] / "vectors"
# The brief of the rules: up to seven submissions in every order, else this many orders of chance.
MAX_PERMUTED, SEEDED_ORDERS = 7, 500


def _files() -> Iterator[Path]:
    folders = [VECTORS / "clone-scenarios", VECTORS / "scenarios-own"]
    if CONFORMANCE in os.environ:
        folders.append(Path(os.environ[CONFORMANCE]) / "epcis/authored/clone-scenarios")
    for folder in folders:
        yield from sorted(path for path in folder.glob("*.json") if path.stem != "index")


FILES = list(_files())
scenarios = pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parts[-3]}-{path.stem}")


def _read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text())
    return document


@scenarios
def test_scenario_raises_what_it_must_and_nothing_on_bystanders(path: Path) -> None:
    document = _read(path)
    scenario = scenario_steps(document)
    found = raised(scenario.fold())
    for must in document["must_flag"]:
        evidence = found[item_of(must["epc"]), must["rule"]]
        assert scenario.index_of[must["caused_by_submission"]] in evidence
    bystanders = {item_of(epc) for epc in document["must_not_flag"]}
    assert {pair for pair in found if pair[0] in bystanders} == set()
    if not document["must_flag"]:
        assert found == {}


def _orders(count: int) -> Iterator[tuple[int, ...]]:
    if count <= MAX_PERMUTED:
        yield from permutations(range(count))
        return
    chance = random.Random(count)
    for _ in range(SEEDED_ORDERS):
        yield tuple(chance.sample(range(count), count))


@scenarios
def test_every_order_of_arrival_leaves_the_same_findings_open(path: Path) -> None:
    document = _read(path)
    in_file_order = scenario_steps(document)
    expected = set(raised(in_file_order.fold()))
    causes = [
        (item_of(must["epc"]), must["rule"], must["caused_by_submission"])
        for must in document["must_flag"]
    ]
    for order in _orders(len(document["submissions"])):
        scenario = in_file_order.arriving(order)
        found = raised(scenario.fold())
        assert set(found) == expected, order
        for item, rule, cause in causes:
            assert scenario.index_of[cause] in found[item, rule], (order, rule)


def test_there_are_files_to_judge() -> None:
    kinds = {bool(_read(path)["must_flag"]) for path in FILES}
    assert kinds == {True, False}
