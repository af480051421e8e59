"""The journal: what a party signed, written down before it is sent (docs/spec/tokens.md).

SQLite in the client's home. One transaction plans and records a document, under the write lock, so
two processes cannot sign two owners for one token; it is on disk before a byte is sent. Lost, or
restored from a backup, it knows what the ledger tells: not what was signed and never logged.
"""

import hashlib
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from ledger.core.entries import EventEntry, Op, Z, decode_event, entry_leaf_hash
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
    holder BLOB NOT NULL,      -- a party, or a key: chain, home contract and address
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
_FIRST = """
SELECT n.item_key, n.role, n.spends, e.leaf_hash, e.entry, e.source, e.log_index, e.label
FROM names n JOIN entries e ON e.id = n.entry WHERE n.item_key = ? AND n.spends = ? ORDER BY e.id
"""
# What was told of an entry before it was signed here gives way to what is signed.
_PUT = """
INSERT INTO entries (holder, leaf_hash, entry, source, event_digest, log_index, label)
VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (holder, leaf_hash) DO UPDATE SET
    source = CASE excluded.source WHEN 'signed' THEN 'signed' ELSE source END,
    label = CASE label WHEN '' THEN excluded.label ELSE label END,
    log_index = coalesce(excluded.log_index, log_index),
    event_digest = coalesce(event_digest, excluded.event_digest)
RETURNING id, source
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
        home = chain_id.to_bytes(8, "big") + contract
        try:
            with closing(self._connect()) as connection:
                connection.execute("BEGIN IMMEDIATE")
                _prepare(connection, self._path)
                yield Pages(connection, home, party)
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

    def __init__(self, connection: sqlite3.Connection, home: bytes, party: bytes) -> None:
        """Take a connection whose transaction has begun, chain and contract, and the party."""
        self._connection, self._home = connection, home
        self._holder = _holder(home, party)

    def recorded(self, event_digest: bytes) -> dict[int, bytes] | None:
        """Return the tokens, by item row, with which an event was signed; None if it was not."""
        found = self._connection.execute(
            "SELECT id FROM entries WHERE holder = ? AND event_digest = ? AND source = 'signed'"
            " ORDER BY id LIMIT 1",
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
        found: dict[bytes, list[Deed]] = {key: [] for key in keys}
        entries: dict[bytes, EventEntry] = {}
        for row in self._connection.execute(_DEEDS, (self._holder,)):
            found[row[0]].append(_deed(row, entries))
        return {key: in_order(deeds) for key, deeds in found.items()}

    def taken(self, entry: EventEntry, names: Iterable[Named]) -> tuple[bytes, Deed] | None:
        """Return the first item whose token was spent for another owner, and by which entry.

        By this party, whatever its key, or by this key, whatever party it signed for: the
        evidence knows the key alone.
        """
        entries: dict[bytes, EventEntry] = {}
        for one in names:
            owner = self._other_owner(one.spends, entry) if any(one.spends) else None
            rows = self._connection.execute(_FIRST, (one.item_key, one.spends)) if owner else ()
            for deed in (_deed(row, entries) for row in rows):
                if deed.entry.to_owner == owner:
                    return one.item_key, deed
        return None

    def _other_owner(self, token: bytes, entry: EventEntry) -> bytes | None:
        found = self._connection.execute(
            "SELECT to_owner FROM spent WHERE holder IN (?, ?) AND token = ? AND to_owner <> ?",
            (self._holder, _holder(self._home, entry.signer), token, entry.to_owner),
        ).fetchone()
        return None if found is None else bytes(found[0])

    def sign(
        self, entry: EventEntry, event_digest: bytes, names: Iterable[Named], label: str
    ) -> None:
        """Write down an entry that is about to be signed and sent.

        Raises:
            JournalError: A token was spent for another owner; the planner lets none by.
        """
        raw, rows = entry.encode(), list(names)
        number, _ = self._put(raw, "signed", event_digest=event_digest, label=label)
        if entry.op is not Op.RECEIVE:  # whose told rows are items inside what it names
            self._connection.execute("DELETE FROM names WHERE entry = ?", (number,))
        self._name(number, rows)
        self._spend(number, entry, rows, is_sent=False)

    def learn(self, index: int, raw: bytes, names: Iterable[Named], *, is_own: bool) -> None:
        """Write down an entry as the ledger tells it, with its log index.

        Attack: of an entry that was signed here the ledger tells the index alone, and of a
        receipt the items inside the container that it names.
        """
        entry, rows = decode_event(raw), list(names)
        number, source = self._put(raw, "told" if is_own else "received", index=index)
        if source == "signed":
            rows = [one._replace(spends=Z) for one in rows if entry.op is Op.RECEIVE]
        self._name(number, rows)
        self._spend(number, entry, rows, is_sent=True)

    def logged(self, index: int, leaf_hash: bytes) -> None:
        """Write down where the log has an entry that was signed here."""
        self._connection.execute(
            "UPDATE entries SET log_index = ?"
            " WHERE holder = ? AND leaf_hash = ? AND log_index IS NULL",
            (index, self._holder, leaf_hash),
        )

    def owner_path(self, owner: bytes) -> str:
        """Return the path by which a new owner was named once, "" for none.

        Cost: reads every entry; asked for a refusal only.
        """
        labels = self._connection.execute(
            "SELECT entry, label FROM entries WHERE holder = ? AND label <> ''", (self._holder,)
        )
        return next((label for raw, label in labels if decode_event(raw).to_owner == owner), "")

    def _put(
        self, raw: bytes, source: str, *, event_digest: bytes | None = None,
        index: int | None = None, label: str = "",
    ) -> tuple[int, str]:  # fmt: skip
        """Write an entry down; return its number and where it is from, now."""
        values = (self._holder, entry_leaf_hash(raw), raw, source, event_digest, index, label)
        ((number, source),) = self._connection.execute(_PUT, values).fetchall()
        return number, source

    def _name(self, number: int, rows: Sequence[Named]) -> None:
        self._connection.executemany(
            "INSERT INTO names (item_key, entry, role, spends, row_index) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET row_index = max(row_index, excluded.row_index)",
            ((one.item_key, number, one.role, one.spends, one.row_index) for one in rows),
        )

    def _spend(
        self, number: int, entry: EventEntry, rows: Sequence[Named], *, is_sent: bool
    ) -> None:
        """Bind tokens to the first owner, for party and key; the last wall, behind the planner's.

        Raises:
            JournalError: A token that is about to be signed was spent for another owner.
        """
        connection, owner = self._connection, entry.to_owner
        both = (self._holder, _holder(self._home, entry.signer))
        tokens = [one.spends for one in rows if any(one.spends)]
        connection.executemany(
            "INSERT INTO spent VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            ((holder, token, owner) for holder in both for token in tokens),
        )
        clash = connection.execute(
            "SELECT 1 FROM names n JOIN spent s ON s.holder IN (?, ?) AND s.token = n.spends"
            " WHERE n.entry = ? AND s.to_owner <> ? LIMIT 1",
            (*both, number, owner),
        ).fetchone()
        if clash is not None and not is_sent:
            raise JournalError("a token would be spent for a second owner; nothing was sent")


def _holder(home: bytes, who: bytes) -> bytes:
    """Return whose tokens: a party's (32 bytes) or a key's (20)."""
    return hashlib.sha256(home + who).digest()


def _deed(row: Sequence[Any], entries: dict[bytes, EventEntry]) -> Deed:
    _, role, spends, leaf, raw, source, index, label = row
    entry = entries.get(leaf) or entries.setdefault(leaf, decode_event(raw))
    return Deed(
        leaf_hash=leaf, entry=entry, role=role, spends=spends, index=index,
        is_own=source != "received", label=label,
    )  # fmt: skip
