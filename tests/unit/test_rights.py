"""A key may sign at an index if the last facts before it leave key and party active."""

import secrets

import pytest

from ledger.core.entries import Address, FactEntry, Kind
from ledger.core.errors import LedgerError
from ledger.core.facts import LogIdentity, claim_key, key_added, key_revoked, party_added
from ledger.core.identifiers import party_key
from ledger.core.rights import FOREVER, Rights
from ledger.core.signatures import address_of

REGISTRAR = Address(b"\x01" * 20)
IDENTITY = LogIdentity(
    origin="example.org/log", head_signer=Address(b"\x02" * 20), registrar=REGISTRAR,
    checkpoint_key=bytes(32), chain_id=31337, contract=b"\x03" * 20,
)  # fmt: skip
PATH, OTHER_PATH = "/417/4012345000009", "/417/4012346000008"
PARTY, OTHER = party_key(PATH), party_key(OTHER_PATH)
KEY = secrets.token_bytes(32)
ADDRESS = address_of(KEY)


def party(path: str = PATH) -> FactEntry:
    return party_added(1, REGISTRAR, path, "A")


def key(to: bytes = PARTY) -> FactEntry:
    return key_added(1, REGISTRAR, to, ADDRESS, claim_key(KEY, IDENTITY, to, ADDRESS))


def revoked() -> FactEntry:
    return key_revoked(1, REGISTRAR, PARTY, ADDRESS, "lost")


def turned(what: str) -> FactEntry:
    return FactEntry(
        kind=Kind.PARTY, time_ms=1, signer=REGISTRAR, party=PARTY, payload={"fact": what}
    )


def spans(*facts: FactEntry) -> tuple[tuple[int, int], ...]:
    rights = Rights(IDENTITY)
    for index, fact in enumerate(facts, 2):
        rights.apply(index, fact)
    return rights.spans().get(ADDRESS + PARTY, ())


def test_a_key_signs_from_its_fact_on() -> None:
    assert spans(party(), key()) == ((3, FOREVER),)


def test_a_revocation_acts_from_its_own_index_on() -> None:
    assert spans(party(), key(), revoked()) == ((3, 4),)


def test_adding_a_key_again_opens_a_second_span() -> None:
    assert spans(party(), key(), revoked(), key()) == ((3, 4), (5, FOREVER))


def test_a_suspended_party_has_no_key_that_signs() -> None:
    facts = [party(), key(), turned("suspend"), turned("resume")]
    assert spans(*facts) == ((3, 4), (5, FOREVER))


def test_a_key_that_is_added_to_a_suspended_party_waits_for_it() -> None:
    assert spans(party(), turned("suspend"), key(), turned("resume")) == ((5, FOREVER),)


@pytest.mark.parametrize(
    "facts",
    [
        [key()],
        [party(), party()],
        [turned("suspend")],
        [party(), party(OTHER_PATH), key(), key(OTHER)],
        [party_added(1, Address(b"\x09" * 20), PATH, "A")],
        [party(), key_added(1, REGISTRAR, PARTY, ADDRESS, bytes(64) + b"\x1b")],
    ],
    ids=["key first", "twice", "unknown", "two parties", "no registrar", "no proof"],
)
def test_what_the_sequencer_would_refuse_the_replay_refuses(facts: list[FactEntry]) -> None:
    with pytest.raises(LedgerError):
        spans(*facts)
