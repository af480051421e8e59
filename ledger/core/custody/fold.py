"""Custody: who holds each item, and which entries contradict each other (formats section 10).

A pure fold over (event time, log index) of entries and item rows. It knows no content of events,
so that an auditor's replay agrees even after erasure. A contradicting entry is admitted: it makes
a finding and moves nothing; the entry that stood first in the fold goes on standing.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from ledger.core.custody.findings import RULES, Finding, FindingClass, Rule
from ledger.core.custody.ground import Ground
from ledger.core.custody.state import NEVER, ItemState, Status
from ledger.core.custody.steps import (
    MAX_OPEN,
    ROLE_CHILD,
    ROLE_CLASS,
    ROLE_OUTPUT,
    ROLE_PARENT,
    Boxes,
    Step,
    Walk,
    undone_steps,
)
from ledger.core.entries import Op, Z


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """States and findings of the items that were asked for.

    `due`: the earliest later as_of at which an item's findings may change without a new entry.
    """

    states: dict[bytes, ItemState]
    findings: list[Finding]
    due: dict[bytes, int] = field(default_factory=dict)


_ENDS = {
    Op.DISPENSE: Status.DISPENSED,
    Op.DESTROY: Status.DESTROYED,
    Op.DECOMMISSION: Status.DECOMMISSIONED,
    Op.TRANSFORM: Status.CONSUMED,
}
_DISPOSALS = frozenset([Op.DESTROY, Op.DECOMMISSION])


@dataclass(slots=True, eq=False)
class _Custody:
    """One item while the fold runs; `since` = the entry by which the holder holds."""

    item: bytes
    status: Status = Status.UNKNOWN
    holder: bytes | None = None
    owner: bytes | None = None
    keeper: bytes | None = None  # a holder that was named as possessor only: a 3PL
    shipped_to: bytes | None = None
    since: int = NEVER
    issued: bool = False
    commissions: list[int] = field(default_factory=list)
    open: list[Step] = field(default_factory=list)
    ended: Step | None = None
    last: Step | None = None
    broken: dict[Rule, set[int]] = field(default_factory=dict)

    def apply(self, step: Step, box: "_Custody | None") -> None:
        """Take one step, the item's own or that of its container; box = its container."""
        self.last = step
        op = step.op
        if step.role == ROLE_CLASS or op is Op.VOID:
            return
        if op is Op.COMMISSION or (op is Op.TRANSFORM and step.role == ROLE_OUTPUT):
            self._issue(step)
            return
        own = step.item == self.item
        if own and not self.issued and step.role != ROLE_CHILD:
            self.find(Rule.NOT_COMMISSIONED, step.log_index)
        if self.ended is not None:
            if own:
                self._use_after_end(step, self.ended)
        elif op is Op.HANDOFF:
            self._hand_off(step, own=own)
        elif op is Op.RECEIVE:
            self._receive(step, own=own)
        else:
            self._alter(step, box)

    def find(self, rule: Rule, *evidence: int) -> None:
        """Add evidence to the item's one finding of rule."""
        self.broken.setdefault(rule, set()).update(evidence)

    def _issue(self, step: Step) -> None:
        if step.op is Op.COMMISSION:
            self.commissions.append(step.log_index)
            if len(self.commissions) > 1:
                self.find(Rule.DUPLICATE_COMMISSION, *self.commissions)
        self.issued = True
        if self.status is Status.UNKNOWN:
            self.status, self.since = Status.COMMISSIONED, step.log_index
            self.holder = self.owner = step.party

    def _alter(self, step: Step, box: "_Custody | None") -> None:
        """Apply what neither ships nor receives. OBSERVE and OTHER move nothing."""
        op = step.op
        if op is Op.PACK:
            if step.role == ROLE_PARENT:
                self._issue(step)  # an SSCC comes into being by being packed
            elif self._expected(step.party):
                self._take(step)
        elif op is Op.UNPACK:
            self._follow(box)
        elif op in _ENDS:
            self._end(step, box)

    def _end(self, step: Step, box: "_Custody | None") -> None:
        """End the item, if step's party may: else anyone could end, or frame, what others hold."""
        self._follow(box)
        if self._expected(step.party):
            self._take(step)  # using up what was addressed to one implies its receipt
        if self.holder is None or self._entitled(step.party):
            self.status, self.ended = _ENDS[step.op], step
        else:
            self.find(Rule.ENDED_BY_NON_OWNER, self.since, step.log_index)

    def _follow(self, box: "_Custody | None") -> None:
        """Take over the container's custody if nothing else says where this item has been."""
        if box is None or box.ended is not None or self.status is not Status.UNKNOWN:
            return
        self.status, self.since, self.shipped_to = box.status, box.since, box.shipped_to
        self.holder, self.owner, self.keeper = box.holder, box.owner, box.keeper
        self.open = list(box.open)

    def _use_after_end(self, step: Step, ended: Step) -> None:
        if step.op is Op.DISPENSE and ended.op is Op.DISPENSE:
            self.find(Rule.DOUBLE_DISPENSE, ended.log_index, step.log_index)
        elif step.op in _DISPOSALS and step.party == ended.party:
            # The same party disposing of what it ended is paperwork; another's is a second item.
            self.status = _ENDS[step.op] if step.op is Op.DESTROY else self.status
        elif ended.op is not Op.TRANSFORM:
            self.find(Rule.USE_AFTER_DECOMMISSION, ended.log_index, step.log_index)
        elif step.log_index != ended.log_index:
            self.find(Rule.USE_AFTER_CONSUMED, ended.log_index, step.log_index)

    def _entitled(self, party: bytes) -> bool:
        return party in (self.holder, self.owner, self.keeper)

    def _expected(self, party: bytes) -> bool:
        """Is an open shipment addressed to party, or to a third party that was not named?"""
        inside = party in (self.holder, self.owner)
        return any(
            party in (sent.to_owner, sent.to_possessor) or (_unaddressed(sent) and not inside)
            for sent in self.open
        )

    def _hand_off(self, step: Step, *, own: bool) -> None:
        party = step.party
        if self._expected(party):
            self._take(step)  # shipping on what was addressed to one implies its receipt
        elif self.holder is None and self.owner is None:
            self.holder = self.owner = party
            self.since = step.log_index
        entitled = self._entitled(party)
        if not entitled and not own:
            return  # the container left without it
        if not entitled:
            self.find(Rule.SHIP_BY_NON_OWNER, self.since, step.log_index)
        clash = next((sent for sent in self.open if _clashes(sent, step)), None)
        if clash is not None:
            self.find(Rule.DOUBLE_SHIP, clash.log_index, step.log_index)
        if entitled and len(self.open) < MAX_OPEN:
            self.open.append(step)
        if entitled and clash is None and party in (self.holder, self.keeper):
            self.status, self.shipped_to = Status.IN_TRANSIT, _destination(step)

    def _receive(self, step: Step, *, own: bool) -> None:
        party, expected = step.party, self._expected(step.party)
        if not own and not expected and not self._rides():
            return  # the container arrived without it
        kept = self.keeper == self.holder and party == self.owner
        if self.status is Status.HELD and party != self.holder and not expected and not kept:
            if own:
                self.find(Rule.DOUBLE_RECEIVE, self.since, step.log_index)
            if party != self.owner:
                return
        self._take(step)

    def _rides(self) -> bool:
        """May the container's receipt count: did the item leave with it, or has it not moved?"""
        moved = self.status not in (Status.UNKNOWN, Status.COMMISSIONED)
        return not moved or any(sent.item != self.item for sent in self.open)

    def _take(self, step: Step) -> None:
        """Give the item to step.party and close the open shipments.

        Title passes as it was shipped, whoever took the goods; it stays when they came back.
        """
        party = step.party
        named = [sent for sent in self.open if party in (sent.to_owner, sent.to_possessor)]
        sold_to = next((sent.to_owner for sent in chain(named, self.open) if sent.to_owner != Z), Z)
        returned = not named and any(sent.party == party for sent in self.open)
        if any(sent.to_possessor == party for sent in named):
            self.keeper = party
        elif party != self.owner:
            self.keeper = None
        if sold_to != Z and not returned:
            self.owner = sold_to
        elif self.owner is None or (not returned and any(map(_unaddressed, self.open))):
            self.owner = party
        self.holder, self.shipped_to, self.since = party, None, step.log_index
        self.status, self.open = Status.HELD, []

    def findings(self) -> Iterator[Finding]:
        """Yield the broken rules, in the order of Rule."""
        if self.issued:  # by an entry later in the fold; EVENT_BEFORE_COMMISSION is another rule
            self.broken.pop(Rule.NOT_COMMISSIONED, None)
        for rule in Rule if self.broken else ():
            if rule in self.broken:
                severity, sentence = RULES[rule].severity, RULES[rule].sentence
                evidence = tuple(sorted(self.broken[rule]))
                yield Finding(
                    code=rule, severity=severity, finding_class=FindingClass.SUSPICIOUS,
                    item=self.item, evidence=evidence,
                    detail=f"{sentence}: {', '.join(map(str, evidence))}.",
                )  # fmt: skip

    def state(self, container: bytes | None) -> ItemState:
        """Return what the fold found."""
        return ItemState(
            status=self.status, holder=self.holder, shipped_to=self.shipped_to, container=container,
            last_index=NEVER if self.last is None else self.last.log_index,
            last_time=NEVER if self.last is None else self.last.time_ms,
        )  # fmt: skip


