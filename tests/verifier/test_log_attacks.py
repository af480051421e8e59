"""Attacks on heads, signatures and rights, and the step that each must fail at."""

import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Unpack

import pytest
from unbroken_verifier.errors import StepError
from unbroken_verifier.policy import Policy
from unbroken_verifier.steps import verify_bundle

from tests.verifier import maker, story
from tests.verifier.maker import CASE, PACK_A, Changes, Json, Log, canonical

Attack = Callable[[], Json]
SOUND = canonical(story.story()[1])


def edited(edit: Callable[[Json], object]) -> Json:
    bundle: Json = json.loads(SOUND)
    edit(bundle)
    return bundle


def without_genesis() -> Json:
    return edited(lambda b: b["facts"].pop(0))


def genesis_by_another() -> Json:
    log = Log()
    log.registrar = maker.Key(9)
    log.genesis(registrar=maker.REGISTRAR.address.hex())
    return log.bundle(PACK_A[1], [], [story.commission(log)])


def genesis_with_another_member() -> Json:
    log = Log()
    log.genesis(note="x")
    return log.bundle(PACK_A[1], [], [story.commission(log)])


def head_by_another_key() -> Json:
    log, _ = story.story()
    return log.bundle(PACK_A[1], [CASE[1]], head_by=maker.Key(9))


def head_with_a_map_root() -> Json:
    return edited(lambda b: b["head"].update(map_root="11" * 32))


def indexes_swapped() -> Json:
    def swap(bundle: Json) -> None:
        one, two = bundle["facts"][1], bundle["facts"][2]
        for name in ("entry", "submission"):
            one[name], two[name] = two[name], one[name]

    return edited(swap)


def entry_of_another_log() -> Json:
    log, _ = story.story()
    log.entries[8] = log.entries[8][:-1] + b"\x00"
    bundle = log.bundle(PACK_A[1], [CASE[1]])
    bundle["head"] = json.loads(SOUND)["head"]
    return bundle


def again(log: Log, index: int) -> int:
    """The operator logs a signed entry a second time."""
    log.entries.append(log.entries[index])
    log.submissions.append(log.submissions[index])
    return len(log.entries) - 1


def event_logged_twice() -> Json:
    log = story.registered()
    story.commission(log)
    sent = story.ship(log, epc=PACK_A[0])
    log.events.append(replace(sent, index=again(log, sent.index)))
    return log.bundle(PACK_A[1], [])


def key_fact_logged_again_after_its_revocation() -> Json:
    log = story.registered()
    added = log.facts[2]
    log.revoke(story.MAKER, story.MAKER_KEY)
    log.facts.append(again(log, added))
    return alone(log)


def event_signed_by_another() -> Json:
    log = story.registered()
    story.commission(log, signed_by=maker.Key(9))
    return log.bundle(PACK_A[1], [])


def submission_of_another_time() -> Json:
    return edited(lambda b: b["events"][0]["submission"].update(issued_at=1))


def event_without_document() -> Json:
    return edited(lambda b: b["events"][0]["submission"].pop("doc_hash"))


def fact_with_document() -> Json:
    return edited(lambda b: b["facts"][1]["submission"].update(doc_hash="11" * 32))


# -- facts, entry --------------------------------------------------------------------------------


def alone(log: Log) -> Json:
    """The bundle of one commissioning on a log."""
    return log.bundle(PACK_A[1], [], [story.commission(log)])


def with_all_facts(log: Log) -> Json:
    """As `alone`, with facts that concern nobody in it."""
    return log.bundle(PACK_A[1], [], [story.commission(log)], log.facts)


def party_of_another_path() -> Json:
    log = Log()
    log.genesis()
    log.add_party(story.MAKER, path=maker.gln_path(story.PHARMACY))
    log.add_key(story.MAKER, story.MAKER_KEY)
    return alone(log)


def party_path_in_another_spelling() -> Json:
    log = Log()
    log.genesis()
    path = "/414/" + story.MAKER
    party = sha256(b"unbroken/party/v1\x00" + path.encode()).digest()
    log.fact(3, party, {"fact": "add", "name": "P", "path": path})
    return with_all_facts(log)


def fact_by_a_party() -> Json:
    log = Log()
    log.genesis()
    payload = {"fact": "add", "name": "P", "path": maker.gln_path(story.MAKER)}
    log.fact(3, maker.party_of(story.MAKER), payload, by=story.MAKER_KEY)
    return alone(log)


def key_without_possession() -> Json:
    log = Log()
    log.genesis()
    log.add_party(story.MAKER)
    log.add_key(story.MAKER, story.MAKER_KEY, proof_by=maker.Key(9))
    return alone(log)


def key_of_two_parties() -> Json:
    log = story.registered()
    log.add_key(story.PHARMACY, story.MAKER_KEY)
    return alone(log)


def genesis_of(origin: str) -> Attack:
    def attack() -> Json:
        log = Log()
        log.genesis(origin=origin)
        return alone(log)

    return attack


def party_named(name: str) -> Attack:
    def attack() -> Json:
        log = Log()
        log.genesis()
        log.add_party(story.MAKER, name=name)
        return alone(log)

    return attack


def revoked_because(reason: str) -> Attack:
    def attack() -> Json:
        log = story.registered()
        address = story.MAKER_KEY.address.hex()
        payload = {"fact": "revoke", "address": address, "reason": reason}
        log.fact(4, maker.party_of(story.MAKER), payload)
        return alone(log)

    return attack


def clock_among_the_facts() -> Json:
    log = Log()
    log.genesis()
    log.fact(10, maker.Z, {})
    return with_all_facts(log)


