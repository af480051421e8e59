"""Submissions: one signature binds a document, its events and what they mean."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from ledger.core.commitment import commit
from ledger.core.committed_entries import event_entry
from ledger.core.eip712 import SigningDomain
from ledger.core.entries import Address, Op, Z, decode_event, entry_leaf_hash
from ledger.core.epcis.read import read_document
from ledger.core.errors import LedgerError, MalformedError, NotPermittedError, SignatureError
from ledger.core.events import Event
from ledger.core.identifiers import party_key
from ledger.core.signatures import address_of
from ledger.core.submission import (
    MAX_EVENTS,
    SignedEvent,
    Signer,
    Submission,
    build_submission,
    doc_hash,
    first_difference,
    format_submission,
    parse_submission,
    verify_submission,
)
from tests.verifier.maker import CASE, PACK_A, PACK_B, SUBMISSION, event_of, root_of, to_owner

LOG_ID, CONTRACT = bytes([1]) * 32, bytes([2]) * 20
DOMAIN = SigningDomain(log_id=LOG_ID, chain_id=31337, contract=CONTRACT)
SEPARATOR = DOMAIN.separator()
BUYER = "0614141000005"
SIGNER = Signer(
    private_key=bytes([7]) * 32,
    party=party_key("/417/4012345000009"),
    party_secret=bytes([8]) * 32,
)
TOKEN = bytes([5]) * 32
HANDOFF = event_of(
    0, "ObjectEvent", "OBSERVE", "shipping",
    epcList=[PACK_A[0], PACK_B[0]], destinationList=to_owner(BUYER),
)  # fmt: skip
EVENTS = [
    event_of(0, "ObjectEvent", "ADD", "commissioning", epcList=[PACK_A[0], PACK_B[0]]),
    event_of(1, "AggregationEvent", "ADD", "packing", parentID=CASE[0], childEPCs=[PACK_A[0]]),
    HANDOFF,
]
DOCUMENT = json.dumps(
    {"type": "EPCISDocument", "schemaVersion": "2.0", "epcisBody": {"eventList": EVENTS}}
).encode()
ISSUED = 1_767_225_600_000
Json = dict[str, Any]


def build(document: bytes = DOCUMENT, **options: Any) -> Submission:  # noqa: ANN401
    return build_submission(document, SIGNER, DOMAIN, issued_at=ISSUED, **options)


BUILT = build()


def wire(**changes: object) -> bytes:
    return json.dumps({**json.loads(format_submission(BUILT)), **changes}).encode()


def wire_event(**changes: object) -> bytes:
    events = json.loads(format_submission(BUILT))["events"]
    return wire(events=[{**events[0], **changes}, *events[1:]])


def test_a_submission_is_read_back_as_it_was_sent() -> None:
    spending = build(refers={}, spends={2: {0: TOKEN, 1: TOKEN}})
    for one in (BUILT, spending):
        assert parse_submission(format_submission(one)) == one
    assert "spends" not in json.loads(format_submission(BUILT))["events"][0]


def test_signing_the_same_document_again_gives_the_same_bytes() -> None:
    assert build() == BUILT
    assert format_submission(build()) == format_submission(BUILT)


def test_another_spelling_of_a_document_gives_the_same_entries() -> None:
    again = build(json.dumps(json.loads(DOCUMENT), indent=1).encode())
    assert again.events == BUILT.events
    assert again.doc_salt != BUILT.doc_salt
    assert again.signature != BUILT.signature


def test_another_party_secret_changes_the_commitments_only() -> None:
    other = build_submission(
        DOCUMENT, replace(SIGNER, party_secret=bytes(32)), DOMAIN, issued_at=ISSUED
    )
    for one, two in zip(BUILT.events, other.events, strict=True):
        first, second = decode_event(one.entry), decode_event(two.entry)
        assert replace(first, event_root=Z, items_root=LOG_ID) == replace(
            second, event_root=Z, items_root=LOG_ID
        )
        assert first.event_root != second.event_root
        assert first.items_root != second.items_root


def test_the_signature_is_that_of_the_typed_data() -> None:
    message = {
        "logId": LOG_ID,
        "entriesRoot": root_of([entry_leaf_hash(event.entry) for event in BUILT.events]),
        "count": 3,
        "docHash": doc_hash(BUILT.doc_salt, DOCUMENT),
        "issuedAt": ISSUED,
    }
    domain = {
        "name": "Unbroken",
        "version": "1",
        "chainId": 31337,
        "verifyingContract": "0x" + CONTRACT.hex(),
    }
    signable = encode_typed_data(domain, SUBMISSION, message)
    assert bytes(Account.sign_message(signable, SIGNER.private_key).signature) == BUILT.signature


def test_a_good_submission_is_accepted_with_what_it_proves() -> None:
    checked = verify_submission(BUILT, DOCUMENT, LOG_ID, SEPARATOR)
    assert checked.signer == address_of(SIGNER.private_key)
    assert checked.party == SIGNER.party
    assert checked.leaf_hashes == [entry_leaf_hash(event.entry) for event in BUILT.events]
    assert checked.doc_hash == doc_hash(BUILT.doc_salt, DOCUMENT)


def refused(
    submission: Submission, document: bytes = DOCUMENT, **given: bytes
) -> type[LedgerError]:
    with pytest.raises(LedgerError) as error:
        verify_submission(
            submission,
            document,
            given.get("log_id", LOG_ID),
            given.get("separator", SEPARATOR),
        )
    return error.type


def flipped(raw: bytes, at: int) -> bytes:
    return raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]


def with_entry(entry: bytes) -> Submission:
    return replace(BUILT, events=[replace(BUILT.events[0], entry=entry), *BUILT.events[1:]])


def test_any_changed_byte_of_any_entry_is_refused() -> None:
    for at in range(len(BUILT.events[0].entry)):
        refused(with_entry(flipped(BUILT.events[0].entry, at)))


def test_any_changed_byte_of_the_document_is_refused() -> None:
    for at in range(len(DOCUMENT)):
        assert refused(BUILT, flipped(DOCUMENT, at)) is SignatureError
    assert refused(BUILT, DOCUMENT + b" ") is SignatureError


def test_any_changed_byte_of_salt_or_signature_is_refused() -> None:
    for at in range(16):
        assert refused(replace(BUILT, doc_salt=flipped(BUILT.doc_salt, at))) is SignatureError
    for at in range(65):
        refused(replace(BUILT, signature=flipped(BUILT.signature, at)))


def test_another_time_order_number_log_or_domain_is_refused() -> None:
    assert refused(replace(BUILT, issued_at=ISSUED + 1)) is SignatureError
    assert refused(replace(BUILT, events=BUILT.events[::-1])) is SignatureError
    assert refused(replace(BUILT, events=BUILT.events[:2])) is SignatureError
    assert refused(replace(BUILT, events=[*BUILT.events, BUILT.events[0]])) is SignatureError
    assert refused(BUILT, log_id=bytes(32)) is SignatureError
    other = SigningDomain(log_id=LOG_ID, chain_id=1, contract=CONTRACT).separator()
    assert refused(BUILT, separator=other) is SignatureError


@pytest.mark.parametrize(
    "fields",
    [
        {"party": TOKEN, "on_behalf_of": TOKEN},
        {"signer": Address(bytes(20))},
        {"on_behalf_of": TOKEN},
    ],
    ids=["party", "signer", "on behalf of"],
)
def test_entries_of_two_signers_or_for_another_party_are_not_permitted(fields: Json) -> None:
    entry = replace(decode_event(BUILT.events[1].entry), **fields).encode()
    events = [BUILT.events[0], replace(BUILT.events[1], entry=entry)]
    assert refused(replace(BUILT, events=events)) is NotPermittedError


def difference(event: Event, one: SignedEvent) -> str | None:
    return first_difference(event, one, commit(event, one.event_secret, one.spends))


def signed(position: int = 0) -> tuple[Event, SignedEvent]:
    return read_document(DOCUMENT).events[position], BUILT.events[position]


@pytest.mark.parametrize("position", range(len(EVENTS)), ids=str)
def test_an_honest_event_has_no_difference(position: int) -> None:
    assert difference(*signed(position)) is None


@pytest.mark.parametrize("position", range(len(EVENTS)), ids=str)
def test_event_secret_and_signer_determine_the_entry(position: int) -> None:
    event, one = signed(position)
    address = address_of(SIGNER.private_key)
    made = event_entry(event, one.event_secret, SIGNER.party, address, Z, one.spends)
    assert made.encode() == one.entry


ENTRY_FIELDS: dict[str, Json] = {
    "op": {"op": Op.OBSERVE},
    "flags": {"flags": 1},
    "time_ms": {"time_ms": 1},
    "on_behalf_of": {"on_behalf_of": TOKEN},
    "to_owner": {"to_owner": Z},
    "to_possessor": {"to_possessor": TOKEN},
    "row_count": {"row_count": 99},
    "event_root": {"event_root": TOKEN},
    "item_count": {"item_count": 99},
    "items_root": {"items_root": TOKEN},
}


@pytest.mark.parametrize("name", ENTRY_FIELDS)
def test_the_field_of_the_entry_that_is_wrong_is_named(name: str) -> None:
    event, one = signed(2)
    entry = replace(decode_event(one.entry), **ENTRY_FIELDS[name]).encode()
    said = difference(event, replace(one, entry=entry))
    assert said is not None
    assert said.startswith(f"{name}: computed ")


EVENT_CHANGES: dict[str, tuple[Event, str]] = {
    "step": ({"bizStep": "receiving"}, "op"),
    "error declaration": ({"errorDeclaration": {}}, "op"),
    "time": ({"eventTime": "2026-01-01T00:00:00.001Z"}, "time_ms"),
    "owner": ({"destinationList": []}, "to_owner"),
    "holder": (
        {"destinationList": [*to_owner(BUYER), {"type": "possessing_party", "destination": "x:y"}]},
        "to_possessor",
    ),
    "a new member": ({"x:y": 1}, "row_count"),
    "a changed member": ({"epcList": [PACK_A[0], CASE[0]]}, "event_root"),
    "spelling": ({"epcList": [f"https://id.gs1.org{PACK_A[1]}", PACK_B[0]]}, "event_root"),
}


@pytest.mark.parametrize(("change", "field"), EVENT_CHANGES.values(), ids=EVENT_CHANGES)
def test_a_changed_event_differs_where_it_is_first_seen(change: Event, field: str) -> None:
    event, one = signed(2)
    said = difference({**event, **change}, one)
    assert said is not None
    assert said.startswith(f"{field}: ")


def test_another_secret_is_seen_at_every_byte() -> None:
    event, one = signed()
    for at in range(32):
        said = difference(event, replace(one, event_secret=flipped(one.event_secret, at)))
        assert said is not None
        assert said.startswith("event_root: ")


def test_a_token_that_was_not_committed_is_seen() -> None:
    event, one = signed(2)
    said = difference(event, replace(one, spends={0: TOKEN}))
    assert said is not None
    assert said.startswith("items_root: ")


def spend(event: Json, spends: dict[int, bytes]) -> Submission:
    return build(json.dumps(event).encode(), spends={0: spends})


def test_a_handoff_to_an_owner_may_spend() -> None:
    (one,) = spend(HANDOFF, {0: TOKEN}).events
    assert difference(HANDOFF, one) is None
    packed = event_of(
        0, "AggregationEvent", "OBSERVE", "shipping",
        parentID=CASE[0], childEPCs=[PACK_A[0]], destinationList=to_owner(BUYER),
    )  # fmt: skip
    assert spend(packed, {0: TOKEN, 1: TOKEN})


WRONG_SPENDS: dict[str, tuple[Json, dict[int, bytes]]] = {
    "a row that is not there": (HANDOFF, {2: TOKEN}),
    "a negative row": (HANDOFF, {-1: TOKEN}),
    "a short token": (HANDOFF, {0: TOKEN[:31]}),
    "the zero token": (HANDOFF, {0: Z}),
    "a commission": (EVENTS[0], {0: TOKEN}),
    "no new owner": ({**HANDOFF, "destinationList": []}, {0: TOKEN}),
    "a class": (
        {**HANDOFF, "epcList": [], "quantityList": [{"epcClass": "urn:x"}]}, {0: TOKEN},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("event", "spends"), WRONG_SPENDS.values(), ids=WRONG_SPENDS)
def test_nothing_else_spends(event: Json, spends: dict[int, bytes]) -> None:
    with pytest.raises(MalformedError, match="spends"):
        spend(event, spends)


def test_a_void_refers_and_a_commission_cannot() -> None:
    void = event_of(0, "ObjectEvent", "OBSERVE", "void_shipping", epcList=[PACK_A[0]])
    (one,) = build(json.dumps(void).encode(), refers={0: TOKEN}).events
    assert decode_event(one.entry).refers == TOKEN
    assert difference(void, one) is None
    with pytest.raises(MalformedError, match="refers"):
        build(refers={0: TOKEN})


def test_refers_on_the_wire_repeats_the_entry() -> None:
    entry = decode_event(BUILT.events[0].entry)
    receipt = replace(entry, op=Op.RECEIVE, refers=TOKEN).encode()
    said = {"entry": base64.b64encode(receipt).decode(), "refers": TOKEN.hex()}
    assert parse_submission(wire_event(**said)).events[0].entry == receipt
    with pytest.raises(MalformedError, match="refers"):
        parse_submission(wire_event(**{**said, "refers": LOG_ID.hex()}))
    with pytest.raises(MalformedError, match="refers"):
        parse_submission(wire_event(refers=TOKEN.hex()))


HEX32 = TOKEN.hex()
REFUSED: dict[str, bytes] = {
    "nothing": b"",
    "no UTF-8": b"\xff",
    "an array": b"[]",
    "no members": b"{}",
    "an unknown member": wire(x=1),
    "no events": wire(events=[]),
    "too many events": wire(events=[{"entry": "", "event_secret": ""}] * (MAX_EVENTS + 1)),
    "events that are no list": wire(events={}),
    "a time that is text": wire(issuedAt="1"),
    "a negative time": wire(issuedAt=-1),
    "a time beyond 64 bits": wire(issuedAt=1 << 64),
    "a fraction of time": wire(issuedAt=1.5),
    "a short salt": wire(doc_salt="00" * 15),
    "a long salt": wire(doc_salt="00" * 17),
    "salt in upper case": wire(doc_salt="AB" * 16),
    "salt with a prefix": wire(doc_salt="0x" + "00" * 15),
    "salt with spaces": wire(doc_salt="00 " * 10 + "00"),
    "salt that is no hex": wire(doc_salt="0g" * 16),
    "salt in other digits": wire(doc_salt="\uff10" * 32),
    "a signature of 64 bytes": wire(signature="00" * 64),
    "no signature": wire(signature=None),
    "an unknown member of an event": wire_event(x=1),
    "an entry that is no base64": wire_event(entry="*"),
    "an entry in hex": wire_event(entry=BUILT.events[0].entry.hex() + "!"),
    "a short secret": wire_event(event_secret="00"),
    "refers of another length": wire_event(refers="00"),
    "spends that is no list": wire_event(spends={"0": HEX32}),
    "a token of another length": wire_event(spends=[[0, "00"]]),
    "spends twice": wire_event(spends=[[0, HEX32], [0, HEX32]]),
    "spends out of order": wire_event(spends=[[1, HEX32], [0, HEX32]]),
    "spends that are no pairs": wire_event(spends=[[0]]),
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED)
def test_a_submission_part_of_another_shape_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedError) as refusal:
        parse_submission(raw)
    assert refusal.value.field.startswith("submission")


@pytest.mark.parametrize(
    "document",
    [b"", b"{}", b"[]", b'{"a":1,"a":1}', json.dumps({**HANDOFF, "eventTime": 0}).encode()],
    ids=range(5),
)
def test_what_cannot_be_committed_to_is_not_signed(document: bytes) -> None:
    with pytest.raises(MalformedError):
        build(document)


def test_the_document_hash_has_the_bytes_of_the_page() -> None:
    assert doc_hash(bytes(16), b"{}").hex() == (
        "8a2cb669d2bf540e7fec6461588a703c6b7d2f3fbda77cd1b2d01a18a39d8c5c"
    )
