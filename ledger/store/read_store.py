"""Reads for the API, from PostgreSQL."""

from collections.abc import Collection
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, select, text

from ledger.core.custody.findings import Finding, FindingClass, Rule, Severity
from ledger.core.custody.state import ItemState, Status
from ledger.core.custody.steps import MAX_NESTING
from ledger.core.entries import Op
from ledger.service.ports import Head
from ledger.service.read_ports import (
    Backlog,
    FoundFinding,
    ItemEvent,
    Job,
    JobResult,
    Party,
    Sizes,
)
from ledger.store import tables as t
from ledger.store.directory_store import last_registrar

_OP, _TIME, _SIGNER = 5, slice(8, 16), slice(16, 36)
MAX_ID = 2**63 - 1
# Of one job in a list of jobs; the job itself tells all.
MAX_LISTED_ERRORS = 20
_SIZES = text("""
    SELECT (SELECT count(*) FROM submission_queue) AS accepted, sequenced, integrated,
        (SELECT map_size FROM map_state) AS mapped,
        (SELECT coalesce(max(size), 0) FROM heads) AS published,
        (SELECT coalesce(max(size), 0) FROM anchors WHERE state IN ('mined', 'safe', 'final'))
            AS anchored,
        (SELECT coalesce(max(size), 0) FROM anchors WHERE state = 'final') AS final
    FROM log_state
""")
# The digest's unique index answers a prefix as a range. Facts have no media type; the document of
# a job may be erased.
_JOB = text("""
    SELECT s.id, s.digest, s.accepted_ms, s.error_behaviour, q.submission_id IS NOT NULL AS running
    FROM submissions s LEFT JOIN submission_queue q ON q.submission_id = s.id
    WHERE s.digest BETWEEN :first AND :last AND s.media_type IS NOT NULL LIMIT 1
""")
_JOBS = text("""
    SELECT s.id, s.digest, s.accepted_ms, s.error_behaviour, q.submission_id IS NOT NULL AS running,
        (SELECT finished_ms FROM capture_results r WHERE r.submission_id = s.id LIMIT 1)
    FROM submissions s LEFT JOIN submission_queue q ON q.submission_id = s.id
    WHERE s.media_type IS NOT NULL AND s.id < :before ORDER BY s.id DESC LIMIT :limit
""")
_RESULTS = text("""
    SELECT r.position, r.verdict, r.log_index, r.code, r.reason, r.findings AS details,
        r.finished_ms, (SELECT event_id FROM events e WHERE e.log_index = r.log_index),
        ARRAY(SELECT DISTINCT code FROM findings f WHERE f.evidence @> ARRAY[r.log_index]
            ORDER BY code) AS findings
    FROM capture_results r WHERE r.submission_id = :id ORDER BY r.position
""")
_REJECTED = text("""
    SELECT s.id, r.position, r.code, r.reason, r.findings AS details
    FROM unnest(CAST(:ids AS bigint[])) AS s (id) CROSS JOIN LATERAL (
        SELECT * FROM capture_results r WHERE r.submission_id = s.id AND r.verdict = 'rejected'
        ORDER BY r.position LIMIT :limit
    ) r
    ORDER BY r.position
""")
_BATCH_CLOCK = text("""
    SELECT entry FROM log_entries WHERE kind = 10 AND log_index < :index
    ORDER BY log_index DESC LIMIT 1
""")
_ITEM_EVENTS = text("""
    SELECT e.log_index, e.entry, t.log_index AS tombstone
    FROM log_entries e LEFT JOIN tombstones t ON t.event_index = e.log_index
    WHERE e.log_index IN
        (SELECT log_index FROM item_rows WHERE item_key = :key AND log_index > :after)
    ORDER BY e.log_index LIMIT :limit
""")
_UPWARDS = text("""
    WITH RECURSIVE upwards AS (
        SELECT *, 0 AS depth FROM item_states WHERE item_key = :key
        UNION ALL
        SELECT s.*, depth + 1 FROM upwards u JOIN item_states s ON s.item_key = u.container
        WHERE depth < :deepest
    )
    SELECT status, holder, shipped_to, container, last_index, last_time, condition
    FROM upwards
    ORDER BY depth
""")
_FINDINGS = text("""
    SELECT f.*, i.path FROM findings f JOIN items i USING (item_key)
    WHERE (f.item_key, f.code) > (:after_item, :after_code)
        AND (CAST(:code AS text) IS NULL OR f.code = :code)
        AND (CAST(:item AS bytea) IS NULL OR f.item_key = :item)
    ORDER BY f.item_key, f.code LIMIT :limit
""")
_EQUIVOCATIONS = text("""
    SELECT address, min(log_index) AS log_index FROM key_equivocations
    WHERE address = ANY(:addresses) GROUP BY address
""")
_UNSEQUENCED = text("""
    SELECT accepted_ms FROM submissions WHERE id = (SELECT min(submission_id) FROM submission_queue)
""")
_UNFINAL = text("""
    SELECT s.accepted_ms FROM log_entries e JOIN submissions s ON s.id = e.submission_id
    WHERE e.log_index >= :final ORDER BY e.log_index LIMIT 1
""")


