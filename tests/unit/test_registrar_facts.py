"""The office of registrar is handed over by an entry, and a tombstone names one earlier event."""

from collections.abc import Callable

import pytest

from ledger.core.entries import Address, FactEntry, Kind, Z, decode_fact
from ledger.core.errors import LedgerError
from ledger.core.facts import (
    LogIdentity,
    claim_key,
    erased_index,
    key_added,
    key_revoked,
    party_added,
    party_turned,
    registrar_rotated,
    tombstone,
    verify_fact,
)
from ledger.core.identifiers import party_key
from ledger.core.rights import Rights, registrar_at
from ledger.core.signatures import address_of

FIRST_KEY, SECOND_KEY, THIRD_KEY, HEAD_KEY = (bytes([n]) * 32 for n in (1, 2, 3, 4))
FIRST, SECOND, THIRD, HEAD = (
    Address(address_of(one)) for one in (FIRST_KEY, SECOND_KEY, THIRD_KEY, HEAD_KEY)
)
LOG = LogIdentity(
    origin="example.org/log", head_signer=HEAD, registrar=FIRST, checkpoint_key=bytes(32),
    chain_id=31337, contract=b"\x03" * 20,
)  # fmt: skip
SEPARATOR = LOG.domain().separator()
PATH = "/417/4012345000009"
PARTY = party_key(PATH)


def rotated(outgoing: Address, incoming_key: bytes) -> FactEntry:
    incoming = Address(address_of(incoming_key))
    proof = claim_key(incoming_key, LOG, Z, incoming)
    return registrar_rotated(1, outgoing, incoming, proof)


def replayed(*facts: FactEntry) -> Rights:
    rights = Rights(LOG)
    for index, fact in enumerate(facts, 2):
        rights.apply(index, decode_fact(fact.encode()))
    return rights


def test_facts_behind_a_rotation_are_the_incoming_registrars() -> None:
    rights = replayed(
        party_added(1, FIRST, PATH, "A"), rotated(FIRST, SECOND_KEY),
        party_turned(1, SECOND, PARTY, active=False), rotated(SECOND, THIRD_KEY),
        party_turned(1, THIRD, PARTY, active=True),
    )  # fmt: skip
    assert rights.registrars() == ((-1, FIRST), (3, SECOND), (5, THIRD))
    signers = [registrar_at(rights.registrars(), index) for index in range(8)]
    assert signers == [FIRST, FIRST, FIRST, FIRST, SECOND, SECOND, THIRD, THIRD]
    assert LOG.log_id() == rights.identity.log_id()


def test_an_office_may_come_back() -> None:
    rights = replayed(rotated(FIRST, SECOND_KEY), rotated(SECOND, FIRST_KEY))
    assert rights.registrars()[-1] == (3, FIRST)


@pytest.mark.parametrize(
    "facts",
    [
        [rotated(SECOND, THIRD_KEY)],
        [rotated(FIRST, SECOND_KEY), party_added(1, FIRST, PATH, "A")],
        [rotated(FIRST, SECOND_KEY), rotated(FIRST, THIRD_KEY)],
        [party_added(1, SECOND, PATH, "A"), rotated(FIRST, SECOND_KEY)],
        [rotated(FIRST, FIRST_KEY)],
        [rotated(FIRST, HEAD_KEY)],
        [registrar_rotated(1, FIRST, SECOND, claim_key(THIRD_KEY, LOG, Z, SECOND))],
        [registrar_rotated(1, FIRST, SECOND, claim_key(SECOND_KEY, LOG, PARTY, SECOND))],
        [tombstone(1, FIRST, 2, "itself")],
        [tombstone(1, FIRST, 9, "later")],
        [tombstone(1, FIRST, 1, "once"), tombstone(2, FIRST, 1, "twice")],
        [tombstone(1, SECOND, 1, "by nobody")],
        [party_added(1, FIRST, PATH, "A"), key_revoked(1, FIRST, PARTY, SECOND, "never added")],
    ],
    ids=[
        "by the incoming one", "outgoing one goes on", "outgoing one rotates again",
        "incoming one too early", "to itself", "to the head signer", "proof of another key",
        "proof for a party", "itself", "a later entry", "twice", "tombstone by nobody",
        "revoked before it was added",
    ],
)  # fmt: skip
def test_what_the_sequencer_would_refuse_the_replay_refuses(facts: list[FactEntry]) -> None:
    with pytest.raises(LedgerError):
        replayed(*facts)


def changed(fact: FactEntry, **members: object) -> FactEntry:
    payload = {name: v for name, v in {**fact.payload, **members}.items() if v is not None}
    return FactEntry(
        kind=fact.kind, time_ms=1, signer=fact.signer, party=fact.party,
        payload=payload,  # type: ignore[arg-type]
    )  # fmt: skip


def of_party(fact: FactEntry) -> FactEntry:
    return FactEntry(
        kind=fact.kind, time_ms=1, signer=fact.signer, party=PARTY, payload=fact.payload
    )


STONE, ROTATION = tombstone(1, FIRST, 1, "law"), rotated(FIRST, SECOND_KEY)


@pytest.mark.parametrize(
    "fact",
    [
        changed(STONE, index="1"), changed(STONE, index=-1), changed(STONE, index=True),
        changed(STONE, index=None), changed(STONE, legal_basis=""), changed(STONE, more=1),
        changed(STONE, legal_basis="a\nb"), changed(STONE, legal_basis="x" * 201),
        of_party(STONE), changed(ROTATION, proof="00" * 65), changed(ROTATION, registrar=None),
        changed(ROTATION, more="x"), of_party(ROTATION),
    ],
)  # fmt: skip
def test_a_fact_of_another_form_is_refused(fact: FactEntry) -> None:
    with pytest.raises(LedgerError):
        verify_fact(fact, LOG, SEPARATOR)


def test_a_sound_fact_is_taken_and_its_bytes_come_back() -> None:
    for fact in (STONE, ROTATION):
        read = decode_fact(fact.encode())
        assert read == fact
        verify_fact(read, LOG, SEPARATOR)
    assert erased_index(STONE) == 1
    assert STONE.kind == Kind.TOMBSTONE


def test_compromised_since_informs_and_moves_no_span() -> None:
    key, proof = SECOND_KEY, claim_key(SECOND_KEY, LOG, PARTY, SECOND)

    def spans(revoke: Callable[[], FactEntry]) -> object:
        facts = [party_added(1, FIRST, PATH, "A"), key_added(1, FIRST, PARTY, SECOND, proof)]
        return replayed(*facts, revoke()).spans()

    plain = spans(lambda: key_revoked(9, FIRST, PARTY, SECOND, "stolen"))
    dated = spans(lambda: key_revoked(9, FIRST, PARTY, SECOND, "stolen", 1))
    assert plain == dated == {address_of(key) + PARTY: ((3, 4),)}
