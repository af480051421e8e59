"""docs/spec/entry.md: the bytes of log entries, read strictly."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeAlias

from unbroken_verifier import shape
from unbroken_verifier.canonical import JsonValue, parse_canonical
from unbroken_verifier.eip712 import Z32
from unbroken_verifier.errors import RefusedError
from unbroken_verifier.operation import (
    FLAG_ERROR_DECLARATION,
    FLAG_UNPACK_ALL,
    Op,
)

TAG = b"UBE1"
KIND_EVENT, KIND_GENESIS, KIND_PARTY, KIND_KEY, KIND_REGISTRAR, KIND_TOMBSTONE = range(1, 7)
HEADER_BYTES = 68
EVENT_BYTES = 268
MAX_PAYLOAD_BYTES = 4096
MAX_ORIGIN_BYTES = 255
NOT_IN_ORIGIN = re.compile(r"[\s+\x00-\x1f\x7f-\x9f]")  # those of a signed note's key name
KNOWN_FLAGS = FLAG_ERROR_DECLARATION | FLAG_UNPACK_ALL


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Bytes 0 to 67 of every entry; `time` in ms since 1970."""

    kind: int
    op: int
    flags: int
    time: int
    signer: bytes
    party: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class EventEntry(Header):
    """A whole event entry."""

    to_owner: bytes
    to_possessor: bytes
    row_count: int
    event_root: bytes
    item_count: int
    items_root: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Genesis:
    """What the genesis entry fixes for the life of the log."""

    chain_id: int
    checkpoint_key: bytes
    contract: bytes
    head_signer: bytes
    origin: str
    registrar: bytes

    @property
    def log_id(self) -> bytes:
        """Name of the log, made from what it is (docs/spec/log.md)."""
        origin = self.origin.encode()
        return sha256(
            b"unbroken/log/v1\x00"
            + len(origin).to_bytes(2, "big")
            + origin
            + self.head_signer
            + self.registrar
            + self.checkpoint_key
        ).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyFact:
    """`path` and `name` only with `add`."""

    fact: str
    path: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFact:
    """`proof` only with `add`."""

    fact: str
    address: bytes
    proof: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrarFact:
    """The incoming registrar."""

    registrar: bytes
    proof: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """The content of the event at `index` is destroyed."""

    index: int
    legal_basis: str


Fact: TypeAlias = "PartyFact | KeyFact | RegistrarFact | Tombstone"


def signer_of(entry: bytes) -> bytes:
    """Signer address of an entry of any kind (bytes 16 to 35).

    Raises:
        RefusedError: the entry is too short to have one.
    """
    return decode_header(entry).signer


def decode_header(entry: bytes) -> Header:
    """The first 68 bytes.

    Raises:
        RefusedError: wrong tag, byte 7 not zero, or too short.
    """
    if len(entry) < HEADER_BYTES or entry[:4] != TAG or entry[7]:
        raise RefusedError("the entry has no header of docs/spec/entry.md")
    return Header(
        kind=entry[4],
        op=entry[5],
        flags=entry[6],
        time=int.from_bytes(entry[8:16], "big"),
        signer=entry[16:36],
        party=entry[36:68],
    )


def decode_event(entry: bytes) -> EventEntry:
    """An event entry whose party acts for itself.

    Raises:
        RefusedError: another kind or length, an unknown op or flag, counts and roots that cannot
            stand together, or a party that acts for another one (grants come later).
    """
    header = decode_header(entry)
    if header.kind != KIND_EVENT or len(entry) != EVENT_BYTES:
        raise RefusedError("the entry is not an event entry of 268 bytes")
    if header.op not in set(Op) or header.flags & ~KNOWN_FLAGS:
        raise RefusedError(f"op {header.op} or flags {header.flags} are unknown")
    words = [entry[start : start + 32] for start in (68, 100, 132, 164, 200, 236)]
    on_behalf_of, to_owner, to_possessor, refers, event_root, items_root = words
    row_count = int.from_bytes(entry[196:200], "big")
    item_count = int.from_bytes(entry[232:236], "big")
    if header.party == Z32 or on_behalf_of != header.party:
        raise RefusedError("the party is zero, or acts on behalf of another one")
    if refers != Z32 and header.op not in {Op.VOID, Op.RECEIVE}:
        raise RefusedError("the entry refers to another one without voiding or receiving it")
    if row_count == 0 or (item_count == 0) != (items_root == Z32):
        raise RefusedError("a row count and its root contradict each other")
    return EventEntry(
        kind=header.kind,
        op=header.op,
        flags=header.flags,
        time=header.time,
        signer=header.signer,
        party=header.party,
        to_owner=to_owner,
        to_possessor=to_possessor,
        row_count=row_count,
        event_root=event_root,
        item_count=item_count,
        items_root=items_root,
    )


