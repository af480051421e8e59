"""Steps about what events disclose: it is committed, and says what the entry says."""

from collections.abc import Mapping, Sequence

from unbroken_verifier.canonical import JsonValue, parse_canonical
from unbroken_verifier.case import Case, at, listed
from unbroken_verifier.eip712 import Z32
from unbroken_verifier.entry import EventEntry
from unbroken_verifier.errors import RefusedError
from unbroken_verifier.event import (
    LAST_SPENDING_ROLE,
    Gap,
    gaps,
    item_row_bytes,
    lists_children,
    may_withhold_decisive,
    named_items,
    row_bytes,
    verify_pointer,
)
from unbroken_verifier.identifiers import item_key
from unbroken_verifier.operation import (
    FLAG_ERROR_DECLARATION,
    FLAG_UNPACK_ALL,
    Op,
    instant,
    operation,
    receiver,
)
from unbroken_verifier.parts import Event
from unbroken_verifier.shape import verify_increasing
from unbroken_verifier.tree import leaf_hash, verify_inclusion


def commitment(case: Case) -> str:
    """Disclosed rows are committed, and the entry says what they say."""
    erased = []
    for place, (event, decoded) in enumerate(case.pairs):
        with at(f"events[{place}]"):
            rows = _committed_rows(event, decoded)
            if rows:
                if not _verify_meaning(event, decoded, rows):
                    case.unsettled.append(event.index)
            elif event.index in case.registry.erased:
                erased.append(event.index)
            else:
                raise RefusedError("every row is withheld, and no tombstone says that it is erased")
            case.rows.append(rows)
    shown = sum(map(len, case.rows))
    told = f"{shown} of {case.total('row_count')} rows disclosed; they decide what the entries say"
    return f"{told}; erased: the rows of index {listed(erased)}" if erased else told


def items(case: Case) -> str:
    """Disclosed item rows are committed, and are what the disclosed rows name."""
    proof = case.proof
    known = {proof.item, *proof.containers}
    for place, ((event, decoded), rows) in enumerate(zip(case.pairs, case.rows, strict=True)):
        with at(f"events[{place}]"):
            _verify_item_rows(event, decoded)
            disclosed = {(item.role, item.item) for item in event.items}
            if proof.item and not {path for _, path in disclosed} <= known:
                raise RefusedError("an item row names something outside the bundle")
            if rows and disclosed != named_items(rows):
                raise RefusedError("item rows and the rows that name items do not agree")
    shown = sum(len(event.items) for event in proof.events)
    return f"{shown} of {case.total('item_count')} item rows disclosed; the rows name the same"


def _committed_rows(event: Event, decoded: EventEntry) -> dict[str, JsonValue]:
    verify_increasing([row.pointer.encode() for row in event.rows], "rows' pointers")
    values: dict[str, JsonValue] = {}
    for row in event.rows:
        with at(f"row {row.index}"):
            leaf = leaf_hash(row_bytes(row.salt, row.pointer, row.value))
            verify_inclusion(leaf, row.index, decoded.row_count, row.path, decoded.event_root)
            values[row.pointer] = parse_canonical(row.value.encode())
            verify_pointer(row.pointer, values[row.pointer])
    return values


def _verify_meaning(event: Event, decoded: EventEntry, rows: dict[str, JsonValue]) -> bool:
    """The rows agree with the entry; returns whether no withheld row could decide otherwise."""
    withheld = gaps(((row.index, row.pointer) for row in event.rows), decoded.row_count)
    settled = not may_withhold_decisive(rows, withheld)
    op = operation(rows)
    if op != decoded.op:
        raise RefusedError(f"the entry says op {decoded.op}, the rows say {op.name}")
    flags, known = _flags(op, decoded, rows, withheld)
    if flags != decoded.flags:
        raise RefusedError(f"the entry says flags {decoded.flags}, the rows say {flags}")
    if instant(rows.get("/eventTime")) != decoded.time:
        raise RefusedError("the entry's time is not the event's")
    if receiver(rows, "owning_party", decoded.party) != decoded.to_owner:
        raise RefusedError("the entry's to_owner is not the event's")
    if receiver(rows, "possessing_party", decoded.party) != decoded.to_possessor:
        raise RefusedError("the entry's to_possessor is not the event's")
    return settled and known


def _flags(
    op: Op, decoded: EventEntry, rows: Mapping[str, JsonValue], withheld: Sequence[Gap]
) -> tuple[int, bool]:
    """Flags by the rows, and whether the rows tell; the entry's own where they do not."""
    flags = FLAG_ERROR_DECLARATION if "/errorDeclaration" in rows else 0
    listed_children = lists_children(rows, withheld) if op == Op.UNPACK else True
    if listed_children is None:
        return flags | decoded.flags & FLAG_UNPACK_ALL, False
    return flags if listed_children else flags | FLAG_UNPACK_ALL, True


def _verify_item_rows(event: Event, decoded: EventEntry) -> None:
    order = []
    may_spend = decoded.op == Op.HANDOFF and decoded.to_owner != Z32
    for item in event.items:
        key = item_key(item.item)
        with at(f"item row {item.index}"):
            leaf = leaf_hash(item_row_bytes(item.salt, item.role, key, item.spends))
            verify_inclusion(leaf, item.index, decoded.item_count, item.path, decoded.items_root)
            if item.spends != Z32 and not (may_spend and item.role <= LAST_SPENDING_ROLE):
                raise RefusedError("spends a token outside a handoff of ownership")
        order.append(key + bytes([item.role]))
    verify_increasing(order, "item rows' (item_key, role)")
