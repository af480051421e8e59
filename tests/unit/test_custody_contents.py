"""What contents add: conditions, proofs by signature, quantities; and what they never decide."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from ledger.core.custody.facts import EventFacts
from ledger.core.custody.findings import FindingClass, Rule
from ledger.core.custody.fold import Outcome, fold
from ledger.core.custody.ground import Ground, Place
from ledger.core.custody.quantities import class_findings, party_sums
from ledger.core.custody.steps import Step
from tests.custody_story import histories, key, raised, story

BORN = "MFG commission a"
Z = bytes(32)


def _fold(entries: Sequence[Sequence[Step]], **told: Any) -> Outcome:  # noqa: ANN401
    steps = histories(entries)
    return fold(steps, steps.keys(), **told)


def _with(entries: list[list[Step]], facts: dict[int, EventFacts]) -> list[list[Step]]:
    return [[replace(step, facts=facts.get(step.log_index)) for step in entry] for entry in entries]


CONDITIONS: dict[str, tuple[tuple[str, ...], dict[int, dict[str, str]], str | None]] = {
    "nothing said": ((BORN, "MFG observe a"), {}, None),
    "recalled": ((BORN, "MFG observe a"), {1: {"disposition": "recalled"}}, "recalled"),
    "recalled, later seen": (
        (BORN, "MFG observe a", "MFG observe a"),
        {1: {"disposition": "recalled"}, 2: {"disposition": "in_progress"}}, "recalled"),
    "recall lifted": (
        (BORN, "MFG observe a", "MFG observe a"),
        {1: {"disposition": "recalled"}, 2: {"disposition": "sellable_accessible"}}, None),
    "held back": ((BORN, "MFG observe a"), {1: {"step": "holding"}}, "locked"),
    "released": (
        (BORN, "MFG observe a", "MFG observe a"),
        {1: {"step": "holding"}, 2: {"disposition": "in_progress"}}, None),
    "sampled": ((BORN, "MFG observe a"), {1: {"step": "sampling"}}, "sample"),
    "free sample": ((BORN, "MFG observe a"), {1: {"disposition": "free_sample"}}, "sample"),
    "exported": (
        (BORN, "MFG decommission a"), {1: {"disposition": "exported"}}, "exported"),
    "on its way back": (
        (BORN, "MFG ship a > WH1", "WH1 receive a", "WH1 ship a > MFG"),
        {3: {"disposition": "returned"}}, "returned"),
    "destroyed is a status": ((BORN, "MFG destroy a"), {1: {"disposition": "destroyed"}}, None),
    "a stranger's word": ((BORN, "EVE observe a"), {1: {"disposition": "stolen"}}, None),
    "word taken back": (
        (BORN, "MFG observe a", "MFG declare 1"), {1: {"disposition": "stolen"}}, None),
}  # fmt: skip


@pytest.mark.parametrize("name", CONDITIONS)
def test_condition_is_what_contents_say(name: str) -> None:
    lines, facts, expected = CONDITIONS[name]
    said = {index: EventFacts(**one) for index, one in facts.items()}  # type: ignore[arg-type]
    assert _fold(_with(story(*lines), said)).states[key("a")].condition == expected


SPEND = ("MFG ship a > WH1", "MFG ship a > WH2")


def _spending(*lines: str, tokens: str = "tt", signers: str = "ss") -> Outcome:
    """Tell lines; the shipments of MFG spend tokens and are signed, one letter each."""
    entries = story(BORN, *lines)
    ships = [i for i, e in enumerate(entries) if e[0].party == key("MFG") and e[0].to_owner != Z]
    ships += [i for i, e in enumerate(entries) if e[0].to_possessor != Z and i not in ships]
    for index, token, signer in zip(sorted(ships), tokens, signers, strict=False):
        spends = Z if token == "-" else key(token)
        entries[index] = [
            replace(step, spends=spends, signer=signer.encode() * 20) for step in entries[index]
        ]
    return _fold(entries)


def _proven(outcome: Outcome) -> bool:
    classes = {(one.code, one.finding_class) for one in outcome.findings}
    kinds = {kind for _, kind in classes}
    proven = (Rule.DOUBLE_SPEND, FindingClass.CONFLICT_PROVEN) in classes
    assert proven == (FindingClass.CONFLICT_PROVEN in kinds)
    return proven


def test_two_owners_for_one_token_are_proven() -> None:
    outcome = _spending(*SPEND)
    assert raised(outcome)[key("a"), "DOUBLE_SPEND"] == (1, 2)
    assert _proven(outcome)


@pytest.mark.parametrize("more", [
    ("MFG void a",), ("MFG void a refers 1",), ("MFG declare 1",), ("MFG declare 2",),
])  # fmt: skip
def test_no_void_helps_who_signed_twice(more: tuple[str, ...]) -> None:
    assert _proven(_spending(*SPEND, *more))


@pytest.mark.parametrize(
    ("lines", "tokens", "signers"),
    [
        (SPEND, "--", "ss"),
        (SPEND, "tu", "ss"),
        (SPEND, "tt", "sz"),
        (("MFG ship a > WH1", "MFG ship a > WH1"), "tt", "ss"),
        (("MFG ship a via TPL", "MFG ship a > WH1"), "tt", "ss"),
        (("MFG ship a via TPL", "MFG ship a via WH2"), "tt", "ss"),
        (("MFG ship a > WH1", "MFG void a", "MFG ship a > WH2"), "tv", "ss"),
        (("MFG ship a > WH1", "MFG receive a", "MFG ship a > WH2"), "tu", "ss"),
        (("MFG dispense a", "MFG decommission a"), "", ""),
    ],
)
def test_nothing_else_is_ever_proven(lines: tuple[str, ...], tokens: str, signers: str) -> None:
    assert not _proven(_spending(*lines, tokens=tokens, signers=signers))


def test_a_late_entry_that_contradicts_is_said_to_be_backdated() -> None:
    late = _fold(story(BORN, "@3 MFG ship a > WH1", "@2 MFG ship a > WH2"))
    in_time = _fold(story(BORN, "@2 MFG ship a > WH1", "@3 MFG ship a > WH2"))
    assert [one.backdated for one in late.findings + in_time.findings] == [True, False]


def test_erasure_of_contents_changes_no_state_and_opens_nothing() -> None:
    entries = story(BORN, "MFG observe a", "MFG ship a > WH1", "WH1 receive a", "WH2 observe a")
    facts = {
        1: EventFacts(disposition="recalled", place="/414/1"), 2: EventFacts(place="/414/1"),
        3: EventFacts(place="/414/2"), 4: EventFacts(place="/414/3"),
    }  # fmt: skip
    places = {f"/414/{i}": Place(0.0, 30.0 * i) for i in (1, 2, 3)}
    told = _fold(_with(entries, facts), ground=Ground(places=places))
    erased = _fold(entries, ground=Ground(places=places))
    assert {code for _, code in raised(told)} == {"RECALLED_SHIPPED", "IMPOSSIBLE_TRAVEL"}
    assert erased.findings == []
    assert replace(told.states[key("a")], condition=None) == erased.states[key("a")]


BALANCES: dict[str, tuple[tuple[tuple[str, float], ...], tuple[int, ...]]] = {
    "sold as made": ((("MFG make l", 10), ("MFG ship-class l > WH1", 10)), ()),
    "sold twice over": (
        (("MFG make l", 10), ("MFG ship-class l > WH1", 10), ("MFG ship-class l > WH2", 1)),
        (1, 2)),
    "made in parts, of kilograms": (
        (*[("MFG make l", 0.1)] * 10, ("MFG ship-class l > WH1", 1.0)), ()),
    "sold on without a receipt": (
        (("MFG make l", 10), ("MFG ship-class l > WH1", 4), ("WH1 ship-class l > PHA", 4)), ()),
    "sold on in larger numbers": (
        (("MFG make l", 10), ("MFG ship-class l > WH1", 4), ("WH1 ship-class l > PHA", 5)), (2,)),
    "carried by a 3PL, sold by the owner": (
        (("MFG make l", 10), ("MFG ship-class l via TPL", 10), ("MFG ship-class l > WH1", 10)), ()),
    "returned and sold again": (
        (("MFG make l", 9), ("MFG ship-class l > WH1", 9), ("WH1 ship-class l > MFG", 9),
         ("MFG ship-class l > WH2", 9)), ()),
    "void": (
        (("MFG make l", 9), ("MFG ship-class l > WH1", 9), ("MFG void-class l refers 1", 9),
         ("MFG ship-class l > WH2", 9)), ()),
    "used up and sold": (
        (("MFG make l", 9), ("MFG use-class l", 5), ("MFG ship-class l > WH1", 5)), (1, 2)),
    "made by nobody": ((("MFG ship-class l > WH1", 9),), ()),
}  # fmt: skip


@pytest.mark.parametrize("name", BALANCES)
def test_a_class_is_a_balance(name: str) -> None:
    moves, expected = BALANCES[name]
    steps = [
        replace(step, facts=EventFacts(quantities={key("l"): moves[step.log_index][1]}))
        for step in histories(story(*(line for line, _ in moves)))[key("l")]
    ]
    found = class_findings(key("l"), party_sums(key("l"), steps), Ground())
    assert [one.evidence for one in found] == ([expected] if expected else [])
    assert {one.finding_class for one in found} <= {FindingClass.DATA_QUALITY}
