"""Cases as they are stored, and as the log and the findings over time give them."""

from collections import defaultdict
from typing import Any

from sqlalchemy import Connection, text

from ledger.core.cases import Case, Change, ChangeKind, LoggedAct, case_id, case_of
from ledger.core.entries import decode_fact
from ledger.core.finding_acts import parse_finding_act
from ledger.core.identifiers import item_key
from ledger.store.case_store import case_of_row

Acts = dict[bytes, list[LoggedAct]]


def stored_cases(connection: Connection) -> dict[bytes, Case]:
    rows = connection.execute(text("SELECT * FROM cases")).all()
    assert {row.id for row in rows} == {case_id(row.item_key, row.code) for row in rows}
    return {row.id: case_of_row(row) for row in rows}


def replayed_cases(connection: Connection) -> dict[bytes, Case]:
    """Fold everything that there is from nothing."""
    changes, acts = _changes(connection), _acts(connection)
    made = {one: case_of(changes.get(one, []), acts.get(one, [])) for one in {*changes, *acts}}
    return {one: case for one, case in made.items() if case is not None}


def _changes(connection: Connection) -> dict[bytes, list[Change]]:
    found: dict[bytes, list[Change]] = defaultdict(list)
    rows = connection.execute(text("SELECT * FROM finding_changes ORDER BY seq"))
    for row in rows:
        change = Change(
            index=row.log_index, kind=ChangeKind(row.kind), evidence=tuple(row.evidence),
            reason=row.reason,
        )  # fmt: skip
        found[case_id(row.item_key, row.code)].append(change)
    return found


def _acts(connection: Connection) -> Acts:
    """The acts of the log itself, each with its mark in the derived table."""
    rows = connection.execute(
        text(
            "SELECT e.log_index, e.entry, a.case_id FROM log_entries e"
            " LEFT JOIN case_acts a USING (log_index) WHERE e.kind = 7 AND e.log_index <"
            " (SELECT integrated FROM log_state) ORDER BY e.log_index"
        )
    ).all()
    found: Acts = defaultdict(list)
    for row in rows:
        act = parse_finding_act(decode_fact(row.entry))
        name = case_id(item_key(act.item), act.code)
        assert row.case_id == name
        found[name].append(LoggedAct(index=row.log_index, act=act))
    counted: Any = connection.execute(text("SELECT count(*) FROM case_acts")).scalar_one()
    assert counted == len(rows)
    return found


def verify_cases(connection: Connection) -> int:
    """Compare; what changed an open finding was told once. Returns the number of cases."""
    cases = stored_cases(connection)
    assert cases == replayed_cases(connection)
    open_ones = connection.execute(
        text(
            "SELECT f.item_key, f.code, f.evidence, c.kind, c.evidence AS told FROM findings f"
            " CROSS JOIN LATERAL (SELECT * FROM finding_changes c WHERE c.item_key = f.item_key"
            " AND c.code = f.code ORDER BY seq DESC LIMIT 1) c"
        )
    ).all()
    count: Any = connection.execute(text("SELECT count(*) FROM findings")).scalar_one()
    assert len(open_ones) == count
    assert all(row.kind != "closed" and row.told == row.evidence for row in open_ones)
    open_cases = {case_id(row.item_key, row.code) for row in open_ones}
    assert {one for one, case in cases.items() if case.state != "closed"} == open_cases
    return len(cases)
