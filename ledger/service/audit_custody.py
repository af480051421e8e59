"""The custody part of an audit: states and findings are what the fold of the log gives."""

from dataclasses import dataclass, field

from ledger.core.audit_signatures import Failure
from ledger.core.custody.fold import Outcome, fold
from ledger.service.audit_ports import AuditStore, OpenStore, Row

# Items folded at once: bounds memory; containers of a chunk are read once for all its items.
ITEMS = 1_000
# Items are shared out among processes by the first byte of their keys.
FIRST_BYTES = 256


@dataclass(slots=True)
class CustodyReport:
    """What one slice of the items gave."""

    items: int = 0
    failures: list[Failure] = field(default_factory=list)


def audit_custody(
    open_store: OpenStore, snapshot: str, size: int, first: int, end: int
) -> CustodyReport:
    """Fold every item whose key begins with a byte from first to before end, and compare."""
    report = CustodyReport()
    after, below = bytes([first]), bytes([end]) if end < FIRST_BYTES else None
    with open_store(snapshot) as store:
        while keys := store.item_keys(after, below, size, ITEMS):
            report.items += len(keys)
            _compare(store, keys, size, report)
            after = keys[-1]
    return report


def _compare(store: AuditStore, keys: list[bytes], size: int, report: CustodyReport) -> None:
    outcome = fold(store.histories(keys, size), keys, store.unjudged(keys))
    made_states, made_findings = _rows(outcome)
    states, findings = store.custody(keys)
    for check, made, stored in (
        ("custody", made_states, states), ("findings", made_findings, findings),
    ):  # fmt: skip
        report.failures += [
            Failure(check, None, f"the replay of item {item.hex()} gives something else")
            for item in sorted({row[0] for row in made ^ stored})
        ]


def _rows(outcome: Outcome) -> tuple[set[Row], set[Row]]:
    states: set[Row] = {
        (key, s.status.value, s.holder, s.shipped_to, s.container, s.last_index, s.last_time)
        for key, s in outcome.states.items()
    }
    findings: set[Row] = {
        (f.item, f.code.value, f.severity.value, f.finding_class.value, f.detail, f.evidence)
        for f in outcome.findings
    }
    return states, findings
