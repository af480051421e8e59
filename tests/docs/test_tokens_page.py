"""docs/spec/tokens.md: who follows the page to the letter makes the tokens of the client."""

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ledger.core.entries import FLAG_ERROR_DECLARATION, Address, EventEntry, Op, Z, entry_leaf_hash
from ledger.core.tokens import Deed, Holding, in_order, voided_origin
from ledger.service import incoming

PAGE = (Path(__file__).parents[2] / "docs/spec/tokens.md").read_text()
US, MAKER, BUYER = (bytes([n]) * 32 for n in (1, 2, 3))
KINDS = (
    ("own HANDOFF", Op.HANDOFF, 0), ("own VOID", Op.VOID, 0), ("own RECEIVE", Op.RECEIVE, 1),
    ("own COMMISSION", Op.COMMISSION, 0), ("own COMMISSION", Op.COMMISSION, 1),
    ("TRANSFORM", Op.TRANSFORM, 4), ("TRANSFORM", Op.TRANSFORM, 3), ("own PACK", Op.PACK, 1),
    ("own PACK", Op.PACK, 2), ("any other", Op.OBSERVE, 0),
)  # fmt: skip
_roots = (number.to_bytes(32, "big") for number in itertools.count(1))


@dataclass(slots=True)
class Page:
    """What a client of another make keeps of an item; the page's second table, a line each."""

    origin: bytes | None = None
    gone: bool = False
    new: bool = True
    standing: list[Deed] = field(default_factory=list)

    def take(self, deed: Deed) -> None:
        entry, made = deed.entry, (deed.entry.op, deed.role)
        if not deed.is_own:
            self.origin, self.gone, self.new, self.standing = deed.leaf_hash, False, False, []
        elif entry.op is Op.HANDOFF:
            self.standing, self.new = [*self.standing, deed], False
            self.gone = self.gone or entry.to_owner != Z
        elif entry.op is Op.VOID:
            if deed.index is not None:  # in the log
                self.take_back(entry)
        elif entry.op is Op.RECEIVE:
            self.receive(entry)
        elif made in ((Op.COMMISSION, 0), (Op.TRANSFORM, 4)) and self.new:
            self.origin, self.gone = Z, False
        elif made == (Op.PACK, 1) and (self.origin is None or self.gone):
            self.origin, self.gone = deed.leaf_hash, False

    def take_back(self, void: EventEntry) -> None:
        fits = [one for one in self.standing if void.refers in (Z, one.leaf_hash)]
        if void.refers == Z and void.flags & FLAG_ERROR_DECLARATION:
            fits = [one for one in fits if told(one.entry) == told(void)]
        if fits:
            self.standing = [one for one in self.standing if one is not fits[-1]]
            if fits[-1].entry.to_owner != Z:
                self.origin, self.gone = voided_origin(fits[-1].leaf_hash), False

    def receive(self, receipt: EventEntry) -> None:
        self.new = False
        if self.gone and not any(receipt.time_ms < one.entry.time_ms for one in self.standing):
            self.origin, self.gone, self.standing = None, False, []


def told(entry: EventEntry) -> tuple[int, bytes, bytes]:
    return (entry.time_ms, entry.to_owner, entry.to_possessor)


def some_deed(rng: random.Random, before: Sequence[Deed]) -> Deed:
    _, op, role = rng.choice(KINDS)
    gift = rng.random() < 0.15
    party, op = (MAKER, Op.HANDOFF) if gift else (US, op)
    handoffs = [one.leaf_hash for one in before if one.entry.op is Op.HANDOFF]
    refers = rng.choice([Z, Z, *handoffs]) if op is Op.VOID else Z
    moves = op in (Op.HANDOFF, Op.VOID)
    made = EventEntry(
        op=op, flags=FLAG_ERROR_DECLARATION if moves and rng.random() < 0.3 else 0,
        time_ms=rng.randrange(4), signer=Address(party[:20]), party=party, on_behalf_of=party,
        to_owner=US if gift else rng.choice([Z, BUYER, BUYER]) if moves else Z,
        to_possessor=rng.choice([Z, BUYER]) if moves else Z, refers=refers, row_count=1,
        event_root=next(_roots), item_count=1, items_root=next(_roots),
    )  # fmt: skip
    index = None if party == US and rng.random() < 0.3 else rng.randrange(50)
    return Deed(
        leaf_hash=entry_leaf_hash(made.encode()), entry=made, role=role, index=index,
        is_own=party == US,
    )  # fmt: skip


def test_the_page_makes_the_same_origins_as_the_client() -> None:
    rng = random.Random(9)
    origins = set()
    for _ in range(5_000):
        known: list[Deed] = []
        while len(known) < rng.randrange(1, 9):
            known.append(some_deed(rng, known))
        page, holding = Page(), Holding()
        for deed in in_order(known):
            page.take(deed)
            holding.take(deed)
        assert page.origin == holding.origin
        origins.add(None if holding.origin is None else holding.origin == Z)
    assert origins == {None, True, False}
    for line, _, _ in KINDS:
        assert f"\n| {line}" in PAGE or f"; {line}" in PAGE


def test_entries_that_are_not_logged_stand_where_the_page_says() -> None:
    rng = random.Random(10)
    for _ in range(1_000):
        indexes = rng.sample(range(100), 8)
        known = [replace(some_deed(rng, []), index=rng.choice([one, None])) for one in indexes]
        placed = in_order(known)
        logged = [one.index for one in placed if one.index is not None]
        assert logged == sorted(logged)
        for number, deed in enumerate(known):
            if deed.index is None:
                earlier = [placed.index(one) for one in known[:number]]
                assert all(place < placed.index(deed) for place in earlier)


def test_the_limits_are_those_of_the_code() -> None:
    for limit in (incoming.MAX_ENTRIES, incoming.MAX_READ, incoming.MAX_ITEMS):
        assert f"{limit:,}" in PAGE
    assert f"more than {incoming.MAX_OWN} own entries or {incoming.MAX_OWN} handoffs" in PAGE
    assert f"more than {incoming.MAX_STAYS} stays" in PAGE
