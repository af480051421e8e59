"""The cases' part of an audit: each is the fold of its finding's changes and of the log's acts.

When findings changed is not of the log, so an attacker may forge a change. But whether a finding is
open now is, and the audit makes it again: no case of an open finding can be closed unseen.
"""

from collections.abc import Iterator

from ledger.core.audit_signatures import Failure
from ledger.core.cases import Case, CaseState, Change, LoggedAct, after_act, after_change, in_order
from ledger.core.cases import case_id as name_of
from ledger.core.entries import decode_fact
from ledger.core.errors import LedgerError
from ledger.core.finding_acts import parse_finding_act
from ledger.core.identifiers import item_key
from ledger.service.case_ports import AuditedAct, AuditedCase, CaseAudit


def audit_cases(store: CaseAudit) -> list[Failure]:
    """Compare every case with what makes it."""
    failures = [Failure("cases", index, detail) for index, detail in store.stray_cases()]
    for one in store.audited_cases():
        try:
            failures += _compare(one)
        except LedgerError as error:
            failures.append(Failure("cases", None, f"case {one.id.hex()}: {error}"))
    return failures


def _compare(one: AuditedCase) -> Iterator[Failure]:
    marks = {act.log_index: act.effective for act in one.acts}
    case: Case | None = None
    for turn in in_order(one.changes, [_logged(one.id, act) for act in one.acts]):
        if isinstance(turn, Change):
            case = after_change(case, turn)
            continue
        after = after_act(case, turn)
        if marks[turn.index] != (after is not case):
            yield Failure("cases", turn.index, "whether the act changed its case is told wrongly")
        case = after
    name = one.id.hex()
    if case != one.case:
        yield Failure("cases", None, f"the replay of case {name} gives something else")
    if one.case is not None and (one.case.state is CaseState.CLOSED) == one.finding_open:
        yield Failure("cases", None, f"case {name} and its finding do not fit")


def _logged(case_id: bytes, row: AuditedAct) -> LoggedAct:
    act = parse_finding_act(decode_fact(row.entry))
    if name_of(item_key(act.item), act.code) != case_id:
        raise LedgerError(f"act {row.log_index} is of another case")
    return LoggedAct(index=row.log_index, act=act)
