"""The cases' part of integration: changes of findings and acts, in the order of the log."""

from collections.abc import Sequence

from ledger.core.cases import (
    Case,
    CaseState,
    Change,
    LoggedAct,
    after_act,
    after_change,
    case_id,
)
from ledger.core.entries import decode_fact
from ledger.core.finding_acts import Act, parse_finding_act
from ledger.core.identifiers import item_key
from ledger.service.case_ports import ActRow, CaseRow, CaseTransaction, News, NotedChange

_DONE = {
    Act.ACKNOWLEDGE: "case.acknowledged", Act.ASSIGN: "case.assigned",
    Act.RESOLVE: "case.resolved", Act.MUTE: "case.muted", Act.UNMUTE: "case.unmuted",
    Act.REOPEN: "case.reopened",
}  # fmt: skip
_Turn = tuple[int, bool, CaseRow, Change | LoggedAct, bytes | None]


def integrate_cases(transaction: CaseTransaction, end: int, clock_ms: int) -> None:
    """Bring the cases to what findings and acts below the index end make of them.

    It goes on where it was: whatever custody found meanwhile, and when, is taken up by its number.
    Acts name cases of findings that others may never have seen: those stay without effect.
    """
    changes_to, acts_to = transaction.progress()
    changes = transaction.changes(changes_to)
    acts = transaction.acts(acts_to, end)
    if not changes and not acts:
        return
    turns = [_of_change(one) for one in changes] + [_of_act(*one) for one in acts]
    # An act stands before a change of its own index, which its signer cannot have known.
    turns.sort(key=lambda turn: turn[:2])
    known = transaction.cases({turn[2].id for turn in turns})
    made: dict[bytes, CaseRow] = {}
    done: list[ActRow] = []
    news: list[News] = []
    for index, _, name, turn, entry in turns:
        before = known.get(name.id)
        after = after_change(before, turn) if isinstance(turn, Change) else after_act(before, turn)
        if isinstance(turn, LoggedAct):
            done.append(ActRow(index, name.id, after is not before))
        if after is None or after is before:
            continue
        known[name.id] = after
        made[name.id] = row = name._replace(case=after)
        kind = _kind(before, after, turn, clock_ms)
        if kind is not None:
            news.append(News(kind=kind, row=row, index=index, entry=entry))
    transaction.write_cases(list(made.values()), done, _last(changes, changes_to), end)
    transaction.announce(news)


# Of a turn only the name is known before it is applied.
_NO_CASE = Case(opened=-1, changed=-1)


def _of_change(one: NotedChange) -> _Turn:
    name = CaseRow(case_id(one.item_key, one.code), one.item_key, one.code, _NO_CASE)
    return one.change.index, True, name, one.change, None


def _of_act(index: int, entry: bytes) -> _Turn:
    act = parse_finding_act(decode_fact(entry))
    key = item_key(act.item)
    name = CaseRow(case_id(key, act.code), key, act.code, _NO_CASE)
    return index, False, name, LoggedAct(index=index, act=act), entry


def _last(changes: Sequence[NotedChange], known: int) -> int:
    return changes[-1].seq if changes else known


def _kind(before: Case | None, after: Case, turn: Change | LoggedAct, clock_ms: int) -> str | None:
    """Return what to tell; of a muted case only what people do.

    That a case opens or closes with its finding is what `finding.…` tells.
    """
    if isinstance(turn, LoggedAct):
        return _DONE[turn.act.act]
    was_open = before is None or before.state is CaseState.OPEN
    is_anew = after.state is CaseState.OPEN and not was_open
    return "case.reopened" if is_anew and not after.is_muted(clock_ms) else None
