"""The steps of docs/spec/bundle.md, one function each, in the order of the page.

A step takes what earlier steps have established and raises `RefusedError`; `verify_bundle` names
the step. Each returns one sentence on what it checked.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from unbroken_verifier.anchor import verify_anchor
from unbroken_verifier.bundle import Bundle, Event, Proved, parse_bundle
from unbroken_verifier.canonical import JsonValue, parse_canonical
from unbroken_verifier.eip712 import Z32, head_digest, submission_digest, submission_domain
from unbroken_verifier.entry import (
    EventEntry,
    Genesis,
    PartyFact,
    decode_event,
    decode_fact,
    decode_genesis,
    signer_of,
)
from unbroken_verifier.errors import NotFinalError, RefusedError, RpcError, StepError
from unbroken_verifier.event import (
    gaps,
    item_row_bytes,
    lists_children,
    named_items,
    row_bytes,
    verify_nothing_decisive_withheld,
    verify_pointer,
)
from unbroken_verifier.facts import Registry
from unbroken_verifier.identifiers import item_key
from unbroken_verifier.jsonrpc import Rpc
from unbroken_verifier.operation import (
    FLAG_ERROR_DECLARATION,
    FLAG_UNPACK_ALL,
    Op,
    instant,
    operation,
    receiver,
)
from unbroken_verifier.policy import Policy
from unbroken_verifier.report import Report
from unbroken_verifier.scope import Act, verify_scope
from unbroken_verifier.shape import verify_increasing
from unbroken_verifier.signature import verify_signer
from unbroken_verifier.tree import leaf_hash, root_from_path, verify_inclusion


@dataclass(slots=True)
class Case:
    """One bundle on its way through the steps; each fills in what it established."""

    raw: bytes
    policy: Policy
    rpcs: Sequence[Rpc]
    bundle: Bundle = field(init=False)
    genesis: Genesis = field(init=False)
    domain: bytes = field(init=False)
    registry: Registry = field(init=False)
    entries: list[EventEntry] = field(init=False)
    rows: list[dict[str, JsonValue]] = field(init=False)


def verify_bundle(
    raw: bytes, *, policy: Policy, rpcs: Sequence[Rpc] = (), report: Report | None = None
) -> None:
    """Runs every step; returns only if none failed.

    Args:
        raw: the evidence file.
        policy: what the caller pins.
        rpcs: chains to ask, all of which must agree; without any, step 11 is not run.
        report: is told of each step, and of what was not checked.

    Raises:
        StepError: the first step that failed.
        NotFinalError: all held, but the anchor is not final yet.
        RpcError: all held, but a chain could not be asked.
    """
    report = Report() if report is None else report
    case = Case(raw, policy, rpcs)
    for step in STEPS if rpcs else STEPS[:-1]:
        try:
            detail = step(case)
        except (RefusedError, NotFinalError, RpcError) as error:
            report.add(step.__name__, ok=False, detail=str(error))
            if isinstance(error, RefusedError):
                raise StepError(step.__name__, str(error)) from error
            raise
        report.add(step.__name__, ok=True, detail=detail)
    report.not_checked += not_checked(case)


def parse(case: Case) -> str:
    """Step 1: the bytes are canonical and have exactly the shape of the page."""
    bundle = case.bundle = parse_bundle(case.raw)
    return (
        f"{len(case.raw)} bytes, canonical: item {bundle.item}, {len(bundle.containers)} "
        f"containers, {len(bundle.facts)} facts, {len(bundle.events)} events"
    )


def genesis(case: Case) -> str:
    """Step 2: the first fact is the genesis entry; it is the pinned log's, if one is pinned."""
    first = case.bundle.facts[0]
    with _at("facts[0]"):
        if first.index:
            raise RefusedError(f"has index {first.index}, not 0")
        header, log = decode_genesis(first.entry)
        if header.signer != log.registrar:
            raise RefusedError("is not signed by the registrar that it names")
    pins: dict[str, tuple[bytes | int | None, bytes | int]] = {
        "log_id": (case.policy.log_id, log.log_id),
        "registrar": (case.policy.registrar, log.registrar),
        "chain_id": (case.policy.chain_id, log.chain_id),
        "contract": (case.policy.contract, log.contract),
    }
    for name, (pinned, actual) in pins.items():
        if pinned is not None and pinned != actual:
            raise RefusedError(f"{name} is {_shown(actual)}, the policy pins {_shown(pinned)}")
    case.genesis, case.domain = log, submission_domain(log.chain_id, log.contract)
    pinned_names = [name for name, (pinned, _) in pins.items() if pinned is not None]
    return (
        f"log {log.log_id.hex()}, origin {log.origin}, registrar 0x{log.registrar.hex()}, chain "
        f"{log.chain_id}, contract 0x{log.contract.hex()}; pinned by policy: "
        f"{', '.join(pinned_names) or 'nothing'}"
    )


