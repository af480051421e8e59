"""The log in PostgreSQL: pending submissions, sequencing and integration transactions, heads."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from ledger.core.errors import InvariantError, NotFoundError
from ledger.core.facts import LogIdentity
from ledger.service.integration_ports import LogState
from ledger.service.ports import (
    AcceptedSubmission,
    Batch,
    Directory,
    EventName,
    Head,
    Namesakes,
    PendingSubmission,
)
from ledger.store import tables as t
from ledger.store.bulk import copy_into, copy_rows
from ledger.store.case_store import CaseTables
from ledger.store.custody_store import CustodyTables
from ledger.store.directory_store import read_directory, read_identity, write_directory
from ledger.store.erasure_store import ErasureReads, ErasureWrites, write_tombstones
from ledger.store.map_store import MapTables
from ledger.store.map_tables import map_state
from ledger.store.token_store import note_equivocations

# Bytes of documents and submissions that one batch holds in memory, some ten times over.
MAX_PENDING_BYTES = 32 * 1024 * 1024
# One sequencer per database, whatever the number of processes: the lock's key is arbitrary.
SEQUENCER_LOCK = 0x556E62726F6B656E
# Attack: any number of events under one eventID. Each question ends at its first row.
_NAMESAKES = text("""
    SELECT at,
        EXISTS (SELECT 1 FROM events e WHERE e.event_id = w.event_id AND NOT e.declares_error
            AND e.event_digest <> w.event_digest) AS other,
        EXISTS (SELECT 1 FROM events e WHERE e.event_id = w.event_id AND NOT e.declares_error
            AND e.event_hash = w.event_hash AND e.party = w.party) AS own,
        EXISTS (SELECT 1 FROM events e WHERE e.event_id = w.event_id AND NOT e.declares_error
            AND e.event_hash = w.event_hash) AS alike
    FROM unnest(CAST(:ids AS text[]), CAST(:hashes AS bytea[]), CAST(:digests AS bytea[]),
        CAST(:parties AS bytea[])) WITH ORDINALITY
        AS w (event_id, event_hash, event_digest, party, at)
    WHERE EXISTS (SELECT 1 FROM events e WHERE e.event_id = w.event_id AND NOT e.declares_error)
""")
# In the order of the table's columns.
_IN_LOG = attrgetter(
    "index", "kind", "entry", "leaf_hash", "submission_id", "position", "count", "path"
)


class SqlLogStore:
    """The log's storage over one engine."""

    def __init__(self, engine: Engine) -> None:
        """Take an engine whose database is migrated."""
        self._engine = engine

    def pending(self, limit: int) -> list[PendingSubmission]:
        """Return accepted submissions in order of acceptance, at most MAX_PENDING_BYTES and one."""
        s = t.submissions.c
        size = func.octet_length(s.sealed) + func.coalesce(func.octet_length(s.document), 0)
        waiting = (
            select(s.id, (func.sum(size).over(order_by=s.id) - size).label("before"))
            .join(t.submission_queue)
            .order_by(s.id)
            .limit(limit)
            .subquery()
        )
        query = (
            select(
                s.id, s.digest, s.signer, s.signature, s.issued_ms, s.accepted_ms, s.sealed,
                s.document, s.error_behaviour,
            )
            .join(waiting, waiting.c.id == s.id)
            .where(waiting.c.before < MAX_PENDING_BYTES)
            .order_by(s.id)
        )  # fmt: skip
        with self._engine.connect() as connection:
            return [PendingSubmission(**row._asdict()) for row in connection.execute(query)]

    @contextmanager
    def sequencing(self) -> Iterator["SqlSequencing"]:
        """Open the sequencing transaction; leaving it commits, an error rolls back."""
        with self._engine.begin() as connection:
            connection.execute(select(func.pg_advisory_xact_lock(SEQUENCER_LOCK)))
            yield SqlSequencing(connection)

    @contextmanager
    def integrating(self) -> Iterator["SqlIntegration"]:
        """Open the integration transaction; leaving it commits, an error rolls back."""
        with self._engine.begin() as connection:
            connection.execute(select(func.pg_advisory_xact_lock(SEQUENCER_LOCK)))
            yield SqlIntegration(connection)

    def state(self) -> LogState:
        """Return the log's state."""
        with self._engine.connect() as connection:
            return _state(connection)

    def identity(self) -> LogIdentity:
        """Return what entry 0 fixed.

        Raises:
            NotFoundError: The log has no genesis yet.
        """
        with self._engine.connect() as connection:
            return read_identity(connection)

    def directory(self) -> Directory:
        """Return parties and keys at the sequenced size."""
        with self._engine.connect() as connection:
            return read_directory(connection)

    def add_submission(self, accepted: AcceptedSubmission) -> None:
        """Store one submission; a digest that is stored already changes nothing."""
        row = {name: getattr(accepted, name) for name in AcceptedSubmission.__slots__}
        with self._engine.begin() as connection:
            connection.execute(
                upsert(t.submissions).values(row).on_conflict_do_nothing(index_elements=["digest"])
            )

    def last_head(self) -> Head | None:
        """Return the published head of the greatest size."""
        query = select(t.heads).order_by(t.heads.c.size.desc()).limit(1)
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else Head(**row._asdict())

    def head(self, size: int) -> Head:
        """Return the published head of a size.

        Raises:
            NotFoundError: No head has that size.
        """
        with self._engine.connect() as connection:
            row = connection.execute(select(t.heads).where(t.heads.c.size == size)).one_or_none()
        if row is None:
            raise NotFoundError(f"no head was published at size {size}")
        return Head(**row._asdict())

    def add_head(self, head: Head) -> bool:
        """Publish a head; the same one again changes nothing. Tell whether it is published.

        It is not when integration has left its size meanwhile, or a repair has made the map anew.

        Raises:
            InvariantError: Its size is published with other roots.
        """
        values = {name: getattr(head, name) for name in Head.__slots__}
        stored = select(t.heads.c.root, t.heads.c.map_root).where(t.heads.c.size == head.size)
        with self._engine.begin() as connection:
            # Waits for an integration that is under way, and keeps the next one waiting.
            now = select(map_state.c.map_size, map_state.c.map_root).with_for_update(read=True)
            if tuple(connection.execute(now).one()) == (head.size, head.map_root):
                connection.execute(upsert(t.heads).values(values).on_conflict_do_nothing())
            row = connection.execute(stored).one_or_none()
        if row is not None and tuple(row) != (head.root, head.map_root):
            raise InvariantError(f"size {head.size} would be signed with two roots")
        return row is not None

    def read_tile(self, level: int, index: int) -> bytes:
        """Return the stored hashes of a tile, b"" when there is none."""
        with self._engine.connect() as connection:
            return _tile(connection, level, index)


