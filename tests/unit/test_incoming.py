"""How a party came by its items: the last standing handoff to it, of the item or its container."""

import itertools
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

from ledger.core.entries import FLAG_UNPACK_ALL, Address, EventEntry, Op, Z, entry_leaf_hash
from ledger.service.incoming import MAX_OWN, Incoming, Known
from ledger.service.proof_ports import ProofRow
from ledger.service.token_ports import Equivocation, ItemEntry, RetainedBody

US, MAKER, OTHER = (bytes([n]) * 32 for n in (1, 2, 3))
PACK, CASE, PALLET = (bytes([n]) * 32 for n in (11, 12, 13))
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

    def item_entries(self, keys: Collection[bytes]) -> dict[bytes, list[ItemEntry]]:
        self.asked.append(set(keys))
        return {key: self.entries[key] for key in keys if key in self.entries}

    def double_spend(self, item_key: bytes) -> tuple[int, int, bytes] | None:
        raise NotImplementedError(item_key)

    def proof_rows(self, indexes: Collection[int]) -> list[ProofRow]:
        raise NotImplementedError(indexes)

    def retained(self, index: int) -> RetainedBody:
        raise NotImplementedError(index)

    def equivocations(self, addresses: Collection[bytes]) -> list[Equivocation]:
        raise NotImplementedError(addresses)


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


def test_who_did_too_much_is_told_nothing() -> None:
    store = Store()
    for _ in range(MAX_OWN):
        store.add(Op.OBSERVE, PACK, party=US)
    assert len(known(store).own) == MAX_OWN
    store.add(Op.OBSERVE, PACK, party=US)
    assert known(store).own == ()


def test_circles_and_endless_stays_end() -> None:
    store = Store()
    for _ in range(200):
        store.add(Op.PACK, PACK, parent=CASE, at=1)
        store.add(Op.PACK, CASE, parent=PACK, at=1)
        store.add(Op.PACK, CASE, parent=PALLET, at=1)
        store.add(Op.PACK, PALLET, parent=CASE, at=1)
    sold = store.add(Op.HANDOFF, PALLET, to=US)
    assert received(store) == sold
