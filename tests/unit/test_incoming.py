"""How a party came by its items: the last standing handoff to it, of the item or its container."""

import itertools
import time
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

from ledger.core.custody.steps import MAX_NESTING
from ledger.core.entries import FLAG_UNPACK_ALL, Address, EventEntry, Op, Z, entry_leaf_hash
from ledger.service.incoming import MAX_ENTRIES, MAX_OWN, MAX_STAYS, Incoming, Known
from ledger.service.token_ports import ItemEntry

US, MAKER, OTHER = (bytes([n]) * 32 for n in (1, 2, 3))
PACK, CASE, PALLET = (bytes([n]) * 32 for n in (11, 12, 13))
CPU_LIMIT_S = 1.0
_roots = (number.to_bytes(32, "big") for number in itertools.count(1))


@dataclass(slots=True)
class Store:
    """A log in memory, as items see it."""

    entries: dict[bytes, list[ItemEntry]] = field(default_factory=lambda: defaultdict(list))
    size: int = 0
    asked: list[set[bytes]] = field(default_factory=list)

    def add(
        self, op: Op, *items: bytes, party: bytes = MAKER, parent: bytes = b"",
        at: int | None = None, flags: int = 0, to: bytes = Z, refers: bytes = Z,
    ) -> bytes:  # fmt: skip
        entry = EventEntry(
            op=op, flags=flags, time_ms=self.size * 10 if at is None else at,
            signer=Address(party[:20]), party=party, on_behalf_of=party, to_owner=to,
            to_possessor=Z, refers=refers, row_count=1, event_root=next(_roots), item_count=1,
            items_root=next(_roots),
        )  # fmt: skip
        raw, parents = entry.encode(), (parent,) if parent else ()
        for key, role in [*((item, 2 if parent else 0) for item in items), (parent, 1)]:
            if key:
                self.entries[key].append(
                    ItemEntry(
                        index=self.size, raw=raw, leaf_hash=entry_leaf_hash(raw), entry=entry,
                        role=role, spends=Z, parents=parents, lists_children=bool(items),
                    )
                )  # fmt: skip
        self.size += 1
        return entry_leaf_hash(raw)

    def item_entries(
        self, keys: Collection[bytes], most_each: int, most: int
    ) -> dict[bytes, list[ItemEntry]]:
        self.asked.append(set(keys))
        found: dict[bytes, list[ItemEntry]] = {}
        for key in keys:
            entries = self.entries.get(key, [])
            if len(entries) <= min(most_each, most):
                found[key], most = entries, most - len(entries)
        return found


def known(store: Store, key: bytes = PACK) -> Known:
    (found,) = Incoming(store=store).known(US, [key])
    return found


def received(store: Store, key: bytes = PACK) -> bytes | None:
    one = known(store, key).received
    return None if one is None else one.leaf_hash


def packed() -> Store:
    """A pack in a case on a pallet."""
    store = Store()
    store.add(Op.COMMISSION, PACK)
    store.add(Op.PACK, PACK, parent=CASE)
    store.add(Op.PACK, CASE, parent=PALLET)
    return store


def test_what_names_the_item_itself() -> None:
    store = Store()
    assert known(store) == Known([], None)
    first = store.add(Op.HANDOFF, PACK, to=US)
    assert received(store) == first
    store.add(Op.HANDOFF, PACK, to=OTHER)
    store.add(Op.HANDOFF, PACK, party=US, to=US)
    assert received(store) == first
    assert received(store) != store.add(Op.HANDOFF, PACK, to=US) == received(store)


def test_the_outermost_container_that_it_came_in() -> None:
    store = packed()
    sold = store.add(Op.HANDOFF, PALLET, to=US)
    assert [received(store, key) for key in (PACK, CASE, PALLET)] == [sold] * 3
    # Each level of containers is one question, for all items at once.
    assert store.asked[:3] == [{PACK}, {CASE}, {PALLET}]


def test_a_container_that_it_had_left_or_not_entered_brought_nothing() -> None:
    store = Store()
    store.add(Op.HANDOFF, CASE, to=US, at=5)
    store.add(Op.PACK, PACK, parent=CASE, at=10)
    store.add(Op.UNPACK, PACK, parent=CASE, at=20)
    store.add(Op.HANDOFF, CASE, to=US, at=25)
    assert received(store) is None
    inside = store.add(Op.HANDOFF, CASE, to=US, at=15)
    assert received(store) == inside


def test_emptying_a_container_ends_every_stay() -> None:
    store = packed()
    store.add(Op.UNPACK, parent=PALLET, flags=FLAG_UNPACK_ALL)
    sold = store.add(Op.HANDOFF, PALLET, to=US)
    assert received(store) is None
    assert received(store, PALLET) == sold


