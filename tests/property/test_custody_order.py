"""The fold decides by event time: neither arrival nor company changes what it finds of an item."""

import random
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.core.custody.fold import fold
from ledger.core.custody.steps import Step
from tests.custody_story import histories, key, story

ITEMS = ("a", "b", "c", "P", "Q")
PARTIES = ("MFG", "WH1", "TPL", "PHA")
MOVES = ("commission", "observe", "ship", "ship", "receive", "dispense", "destroy", "produce")
Entry = list[Step]


@st.composite
def stories(draw: st.DrawFn) -> list[Entry]:
    """Draw a story: one event an hour, declarations at the hour of what they repeat."""
    lines: list[str] = []
    for index in range(draw(st.integers(2, 14))):
        party = draw(st.sampled_from(PARTIES))
        item = draw(st.sampled_from(ITEMS))
        kind = draw(st.integers(0, 9))
        if kind == 0 and index:
            meant = draw(st.integers(0, index - 1))
            again = "declare" in lines[meant]
            line = f"{party} void {item}" if again else f"{party} declare {meant}"
        elif kind == 1:
            refers = f" refers {draw(st.integers(0, index - 1))}" if index else ""
            line = f"{party} void {item}{draw(st.sampled_from(['', refers]))}"
        elif kind in (2, 3):
            inner = draw(st.sampled_from(["a", "a b", "P"]))
            line = f"{party} pack {inner} in {draw(st.sampled_from(['P', 'Q']))}"
        elif kind == 4:
            line = f"{party} {draw(st.sampled_from(['unpack a', 'unpack-all']))} in P"
        else:
            line = f"{party} {draw(st.sampled_from(MOVES))} {item}"
            if " ship " in line:
                to = draw(st.sampled_from(PARTIES))
                line += draw(st.sampled_from(["", f" > {to}", f" via {to}", f" > {to} via TPL"]))
        lines.append(line)
    return story(*lines)


def said(entries: Sequence[Entry]) -> set[tuple[bytes, str]]:
    """Return the findings by item and name."""
    steps = histories(entries)
    outcome = fold(steps, steps.keys())
    return {(finding.item, finding.code.value) for finding in outcome.findings}


@settings(max_examples=400, deadline=None)
@given(stories(), st.randoms(use_true_random=False))
def test_every_arrival_order_gives_the_same_findings(
    entries: list[Entry], chance: random.Random
) -> None:
    arrival = list(range(len(entries)))
    chance.shuffle(arrival)
    arrived = [
        [replace(step, log_index=index) for step in entry]
        for index, entry in zip(arrival, entries, strict=True)
    ]
    assert said(arrived) == said(entries)


@settings(max_examples=200, deadline=None)
@given(stories(), st.randoms(use_true_random=False))
def test_order_of_the_input_changes_nothing(entries: list[Entry], chance: random.Random) -> None:
    steps = histories(entries)
    expected = fold(steps, sorted(steps))
    keys = list(steps)
    chance.shuffle(keys)
    for history in steps.values():
        chance.shuffle(history)
    assert fold({item: steps[item] for item in keys}, sorted(steps)) == expected


@settings(max_examples=200, deadline=None)
@given(stories())
def test_an_item_needs_only_its_own_and_its_containers_histories(entries: list[Entry]) -> None:
    steps = histories(entries)
    asked = [key(name) for name in ("a", "b", "c") if key(name) in steps]
    whole = fold(steps, asked)
    for item in asked:
        needed, waiting = dict.fromkeys([item]), [item]
        for inner in waiting:
            for step in steps.get(inner, ()):
                waiting += [parent for parent in step.parents if parent not in needed]
                needed.update(dict.fromkeys(step.parents))
        alone = fold({part: steps[part] for part in needed if part in steps}, [item])
        assert alone.states[item] == whole.states[item]
        assert alone.findings == [one for one in whole.findings if one.item == item]


@st.composite
def days(draw: st.DrawFn) -> list[Entry]:
    """Draw honest trade of two items in which each party stamps all it does with one time."""
    lines = ["MFG commission a b", *draw(st.sampled_from([[], ["MFG observe a"]]))]
    parties = draw(st.permutations(["WH1", "WH2", "PHA"]))
    holder, packed = "MFG", False
    for hour, taker in enumerate(parties, 1):
        if not packed and draw(st.booleans()):
            lines.append(f"@{hour} {holder} pack a b in {holder}T")
        box = lines[-1].rpartition(" ")[2] if " pack " in lines[-1] else "a b"
        if draw(st.booleans()):
            lines += [f"@{hour} {holder} ship {box} > EVE", f"@{hour} {holder} void {box}"]
        lines.append(f"@{hour} {holder} ship {box} > {taker}")
        lines.append(f"@{hour + 1} {taker} receive {box}")
        if box != "a b":
            lines.append(f"@{hour + 1} {taker} unpack a b in {box}")
        holder = taker
    lines.append(f"@{len(parties) + 1} {holder} dispense a")
    return story(*lines)


@settings(max_examples=200, deadline=None)
@given(days(), st.randoms(use_true_random=False))
def test_what_one_stamps_with_one_time_is_silent_in_every_order(
    entries: list[Entry], chance: random.Random
) -> None:
    arrival = list(range(len(entries)))
    chance.shuffle(arrival)
    arrived = [
        [replace(step, log_index=index) for step in entry]
        for index, entry in zip(arrival, entries, strict=True)
    ]
    assert said(arrived) == set()
