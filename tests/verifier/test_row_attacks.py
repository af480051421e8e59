"""Attacks on what an event discloses, and the step that each must fail at."""

import json
from collections.abc import Callable
from typing import Unpack

import pytest
from unbroken_verifier.errors import StepError
from unbroken_verifier.policy import Policy
from unbroken_verifier.report import Report
from unbroken_verifier.steps import verify_bundle

from tests.verifier import maker, story
from tests.verifier.maker import CASE, PACK_A, PALLET, Changes, Json, canonical

Attack = Callable[[], Json]
SOUND = canonical(story.story()[1])


def edited(edit: Callable[[Json], object]) -> Json:
    bundle: Json = json.loads(SOUND)
    edit(bundle)
    return bundle


def commissioned(**changes: Unpack[Changes]) -> Attack:
    def attack() -> Json:
        log = story.registered()
        return log.bundle(PACK_A[1], [], [story.commission(log, **changes)])

    return attack


def withheld(pointer: str) -> Attack:
    def drop(bundle: Json) -> None:
        for event in bundle["events"]:
            event["rows"] = [row for row in event["rows"] if row["pointer"] != pointer]

    return lambda: edited(drop)


def row_changed() -> Json:
    return edited(lambda b: b["events"][0]["rows"][1].update(value='"receiving"'))


def committed(rows: list[tuple[str, str]]) -> Attack:
    """The commissioning with rows that are not those of the event."""
    return commissioned(rows=sorted(rows))


BASE_ROWS = [
    ("/action", '"ADD"'),
    ("/bizStep", '"commissioning"'),
    ("/epcList/0", f'"{PACK_A[0]}"'),
    ("/eventTime", '"2026-01-01T00:00:00Z"'),
    ("/type", '"ObjectEvent"'),
]


def rows_out_of_order() -> Json:
    return commissioned(rows=[BASE_ROWS[1], BASE_ROWS[0], *BASE_ROWS[2:]])()


VOIDED = sorted([*BASE_ROWS, ("/bizLocation", "{}"), ("/certificationInfo", '"x"')])


def void_step_withheld(rows: list[tuple[str, str]], hidden: int) -> Attack:
    """A commissioning whose bizStep says void_shipping; `hidden` items are withheld as well."""

    def attack() -> Json:
        log = story.registered()
        told = [(p, '"void_shipping"' if p == "/bizStep" else v) for p, v in rows]
        items = sorted((maker.key_of(p[1]), 0, p[1]) for p in [PACK_A, maker.PACK_B][: hidden + 1])
        written = story.commission(log, rows=told, items=items)
        written.rows = told
        bundle = log.bundle(PACK_A[1], [])
        shown = bundle["events"][0]["rows"]
        bundle["events"][0]["rows"] = [r for r in shown if r["pointer"] != "/bizStep"]
        return bundle

    return attack


def unpack_all_with_withheld_children() -> Json:
    log = story.registered()
    written = [story.commission(log), story.pack(log)]
    event = maker.event_of(
        90, "AggregationEvent", "DELETE", "x", parentID=CASE[0], childEPCs=[maker.PACK_B[0]]
    )
    written.append(log.write(story.MAKER, story.MAKER_KEY, event, maker.UNPACK, flags=2))
    return log.bundle(PACK_A[1], [CASE[1]], written)


def unpack_without_children_not_flagged() -> Json:
    log = story.registered()
    written = [story.commission(log), story.pack(log), story.unpack(log, flags=0)]
    return log.bundle(PACK_A[1], [CASE[1]], written)


def owner_hidden() -> Json:
    log = story.registered()
    written = [story.commission(log), story.pack(log), story.ship(log, to_owner=maker.Z)]
    return log.bundle(PACK_A[1], [CASE[1]], written)


def role_mismatch() -> Json:
    rows = sorted((maker.key_of(p[1]), 2, p[1]) for p in (PACK_A, maker.PACK_B))
    return commissioned(items=rows)()


def item_row_withheld() -> Json:
    return edited(lambda b: b["events"][1]["items"].pop())


def event_row_withheld() -> Json:
    return withheld("/childEPCs/0")()


def item_rows_out_of_order() -> Json:
    rows = sorted((maker.key_of(p[1]), 0, p[1]) for p in (PACK_A, maker.PACK_B))
    log = story.registered()
    event = maker.event_of(0, "ObjectEvent", "ADD", "x", epcList=[PACK_A[0], maker.PACK_B[0]])
    rows.reverse()
    log.write(story.MAKER, story.MAKER_KEY, event, maker.COMMISSION, items=rows)
    log.write(
        story.MAKER,
        story.MAKER_KEY,
        maker.event_of(
            1, "AggregationEvent", "ADD", "x", parentID=maker.PACK_B[0], childEPCs=[PACK_A[0]]
        ),
        maker.PACK,
    )
    return log.bundle(PACK_A[1], [maker.PACK_B[1]])


def spends_without_a_handoff() -> Json:
    log = story.registered()
    written = story.commission(log, spends=bytes([1]) * 32)
    return log.bundle(PACK_A[1], [], [written])


def event_of_another_item() -> Json:
    log = story.registered()
    story.commission(log)
    event = maker.event_of(5, "ObjectEvent", "OBSERVE", "x", epcList=[PALLET[0]])
    log.write(story.MAKER, story.MAKER_KEY, event, maker.OBSERVE)
    return log.bundle(PACK_A[1], [])


