"""SQL: whom entries concern, the items that they name and what was followed inside of them."""

from ledger.core.custody.steps import MAX_NESTING
from ledger.core.entries import FLAG_UNPACK_ALL, Op

_VOIDED = f"""
    EXISTS (SELECT 1 FROM item_rows v JOIN log_entries l USING (log_index)
        WHERE v.item_key = {{key}} AND v.role <> 5 AND get_byte(l.entry, 5) = {Op.VOID:d})
"""  # noqa: S608 -- a number of our own


def concerned(entries: str) -> str:
    """Return a query of (key, at): items, by the first entry that names each, if one does.

    Bytes 5, 6 and 8 to 16 of an entry: operation, flags, event time. Of a container that has a VOID
    any entry may change what that takes back, which may be as old as the log: it counts from the
    beginning of time, so that what has left since is found as well.

    Args:
        entries: A condition on `r.log_index` of item rows r.
    """
    return f"""
    WITH RECURSIVE directly AS MATERIALIZED (
        SELECT r.item_key AS key, min(r.log_index) AS first,
            min(('x' || encode(substring(e.entry FROM 9 FOR 8), 'hex'))::bit(64)::bigint) AS since,
            bool_or(r.role = 1 AND get_byte(e.entry, 6) & {FLAG_UNPACK_ALL:d} <> 0) AS frees
        FROM item_rows r JOIN log_entries e USING (log_index)
        WHERE {entries} AND r.role <> 5 GROUP BY r.item_key
    ), named AS MATERIALIZED (
        SELECT key, first, frees, CASE WHEN {_VOIDED.format(key="key")} THEN 0 ELSE since END
            AS since
        FROM directly WHERE EXISTS (SELECT 1 FROM stays s WHERE s.parent = key)
    ), inside AS (
        SELECT s.child, n.since, 1 AS depth FROM named n JOIN stays s ON s.parent = n.key
            AND s.is_followed AND (s.to_ms IS NULL OR s.to_ms >= n.since)
        UNION
        SELECT s.child, i.since, depth + 1 FROM (
            SELECT child, depth, CASE WHEN {_VOIDED.format(key="child")} THEN 0 ELSE since END
                AS since
            FROM inside WHERE depth < {MAX_NESTING:d}
        ) i JOIN stays s ON s.parent = i.child
            AND s.is_followed AND (s.to_ms IS NULL OR s.to_ms >= i.since)
    )
    SELECT key, min(first) AS at FROM (
        SELECT key, first FROM directly
        UNION ALL SELECT child, NULL FROM inside
        UNION ALL SELECT s.child, NULL FROM named n JOIN stays s ON s.parent = n.key
            AND (s.to_ms IS NULL OR s.to_ms >= n.since) WHERE n.frees
    ) touched GROUP BY key ORDER BY at NULLS LAST, key
    """  # noqa: S608 -- conditions of our own
