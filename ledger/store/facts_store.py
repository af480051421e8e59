"""What contents say, kept beside the log: facts of events, quantities, namesakes, coordinates."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from ledger.core.custody.facts import EventFacts
from ledger.core.entries import Kind, decode_fact
from ledger.core.epcis.compared import field
from ledger.store.bulk import IndexArray, copy_into
from ledger.store.step_store import StepTables, format_more
from ledger.store.touched import concerned

_FACTS = {
    "log_index": "int8", "step": "text", "disposition": "text", "place": "text", "lot": "text",
    "expiry_ms": "int8", "alarm": "bool", "more": "text",
}  # fmt: skip
_QUANTITIES = {"item_key": "bytea", "log_index": "int8", "quantity": "float8"}
_CONTENTS = """
    SELECT log_index, content FROM events
    WHERE log_index >= %s AND log_index < %s AND content IS NOT NULL ORDER BY log_index
"""
# `latitude` in one byte a character and in two.
_DOCUMENTS = r"""
    SELECT id, document FROM submissions WHERE id IN (
        SELECT submission_id FROM log_entries WHERE log_index >= %s AND log_index < %s AND kind = 1
    ) AND (position('atitude'::bytea IN document) > 0
        OR position('\x61007400690074007500640065'::bytea IN document) > 0)
    ORDER BY id
"""
# The submission that was accepted first stands; others are kept for when its document is erased.
_NEW_PLACES = """
    WITH told AS (
        INSERT INTO places SELECT * FROM unnest(%s::text[], %s::float8[], %s::float8[], %s::int8[])
        ON CONFLICT DO NOTHING RETURNING path, submission_id
    )
    SELECT path FROM told t WHERE NOT EXISTS (SELECT 1 FROM places p
        WHERE p.path = t.path AND p.submission_id < t.submission_id)
"""
# Where a site's extension has no coordinates, those of its GLN count.
_AT_PLACES = concerned("""
    r.log_index IN
        (SELECT log_index FROM custody_facts WHERE split_part(place, '/254/', 1) = ANY(%s))
""")
_WAIT_BY_PLACE = (
    f"INSERT INTO custody_waiting SELECT key FROM ({_AT_PLACES}) there"  # noqa: S608 -- our own
    " ON CONFLICT DO NOTHING"
)
_FORGET_PLACES = """
    WITH sent AS (
        SELECT e.submission_id FROM tombstones t JOIN log_entries e ON e.log_index = t.event_index
        WHERE t.log_index >= %s AND t.log_index < %s
        UNION SELECT r.submission_id FROM tombstones t JOIN capture_results r
            ON r.log_index = t.event_index AND r.verdict = 'duplicate'
        WHERE t.log_index >= %s AND t.log_index < %s
    ), gone AS (
        DELETE FROM places p USING sent JOIN submissions s ON s.id = sent.submission_id
        WHERE p.submission_id = s.id AND s.document IS NULL RETURNING p.path
    )
    SELECT DISTINCT path FROM gone
"""
_PLACES = """
    SELECT DISTINCT ON (path) path, latitude, longitude FROM places WHERE path = ANY(%s)
    ORDER BY path, submission_id
"""
_TOMBSTONES = """
    SELECT entry FROM log_entries WHERE log_index >= %s AND log_index < %s AND kind = 6
"""
_FORGET = "DELETE FROM custody_facts WHERE log_index = ANY(%s)"
_FORGET_QUANTITIES = """
    DELETE FROM custody_quantities WHERE log_index = ANY(%s) RETURNING item_key
"""
# Names that new events have in common with others of other content. Where a hash stands for the
# eventID, spellings that it does not see make no other content.
_SHARED_NAMES = """
    SELECT DISTINCT e.event_id FROM events e
    WHERE e.log_index >= %s AND e.log_index < %s AND NOT e.declares_error AND EXISTS (
        SELECT 1 FROM events o WHERE o.event_id = e.event_id AND NOT o.declares_error
            AND o.event_digest <> e.event_digest
            AND (o.event_hash <> e.event_hash OR NOT starts_with(e.event_id, 'ni:///sha-256;')))
"""
_LOST_NAMES = """
    SELECT DISTINCT e.event_id FROM custody_facts f JOIN events e USING (log_index)
    WHERE f.original = ANY(%s) AND e.event_id IS NOT NULL
"""
# Events of one eventID among which its first is sought, those logged first: bounds what each batch
# reads. Attack: one eventID for everything; the rest is compared with the first of these.
MAX_NAMESAKES = 1_000
# Of the events under a name, the first by (time, digest) is the original of the others: of those
# that were logged first, and of those from an index on.
_NAME_ORIGINALS = f"""
    WITH firsts AS MATERIALIZED (
        SELECT n.name, h.* FROM unnest(%s::text[]) AS n (name) CROSS JOIN LATERAL (
            SELECT e.log_index, e.event_digest, e.event_hash
            FROM events e JOIN custody_facts USING (log_index)
            WHERE e.event_id = n.name AND NOT e.declares_error AND e.log_index < %s
            ORDER BY e.log_index LIMIT {MAX_NAMESAKES:d}
        ) h
    ), originals AS (
        SELECT DISTINCT ON (f.name) f.* FROM firsts f JOIN log_entries l USING (log_index)
        ORDER BY f.name, substring(l.entry FROM 9 FOR 8), f.event_digest, f.log_index
    ), named AS (
        SELECT name, log_index, event_digest, event_hash FROM firsts
        UNION SELECT e.event_id, e.log_index, e.event_digest, e.event_hash
        FROM originals o JOIN events e ON e.event_id = o.name
        WHERE NOT e.declares_error AND e.log_index >= %s AND e.log_index < %s
    ), judged AS (
        SELECT n.log_index, CASE WHEN n.event_digest <> o.event_digest AND
            (n.event_hash <> o.event_hash OR NOT starts_with(name, 'ni:///sha-256;'))
            THEN o.log_index END AS original
        FROM named n JOIN originals o USING (name)
    )
    UPDATE custody_facts f SET original = j.original FROM judged j
    WHERE f.log_index = j.log_index AND f.original IS DISTINCT FROM j.original
    RETURNING f.log_index
