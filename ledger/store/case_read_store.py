"""Findings and cases in PostgreSQL, as the API reads them."""

from collections.abc import Mapping
from typing import Any

from psycopg.errors import QueryCanceled
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from ledger.core.cases import CaseState
from ledger.core.epcis.query import QueryTooComplexError
from ledger.service.case_ports import (
    ActJob,
    ActResult,
    CaseBrief,
    CaseRow,
    Closed,
    FindingFilter,
    Guesses,
    ListedCase,
    ListedFinding,
    NotedChange,
    ShownAct,
    ToldChange,
)
from ledger.store.case_store import case_of_row, noted
from ledger.store.query_store import STATEMENT_TIMEOUT_MS

# A filter that is NULL lets everything pass. The party of an entry is in its bytes 36 to 67.
_WANTED = """
    (CAST(:code AS text) IS NULL OR f.code = :code)
    AND (CAST(:finding_class AS text) IS NULL OR f.finding_class = :finding_class)
    AND (CAST(:severity AS text) IS NULL OR f.severity = :severity)
    AND (CAST(:item AS bytea) IS NULL OR f.item_key = :item)
    AND (CAST(:party AS bytea) IS NULL OR EXISTS (SELECT 1 FROM log_entries e
        WHERE e.log_index = ANY(f.evidence) AND substring(e.entry FROM 37 FOR 32) = :party))
"""
_OF_CASE = """
    AND (CAST(:case AS text) IS NULL OR CASE WHEN c.muted_until > :at_ms THEN 'muted' = :case
        ELSE c.state = :case END)
"""
_SINCE = "AND (CAST(:since AS bigint) IS NULL OR f.changed_index > :since)"
_BESIDE = """
    i.path, c.id AS case_id, c.state AS case_state, c.muted_until
    FROM {relation} f JOIN items i USING (item_key)
    LEFT JOIN cases c ON c.item_key = f.item_key AND c.code = f.code
"""
_OPEN = text(
    "SELECT f.*, " + _BESIDE.format(relation="findings") + " WHERE " + _WANTED + _OF_CASE + _SINCE
    + " AND (f.item_key, f.code) > (:after_item, :after_code)"
    " ORDER BY f.item_key, f.code LIMIT :limit"
)  # fmt: skip
_PAST = text(
    "SELECT f.*, " + _BESIDE.format(relation="finding_history")
    + " WHERE " + _WANTED + _OF_CASE + _SINCE
    + " AND f.id > :after AND (NOT :closed_only OR f.closed_index IS NOT NULL)"
    " ORDER BY f.id LIMIT :limit"
)  # fmt: skip
_TOLD = text(
    "SELECT f.*, " + _BESIDE.format(relation="finding_changes") + " WHERE " + _WANTED
    + " AND f.seq > :after AND f.seq <= :up_to ORDER BY f.seq LIMIT :limit"
)  # fmt: skip
_BEFORE = text("""
    SELECT coalesce(max(seq), 0) FROM finding_changes
    WHERE log_index < :index OR log_index = :index AND NOT (:seen AND late)
""")
# What its finding is, or was when it closed.
_CASES = text(
    "SELECT c.*, i.path, f.closed_index IS NULL AS finding_open, f.severity,"  # noqa: S608 -- ours
    " f.finding_class,"
    " f.detail, f.evidence"
    " FROM cases c JOIN items i USING (item_key)"
    " CROSS JOIN LATERAL (SELECT * FROM finding_history h"
    " WHERE h.item_key = c.item_key AND h.code = c.code ORDER BY h.id DESC LIMIT 1) f"
    " WHERE c.id > :after AND (CAST(:id AS bytea) IS NULL OR c.id = :id) AND "
    + _WANTED + _OF_CASE + " ORDER BY c.id LIMIT :limit"
)  # fmt: skip
_CASE_CHANGES = text("""
    SELECT * FROM (SELECT seq, log_index, kind, item_key, code, evidence, reason
        FROM finding_changes WHERE item_key = :item AND code = :code
        ORDER BY seq DESC LIMIT :limit) last ORDER BY seq
""")
_CASE_ACTS = text("""
    SELECT * FROM (SELECT a.log_index, a.effective, e.entry, e.leaf_hash,
            p.path AS party_path, p.name AS party_name
        FROM case_acts a JOIN log_entries e USING (log_index)
        LEFT JOIN parties p ON p.party = substring(e.entry FROM 37 FOR 32)
        WHERE a.case_id = :id ORDER BY a.log_index DESC LIMIT :limit) last ORDER BY log_index
""")
# Registrars' facts have the party Z.
_JOB = text("""
    SELECT s.id, s.digest, s.accepted_ms, q.submission_id IS NOT NULL AS running
    FROM submissions s LEFT JOIN submission_queue q ON q.submission_id = s.id
    WHERE s.digest BETWEEN :first AND :last AND s.media_type IS NULL AND s.party <> :nobody LIMIT 1
""")
_RESULTS = text("""
    SELECT position, verdict, log_index, code, reason FROM capture_results
    WHERE submission_id = :id ORDER BY position
""")
_GUESSES = text("""
    WITH recent AS (
        SELECT *, sum(failures) OVER (PARTITION BY window_ms, requestor) AS by_requestor
        FROM failed_look_ups WHERE window_ms >= :since
    )
    SELECT gtin, sum(failures)::bigint AS failures, count(*) AS requestors FROM recent
    GROUP BY window_ms, gtin HAVING sum(failures) >= :least OR max(by_requestor) >= :least
    ORDER BY window_ms, gtin LIMIT :limit
""")
_ADD_GUESSES = text("""
    INSERT INTO failed_look_ups (window_ms, gtin, requestor, failures)
    VALUES (:window_ms, :gtin, :requestor, :failures)
    ON CONFLICT (window_ms, gtin, requestor)
    DO UPDATE SET failures = failed_look_ups.failures + excluded.failures
""")
_FORGET = text("DELETE FROM failed_look_ups WHERE window_ms < :before")
# Of this transaction alone.
_TIMEOUT = text("SELECT set_config('statement_timeout', :ms, true)")
_DIGEST_BYTES = 32


