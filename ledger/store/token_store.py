"""Tokens in PostgreSQL: what a party's client asks, what evidence is made of, keys that cheated."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, text

from ledger.core.entries import EventEntry, Z, decode_event
from ledger.core.errors import NotFoundError
from ledger.service.proof_ports import ProofRow
from ledger.service.token_ports import ItemEntry, RetainedBody, RetainedRow
from ledger.store.bulk import IndexArray, KeyArray, fetch_rows

# Bytes of an entry: op at 5, signer from 16, to_owner from 100. A token stands in no entry but a
# HANDOFF to an owner (`committed_entries`). One pass over each token's handoffs, however many: the
# first owner by log index stands, the first entry with another one convicts.
_SPENT_TWICE = """
    WITH spent AS (
        SELECT r.item_key, r.spends, r.log_index, substring(e.entry FROM 17 FOR 20) AS address,
            substring(e.entry FROM 101 FOR 32) AS owner
        FROM <rows> JOIN log_entries e USING (log_index)
        WHERE r.spends IS NOT NULL AND get_byte(e.entry, 5) = 3 AND r.log_index < <end>
    ), first AS (
        SELECT DISTINCT ON (item_key, spends, address) * FROM spent
        ORDER BY item_key, spends, address, log_index
    ), twice AS (
        SELECT s.address, min(s.log_index) AS log_index, s.item_key, s.spends,
            min(f.log_index) AS first_index
        FROM spent s JOIN first f USING (item_key, spends, address) WHERE s.owner <> f.owner
        GROUP BY s.item_key, s.spends, s.address
    )
"""
_TOUCHED = """
    (SELECT DISTINCT item_key, spends FROM item_rows WHERE log_index >= :start
        AND log_index < :end AND spends IS NOT NULL) t JOIN item_rows r USING (item_key, spends)
"""
_OF_ITEM = "(SELECT * FROM item_rows WHERE item_key = :key AND spends IS NOT NULL) r"


def _spent_twice(rows: str, end: str, then: str) -> str:
    """Return the statement that does `then` with the tokens of some item rows below an index."""
    return "\n".join((_SPENT_TWICE.replace("<rows>", rows).replace("<end>", end), then))


_NOTE = text(
    _spent_twice(
        _TOUCHED, ":end",
        "INSERT INTO key_equivocations (address, log_index, item_key)"
        " SELECT DISTINCT address, log_index, item_key FROM twice ON CONFLICT DO NOTHING",
    )
)  # fmt: skip
_DOUBLE_SPEND = text(
    _spent_twice(
        _OF_ITEM, "(SELECT integrated FROM log_state)",
        "SELECT * FROM twice ORDER BY log_index, spends LIMIT 1",
    )
)  # fmt: skip
# What the audit compares with the table, both ways.
STRAY_EQUIVOCATIONS = _spent_twice(
    "item_rows r", "%s",
    "SELECT encode(address, 'hex'), log_index FROM ("
    " SELECT DISTINCT address, log_index, item_key FROM twice"
    " EXCEPT SELECT address, log_index, item_key FROM key_equivocations) missing"
    " UNION ALL SELECT encode(address, 'hex'), log_index FROM ("
    " SELECT address, log_index, item_key FROM key_equivocations"
    " EXCEPT SELECT address, log_index, item_key FROM twice) invented LIMIT 100",
)  # fmt: skip
# An index-only look at no more rows of an item than it may have.
_ROW_COUNTS = """
    SELECT k.key, (SELECT count(*) FROM (
        SELECT FROM item_rows WHERE item_key = k.key LIMIT %s) few)
    FROM unnest(%s::bytea[]) WITH ORDINALITY AS k (key, place) ORDER BY k.place
"""
# Whether children are listed is one row's answer: an event may list a hundred thousand.
_FAMILIES = """
    SELECT p.log_index, array_agg(p.item_key), EXISTS (
        SELECT FROM item_rows c WHERE c.log_index = p.log_index AND c.role = 2 OFFSET 0)
    FROM item_rows p WHERE p.role = 1 AND p.log_index = ANY(%s) GROUP BY p.log_index
"""
_PROOF_ROWS = text("""
    SELECT e.log_index AS index, e.entry, s.issued_ms, s.doc_hash, s.signature, e.count, e.position,
           e.submission_path AS path
    FROM log_entries e JOIN submissions s ON s.id = e.submission_id
    WHERE e.log_index = ANY(:indexes) ORDER BY e.log_index