class SqlReadStore:
    """Reads jobs, items, findings, parties, heads and tiles over one engine."""

    def __init__(self, engine: Engine) -> None:
        """Take an engine whose database is migrated."""
        self._engine = engine.execution_options(isolation_level="REPEATABLE READ")

    def _rows(self, query: Any, **values: object) -> list[Any]:  # noqa: ANN401 -- text or select
        with self._engine.connect() as connection:
            return list(connection.execute(query, values))

    def sizes(self) -> Sizes:
        """Return how far the log is."""
        return Sizes(**self._rows(_SIZES)[0]._asdict())

    def registrar(self) -> bytes | None:
        """Return the address of the registrar, None while it is the genesis entry's."""
        with self._engine.connect() as connection:
            return last_registrar(connection)

    def job(self, capture_id: bytes) -> Job | None:
        """Return the job whose submission digest begins with capture_id."""
        with self._engine.connect() as connection:
            row = connection.execute(_JOB, _span(capture_id)).one_or_none()
            if row is None:
                return None
            rows = connection.execute(_RESULTS, {"id": row.id}).all()
            results = [_result(one) for one in rows]
            known = next((one.finished_ms for one in rows), None)
            return _job(row, results, known or _finished_ms(connection, results))

    def jobs(self, before: bytes | None, limit: int) -> list[Job] | None:
        """Return jobs, newest first, from behind the one whose digest begins with `before`.

        None when there is no such job.
        """
        with self._engine.connect() as connection:
            last = MAX_ID
            if before is not None:
                row = connection.execute(_JOB, _span(before)).one_or_none()
                if row is None:
                    return None
                last = row.id
            rows = connection.execute(_JOBS, {"before": last, "limit": limit}).all()
            rejected: dict[int, list[JobResult]] = {row.id: [] for row in rows}
            wanted = {"ids": list(rejected), "limit": MAX_LISTED_ERRORS}
            for one in connection.execute(_REJECTED, wanted):
                rejected[one.id].append(_rejection(one))
        return [_job(row, rejected[row.id], row.finished_ms) for row in rows]

    def item_events(self, key: bytes, after: int, limit: int) -> list[ItemEvent]:
        """Return entries that name an item, by index, from behind `after`."""
        return [
            ItemEvent(
                index=index,
                op=Op(entry[_OP]),
                time_ms=int.from_bytes(entry[_TIME], "big"),
                signer=entry[_SIGNER],
                tombstone=tombstone,
            )
            for index, entry, tombstone in self._rows(
                _ITEM_EVENTS, key=key, after=after, limit=limit
            )
        ]

    def custody_upwards(self, key: bytes) -> list[ItemState]:
        """Return the state of an item, of its container, and so on to the outermost."""
        return [
            ItemState(**{**row._asdict(), "status": Status(row.status)})
            for row in self._rows(_UPWARDS, key=key, deepest=MAX_NESTING)
        ]

    def item_paths(self, keys: Collection[bytes]) -> dict[bytes, str]:
        """Return the canonical paths of items by key."""
        query = select(t.items.c.item_key, t.items.c.path).where(t.items.c.item_key.in_(keys))
        return {row.item_key: row.path for row in self._rows(query)}

    def findings(
        self, *, code: str | None, item: bytes | None, after: tuple[bytes, str], limit: int
    ) -> list[FoundFinding]:
        """Return open findings by (item key, code), from behind `after`."""
        rows = self._rows(
            _FINDINGS, code=code, item=item, after_item=after[0], after_code=after[1], limit=limit
        )
        return [FoundFinding(path=row.path, finding=_finding(row)) for row in rows]

    def parties(self, keys: Collection[bytes] | None = None) -> list[Party]:
        """Return parties, all of them or those named, by path, with their keys."""
        parties, held = select(t.parties).order_by(t.parties.c.path), select(t.party_keys)
        if keys is not None:
            parties = parties.where(t.parties.c.party.in_(keys))
            held = held.where(t.party_keys.c.party.in_(keys))
        keys_of: dict[bytes, list[tuple[bytes, bool]]] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(held.order_by(t.party_keys.c.address)):
                keys_of.setdefault(row.party, []).append((row.address, row.active))
            known = [address for listed in keys_of.values() for address, _ in listed]
            cheats = _equivocations(connection, known)
            return [
                Party(
                    **row._asdict(),
                    keys=keys_of.get(row.party, ()),
                    equivocated={
                        address: cheats[address]
                        for address, _ in keys_of.get(row.party, ())
                        if address in cheats
                    },
                )
                for row in connection.execute(parties)
            ]

    def key_party(self, address: bytes) -> tuple[bytes, bool] | None:
        """Return party and activity of a signing key."""
        keys = t.party_keys.c
        rows = self._rows(select(keys.party, keys.active).where(keys.address == address))
        return (rows[0].party, rows[0].active) if rows else None

    def equivocations(self, addresses: Collection[bytes]) -> dict[bytes, int]:
        """Return the first log index by which each key had signed two owners for one token."""
        with self._engine.connect() as connection:
            return _equivocations(connection, addresses)

    def head(self, size: int | None) -> Head | None:
        """Return the published head of a size, or the greatest."""
        query = select(t.heads).order_by(t.heads.c.size.desc()).limit(1)
        if size is not None:
            query = query.where(t.heads.c.size == size)
        rows = self._rows(query)
        return Head(**rows[0]._asdict()) if rows else None

    def tile(self, level: int, index: int) -> bytes:
        """Return the stored hashes of a tile, b"" when there is none."""
        tiles = t.tiles.c
        query = select(tiles.hashes).where(tiles.level == level, tiles.tile_index == index)
        rows = self._rows(query)
        return rows[0].hashes if rows else b""

    def backlog(self, final: int) -> Backlog:
        """Return what waits longest, final entries being those below `final`."""
        waiting = [row.accepted_ms for row in self._rows(_UNSEQUENCED)]
        logged = [row.accepted_ms for row in self._rows(_UNFINAL, final=final)]
        return Backlog(
            unsequenced_ms=next(iter(waiting), None),
            unfinal_ms=min(waiting + logged, default=None),
        )


