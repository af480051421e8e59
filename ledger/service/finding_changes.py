"""What becomes of findings when items are evaluated again, and why those that close do."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from ledger.core.custody.findings import Finding
from ledger.core.custody.steps import Step
from ledger.core.entries import Op
from ledger.service.custody_ports import Change, FindingChange, OpenFinding

SETTINGS_CHANGED = "The settings of the rules have changed."
LOOKED_AGAIN = "Time has passed, or places have become known."


def as_stored(found: Finding) -> OpenFinding:
    """Return a finding as it is stored."""
    return OpenFinding(
        found.item, found.code.value, found.severity.value, found.finding_class.value,
        found.detail, found.evidence, found.backdated,
    )  # fmt: skip


def finding_changes(
    before: Iterable[OpenFinding], found: Iterable[Finding], reason: Callable[[bytes], str]
) -> list[FindingChange]:
    """Compare findings of the same items, before and now; reason says of an item why they close."""
    old = {(one.item, one.code): one for one in before}
    new = {(one.item, one.code.value): as_stored(one) for one in found}
    changes = []
    for key in sorted({*old, *new}):
        was, now = old.get(key), new.get(key)
        if now is None and was is not None:
            changes.append(FindingChange(Change.CLOSED, was, reason(key[0])))
        elif now is not None and now != was:
            changes.append(FindingChange(Change.CHANGED if was else Change.OPENED, now))
    return changes


def closing_reason(
    histories: Mapping[bytes, Sequence[Step]], item: bytes, start: int, otherwise: str
) -> str:
    """Return why a finding of item closes: the newest entry from start on that concerns it.

    Args:
        histories: As `fold` takes them.
        item: Whose finding closes.
        start: Entries before it were known when the finding was open.
        otherwise: What to say when no such entry is there.
    """
    own = list(histories.get(item, ()))
    above = {parent for step in own for parent in step.parents}
    about = [*own, *(step for key in above for step in histories.get(key, ()))]
    new = [step for step in about if step.log_index >= start]
    if not new:
        return otherwise
    voids = [step for step in new if step.op is Op.VOID]
    last = max(voids or new, key=lambda step: step.log_index)
    if voids:
        return f"Entry {last.log_index} takes back what it was about."
    if any(step.time_ms > last.time_ms and step.log_index < start for step in about):
        return f"Entry {last.log_index} arrived late and explains it."
    return f"Entry {last.log_index} explains it."
