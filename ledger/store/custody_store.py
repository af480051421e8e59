"""Custody in PostgreSQL: which items entries touch, their states, stays, and what waits.

What a container does is stored of the container alone. An entry of a pallet touches, of all that is
inside, only what did something by itself since it was packed: `stays` is read downwards along
`is_followed`, so that a pallet of thousands that just moves costs one look into an index.
"""

from collections.abc import Collection, Iterable, Mapping
from itertools import groupby
from operator import itemgetter

from sqlalchemy import text

from ledger.core.custody.state import ItemState
from ledger.service.custody_ports import CustodyProgress, KnownKey, StayRow
from ledger.store.bulk import KeyArray, copy_into
from ledger.store.contents_store import flagged_above
from ledger.store.finding_store import FindingTables
from ledger.store.touched import concerned

_STATES = {
    "item_key": "bytea", "status": "text", "holder": "bytea", "shipped_to": "bytea",
    "container": "bytea", "last_index": "int8", "last_time": "int8", "condition": "text",
    "due_ms": "int8",
}  # fmt: skip
_STAYS = {
    "child": "bytea", "from_index": "int8", "parent": "bytea", "from_ms": "int8",
    "to_index": "int8", "to_ms": "int8", "is_followed": "bool",
}  # fmt: skip
_TOUCHED = concerned("r.log_index >= %s AND r.log_index < %s")
_CLASSES = """
    SELECT DISTINCT item_key FROM item_rows
    WHERE log_index >= %s AND log_index < %s AND role = 5 ORDER BY item_key
"""
_DUE = """
    SELECT item_key FROM item_states WHERE due_ms <= %s ORDER BY due_ms, item_key LIMIT %s
"""
_WAITING = """
    DELETE FROM custody_waiting WHERE item_key IN
        (SELECT item_key FROM custody_waiting ORDER BY item_key LIMIT %s) RETURNING item_key
"""
_AFTER = """
    SELECT item_key, bool_or(is_class) AS is_class, bool_or(NOT is_class) AS is_item FROM (
        (SELECT item_key, false AS is_class FROM item_states WHERE item_key > %s
            ORDER BY item_key LIMIT %s)
        UNION ALL
        (SELECT DISTINCT item_key, true FROM custody_quantities WHERE item_key > %s
            ORDER BY item_key LIMIT %s)
    ) known GROUP BY item_key ORDER BY item_key LIMIT %s
"""
_CLOCK = """
    SELECT ('x' || encode(substring(entry FROM 9 FOR 8), 'hex'))::bit(64)::bigint
    FROM log_entries WHERE kind = 10 AND log_index < %s ORDER BY log_index DESC LIMIT 1
"""
_FORGET_ALL = (
    "TRUNCATE item_states, custody_facts, custody_quantities, stays, places, custody_waiting",
    """
    DELETE FROM findings f
    WHERE NOT EXISTS (SELECT 1 FROM item_rows r WHERE r.item_key = f.item_key)
    """,
    """
    DELETE FROM finding_history h WHERE closed_index IS NULL AND NOT EXISTS
        (SELECT 1 FROM findings f WHERE f.item_key = h.item_key AND f.code = h.code)
    """,
)
_SCRATCH = text(
    "CREATE TEMP TABLE IF NOT EXISTS new_states (LIKE item_states) ON COMMIT DELETE ROWS"
)
_SET = ", ".join(f"{name} = n.{name}" for name in list(_STATES)[1:])
_OLD, _NEW = (", ".join(f"{table}.{name}" for name in list(_STATES)[1:]) for table in ("s", "n"))
_UPDATE = text(
    f"UPDATE item_states s SET {_SET} FROM new_states n"  # noqa: S608 -- names of our own
    f" WHERE s.item_key = n.item_key AND ({_OLD}) IS DISTINCT FROM ({_NEW})"
)
_INSERT = text(
    "INSERT INTO item_states SELECT * FROM new_states n"
    " WHERE NOT EXISTS (SELECT 1 FROM item_states s WHERE s.item_key = n.item_key)"
)
_STAYS_OF = f"SELECT {', '.join(_STAYS)} FROM stays WHERE child = ANY(%s)"  # noqa: S608
_MOVED_OUT = "DELETE FROM stays WHERE child = ANY(%s)"


