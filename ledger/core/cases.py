"""Cases: one for each item and rule, a fold over findings as they changed and acts as they came.

open -> acknowledged -> assigned -> resolved; closed when its finding is gone. Order is that of log
indexes. A change has the last index that was integrated when it was found: an act behind that index
could know of it, and any other acts on what was there before.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256

from ledger.core.finding_acts import Act, Cause, FindingAct

_LABEL = b"unbroken/case/v1\0"
# Half a hash names a case: it is looked up, never proved by.
ID_BYTES = 16


class CaseState(StrEnum):
    """How far a case is; a mute stands beside it."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    RESOLVED = "resolved"
    CLOSED = "closed"


class ChangeKind(StrEnum):
    """What became of a finding."""

    OPENED = "opened"
    CHANGED = "changed"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A finding opened, changed or closed when the entries up to `index` were integrated."""

    index: int
    kind: ChangeKind
    evidence: tuple[int, ...] = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedAct:
    """An act at its log index."""

    index: int
    act: FindingAct


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case; `opened`, `changed` and `newest` are indexes, the last that of the newest evidence.

    `cause` is the resolution's, `reason` why the finding is gone.
    """

    opened: int
    changed: int
    state: CaseState = CaseState.OPEN
    cause: Cause | None = None
    reason: str | None = None
    assignee: str | None = None
    muted_until: int | None = None
    newest: int = -1

    def is_muted(self, at_ms: int) -> bool:
        """Tell whether nobody is to be told of it at that time."""
        return self.muted_until is not None and at_ms < self.muted_until


def case_id(item_key: bytes, code: str) -> bytes:
    """Return the name of the case of an item and a rule."""
    return sha256(_LABEL + item_key + code.encode()).digest()[:ID_BYTES]


def after_change(case: Case | None, change: Change) -> Case:
    """Return the case behind a change of its finding.

    An opening begins it anew; so does evidence that nobody had seen who resolved it.
    """
    newest = max(change.evidence, default=-1)
    if case is None:
        case = Case(opened=change.index, changed=change.index, newest=newest)
    is_news = newest > case.newest
    case = replace(case, changed=change.index, newest=max(newest, case.newest))
    if change.kind is ChangeKind.CLOSED:
        return replace(case, state=CaseState.CLOSED, reason=change.reason)
    if change.kind is ChangeKind.OPENED:
        return replace(_anew(case), opened=change.index)
    return _anew(case) if is_news and case.state is CaseState.RESOLVED else case


def after_act(case: Case | None, logged: LoggedAct) -> Case | None:
    """Return the case behind an act, the same one where the act has nothing to act on."""
    if case is None:
        return None
    act, state = logged.act, case.state
    settled = state in (CaseState.RESOLVED, CaseState.CLOSED)
    made = case
    if act.act is Act.MUTE:
        made = replace(case, muted_until=act.until)
    elif act.act is Act.UNMUTE:
        made = replace(case, muted_until=None)
    elif act.act is Act.RESOLVE and state is not CaseState.CLOSED:
        made = replace(case, state=CaseState.RESOLVED, cause=act.cause)
    elif act.act is Act.REOPEN and state is CaseState.RESOLVED:
        made = _anew(case)
    elif act.act is Act.ASSIGN and not settled:
        made = replace(case, state=CaseState.ASSIGNED, assignee=act.assignee)
    elif act.act is Act.ACKNOWLEDGE and state is CaseState.OPEN:
        made = replace(case, state=CaseState.ACKNOWLEDGED)
    return case if made == case else replace(made, changed=logged.index)


def _anew(case: Case) -> Case:
    return replace(case, state=CaseState.OPEN, cause=None, reason=None, assignee=None)


def case_of(changes: Iterable[Change], acts: Iterable[LoggedAct]) -> Case | None:
    """Return the case that all changes and acts of it give, None before its finding opened."""
    case: Case | None = None
    for turn in in_order(changes, acts):
        case = after_change(case, turn) if isinstance(turn, Change) else after_act(case, turn)
    return case


def in_order(changes: Iterable[Change], acts: Iterable[LoggedAct]) -> list[Change | LoggedAct]:
    """Return changes and acts in the order of their log, changes of one index as they are given."""
    return sorted([*acts, *changes], key=lambda turn: (turn.index, isinstance(turn, Change)))
