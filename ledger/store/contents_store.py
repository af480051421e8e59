"""Whose goods are in containers: read downwards, for the few that another shipped than packed them.

Whoever issued, got or gave what was packed once is known for good, voided or not: later entries of
the contents can only close a finding of their container, so that no more need be looked at again.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection

from ledger.core.custody.findings import Rule
from ledger.core.custody.steps import MAX_NESTING, ROLE_CHILD, ROLE_CLASS, ROLE_OUTPUT, ROLE_PARENT
from ledger.core.entries import Op, Z, event_fields
from ledger.store.bulk import KeyArray, fetch_rows

# Contents that are looked at of each packing. Attack: pallets of 5,000, shipped by strangers.
MAX_LOOKED_AT = 64
_PACKED = f"""
    SELECT p.item_key, c.item_key FROM item_rows p JOIN log_entries e USING (log_index)
    CROSS JOIN LATERAL (
        SELECT c.item_key FROM item_rows c
        WHERE c.log_index = p.log_index AND c.role = {ROLE_CHILD:d}
        ORDER BY c.row_index LIMIT {MAX_LOOKED_AT:d}
    ) c
    WHERE p.item_key = ANY(%s) AND p.log_index < %s AND p.role = {ROLE_PARENT:d}
        AND get_byte(e.entry, 5) = {Op.PACK:d}
"""  # noqa: S608 -- numbers of our own
_HAD = f"""
    SELECT r.item_key, e.entry FROM item_rows r JOIN log_entries e USING (log_index)
    WHERE r.item_key = ANY(%s) AND r.log_index < %s AND (
        get_byte(e.entry, 5) IN ({Op.COMMISSION:d}, {Op.HANDOFF:d}, {Op.RECEIVE:d})
        OR get_byte(e.entry, 5) = {Op.TRANSFORM:d} AND r.role = {ROLE_OUTPUT:d}
    )
"""  # noqa: S608 -- numbers of our own
_TOLD = "SELECT 1 FROM findings WHERE code = %s LIMIT 1"
_ABOVE = f"""
    WITH RECURSIVE named AS MATERIALIZED (
        SELECT DISTINCT item_key FROM item_rows
        WHERE log_index >= %s AND log_index < %s AND role <> {ROLE_CLASS:d}
    ), above AS (
        SELECT s.parent, 1 AS depth FROM named n JOIN stays s ON s.child = n.item_key
        UNION
        SELECT s.parent, depth + 1 FROM above a JOIN stays s ON s.child = a.parent
            WHERE depth < {MAX_NESTING:d}
    )
    SELECT DISTINCT f.item_key FROM above a JOIN findings f ON f.item_key = a.parent
    WHERE f.code = %s ORDER BY f.item_key
"""  # noqa: S608 -- numbers of our own
_CODE = Rule.SHIP_BY_NON_OWNER.value


def parties_of_contents(
    connection: Connection, containers: Collection[bytes], end: int
) -> dict[bytes, set[bytes]]:
    """Return, by container, who issued, got or gave what was packed into it, at any depth.

    Args:
        connection: In a transaction.
        containers: Keys.
        end: Entries from this index on are not there yet.
    """
    inside = _contents(connection, containers, end)
    had: dict[bytes, set[bytes]] = {}
    for key, entry in fetch_rows(
        connection, _HAD, KeyArray({*inside}.union(*inside.values())), end
    ):
        _, _, _, _, _, _, party, to_owner, to_possessor, *_ = event_fields(entry)
        had.setdefault(key, set()).update({party, to_owner, to_possessor} - {Z})
    return {
        box: set[bytes]().union(*(had.get(key, ()) for key in inside.get(box, ())))
        for box in containers
    }


def _contents(
    connection: Connection, containers: Collection[bytes], end: int
) -> dict[bytes, set[bytes]]:
    """Return, by container, what was ever in it, at any depth."""
    packed: dict[bytes, set[bytes]] = {}
    wanted = set(containers)
    for _ in range(MAX_NESTING):
        if not wanted:
            break
        rows: list[Any] = fetch_rows(connection, _PACKED, KeyArray(wanted), end)
        packed |= {key: set() for key in wanted}
        for parent, child in rows:
            packed[parent].add(child)
        wanted = {child for _, child in rows} - packed.keys()
    found = {}
    for box in containers:
        inside = list(packed.get(box, ()))
        seen = set(inside)
        for key in inside:  # grows while it is read
            new = packed.get(key, set()) - seen
            seen |= new
            inside += new
        found[box] = seen
    return found


def flagged_above(connection: Connection, start: int, end: int) -> list[bytes]:
    """Return what holds items of entries [start, end), and seems shipped by a stranger."""
    if not fetch_rows(connection, _TOLD, _CODE):
        return []
    return [key for (key,) in fetch_rows(connection, _ABOVE, start, end, _CODE)]
