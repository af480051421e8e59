"""What an audit replays, streamed from one snapshot of PostgreSQL.

Rows come as plain tuples over binary cursors: an audit reads every row of the log, and objects
would cost more than the hashes. The snapshot can be shared with other processes by its name.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter

from psycopg import Connection as Driver
from sqlalchemy import Connection, text

from ledger.core.audit_signatures import SignedEntry
from ledger.core.entries import Address
from ledger.core.rights import Registrars
from ledger.service.audit_ports import AnchorFact, AuditBody, AuditSubmission, Extent, Row
from ledger.service.ports import Head
from ledger.store.case_audit_store import CaseAuditReads
from ledger.store.custody_audit_store import CustodyAuditTables
from ledger.store.database import open_engine
from ledger.store.map_audit_store import SqlMapRecords
from ledger.store.token_store import STRAY_EQUIVOCATIONS

# Rows of one fetch of a stream: an event with 5,000 packs has about 500 kB.
BODIES_PER_FETCH = 32
SUBMISSIONS_PER_FETCH = 8
ITEM_ROWS_PER_FETCH = 2_000

_SIGNED = """
    SELECT e.log_index, e.kind, e.entry, e.leaf_hash, s.id, coalesce(e.position, -1),
           coalesce(e.count, -1), coalesce(e.submission_path, ''), s.issued_ms, s.doc_hash,
           s.signature, s.digest
    FROM log_entries e LEFT JOIN submissions s ON s.id = e.submission_id
    WHERE e.log_index >= %s AND e.log_index < %s ORDER BY e.log_index
"""
_BODIES = """
    SELECT e.log_index, e.kind, e.entry, v.party, v.event_digest, v.content, v.sealed_secret,
           v.items_secret
    FROM log_entries e LEFT JOIN events v USING (log_index)
    WHERE e.log_index >= %s AND e.log_index < %s ORDER BY e.log_index
"""
_ITEM_ROWS = """
    SELECT r.log_index, r.row_index, r.item_key, r.role, r.spends, p.path
    FROM item_rows r LEFT JOIN items p USING (item_key)
    WHERE r.log_index >= %s AND r.log_index < %s ORDER BY r.log_index, r.row_index
"""
_SUBMISSIONS = """
    SELECT s.id, s.digest, s.signer, s.party, s.signature, s.issued_ms, s.doc_hash, s.sealed,
           s.document, EXISTS (
               SELECT 1 FROM capture_results r JOIN tombstones t ON t.event_index = r.log_index
               WHERE r.submission_id = s.id)
    FROM submissions s WHERE s.id >= %s AND s.id < %s ORDER BY s.id
"""
# What was answered to partners against what is in the log, both ways.
_RESULTS = """
    SELECT log_index, 'the answer to its sender names another entry' FROM (
        SELECT r.log_index FROM capture_results r LEFT JOIN log_entries e USING (log_index)
        WHERE r.verdict = 'accepted' AND ((e.submission_id, e.position)
              IS DISTINCT FROM (r.submission_id, r.position))
    ) a
    UNION ALL SELECT e.log_index, 'its sender was never answered' FROM log_entries e
        LEFT JOIN capture_results r ON r.submission_id = e.submission_id
             AND r.position = e.position AND r.verdict = 'accepted'
        WHERE e.submission_id IS NOT NULL AND r.submission_id IS NULL
    UNION ALL SELECT r.log_index, 'an answer calls it a duplicate that the document has not'
        FROM capture_results r LEFT JOIN log_entries e USING (log_index)
        WHERE r.verdict = 'duplicate' AND (e.log_index IS NULL OR r.position >= (
            SELECT o.count FROM capture_results a JOIN log_entries o USING (log_index)
            WHERE a.submission_id = r.submission_id AND a.verdict = 'accepted' LIMIT 1))
    UNION ALL SELECT min(log_index), 'submission ' || submission_id || ' was answered in parts'
        FROM capture_results GROUP BY submission_id
        HAVING max(position) + 1 <> count(*) OR count(DISTINCT coalesce(finished_ms, -1)) > 1
    UNION ALL SELECT min(log_index), 'its leaf hash stands in the log ' || count(*) || ' times'
        FROM log_entries GROUP BY leaf_hash HAVING count(*) > 1
    LIMIT 100
"""
_STRAY_BODIES = """
    SELECT 'item row', r.log_index FROM item_rows r LEFT JOIN log_entries e USING (log_index)
        WHERE e.log_index IS NULL
    UNION ALL SELECT 'content', v.log_index FROM events v LEFT JOIN log_entries e USING (log_index)
        WHERE e.log_index IS NULL
    LIMIT 100