def unknown_fact() -> Json:
    log = Log()
    log.genesis()
    log.fact(3, maker.party_of(story.MAKER), {"fact": "promote"})
    return alone(log)


def revoked_key() -> Json:
    log = story.registered()
    log.revoke(story.MAKER, story.MAKER_KEY)
    return alone(log)


def revocation_by_a_party_that_has_not_the_key() -> Json:
    log = story.registered()
    log.revoke(story.PHARMACY, story.MAKER_KEY)
    return alone(log)


def suspended_party() -> Json:
    log = story.registered()
    log.fact(3, maker.party_of(story.MAKER), {"fact": "suspend"})
    return alone(log)


def key_added_later() -> Json:
    log = Log()
    log.genesis()
    log.add_party(story.MAKER)
    written = story.commission(log)
    log.add_key(story.MAKER, story.MAKER_KEY)
    return log.bundle(PACK_A[1], [], [written])


def key_withheld() -> Json:
    return edited(lambda b: b["facts"].pop(2))


def key_of_another_party() -> Json:
    log = story.registered()
    event = maker.event_of(0, "ObjectEvent", "ADD", "commissioning", epcList=[PACK_A[0]])
    written = log.write(story.MAKER, story.PHARMACY_KEY, event, maker.COMMISSION)
    return log.bundle(PACK_A[1], [], [written])


def commissioned(**changes: Unpack[Changes]) -> Attack:
    def attack() -> Json:
        log = story.registered()
        return log.bundle(PACK_A[1], [], [story.commission(log, **changes)])

    return attack


ATTACKS: dict[str, tuple[str, Attack]] = {
    "no genesis": ("genesis", without_genesis),
    "genesis signed by another than its registrar": ("genesis", genesis_by_another),
    "genesis with an unknown member": ("genesis", genesis_with_another_member),
    "head by another key": ("checkpoint", head_by_another_key),
    "map root slipped in": ("checkpoint", head_with_a_map_root),
    "indexes swapped": ("inclusion", indexes_swapped),
    "entry of another tree": ("inclusion", entry_of_another_log),
    "event logged twice": ("inclusion", event_logged_twice),
    "key fact replayed": ("inclusion", key_fact_logged_again_after_its_revocation),
    "origin empty": ("genesis", genesis_of("")),
    "origin of 256 bytes": ("genesis", genesis_of("\u00e9" * 128)),
    "origin with a space": ("genesis", genesis_of("log.example unbroken")),
    "origin with a wide space": ("genesis", genesis_of("log.example\u2003unbroken")),
    "origin with a plus": ("genesis", genesis_of("log.example+unbroken")),
    "origin with a line end": ("genesis", genesis_of("log.example\n")),
    "origin with delete": ("genesis", genesis_of("log.example\x7f")),
    "party without a name": ("facts", party_named("")),
    "party name of 201 characters": ("facts", party_named("\u00e9" * 201)),
    "party name with an escape": ("facts", party_named("P\x1b[2J")),
    "party name with delete": ("facts", party_named("P\x7f")),
    "revoked for no reason": ("facts", revoked_because("")),
    "revoked with 201 characters": ("facts", revoked_because("x" * 201)),
    "revoked with a line end": ("facts", revoked_because("lost\n")),
    "event signed by another": ("signature", event_signed_by_another),
    "submission of another time": ("signature", submission_of_another_time),
    "event without document": ("signature", event_without_document),
    "fact with document": ("signature", fact_with_document),
    "party of another path": ("facts", party_of_another_path),
    "party path in another spelling": ("facts", party_path_in_another_spelling),
    "fact by a party": ("facts", fact_by_a_party),
    "key without possession": ("facts", key_without_possession),
    "key of two parties": ("facts", key_of_two_parties),
    "clock among the facts": ("facts", clock_among_the_facts),
    "unknown fact": ("facts", unknown_fact),
    "revocation by another party": ("facts", revocation_by_a_party_that_has_not_the_key),
    "revoked key": ("entry", revoked_key),
    "suspended party": ("entry", suspended_party),
    "key added later": ("entry", key_added_later),
    "key of another party": ("map", key_of_another_party),
    "key fact withheld": ("map", key_withheld),
    "on behalf of another": ("entry", commissioned(on_behalf_of=bytes([1]) * 32)),
    "refers without a reason": ("entry", commissioned(refers=bytes([1]) * 32)),
    "unknown flag": ("entry", commissioned(flags=4)),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_fails_at_its_step(name: str) -> None:
    step, attack = ATTACKS[name]
    with pytest.raises(StepError) as caught:
        verify_bundle(canonical(attack()), policy=Policy())
    assert caught.value.step == step


def test_a_name_and_a_reason_of_200_characters_stand() -> None:
    log = story.registered()
    log.add_party(story.PHARMACY, name="\u00e9" * 200)
    address = story.PHARMACY_KEY.address.hex()
    payload = {"fact": "revoke", "address": address, "reason": "x" * 200}
    log.fact(4, maker.party_of(story.PHARMACY), payload)
    verify_bundle(canonical(alone(log)), policy=Policy())


def test_a_key_added_again_signs_again() -> None:
    log = story.registered()
    log.revoke(story.MAKER, story.MAKER_KEY)
    log.add_key(story.MAKER, story.MAKER_KEY)
    verify_bundle(canonical(alone(log)), policy=Policy())


def test_an_event_before_the_revocation_stands() -> None:
    log = story.registered()
    written = story.commission(log)
    log.revoke(story.MAKER, story.MAKER_KEY)
    verify_bundle(canonical(log.bundle(PACK_A[1], [], [written])), policy=Policy())
