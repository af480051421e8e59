"""The journal: what a party signed, written down before it is sent (docs/spec/tokens.md).

SQLite in the client's home. One transaction plans and records a document, under the write lock, so
two processes cannot sign two owners for one token; it is on disk before a byte is sent. Lost, or
restored from a backup, it knows less: then less is claimed, or a claim is refused.
"""

import hashlib
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from ledger.core.entries import EventEntry, decode_event, entry_leaf_hash
from ledger.core.errors import LedgerError
from ledger.core.tokens import Deed, Named, in_order

# Signing one document takes a fraction of a second; who waits this long waits for a dead process.
BUSY_TIMEOUT_S = 60.0
# `user_version` of the file; another one was written by another release.
LAYOUT = 1
_SCHEMA = """
CREATE TABLE entries (
    id INTEGER PRIMARY KEY,
    holder BLOB NOT NULL,      -- who keeps this journal: chain, home contract and party
    leaf_hash BLOB NOT NULL,
    entry BLOB NOT NULL,
    source TEXT NOT NULL CHECK (source IN ('signed', 'told', 'received')),
    event_digest BLOB,         -- of what was signed here
    log_index INTEGER,         -- once the ledger told it
    label TEXT NOT NULL,
    UNIQUE (holder, leaf_hash)
);
CREATE INDEX entries_event ON entries (holder, event_digest);
CREATE TABLE names (
    item_key BLOB NOT NULL,
    entry INTEGER NOT NULL REFERENCES entries (id),
    role INTEGER NOT NULL,
    spends BLOB NOT NULL,
    row_index INTEGER NOT NULL,
    PRIMARY KEY (item_key, entry, role)
) WITHOUT ROWID;
CREATE INDEX names_entry ON names (entry);
CREATE TABLE spent (
    holder BLOB NOT NULL,
    token BLOB NOT NULL,
    to_owner BLOB NOT NULL,
    PRIMARY KEY (holder, token)
) WITHOUT ROWID;
PRAGMA user_version = 1;
"""
_DEEDS = """
SELECT n.item_key, n.role, n.spends, e.leaf_hash, e.entry, e.source, e.log_index, e.label
FROM wanted w JOIN names n ON n.item_key = w.item_key JOIN entries e ON e.id = n.entry
WHERE e.holder = ? ORDER BY e.id
"""


class JournalError(LedgerError):
    """The journal cannot be opened, read or written: nothing is signed then."""