def checkpoint(case: Case) -> str:
    """Step 3: the head is signed by the log's head signer."""
    head, log = case.bundle.head, case.genesis
    digest = head_digest(log.log_id, head.size, head.root, head.map_root)
    verify_signer(digest, head.signature, log.head_signer, "the head signer")
    return f"size {head.size}, root {head.root.hex()}, signed by 0x{log.head_signer.hex()}"


def inclusion(case: Case) -> str:
    """Step 4: every entry stands at its index in the head's tree, and at no other."""
    head = case.bundle.head
    seen: set[bytes] = set()
    for place, proved in _entries(case.bundle):
        leaf = leaf_hash(proved.entry)
        with _at(place):
            verify_inclusion(leaf, proved.index, head.size, proved.inclusion, head.root)
            if leaf in seen:  # attack: the operator logs a signed entry a second time
                raise RefusedError("the same entry is in the log twice")
        seen.add(leaf)
    return f"{len(_entries(case.bundle))} entries at their indexes in the tree of {head.size}"


def signature(case: Case) -> str:
    """Step 5: every entry was submitted by its signer."""
    signers = set()
    for place, proved in _entries(case.bundle):
        sent = proved.submission
        with _at(place):
            if (sent.doc_hash != Z32) != isinstance(proved, Event):
                raise RefusedError("doc_hash belongs to events, and to every event")
            root = root_from_path(leaf_hash(proved.entry), sent.position, sent.count, sent.path)
            digest = submission_digest(
                case.domain,
                case.genesis.log_id,
                entries_root=root,
                count=sent.count,
                doc_hash=sent.doc_hash,
                issued_at=sent.issued_at,
            )
            signer = signer_of(proved.entry)
            verify_signer(digest, sent.signature, signer, "the entry's signer")
            signers.add(signer)
    return f"{len(_entries(case.bundle))} entries signed, by {len(signers)} keys"


def facts(case: Case) -> str:
    """Step 6: the registrar's facts about parties and keys are well-formed and agree."""
    registry = Registry(case.genesis.log_id, case.domain)
    for place, proved in enumerate(case.bundle.facts[1:], 1):
        with _at(f"facts[{place}]"):
            header, fact = decode_fact(proved.entry)
            if header.signer != case.genesis.registrar:
                raise RefusedError("is not signed by the registrar")
            if isinstance(fact, PartyFact):
                registry.add_party_fact(proved.index, header, fact)
            else:
                registry.add_key_fact(proved.index, header, fact)
    case.registry = registry
    return f"{len(registry.parties)} parties, {len(registry.keys)} keys, by the registrar"


def entry(case: Case) -> str:
    """Step 7: every event entry is well-formed and its signer had the right to sign it."""
    case.entries = []
    for place, event in enumerate(case.bundle.events):
        with _at(f"events[{place}]"):
            decoded = decode_event(event.entry)
            case.registry.verify_signer_active(event.index, decoded.signer, decoded.party)
            case.entries.append(decoded)
    ops = ", ".join(Op(one.op).name for one in case.entries)
    return f"{ops}; each by an active key of an active party"


def commitment(case: Case) -> str:
    """Step 8: disclosed rows are committed, and the entry says what they say."""
    case.rows = []
    for place, (event, decoded) in enumerate(_pairs(case)):
        with _at(f"events[{place}]"):
            rows = _committed_rows(event, decoded)
            _verify_meaning(event, decoded, rows)
            case.rows.append(rows)
    shown = sum(map(len, case.rows))
    total = _total(case, "row_count")
    return f"{shown} of {total} rows disclosed; they decide op, flags, time and receivers"


def items(case: Case) -> str:
    """Step 9: disclosed item rows are committed, and are what the disclosed rows name."""
    known = {case.bundle.item, *case.bundle.containers}
    for place, ((event, decoded), rows) in enumerate(zip(_pairs(case), case.rows, strict=True)):
        with _at(f"events[{place}]"):
            _verify_item_rows(event, decoded)
            disclosed = {(item.role, item.item) for item in event.items}
            if not {path for _, path in disclosed} <= known:
                raise RefusedError("an item row names something outside the bundle")
            if disclosed != named_items(rows):
                raise RefusedError("item rows and the rows that name items do not agree")
    shown = sum(len(event.items) for event in case.bundle.events)
    return f"{shown} of {_total(case, 'item_count')} item rows disclosed; the rows name the same"


def scope(case: Case) -> str:
    """Step 10: every event belongs to the item's history."""
    acts = [
        Act(
            when=(decoded.time, event.index),
            op=decoded.op,
            flags=decoded.flags,
            named=frozenset((item.role, item.item) for item in event.items),
        )
        for event, decoded in _pairs(case)
    ]
    verify_scope(case.bundle.item, case.bundle.containers, acts)
    return f"{len(acts)} events name the item, or a container while the item is in it"