def decode_genesis(entry: bytes) -> tuple[Header, Genesis]:
    """A genesis entry.

    Raises:
        RefusedError: another kind, or malformed.
    """
    header, payload = _decode_payload(entry)
    if header.kind != KIND_GENESIS or header.party != Z32:
        raise RefusedError("the entry is not a genesis entry")
    names = "chain_id checkpoint_key contract head_signer origin registrar"
    value = shape.members(payload, frozenset(names.split()))
    return header, genesis_of(
        value,
        chain_id=shape.number(value["chain_id"], "chain_id"),
        contract=shape.binary(value["contract"], "contract", 20),
    )


def genesis_of(value: dict[str, JsonValue], *, chain_id: int, contract: bytes) -> Genesis:
    """What a log_id commits to, of members that are there, with its home.

    Raises:
        RefusedError: a member of another form.
    """
    origin = shape.text(value["origin"], "origin")
    if not 0 < len(origin.encode()) <= MAX_ORIGIN_BYTES or NOT_IN_ORIGIN.search(origin):
        raise RefusedError("origin is not one of docs/spec/log.md")
    return Genesis(
        chain_id=chain_id,
        checkpoint_key=shape.binary(value["checkpoint_key"], "checkpoint_key", 32),
        contract=contract,
        head_signer=shape.binary(value["head_signer"], "head_signer", 20),
        origin=origin,
        registrar=shape.binary(value["registrar"], "registrar", 20),
    )


def decode_fact(entry: bytes) -> tuple[Header, Fact]:
    """A party, key, registrar or tombstone entry.

    Raises:
        RefusedError: another kind, or malformed.
    """
    header, payload = _decode_payload(entry)
    read = FACTS.get(header.kind)
    if read is None:
        raise RefusedError(f"an entry of kind {header.kind} is no fact of the registrar")
    if (header.party == Z32) == (header.kind in {KIND_PARTY, KIND_KEY}):
        raise RefusedError("the entry names no party, or one where none is concerned")
    return header, read(payload)


def _decode_payload(entry: bytes) -> tuple[Header, dict[str, JsonValue]]:
    header = decode_header(entry)
    if header.op or header.flags:
        raise RefusedError("op and flags belong to events only")
    payload = entry[HEADER_BYTES + 2 :]
    length = int.from_bytes(entry[HEADER_BYTES : HEADER_BYTES + 2], "big")
    if len(entry) < HEADER_BYTES + 2 or length != len(payload) or length > MAX_PAYLOAD_BYTES:
        raise RefusedError("the payload's length is wrong or above 4,096")
    value = parse_canonical(payload)
    if not isinstance(value, dict):
        raise RefusedError("the payload is not an object")
    return header, value


def _party_fact(payload: dict[str, JsonValue]) -> PartyFact:
    fact = payload.get("fact")
    if fact == "add":
        value = shape.members(payload, frozenset({"fact", "name", "path"}))
        shape.line(value["name"], "name")
        return PartyFact(fact=fact, path=shape.text(value["path"], "path"))
    if fact in ("suspend", "resume"):
        shape.members(payload, frozenset({"fact"}))
        return PartyFact(fact=str(fact), path=None)
    raise RefusedError("a party fact is not add, suspend or resume")


def _key_fact(payload: dict[str, JsonValue]) -> KeyFact:
    fact = payload.get("fact")
    if fact == "add":
        value = shape.members(payload, frozenset({"fact", "address", "proof"}))
        proof = shape.binary(value["proof"], "proof", 65)
    elif fact == "revoke":
        value = shape.members(
            payload, frozenset({"fact", "address", "reason"}), frozenset({"compromised_since"})
        )
        shape.line(value["reason"], "reason")
        shape.number(value.get("compromised_since", 0), "compromised_since")
        proof = None
    else:
        raise RefusedError("a key fact is not add or revoke")
    return KeyFact(
        fact=str(fact), address=shape.binary(value["address"], "address", 20), proof=proof
    )


def _registrar_fact(payload: dict[str, JsonValue]) -> RegistrarFact:
    value = shape.members(payload, frozenset({"registrar", "proof"}))
    return RegistrarFact(
        registrar=shape.binary(value["registrar"], "registrar", 20),
        proof=shape.binary(value["proof"], "proof", 65),
    )


def _tombstone(payload: dict[str, JsonValue]) -> Tombstone:
    value = shape.members(payload, frozenset({"index", "legal_basis"}))
    return Tombstone(
        index=shape.number(value["index"], "index"),
        legal_basis=shape.line(value["legal_basis"], "legal_basis"),
    )


FACTS: dict[int, Callable[[dict[str, JsonValue]], Fact]] = {
    KIND_PARTY: _party_fact,
    KIND_KEY: _key_fact,
    KIND_REGISTRAR: _registrar_fact,
    KIND_TOMBSTONE: _tombstone,
}