class SqlCaseStore:
    """Reads findings and cases over one engine."""

    def __init__(self, engine: Engine, timeout_ms: int = STATEMENT_TIMEOUT_MS) -> None:
        """Take an engine whose database is migrated, and how long a list may take."""
        self._engine, self._timeout_ms = engine, timeout_ms
        self._at_once = engine.execution_options(isolation_level="REPEATABLE READ")

    def _rows(self, query: Any, **values: object) -> list[Any]:  # noqa: ANN401 -- a text
        with self._at_once.connect() as connection:
            return list(connection.execute(query, values))

    def _listed(self, query: Any, wanted: FindingFilter, **values: object) -> list[Any]:  # noqa: ANN401 -- a text
        """Return rows of a list whose filters may leave any number of rows to be read.

        Raises:
            QueryTooComplexError: It takes longer than a query may.
        """
        with self._at_once.connect() as connection:
            connection.execute(_TIMEOUT, {"ms": str(self._timeout_ms)})
            try:
                return list(connection.execute(query, values | _filter(wanted)))
            except OperationalError as error:
                if not isinstance(error.orig, QueryCanceled):
                    raise
        raise QueryTooComplexError(
            f"a list of findings may take {self._timeout_ms / 1000:g} seconds; ask for less: an"
            " item, a code, or what has changed since"
        )

    def open_findings(
        self, wanted: FindingFilter, after: tuple[bytes, str], limit: int
    ) -> list[ListedFinding]:
        """Return open findings by (item key, code), from behind `after`."""
        rows = self._listed(_OPEN, wanted, after_item=after[0], after_code=after[1], limit=limit)
        return [_finding(row) for row in rows]

    def past_findings(
        self, wanted: FindingFilter, *, closed_only: bool, after: int, limit: int
    ) -> list[ListedFinding]:
        """Return every time that a finding was open, in the order of opening."""
        rows = self._listed(_PAST, wanted, closed_only=closed_only, after=after, limit=limit)
        return [_episode(row) for row in rows]

    def changes_to(self) -> int:
        """Return the last change that is in the cases."""
        return int(self._rows(text("SELECT changes_to FROM case_progress"))[0][0])

    def change_before(self, index: int, *, seen: bool) -> int:
        """Return the last change of an index, or below.

        With `seen`, later finds of the same index are not counted: their reader cannot tell.
        """
        return int(self._rows(_BEFORE, index=index, seen=seen)[0][0])

    def told_changes(
        self, wanted: FindingFilter, after: int, up_to: int, limit: int
    ) -> list[ToldChange]:
        """Return changes behind `after` up to one, in order."""
        rows = self._rows(_TOLD, after=after, up_to=up_to, limit=limit, **_filter(wanted))
        return [
            ToldChange(
                seq=row.seq, index=row.log_index, kind=row.kind, reason=row.reason,
                finding=_finding(row),
            )
            for row in rows
        ]  # fmt: skip

    def listed_cases(
        self, wanted: FindingFilter, after: bytes, limit: int, only: bytes | None = None
    ) -> list[ListedCase]:
        """Return cases by id, from behind `after`; `only` is the id of a single one."""
        rows = self._listed(_CASES, wanted, after=after, limit=limit, id=only)
        return [
            ListedCase(
                row=CaseRow(row.id, row.item_key, row.code, case_of_row(row)), path=row.path,
                finding_open=row.finding_open, severity=row.severity,
                finding_class=row.finding_class, detail=row.detail, evidence=row.evidence,
            )
            for row in rows
        ]  # fmt: skip

    def case_changes(self, item_key: bytes, code: str, limit: int) -> list[NotedChange]:
        """Return the last changes of the finding of a case, in order."""
        return [noted(row) for row in self._rows(_CASE_CHANGES, item=item_key, code=code,
                                                 limit=limit)]  # fmt: skip

    def case_acts(self, case_id: bytes, limit: int) -> list[ShownAct]:
        """Return the last acts on a case, by index, whether or not it changed."""
        return [
            ShownAct(
                index=row.log_index, entry=row.entry, leaf_hash=row.leaf_hash,
                effective=row.effective, party_path=row.party_path, party_name=row.party_name,
            )
            for row in self._rows(_CASE_ACTS, id=case_id, limit=limit)
        ]  # fmt: skip

    def act_job(self, job_id: bytes) -> ActJob | None:
        """Return the job whose submission digest begins with job_id."""
        missing = _DIGEST_BYTES - len(job_id)
        first, last = job_id + bytes(missing), job_id + b"\xff" * missing
        with self._at_once.connect() as connection:
            span = {"first": first, "last": last, "nobody": bytes(_DIGEST_BYTES)}
            row = connection.execute(_JOB, span).one_or_none()
            if row is None:
                return None
            results = [ActResult(*one) for one in connection.execute(_RESULTS, {"id": row.id})]
        return ActJob(
            digest=row.digest, created_ms=row.accepted_ms, running=row.running, results=results
        )

    def guesses(self, since_ms: int, least: int, limit: int) -> list[Guesses]:
        """Return products with that many failing look-ups in a window, from one on.

        So many of that product; or so many by one requestor, of whatever products.
        """
        rows = self._rows(_GUESSES, since=since_ms, least=least, limit=limit)
        return [Guesses(*row) for row in rows]

    def add_guesses(
        self, failures: Mapping[tuple[int, str, bytes], int], forget_before_ms: int
    ) -> None:
        """Add failing look-ups by (window, product, requestor), and forget old windows."""
        rows = [
            {"window_ms": window, "gtin": gtin, "requestor": requestor, "failures": count}
            for (window, gtin, requestor), count in sorted(failures.items())
        ]
        with self._engine.begin() as connection:
            if rows:
                connection.execute(_ADD_GUESSES, rows)
            connection.execute(_FORGET, {"before": forget_before_ms})


def _filter(wanted: FindingFilter) -> dict[str, object]:
    return {name: getattr(wanted, name) for name in FindingFilter.__slots__}


def _finding(row: Any, **more: Any) -> ListedFinding:  # noqa: ANN401 -- a row of the queries above
    case = row.case_id and CaseBrief(row.case_id, CaseState(row.case_state), row.muted_until)
    return ListedFinding(
        path=row.path, item_key=row.item_key, code=row.code, severity=row.severity,
        finding_class=row.finding_class, detail=row.detail, evidence=row.evidence,
        backdated=row.backdated, opened_index=getattr(row, "opened_index", None),
        opened_ms=getattr(row, "opened_ms", None),
        changed_index=getattr(row, "changed_index", None), case=case, **more,
    )  # fmt: skip


def _episode(row: Any) -> ListedFinding:  # noqa: ANN401 -- a row of finding_history
    closed = None
    if row.closed_index is not None:
        closed = Closed(row.closed_index, row.closed_ms, row.closed_reason)
    return _finding(row, id=row.id, closed=closed)
