"""What honest trade signs, through the client's own rules and the fold, never proves a conflict.

The same stories run through client, journal file and ledger in tests/integration/test_tokens.py.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from ledger.core.claiming import asked_items, signed_events
from ledger.core.commitment import item_names
from ledger.core.custody.findings import FindingClass
from ledger.core.custody.fold import fold
from ledger.core.custody.steps import Step
from ledger.core.drafts import draft_events
from ledger.core.entries import EventEntry, Op, decode_event, entry_leaf_hash
from ledger.core.identifiers import party_key
from ledger.core.signatures import address_of
from ledger.core.tokens import Deed, Named, SpentTokenError, in_order
from tests.integration.partners import commission, document, event, ship

PACK = "https://id.gs1.org/01/04012345111118/21/987"
Event = dict[str, Any]


@dataclass(slots=True)
class Memory:
    """A journal in memory, with the answers of a ledger that tells everything."""

    signed: list[tuple[bytes, EventEntry, list[Named]]] = field(default_factory=list)
    received: list[tuple[int, bytes, list[Named]]] = field(default_factory=list)

    def recorded(self, event_digest: bytes) -> dict[int, bytes] | None:
        for digest, _, names in self.signed:
            if digest == event_digest:
                return {one.row_index: one.spends for one in names if any(one.spends)}
        return None

    def deeds(self, keys: Collection[bytes]) -> dict[bytes, list[Deed]]:
        found: dict[bytes, list[Deed]] = {}
        for key in keys:
            own = [
                Deed(
                    leaf_hash=entry_leaf_hash(entry.encode()), entry=entry, role=one.role,
                    spends=one.spends, index=place,
                )
                for place, (_, entry, names) in enumerate(self.signed)
                for one in names
                if one.item_key == key
            ]  # fmt: skip
            gifts = [
                Deed(
                    leaf_hash=entry_leaf_hash(raw), entry=decode_event(raw), role=one.role,
                    index=index, is_own=False,
                )
                for index, raw, names in self.received
                for one in names
                if one.item_key == key
            ]  # fmt: skip
            found[key] = in_order([*gifts, *own])
        return found

    def taken(self, entry: EventEntry, names: Iterable[Named]) -> tuple[bytes, Deed] | None:
        assert list(names) or not entry.item_count
        return None

    def sign(
        self, entry: EventEntry, event_digest: bytes, names: Iterable[Named], label: str
    ) -> None:
        self.signed.append((event_digest, entry, list(names)))
        assert label or not any(entry.to_owner)

    def learn(self, index: int, raw: bytes, names: Iterable[Named], *, is_own: bool) -> None:
        assert not is_own
        self.received.append((index, raw, list(names)))

    def logged(self, index: int, leaf_hash: bytes) -> None:
        assert any(entry_leaf_hash(one.encode()) == leaf_hash for _, one, _ in self.signed), index

    def owner_path(self, owner: bytes) -> str:
        paths = (f"/417/{number}" for number in (MAKER, BUYER, OTHER))
        return next((path for path in paths if party_key(path) == owner), "")


@dataclass(slots=True)
class Firm:
    """A partner with a journal, whose GLN is its number."""

    number: int
    journal: Memory = field(default_factory=Memory)

    @property
    def path(self) -> str:
        return f"/417/{self.number:013d}"

    @property
    def party(self) -> bytes:
        return party_key(self.path)

    @property
    def key(self) -> bytes:
        return bytes([1 + self.number % 200]) * 32


MAKER, BUYER, OTHER, CARRIER = (4012345000009, 4012345000016, 4012345000023, 4012345000030)


@dataclass(slots=True)
class World:
    """A log of steps, and the firms that write it."""

    firms: dict[int, Firm] = field(default_factory=dict)
    steps: dict[bytes, list[Step]] = field(default_factory=lambda: defaultdict(list))
    size: int = 0

    def send(self, number: int, *events: Event, journal: Memory | None = None) -> list[bytes]:
        """Sign events as the client does, log what is new, tell the receivers; return entries."""
        firm = self.firms.setdefault(number, Firm(number))
        drafts = draft_events(document(*events), firm.party, bytes([number % 251]) * 32)
        made = signed_events(
            drafts, firm.party, address_of(firm.key), journal or firm.journal, asked_items(drafts)
        )
        for draft, one in zip(drafts, made.events, strict=True):
            self._log(one.entry, item_names(draft.event), one.spends)
        return [one.entry for one in made.events]

    def _log(self, raw: bytes, names: list[Any], spends: Any) -> None:  # noqa: ANN401 -- a mapping
        entry, leaf = decode_event(raw), entry_leaf_hash(raw)
        if any(step.leaf_hash == leaf for steps in self.steps.values() for step in steps):
            return
        for row, one in enumerate(names):
            self.steps[one.item_key].append(
                Step(
                    log_index=self.size, leaf_hash=leaf, time_ms=entry.time_ms, op=entry.op,
                    flags=entry.flags, party=entry.party, to_owner=entry.to_owner,
                    to_possessor=entry.to_possessor, refers=entry.refers, role=one.role,
                    item=one.item_key, parents=(), lists_children=False, signer=entry.signer,
                    spends=spends.get(row, bytes(32)),
                )
            )  # fmt: skip
        for firm in self.firms.values():
            if entry.op is Op.HANDOFF and firm.party == entry.to_owner != entry.party:
                rows = [Named(-1, one.item_key, one.role, bytes(32)) for one in names]
                firm.journal.learn(1000 + self.size, raw, rows, is_own=False)
        self.size += 1

    def proven(self) -> bool:
        outcome = fold(self.steps, list(self.steps))
        return any(one.finding_class is FindingClass.CONFLICT_PROVEN for one in outcome.findings)

    def tokens(self) -> list[bytes]:
        return [one.spends for steps in self.steps.values() for one in steps if any(one.spends)]


def sale(to: int, day: int = 2, **more: object) -> Event:
    destination = f"https://id.gs1.org/417/{to:013d}"
    return {
        **ship(PACK, at=f"2026-01-{day:02d}T10:00:00Z"),
        "destinationList": [{"type": "owning_party", "destination": destination}],
        **more,
    }


def receipt(day: int) -> Event:
    at = f"2026-01-{day:02d}T12:00:00Z"
    return event(action="OBSERVE", bizStep="receiving", epcList=[PACK], eventTime=at)


def end(step: str, day: int) -> Event:
    at = f"2026-01-{day:02d}T10:00:00Z"
    return event(action="DELETE", bizStep=step, epcList=[PACK], eventTime=at)


def a_retry(world: World) -> None:
    first, second = world.send(MAKER, sale(BUYER)), world.send(MAKER, sale(BUYER))
    assert first == second


def signed_anew(world: World) -> None:
    world.send(MAKER, sale(BUYER))
    world.send(MAKER, sale(BUYER, eventID="urn:uuid:00000000-0000-4000-8000-000000000001"))


def void_then_another_owner(world: World) -> None:
    world.send(MAKER, sale(BUYER))
    world.send(MAKER, sale(BUYER, 3, bizStep="void_shipping"))
    world.send(MAKER, sale(OTHER, 4))


def declaration_then_another_owner(world: World) -> None:
    declared = {"declarationTime": "2026-01-03T10:00:00Z", "reason": "incorrect_data"}
    world.send(MAKER, sale(BUYER))
    world.send(MAKER, sale(BUYER, errorDeclaration=declared))
    world.send(MAKER, sale(OTHER, 4))


def carrier_then_customer(world: World) -> None:
    destination = f"https://id.gs1.org/417/{CARRIER:013d}"
    carried = [{"type": "possessing_party", "destination": destination}]
    world.send(MAKER, {**sale(BUYER), "destinationList": carried})
    world.send(MAKER, sale(OTHER, 3))


def internal_transfer(world: World) -> None:
    world.send(MAKER, sale(MAKER))
    world.send(MAKER, sale(OTHER, 3))


def dispensed_then_decommissioned(world: World) -> None:
    world.send(MAKER, end("dispensing", 2))
    world.send(MAKER, end("decommissioning", 3))


def return_and_resale(world: World) -> None:
    world.send(MAKER, sale(BUYER))
    world.send(BUYER, receipt(3))
    world.send(BUYER, sale(MAKER, 4))
    world.send(MAKER, receipt(5))
    world.send(MAKER, sale(OTHER, 6))


def return_that_nobody_told(world: World) -> None:
    world.send(MAKER, sale(BUYER))
    world.send(MAKER, receipt(5))
    world.send(MAKER, sale(OTHER, 6))


def logged_twice(world: World) -> None:
    world.send(MAKER, sale(BUYER))
    for steps in world.steps.values():
        steps.append(replace(steps[-1], log_index=world.size))


HONEST: list[Callable[[World], None]] = [
    a_retry, signed_anew, void_then_another_owner, declaration_then_another_owner,
    carrier_then_customer, internal_transfer, dispensed_then_decommissioned, return_and_resale,
    return_that_nobody_told, logged_twice,
]  # fmt: skip


@pytest.fixture
def world() -> World:
    made = World()
    for number in (MAKER, BUYER, OTHER):
        made.firms[number] = Firm(number)
    made.send(MAKER, commission(PACK))
    return made


@pytest.mark.parametrize("story", HONEST, ids=lambda story: story.__name__)
def test_no_honest_story_proves_a_conflict(world: World, story: Callable[[World], None]) -> None:
    story(world)
    assert not world.proven()
    if story is not dispensed_then_decommissioned:
        assert world.tokens()


@pytest.mark.parametrize("story", HONEST, ids=lambda story: story.__name__)
def test_a_second_owner_on_top_is_refused(world: World, story: Callable[[World], None]) -> None:
    """Whatever went before: after one more sale there is no sale to yet another."""
    story(world)
    for to in (OTHER, BUYER):
        try:
            world.send(MAKER, sale(to, 20))
        except SpentTokenError:
            assert not world.proven()
            return
    # No claim was possible: then none convicts.
    assert not world.proven()


def test_a_signer_without_its_journal_is_proven_to_have_sold_twice(world: World) -> None:
    world.send(MAKER, sale(BUYER))
    forged = Memory(signed=world.firms[MAKER].journal.signed[:1])
    world.send(MAKER, sale(OTHER, 3), journal=forged)
    assert world.proven()