def _unaddressed(sent: Step) -> bool:
    return sent.to_owner == Z and sent.to_possessor == Z


def _destination(sent: Step) -> bytes | None:
    if _unaddressed(sent):
        return None
    return sent.to_owner if sent.to_possessor == Z else sent.to_possessor


def _clashes(sent: Step, step: Step) -> bool:
    """Can both shipments not be true of one item?

    Carriage to a 3PL and a sale complete each other, and so do owner and 3PL reporting one sale;
    one shipment told twice, equal in party, time and addressees, is one shipment.
    """
    blind = _unaddressed(sent) or _unaddressed(step)
    same_kind = (sent.to_owner == Z) == (step.to_owner == Z)
    same_place = sent.to_owner == step.to_owner and sent.to_possessor == step.to_possessor
    if sent.party == step.party:
        restated = sent.time_ms == step.time_ms and same_place
        return blind or (same_kind and not restated)
    same_goal = same_place if step.to_owner == Z else sent.to_owner == step.to_owner
    return same_kind and not same_goal and not blind


def fold(
    histories: Mapping[bytes, Sequence[Step]],
    keys: Collection[bytes],
    unjudged: Collection[bytes] = frozenset(),
    ground: Ground = Ground(),  # noqa: ARG001, B008 -- frozen
) -> Outcome:
    """Return custody and findings of keys.

    Args:
        histories: All steps of keys and, recursively, of every container they were packed in,
            by item key; in any order.
        keys: The items to answer for.
        unjudged: Keys whose paths name no serialised object (`uri:`, classes): no findings.
        ground: Time, settings and places.

    Cost: O(n log n) in steps, plus one visit per shipment of a container and item in it.
    """
    walk, boxes = Walk(histories), Boxes()
    undone = undone_steps(walk)
    found = {item: _Custody(item) for item in chain(histories, keys)}
    for item, step in walk.run(boxes, undone):
        if not undone or step.leaf_hash not in undone.get(item, ()):
            box = boxes.parent.get(item)
            found[item].apply(step, None if box is None else found.get(box))
    asked = [found[key] for key in keys]
    return Outcome(
        states={custody.item: custody.state(boxes.parent.get(custody.item)) for custody in asked},
        findings=[
            finding
            for custody in asked
            if custody.item not in unjudged
            for finding in custody.findings()
        ],
    )
