"""What decides nothing: contents for states, arrival for findings, boxes for what is in them."""

import random
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.core.custody.facts import EventFacts
from ledger.core.custody.fold import fold
from ledger.core.custody.ground import Ground, Place
from ledger.core.custody.steps import ROLE_CHILD, Step
from ledger.core.entries import Op
from tests.custody_story import HOUR, histories, key
from tests.property.test_custody_order import stories

Entry = list[Step]
PLACES = {f"/414/{i}": Place(0.0, 40.0 * i) for i in range(3)}
STEPS = ("", "holding", "sampling", "retail_selling", "dispensing")
DISPOSITIONS = (
    "", "", "in_progress", "recalled", "stolen", "returned", "expired", "active",
    "partially_dispensed", "damaged",
)  # fmt: skip
facts = st.none() | st.builds(
    EventFacts,
    step=st.sampled_from(STEPS),
    disposition=st.sampled_from(DISPOSITIONS),
    place=st.sampled_from(["", *PLACES]),
    lot=st.sampled_from(["", "L1", "L2"]),
    expiry_ms=st.none() | st.integers(0, 20 * HOUR),
    alarm=st.booleans(),
)


@st.composite
def told_stories(draw: st.DrawFn) -> list[Entry]:
    """Draw a story whose events have contents; a declaration has those of what it repeats."""
    entries = draw(stories())
    said: dict[int, EventFacts | None] = {}
    for entry in entries:
        said.setdefault(entry[0].time_ms, draw(facts))
    return [[replace(step, facts=said[step.time_ms]) for step in entry] for entry in entries]


def _ground(hours: int) -> Ground:
    return Ground(as_of_ms=hours * HOUR, places=PLACES)


def _found(entries: Sequence[Entry], ground: Ground) -> set[tuple[bytes, str]]:
    steps = histories(entries)
    outcome = fold(steps, steps.keys(), ground=ground)
    return {(one.item, one.code.value) for one in outcome.findings}


@settings(max_examples=300, deadline=None)
@given(told_stories(), st.randoms(use_true_random=False), st.sampled_from([10, 100, 1000]))
def test_arrival_decides_no_finding(
    entries: list[Entry], chance: random.Random, hours: int
) -> None:
    arrival = list(range(len(entries)))
    chance.shuffle(arrival)
    arrived = [
        [replace(step, log_index=index) for step in entry]
        for index, entry in zip(arrival, entries, strict=True)
    ]
    assert _found(arrived, _ground(hours)) == _found(entries, _ground(hours))


@settings(max_examples=200, deadline=None)
@given(told_stories())
def test_contents_and_places_decide_no_state(entries: list[Entry]) -> None:
    steps = histories(entries)
    bare = {
        item: [replace(step, facts=None) for step in history] for item, history in steps.items()
    }
    told = fold(steps, steps.keys(), ground=_ground(1000)).states
    erased = fold(bare, bare.keys()).states
    assert {item: replace(state, condition=None) for item, state in told.items()} == erased


def _may_follow(own: Sequence[Step]) -> bool:
    """Was the item recalled or stolen, or shipped by itself before it was packed?"""
    moves = [step for step in own if step.op in (Op.HANDOFF, Op.RECEIVE)]
    last = max(moves, key=lambda step: (step.time_ms, step.log_index), default=None)
    unsafe = any(step.facts and step.facts.disposition in ("recalled", "stolen") for step in own)
    return unsafe or (last is not None and last.op is Op.HANDOFF)


@settings(max_examples=200, deadline=None)
@given(told_stories())
def test_a_container_alone_opens_nothing_on_what_is_in_it(entries: list[Entry]) -> None:
    entries = [entry for entry in entries if entry[0].op is not Op.VOID]
    steps = histories(entries)
    for name in ("a", "b", "c"):
        own = steps.get(key(name), [])
        last = max(own, key=lambda step: (step.time_ms, step.log_index), default=None)
        if last is None or last.op is not Op.PACK or last.role != ROLE_CHILD:
            continue
        if _may_follow(own):
            continue
        frees = {e[0].log_index for e in entries if e[0].op is Op.UNPACK and e[0].flags}
        if any(index > last.log_index for index in frees):
            continue
        before = {
            item: [step for step in history if step.log_index <= last.log_index]
            for item, history in steps.items()
        }
        whole, then = (fold(told, [key(name)], ground=_ground(1000)) for told in (steps, before))
        assert whole.findings == then.findings
        assert whole.states == then.states


@settings(max_examples=200, deadline=None)
@given(told_stories(), st.integers(1, 40))
def test_findings_change_by_time_alone_only_when_they_are_due(
    entries: list[Entry], days: int
) -> None:
    steps = histories(entries)
    now = 24 * days
    outcome = fold(steps, steps.keys(), ground=_ground(now))
    for item in steps:
        due = outcome.due.get(item)
        assert due is None or due > now * HOUR
        until = now * HOUR + 1000 * 24 * HOUR if due is None else due - 1
        ground = Ground(as_of_ms=until, places=PLACES)
        later = fold(steps, [item], ground=ground).findings
        assert later == [one for one in outcome.findings if one.item == item]
        if due is not None:
            then = fold(steps, [item], ground=Ground(as_of_ms=due, places=PLACES))
            assert then.findings != later or then.due.get(item) != due
