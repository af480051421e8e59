"""One item while the fold runs: where it is, who may move it, and what was found of it."""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ledger.core.custody.findings import Rule
from ledger.core.custody.ground import Ground, Place
from ledger.core.custody.state import NEVER, ItemState, Status
from ledger.core.custody.steps import Step
from ledger.core.entries import Op, Z

# Between two of these the one with the lower log index stands (formats section 10).
_STANDING: Final = frozenset(
    [
        Rule.DOUBLE_SHIP, Rule.DOUBLE_RECEIVE, Rule.DOUBLE_DISPENSE, Rule.USE_AFTER_CONSUMED,
        Rule.USE_AFTER_DECOMMISSION,
    ]
)  # fmt: skip
_MOVES: Final = frozenset(
    [Op.HANDOFF, Op.RECEIVE, Op.DISPENSE, Op.DESTROY, Op.DECOMMISSION, Op.TRANSFORM]
)


@dataclass(slots=True)
class Broken:
    """One broken rule: its evidence by log index, and the event time at which it was broken."""

    at_ms: int
    evidence: dict[int, Step | None] = field(default_factory=dict)


class Unmatched(NamedTuple):
    """A receipt that nobody's shipment announced, and who held the item then.

    took: it moved the item. told: it is a finding; contents have a say in that, in nothing else.
    """

    receipt: Step
    giver: bytes | None
    took: bool
    told: bool


@dataclass(slots=True, eq=False)
class Item:
    """One item; `since` = the step by which the holder holds.

    keeper: a holder that was named as possessor only, a 3PL. claimants: who received it while
    another held it; which of both holds is not for the fold to say, so neither is a stranger.
    bound: to whom goods go whose title has arrived.
    past: all who ever had to do with it. unmatched: receipts that nobody's shipment announced.
    wrong: receipts by others than the addressees of these shipments.
    implied: whose receipt followed from what they did with it; booked: who told it afterwards.
    hosted: it was packed, and has not changed hands since: whoever's goods are in it may ship it.
    fresh: its PACK is its latest step. stranded: its packer, who may not, shipped the container.
    """

    key: bytes
    ground: Ground
    status: Status = Status.UNKNOWN
    holder: bytes | None = None
    owner: bytes | None = None
    keeper: bytes | None = None
    shipped_to: bytes | None = None
    since: Step | None = None
    issued: bool = False
    births: list[Step] = field(default_factory=list)
    uses: list[Step] = field(default_factory=list)
    open: list[Step] = field(default_factory=list)
    ended: Step | None = None
    dispensed: Step | None = None
    came_back: bool = False
    disposers: set[bytes] = field(default_factory=set)
    past: set[bytes] = field(default_factory=set)
    claimants: set[bytes] = field(default_factory=set)
    bound: set[bytes] = field(default_factory=set)
    unmatched: list[Unmatched] = field(default_factory=list)
    wrong: list[tuple[Step, Step]] = field(default_factory=list)
    implied: set[bytes] = field(default_factory=set)
    booked: dict[bytes, Step] = field(default_factory=dict)
    last: Step | None = None
    has_voids: bool = False
    # Containment.
    packed: Step | None = None
    acted: bool = False
    left: bool = False
    hosted: bool = False
    fresh: bool = False
    stranded: bool = False
    was_in: set[bytes] = field(default_factory=set)
    crowded: list[tuple[Step, Step]] = field(default_factory=list)
    waiting: list[Step] = field(default_factory=list)
    pending: list[tuple[Rule, Step | None, Step]] = field(default_factory=list)
    frozen: ItemState | None = None
    # Content.
    place: str = ""
    place_step: Step | None = None
    seen: tuple[Step, Place] | None = None
    condition: str | None = None
    condition_step: Step | None = None
    outside_since: int | None = None
    told: list[Step] = field(default_factory=list)
    # Findings.
    spends: list[Step] = field(default_factory=list)
    broken: dict[Rule, Broken] = field(default_factory=dict)
    overruled: set[bytes] = field(default_factory=set)

    def find(self, rule: Rule, *evidence: Step | None) -> None:
        """Add evidence to the item's one finding of rule; the last is what broke it."""
        steps = [step for step in evidence if step is not None]
        found = self.broken.get(rule)
        if found is None:
            found = self.broken[rule] = Broken(at_ms=steps[-1].time_ms)
        found.evidence.update((step.log_index, step) for step in steps)

    def contradict(self, rule: Rule, before: Step | None, step: Step) -> None:
        """Find that step contradicts what was before it; a late entry does not outdo it."""
        self.find(rule, before, step)
        if before is not None:
            self.overrule(rule, before, step)

    def overrule(self, rule: Rule, before: Step, step: Step) -> None:
        """Let step stand if it was logged before what precedes it by event time."""
        if rule in _STANDING and step.op in _MOVES and before.log_index > step.log_index:
            self.overruled.add(before.leaf_hash)

    def is_own(self, step: Step) -> bool:
        """Does step's entry name this item, not only its container?"""
        return step.item == self.key

    def entitled(self, party: bytes) -> bool:
        """May party ship or end the item?"""
        return party in (self.holder, self.owner, self.keeper) or party in self.claimants

    def expected(self, party: bytes) -> bool:
        """Is an open shipment addressed to party, or to a third party that was not named?"""
        if not self.open:
            return False
        inside = party in (self.holder, self.owner)
        return any(
            party in (sent.to_owner, sent.to_possessor) or (unaddressed(sent) and not inside)
            for sent in self.open
        )

    def state(self, container: bytes | None) -> ItemState:
        """Return where the item is by now."""
        return ItemState(
            status=self.status, holder=self.holder, shipped_to=self.shipped_to,
            container=None if self.left else container,
            last_index=NEVER if self.last is None else self.last.log_index,
            last_time=NEVER if self.last is None else self.last.time_ms,
            condition=self.condition,
        )  # fmt: skip


def unaddressed(sent: Step) -> bool:
    """Does a shipment name nobody to whom it goes?"""
    return sent.to_owner == Z and sent.to_possessor == Z


def addressees(sent: Step) -> set[bytes]:
    """Return to whom a shipment goes."""
    return {sent.to_owner, sent.to_possessor} - {Z}


def destination(sent: Step) -> bytes | None:
    """Return where the goods of a shipment go, None when that is not said."""
    if unaddressed(sent):
        return None
    return sent.to_owner if sent.to_possessor == Z else sent.to_possessor