"""  # noqa: S608 -- a number of our own
_CONCERNED = concerned("r.log_index = ANY(%s)")


class FactTables(StepTables):
    """Reads and writes what contents say, inside one transaction."""

    def contents(self, start: int, end: int) -> list[tuple[int, bytes]]:
        """Return the contents of events [start, end) that are not erased, by index."""
        return self._fetch(_CONTENTS, start, end)

    def write_facts(self, facts: Sequence[tuple[int, EventFacts]]) -> None:
        """Write facts of events that have none yet."""
        connection = self._connection
        copy_into(
            connection, "custody_facts", list(_FACTS), list(_FACTS.values()),
            [
                (
                    index, field(f.step), field(f.disposition), field(f.place), field(f.lot),
                    f.expiry_ms, f.alarm, format_more(f),
                )
                for index, f in facts
            ],
        )  # fmt: skip
        counted = [
            (key, index, quantity) for index, f in facts for key, quantity in f.quantities.items()
        ]
        if counted:
            names, types = list(_QUANTITIES), list(_QUANTITIES.values())
            copy_into(connection, "custody_quantities", names, types, counted)

    def forget_erased(self, start: int, end: int) -> tuple[set[bytes], set[bytes]]:
        """Drop the facts of what tombstones [start, end) erase; return items and classes of it."""
        erased = [_erased_index(entry) for (entry,) in self._fetch(_TOMBSTONES, start, end)]
        if not erased:
            return set(), set()
        names = [name for (name,) in self._fetch(_LOST_NAMES, IndexArray(erased))]
        self._run(_FORGET, IndexArray(erased))
        classes = {key for (key,) in self._fetch(_FORGET_QUANTITIES, IndexArray(erased))}
        changed = self._rename(names, 0, end)
        return self._concerned([*erased, *changed]), classes

    def _concerned(self, indexes: Collection[int]) -> set[bytes]:
        """Return the items of entries, and of what was inside of them what followed."""
        if not indexes:
            return set()
        return {key for key, _ in self._fetch(_CONCERNED, IndexArray(indexes))}

    def forget_places(self, start: int, end: int) -> None:
        """Drop what documents told of coordinates that tombstones [start, end) erase.

        Items that were there wait for a new look, by what the next document tells.
        """
        gone = [path for (path,) in self._fetch(_FORGET_PLACES, start, end, start, end)]
        self._wait_at(gone)

    def _wait_at(self, paths: Collection[str]) -> None:
        if paths:
            self._run(_WAIT_BY_PLACE, [path.partition("/254/")[0] for path in paths])

    def find_namesakes(self, start: int, end: int) -> set[bytes]:
        """Set originals of events whose eventIDs new events have too; return items concerned.

        A late event may be the first of its name: then it is the original of those before it.
        """
        names = [name for (name,) in self._fetch(_SHARED_NAMES, start, end)]
        return self._concerned(self._rename(names, start, end))

    def _rename(self, names: Collection[str], start: int, end: int) -> list[int]:
        if not names:
            return []
        rows = self._fetch(_NAME_ORIGINALS, list(names), end, start, end)
        return [index for (index,) in rows]

    def documents(self, start: int, end: int) -> list[tuple[int, bytes]]:
        """Return id and bytes of documents of events [start, end) that may tell coordinates."""
        return self._fetch(_DOCUMENTS, start, end)

    def add_places(self, submission_id: int, found: Mapping[str, tuple[float, float]]) -> None:
        """Keep coordinates that a document tells; where they are new, items wait for a new look."""
        if not found:
            return
        paths = list(found)
        latitudes, longitudes = zip(*found.values(), strict=True)
        new = self._fetch(
            _NEW_PLACES, paths, list(latitudes), list(longitudes), [submission_id] * len(paths)
        )
        self._wait_at([path for (path,) in new])

    def places(self, paths: Iterable[str]) -> dict[str, tuple[float, float]]:
        """Return latitude and longitude of the places among paths that have them."""
        wanted = list(paths)
        if not wanted:
            return {}
        return {row[0]: (row[1], row[2]) for row in self._fetch(_PLACES, wanted)}


def _erased_index(entry: bytes) -> int:
    payload = decode_fact(entry).payload
    index = payload.get("index")
    if Kind(entry[4]) is not Kind.TOMBSTONE or not isinstance(index, int):
        raise ValueError("a tombstone names the index that it erases")
    return index
