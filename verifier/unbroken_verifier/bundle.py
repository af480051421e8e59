"""Step `parse` of docs/spec/bundle.md: the evidence file as frozen values, or a refusal.

Lengths, signs and orders that need no cryptography are settled here, so that the later steps are
about evidence alone.
"""

from dataclasses import dataclass

from unbroken_verifier import shape
from unbroken_verifier.canonical import JsonValue, parse_bundle_json
from unbroken_verifier.eip712 import Z32
from unbroken_verifier.errors import RefusedError
from unbroken_verifier.event import QUANTITY_CLASS

FORMAT = "unbroken/bundle/v1"
MAX_BUNDLE_BYTES = 64 * 1024 * 1024  # a pallet of 5,000 with its history is under 20 MB
MAX_CONTAINERS = 64  # bounds what step `scope` walks for each PACK and UNPACK
U32 = 2**32 - 1
POINTER_BYTES = 2**16 - 1  # u16 length in docs/spec/event.md

BUNDLE = frozenset({"format", "item", "head", "facts", "events"})
HEAD = frozenset({"size", "root", "signature"})
FACT = frozenset({"index", "entry", "inclusion", "submission"})
EVENT = FACT | {"rows", "items"}
SUBMISSION = frozenset({"count", "position", "path", "issued_at", "signature"})
ROW = frozenset({"index", "salt", "pointer", "value", "path"})
ITEM = frozenset({"index", "salt", "role", "item", "path"})


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
class Bundle:
    """The evidence file."""

    item: str
    containers: tuple[str, ...]
    head: Head
    facts: tuple[Proved, ...]
    events: tuple[Event, ...]


def parse_bundle(raw: bytes) -> Bundle:
    """The bundle that the bytes spell, if they spell one.

    Raises:
        RefusedError: not canonical, another shape, a number or hex text out of bounds.
    """
    if len(raw) > MAX_BUNDLE_BYTES:
        raise RefusedError(f"longer than {MAX_BUNDLE_BYTES} bytes")
    value = shape.members(parse_bundle_json(raw), BUNDLE, frozenset({"containers"}))
    if value["format"] != FORMAT:
        raise RefusedError(f"format is not {FORMAT}")
    bundle = Bundle(
        item=shape.text(value["item"], "item"),
        containers=shape.array(value["containers"], "containers", _path_text)
        if "containers" in value
        else (),
        head=_head(value["head"]),
        facts=shape.array(value["facts"], "facts", _fact),
        events=shape.array(value["events"], "events", _event),
    )
    if "containers" in value and not bundle.containers:
        raise RefusedError("containers is empty: it must be absent")
    if len(bundle.containers) > MAX_CONTAINERS:
        raise RefusedError(f"more than {MAX_CONTAINERS} containers")
    _verify_order(bundle)
    return bundle


def _verify_order(bundle: Bundle) -> None:
    if not bundle.facts or not bundle.events:
        raise RefusedError("facts or events is empty")
    shape.verify_increasing([path.encode() for path in bundle.containers], "containers")
    if bundle.item in bundle.containers:
        raise RefusedError("item is also in containers")
    facts = [fact.index for fact in bundle.facts]
    events = [event.index for event in bundle.events]
    shape.verify_increasing(facts, "facts")
    shape.verify_increasing(events, "events")
    if not set(facts).isdisjoint(events):
        raise RefusedError("an index is in facts and in events")
    for place, event in enumerate(bundle.events):
        shape.verify_increasing([row.index for row in event.rows], f"events[{place}].rows")
        shape.verify_increasing([item.index for item in event.items], f"events[{place}].items")


def _head(value: JsonValue) -> Head:
    head = shape.members(value, HEAD, frozenset({"map_root"}))
    return Head(
        size=shape.number(head["size"], "head.size"),
        root=shape.binary(head["root"], "head.root", 32),
        map_root=_not_zero(head, "map_root"),
        signature=shape.binary(head["signature"], "head.signature", 65),
    )


def _fact(value: JsonValue) -> Proved:
    fact = shape.members(value, FACT)
    return Proved(
        index=shape.number(fact["index"], "index"),
        entry=shape.binary(fact["entry"], "entry"),
        inclusion=_hashes(fact["inclusion"], "inclusion"),
        submission=_submission(fact["submission"]),
    )


def _event(value: JsonValue) -> Event:
    event = shape.members(value, EVENT)
    return Event(
        index=shape.number(event["index"], "index"),
        entry=shape.binary(event["entry"], "entry"),
        inclusion=_hashes(event["inclusion"], "inclusion"),
        submission=_submission(event["submission"]),
        rows=shape.array(event["rows"], "rows", _row),
        items=shape.array(event["items"], "items", _item),
    )


def _submission(value: JsonValue) -> Submission:
    submission = shape.members(value, SUBMISSION, frozenset({"doc_hash"}))
    return Submission(
        count=shape.number(submission["count"], "count", U32),
        position=shape.number(submission["position"], "position", U32),
        path=_hashes(submission["path"], "submission.path"),
        issued_at=shape.number(submission["issued_at"], "issued_at"),
        doc_hash=_not_zero(submission, "doc_hash"),
        signature=shape.binary(submission["signature"], "submission.signature", 65),
    )


def _row(value: JsonValue) -> Row:
    row = shape.members(value, ROW)
    pointer = shape.text(row["pointer"], "pointer")
    if len(pointer.encode()) > POINTER_BYTES:
        raise RefusedError(f"pointer is longer than {POINTER_BYTES} bytes")
    return Row(
        index=shape.number(row["index"], "index", U32),
        salt=shape.binary(row["salt"], "salt", 16),
        pointer=pointer,
        value=shape.text(row["value"], "value"),
        path=_hashes(row["path"], "path"),
    )


def _item(value: JsonValue) -> Item:
    item = shape.members(value, ITEM, frozenset({"spends"}))
    return Item(
        index=shape.number(item["index"], "index", U32),
        salt=shape.binary(item["salt"], "salt", 16),
        role=shape.number(item["role"], "role", QUANTITY_CLASS),
        item=shape.text(item["item"], "item"),
        spends=_not_zero(item, "spends"),
        path=_hashes(item["path"], "path"),
    )


def _hashes(value: JsonValue, name: str) -> tuple[bytes, ...]:
    return shape.array(value, name, _hash)


def _hash(value: JsonValue) -> bytes:
    return shape.binary(value, "hash", 32)


def _path_text(value: JsonValue) -> str:
    return shape.text(value, "path")


def _not_zero(members: dict[str, JsonValue], name: str) -> bytes:
    """32 bytes, Z when the member is absent. A claim that is not made has one spelling only."""
    if name not in members:
        return Z32
    value = shape.binary(members[name], name, 32)
    if value == Z32:
        raise RefusedError(f"{name} is zero: it must be absent")
    return value