def anchor(case: Case) -> str:
    """Step 11: every chain asked recorded the head (only when an RPC is given)."""
    waiting: NotFinalError | None = None
    for rpc in case.rpcs:
        try:
            verify_anchor(rpc, case.genesis, case.bundle.head, case.policy)
        except NotFinalError as error:
            waiting = waiting or error
    if waiting:
        raise waiting
    names = ", ".join(rpc.name for rpc in case.rpcs)
    return (
        f"recorded by contract 0x{case.genesis.contract.hex()} on chain {case.genesis.chain_id} "
        f"at block {case.policy.block}, says {names}"
    )


STEPS = (
    parse,
    genesis,
    checkpoint,
    inclusion,
    signature,
    facts,
    entry,
    commitment,
    items,
    scope,
    anchor,
)


def not_checked(case: Case) -> list[str]:
    """What a bundle that passed does not show, in sentences."""
    policy = case.policy
    withheld = _total(case, "row_count") - sum(map(len, case.rows))
    lines = ["whether the history is complete: no item map is part of this bundle"]
    if withheld:
        lines.append(f"what the {withheld} undisclosed rows say")
    lines.append("whether the maker left out a revocation or another fact")
    if policy.log_id is None and policy.registrar is None:
        lines.append("whose log this is: no policy pins log_id or registrar")
    if not case.rpcs:
        lines.append("the anchor: no RPC was given")
        if policy.code_hash is not None:
            lines.append("the contract's code: no RPC was given")
    # Attack: a second genesis of the same log_id that names another contract or chain.
    pins = {"contract": policy.contract, "chain_id": policy.chain_id}
    if unpinned := " or ".join(name for name, pin in pins.items() if pin is None):
        lines.append(f"whether the contract is the right one: no policy pins {unpinned}")
    return lines


def _committed_rows(event: Event, decoded: EventEntry) -> dict[str, JsonValue]:
    verify_increasing([row.pointer.encode() for row in event.rows], "rows' pointers")
    values: dict[str, JsonValue] = {}
    for row in event.rows:
        with _at(f"row {row.index}"):
            leaf = leaf_hash(row_bytes(row.salt, row.pointer, row.value))
            verify_inclusion(leaf, row.index, decoded.row_count, row.path, decoded.event_root)
            values[row.pointer] = parse_canonical(row.value.encode())
            verify_pointer(row.pointer, values[row.pointer])
    return values


def _verify_meaning(event: Event, decoded: EventEntry, rows: dict[str, JsonValue]) -> None:
    withheld = gaps(((row.index, row.pointer) for row in event.rows), decoded.row_count)
    names_more = decoded.item_count > len(event.items)
    verify_nothing_decisive_withheld(rows, withheld, names_more=names_more)
    op = operation(rows)
    if op != decoded.op:
        raise RefusedError(f"the entry says op {decoded.op}, the rows say {op.name}")
    flags = FLAG_ERROR_DECLARATION if "/errorDeclaration" in rows else 0
    if op == Op.UNPACK:
        listed = lists_children(rows, withheld)
        if listed is None and decoded.flags & FLAG_UNPACK_ALL:
            raise RefusedError("withheld rows may list children of an unpack-all")
        flags |= FLAG_UNPACK_ALL if listed is False else 0
    if flags != decoded.flags:
        raise RefusedError(f"the entry says flags {decoded.flags}, the rows say {flags}")
    if instant(rows.get("/eventTime")) != decoded.time:
        raise RefusedError("the entry's time is not the event's")
    if receiver(rows, "owning_party", decoded.party) != decoded.to_owner:
        raise RefusedError("the entry's to_owner is not the event's")
    if receiver(rows, "possessing_party", decoded.party) != decoded.to_possessor:
        raise RefusedError("the entry's to_possessor is not the event's")


def _verify_item_rows(event: Event, decoded: EventEntry) -> None:
    order = []
    may_spend = decoded.op == Op.HANDOFF and decoded.to_owner != Z32
    for item in event.items:
        key = item_key(item.item)
        with _at(f"item row {item.index}"):
            leaf = leaf_hash(item_row_bytes(item.salt, item.role, key, item.spends))
            verify_inclusion(leaf, item.index, decoded.item_count, item.path, decoded.items_root)
            if item.spends != Z32 and not (may_spend and item.role <= 2):  # noqa: PLR2004
                raise RefusedError("spends a token outside a handoff of ownership")
        order.append(key + bytes([item.role]))
    verify_increasing(order, "item rows' (item_key, role)")


def _entries(bundle: Bundle) -> list[tuple[str, Proved]]:
    named: list[tuple[str, Proved]] = [(f"facts[{n}]", one) for n, one in enumerate(bundle.facts)]
    named += [(f"events[{n}]", one) for n, one in enumerate(bundle.events)]
    return named


def _pairs(case: Case) -> list[tuple[Event, EventEntry]]:
    return list(zip(case.bundle.events, case.entries, strict=True))


def _total(case: Case, name: str) -> int:
    return sum(getattr(decoded, name) for decoded in case.entries)


def _shown(value: bytes | int | None) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


@contextmanager
def _at(place: str) -> Iterator[None]:
    try:
        yield
    except RefusedError as error:
        raise RefusedError(f"{place}: {error}") from error
