"""The item map of an audit and of fsck: rebuilt from entries and item rows, in sixteen parts.

Each part is that of keys which begin with one nibble, and is rebuilt alone; joined they give the
root at every head that claims one. Memory: some 150 bytes a key of the part, and of each head that
changed it. Pages are compared where proofs are served from them.
"""

from collections.abc import Iterator, Sequence
from heapq import merge
from typing import NamedTuple

from ledger.core.audit_signatures import Failure
from ledger.core.entries import Z, decode_fact
from ledger.core.item_map import EMPTY, Step, Subtree, erased_index, fact_keys
from ledger.core.map_pages import ROOT, SLOTS, nibble, tile, tile_root, update_part
from ledger.service.audit_ports import OpenStore
from ledger.service.map_ports import MapRecords, NamedStep

# Steps taken in at once: bounds what one update holds.
CHUNK = 20_000
# Pages and steps of a part that are named one by one: a lost map would name all of them.
MOST_NAMED = 10


class MapPart(NamedTuple):
    """What one part of the map was at each size that changed it, and what is wrong in it."""

    slot: int
    history: list[tuple[int, Subtree]]
    keys: int
    failures: list[Failure]


def audit_map_part(open_store: OpenStore, snapshot: str, slot: int) -> MapPart:
    """Rebuild the part of keys that begin with a nibble; runs in any process."""
    with open_store(snapshot) as store:
        records = store.item_map()
        facts = [row for row in _fact_steps(records) if nibble(row.key, 0) == slot]
        build = _Build(records, slot)
        build.compare_facts(facts)
        size = records.state().size
        steps = merge(records.entries(slot, size), (row for row in facts if row.log_index < size))
        build.run(steps, _sizes(records), served=set(records.kept()))
        return MapPart(slot, build.history, build.keys, build.failures)


def join_map_parts(records: MapRecords, parts: Sequence[MapPart]) -> list[Failure]:
    """Return what is wrong in the parts and in what they give together."""
    failures = [failure for part in parts for failure in part.failures]
    at: dict[int, list[tuple[int, Subtree]]] = {}
    for part in parts:
        for size, subtree in part.history:
            at.setdefault(size, []).append((part.slot, subtree))
    claims, state, served = dict(records.claims()), records.state(), set(records.kept())
    slots, is_mapped = [EMPTY] * SLOTS, False
    for size in _sizes(records):
        for slot, subtree in at.get(size, ()):
            slots[slot] = subtree
        root = tile_root(slots).node
        claim = claims.get(size, root)
        is_mapped |= claim != Z
        # Z says that there is no map: it must be so, or be older than the map.
        if claim != root and (claim != Z or is_mapped):
            failures.append(Failure("map", size, "the head's map root is not that of the entries"))
        if (
            size
            and size in served | {state.size}
            and records.pages([ROOT], size) != {ROOT: tile(slots)}
        ):
            failures.append(Failure("map", size, "the root page is not that of the entries"))
    keys = sum(part.keys for part in parts)
    if (state.root, state.keys) != (tile_root(slots).node, keys):
        failures.append(Failure("map", state.size, "root or number of keys are not the entries'"))
    return failures


def _sizes(records: MapRecords) -> list[int]:
    """Return the sizes at which the map is looked at: of heads, and its own."""
    state = records.state().size
    return sorted({size for size, _ in records.claims() if size <= state} | {state})


def _fact_steps(records: MapRecords) -> list[NamedStep]:
    """Return the steps by facts and tombstones, in order."""
    found = []
    for index, entry, leaf in records.facts():
        fact = decode_fact(entry)
        erased = erased_index(fact)
        keys = set(fact_keys(fact)) if erased is None else records.named(erased)
        found += [NamedStep(index, key, leaf) for key in sorted(keys)]
    return found


class _Build:
    """One part of the map, from its first step on."""

    def __init__(self, records: MapRecords, slot: int) -> None:
        self._records, self._slot, self._prefix = records, slot, bytes([slot])
        self._pages: dict[bytes, bytes] = {}
        self._changed: set[bytes] = set()
        self.history: list[tuple[int, Subtree]] = []
        self.keys = 0
        self.failures: list[Failure] = []

    def compare_facts(self, facts: Sequence[NamedStep]) -> None:
        """Compare what the store has of steps that no item row gives."""
        size = self._records.state().size
        made = {(row.key, row.log_index) for row in facts if row.log_index < size}
        for key, index in sorted(made ^ set(self._records.fact_steps(self._slot)))[:MOST_NAMED]:
            self._fail(index, f"steps of {key.hex()} by facts are not those of the entries")

    def run(self, steps: Iterator[NamedStep], sizes: Sequence[int], served: set[int]) -> None:
        """Take all steps in order; stop at sizes, and compare pages at those that are served."""
        waiting, everything = next(steps, None), True
        for size in sizes:
            subtree: Subtree | None = None
            while waiting is not None and waiting.log_index < size:
                batch: dict[bytes, list[Step]] = {}
                for _ in range(CHUNK):
                    batch.setdefault(waiting.key, []).append((waiting.log_index, waiting.leaf))
                    waiting = next(steps, None)
                    if waiting is None or waiting.log_index >= size:
                        break
                subtree = self._take(batch)
            if subtree is not None:
                self.history.append((size, subtree))
            if size in served or size == sizes[-1]:
                self._compare(size, everything=everything or size == sizes[-1])
                everything = False

    def _take(self, batch: dict[bytes, list[Step]]) -> Subtree:
        changes, subtree = update_part(self._pages, batch, self._prefix)
        self._pages |= changes.pages
        self._changed |= changes.pages.keys()
        self.keys += changes.new_keys
        return subtree

    def _compare(self, size: int, *, everything: bool) -> None:
        """Compare pages: all of them, or those that changed since the last time."""
        if everything:
            made, stored = self._pages, dict(self._records.part(self._slot, size))
        else:
            made = {prefix: self._pages[prefix] for prefix in self._changed}
            stored = self._records.pages(made.keys(), size)
        self._changed.clear()
        bent = [one for one in made.keys() | stored.keys() if made.get(one) != stored.get(one)]
        for prefix in sorted(bent)[:MOST_NAMED]:
            self._fail(size, f"page {prefix.hex()} is not that of the entries")

    def _fail(self, at: int, detail: str) -> None:
        self.failures.append(Failure("map", at, detail))
