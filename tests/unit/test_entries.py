"""Entries: what is written is read back, and nothing else is read."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unbroken_verifier.entry import decode_event as verifier_decode_event

from ledger.core.entries import (
    EVENT_LENGTH,
    HEAD_LENGTH,
    MAX_PAYLOAD,
    Address,
    EventEntry,
    FactEntry,
    Kind,
    Op,
    Z,
    decode_event,
    decode_fact,
    entry_leaf_hash,
)
from ledger.core.errors import MalformedError

PARTY, ROOT, LEAF = bytes([1]) * 32, bytes([2]) * 32, bytes([3]) * 32
SIGNER = Address(bytes([9]) * 20)
EVENT = EventEntry(
    op=Op.HANDOFF,
    flags=0,
    time_ms=1_767_225_600_123,
    signer=SIGNER,
    party=PARTY,
    on_behalf_of=PARTY,
    to_owner=bytes([4]) * 32,
    to_possessor=bytes([5]) * 32,
    refers=Z,
    row_count=7,
    event_root=ROOT,
    item_count=2,
    items_root=bytes([6]) * 32,
)
FACT = FactEntry(kind=Kind.PARTY, time_ms=5, signer=SIGNER, party=PARTY, payload={"fact": "resume"})
HASHES = st.binary(min_size=32, max_size=32)
SET_HASHES = HASHES.filter(lambda one: one != Z)
COUNTS = st.integers(1, (1 << 32) - 1)


@st.composite
def event_entries(draw: st.DrawFn) -> EventEntry:
    op = draw(st.sampled_from(Op))
    items = draw(st.booleans())
    return EventEntry(
        op=op,
        flags=draw(st.integers(0, 3)),
        time_ms=draw(st.integers(0, (1 << 64) - 1)),
        signer=Address(draw(st.binary(min_size=20, max_size=20))),
        party=draw(HASHES),
        on_behalf_of=draw(HASHES),
        to_owner=draw(HASHES),
        to_possessor=draw(HASHES),
        refers=draw(HASHES) if op in {Op.VOID, Op.RECEIVE} else Z,
        row_count=draw(COUNTS),
        event_root=draw(HASHES),
        item_count=draw(COUNTS) if items else 0,
        items_root=draw(SET_HASHES) if items else Z,
    )


@given(event_entries())
def test_an_event_entry_is_read_back_as_it_was(entry: EventEntry) -> None:
    raw = entry.encode()
    assert len(raw) == EVENT_LENGTH
    assert decode_event(raw) == entry


@given(event_entries())
def test_the_verifier_reads_the_same_fields(entry: EventEntry) -> None:
    entry = replace(entry, on_behalf_of=PARTY, party=PARTY)
    read = verifier_decode_event(entry.encode())
    names = ["op", "flags", "signer", "party", "to_owner", "to_possessor", "row_count"]
    names += ["event_root", "item_count", "items_root"]
    assert all(getattr(read, name) == getattr(entry, name) for name in names)
    assert read.time == entry.time_ms


def test_every_field_stands_at_its_offset() -> None:
    raw = EVENT.encode()
    assert raw[:8] == b"UBE1" + bytes([1, 3, 0, 0])
    assert raw[8:16] == EVENT.time_ms.to_bytes(8, "big")
    assert raw[16:36] == SIGNER
    assert raw[36:68] == raw[68:100] == PARTY
    assert raw[100:132] == EVENT.to_owner
    assert raw[132:164] == EVENT.to_possessor
    assert raw[164:196] == Z
    assert raw[196:200] == b"\0\0\0\x07"
    assert raw[200:232] == ROOT
    assert raw[232:236] == b"\0\0\0\x02"
    assert raw[236:] == EVENT.items_root


def changed(offset: int, value: bytes) -> bytes:
    raw = bytearray(EVENT.encode())
    raw[offset : offset + len(value)] = value
    return bytes(raw)


REFUSED_EVENTS = {
    "nothing": b"",
    "a byte short": EVENT.encode()[:-1],
    "a byte more": EVENT.encode() + b"\0",
    "another tag": changed(0, b"UBE2"),
    "kind 0": changed(4, b"\0"),
    "a fact's kind": changed(4, b"\x02"),
    "op 0": changed(5, b"\0"),
    "op 12": changed(5, b"\x0c"),
    "op 254": changed(5, b"\xfe"),
    "flag bit 2": changed(6, b"\x04"),
    "flag bit 7": changed(6, b"\x80"),
    "byte 7": changed(7, b"\x01"),
    "a handoff that refers": changed(164, LEAF),
    "no rows": changed(196, bytes(4)),
    "no items, but a root": changed(232, bytes(4)),
    "items, but no root": changed(236, Z),
}


@pytest.mark.parametrize("raw", REFUSED_EVENTS.values(), ids=REFUSED_EVENTS)
def test_an_event_entry_of_another_form_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedError):
        decode_event(raw)


@pytest.mark.parametrize("op", [Op.VOID, Op.RECEIVE])
def test_a_void_or_a_receipt_may_refer(op: Op) -> None:
    entry = replace(EVENT, op=op, refers=LEAF)
    assert decode_event(entry.encode()) == entry


IMPOSSIBLE: dict[str, dict[str, Any]] = {
    "signer of 19 bytes": {"signer": bytes(19)},
    "party of 31 bytes": {"party": bytes(31)},
    "root of 33 bytes": {"event_root": bytes(33)},
    "unknown flag": {"flags": 4},
    "no rows": {"row_count": 0},
    "a handoff that refers": {"refers": LEAF},
    "no items, but a root": {"item_count": 0},
    "items, but no root": {"items_root": Z},
}


@pytest.mark.parametrize("fields", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_no_event_entry_is_made_that_would_be_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        replace(EVENT, **fields)


@given(
    st.sampled_from([kind for kind in Kind if kind != Kind.EVENT]),
    st.integers(0, (1 << 64) - 1),
    HASHES,
    st.dictionaries(st.text(max_size=9), st.text(max_size=9) | st.integers(0, 99), max_size=9),
)
def test_a_fact_is_read_back_as_it_was(
    kind: Kind, time_ms: int, party: bytes, payload: dict[str, Any]
) -> None:
    fact = FactEntry(kind=kind, time_ms=time_ms, signer=SIGNER, party=party, payload=payload)
    assert decode_fact(fact.encode()) == fact


def with_payload(payload: bytes, length: int | None = None) -> bytes:
    stated = len(payload) if length is None else length
    return FACT.encode()[:HEAD_LENGTH] + stated.to_bytes(2, "big") + payload


def head_changed(offset: int, value: int) -> bytes:
    raw = bytearray(FACT.encode())
    raw[offset] = value
    return bytes(raw)


LONGEST = b'{"a":"' + b"x" * (MAX_PAYLOAD - 8) + b'"}'
REFUSED_FACTS = {
    "nothing": b"",
    "no payload length": FACT.encode()[:HEAD_LENGTH],
    "half a payload length": FACT.encode()[: HEAD_LENGTH + 1],
    "no payload": with_payload(b""),
    "another tag": head_changed(0, 0),
    "kind 1": head_changed(4, 1),
    "kind 0": head_changed(4, 0),
    "kind 11": head_changed(4, 11),
    "an op": head_changed(5, 1),
    "a flag": head_changed(6, 1),
    "byte 7": head_changed(7, 1),
    "shorter than stated": with_payload(b"{}", 3),
    "longer than stated": with_payload(b"{}", 1),
    "longer than allowed": with_payload(LONGEST.replace(b"x", b"xx", 1)),
    "an array": with_payload(b"[]"),
    "null": with_payload(b"null"),
    "no JSON": with_payload(b"{"),
    "a space": with_payload(b"{ }"),
    "another order": with_payload(b'{"b":1,"a":1}'),
    "a name twice": with_payload(b'{"a":1,"a":1}'),
    "another escape": with_payload(rb'{"a":"\u0061"}'),
    "another number": with_payload(b'{"a":1.0}'),
}


@pytest.mark.parametrize("raw", REFUSED_FACTS.values(), ids=REFUSED_FACTS)
def test_a_fact_of_another_form_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedError):
        decode_fact(raw)


def test_the_longest_payload_is_read_and_a_longer_one_is_not_made() -> None:
    assert decode_fact(with_payload(LONGEST)).payload == {"a": "x" * (MAX_PAYLOAD - 8)}
    with pytest.raises(MalformedError, match=str(MAX_PAYLOAD)):
        replace(FACT, payload={"a": "x" * (MAX_PAYLOAD - 7)}).encode()


@pytest.mark.parametrize("fields", [{"signer": bytes(21)}, {"party": b""}], ids=["signer", "party"])
def test_no_fact_is_made_with_fields_of_another_length(fields: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        replace(FACT, **fields)


def test_no_entry_is_as_long_as_two_hashes() -> None:
    # A leaf of 64 bytes could be an inner node, were it not for the prefixes: a second defence.
    assert EVENT_LENGTH != 64
    assert HEAD_LENGTH + 2 > 64


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    for tail in (raw, EVENT.encode()[:8] + raw, FACT.encode()[: HEAD_LENGTH + 2] + raw):
        for decode in (decode_event, decode_fact):
            try:
                entry: EventEntry | FactEntry = decode(tail)
            except MalformedError:
                continue
            assert entry.encode() == tail


def test_a_leaf_hash_is_that_of_the_bytes() -> None:
    assert entry_leaf_hash(b"").hex() == (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    )