def _state(connection: Connection) -> LogState:
    both = t.log_state.join(map_state, map_state.c.id == t.log_state.c.id)
    row = connection.execute(select(both)).one()
    peaks = [row.peaks[i : i + 32] for i in range(0, len(row.peaks), 32)]
    return LogState(
        sequenced=row.sequenced,
        integrated=row.integrated,
        root=row.root,
        peaks=peaks,
        clock_ms=row.clock_ms,
        map_size=row.map_size,
        map_root=row.map_root,
    )


def _tile(connection: Connection, level: int, index: int) -> bytes:
    query = select(t.tiles.c.hashes).where(t.tiles.c.level == level, t.tiles.c.tile_index == index)
    return connection.execute(query).scalar_one_or_none() or b""


class SqlSequencing(ErasureReads):
    """One sequencing transaction; it holds the sequencer's lock until it ends."""

    def __init__(self, connection: Connection) -> None:
        """Take a connection inside a transaction."""
        self._connection = connection
        self._start = 0

    def state(self) -> LogState:
        """Return the log's state."""
        state = _state(self._connection)
        self._start = state.sequenced
        return state

    def identity(self) -> LogIdentity:
        """Return what entry 0 fixed."""
        return read_identity(self._connection)

    def still_pending(self, ids: Sequence[int]) -> set[int]:
        """Return those submissions that nobody has sequenced meanwhile."""
        column = t.submission_queue.c.submission_id
        return set(self._connection.scalars(select(column).where(column.in_(ids))))

    def directory(self) -> Directory:
        """Return parties and keys at the sequenced size."""
        return read_directory(self._connection)

    def known_leaves(self, leaf_hashes: Collection[bytes]) -> dict[bytes, int]:
        """Return the index of each leaf hash that is in the log."""
        rows = self._connection.execute(
            text("SELECT leaf_hash, log_index FROM log_entries WHERE leaf_hash = ANY(:wanted)"),
            {"wanted": list(leaf_hashes)},
        )
        return {row.leaf_hash: row.log_index for row in rows}

    def known_events(self, keys: Collection[tuple[bytes, bytes]]) -> dict[tuple[bytes, bytes], int]:
        """Return the index of each (party, event digest) that is in the log."""
        rows = self._connection.execute(
            text(
                "SELECT party, event_digest, log_index FROM events"
                " JOIN unnest(CAST(:parties AS bytea[]), CAST(:digests AS bytea[]))"
                " AS wanted (party, event_digest) USING (party, event_digest)"
            ),
            {"parties": [key[0] for key in keys], "digests": [key[1] for key in keys]},
        )
        return {(row.party, row.event_digest): row.log_index for row in rows}

    def namesakes(self, names: Collection[EventName]) -> dict[EventName, Namesakes]:
        """Return what the log has under the eventIDs of names; those it lacks are left out."""
        listed = list(names)
        columns = {
            "ids": [one.event_id for one in listed],
            "hashes": [one.event_hash for one in listed],
            "digests": [one.event_digest for one in listed],
            "parties": [one.party for one in listed],
        }
        rows = self._connection.execute(_NAMESAKES, columns)
        return {
            listed[row.at - 1]: Namesakes(row.other, row.own, row.alike and not row.own)
            for row in rows
        }

    def write(self, batch: Batch, sequenced: int) -> None:
        """Write the batch and advance `sequenced` by compare-and-swap.

        Raises:
            InvariantError: The log moved although this transaction holds the sequencer's lock.
        """
        connection = self._connection
        copy_rows(connection, t.log_entries, [_IN_LOG(row) for row in batch.log])
        self._write_events(batch)
        copy_rows(
            connection,
            t.capture_results,
            [
                (
                    r.submission_id, r.position, r.verdict, r.log_index, r.code, r.reason,
                    r.findings, batch.clock_ms,
                )
                for r in batch.results
            ],
        )  # fmt: skip
        write_directory(connection, batch)
        write_tombstones(connection, batch)
        self._finish(batch, sequenced)

    def _write_events(self, batch: Batch) -> None:
        copy_rows(
            self._connection,
            t.events,
            [
                (
                    e.index, e.party, e.event_digest, e.content, e.sealed_secret, e.items_secret,
                    e.event_id, e.event_hash, e.declares_error,
                )
                for e in batch.events
            ],
        )  # fmt: skip
        copy_rows(
            self._connection,
            t.item_rows,
            [
                (e.index, i, key, role, e.spends.get(i))
                for e in batch.events
                for i, (key, role, _) in enumerate(e.items)
            ],
        )
        self._write_items({key: path for e in batch.events for key, _, path in e.items})

    def _write_items(self, paths: dict[bytes, str]) -> None:
        if not paths:
            return
        self._connection.execute(
            text("CREATE TEMP TABLE new_items (item_key bytea, path text) ON COMMIT DROP")
        )
        copy_into(
            self._connection, "new_items", ("item_key", "path"), ("bytea", "text"), paths.items()
        )
        self._connection.execute(
            text("INSERT INTO items SELECT * FROM new_items ON CONFLICT DO NOTHING")
        )

    def _finish(self, batch: Batch, sequenced: int) -> None:
        queue = t.submission_queue
        self._connection.execute(
            queue.delete().where(queue.c.submission_id.in_(batch.submission_ids))
        )
        advanced = self._connection.execute(
            update(t.log_state)
            .where(t.log_state.c.sequenced == self._start)
            .values(sequenced=sequenced, clock_ms=batch.clock_ms)
        )
        if advanced.rowcount != 1:
            raise InvariantError(f"another sequencer moved the log beyond {self._start}")


