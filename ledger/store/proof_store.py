"""What evidence is made from, read from PostgreSQL."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Engine, select, text

from ledger.core.entries import decode_event
from ledger.service.ports import Head
from ledger.service.proof_ports import ChainLink, EventBody, ProofRow
from ledger.store import tables as t

_PROOF_ROWS = """
    SELECT e.log_index AS index, e.entry, s.issued_ms, s.doc_hash, s.signature, e.count, e.position,
           e.submission_path AS path
    FROM log_entries e JOIN submissions s ON s.id = e.submission_id
"""


class SqlProofStore:
    """Reads chains, entries, bodies and tiles."""

    def __init__(self, engine: Engine) -> None:
        """Take an engine whose database is migrated.

        Cost: a transaction around each read would be two round trips more. What is read below a
        head never changes but by erasure, which the evidence tells of.
        """
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")

    def _rows(self, query: str, **values: object) -> list[Any]:
        with self._engine.connect() as connection:
            return list(connection.execute(text(query), values))

    def final_head(self) -> Head | None:
        """Return the greatest head whose anchor is final."""
        query = (
            select(t.heads)
            .where(t.heads.c.size.in_(select(t.anchors.c.size).where(t.anchors.c.state == "final")))
            .order_by(t.heads.c.size.desc())
            .limit(1)
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else Head(**row._asdict())

    def chain_links(self, item_key: bytes, size: int) -> list[ChainLink]:
        """Return the event entries below size that name an item, by index."""
        rows = self._rows(
            "SELECT e.log_index, e.entry, r.item_key, r.role FROM log_entries e"
            " JOIN item_rows r USING (log_index) WHERE (r.item_key = :key OR r.role = 1)"
            " AND e.log_index < :size AND e.log_index IN"
            " (SELECT log_index FROM item_rows WHERE item_key = :key) ORDER BY e.log_index",
            key=item_key,
            size=size,
        )
        named: dict[int, tuple[bytes, list[tuple[bytes, int]]]] = {}
        for index, entry, key, role in rows:
            named.setdefault(index, (entry, []))[1].append((key, role))
        return [_link(index, entry, items) for index, (entry, items) in named.items()]

    def proof_rows(self, indexes: Collection[int]) -> list[ProofRow]:
        """Return signed entries by index, in order."""
        rows = self._rows(
            _PROOF_ROWS + "WHERE e.log_index = ANY(:indexes) ORDER BY e.log_index",
            indexes=list(indexes),
        )
        return [ProofRow(**row._asdict()) for row in rows]

    def registrar_indexes(self, size: int) -> list[int]:
        """Return the indexes of genesis and of every registrar fact below size."""
        rows = self._rows(
            "SELECT log_index FROM registrars WHERE log_index < :size ORDER BY log_index",
            size=size,
        )
        return [0, *(row.log_index for row in rows)]

    def event_bodies(self, indexes: Collection[int]) -> dict[int, EventBody]:
        """Return event bodies by index."""
        wanted = list(indexes)
        items: dict[int, list[tuple[bytes, int]]] = {}
        spends: dict[int, dict[int, bytes]] = {}
        for index, row_index, key, role, token in self._rows(
            "SELECT log_index, row_index, item_key, role, spends FROM item_rows"
            " WHERE log_index = ANY(:wanted) ORDER BY log_index, row_index",
            wanted=wanted,
        ):
            items.setdefault(index, []).append((key, role))
            if token is not None:
                spends.setdefault(index, {})[row_index] = token
        rows = self._rows(
            "SELECT log_index, content, event_digest, sealed_secret, items_secret FROM events"
            " WHERE log_index = ANY(:wanted)",
            wanted=wanted,
        )
        return {
            index: EventBody(
                content=content,
                event_digest=digest,
                sealed_secret=sealed,
                items_secret=items_secret,
                items=tuple(items.get(index, ())),
                spends=spends.get(index, {}),
            )
            for index, content, digest, sealed, items_secret in rows
        }

    def item_paths(self, keys: Collection[bytes]) -> dict[bytes, str]:
        """Return the canonical paths of items that entries name, by key."""
        query = "SELECT item_key, path FROM items WHERE item_key = ANY(:keys)"
        return {row.item_key: row.path for row in self._rows(query, keys=list(keys))}

    def item_known(self, item_key: bytes) -> bool:
        """Tell whether any entry names the item."""
        return bool(
            self._rows("SELECT 1 FROM item_rows WHERE item_key = :key LIMIT 1", key=item_key)
        )

    def events_of_id(self, event_id: str) -> list[int]:
        """Return the indexes of the events that have an eventID, or the hash that stands for it."""
        query = "SELECT log_index FROM events WHERE event_id = :event_id ORDER BY log_index"
        return [row.log_index for row in self._rows(query, event_id=event_id)]

    def event_of_leaf(self, leaf_hash: bytes) -> int | None:
        """Return the index of the event whose entry has a leaf hash."""
        query = "SELECT log_index FROM log_entries WHERE leaf_hash = :leaf AND kind = 1"
        rows = self._rows(query, leaf=leaf_hash)
        return rows[0].log_index if rows else None

    def read_tile(self, level: int, index: int) -> bytes:
        """Return the stored hashes of a tile."""
        rows = self._rows(
            "SELECT hashes FROM tiles WHERE level = :level AND tile_index = :index",
            level=level,
            index=index,
        )
        return rows[0].hashes if rows else b""


def _link(index: int, entry: bytes, items: list[tuple[bytes, int]]) -> ChainLink:
    event = decode_event(entry)
    return ChainLink(
        index=index, entry=entry, time_ms=event.time_ms, op=event.op, flags=event.flags,
        items=tuple(items),
    )  # fmt: skip
