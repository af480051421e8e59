"""Cases as an audit reads them, from its snapshot."""

from collections.abc import Iterator

from sqlalchemy import Connection, text

from ledger.core.cases import Change
from ledger.service.case_ports import AuditedAct, AuditedCase
from ledger.store.case_store import case_of_row, noted

# Cases held at once, with all that made them.
CASES = 1_000
_NAMES = text("""
    SELECT id FROM (SELECT id FROM cases WHERE id > :after
        UNION SELECT case_id FROM case_acts WHERE case_id > :after) named
    ORDER BY id LIMIT :limit
""")
_CASES = text("""
    SELECT c.*, EXISTS (SELECT 1 FROM findings f WHERE f.item_key = c.item_key AND f.code = c.code)
        AS finding_open
    FROM cases c WHERE c.id = ANY(:ids)
""")
_CHANGES = text("""
    SELECT c.id AS case_id, f.* FROM cases c
    JOIN finding_changes f ON f.item_key = c.item_key AND f.code = c.code
    WHERE c.id = ANY(:ids) AND f.seq <= (SELECT changes_to FROM case_progress) ORDER BY f.seq
""")
_ACTS = text("""
    SELECT a.case_id, a.log_index, e.entry, a.effective FROM case_acts a
    JOIN log_entries e USING (log_index) WHERE a.case_id = ANY(:ids) ORDER BY a.log_index
""")
# A database of an older release has findings before it has cases: up to the next entry.
_STRAY = text("""
    SELECT e.log_index, 'an act that is in no case' FROM log_entries e
        LEFT JOIN case_acts a USING (log_index), log_state s
        WHERE e.kind = 7 AND e.log_index < s.integrated AND a.log_index IS NULL
    UNION ALL SELECT a.log_index, 'an act that the log has not' FROM case_acts a
        LEFT JOIN log_entries e ON e.log_index = a.log_index AND e.kind = 7
        WHERE e.log_index IS NULL
    UNION ALL SELECT f.opened_index, 'a finding without a case' FROM findings f
        LEFT JOIN cases c ON c.item_key = f.item_key AND c.code = f.code, log_state s
        WHERE c.id IS NULL AND f.opened_index < s.integrated - 1
    UNION ALL SELECT f.log_index, 'a change of a finding that is in no case' FROM finding_changes f,
        case_progress p, log_state s
        WHERE f.seq > p.changes_to AND f.log_index < s.integrated - 1
    LIMIT 100
""")


class CaseAuditReads:
    """Reads cases inside one snapshot."""

    _connection: Connection

    def audited_cases(self) -> Iterator[AuditedCase]:
        """Yield every case, and every name that acts were applied to, by id."""
        after = b""
        while ids := self._names(after):
            yield from self._page(ids)
            after = ids[-1]

    def stray_cases(self) -> list[tuple[int | None, str]]:
        """Return (index, sentence) of acts and findings that the cases lack, or have too many."""
        return [(row[0], row[1]) for row in self._connection.execute(_STRAY)]

    def _names(self, after: bytes) -> list[bytes]:
        named = {"after": after, "limit": CASES}
        return list(self._connection.scalars(_NAMES, named))

    def _page(self, ids: list[bytes]) -> Iterator[AuditedCase]:
        asked = {"ids": ids}
        stored = {row.id: row for row in self._connection.execute(_CASES, asked)}
        changes: dict[bytes, list[Change]] = {one: [] for one in ids}
        for row in self._connection.execute(_CHANGES, asked):
            changes[row.case_id].append(noted(row).change)
        acts: dict[bytes, list[AuditedAct]] = {one: [] for one in ids}
        for row in self._connection.execute(_ACTS, asked):
            acts[row.case_id].append(AuditedAct(row.log_index, row.entry, row.effective))
        for one in ids:
            known = stored.get(one)
            case = None if known is None else case_of_row(known)
            is_open = known is not None and known.finding_open
            yield AuditedCase(one, case, changes[one], acts[one], is_open)
