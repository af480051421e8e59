"""Findings in PostgreSQL: which are open, and every time that one was."""

from collections import Counter
from collections.abc import Collection, Sequence

from sqlalchemy import Connection

from ledger.service.custody_ports import Change, FindingChange, OpenFinding
from ledger.store.bulk import KeyArray, copy_into
from ledger.store.facts_store import FactTables
from ledger.store.outbox import announce_findings

_COLUMNS = {
    "item_key": "bytea", "code": "text", "severity": "text", "finding_class": "text",
    "detail": "text", "evidence": "int8[]", "backdated": "bool", "opened_index": "int8",
    "opened_ms": "int8", "changed_index": "int8",
}  # fmt: skip
_OPEN = """
    SELECT item_key, code, severity, finding_class, detail, evidence, backdated FROM findings
    WHERE item_key = ANY(%s)
"""
_CHANGED = (
    """
    UPDATE findings SET severity = %s, finding_class = %s, detail = %s, evidence = %s,
        backdated = %s, changed_index = %s WHERE item_key = %s AND code = %s
    """,
    """
    UPDATE finding_history SET severity = %s, finding_class = %s, detail = %s, evidence = %s,
        backdated = %s, changed_index = %s
    WHERE item_key = %s AND code = %s AND closed_index IS NULL
    """,
)
_CLOSED = "DELETE FROM findings WHERE item_key = %s AND code = %s"
_ENDED = """
    UPDATE finding_history SET changed_index = %s, closed_index = %s, closed_ms = %s,
        closed_reason = %s WHERE item_key = %s AND code = %s AND closed_index IS NULL
"""


class FindingTables(FactTables):
    """Reads and writes findings inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        """Take a connection inside a transaction."""
        super().__init__(connection)
        self._told: Counter[tuple[str, str]] = Counter()

    def open_findings(self, keys: Collection[bytes]) -> list[OpenFinding]:
        """Return the open findings of items."""
        rows = self._fetch(_OPEN, KeyArray(keys))
        return [OpenFinding._make((*row[:5], tuple(row[5]), row[6])) for row in rows]

    def write_findings(
        self, changes: Sequence[FindingChange], index: int, at_ms: int, cap: int
    ) -> None:
        """Open, change and close findings; feeds are told in the same commit, `cap` of a kind.

        Args:
            changes: At most one of each item and code.
            index: The last log index that is integrated with them.
            at_ms: The sequencer's clock there.
            cap: Messages of one code and change; one more tells how many others there are.
        """
        self._open([f for change, f, _ in changes if change is Change.OPENED], index, at_ms)
        changed = [f for change, f, _ in changes if change is Change.CHANGED]
        for statement in _CHANGED:
            self._run_many(
                statement,
                [
                    (
                        f.severity, f.finding_class, f.detail, list(f.evidence), f.backdated, index,
                        f.item, f.code,
                    )
                    for f in changed
                ],
            )  # fmt: skip
        closed = [(f, reason) for change, f, reason in changes if change is Change.CLOSED]
        self._run_many(_CLOSED, [(f.item, f.code) for f, _ in closed])
        self._run_many(
            _ENDED, [(index, index, at_ms, reason, f.item, f.code) for f, reason in closed]
        )
        announce_findings(self._connection, changes, self._told, at_ms, cap)

    def _open(self, opened: Sequence[OpenFinding], index: int, at_ms: int) -> None:
        rows = [
            (
                f.item, f.code, f.severity, f.finding_class, f.detail, list(f.evidence),
                f.backdated, index, at_ms, index,
            )
            for f in opened
        ]  # fmt: skip
        for table in ("findings", "finding_history") if rows else ():
            copy_into(self._connection, table, list(_COLUMNS), list(_COLUMNS.values()), rows)
