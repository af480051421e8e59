"""Findings of custody: rules, severities and classes (docs/custody.md)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How urgent a finding is (epcis d1)."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"
    OPERATIONAL = "operational"


class FindingClass(StrEnum):
    """What a finding claims; a rule alone never proves a conflict (formats section 9)."""

    CONFLICT_PROVEN = "conflict_proven"
    SUSPICIOUS = "suspicious"
    DATA_QUALITY = "data_quality"
    PROCEDURAL = "procedural"


class Rule(StrEnum):
    """Every rule of epcis d1, ENDED_BY_NON_OWNER, which guards them, and two of formats 9 and d2.

    BACKDATED_CONTRADICTION is no rule: it is the attribute `backdated` of a finding.
    """

    DOUBLE_SPEND = "DOUBLE_SPEND"
    DUPLICATE_COMMISSION = "DUPLICATE_COMMISSION"
    LOT_EXPIRY_MISMATCH = "LOT_EXPIRY_MISMATCH"
    NOT_COMMISSIONED = "NOT_COMMISSIONED"
    EVENT_BEFORE_COMMISSION = "EVENT_BEFORE_COMMISSION"
    COMMISSION_AFTER_DECOMMISSION = "COMMISSION_AFTER_DECOMMISSION"
    DOUBLE_SHIP = "DOUBLE_SHIP"
    DOUBLE_RECEIVE = "DOUBLE_RECEIVE"
    SHIP_BY_NON_OWNER = "SHIP_BY_NON_OWNER"
    RECEIVE_WITHOUT_SHIP = "RECEIVE_WITHOUT_SHIP"
    RECEIVE_BY_WRONG_PARTY = "RECEIVE_BY_WRONG_PARTY"
    ENDED_BY_NON_OWNER = "ENDED_BY_NON_OWNER"
    USE_AFTER_DECOMMISSION = "USE_AFTER_DECOMMISSION"
    USE_AFTER_CONSUMED = "USE_AFTER_CONSUMED"
    DOUBLE_DISPENSE = "DOUBLE_DISPENSE"
    IMPOSSIBLE_TRAVEL = "IMPOSSIBLE_TRAVEL"
    MULTIPLE_PARENTS = "MULTIPLE_PARENTS"
    DISAGGREGATE_WITHOUT_AGGREGATE = "DISAGGREGATE_WITHOUT_AGGREGATE"
    PARENT_CHILD_CONTRADICTION = "PARENT_CHILD_CONTRADICTION"
    HIERARCHY_CYCLE = "HIERARCHY_CYCLE"
    EXPIRED_SHIPPED = "EXPIRED_SHIPPED"
    RECALLED_SHIPPED = "RECALLED_SHIPPED"
    STOLEN_IN_TRADE = "STOLEN_IN_TRADE"
    EVENT_ID_REUSED = "EVENT_ID_REUSED"
    ERROR_DECLARATION_WITHOUT_ORIGINAL = "ERROR_DECLARATION_WITHOUT_ORIGINAL"
    UNAUTHORISED_ERROR_DECLARATION = "UNAUTHORISED_ERROR_DECLARATION"
    OVERDUE_RECEIPT = "OVERDUE_RECEIPT"
    TEMPERATURE_EXCURSION = "TEMPERATURE_EXCURSION"
    SERIAL_GUESSING = "SERIAL_GUESSING"
    OVER_SHIPMENT = "OVER_SHIPMENT"


@dataclass(frozen=True, slots=True)
class RuleRow:
    """What a rule is out of the box; `grace_ms` of event time must pass before it counts."""

    severity: Severity
    finding_class: FindingClass
    grace_ms: int
    sentence: str


_MINUTE = 60_000
HOUR_MS = 60 * _MINUTE
DAY_MS = 24 * HOUR_MS
_SUSPICIOUS, _PROCEDURAL = FindingClass.SUSPICIOUS, FindingClass.PROCEDURAL
_LOW, _MEDIUM, _HIGH = Severity.LOW, Severity.MEDIUM, Severity.HIGH
_CRITICAL = Severity.CRITICAL

RULES: Mapping[Rule, RuleRow] = {
    Rule.DOUBLE_SPEND: RuleRow(
        _CRITICAL, FindingClass.CONFLICT_PROVEN, 0,
        "One key signed two new owners for one holding"),
    Rule.DUPLICATE_COMMISSION: RuleRow(_HIGH, _SUSPICIOUS, 0, "Commissioned more than once"),
    Rule.LOT_EXPIRY_MISMATCH: RuleRow(
        _HIGH, _SUSPICIOUS, 0, "Lot or expiry is not what commissioning said"),
    Rule.NOT_COMMISSIONED: RuleRow(
        _MEDIUM, _SUSPICIOUS, 72 * HOUR_MS, "Used, but commissioned by nobody"),
    # A line's clock stamps a batch when it is closed, a little after its first cases.
    Rule.EVENT_BEFORE_COMMISSION: RuleRow(
        _MEDIUM, _SUSPICIOUS, HOUR_MS, "Used before it was commissioned"),
    Rule.COMMISSION_AFTER_DECOMMISSION: RuleRow(
        _HIGH, _SUSPICIOUS, 0, "Commissioned after it was taken out of use"),
    Rule.DOUBLE_SHIP: RuleRow(
        _HIGH, _SUSPICIOUS, 0, "Shipped again with no receipt, void or return between"),
    Rule.DOUBLE_RECEIVE: RuleRow(
        _CRITICAL, _SUSPICIOUS, 0, "Received while another held and had not shipped it"),
    Rule.SHIP_BY_NON_OWNER: RuleRow(
        _CRITICAL, _SUSPICIOUS, 0, "Shipped by one who neither held nor owned it"),
    Rule.RECEIVE_WITHOUT_SHIP: RuleRow(
        _MEDIUM, _SUSPICIOUS, 72 * HOUR_MS, "Received, but shipped by nobody"),
    Rule.RECEIVE_BY_WRONG_PARTY: RuleRow(
        _HIGH, _SUSPICIOUS, 0, "Received by one to whom it was not shipped"),
    Rule.ENDED_BY_NON_OWNER: RuleRow(
        _CRITICAL, _SUSPICIOUS, 0,
        "Dispensed, consumed, destroyed or decommissioned by one who neither held nor owned it"),
    Rule.USE_AFTER_DECOMMISSION: RuleRow(
        _HIGH, _SUSPICIOUS, 0, "Used after it was dispensed or taken out of use"),
    Rule.USE_AFTER_CONSUMED: RuleRow(
        _HIGH, _SUSPICIOUS, 0, "Used after it was consumed by a transformation"),
    Rule.DOUBLE_DISPENSE: RuleRow(_CRITICAL, _SUSPICIOUS, 0, "Dispensed more than once"),
    Rule.IMPOSSIBLE_TRAVEL: RuleRow(
        _HIGH, _SUSPICIOUS, 0, "Seen at two places too far apart for the time between"),
    # Who moves an item from one container to another tells both, in any order.
    Rule.MULTIPLE_PARENTS: RuleRow(
        _MEDIUM, _SUSPICIOUS, HOUR_MS, "Packed into a container while inside another"),
    Rule.DISAGGREGATE_WITHOUT_AGGREGATE: RuleRow(
        _LOW, _SUSPICIOUS, 0, "Unpacked from a container that it was not in"),
    Rule.PARENT_CHILD_CONTRADICTION: RuleRow(
        _HIGH, _SUSPICIOUS, 0, "Seen away from the container that it is in"),
    Rule.HIERARCHY_CYCLE: RuleRow(
        _HIGH, _SUSPICIOUS, 0, "Packed into itself, or into what is inside it"),
    # The last day of a date ends up to twelve hours later than in UTC.
    Rule.EXPIRED_SHIPPED: RuleRow(
        _HIGH, _SUSPICIOUS, 12 * HOUR_MS, "Shipped after its expiry"),
    Rule.RECALLED_SHIPPED: RuleRow(_HIGH, _SUSPICIOUS, 0, "Shipped while recalled"),
    Rule.STOLEN_IN_TRADE: RuleRow(
        _CRITICAL, _SUSPICIOUS, 0, "Traded after it was reported stolen"),
    Rule.EVENT_ID_REUSED: RuleRow(
        _HIGH, _SUSPICIOUS, 0, "An event has the eventID of another, and other content"),
    Rule.ERROR_DECLARATION_WITHOUT_ORIGINAL: RuleRow(
        _MEDIUM, _SUSPICIOUS, 0, "An error declaration matches no event"),
    Rule.UNAUTHORISED_ERROR_DECLARATION: RuleRow(
        _CRITICAL, _SUSPICIOUS, 0, "An event was declared wrong by another party"),
    Rule.OVERDUE_RECEIPT: RuleRow(
        _LOW, _PROCEDURAL, 30 * DAY_MS, "Shipped, but received by nobody in time"),
    Rule.TEMPERATURE_EXCURSION: RuleRow(
        _HIGH, _SUSPICIOUS, 0, "Too warm or too cold for longer than allowed"),
    Rule.SERIAL_GUESSING: RuleRow(
        Severity.OPERATIONAL, _PROCEDURAL, 0, "Many verifications fail from one requestor"),
    Rule.OVER_SHIPMENT: RuleRow(
        _MEDIUM, FindingClass.DATA_QUALITY, 0, "More was given away than made or received"),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One broken rule on one item; evidence = log indexes, the one logged last at the end.

    `backdated`: what was logged last is earlier in event time than other evidence; a late entry
    contradicts what was anchored before it.
    """

    code: Rule
    severity: Severity
    finding_class: FindingClass
    item: bytes
    evidence: tuple[int, ...]
    detail: str
    backdated: bool = False
