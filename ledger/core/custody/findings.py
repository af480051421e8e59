"""Findings of custody: rules, severities and classes (formats section 10, epcis d1)."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How urgent a finding is (epcis d1)."""

    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class FindingClass(StrEnum):
    """What a finding claims; a rule alone never proves a conflict (formats section 9)."""

    CONFLICT_PROVEN = "conflict_proven"
    SUSPICIOUS = "suspicious"
    DATA_QUALITY = "data_quality"
    PROCEDURAL = "procedural"


class Rule(StrEnum):
    """The first rules of epcis d1, and ENDED_BY_NON_OWNER, which guards them."""

    DUPLICATE_COMMISSION = "DUPLICATE_COMMISSION"
    NOT_COMMISSIONED = "NOT_COMMISSIONED"
    DOUBLE_SHIP = "DOUBLE_SHIP"
    DOUBLE_RECEIVE = "DOUBLE_RECEIVE"
    SHIP_BY_NON_OWNER = "SHIP_BY_NON_OWNER"
    ENDED_BY_NON_OWNER = "ENDED_BY_NON_OWNER"
    USE_AFTER_DECOMMISSION = "USE_AFTER_DECOMMISSION"
    USE_AFTER_CONSUMED = "USE_AFTER_CONSUMED"
    DOUBLE_DISPENSE = "DOUBLE_DISPENSE"


RULES: dict[Rule, tuple[Severity, str]] = {
    Rule.DUPLICATE_COMMISSION: (Severity.HIGH, "Commissioned more than once"),
    Rule.NOT_COMMISSIONED: (Severity.MEDIUM, "Used, but commissioned by nobody"),
    Rule.DOUBLE_SHIP: (Severity.HIGH, "Shipped again with no receipt, void or return between"),
    Rule.DOUBLE_RECEIVE: (Severity.CRITICAL, "Received while another held and had not shipped it"),
    Rule.SHIP_BY_NON_OWNER: (Severity.CRITICAL, "Shipped by one who neither held nor owned it"),
    Rule.ENDED_BY_NON_OWNER: (
        Severity.CRITICAL,
        "Dispensed, consumed, destroyed or decommissioned by one who neither held nor owned it",
    ),
    Rule.USE_AFTER_DECOMMISSION: (Severity.HIGH, "Used after it was dispensed or taken out of use"),
    Rule.USE_AFTER_CONSUMED: (Severity.HIGH, "Used after it was consumed by a transformation"),
    Rule.DOUBLE_DISPENSE: (Severity.CRITICAL, "Dispensed more than once"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One broken rule on one item; evidence = log indexes, the one logged last at the end."""

    code: Rule
    severity: Severity
    finding_class: FindingClass
    item: bytes
    evidence: tuple[int, ...]
    detail: str
