"""What contents say, kept beside the log: facts of events, quantities, namesakes, coordinates."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from ledger.core.custody.facts import EventFacts
from ledger.core.entries import Kind, decode_fact
from ledger.core.epcis.compared import field
from ledger.store.bulk import IndexArray, copy_into
from ledger.store.step_store import StepTables, format_more

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
_NEW_PLACES = """
    INSERT INTO places SELECT * FROM unnest(%s::text[], %s::float8[], %s::float8[], %s::int8[])
    ON CONFLICT DO NOTHING RETURNING path
"""
_WAIT_BY_PLACE = """
    INSERT INTO custody_waiting SELECT DISTINCT r.item_key
    FROM custody_facts f JOIN item_rows r USING (log_index)
    WHERE f.place = ANY(%s) AND r.role <> 5 ON CONFLICT DO NOTHING
"""
_FORGET_PLACES = """
    DELETE FROM places p USING submissions s
    WHERE EXISTS (SELECT 1 FROM tombstones WHERE log_index >= %s AND log_index < %s)
        AND s.id = p.submission_id AND s.document IS NULL
    RETURNING p.path
"""
_PLACES = "SELECT path, latitude, longitude FROM places WHERE path = ANY(%s)"
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
# Of the events under a name, the first by (time, digest) is the original of the others.
_NAME_ORIGINALS = """
    WITH named AS (
        SELECT e.log_index, e.event_digest, e.event_hash,
            first_value(e.log_index) OVER same AS first,
            first_value(e.event_digest) OVER same AS digest,
            first_value(e.event_hash) OVER same AS hash,
            starts_with(e.event_id, 'ni:///sha-256;') AS by_hash
        FROM events e JOIN log_entries l USING (log_index) JOIN custody_facts USING (log_index)
        WHERE e.event_id = ANY(%s) AND NOT e.declares_error AND e.log_index < %s
        WINDOW same AS (PARTITION BY e.event_id
            ORDER BY substring(l.entry FROM 9 FOR 8), e.event_digest, e.log_index)
    ), judged AS (
        SELECT log_index, CASE WHEN event_digest <> digest AND (event_hash <> hash OR NOT by_hash)
            THEN first END AS original FROM named
    )
    UPDATE custody_facts f SET original = j.original FROM judged j
    WHERE f.log_index = j.log_index AND f.original IS DISTINCT FROM j.original
    RETURNING f.log_index
"""
_ITEMS_OF = """
    SELECT DISTINCT item_key FROM item_rows WHERE log_index = ANY(%s) AND role <> 5
"""


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
        changed = self._rename(names, end)
        items = self._fetch(_ITEMS_OF, IndexArray([*erased, *changed]))
        return {key for (key,) in items}, classes

    def forget_places(self, start: int, end: int) -> bool:
        """Drop what documents told of coordinates that tombstones [start, end) erase; tell if any.

        Items that were there wait for a new look.
        """
        gone = [path for (path,) in self._fetch(_FORGET_PLACES, start, end)]
        if gone:
            self._run(_WAIT_BY_PLACE, gone)
        return bool(gone)

    def find_namesakes(self, start: int, end: int) -> set[bytes]:
        """Set originals of events whose eventIDs new events have too; return items concerned.

        A late event may be the first of its name: then it is the original of those before it.
        """
        names = [name for (name,) in self._fetch(_SHARED_NAMES, start, end)]
        changed = self._rename(names, end)
        return {key for (key,) in self._fetch(_ITEMS_OF, IndexArray(changed))} if changed else set()

    def _rename(self, names: Collection[str], end: int) -> list[int]:
        if not names:
            return []
        return [index for (index,) in self._fetch(_NAME_ORIGINALS, list(names), end)]

    def documents(self, start: int, end: int) -> list[tuple[int, bytes]]:
        """Return id and bytes of documents of events [start, end) that may tell coordinates."""
        return self._fetch(_DOCUMENTS, start, end)

    def add_places(self, submission_id: int, found: Mapping[str, tuple[float, float]]) -> None:
        """Keep coordinates of places that have none; items that were there wait for a new look."""
        if not found:
            return
        paths = list(found)
        latitudes, longitudes = zip(*found.values(), strict=True)
        new = self._fetch(
            _NEW_PLACES, paths, list(latitudes), list(longitudes), [submission_id] * len(paths)
        )
        if new:
            self._run(_WAIT_BY_PLACE, [path for (path,) in new])

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
