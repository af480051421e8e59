"""Erased content is reported as erased, withheld content refused; registrars rotate."""

from collections.abc import Callable

import pytest
from unbroken_verifier.errors import StepError
from unbroken_verifier.policy import Policy
from unbroken_verifier.report import Report
from unbroken_verifier.steps import verify_bundle

from tests.verifier import maker, story
from tests.verifier.maker import CASE, PACK_A, Json, Key, Log, Written, canonical

NEXT = Key(11)


def reported(bundle: Json) -> Report:
    report = Report()
    verify_bundle(canonical(bundle), policy=Policy(), report=report)
    return report


def without_rows(bundle: Json, index: int) -> Json:
    for event in bundle["events"]:
        if event["index"] == index:
            event["rows"] = []
    return bundle


def erased(place: int) -> tuple[Log, Written, Json]:
    """A story whose event `place` is erased, and its bundle."""
    log, _ = story.story()
    written = log.events[place]
    log.erase(written)
    return log, written, without_rows(log.bundle(PACK_A[1], [CASE[1]]), written.index)


@pytest.mark.parametrize("place", range(4))
def test_an_erased_event_is_reported_as_erased(place: int) -> None:
    _, written, bundle = erased(place)
    report = reported(bundle)
    told = f"erased on legal grounds: {written.index} (court order 7)"
    assert told in report.steps[-1].detail
    assert any(f"erased rows at index {written.index}" in line for line in report.not_checked)


def test_rows_that_somebody_kept_still_verify() -> None:
    log, _ = story.story()
    log.erase(log.events[0])
    reported(log.bundle(PACK_A[1], [CASE[1]]))


def test_an_erased_entry_outside_the_stay_stands() -> None:
    log = story.registered()
    story.ship(log, at=10)
    shown = [story.commission(log), story.pack(log)]
    log.erase(log.events[0])
    reported(log.bundle(PACK_A[1], [CASE[1]], shown))


# -- attacks -------------------------------------------------------------------------------------


def withheld_without_tombstone() -> Json:
    log, bundle = story.story()
    return without_rows(bundle, log.events[0].index)


def tombstone_of_another_event() -> Json:
    log, _, _ = erased(1)
    return without_rows(log.bundle(PACK_A[1], [CASE[1]]), log.events[0].index)


def tombstone_without_its_step() -> Json:
    """The operator signs a map in which nothing happened to the item."""
    log, written, _ = erased(0)
    log.names[log.entries[-1]] = set()
    keys = {maker.key_of(path) for path in (PACK_A[1], CASE[1])} | log.signers(log.events)
    facts = [*log.facts_about(keys), len(log.entries) - 1]
    return without_rows(log.bundle(PACK_A[1], [CASE[1]], facts=facts), written.index)


def tombstone_in_one_chain_of_two() -> Json:
    """The PACK names item and case; the tombstone's step lacks in the chain of the case."""
    log, written, _ = erased(1)
    log.names[log.entries[-1]] = {maker.key_of(PACK_A[1])}
    return without_rows(log.bundle(PACK_A[1], [CASE[1]]), written.index)


def tombstone_left_out() -> Json:
    log, written, _ = erased(0)
    keys = {maker.key_of(path) for path in (PACK_A[1], CASE[1])} | log.signers(log.events)
    facts = log.facts_about(keys)[:-1]
    return without_rows(log.bundle(PACK_A[1], [CASE[1]], facts=facts), written.index)


def tombstone_blinded() -> Json:
    """Then nothing says that the content is erased."""
    log, written, _ = erased(0)
    bundle = tombstone_left_out()
    assert [one["index"] for one in bundle["blinded"]] == [len(log.entries) - 1]
    assert written.index not in {one["index"] for one in bundle["blinded"]}
    return bundle


def tombstone_by_a_party() -> Json:
    log, _ = story.story()
    log.erase(log.events[0], by=story.MAKER_KEY)
    return without_rows(log.bundle(PACK_A[1], [CASE[1]]), log.events[0].index)


def tombstone_twice() -> Json:
    log, written, _ = erased(0)
    log.erase(written)
    return without_rows(log.bundle(PACK_A[1], [CASE[1]]), written.index)


def tombstone_before_its_event() -> Json:
    log = story.registered()
    index = log.fact(6, maker.Z, {"index": 0, "legal_basis": "x"})
    entry = log.entries[index].replace(b'"index":0', b'"index":9')
    log.entries.pop(), log.submissions.pop()
    log.append(entry, log.registrar)
    log.names[entry] = {maker.key_of(PACK_A[1])}
    return without_rows(log.bundle(PACK_A[1], [], [story.commission(log)]), 9)


