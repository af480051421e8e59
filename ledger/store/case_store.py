"""Cases in PostgreSQL, as integration writes them."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, select, text, update

from ledger.core.cases import Case, CaseState, Change, ChangeKind
from ledger.core.finding_acts import Cause
from ledger.service.case_ports import ActRow, CaseRow, News, NotedChange
from ledger.store import case_tables as t
from ledger.store.outbox import announce_cases

_CHANGES = text("""
    SELECT seq, log_index, kind, item_key, code, evidence, reason FROM finding_changes
    WHERE seq > :after ORDER BY seq
""")
_ACTS = text("""
    SELECT log_index, entry FROM log_entries
    WHERE kind = 7 AND log_index >= :start AND log_index < :end ORDER BY log_index
""")
_COLUMNS = {
    "id": "bytea", "item_key": "bytea", "code": "text", "state": "text", "opened_index": "bigint",
    "changed_index": "bigint", "newest_index": "bigint", "cause": "text", "reason": "text",
    "assignee": "text", "muted_until": "bigint",
}  # fmt: skip
_NAME = ("id", "item_key", "code")
_WRITE = text(
    f"INSERT INTO cases ({', '.join(_COLUMNS)}) SELECT * FROM unnest("  # noqa: S608 -- our columns
    + ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in _COLUMNS.items())
    + ") ON CONFLICT (id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name not in _NAME)
)


class CaseTables:
    """The cases' part of an integration transaction."""

    def __init__(self, connection: Connection) -> None:
        """Take a connection inside a transaction."""
        self._connection = connection

    def progress(self) -> tuple[int, int]:
        """Return the last change, and the index below which acts, are in the cases."""
        row = self._connection.execute(select(t.case_progress)).one()
        return row.changes_to, row.acts_to

    def changes(self, after: int) -> list[NotedChange]:
        """Return changes of findings behind one, in order."""
        return [noted(row) for row in self._connection.execute(_CHANGES, {"after": after})]

    def acts(self, start: int, end: int) -> list[tuple[int, bytes]]:
        """Return acts with indexes [start, end), by index."""
        rows = self._connection.execute(_ACTS, {"start": start, "end": end})
        return [(row.log_index, row.entry) for row in rows]

    def cases(self, ids: Collection[bytes]) -> dict[bytes, Case]:
        """Return those cases that there are."""
        rows = self._connection.execute(
            text("SELECT * FROM cases WHERE id = ANY(:ids)"), {"ids": list(ids)}
        )
        return {row.id: case_of_row(row) for row in rows}

    def write_cases(
        self, cases: Collection[CaseRow], acts: Sequence[ActRow], changes_to: int, acts_to: int
    ) -> None:
        """Write cases and acts, and how far they go."""
        if cases:
            rows = [_row(one) for one in cases]
            # One statement: a load that opens 10,000 findings opens as many cases.
            self._connection.execute(
                _WRITE, {name: [row[name] for row in rows] for name in _COLUMNS}
            )
        if acts:
            self._connection.execute(t.case_acts.insert(), [one._asdict() for one in acts])
        progress = update(t.case_progress).values(changes_to=changes_to, acts_to=acts_to)
        self._connection.execute(progress)

    def announce(self, news: Sequence[News]) -> None:
        """Tell feeds, in the same commit."""
        announce_cases(self._connection, news)


def noted(row: Any) -> NotedChange:  # noqa: ANN401 -- a row of finding_changes
    """Return a change from its row."""
    change = Change(
        index=row.log_index, kind=ChangeKind(row.kind), evidence=tuple(row.evidence),
        reason=row.reason,
    )  # fmt: skip
    return NotedChange(seq=row.seq, item_key=row.item_key, code=row.code, change=change)


def case_of_row(row: Any) -> Case:  # noqa: ANN401 -- a row of cases
    """Return a case from its row."""
    return Case(
        opened=row.opened_index, changed=row.changed_index, state=CaseState(row.state),
        cause=None if row.cause is None else Cause(row.cause), reason=row.reason,
        assignee=row.assignee, muted_until=row.muted_until, newest=row.newest_index,
    )  # fmt: skip


def _row(one: CaseRow) -> dict[str, Any]:
    case = one.case
    return {
        "id": one.id, "item_key": one.item_key, "code": one.code, "state": case.state.value,
        "opened_index": case.opened, "changed_index": case.changed, "newest_index": case.newest,
        "cause": case.cause and case.cause.value, "reason": case.reason,
        "assignee": case.assignee, "muted_until": case.muted_until,
    }  # fmt: skip