class Journal:
    """The journal of every party that signs on this machine."""

    def __init__(self, path: Path) -> None:
        """Take the file; it is made when something is first written."""
        self._path = path

    @contextmanager
    def signing(self, chain_id: int, contract: bytes, party: bytes) -> Iterator["Pages"]:
        """Open the pages of a party for one document; leaving it commits, an error rolls back.

        A crash before the commit leaves nothing written and nothing sent; a crash behind it leaves
        what may have been sent, and the same document again is signed with the same bytes.

        Raises:
            JournalError: The file cannot be used, or another process holds it for too long.
        """
        holder = hashlib.sha256(chain_id.to_bytes(8, "big") + contract + party).digest()
        try:
            with closing(self._connect()) as connection:
                connection.execute("BEGIN IMMEDIATE")
                _prepare(connection, self._path)
                yield Pages(connection, holder)
                connection.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            raise JournalError(f"{self._path}: {error}; nothing was sent") from error

    def _connect(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.touch(mode=0o600)  # it tells whom we trade with
        connection = sqlite3.connect(self._path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        # EXTRA: file and folder are on disk when a commit returns: what was sent is not forgotten.
        connection.execute("PRAGMA synchronous = EXTRA")
        return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    (layout,) = connection.execute("PRAGMA user_version").fetchone()
    if layout == 0:
        for statement in _SCHEMA.split(";\n"):
            connection.execute(statement)
    elif layout != LAYOUT:
        raise JournalError(f"{path} has layout {layout}, this release writes {LAYOUT}")
    connection.execute("CREATE TEMP TABLE wanted (item_key BLOB PRIMARY KEY) WITHOUT ROWID")


class Pages:
    """The journal of one party at one log's home, inside a transaction."""

    def __init__(self, connection: sqlite3.Connection, holder: bytes) -> None:
        """Take a connection whose transaction has begun."""
        self._connection, self._holder = connection, holder

    def recorded(self, event_digest: bytes) -> dict[int, bytes] | None:
        """Return the tokens, by item row, with which an event was signed; None if it was not."""
        found = self._connection.execute(
            "SELECT id FROM entries WHERE holder = ? AND event_digest = ? ORDER BY id LIMIT 1",
            (self._holder, event_digest),
        ).fetchone()
        if found is None:
            return None
        rows = self._connection.execute(
            "SELECT row_index, spends FROM names WHERE entry = ? AND spends <> zeroblob(32)"
            " ORDER BY row_index",
            found,
        )
        return dict(rows.fetchall())

    def deeds(self, keys: Collection[bytes]) -> dict[bytes, list[Deed]]:
        """Return what is known about items, each in order of the log."""
        self._connection.execute("DELETE FROM wanted")
        self._connection.executemany("INSERT INTO wanted VALUES (?)", ((key,) for key in keys))
        signed: dict[bytes, list[Deed]] = {key: [] for key in keys}
        told: dict[bytes, list[Deed]] = {key: [] for key in keys}
        entries: dict[bytes, EventEntry] = {}
        for key, role, spends, leaf, raw, source, index, label in self._connection.execute(
            _DEEDS, (self._holder,)
        ):
            entry = entries.get(leaf) or entries.setdefault(leaf, decode_event(raw))
            deed = Deed(
                leaf_hash=leaf, entry=entry, role=role, spends=spends, index=index,
                is_own=source != "received", label=label,
            )  # fmt: skip
            (signed if source == "signed" else told)[key].append(deed)
        return {key: in_order(signed[key], told[key]) for key in signed}

    def sign(
        self, entry: EventEntry, event_digest: bytes, names: Iterable[Named], label: str
    ) -> None:
        """Write down an entry that is about to be signed and sent.

        Raises:
            JournalError: A token was spent for another owner; the planner lets none by.
        """
        self._add(entry.encode(), "signed", names, event_digest=event_digest, label=label)

    def learn(self, index: int, raw: bytes, names: Iterable[Named], *, is_own: bool) -> None:
        """Write down an entry as the ledger tells it, with its log index."""
        self._add(raw, "told" if is_own else "received", names, index=index)

    def _add(
        self, raw: bytes, source: str, names: Iterable[Named], *,
        event_digest: bytes | None = None, index: int | None = None, label: str = "",
    ) -> None:  # fmt: skip
        connection, leaf = self._connection, entry_leaf_hash(raw)
        connection.execute(
            "INSERT INTO entries (holder, leaf_hash, entry, source, event_digest, log_index, label)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (holder, leaf_hash)"
            " DO UPDATE SET log_index = coalesce(excluded.log_index, log_index),"
            " event_digest = coalesce(event_digest, excluded.event_digest)",
            (self._holder, leaf, raw, source, event_digest, index, label),
        )
        (number,) = connection.execute(
            "SELECT id FROM entries WHERE holder = ? AND leaf_hash = ?", (self._holder, leaf)
        ).fetchone()
        rows = list(names)
        connection.executemany(
            "INSERT INTO names (item_key, entry, role, spends, row_index) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET row_index = max(row_index, excluded.row_index)",
            ((one.item_key, number, one.role, one.spends, one.row_index) for one in rows),
        )
        self._spend(number, decode_event(raw).to_owner, rows, is_sent=source != "signed")

    def _spend(self, number: int, owner: bytes, rows: Sequence[Named], *, is_sent: bool) -> None:
        """Bind tokens to the first owner; the last wall, behind the planner's.

        Raises:
            JournalError: A token that is about to be signed was spent for another owner.
        """
        connection = self._connection
        connection.executemany(
            "INSERT INTO spent VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            ((self._holder, one.spends, owner) for one in rows if any(one.spends)),
        )
        clash = connection.execute(
            "SELECT 1 FROM names n JOIN spent s ON s.holder = ? AND s.token = n.spends"
            " WHERE n.entry = ? AND s.to_owner <> ? LIMIT 1",
            (self._holder, number, owner),
        ).fetchone()
        if clash is not None and not is_sent:
            raise JournalError("a token would be spent for a second owner; nothing was sent")
