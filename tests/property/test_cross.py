"""What the ledger commits to and proves, the verifier accepts: odd events, random histories."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unbroken_verifier.canonical import parse_canonical
from unbroken_verifier.event import lists_children, named_items, verify_pointer
from unbroken_verifier.operation import Op, instant, operation, receiver
from unbroken_verifier.policy import Policy
from unbroken_verifier.steps import verify_bundle

from ledger.core.commitment import event_rows, item_names
from ledger.core.entries import Op as LedgerOp
from ledger.core.epcis.read import read_document
from ledger.core.errors import NotAnchoredError, NotFoundError
from ledger.core.events import EVENT_TYPES, NAMING_MEMBERS, NAMING_OF, Event
from ledger.core.events import operation as ledger_operation
from ledger.core.strict_json import MAX_SAFE_INTEGER, JsonValue, parse_json
from tests.fakes.memory_log import IDENTITY, MemoryLog, partner

MAKER, BUYER = "4012345000009", "0614141000005"
SIGNER, OTHER = partner(3, MAKER), partner(4, BUYER)
POLICY = Policy(
    log_id=IDENTITY.log_id(),
    registrar=IDENTITY.registrar,
    chain_id=IDENTITY.chain_id,
    contract=IDENTITY.contract,
)
PACKS = [f"urn:epc:id:sgtin:4012345.011111.{n}" for n in range(4)]
BOXES = [f"urn:epc:id:sscc:4012345.000000000{n}" for n in range(3)]
IDENTIFIERS = [
    *PACKS,
    "https://id.gs1.org/01/04012345111118/21/0",
    "https://shop.example/a/01/04012345111118/10/L/21/1?x=1",
    *BOXES,
    "urn:epc:id:sgtin:4012345.011111.%26%2F",
    "urn:uuid:00000000-0000-4000-8000-000000000000",
    "ключ",
    "a b",
]
CLASSES = ["urn:epc:class:lgtin:4012345.011111.A", "urn:epc:idpat:sgtin:4012345.011111.*", "x:y"]
STEPS = [
    "shipping", "receiving", "accepting", "consigning", "dispensing", "destroying",
    "decommissioning", "void_shipping", "packing", "x:y", "Shipping",
]  # fmt: skip
STEP_PREFIXES = [
    "", "urn:epcglobal:cbv:bizstep:", "https://ref.gs1.org/cbv/BizStep-",
    "https://ns.gs1.org/voc/Bizstep-", "urn:epcglobal:cbv:sdt:",
]  # fmt: skip
PARTY_IDS = [
    f"https://id.gs1.org/417/{MAKER}", f"urn:epc:id:pgln:{BUYER[:7]}.{BUYER[7:12]}",
    "urn:epc:id:sgln:4012345.00000.1", "did:web:a",
]  # fmt: skip
LIST_NAMES = ["epcList", "childEPCs", "inputEPCList", "outputEPCList"]
QUANTITY_NAMES = ["quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList"]

TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
FLOATS = st.floats(-1e15, 1e15) | st.sampled_from([1e21, 1e300, -1e-7, 5e-324, 0.1])
SCALARS = (
    st.none() | st.booleans() | st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER) | FLOATS | TEXTS
)
VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
KNOWN = frozenset(
    ["type", "action", "bizStep", "eventTime", "errorDeclaration", "parentID", "destinationList"]
).union(LIST_NAMES, QUANTITY_NAMES)
ODD_NAMES = (
    TEXTS
    | st.sampled_from(
        ["ex:a", "ex:a/b~c", "epcList/0", "epcLis", "epcListe", "ilmd", "@context", ""]
    )
).filter(lambda name: name not in KNOWN)
OFFSETS = st.sampled_from(["Z", "+00:00", "+14:00", "-13:59", "+05:30"])


@st.composite
def times(draw: st.DrawFn) -> str:
    seconds = draw(st.integers(60_000, 4_000_000_000))
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    fraction = draw(st.sampled_from(["", ".0", ".123", ".999999999"]))
    return at.strftime("%Y-%m-%dT%H:%M:%S") + fraction + draw(OFFSETS)


QUANTITIES = st.fixed_dictionaries(
    {"epcClass": st.sampled_from(CLASSES)}, optional={"quantity": FLOATS, "uom": TEXTS}
)
DESTINATIONS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            ["", "urn:epcglobal:cbv:sdt:", "https://ref.gs1.org/cbv/SDT-"]
        ).flatmap(
            lambda prefix: st.sampled_from(["owning_party", "possessing_party", "location"]).map(
                lambda word: prefix + word
            )
        ),
        "destination": st.sampled_from(PARTY_IDS),
    }
)


OPTIONAL_MEMBERS: dict[str, st.SearchStrategy[Any]] = {
    "bizStep": st.tuples(st.sampled_from(STEP_PREFIXES), st.sampled_from(STEPS)).map("".join),
    **{name: st.lists(st.sampled_from(IDENTIFIERS), max_size=12) for name in LIST_NAMES},
    **{name: st.lists(QUANTITIES, max_size=2) for name in QUANTITY_NAMES},
    "parentID": st.sampled_from(IDENTIFIERS),
    "destinationList": st.lists(DESTINATIONS, max_size=3),
    "ilmd": st.dictionaries(TEXTS, VALUES, max_size=3),
}


@st.composite
def events(draw: st.DrawFn) -> Event:
    """Any event that can be committed to and names at least one item."""
    event: dict[str, Any] = draw(st.dictionaries(ODD_NAMES, VALUES, max_size=4))
    event["type"] = draw(st.sampled_from(EVENT_TYPES))
    event["eventTime"] = draw(times())
    if event["type"] != "TransformationEvent" or draw(st.booleans()):
        event["action"] = draw(st.sampled_from(["ADD", "OBSERVE", "DELETE"]))
    possible = OPTIONAL_MEMBERS.keys() - (NAMING_MEMBERS - NAMING_OF[event["type"]])
    for name in draw(st.sets(st.sampled_from(sorted(possible)), max_size=6)):
        event[name] = draw(OPTIONAL_MEMBERS[name])
    if draw(st.integers(0, 9)) == 0:
        event["errorDeclaration"] = draw(VALUES)
    if not item_names(event):
        (name, *_) = NAMING_OF[event["type"]].intersection(LIST_NAMES)
        event[name] = [draw(st.sampled_from(IDENTIFIERS))]
    return event


def document_of(listed: Iterable[Event]) -> bytes:
    return json.dumps(
        {
            "@context": ["https://ref.gs1.org/standards/epcis/epcis-context.jsonld", {"ex": "x:"}],
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": "2026-01-02T03:04:05Z",
            "epcisBody": {"eventList": list(listed)},
        },
        ensure_ascii=False,
    ).encode()


@given(events())
def test_the_verifier_reads_an_event_as_the_ledger_does(event: Event) -> None:
    (event,) = read_document(document_of([event])).events
    rows = {row.pointer: parse_canonical(row.value) for row in event_rows(event)}
    for pointer, value in rows.items():
        verify_pointer(pointer, value)
    said = ledger_operation(event, SIGNER.party)
    assert operation(rows) == said.op
    unpack_all = said.op == LedgerOp.UNPACK and lists_children(rows, []) is False
    assert said.flags == ("/errorDeclaration" in rows) + 2 * unpack_all
    assert instant(rows["/eventTime"]) == said.time_ms
    assert receiver(rows, "owning_party", SIGNER.party) == said.to_owner
    assert receiver(rows, "possessing_party", SIGNER.party) == said.to_possessor
    assert named_items(rows) == {(item.role, item.path) for item in item_names(event)}


@settings(max_examples=60, deadline=None)
@given(st.lists(events(), min_size=1, max_size=3), st.data())
def test_the_bundle_of_any_item_of_odd_events_holds(
    listed: list[Event], data: st.DataObject
) -> None:
    log = MemoryLog()
    log.register(SIGNER, MAKER)
    log.submit(document_of(listed), SIGNER)
    log.publish()
    items = sorted({item.path for event in listed for item in item_names(event)})
    path = data.draw(st.sampled_from(items))
    bundle = log.prove(path)
    verify_bundle(bundle, policy=POLICY)
    assert parse_json(bundle)["item"] == path  # type: ignore[index, call-overload]


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[int, Event]]:
    """Packing, unpacking and moving of a few packs and boxes by two parties, in any order."""
    told: list[tuple[int, Event]] = []
    for _ in range(draw(st.integers(1, 12))):
        at = draw(st.integers(0, 30))
        what = draw(
            st.sampled_from(
                ["pack", "pack", "unpack", "take out", "unpack all", "ship", "receive", "add"]
            )
        )
        things = draw(st.lists(st.sampled_from(PACKS + BOXES), min_size=1, max_size=3))
        parent = draw(st.sampled_from(BOXES))
        event: dict[str, Any] = {
            "type": "AggregationEvent",
            "parentID": parent,
            "childEPCs": things,
        }
        if what == "pack":
            event |= {"action": "ADD", "bizStep": "packing"}
        elif what == "unpack":
            event |= {"action": "DELETE", "bizStep": "unpacking"}
        elif what == "take out":
            event |= {"action": "DELETE"}
            del event["parentID"]
        elif what == "unpack all":
            event = {"type": "AggregationEvent", "parentID": parent, "action": "DELETE"}
        elif what == "add":
            event = {"type": "ObjectEvent", "action": "ADD", "epcList": things}
        else:
            step = "shipping" if what == "ship" else "receiving"
            event = {"type": "ObjectEvent", "action": "OBSERVE", "bizStep": step, "epcList": things}
        event["eventTime"] = f"2026-01-01T00:00:{at:02}Z"
        told.append((draw(st.integers(0, 1)), event))
    return told


@settings(max_examples=150, deadline=None)
@given(histories())
def test_the_bundle_of_any_item_of_any_history_holds(told: list[tuple[int, Event]]) -> None:
    log = MemoryLog()
    for signer, gln in ((SIGNER, MAKER), (OTHER, BUYER)):
        log.register(signer, gln)
    for number, (who, event) in enumerate(told):
        log.submit(document_of([{**event, "ex:n": number}]), (SIGNER, OTHER)[who])
    log.publish()
    for identifier in {thing for _, event in told for thing in [*things_of(event)]}:
        verify_bundle(log.prove(identifier), policy=POLICY)


def things_of(event: Event) -> list[str]:
    named: list[Any] = [event.get("parentID"), event.get("childEPCs"), event.get("epcList")]
    flat = [one for many in named for one in (many if isinstance(many, list) else [many])]
    return [one for one in flat if one is not None]


def shipped() -> tuple[MemoryLog, dict[str, Any]]:
    event = {
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "bizStep": "shipping",
        "eventTime": "2026-01-01T00:00:00Z",
        "epcList": PACKS,
        "destinationList": [{"type": "owning_party", "destination": PARTY_IDS[1]}],
    }
    log = MemoryLog()
    log.register(SIGNER, MAKER)
    return log, event


def test_a_bundle_shows_the_tokens_of_its_item_alone() -> None:
    log, event = shipped()
    (index,) = log.submit(
        document_of([event]), SIGNER, spends={0: {n: bytes([n + 1]) * 32 for n in range(4)}}
    )
    log.publish()
    bundle: Any = parse_json(log.prove(PACKS[0]))
    verify_bundle(log.prove(PACKS[0]), policy=POLICY)
    (shown,) = bundle["events"][0]["items"]
    assert shown["spends"] == f"{shown['index'] + 1:02x}" * 32
    assert bundle["events"][0]["index"] == index
    assert not [one for one in PACKS[1:] if one.encode() in log.prove(PACKS[0])]


def aggregated(at: int, action: str, parent: str, *children: str) -> Event:
    event: Event = {"type": "AggregationEvent", "action": action, "parentID": parent}
    event["eventTime"] = f"2026-01-01T00:{at // 60:02}:{at % 60:02}Z"
    return {**event, "childEPCs": list(children)} if children else event


def moved(at: int, *things: str) -> Event:
    return {
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "bizStep": "shipping",
        "eventTime": f"2026-01-01T00:00:{at:02}Z",
        "epcList": list(things),
    }


def log_of(told: list[Event]) -> MemoryLog:
    log = MemoryLog()
    log.register(SIGNER, MAKER)
    log.submit(document_of(told), SIGNER)
    log.publish()
    return log


def test_a_bundle_has_what_a_container_did_while_it_held_the_item_and_no_more() -> None:
    pack, case, pallet = PACKS[0], BOXES[0], BOXES[1]
    told = [
        moved(1, case),
        aggregated(2, "ADD", pallet, case),
        moved(3, pallet),
        aggregated(4, "ADD", case, pack, PACKS[1]),
        moved(5, pallet),
        aggregated(6, "DELETE", pallet),
        moved(7, pallet),
        moved(8, case),
        aggregated(9, "DELETE", BOXES[2], pack),
        moved(10, case),
        moved(11, pack),
    ]
    log = log_of(told)
    raw = log.prove(pack)
    verify_bundle(raw, policy=POLICY)
    bundle: Any = parse_json(raw)
    first = len(log.logged) - len(told)
    assert [event["index"] - first for event in bundle["events"]] == [1, 3, 4, 5, 7, 8, 10]
    assert len(bundle["containers"]) == 2
    assert PACKS[1].encode() not in raw


def test_containers_in_circles_end() -> None:
    told = [
        aggregated(2 * n + k, "ADD", BOXES[(n + k) % 3], BOXES[(n + k + 1) % 3], PACKS[0])
        for n in range(40)
        for k in range(2)
    ]
    log = log_of(told)
    verify_bundle(log.prove(PACKS[0]), policy=POLICY)
    verify_bundle(log.prove(BOXES[0]), policy=POLICY)


def test_an_item_nobody_named_or_no_head_covers_has_no_bundle() -> None:
    log, event = shipped()
    log.publish()
    with pytest.raises(NotFoundError):
        log.prove(PACKS[0])
    log.submit(document_of([event]), SIGNER)
    with pytest.raises(NotAnchoredError):
        log.prove(PACKS[0])
    log.publish()
    verify_bundle(log.prove(PACKS[0]), policy=POLICY)


def test_both_sides_know_the_same_operations() -> None:
    assert [(op.name, int(op)) for op in Op] == [(op.name, int(op)) for op in LedgerOp]