class CustodyTables(FindingTables):
    """The custody part of an integration transaction."""

    def custody_progress(self) -> CustodyProgress:
        """Return how far custody is made."""
        (row,) = self._fetch("SELECT rules_digest, revised_to, facts_to FROM custody_progress")
        return CustodyProgress(*row)

    def set_custody_progress(self, progress: CustodyProgress) -> None:
        """Set how far custody is made."""
        self._run(
            "UPDATE custody_progress SET rules_digest = %s, revised_to = %s, facts_to = %s",
            *progress,
        )

    def forget_custody(self) -> None:
        """Drop everything derived but findings of items that entries name: to make it anew."""
        for statement in _FORGET_ALL:
            self._run(statement)

    def clock_before(self, end: int) -> int:
        """Return the time of the last clock entry below end, 0 when there is none."""
        rows = self._fetch(_CLOCK, end)
        return rows[0][0] if rows else 0

    def touched_items(self, start: int, end: int) -> list[bytes]:
        """Return the items whose custody entries [start, end) may change, as they are named.

        These are the items that the entries name, and what is concerned inside of them: what did
        something by itself while it was there, at the time of the entry or later, and what an
        unpack-all takes out; and containers around them that a stranger shipped, as it seemed.
        """
        touched = [key for key, _ in self._fetch(_TOUCHED, start, end)]
        return [*touched, *flagged_above(self._connection, start, end)]

    def touched_classes(self, start: int, end: int) -> list[bytes]:
        """Return the classes that entries [start, end) name."""
        return [key for (key,) in self._fetch(_CLASSES, start, end)]

    def waiting_items(self, as_of_ms: int, limit: int) -> list[bytes]:
        """Return items that are due by as_of_ms or wait for a new look, and let them wait no more.

        Who takes them evaluates them in this transaction, which sets when they are due again.
        """
        due = [key for (key,) in self._fetch(_DUE, as_of_ms, limit)]
        waiting = [key for (key,) in self._fetch(_WAITING, limit)]
        return [*dict.fromkeys(due + waiting)]

    def keys_after(self, key: bytes, limit: int) -> list[KnownKey]:
        """Return the next items and classes that have custody, by key."""
        return [KnownKey(*row) for row in self._fetch(_AFTER, key, limit, key, limit, limit)]

    def write_states(self, states: Mapping[bytes, ItemState], due: Mapping[bytes, int]) -> None:
        """Write the states that are not stored yet as they are."""
        connection = self._connection
        connection.execute(_SCRATCH)
        connection.execute(text("TRUNCATE new_states"))
        rows = [
            (
                k, s.status.value, s.holder, s.shipped_to, s.container, s.last_index, s.last_time,
                s.condition or None, due.get(k),
            )
            for k, s in states.items()
        ]  # fmt: skip
        copy_into(connection, "new_states", list(_STATES), list(_STATES.values()), rows)
        connection.execute(_UPDATE)
        connection.execute(_INSERT)

    def write_stays(self, keys: Collection[bytes], rows: Iterable[StayRow]) -> None:
        """Replace the stays of keys where they are others."""
        stored: dict[bytes, set[StayRow]] = {
            child: {StayRow(*row) for row in group}
            for child, group in groupby(
                sorted(self._fetch(_STAYS_OF, KeyArray(keys))), key=itemgetter(0)
            )
        }
        made: dict[bytes, set[StayRow]] = {}
        for row in rows:
            made.setdefault(row.child, set()).add(row)
        changed = [key for key in made.keys() | stored.keys() if made.get(key) != stored.get(key)]
        if changed:
            self._run(_MOVED_OUT, KeyArray(changed))
            copy_into(
                self._connection, "stays", list(_STAYS), list(_STAYS.values()),
                [row for key in changed for row in sorted(made.get(key, ()))],
            )  # fmt: skip