def _equivocations(connection: Connection, addresses: Collection[bytes]) -> dict[bytes, int]:
    rows = connection.execute(_EQUIVOCATIONS, {"addresses": list(addresses)})
    return {row.address: row.log_index for row in rows}


def _span(capture_id: bytes) -> dict[str, bytes]:
    missing = 32 - len(capture_id)
    return {"first": capture_id + bytes(missing), "last": capture_id + b"\xff" * missing}


def _job(row: Any, results: list[JobResult], finished_ms: int | None) -> Job:  # noqa: ANN401
    return Job(
        digest=row.digest,
        created_ms=row.accepted_ms,
        finished_ms=finished_ms,
        running=row.running,
        error_behaviour=row.error_behaviour,
        results=results,
    )


def _result(row: Any) -> JobResult:  # noqa: ANN401 -- a row of the queries above
    return JobResult(
        position=row.position,
        verdict=row.verdict,
        log_index=row.log_index,
        code=row.code,
        reason=row.reason,
        findings=row.findings,
        details=orjson.loads(row.details or "[]"),
        event_id=row.event_id,
    )


def _rejection(row: Any) -> JobResult:  # noqa: ANN401 -- a row of the queries above
    return JobResult(
        position=row.position,
        verdict="rejected",
        log_index=None,
        code=row.code,
        reason=row.reason,
        findings=(),
        details=orjson.loads(row.details or "[]"),
    )


def _finished_ms(connection: Connection, results: Collection[JobResult]) -> int | None:
    """Return the clock of the batch that logged the job's own entries, before revision 0002."""
    own = [one.log_index for one in results if one.verdict == "accepted" and one.log_index]
    if not own:
        return None
    entry = connection.execute(_BATCH_CLOCK, {"index": min(own)}).scalar_one_or_none()
    return None if entry is None else int.from_bytes(entry[_TIME], "big")


def _finding(row: Any) -> Finding:  # noqa: ANN401 -- a row of the query above
    return Finding(
        code=Rule(row.code),
        severity=Severity(row.severity),
        finding_class=FindingClass(row.finding_class),
        item=row.item_key,
        evidence=tuple(row.evidence),
        detail=row.detail,
    )
