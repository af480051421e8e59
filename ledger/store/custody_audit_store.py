"""What an audit compares of custody: everything derived, read as it is stored."""

from collections.abc import Collection

from ledger.core.custody.facts import EventFacts
from ledger.service.custody_ports import StayRow, StoredCustody, StoredFacts
from ledger.store.bulk import KeyArray
from ledger.store.custody_store import CustodyTables
from ledger.store.facts_store import MAX_NAMESAKES
from ledger.store.step_store import read_facts

_STATES = """
    SELECT item_key, status, holder, shipped_to, container, last_index, last_time, condition, due_ms
    FROM item_states WHERE item_key = ANY(%s)
"""
_STAYS = """
    SELECT child, from_index, parent, from_ms, to_index, to_ms, is_followed FROM stays
    WHERE child = ANY(%s)
"""
_CLASS_KEYS = """
    SELECT DISTINCT item_key FROM item_rows WHERE role = 5 AND log_index < %s AND item_key > %s
    ORDER BY item_key LIMIT %s
"""
_STORED_FACTS = """
    SELECT log_index, step, disposition, place, lot, expiry_ms, alarm, more FROM custody_facts
    WHERE log_index >= %s AND log_index < %s ORDER BY log_index
"""
_STORED_QUANTITIES = """
    SELECT log_index, item_key, quantity FROM custody_quantities
    WHERE log_index >= %s AND log_index < %s
"""
_PLACES = """
    SELECT DISTINCT ON (path) path, latitude, longitude FROM places ORDER BY path, submission_id
"""
_WRONG_ORIGINALS = f"""
    WITH shared AS (
        SELECT event_id FROM events WHERE NOT declares_error AND event_id IS NOT NULL
        GROUP BY event_id HAVING count(*) > 1
    ), named AS (
        SELECT e.log_index, e.event_id, e.event_digest, e.event_hash,
            substring(l.entry FROM 9 FOR 8) AS told,
            row_number() OVER (PARTITION BY e.event_id ORDER BY e.log_index) AS number
        FROM shared JOIN events e USING (event_id) JOIN log_entries l USING (log_index)
            JOIN custody_facts USING (log_index)
        WHERE NOT e.declares_error
    ), originals AS (
        SELECT DISTINCT ON (event_id) * FROM named WHERE number <= {MAX_NAMESAKES:d}
        ORDER BY event_id, told, event_digest, log_index
    ), judged AS (
        SELECT n.log_index, o.log_index AS original FROM named n JOIN originals o USING (event_id)
        WHERE n.event_digest <> o.event_digest
            AND (n.event_hash <> o.event_hash OR NOT starts_with(event_id, 'ni:///sha-256;'))
    )
    SELECT f.log_index FROM custody_facts f LEFT JOIN judged j USING (log_index)
    WHERE f.original IS DISTINCT FROM j.original LIMIT 100
"""  # noqa: S608 -- a number of our own
_STRAY = """
    SELECT 'state of item ' || encode(item_key, 'hex') FROM item_states s WHERE NOT EXISTS
        (SELECT 1 FROM item_rows r WHERE r.item_key = s.item_key AND r.role <> 5)
    UNION ALL SELECT 'finding of item ' || encode(item_key, 'hex') FROM findings s WHERE NOT EXISTS
        (SELECT 1 FROM item_rows r WHERE r.item_key = s.item_key)
    UNION ALL SELECT 'stay of item ' || encode(child, 'hex') FROM stays s WHERE NOT EXISTS
        (SELECT 1 FROM item_rows r WHERE r.item_key = s.child AND r.role <> 5)
    LIMIT 100
"""
# What is seen of an open finding over time is what it is.
_EPISODES = """
    SELECT DISTINCT encode(coalesce(f.item_key, h.item_key), 'hex') FROM findings f
    FULL JOIN (SELECT * FROM finding_history WHERE closed_index IS NULL) h USING (item_key, code)
    WHERE (f.severity, f.finding_class, f.detail, f.evidence, f.backdated, f.opened_index,
        f.opened_ms, f.changed_index) IS DISTINCT FROM
        (h.severity, h.finding_class, h.detail, h.evidence, h.backdated, h.opened_index,
        h.opened_ms, h.changed_index)
    LIMIT 100
"""
_LAGGING = """
    SELECT (SELECT count(*) FROM custody_waiting)
        + (SELECT count(*) FROM item_states WHERE due_ms <= %s)
"""


class CustodyAuditTables(CustodyTables):
    """Reads custody inside the snapshot of an audit."""

    def lagging(self, as_of_ms: int) -> int:
        """Return how many items wait to be evaluated again."""
        ((count,),) = self._fetch(_LAGGING, as_of_ms)
        return int(count)

    def class_keys(self, after: bytes, size: int, limit: int) -> list[bytes]:
        """Return the next classes, by key, that entries below size name."""
        return [key for (key,) in self._fetch(_CLASS_KEYS, size, after, limit)]

    def stored(self, keys: Collection[bytes]) -> StoredCustody:
        """Return what is stored of items and classes."""
        wanted = KeyArray(keys)
        return StoredCustody(
            states=set(self._fetch(_STATES, wanted)),
            stays={StayRow(*row) for row in self._fetch(_STAYS, wanted)},
            findings=set(self.open_findings(keys)),
        )

    def stored_facts(self, start: int, end: int) -> StoredFacts:
        """Return facts and quantities that are stored of events [start, end), without originals."""
        facts: dict[int, EventFacts] = {}
        for row in self._fetch(_STORED_FACTS, start, end):
            index, step, disposition, place, lot, expiry_ms, alarm, more = row
            facts[index] = read_facts(step, disposition, place, lot, expiry_ms, None, alarm, more)
        quantities: dict[int, dict[bytes, float]] = {}
        for index, key, quantity in self._fetch(_STORED_QUANTITIES, start, end):
            quantities.setdefault(index, {})[key] = quantity
        return StoredFacts(facts, quantities)

    def stored_places(self) -> dict[str, tuple[float, float]]:
        """Return all coordinates by path."""
        return {path: (latitude, longitude) for path, latitude, longitude in self._fetch(_PLACES)}

    def strays(self) -> list[str]:
        """Return what is stored about keys that no entry names."""
        return [what for (what,) in self._fetch(_STRAY)]

    def wrong_originals(self) -> list[int]:
        """Return events of which the first of their eventID is stored wrongly."""
        return [index for (index,) in self._fetch(_WRONG_ORIGINALS)]

    def wrong_episodes(self) -> list[str]:
        """Return items of which an open finding and its open episode are not the same."""
        return [item for (item,) in self._fetch(_EPISODES)]
