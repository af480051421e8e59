"""Steps of custody, read from item rows, entries and facts: few queries for many items."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

import orjson
from sqlalchemy import Connection

from ledger.core.custody.facts import EventFacts, Reading
from ledger.core.custody.steps import MAX_NESTING, Step
from ledger.core.entries import Op, Z, event_fields
from ledger.store.bulk import IndexArray, KeyArray, driver_of, fetch_rows
from ledger.store.contents_store import parties_of_contents

# The fold follows containers MAX_NESTING deep; what it asks for must have been read.
MAX_DEPTH = MAX_NESTING + 1
_OPS = {int(op): op for op in Op}
_STEPS = """
    SELECT item_key, log_index, role, spends FROM item_rows
    WHERE item_key = ANY(%s) AND log_index < %s ORDER BY log_index
"""
_ENTRIES = "SELECT log_index, leaf_hash, entry FROM log_entries WHERE log_index = ANY(%s)"
# An event lists children or does not: its first such row answers, however many there are.
_FAMILIES = """
    SELECT p.log_index, p.item_key, EXISTS (
        SELECT 1 FROM item_rows c WHERE c.log_index = p.log_index AND c.role = 2
    ) FROM item_rows p WHERE p.log_index = ANY(%s) AND p.role = 1
"""
_FACTS = """
    SELECT log_index, step, disposition, place, lot, expiry_ms, original, alarm, more
    FROM custody_facts WHERE log_index = ANY(%s)
"""
_QUANTITIES = """
    SELECT item_key, log_index, quantity FROM custody_quantities
    WHERE item_key = ANY(%s) AND log_index < %s
"""
_PRODUCTS = """
    SELECT item_key, substring(path FROM 5 FOR 14) FROM items
    WHERE item_key = ANY(%s) AND path ~ '^/01/[0-9]{14}/'
"""
_UNJUDGED = """
    SELECT item_key FROM items WHERE item_key = ANY(%s)
    AND path !~ '^/(00/|01/[0-9]{14}/(21|235)/|8006/[0-9]{18}/21/)'