def item_outside_the_bundle() -> Json:
    log = story.registered()
    written = story.commission(log)
    bundle = log.bundle(PACK_A[1], [])
    bundle["events"] = [log.disclosed(written, {PACK_A[1], maker.PACK_B[1]})]
    return bundle


def container_never_packed() -> Json:
    log = story.registered()
    written = [story.commission(log), story.ship(log)]
    return log.bundle(PACK_A[1], [CASE[1]], written)


def containers_that_hold_each_other() -> Json:
    log = story.registered()
    story.commission(log)
    for parent, child in ((CASE, PALLET), (PALLET, CASE)):
        event = maker.event_of(
            9, "AggregationEvent", "ADD", "x", parentID=parent[0], childEPCs=[child[0]]
        )
        log.write(story.MAKER, story.MAKER_KEY, event, maker.PACK)
    return log.bundle(PACK_A[1], [CASE[1], PALLET[1]])


def shipped(at: int) -> Attack:
    """The case is shipped `at` seconds; the pack is in it from 60 to 180."""

    def attack() -> Json:
        log = story.registered()
        for step in (story.commission, story.pack, story.unpack):
            step(log)
        story.ship(log, at=at)
        return log.bundle(PACK_A[1], [CASE[1]])

    return attack


ATTACKS: dict[str, tuple[str, Attack]] = {
    "row changed": ("commitment", row_changed),
    "op mismatch": ("commitment", committed([*BASE_ROWS[1:], ("/action", '"DELETE"')])),
    "time mismatch": ("commitment", commissioned(time=maker.T0 + 1)),
    "flag without declaration": ("commitment", commissioned(flags=1)),
    "owner hidden": ("commitment", owner_hidden),
    "possessor invented": ("commitment", commissioned(to_possessor=bytes([1]) * 32)),
    "type withheld": ("commitment", withheld("/type")),
    "action withheld": ("commitment", withheld("/action")),
    "step withheld": ("commitment", withheld("/bizStep")),
    "time withheld": ("commitment", withheld("/eventTime")),
    "destination withheld": ("commitment", withheld("/destinationList/0")),
    "pointers out of order": ("commitment", rows_out_of_order),
    "value not canonical": ("commitment", committed([*BASE_ROWS, ("/x", "1.0")])),
    "whole list in one row": ("commitment", committed([*BASE_ROWS, ("/childEPCs", '["a"]')])),
    "pointer into a member": ("commitment", committed([*BASE_ROWS, ("/x/y", "1")])),
    "place with a leading zero": ("commitment", committed([*BASE_ROWS, ("/epcList/00", '"a"')])),
    "bad pointer escape": ("commitment", committed([*BASE_ROWS, ("/x~2", "1")])),
    "unpack-all not flagged": ("commitment", unpack_without_children_not_flagged),
    "role mismatch": ("items", role_mismatch),
    "item row withheld": ("map", item_row_withheld),
    "row naming an item withheld": ("items", event_row_withheld),
    "item rows out of order": ("items", item_rows_out_of_order),
    "token outside a handoff": ("items", spends_without_a_handoff),
    "item outside the bundle": ("items", item_outside_the_bundle),
    "class row without class": ("items", committed([*BASE_ROWS, ("/quantityList/0", "{}")])),
    "identifier malformed": (
        "items",
        committed([*BASE_ROWS, ("/epcList/1", '"urn:epc:id:sgtin:1.2.3"')]),
    ),
    "event of another item": ("scope", event_of_another_item),
    "container never packed": ("scope", container_never_packed),
    "containers that hold each other": ("scope", containers_that_hold_each_other),
    "container shipped before": ("scope", shipped(30)),
    "container shipped after": ("scope", shipped(200)),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_fails_at_its_step(name: str) -> None:
    step, attack = ATTACKS[name]
    with pytest.raises(StepError) as caught:
        verify_bundle(canonical(attack()), policy=Policy())
    assert caught.value.step == step


def test_a_case_in_a_pallet_carries_the_item_with_it() -> None:
    log = story.registered()
    story.commission(log)
    event = maker.event_of(
        30, "AggregationEvent", "ADD", "x", parentID=PALLET[0], childEPCs=[CASE[0]]
    )
    log.write(story.MAKER, story.MAKER_KEY, event, maker.PACK)
    story.pack(log)
    story.ship(log, epc=PALLET[0])
    verify_bundle(canonical(log.bundle(PACK_A[1], [CASE[1], PALLET[1]])), policy=Policy())


UNSETTLED: dict[str, Attack] = {
    "step withheld where no item can stand": void_step_withheld(VOIDED, 1),
    "step withheld while all items are shown": void_step_withheld(BASE_ROWS, 0),
    "unpack-all with withheld children": unpack_all_with_withheld_children,
}


@pytest.mark.parametrize("name", UNSETTLED)
def test_what_a_withheld_row_might_decide_is_taken_as_signed_and_said(name: str) -> None:
    report = Report()
    verify_bundle(canonical(UNSETTLED[name]()), policy=Policy(), report=report)
    assert any("taken as the signer signed it" in line for line in report.not_checked)


def test_a_bundle_that_shows_every_row_takes_nothing_as_signed() -> None:
    log = story.registered()
    event = maker.event_of(0, "ObjectEvent", "ADD", "commissioning", epcList=[PACK_A[0]])
    log.write(story.MAKER, story.MAKER_KEY, event, maker.COMMISSION)
    report = Report()
    verify_bundle(canonical(log.bundle(PACK_A[1], [])), policy=Policy(), report=report)
    assert not any("taken as" in line for line in report.not_checked)
