"""Log entries: the leaf data of the log (docs/spec/entry.md).

The only producer and the only parser of hashed entry bytes; `decode` refuses whatever `encode`
would not produce.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NewType

from ledger.core.errors import MalformedError
from ledger.core.jcs import canonical_json
from ledger.core.merkle import LeafHash, leaf_hash
from ledger.core.strict_json import JsonValue, parse_json

TAG = b"UBE1"
Z = bytes(32)
EVENT_LENGTH = 268
ADDRESS_LENGTH = 20
HEAD_LENGTH = 68
# An entry must fit a tlog-tiles bundle (u16 length); facts are short, so the limit is far lower.
MAX_PAYLOAD = 4096
FLAG_ERROR_DECLARATION = 1
FLAG_UNPACK_ALL = 2

Address = NewType("Address", bytes)


class Kind(IntEnum):
    """What an entry is (byte 4)."""

    EVENT = 1
    GENESIS = 2
    PARTY = 3
    KEY = 4
    REGISTRAR = 5
    TOMBSTONE = 6
    FINDING_ACT = 7
    EVIDENCE = 8
    GRANT = 9
    CLOCK = 10


class Op(IntEnum):
    """What an event does to its items (byte 5)."""

    COMMISSION = 1
    OBSERVE = 2
    HANDOFF = 3
    RECEIVE = 4
    PACK = 5
    UNPACK = 6
    TRANSFORM = 7
    DISPENSE = 8
    DESTROY = 9
    DECOMMISSION = 10
    VOID = 11
    OTHER = 255


_EVENT = struct.Struct(">4sBBBBQ20s32s32s32s32s32sI32sI32s")
_HEAD = struct.Struct(">4sBBBBQ20s32s")
_OPS = frozenset(int(op) for op in Op)
_REFERRING = frozenset([Op.RECEIVE, Op.VOID])


def _verify_lengths(signer: bytes, *fields: bytes) -> None:
    # struct would pad or cut them without a word.
    if len(signer) != ADDRESS_LENGTH or set(map(len, fields)) != {len(Z)}:
        raise MalformedError("entry", "has a signer of 20 bytes, names and hashes of 32")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventEntry:
    """The 268 bytes that one event puts into the log; every `bytes` is 32 long but signer (20).

    Raises:
        MalformedError: A field has another length, or fields contradict each other.
    """

    op: Op
    flags: int
    time_ms: int
    signer: Address
    party: bytes
    on_behalf_of: bytes
    to_owner: bytes
    to_possessor: bytes
    refers: bytes
    row_count: int
    event_root: bytes
    item_count: int
    items_root: bytes

    def __post_init__(self) -> None:
        _verify_lengths(
            self.signer, self.party, self.on_behalf_of, self.to_owner, self.to_possessor,
            self.refers, self.event_root, self.items_root,
        )  # fmt: skip
        if self.flags & ~(FLAG_ERROR_DECLARATION | FLAG_UNPACK_ALL):
            raise MalformedError("entry.flags", "only bits 0 and 1 may be set", self.flags)
        if self.row_count == 0:
            raise MalformedError("entry.row_count", "at least 1", self.row_count)
        if self.refers != Z and self.op not in _REFERRING:
            refers = self.refers.hex()
            raise MalformedError("entry.refers", "only a VOID or a RECEIVE refers", refers)
        if (self.item_count == 0) != (self.items_root == Z):
            count = self.item_count
            raise MalformedError("entry.item_count", "0 if and only if items_root is zero", count)

    def encode(self) -> bytes:
        """Return the entry's bytes."""
        return _EVENT.pack(
            TAG, Kind.EVENT, self.op, self.flags, 0, self.time_ms, self.signer, self.party,
            self.on_behalf_of, self.to_owner, self.to_possessor, self.refers, self.row_count,
            self.event_root, self.item_count, self.items_root,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class FactEntry:
    """An entry of any other kind: a fact of the log itself, with a small JSON payload."""

    kind: Kind
    time_ms: int
    signer: Address
    party: bytes
    payload: dict[str, JsonValue]

    def __post_init__(self) -> None:
        _verify_lengths(self.signer, self.party)

    def encode(self) -> bytes:
        """Return the entry's bytes.

        Raises:
            MalformedError: The payload is longer than MAX_PAYLOAD.
        """
        payload = canonical_json(self.payload)
        if len(payload) > MAX_PAYLOAD:
            raise MalformedError("payload", f"at most {MAX_PAYLOAD} bytes", len(payload))
        head = _HEAD.pack(TAG, self.kind, 0, 0, 0, self.time_ms, self.signer, self.party)
        return head + struct.pack(">H", len(payload)) + payload


def entry_leaf_hash(entry: bytes) -> LeafHash:
    """Return H(0x00 || entry)."""
    return leaf_hash(entry)


def decode_event(entry: bytes) -> EventEntry:
    """Parse the 268 bytes of an event entry.

    Raises:
        MalformedError: Wrong length, tag, kind, operation, flags or counts.
    """
    if len(entry) != EVENT_LENGTH:
        raise MalformedError("entry", f"an event entry has {EVENT_LENGTH} bytes", len(entry))
    tag, kind, op, flags, zero, time_ms, signer, party, behalf, owner, possessor, refers, *tail = (
        _EVENT.unpack(entry)
    )
    row_count, event_root, item_count, items_root = tail
    if tag != TAG or kind != Kind.EVENT or zero:
        raise MalformedError("entry", "starts with UBE1, kind 1 and a zero byte 7", entry[:8].hex())
    if op not in _OPS:
        raise MalformedError("entry.op", "is a known operation", op)
    return EventEntry(
        op=Op(op), flags=flags, time_ms=time_ms, signer=signer, party=party, on_behalf_of=behalf,
        to_owner=owner, to_possessor=possessor, refers=refers, row_count=row_count,
        event_root=event_root, item_count=item_count, items_root=items_root,
    )  # fmt: skip


def event_fields(entry: bytes) -> tuple[Any, ...]:
    """Return the fields of an event entry of the log, in their order behind the kind.

    They are op, flags, zero, time, signer, party, on_behalf_of, to_owner, to_possessor, refers, row
    count, event root, item count, items root; nothing is checked: what the log holds was.
    """
    return _EVENT.unpack(entry)[2:]


def decode_fact(entry: bytes) -> FactEntry:
    """Parse an entry of any kind but event; the payload's members are the caller's to check.

    Raises:
        MalformedError: Wrong tag, kind, op, flags, length, or a payload that is not JCS.
    """
    if len(entry) < HEAD_LENGTH + 2:
        raise MalformedError("entry", "has a head of 68 bytes and a payload length", len(entry))
    tag, kind, op, flags, zero, time_ms, signer, party = _HEAD.unpack(entry[:HEAD_LENGTH])
    if tag != TAG or op or flags or zero:
        raise MalformedError("entry", "starts with UBE1 and has op and flags 0", entry[:8].hex())
    if not Kind.GENESIS <= kind <= Kind.CLOCK:
        raise MalformedError("entry.kind", "is a known kind of fact", kind)
    raw = entry[HEAD_LENGTH + 2 :]
    if len(raw) != int.from_bytes(entry[HEAD_LENGTH : HEAD_LENGTH + 2]) or len(raw) > MAX_PAYLOAD:
        raise MalformedError("entry.payload", "has the length that is stated", len(raw))
    payload = parse_json(raw)
    if not isinstance(payload, dict) or canonical_json(payload) != raw:
        raise MalformedError("entry.payload", "is a canonical JSON object")
    return FactEntry(kind=Kind(kind), time_ms=time_ms, signer=signer, party=party, payload=payload)