"""
_Entry = tuple[bytes, tuple[Any, ...]]


class StepTables:
    """Reads steps inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        """Take a connection inside a transaction."""
        self._connection = connection

    def _fetch(self, query: str, *values: object) -> list[Any]:
        return fetch_rows(self._connection, query, *values)

    def _run(self, statement: str, *values: object) -> None:
        with driver_of(self._connection).cursor() as cursor:
            cursor.execute(statement.encode(), values)

    def _run_many(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        if rows:
            with driver_of(self._connection).cursor() as cursor:
                cursor.executemany(statement.encode(), rows)

    def unjudged(self, keys: Collection[bytes]) -> set[bytes]:
        """Return the keys that custody rules do not judge: classes, assets and foreign names."""
        return {key for (key,) in self._fetch(_UNJUDGED, KeyArray(keys))}

    def products(self, keys: Collection[bytes]) -> dict[bytes, str]:
        """Return the GTIN-14 of the items among keys that have one."""
        return dict(self._fetch(_PRODUCTS, KeyArray(keys)))

    def histories(self, keys: Iterable[bytes], end: int) -> dict[bytes, list[Step]]:
        """Return all steps below end of items and, recursively, of containers that held them."""
        found: dict[bytes, list[Step]] = {}
        read = _Read(self, end)
        wanted = set(keys)
        for _ in range(MAX_DEPTH):
            if not wanted:
                break
            found |= read.steps(wanted)
            parents = {parent for key in wanted for step in found[key] for parent in step.parents}
            wanted = parents - found.keys()
        return found

    def parties_inside(self, containers: Collection[bytes], end: int) -> dict[bytes, set[bytes]]:
        """Return, by container, who issued, got or gave what entries below end packed into it."""
        return parties_of_contents(self._connection, containers, end)

    def class_histories(self, keys: Collection[bytes], end: int) -> dict[bytes, list[Step]]:
        """Return all steps below end of classes, each with the quantity that it states of its."""
        found = _Read(self, end).steps(set(keys))
        stated = {
            (key, index): quantity
            for key, index, quantity in self._fetch(_QUANTITIES, KeyArray(keys), end)
        }
        return {
            key: [_counted(step, stated.get((key, step.log_index))) for step in steps]
            for key, steps in found.items()
        }


class _Read:
    """What one call of `histories` has read so far, by log index."""

    def __init__(self, tables: StepTables, end: int) -> None:
        self._fetch = tables._fetch  # noqa: SLF001 -- of the same module
        self._end = end
        self._entries: dict[int, _Entry] = {}
        self._facts: dict[int, EventFacts] = {}
        # Most events of a site say the same.
        self._known: dict[tuple[Any, ...], EventFacts] = {}
        self._families: dict[int, tuple[tuple[bytes, ...], bool]] = {}

    def steps(self, keys: set[bytes]) -> dict[bytes, list[Step]]:
        """Return the steps of keys, by item."""
        rows = self._fetch(_STEPS, KeyArray(keys), self._end)
        self._read({row[1] for row in rows} - self._entries.keys())
        entries, facts, families = self._entries, self._facts, self._families
        steps: dict[bytes, list[Step]] = {key: [] for key in keys}
        alone: tuple[tuple[bytes, ...], bool] = ((), False)
        for key, index, role, spends in rows:
            leaf_hash, entry = entries[index]
            op, flags, _, time_ms, signer, _, party, to_owner, to_possessor, refers, *_ = entry
            parents, lists_children = families.get(index, alone)
            steps[key].append(
                Step(
                    log_index=index,
                    leaf_hash=leaf_hash,
                    time_ms=time_ms,
                    op=_OPS[op],
                    flags=flags,
                    party=party,
                    to_owner=to_owner,
                    to_possessor=to_possessor,
                    refers=refers,
                    role=role,
                    item=key,
                    parents=parents if role != 1 else (),
                    lists_children=lists_children,
                    signer=signer,
                    spends=spends or Z,
                    facts=facts.get(index),
                )
            )
        return steps

    def _read(self, indexes: set[int]) -> None:
        if not indexes:
            return
        wanted = IndexArray(indexes)
        for index, leaf_hash, entry in self._fetch(_ENTRIES, wanted):
            self._entries[index] = (leaf_hash, event_fields(entry))
        known = self._known
        for index, *said in self._fetch(_FACTS, wanted):
            facts = known.get(tuple(said))
            if facts is None:
                facts = known[tuple(said)] = read_facts(*said)
            self._facts[index] = facts
        parents: dict[int, list[bytes]] = {}
        for index, key, lists_children in self._fetch(_FAMILIES, wanted):
            parents.setdefault(index, []).append(key)
            self._families[index] = (tuple(parents[index]), lists_children)


def _counted(step: Step, quantity: float | None) -> Step:
    if step.facts is None or quantity is None:
        return step
    return replace(step, facts=replace(step.facts, quantities={step.item: quantity}))


def read_facts(
    step: str,
    disposition: str,
    place: str,
    lot: str,
    expiry_ms: int | None,
    original: int | None,
    alarm: bool,
    more: str | None,
) -> EventFacts:
    """Return the facts of a row of `custody_facts`; quantities have a table of their own."""
    return EventFacts(
        step=step,
        disposition=disposition,
        place=place,
        lot=lot,
        expiry_ms=expiry_ms,
        original=original,
        alarm=alarm,
        readings=_readings(more) if more is not None else (),
    )


def _readings(more: str) -> tuple[Reading, ...]:
    return tuple(
        Reading(start_ms=start, end_ms=end, low=low, high=high)
        for start, end, low, high in orjson.loads(more)["readings"]
    )


def format_more(facts: EventFacts) -> str | None:
    """Return what few events say as it is stored, None where there is nothing of it."""
    if not facts.readings:
        return None
    readings = [(one.start_ms, one.end_ms, one.low, one.high) for one in facts.readings]
    return orjson.dumps({"readings": readings}).decode()
