"""The life of a case: what findings and acts make of it, in the order of the log."""

from typing import Any

import pytest

from ledger.core.cases import (
    Case,
    CaseState,
    Change,
    ChangeKind,
    LoggedAct,
    after_act,
    after_change,
    case_id,
    case_of,
    in_order,
)
from ledger.core.finding_acts import Act, Cause, FindingAct

OPENED = Change(index=10, kind=ChangeKind.OPENED, evidence=(3, 10))
MORE = Change(index=20, kind=ChangeKind.CHANGED, evidence=(3, 10, 18))
SAME = Change(index=20, kind=ChangeKind.CHANGED, evidence=(3, 10))
CLOSED = Change(index=30, kind=ChangeKind.CLOSED, evidence=(3, 10), reason="voided by 28")
AGAIN = Change(index=40, kind=ChangeKind.OPENED, evidence=(3, 38))


def act(index: int, what: Act, **members: Any) -> LoggedAct:  # noqa: ANN401
    made = FindingAct(act=what, item="/00/340123450000000017", code="DOUBLE_SHIP", **members)
    return LoggedAct(index=index, act=made)


def acknowledge(index: int) -> LoggedAct:
    return act(index, Act.ACKNOWLEDGE)


def assign(index: int) -> LoggedAct:
    return act(index, Act.ASSIGN, assignee="Jo")


def resolve(index: int) -> LoggedAct:
    return act(index, Act.RESOLVE, cause=Cause.SCANNER_ERROR)


def mute(index: int, until: int = 500) -> LoggedAct:
    return act(index, Act.MUTE, until=until)


def state(changes: list[Change], acts: list[LoggedAct]) -> str | None:
    case = case_of(changes, acts)
    return None if case is None else case.state.value


@pytest.mark.parametrize(
    ("changes", "acts", "expected"),
    [
        ([], [acknowledge(5)], None),
        ([OPENED], [], "open"),
        ([OPENED], [acknowledge(11)], "acknowledged"),
        ([OPENED], [acknowledge(11), assign(12)], "assigned"),
        ([OPENED], [acknowledge(11), assign(12), acknowledge(13)], "assigned"),
        ([OPENED], [assign(12), resolve(13)], "resolved"),
        ([OPENED], [resolve(13), assign(14), acknowledge(15)], "resolved"),
        ([OPENED], [resolve(13), act(14, Act.REOPEN)], "open"),
        ([OPENED], [acknowledge(13), act(14, Act.REOPEN)], "acknowledged"),
        # Nobody can have known of it: an act in advance is no act.
        ([OPENED], [resolve(4)], "open"),
        ([OPENED], [resolve(10)], "open"),
        ([OPENED, SAME], [resolve(12)], "resolved"),
        ([OPENED, MORE], [resolve(12)], "open"),
        ([OPENED, MORE], [resolve(19)], "open"),
        ([OPENED, MORE], [resolve(21)], "resolved"),
        ([OPENED, MORE], [acknowledge(12)], "acknowledged"),
        ([OPENED, CLOSED], [acknowledge(12)], "closed"),
        ([OPENED, CLOSED], [resolve(12)], "closed"),
        ([OPENED, CLOSED], [resolve(31), act(32, Act.REOPEN), assign(33)], "closed"),
        ([OPENED, CLOSED, AGAIN], [resolve(12)], "open"),
        ([OPENED, CLOSED, AGAIN], [resolve(41)], "resolved"),
    ],
)  # fmt: skip
def test_a_case_is_what_the_log_made_of_it(
    changes: list[Change], acts: list[LoggedAct], expected: str | None
) -> None:
    assert state(changes, acts) == expected


def test_a_case_keeps_who_and_why_until_it_begins_anew() -> None:
    resolved = case_of([OPENED], [assign(11), resolve(12)])
    assert resolved == Case(
        opened=10, changed=12, state=CaseState.RESOLVED, cause=Cause.SCANNER_ERROR, assignee="Jo",
        newest=10,
    )  # fmt: skip
    closed = case_of([OPENED, CLOSED], [assign(11), resolve(12)])
    assert closed is not None
    assert (closed.cause, closed.reason, closed.changed) == ("scanner_error", "voided by 28", 30)
    again = case_of([OPENED, CLOSED, AGAIN], [assign(11), resolve(12)])
    assert again == Case(opened=40, changed=40, newest=38)


def test_a_mute_ends_by_itself_or_by_an_act_and_changes_no_state() -> None:
    case = case_of([OPENED, CLOSED, AGAIN], [acknowledge(11), mute(12)])
    assert case is not None
    assert (case.state, case.is_muted(499), case.is_muted(500)) == (CaseState.OPEN, True, False)
    ended = case_of([OPENED], [mute(12), act(13, Act.UNMUTE)])
    assert ended is not None
    assert not ended.is_muted(0)


def test_an_act_without_effect_leaves_no_trace_in_the_case() -> None:
    case = after_change(None, OPENED)
    assert after_act(case, act(11, Act.UNMUTE)) is case
    assert after_act(case, act(11, Act.REOPEN)) is case
    muted = after_act(case, mute(11))
    assert muted is not None
    assert after_act(muted, mute(12)) is muted


def test_a_case_has_one_name_for_each_item_and_rule() -> None:
    names = {case_id(bytes([key]) * 32, code) for key in (1, 2) for code in ("A", "AB")}
    assert len(names) == 4
    assert {len(name) for name in names} == {16}


def test_an_act_stands_before_a_change_of_its_own_index() -> None:
    assert in_order([OPENED], [acknowledge(11), resolve(10)]) == [
        resolve(10), OPENED, acknowledge(11),
    ]  # fmt: skip
