"""Custody in PostgreSQL: which items entries touch, their steps, and the derived tables."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import Connection, text

from ledger.core.custody.findings import Finding
from ledger.core.custody.state import ItemState
from ledger.core.custody.steps import MAX_NESTING, Step
from ledger.core.entries import FLAG_UNPACK_ALL, EventEntry, Op, decode_event
from ledger.store.bulk import copy_into
from ledger.store.outbox import announce_findings

# The fold follows containers MAX_NESTING deep; what it asks for must have been read.
MAX_DEPTH = MAX_NESTING + 1
# Operations that change nothing for what is inside a container and is not named beside it.
_QUIET = [Op.COMMISSION, Op.OBSERVE, Op.PACK, Op.UNPACK]
_STATE_COLUMNS = (
    "item_key", "status", "holder", "shipped_to", "container", "last_index", "last_time",
)  # fmt: skip
_STATE_TYPES = ("bytea", "text", "bytea", "bytea", "bytea", "int8", "int8")


class CustodyTables:
    """The custody part of an integration transaction."""

    def __init__(self, connection: Connection) -> None:
        """Take a connection inside a transaction."""
        self._connection = connection

    def touched_items(self, start: int, end: int) -> set[bytes]:
        """Return the items whose custody entries [start, end) may change.

        These are the items that the entries name and, where a container did more than being
        packed or seen, or got an entry older than its last, everything ever packed in it.
        """
        named = self._connection.execute(
            text(
                "SELECT r.item_key, bool_or(get_byte(e.entry, 5) <> ALL(:quiet)"
                " OR get_byte(e.entry, 6) & :all = :all OR s.last_time >"
                " ('x' || encode(substring(e.entry FROM 9 FOR 8), 'hex'))::bit(64)::bigint)"
                " AS reaches_inside"
                " FROM item_rows r JOIN log_entries e USING (log_index)"
                " LEFT JOIN item_states s USING (item_key)"
                " WHERE r.log_index >= :start AND r.log_index < :end AND r.role <> 5"
                " GROUP BY r.item_key"
            ),
            {"start": start, "end": end, "all": FLAG_UNPACK_ALL, "quiet": _QUIET},
        ).all()
        touched = {row.item_key for row in named}
        inside = {row.item_key for row in named if row.reaches_inside}
        for _ in range(MAX_DEPTH):
            inside = self._children(inside) - touched if inside else set()
            touched |= inside
        return touched

    def _children(self, parents: Collection[bytes]) -> set[bytes]:
        rows = self._connection.execute(
            text(
                "SELECT DISTINCT c.item_key FROM item_rows p JOIN item_rows c USING (log_index)"
                " WHERE p.item_key = ANY(:parents) AND p.role = 1 AND c.role = 2"
            ),
            {"parents": list(parents)},
        )
        return {row.item_key for row in rows}

    def unjudged(self, keys: Collection[bytes]) -> set[bytes]:
        """Return the keys that custody rules do not judge: classes, assets and foreign names."""
        rows = self._connection.execute(
            text(
                "SELECT item_key FROM items WHERE item_key = ANY(:keys)"
                " AND path !~ '^/(00/|01/[0-9]{14}/(21|235)/|8006/[0-9]{18}/21/)'"
            ),
            {"keys": list(keys)},
        )
        return {row.item_key for row in rows}

    def histories(self, keys: Iterable[bytes]) -> dict[bytes, list[Step]]:
        """Return all steps of items and, recursively, of the containers that held them."""
        found: dict[bytes, list[Step]] = {}
        entries: dict[int, tuple[bytes, EventEntry]] = {}
        wanted = set(keys)
        for _ in range(MAX_DEPTH):
            if not wanted:
                break
            found |= self._steps(wanted, entries)
            parents = {parent for key in wanted for step in found[key] for parent in step.parents}
            wanted = parents - found.keys()
        return found

    def _steps(
        self, keys: set[bytes], entries: dict[int, tuple[bytes, EventEntry]]
    ) -> dict[bytes, list[Step]]:
        rows = self._connection.execute(
            text(
                "SELECT item_key, log_index, role FROM item_rows WHERE item_key = ANY(:keys)"
                " ORDER BY log_index"
            ),
            {"keys": list(keys)},
        ).all()
        indexes = {row.log_index for row in rows}
        self._read_entries(indexes - entries.keys(), entries)
        families = self._families(indexes)
        steps: dict[bytes, list[Step]] = {key: [] for key in keys}
        for key, index, role in rows:
            leaf_hash, entry = entries[index]
            parents, lists_children = families.get(index, ((), False))
            steps[key].append(
                Step(
                    log_index=index,
                    leaf_hash=leaf_hash,
                    time_ms=entry.time_ms,
                    op=entry.op,
                    flags=entry.flags,
                    party=entry.on_behalf_of,
                    to_owner=entry.to_owner,
                    to_possessor=entry.to_possessor,
                    refers=entry.refers,
                    role=role,
                    item=key,
                    parents=parents if role != 1 else (),
                    lists_children=lists_children,
                )
            )
        return steps

    def _read_entries(
        self, indexes: Collection[int], entries: dict[int, tuple[bytes, EventEntry]]
    ) -> None:
        rows = self._connection.execute(
            text("SELECT log_index, leaf_hash, entry FROM log_entries WHERE log_index = ANY(:all)"),
            {"all": list(indexes)},
        )
        for row in rows:
            entries[row.log_index] = (row.leaf_hash, decode_event(row.entry))

    def _families(self, indexes: Collection[int]) -> dict[int, tuple[tuple[bytes, ...], bool]]:
        """Return, for entries that name a parent, the parents and whether children are listed."""
        rows = self._connection.execute(
            text(
                "SELECT log_index, array_agg(item_key) FILTER (WHERE role = 1) AS parents,"
                " bool_or(role = 2) AS lists_children FROM item_rows"
                " WHERE log_index = ANY(:all) GROUP BY log_index HAVING bool_or(role = 1)"
            ),
            {"all": list(indexes)},
        )
        return {row.log_index: (tuple(row.parents), row.lists_children) for row in rows}

    def write_custody(
        self,
        keys: Collection[bytes],
        states: Mapping[bytes, ItemState],
        found: Sequence[Finding],
    ) -> None:
        """Replace states and findings of keys; feeds are told of findings in the same commit."""
        connection = self._connection
        given = {"keys": list(keys)}
        connection.execute(text("DELETE FROM item_states WHERE item_key = ANY(:keys)"), given)
        replaced = connection.execute(
            text("DELETE FROM findings WHERE item_key = ANY(:keys) RETURNING *"), given
        ).all()
        announce_findings(connection, replaced, found)
        copy_into(
            connection,
            "item_states",
            _STATE_COLUMNS,
            _STATE_TYPES,
            [
                (k, s.status.value, s.holder, s.shipped_to, s.container, s.last_index, s.last_time)
                for k, s in states.items()
            ],
        )
        copy_into(
            connection,
            "findings",
            (
                "item_key",
                "code",
                "severity",
                "finding_class",
                "detail",
                "evidence",
                "backdated",
                "opened_index",
                "opened_ms",
                "changed_index",
            ),
            (
                "bytea",
                "text",
                "text",
                "text",
                "text",
                "int8[]",
                "bool",
                "int8",
                "int8",
                "int8",
            ),
            [
                (
                    f.item,
                    f.code.value,
                    f.severity.value,
                    f.finding_class.value,
                    f.detail,
                    list(f.evidence),
                    False,
                    f.evidence[-1],
                    0,
                    f.evidence[-1],
                )
                for f in found
            ],
        )