""")


def note_equivocations(connection: Connection, start: int, end: int) -> None:
    """Write down the keys that entries [start, end) convict; twice is as good as once."""
    connection.execute(_NOTE, {"start": start, "end": end})


class SqlTokenStore:
    """Reads item rows and their entries over one engine."""

    def __init__(self, engine: Engine) -> None:
        """Take an engine whose database is migrated."""
        self._engine = engine.execution_options(isolation_level="REPEATABLE READ")

    def item_entries(
        self, keys: Collection[bytes], most_each: int, most: int
    ) -> dict[bytes, list[ItemEntry]]:
        """Return the event entries that name items, of each by index.

        Absent: an item that more than most_each rows name; and, in the order of keys, those for
        which no room was left when `most` rows were taken.
        """
        with self._engine.connect() as connection:
            found = _readable(connection, keys, most_each, most)
            rows = fetch_rows(
                connection,
                "SELECT item_key, log_index, role, spends FROM item_rows"
                " WHERE item_key = ANY(%s) ORDER BY log_index, row_index",
                KeyArray(found),
            )
            indexes = list({row[1] for row in rows})
            entries = _entries(connection, indexes)
            families = _families(connection, indexes)
        for key, index, role, spends in rows:
            raw, leaf_hash, entry = entries[index]
            parents, lists_children = families.get(index, ((), False))
            found[key].append(
                ItemEntry(
                    index=index, raw=raw, leaf_hash=leaf_hash, entry=entry, role=role,
                    spends=spends or Z, parents=parents, lists_children=lists_children,
                )
            )  # fmt: skip
        return found

    def double_spend(self, item_key: bytes) -> tuple[int, int, bytes] | None:
        """Return both log indexes and the token of an item's first proven double spend."""
        with self._engine.connect() as connection:
            row = connection.execute(_DOUBLE_SPEND, {"key": item_key}).one_or_none()
        return None if row is None else (row.first_index, row.log_index, row.spends)

    def proof_rows(self, indexes: Collection[int]) -> list[ProofRow]:
        """Return signed entries by index, in order."""
        with self._engine.connect() as connection:
            rows = connection.execute(_PROOF_ROWS, {"indexes": list(indexes)})
            return [ProofRow(**row._asdict()) for row in rows]

    def retained(self, index: int) -> RetainedBody:
        """Return the retained body of an event.

        Raises:
            NotFoundError: No event has that index.
        """
        given = {"index": index}
        with self._engine.connect() as connection:
            secret = connection.execute(
                text("SELECT items_secret FROM events WHERE log_index = :index"), given
            ).scalar_one_or_none()
            rows = connection.execute(
                text(
                    "SELECT item_key, role, spends FROM item_rows WHERE log_index = :index"
                    " ORDER BY row_index"
                ),
                given,
            ).all()
        if secret is None:
            raise NotFoundError(f"no event has the log index {index}")
        retained = [RetainedRow(row.item_key, row.role, row.spends or Z) for row in rows]
        return RetainedBody(items_secret=secret, rows=retained)


def _readable(
    connection: Connection, keys: Collection[bytes], most_each: int, most: int
) -> dict[bytes, list[ItemEntry]]:
    """Return the items whose entries can all be read, each with an empty list."""
    found: dict[bytes, list[ItemEntry]] = {}
    for key, count in fetch_rows(connection, _ROW_COUNTS, most_each + 1, KeyArray(keys)):
        if count <= min(most_each, most):
            found[key], most = [], most - count
    return found


def _entries(
    connection: Connection, indexes: Sequence[int]
) -> dict[int, tuple[bytes, bytes, EventEntry]]:
    rows = fetch_rows(
        connection,
        "SELECT log_index, entry, leaf_hash FROM log_entries WHERE log_index = ANY(%s)",
        list(indexes),
    )
    return {index: (raw, leaf_hash, decode_event(raw)) for index, raw, leaf_hash in rows}


def _families(
    connection: Connection, indexes: Sequence[int]
) -> dict[int, tuple[tuple[bytes, ...], bool]]:
    """Return, for entries that name a parent, the parents and whether children are listed."""
    rows: list[Any] = fetch_rows(connection, _FAMILIES, IndexArray(indexes))
    return {index: (tuple(parents), children) for index, parents, children in rows}