"""


class SqlAuditStore(CaseAuditReads):
    """Reads one snapshot; every method may stream while the log goes on growing."""

    def __init__(self, connection: Connection) -> None:
        """Take a connection inside a repeatable-read transaction."""
        self._connection = connection
        driver = connection.connection.driver_connection
        if not isinstance(driver, Driver):
            raise TypeError("the audit reads through psycopg")
        self._driver = driver

    def snapshot(self) -> str:
        """Return the name by which other processes open the same snapshot while this is open."""
        return str(self._connection.execute(text("SELECT pg_export_snapshot()")).scalar_one())

    def _rows(self, query: str, *values: object) -> list[Row]:
        with self._driver.cursor(binary=True) as cursor:
            return cursor.execute(query.encode(), values).fetchall()

    def _stream(self, name: str, size: int, query: str, *values: object) -> Iterator[Row]:
        with self._driver.cursor(name, binary=True) as cursor:
            cursor.itersize = size
            cursor.execute(query.encode(), values)
            yield from cursor

    def extent(self) -> Extent:
        """Return how far the log says that it is, and what the tables hold."""
        (row,) = self._rows(
            "SELECT sequenced, integrated, root, peaks, clock_ms,"
            " (SELECT count(*) FROM log_entries), (SELECT coalesce(max(id), 0) FROM submissions),"
            " (SELECT count(*) FROM tiles), (SELECT coalesce(max(size), 0) FROM heads)"
            " FROM log_state"
        )
        return Extent(*row)

    def facts(self, size: int) -> Iterator[tuple[int, bytes]]:
        """Return genesis, party and key facts below size, by index."""
        return iter(
            self._rows(
                "SELECT log_index, entry FROM log_entries WHERE kind NOT IN (1, 7, 10)"
                " AND log_index < %s ORDER BY log_index",
                size,
            )
        )

    def signed(self, start: int, end: int) -> list[SignedEntry]:
        """Return entries [start, end) with the submissions that signed them."""
        return [SignedEntry(*row) for row in self._rows(_SIGNED, start, end)]

    def bodies(self, start: int, end: int) -> Iterator[AuditBody]:
        """Yield entries [start, end), each with its content and item rows, if any."""
        named = self._stream("named", ITEM_ROWS_PER_FETCH, _ITEM_ROWS, start, end)
        groups = groupby(named, itemgetter(0))
        at, rows = next(groups, (end, iter(())))
        for body in self._stream("bodies", BODIES_PER_FETCH, _BODIES, start, end):
            while at < body[0]:  # item rows of an index that has no entry
                at, rows = next(groups, (end, iter(())))
            items = [row[1:] for row in rows] if at == body[0] else []
            yield AuditBody._make((*body, items))

    def submissions(self, start: int, end: int) -> Iterator[AuditSubmission]:
        """Yield submissions with ids [start, end)."""
        for row in self._stream("sent", SUBMISSIONS_PER_FETCH, _SUBMISSIONS, start, end):
            yield AuditSubmission(*row)

    def tiles(self, level: int, start: int, end: int) -> dict[int, bytes]:
        """Return stored tiles [start, end) of a level by index."""
        return dict(
            self._rows(
                "SELECT tile_index, hashes FROM tiles WHERE level = %s AND tile_index >= %s"
                " AND tile_index < %s",
                level, start, end,
            )
        )  # fmt: skip

    def heads(self, start: int, end: int) -> list[Head]:
        """Return heads with sizes [start, end), by size."""
        rows = self._rows(
            "SELECT size, root, map_root, signature, note, published_ms FROM heads"
            " WHERE size >= %s AND size < %s ORDER BY size",
            start, end,
        )  # fmt: skip
        return [Head(**dict(zip(Head.__slots__, row, strict=True))) for row in rows]

    def final_anchors(self) -> list[AnchorFact]:
        """Return what the ledger holds to be final on its chain, with the heads, by size."""
        rows = self._rows(
            "SELECT a.size, h.root, h.map_root FROM anchors a JOIN heads h USING (size)"
            " WHERE a.state = 'final' ORDER BY a.size"
        )
        return [AnchorFact(*row) for row in rows]

    def directory(self) -> tuple[Mapping[bytes, tuple[str, str, bool]], Mapping[bytes, Row]]:
        """Return derived parties (path, name, active) and keys (party, active)."""
        parties = self._rows("SELECT party, path, name, active FROM parties")
        keys = self._rows("SELECT address, party, active FROM party_keys")
        return {row[0]: row[1:] for row in parties}, {row[0]: row[1:] for row in keys}

    def office_and_tombstones(self) -> tuple[Registrars, Mapping[int, int]]:
        """Return derived registrars behind the genesis one, and tombstones by erased index."""
        registrars = self._rows("SELECT log_index, address FROM registrars ORDER BY log_index")
        named = self._rows("SELECT event_index, log_index FROM tombstones")
        return tuple((index, Address(address)) for index, address in registrars), dict(named)

    def mismatched_results(self) -> list[Row]:
        """Return (index, sentence) of answers and entries that do not fit each other."""
        return self._rows(_RESULTS)

    def stray_equivocations(self, size: int) -> list[Row]:
        """Return (address, index) that the keys shown as cheats have and the log has not, or so."""
        return self._rows(STRAY_EQUIVOCATIONS, size)

    def stray_bodies(self) -> list[Row]:
        """Return (what, index) of contents and item rows of indexes that have no entry."""
        return self._rows(_STRAY_BODIES)

    def item_keys(self, after: bytes, below: bytes | None, size: int, limit: int) -> list[bytes]:
        """Return the next items, by key, that entries below size name as objects."""
        rows = self._rows(
            "SELECT DISTINCT item_key FROM item_rows WHERE role <> 5 AND log_index < %s"
            " AND item_key > %s AND (%s::bytea IS NULL OR item_key < %s)"
            " ORDER BY item_key LIMIT %s",
            size, after, below, below, limit,
        )  # fmt: skip
        return [row[0] for row in rows]

    def item_map(self) -> SqlMapRecords:
        """Return what the snapshot holds of the item map."""
        return SqlMapRecords(self._connection)

    def custody_audit(self) -> CustodyAuditTables:
        """Return what is derived of custody, and what it is made from."""
        return CustodyAuditTables(self._connection)


@contextmanager
def open_audit_store(url: str, snapshot: str | None) -> Iterator[SqlAuditStore]:
    """Open a snapshot of the database at url: a new one, or the one that another process named."""
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
            if snapshot is not None:
                driver = connection.connection.driver_connection
                if isinstance(driver, Driver):
                    driver.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'".encode())
            yield SqlAuditStore(connection)
    finally:
        engine.dispose()
