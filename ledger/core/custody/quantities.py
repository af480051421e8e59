"""Quantities of a class: lot-only devices have no serial, so a sale twice over is a balance.

What a party gave away or used up cannot be more than what it made and got. Title counts, not
carriage; goods that were addressed to a party count as got, whether or not it told so.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ledger.core.custody.findings import RULES, Finding, Rule
from ledger.core.custody.ground import Ground
from ledger.core.custody.item import unaddressed
from ledger.core.custody.steps import Step
from ledger.core.custody.walk import Walk, undone_steps
from ledger.core.entries import Op, Z

_USES: Final = frozenset([Op.DISPENSE, Op.DESTROY, Op.DECOMMISSION])
# Sums of decimal fractions: 0.1 kg ten times is a kilogram.
_TOLERANCE: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class PartySums:
    """What a party did with a class; `evidence` = entries by which it gave away or used up."""

    made: float = 0.0
    received: float = 0.0
    addressed: float = 0.0
    sent: float = 0.0
    used: float = 0.0
    evidence: tuple[int, ...] = ()


def party_sums(item: bytes, history: Sequence[Step]) -> dict[bytes, PartySums]:
    """Return the sums of a class by party, over steps that were not taken back.

    Args:
        item: The class.
        history: All its steps; one whose content is erased, or says no quantity, counts as none.
    """
    undone = undone_steps(Walk({item: history})).get(item, set())
    names = ("made", "received", "addressed", "sent", "used")
    sums: dict[str, defaultdict[bytes, float]] = {name: defaultdict(float) for name in names}
    evidence: dict[bytes, list[int]] = {}
    for step in sorted(history, key=lambda one: one.log_index):
        amount = 0.0 if step.facts is None else step.facts.quantities.get(item, 0.0)
        if not amount or step.leaf_hash in undone:
            continue
        for name, party in _moves(step, amount):
            sums[name][party] += abs(amount)
            if name in ("sent", "used"):
                evidence.setdefault(party, []).append(step.log_index)
    parties = {party for counted in sums.values() for party in counted}
    return {
        party: PartySums(
            **{name: counted.get(party, 0.0) for name, counted in sums.items()},
            evidence=tuple(evidence.get(party, ())),
        )
        for party in parties
    }


def _moves(step: Step, amount: float) -> list[tuple[str, bytes]]:
    op, party = step.op, step.party
    if op is Op.COMMISSION or (op is Op.TRANSFORM and amount > 0):
        return [("made", party)]
    if op in _USES or op is Op.TRANSFORM:
        return [("used", party)]
    if op is Op.RECEIVE:
        return [("received", party)]
    if op is not Op.HANDOFF:
        return []
    to = [("addressed", one) for one in (step.to_owner, step.to_possessor) if one != Z]
    return [("sent", party), *to] if step.to_owner != Z or unaddressed(step) else to


def class_findings(item: bytes, sums: Mapping[bytes, PartySums], ground: Ground) -> list[Finding]:
    """Return OVER_SHIPMENT if any party gave away more than it made and got.

    A class that nobody in the log made has no balance.

    Args:
        item: The class.
        sums: By party.
        ground: Settings.
    """
    setting = ground.settings.rules[Rule.OVER_SHIPMENT]
    if not setting.enabled or not any(one.made for one in sums.values()):
        return []
    evidence: set[int] = set()
    for one in sums.values():
        got = one.made + max(one.received, one.addressed)
        if one.sent + one.used > got * (1 + _TOLERANCE) + _TOLERANCE:
            evidence.update(one.evidence)
    if not evidence:
        return []
    indexes = sorted(evidence)
    if len(indexes) > ground.settings.evidence_cap:
        head = ground.settings.evidence_cap // 2
        indexes = indexes[:head] + indexes[head - ground.settings.evidence_cap :]
    row = RULES[Rule.OVER_SHIPMENT]
    return [
        Finding(
            code=Rule.OVER_SHIPMENT, severity=setting.severity, finding_class=row.finding_class,
            item=item, evidence=tuple(indexes),
            detail=f"{row.sentence}: {', '.join(map(str, indexes))}.",
        )
    ]  # fmt: skip