class SqlIntegration(CustodyTables, ErasureWrites):
    """One integration transaction; it shares the sequencer's lock, so the log stands still."""

    def state(self) -> LogState:
        """Return the log's state."""
        return _state(self._connection)

    def leaf_hashes(self, start: int, end: int) -> list[bytes]:
        """Return leaf hashes by index.

        Raises:
            InvariantError: An index is missing: the log has a hole.
        """
        e = t.log_entries.c
        query = (
            select(e.log_index, e.leaf_hash)
            .where(e.log_index >= start, e.log_index < end)
            .order_by(e.log_index)
        )
        rows = self._connection.execute(query).all()
        if [row.log_index for row in rows] != list(range(start, end)):
            raise InvariantError(f"the log has a hole between {start} and {end}")
        return [row.leaf_hash for row in rows]

    def tile(self, level: int, index: int) -> bytes:
        """Return the stored hashes of a tile, b"" when there is none."""
        return _tile(self._connection, level, index)

    def write_tiles(self, tiles: Sequence[tuple[int, int, bytes]]) -> None:
        """Insert or grow tiles."""
        rows: list[dict[str, Any]] = [
            {"level": level, "tile_index": index, "hashes": hashes}
            for level, index, hashes in tiles
        ]
        statement = upsert(t.tiles).values(
            level=bindparam("level"),
            tile_index=bindparam("tile_index"),
            hashes=bindparam("hashes"),
        )
        self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["level", "tile_index"], set_={"hashes": statement.excluded.hashes}
            ),
            rows,
        )

    def cases(self) -> CaseTables:
        """Return the cases' part of the transaction."""
        return CaseTables(self._connection)

    def item_map(self) -> MapTables:
        """Return the item map's part of the transaction."""
        return MapTables(self._connection)

    def note_equivocations(self, start: int, end: int) -> None:
        """Write down the keys that entries [start, end) convict of a double spend."""
        note_equivocations(self._connection, start, end)

    def advance(self, integrated: int, root: bytes, peaks: Sequence[bytes]) -> None:
        """Set the integrated size, root and frontier."""
        self._connection.execute(
            update(t.log_state).values(integrated=integrated, root=root, peaks=b"".join(peaks))
        )