def test_a_handoff_that_its_signer_took_back_brought_nothing() -> None:
    store = Store()
    store.add(Op.HANDOFF, PACK, to=US)
    store.add(Op.VOID, PACK, party=OTHER)
    assert received(store) is not None
    store.add(Op.VOID, PACK)
    assert received(store) is None
    again = store.add(Op.HANDOFF, PACK, to=US)
    assert received(store) == again
    store.add(Op.VOID, PACK, refers=again)
    assert received(store) is None


def test_own_entries_are_told_and_receipts_of_its_container() -> None:
    store = packed()
    store.add(Op.HANDOFF, PALLET, to=US)
    store.add(Op.RECEIVE, PALLET, party=US)
    store.add(Op.OBSERVE, PALLET, party=US)
    store.add(Op.HANDOFF, PACK, party=US, to=OTHER)
    assert [one.entry.op for one in known(store).own] == [Op.RECEIVE, Op.HANDOFF]
    assert [one.entry.op for one in known(store, PALLET).own] == [Op.RECEIVE, Op.OBSERVE]


def test_who_did_too_much_is_told_that_and_nothing_else() -> None:
    store = Store()
    store.add(Op.HANDOFF, PACK, to=US)
    for _ in range(MAX_OWN):
        store.add(Op.OBSERVE, PACK, party=US)
    assert (len(known(store).own), known(store).too_many) == (MAX_OWN, False)
    store.add(Op.OBSERVE, PACK, party=US)
    assert known(store) == Known((), None, too_many=True)


def test_who_was_handed_it_too_often_is_told_so() -> None:
    store = Store()
    for _ in range(MAX_OWN + 1):
        assert not known(store).too_many
        store.add(Op.HANDOFF, PACK, to=US)
    assert known(store) == Known((), None, too_many=True)


def test_an_item_that_was_in_too_many_containers_is_told_of_as_such() -> None:
    store = Store()
    for number in range(MAX_STAYS):
        assert not known(store).too_many
        store.add(Op.PACK, PACK, parent=number.to_bytes(32, "big"))
    assert known(store) == Known((), None, too_many=True)


def test_what_is_not_read_is_not_passed_over() -> None:
    store = packed()
    sold = store.add(Op.HANDOFF, PALLET, to=US)
    for _ in range(MAX_ENTRIES - 2):
        store.add(Op.OBSERVE, PALLET)
    assert received(store) == sold
    store.add(Op.OBSERVE, PALLET)
    assert {known(store, key).too_many for key in (PACK, CASE, PALLET)} == {True}
    other = bytes(32)
    store.add(Op.HANDOFF, other, to=US)
    told = Incoming(store=store).known(US, [PACK, other])
    assert [one.too_many for one in told] == [True, False]


def test_nesting_that_is_too_deep_is_told_of_as_such() -> None:
    levels = [number.to_bytes(32, "big") for number in range(1, MAX_NESTING + 3)]
    store = Store()
    for inner, outer in itertools.pairwise(levels[:-1]):
        store.add(Op.PACK, inner, parent=outer)
    assert not known(store, levels[0]).too_many
    store.add(Op.PACK, levels[-2], parent=levels[-1])
    assert known(store, levels[0]).too_many


def test_packed_and_unpacked_a_thousand_times_costs_no_square() -> None:
    store = Store()
    for _ in range(MAX_ENTRIES // 2):
        store.add(Op.PACK, PACK, parent=CASE)
        store.add(Op.UNPACK, PACK, parent=CASE)
    before = time.thread_time()
    # 50 ms here; a million pairs of stays, or the same question ten thousand times, take seconds.
    told = Incoming(store=store).known(US, [PACK] * 10_000)
    assert time.thread_time() - before < CPU_LIMIT_S
    assert {one.too_many for one in told} == {True}


def test_stays_without_a_gap_are_one() -> None:
    store = Store()
    for _ in range(2 * MAX_STAYS):
        store.add(Op.PACK, PACK, parent=CASE)
    sold = store.add(Op.HANDOFF, CASE, to=US)
    assert received(store) == sold


def test_circles_and_endless_stays_end() -> None:
    store = Store()
    for _ in range(200):
        store.add(Op.PACK, PACK, parent=CASE, at=1)
        store.add(Op.PACK, CASE, parent=PACK, at=1)
        store.add(Op.PACK, CASE, parent=PALLET, at=1)
        store.add(Op.PACK, PALLET, parent=CASE, at=1)
    sold = store.add(Op.HANDOFF, PALLET, to=US)
    assert received(store) == sold
