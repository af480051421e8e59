"""Facts of the log: who may say what, in which members and no others."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from unbroken_verifier.entry import decode_fact as verifier_decode_fact
from unbroken_verifier.entry import decode_genesis
from unbroken_verifier.errors import RefusedError

from ledger.core.eip712 import key_claim_digest, submission_digest
from ledger.core.entries import Address, FactEntry, Kind, Z, decode_fact, entry_leaf_hash
from ledger.core.errors import LedgerError, MalformedError
from ledger.core.facts import (
    MAX_NAME,
    LogIdentity,
    claim_key,
    clock,
    facts_digest,
    key_added,
    key_revoked,
    parse_identity,
    party_added,
    sign_facts,
    verify_fact,
)
from ledger.core.identifiers import party_key
from ledger.core.signatures import address_of, recover
from ledger.core.strict_json import JsonValue
from tests.verifier.maker import root_of

REGISTRAR_KEY, PARTNER_KEY = bytes([1]) * 32, bytes([3]) * 32
REGISTRAR, PARTNER = address_of(REGISTRAR_KEY), address_of(PARTNER_KEY)
LOG = LogIdentity(
    origin="unbroken.example/log",
    head_signer=address_of(bytes([2]) * 32),
    registrar=REGISTRAR,
    checkpoint_key=bytes(range(32)),
    chain_id=31337,
    contract=bytes([5]) * 20,
)
SEPARATOR = LOG.domain().separator()
PATH = "/417/4012345000009"
PARTY = party_key(PATH)
NOW = 1_767_225_600_000
PROOF = claim_key(PARTNER_KEY, LOG, PARTY, PARTNER)


def test_a_log_is_named_by_what_it_is() -> None:
    origin = b"unbroken.example/log"
    text = b"unbroken/log/v1\0" + bytes([0, len(origin)]) + origin
    text += LOG.head_signer + REGISTRAR + LOG.checkpoint_key
    assert LOG.log_id() == hashlib.sha256(text).digest()
    elsewhere = replace(LOG, chain_id=1, contract=bytes(20))
    assert elsewhere.log_id() == LOG.log_id()
    assert elsewhere.domain().separator() != SEPARATOR
    others = {
        replace(LOG, origin="a").log_id(),
        replace(LOG, head_signer=REGISTRAR).log_id(),
        replace(LOG, registrar=PARTNER).log_id(),
        replace(LOG, checkpoint_key=bytes(32)).log_id(),
    }
    assert len(others | {LOG.log_id()}) == 5


def test_the_genesis_entry_says_what_the_log_is() -> None:
    raw = LOG.entry(NOW).encode()
    read = decode_fact(raw)
    assert (read.kind, read.signer, read.party, read.time_ms) == (Kind.GENESIS, REGISTRAR, Z, NOW)
    assert parse_identity(read.payload) == LOG
    header, genesis = decode_genesis(raw)
    assert header.signer == genesis.registrar == REGISTRAR
    assert genesis.log_id == LOG.log_id()


ORIGINS: dict[str, JsonValue] = {
    "empty": "",
    "a space": "a b",
    "a line feed": "a\nb",
    "a carriage return": "a\rb",
    "a tab": "a\tb",
    "a plus": "a+b",
    "a non-breaking space": "a\u00a0b",
    "a line separator": "a\u2028b",
    "256 bytes": "a" * 256,
    "128 characters of two bytes": "é" * 128,
    "a number": 7,
    "null": None,
}


@pytest.mark.parametrize("origin", ORIGINS.values(), ids=ORIGINS)
def test_an_origin_that_no_note_can_name_is_refused(origin: Any) -> None:  # noqa: ANN401
    with pytest.raises(MalformedError, match="origin"):
        replace(LOG, origin=origin).entry(NOW)
    with pytest.raises(MalformedError, match="origin"):
        parse_identity({**LOG.entry(NOW).payload, "origin": origin})


def test_the_longest_origin_is_taken() -> None:
    log = replace(LOG, origin="a" * 255)
    assert parse_identity(log.entry(NOW).payload) == log


IDENTITIES: dict[str, dict[str, JsonValue]] = {
    "an unknown member": {"x": 1},
    "a chain that is text": {"chain_id": "1"},
    "a chain that is true": {"chain_id": True},
    "a chain below zero": {"chain_id": -1},
    "a broken chain": {"chain_id": 1.5},
    "a short address": {"registrar": "00"},
    "an address in upper case": {"contract": "AB" * 20},
    "an address with a prefix": {"head_signer": "0x" + "00" * 19},
    "a key with spaces": {"checkpoint_key": "00 " * 32},
    "a key that is no text": {"checkpoint_key": None},
}


@pytest.mark.parametrize("change", IDENTITIES.values(), ids=IDENTITIES)
def test_an_identity_of_another_form_is_refused(change: dict[str, JsonValue]) -> None:
    with pytest.raises(MalformedError):
        parse_identity({**LOG.entry(NOW).payload, **change})


@pytest.mark.parametrize("name", sorted(LOG.entry(NOW).payload))
def test_an_identity_lacks_no_member(name: str) -> None:
    payload = LOG.entry(NOW).payload
    del payload[name]
    with pytest.raises(MalformedError):
        parse_identity(payload)


def party_fact(payload: dict[str, JsonValue]) -> FactEntry:
    return FactEntry(kind=Kind.PARTY, time_ms=NOW, signer=REGISTRAR, party=PARTY, payload=payload)


GOOD: dict[str, FactEntry] = {
    "a party": party_added(NOW, REGISTRAR, PATH, "Maker GmbH"),
    "a party that no GLN names": party_added(NOW, REGISTRAR, "uri:did:web:a", "x" * MAX_NAME),
    "a party suspended": party_fact({"fact": "suspend"}),
    "a party resumed": party_fact({"fact": "resume"}),
    "a key": key_added(NOW, REGISTRAR, PARTY, PARTNER, PROOF),
    "a key revoked": key_revoked(NOW, REGISTRAR, PARTY, PARTNER, "lost"),
    "a key revoked, with a date": replace(
        key_revoked(NOW, REGISTRAR, PARTY, PARTNER, "stolen"),
        payload={
            "address": PARTNER.hex(), "compromised_since": 0, "fact": "revoke", "reason": "stolen",
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("fact", GOOD.values(), ids=GOOD)
def test_a_fact_is_well_formed_for_ledger_and_verifier(fact: FactEntry) -> None:
    read = decode_fact(fact.encode())
    assert read == fact
    verify_fact(read, LOG, SEPARATOR)
    header, _ = verifier_decode_fact(fact.encode())
    assert (header.signer, header.party) == (REGISTRAR, fact.party)


KEY_FACT, REVOKED = GOOD["a key"], GOOD["a key revoked"]
OTHERS_PROOF = claim_key(REGISTRAR_KEY, LOG, PARTY, PARTNER)
PROOF_FOR_ANOTHER = claim_key(PARTNER_KEY, LOG, Z, PARTNER)
PROOF_ELSEWHERE = claim_key(PARTNER_KEY, replace(LOG, chain_id=1), PARTY, PARTNER)


def added(**changes: JsonValue) -> FactEntry:
    return replace(KEY_FACT, payload={**KEY_FACT.payload, **changes})


def revoked(**changes: JsonValue) -> FactEntry:
    return replace(REVOKED, payload={**REVOKED.payload, **changes})


BAD: dict[str, FactEntry] = {
    "a party fact without fact": party_fact({}),
    "a party fact of another word": party_fact({"fact": "remove"}),
    "a party fact that is no text": party_fact({"fact": ["suspend"]}),
    "a suspension with a member": party_fact({"fact": "suspend", "name": "A"}),
    "a party without a path": party_fact({"fact": "add", "name": "A"}),
    "a party without a name": party_fact({"fact": "add", "path": PATH}),
    "a party whose name is no text": party_fact({"fact": "add", "name": 1, "path": PATH}),
    "a party whose path is no text": party_fact({"fact": "add", "name": "A", "path": [PATH]}),
    "a party with more": party_fact({"fact": "add", "name": "A", "path": PATH, "x": 1}),
    "a key fact of another word": added(fact="suspend"),
    "a key fact that is no text": added(fact={}),
    "a key without a proof": replace(KEY_FACT, payload={"address": PARTNER.hex(), "fact": "add"}),
    "a key with a short proof": added(proof=PROOF[:64].hex()),
    "a key in upper case": added(address=PARTNER.hex().upper()),
    "a key with a reason": added(reason="x"),
    "a revocation with a proof": revoked(proof=PROOF.hex()),
    "a revocation whose reason is no text": revoked(reason=None),
    "a revocation since text": revoked(compromised_since="1"),
    "a revocation since before 1970": revoked(compromised_since=-1),
    "a revocation since true": revoked(compromised_since=True),
    "a clock": clock(NOW, REGISTRAR),
    "a genesis": LOG.entry(NOW),
}
BAD_FOR_THIS_LOG: dict[str, FactEntry] = {
    "a party of another path": replace(GOOD["a party"], party=Z),
    "a party by another path": party_fact({"fact": "add", "name": "A", "path": PATH[:-1] + "6"}),
    "a party by a link": party_fact(
        {"fact": "add", "name": "A", "path": "https://id.gs1.org" + PATH}
    ),
    "a party by a place": party_added(NOW, REGISTRAR, "/414/4012345000009", "A"),
    "a party by no path": party_added(NOW, REGISTRAR, "4012345000009", "A"),
    "a party without a name to show": party_fact({"fact": "add", "name": "", "path": PATH}),
    "a party with a long name": party_fact(
        {"fact": "add", "name": "x" * (MAX_NAME + 1), "path": PATH}
    ),
    "a key proved by another": added(proof=OTHERS_PROOF.hex()),
    "a key proved for another party": added(proof=PROOF_FOR_ANOTHER.hex()),
    "a key proved for another chain": added(proof=PROOF_ELSEWHERE.hex()),
    "a key with a proof that is none": added(proof="00" * 65),
    "another key than the proof's": added(address=REGISTRAR.hex()),
    "a fact by the key itself": replace(KEY_FACT, signer=PARTNER),
}


@pytest.mark.parametrize("fact", (BAD | BAD_FOR_THIS_LOG).values(), ids=BAD | BAD_FOR_THIS_LOG)
def test_any_other_fact_is_refused(fact: FactEntry) -> None:
    with pytest.raises(LedgerError):
        verify_fact(fact, LOG, SEPARATOR)


@pytest.mark.parametrize("fact", BAD.values(), ids=BAD)
def test_the_verifier_refuses_the_same_forms(fact: FactEntry) -> None:
    with pytest.raises(RefusedError):
        verifier_decode_fact(fact.encode())


@pytest.mark.parametrize("text", ["", "x" * (MAX_NAME + 1)], ids=["empty", "long"])
def test_a_name_or_reason_without_measure_makes_no_fact(text: str) -> None:
    with pytest.raises(MalformedError, match="name"):
        party_added(NOW, REGISTRAR, PATH, text)
    with pytest.raises(MalformedError, match="reason"):
        key_revoked(NOW, REGISTRAR, PARTY, PARTNER, text)


def test_a_clock_says_the_time_and_nothing_else() -> None:
    entry = clock(NOW, LOG.head_signer).encode()
    head = b"UBE1\x0a\0\0\0" + NOW.to_bytes(8, "big")
    assert entry == head + LOG.head_signer + Z + b"\0\x02{}"


def test_facts_are_signed_in_their_order_without_a_document() -> None:
    entries = [fact.encode() for fact in GOOD.values()]
    signature = sign_facts(REGISTRAR_KEY, LOG, entries, NOW)
    root = root_of([entry_leaf_hash(entry) for entry in entries])
    digest = submission_digest(SEPARATOR, LOG.log_id(), root, len(entries), Z, NOW)
    assert facts_digest(LOG, entries, NOW) == digest
    assert recover(digest, signature) == REGISTRAR
    assert recover(facts_digest(LOG, entries[::-1], NOW), signature) != REGISTRAR


def test_a_claim_is_signed_by_the_key_for_its_party() -> None:
    digest = key_claim_digest(SEPARATOR, LOG.log_id(), PARTY, PARTNER)
    assert recover(digest, PROOF) == PARTNER == Address(PARTNER)
