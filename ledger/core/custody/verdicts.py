"""Verdicts: from what the fold found of an item to its findings at a point in time."""

from collections.abc import Sequence
from typing import Final

from ledger.core.custody.contents import judge_lots
from ledger.core.custody.declarations import judge_declarations
from ledger.core.custody.findings import RULES, Finding, FindingClass, Rule, Severity
from ledger.core.custody.ground import NO_CLOCK, Ground
from ledger.core.custody.item import Broken, Item, addressees
from ledger.core.custody.settings import RuleSettings
from ledger.core.custody.steps import ROLE_CLASS, Step
from ledger.core.entries import Op, Z

# Their grace is slack in event time, spent when they are judged; they do not wait for it.
_SLACK: Final = frozenset([Rule.EVENT_BEFORE_COMMISSION, Rule.EXPIRED_SHIPPED])
_REPEATS: Final = frozenset(
    [
        Rule.DUPLICATE_COMMISSION, Rule.DOUBLE_DISPENSE, Rule.DOUBLE_SHIP,
        Rule.USE_AFTER_DECOMMISSION, Rule.USE_AFTER_CONSUMED,
    ]
)  # fmt: skip
_WORSE: Final = {
    Severity.LOW: Severity.MEDIUM, Severity.MEDIUM: Severity.HIGH, Severity.HIGH: Severity.CRITICAL,
}  # fmt: skip


def judge(item: Item, history: Sequence[Step]) -> tuple[list[Finding], int | None]:
    """Return the findings of an item, in the order of Rule, and when they may change by themselves.

    Args:
        item: At the end of the fold.
        history: All its own steps, also those that were taken back.
    """
    _close_books(item, history)
    ground, dues = item.ground, list[int]()
    _judge_overdue(item, ground, dues)
    found = []
    for rule in Rule if item.broken else ():
        broken = item.broken.get(rule)
        if broken is None or not ground.settings.rules[rule].enabled:
            continue
        severity = _severity(rule, broken, ground, dues)
        if severity is not None:
            found.append(_finding(item.key, rule, broken, severity, ground.settings))
    return found, min(dues) if dues else None


def _close_books(item: Item, history: Sequence[Step]) -> None:
    """Find what only the end of the log can tell."""
    if not item.issued and item.uses:
        item.find(Rule.NOT_COMMISSIONED, *item.uses)
        item.broken[Rule.NOT_COMMISSIONED].at_ms = item.uses[0].time_ms
    for sent, receipt in item.wrong:
        item.find(Rule.RECEIVE_BY_WRONG_PARTY, sent, receipt)
    for receipt in [known.receipt for known in item.unmatched if known.told]:
        item.find(Rule.RECEIVE_WITHOUT_SHIP, receipt)
    for old, new in item.crowded:
        item.find(Rule.MULTIPLE_PARENTS, old, new)
    if len(item.told) > 1:
        judge_lots(item)
    if len(item.spends) > 1:
        _judge_spends(item)
    if item.has_voids:
        judge_declarations(item, history)


def _judge_spends(item: Item) -> None:
    """Find two new owners that one key signed for one holding (formats section 9).

    Voids, times, possessors and eventIDs never matter.
    """
    by_token: dict[tuple[bytes, bytes], list[Step]] = {}
    for step in item.spends:
        if step.op is Op.HANDOFF and step.to_owner != Z and step.role != ROLE_CLASS:
            by_token.setdefault((step.signer, step.spends), []).append(step)
    for steps in by_token.values():
        if len({step.to_owner for step in steps}) > 1:
            item.find(Rule.DOUBLE_SPEND, *steps)


def _judge_overdue(item: Item, ground: Ground, dues: list[int]) -> None:
    if not item.open or item.ended is not None or ground.as_of_ms == NO_CLOCK:
        return
    for sent in item.open:
        if item.is_own(sent):
            grace = ground.settings.grace(Rule.OVERDUE_RECEIPT, sent.party, *addressees(sent))
            if ground.as_of_ms > sent.time_ms + grace:
                item.find(Rule.OVERDUE_RECEIPT, sent)
            else:
                dues.append(sent.time_ms + grace + 1)


def _severity(rule: Rule, broken: Broken, ground: Ground, dues: list[int]) -> Severity | None:
    """Return how severe a broken rule is by now, None while its grace runs."""
    severity = ground.settings.rules[rule].severity
    if rule in _SLACK or rule is Rule.OVERDUE_RECEIPT:
        return severity
    parties = {step.party for step in broken.evidence.values() if step is not None}
    end = broken.at_ms + ground.settings.grace(rule, *parties)
    waits = ground.as_of_ms <= end and end > broken.at_ms
    if waits:
        dues.append(end + 1)
    if rule is Rule.NOT_COMMISSIONED:  # its grace is for the severity
        return severity if waits else _WORSE.get(severity, severity)
    return None if waits else severity


def _finding(
    item: bytes, rule: Rule, broken: Broken, severity: Severity, settings: RuleSettings
) -> Finding:
    indexes = sorted(broken.evidence)
    steps = [step for index in indexes if (step := broken.evidence[index]) is not None]
    last = broken.evidence[indexes[-1]]
    if len(indexes) > settings.evidence_cap:
        head = settings.evidence_cap // 2
        indexes = indexes[:head] + indexes[head - settings.evidence_cap :]
    repeat = rule in _REPEATS and _is_repeat(rule, steps, settings.repeat_ms)
    return Finding(
        code=rule, severity=severity, item=item, evidence=tuple(indexes),
        finding_class=FindingClass.PROCEDURAL if repeat else RULES[rule].finding_class,
        detail=f"{RULES[rule].sentence}: {', '.join(map(str, indexes))}.",
        backdated=last is not None and any(step.time_ms > last.time_ms for step in steps),
    )  # fmt: skip


def _is_repeat(rule: Rule, steps: list[Step], repeat_ms: int) -> bool:
    """Was one thing told again where it was told first: a second scan, a message made anew?"""
    times = [step.time_ms for step in steps]
    if max(times) - min(times) > repeat_ms or len(set(map(_place_of, steps))) > 1:
        return False
    steps = sorted(steps, key=lambda step: (step.time_ms, step.log_index))
    if rule is Rule.DOUBLE_SHIP:
        told = {(step.party, step.to_owner, step.to_possessor) for step in steps}
        return len(told) == 1 and bool(addressees(steps[0]))
    harmless = (steps[0].op, Op.OBSERVE, Op.OTHER)
    return all(step.op in harmless for step in steps)


def _place_of(step: Step) -> str | bytes:
    """Return where a step was told: the place, or the party where no place is known."""
    return step.facts.place if step.facts is not None and step.facts.place else step.party