def tombstone_of_a_fact() -> Json:
    log = story.registered()
    written = story.commission(log)
    log.fact(6, maker.Z, {"index": log.facts[1], "legal_basis": "x"})
    return log.bundle(PACK_A[1], [], [written])


def tombstone_for_a_party() -> Json:
    log = story.registered()
    written = story.commission(log)
    payload = {"index": written.index, "legal_basis": "x"}
    log.fact(6, maker.party_of(story.MAKER), payload)
    return without_rows(log.bundle(PACK_A[1], [], [written]), written.index)


def item_rows_of_another_event() -> Json:
    """What is erased still names what it named."""
    _, written, bundle = erased(0)
    event = next(one for one in bundle["events"] if one["index"] == written.index)
    event["items"][0]["role"] = 2
    return bundle


# -- registrars ----------------------------------------------------------------------------------


def rotated(log: Log, by: Key = NEXT) -> Log:
    """The next facts are signed by another registrar."""
    log.rotate_registrar(by)
    log.registrar = by
    return log


def test_facts_behind_a_rotation_are_the_incoming_registrars() -> None:
    log = story.registered()
    log_id = log.log_id
    written = story.commission(log)
    first = log.registrar
    log.rotate_registrar(NEXT)
    payload = {"index": written.index, "legal_basis": "court order 7"}
    log.fact(6, maker.Z, payload, by=NEXT)
    assert log.log_id == log_id
    assert log.registrar == first
    report = reported(without_rows(log.bundle(PACK_A[1], [], [written]), written.index))
    (told,) = (step.detail for step in report.steps if step.step == "facts")
    assert f"now 0x{NEXT.address.hex()}" in told


def alone(log: Log, facts: list[int] | None = None) -> Json:
    return log.bundle(PACK_A[1], [], [story.commission(log)], facts)


def outgoing_registrar_signs_on() -> Json:
    log = story.registered()
    log.rotate_registrar(NEXT)
    log.fact(3, maker.party_of(story.MAKER), {"fact": "suspend"})
    return alone(log)


def rotation_by_a_party() -> Json:
    log = story.registered()
    log.fact(5, maker.Z, {"registrar": NEXT.address.hex(), "proof": "00" * 65}, by=story.MAKER_KEY)
    return alone(log)


def rotation_without_possession() -> Json:
    log = story.registered()
    log.rotate_registrar(NEXT, proof_by=Key(12))
    return alone(log)


def rotation_to_the_head_signer() -> Json:
    log = story.registered()
    log.rotate_registrar(log.head_key)
    return alone(log)


def rotation_to_itself() -> Json:
    log = story.registered()
    log.rotate_registrar(log.registrar)
    return alone(log)


def rotation_left_out() -> Json:
    log = story.registered()
    index = log.rotate_registrar(NEXT)
    log.fact(3, maker.party_of(story.MAKER), {"fact": "suspend"}, by=NEXT)
    log.fact(3, maker.party_of(story.MAKER), {"fact": "resume"}, by=NEXT)
    written = story.commission(log)
    facts = [one for one in log.facts_about(log.signers([written])) if one != index]
    return log.bundle(PACK_A[1], [], [written], facts)


ATTACKS: dict[str, tuple[str, Callable[[], Json]]] = {
    "withheld without tombstone": ("commitment", withheld_without_tombstone),
    "tombstone of another event": ("commitment", tombstone_of_another_event),
    "tombstone without its step": ("map", tombstone_without_its_step),
    "tombstone in one chain of two": ("map", tombstone_in_one_chain_of_two),
    "tombstone left out": ("commitment", tombstone_left_out),
    "tombstone blinded": ("commitment", tombstone_blinded),
    "tombstone by a party": ("facts", tombstone_by_a_party),
    "tombstone twice": ("facts", tombstone_twice),
    "tombstone before its event": ("facts", tombstone_before_its_event),
    "tombstone of a fact": ("map", tombstone_of_a_fact),
    "tombstone for a party": ("facts", tombstone_for_a_party),
    "item rows of another event": ("items", item_rows_of_another_event),
    "outgoing registrar signs on": ("facts", outgoing_registrar_signs_on),
    "rotation by a party": ("facts", rotation_by_a_party),
    "rotation without possession": ("facts", rotation_without_possession),
    "rotation to the head signer": ("facts", rotation_to_the_head_signer),
    "rotation to itself": ("facts", rotation_to_itself),
    "rotation left out": ("facts", rotation_left_out),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_fails_at_its_step(name: str) -> None:
    step, attack = ATTACKS[name]
    with pytest.raises(StepError) as caught:
        verify_bundle(canonical(attack()), policy=Policy())
    assert caught.value.step == step
