"""What the evidence files are made of (docs/spec/bundle.md), as frozen values, or a refusal.

Lengths, signs and orders that need no cryptography are settled here and in `bundle.py`, so that
the later steps are about evidence alone.
"""

from dataclasses import dataclass

from unbroken_verifier import shape
from unbroken_verifier.canonical import JsonValue
from unbroken_verifier.eip712 import Z32
from unbroken_verifier.errors import RefusedError
from unbroken_verifier.event import QUANTITY_CLASS

MAX_CHAIN = 100_000  # entries that name one thing; replaying them takes a fifth of a second
U32 = 2**32 - 1
POINTER_BYTES = 2**16 - 1  # u16 length in docs/spec/event.md

HEAD = frozenset({"size", "root", "signature"})
FACT = frozenset({"index", "entry", "inclusion", "submission"})
EVENT = FACT | {"rows", "items"}
SUBMISSION = frozenset({"count", "position", "path", "issued_at", "signature"})
ROW = frozenset({"index", "salt", "pointer", "value", "path"})
ITEM = frozenset({"index", "salt", "role", "item", "path"})
CHAIN = frozenset({"key", "indexes", "siblings"})
SKETCH = frozenset({"index", "entry"})
BLIND = frozenset({"index", "leaf_hash"})
LEAF = frozenset({"key", "value"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The signed size, root and map root (docs/spec/log.md); `map_root` is Z for "no map"."""

    size: int
    root: bytes
    map_root: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What was signed, and the place of one entry in it (docs/spec/submission.md)."""

    count: int
    position: int
    path: tuple[bytes, ...]
    issued_at: int
    doc_hash: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Proved:
    """One log entry with its inclusion path and its submission."""

    index: int
    entry: bytes
    inclusion: tuple[bytes, ...]
    submission: Submission


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A disclosed row of an event: an RFC 6901 pointer and a JCS text."""

    index: int
    salt: bytes
    pointer: str
    value: str
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A disclosed item row; `spends` is Z for "no claim"."""

    index: int
    salt: bytes
    role: int
    item: str
    spends: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(Proved):
    """A proved event entry with the rows it discloses."""

    rows: tuple[Row, ...]
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Every entry that names one key, and where the item map holds that (docs/spec/item-map.md)."""

    key: bytes
    indexes: tuple[int, ...]
    siblings: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """An entry of a container's chain that is no part of the item's history."""

    index: int
    entry: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Blind:
    """An entry that is counted and not shown."""

    index: int
    leaf_hash: bytes


def head(value: JsonValue, *, needs_map: bool) -> Head:
    """A head; `needs_map` where the evidence rests on the item map.

    Raises:
        RefusedError: another shape, or no `map_root` where one is needed.
    """
    members = shape.members(value, HEAD, frozenset({"map_root"}))
    if needs_map and "map_root" not in members:
        raise RefusedError("head has no map_root: nothing can be said to be complete or absent")
    return Head(
        size=shape.number(members["size"], "head.size"),
        root=shape.binary(members["root"], "head.root", 32),
        map_root=not_zero(members, "map_root"),
        signature=shape.binary(members["signature"], "head.signature", 65),
    )


def fact(value: JsonValue) -> Proved:
    """A proved entry.

    Raises:
        RefusedError: another shape.
    """
    members = shape.members(value, FACT)
    return Proved(
        index=shape.number(members["index"], "index"),
        entry=shape.binary(members["entry"], "entry"),
        inclusion=hashes(members["inclusion"], "inclusion"),
        submission=submission(members["submission"]),
    )


def event(value: JsonValue) -> Event:
    """A proved event with rows and items, each by increasing index.

    Raises:
        RefusedError: another shape or order.
    """
    members = shape.members(value, EVENT)
    rows = shape.array(members["rows"], "rows", _row)
    items = shape.array(members["items"], "items", _item)
    shape.verify_increasing([row.index for row in rows], "rows")
    shape.verify_increasing([item.index for item in items], "items")
    return Event(
        index=shape.number(members["index"], "index"),
        entry=shape.binary(members["entry"], "entry"),
        inclusion=hashes(members["inclusion"], "inclusion"),
        submission=submission(members["submission"]),
        rows=rows,
        items=items,
    )


def chain(value: JsonValue) -> Chain:
    """A chain of at least one entry.

    Raises:
        RefusedError: another shape, no index, too many, or not increasing.
    """
    members = shape.members(value, CHAIN)
    indexes = shape.array(members["indexes"], "indexes", index)
    if not 0 < len(indexes) <= MAX_CHAIN:
        raise RefusedError(f"indexes has not 1 to {MAX_CHAIN} elements")
    shape.verify_increasing(indexes, "indexes")
    return Chain(
        key=shape.binary(members["key"], "key", 32),
        indexes=indexes,
        siblings=hashes(members["siblings"], "siblings"),
    )


def sketch(value: JsonValue) -> Sketch:
    """An entry outside the item's stay.

    Raises:
        RefusedError: another shape.
    """
    members = shape.members(value, SKETCH)
    return Sketch(index=index(members["index"]), entry=shape.binary(members["entry"], "entry"))


def blind(value: JsonValue) -> Blind:
    """An entry that is counted only.

    Raises:
        RefusedError: another shape.
    """
    members = shape.members(value, BLIND)
    leaf = shape.binary(members["leaf_hash"], "leaf_hash", 32)
    return Blind(index=index(members["index"]), leaf_hash=leaf)


def map_leaf(value: JsonValue) -> tuple[bytes, bytes]:
    """(key, value) of a leaf of the item map.

    Raises:
        RefusedError: another shape.
    """
    members = shape.members(value, LEAF)
    key = shape.binary(members["key"], "key", 32)
    return key, shape.binary(members["value"], "value", 32)


def submission(value: JsonValue) -> Submission:
    """A submission and the place of one entry in it.

    Raises:
        RefusedError: another shape.
    """
    members = shape.members(value, SUBMISSION, frozenset({"doc_hash"}))
    return Submission(
        count=shape.number(members["count"], "count", U32),
        position=shape.number(members["position"], "position", U32),
        path=hashes(members["path"], "submission.path"),
        issued_at=shape.number(members["issued_at"], "issued_at"),
        doc_hash=not_zero(members, "doc_hash"),
        signature=shape.binary(members["signature"], "submission.signature", 65),
    )


def _row(value: JsonValue) -> Row:
    members = shape.members(value, ROW)
    pointer = shape.text(members["pointer"], "pointer")
    if len(pointer.encode()) > POINTER_BYTES:
        raise RefusedError(f"pointer is longer than {POINTER_BYTES} bytes")
    return Row(
        index=shape.number(members["index"], "index", U32),
        salt=shape.binary(members["salt"], "salt", 16),
        pointer=pointer,
        value=shape.text(members["value"], "value"),
        path=hashes(members["path"], "path"),
    )


def _item(value: JsonValue) -> Item:
    members = shape.members(value, ITEM, frozenset({"spends"}))
    return Item(
        index=shape.number(members["index"], "index", U32),
        salt=shape.binary(members["salt"], "salt", 16),
        role=shape.number(members["role"], "role", QUANTITY_CLASS),
        item=shape.text(members["item"], "item"),
        spends=not_zero(members, "spends"),
        path=hashes(members["path"], "path"),
    )


def hashes(value: JsonValue, name: str) -> tuple[bytes, ...]:
    """A list of hashes.

    Raises:
        RefusedError: something else.
    """
    return shape.array(value, name, _hash)


def path_text(value: JsonValue) -> str:
    """A path, whose meaning a later step settles.

    Raises:
        RefusedError: not a text.
    """
    return shape.text(value, "path")


def index(value: JsonValue) -> int:
    """A log index.

    Raises:
        RefusedError: something else.
    """
    return shape.number(value, "index")


def not_zero(members: dict[str, JsonValue], name: str) -> bytes:
    """32 bytes, Z when the member is absent. A claim that is not made has one spelling only.

    Raises:
        RefusedError: a zero that is spelt out, or something else.
    """
    if name not in members:
        return Z32
    value = shape.binary(members[name], name, 32)
    if value == Z32:
        raise RefusedError(f"{name} is zero: it must be absent")
    return value


def _hash(value: JsonValue) -> bytes:
    return shape.binary(value, "hash", 32)
