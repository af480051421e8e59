"""Fsck: what is derived from the log, rebuilt from entries and item rows and compared.

Tiles, roots of published heads, item map, custody. It judges no signature and no content, as an
audit does, and needs neither keys nor chain; what it finds bent it can make anew from the log.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from ledger.core.audit_signatures import Failure
from ledger.core.custody.settings import DEFAULT_SETTINGS, RuleSettings
from ledger.core.map_pages import SLOTS
from ledger.core.merkle import HASH_SIZE, Frontier, leaf_hash
from ledger.core.tiles import TILE_WIDTH, completed_tiles
from ledger.service.audit import AuditReport, Run, report_of, tasks
from ledger.service.audit_custody import (
    FIRST_BYTES,
    CustodyReport,
    audit_custody,
    audit_custody_whole,
)
from ledger.service.audit_map import MapPart, audit_map_part, join_map_parts
from ledger.service.audit_ports import AuditStore, OpenStore
from ledger.service.integrate import MAX_LEAVES
from ledger.service.integrate_custody import remake_custody
from ledger.service.integrate_map import MapIntegration
from ledger.service.integration_ports import IntegrationTransaction
from ledger.service.ports import LogStore

# Entries held at once, in whole tiles.
CHUNK = 16 * TILE_WIDTH
# Parts of the custody replay: 16 first bytes of keys each.
PARTS = 16
Progress = Callable[[str, int, int], None]
"""Hears the stage and how much of it is done, out of how much."""


@dataclass(slots=True)
class Fsck:
    """Checks the derived tables of one log, or makes them anew."""

    open_store: OpenStore
    log: LogStore
    rules: RuleSettings = DEFAULT_SETTINGS

    def run(self, *, workers: int = 1, progress: Progress | None = None) -> AuditReport:
        """Rebuild everything from one snapshot and compare.

        Args:
            workers: Processes that share the work.
            progress: Hears how far it is.
        """
        hears = progress or (lambda _stage, _done, _total: None)
        with ExitStack() as stack:
            store = stack.enter_context(self.open_store(None))
            run = stack.enter_context(tasks(workers))
            tree = _TreeCheck(store, hears)
            tree.run()
            checked = {"entries": tree.entries, "tiles": tree.tiles, "heads": tree.heads}
            failures = tree.failures
            if not any(one.check == "index" for one in failures):
                failures += self._map(store, run, checked, hears)
                failures += self._custody(store, run, checked, hears)
        return report_of(checked, failures)

    def _map(
        self, store: AuditStore, run: Run, checked: dict[str, int], hears: Progress
    ) -> list[Failure]:
        jobs = ((self.open_store, store.snapshot(), slot) for slot in range(SLOTS))
        parts: list[MapPart] = []
        for part in run(audit_map_part, jobs):
            parts.append(part)
            hears("map", len(parts), SLOTS)
        checked["map"] = sum(part.keys for part in parts)
        return join_map_parts(store.item_map(), parts)

    def _custody(
        self, store: AuditStore, run: Run, checked: dict[str, int], hears: Progress
    ) -> list[Failure]:
        size, width = store.extent().integrated, FIRST_BYTES // PARTS
        snapshot = store.snapshot()
        jobs = (
            (self.open_store, snapshot, size, first, first + width, self.rules)
            for first in range(0, FIRST_BYTES, width)
        )
        failures: list[Failure] = []
        found: CustodyReport
        checked["custody"] = 0
        for number, found in enumerate(run(audit_custody, jobs), 1):
            failures += found.failures
            checked["custody"] += found.items
            hears("custody", number, PARTS)

        def fail(check: str, index: int | None, detail: str) -> None:
            failures.append(Failure(check, index, detail))

        audit_custody_whole(store, size, self.rules, fail)
        return failures

    def repair(self) -> None:
        """Make map and custody anew from the log, in one transaction: all of it or nothing.

        The tree is not touched: a tile that differs means that entries are gone or changed, and
        these come back from a mirror only.
        """
        with self.log.integrating() as transaction:
            size = transaction.state().integrated
            _remake_map(transaction, size)
            remake_custody(transaction, size, self.rules)


def _remake_map(transaction: IntegrationTransaction, size: int) -> None:
    """Forget the map, and integrate it again, with the versions that heads are served from."""
    item_map = transaction.item_map()
    served = item_map.clear()
    for end in sorted({*served, *range(MAX_LEAVES, size, MAX_LEAVES), size}):
        state = transaction.state()
        if state.map_size < end:
            leaves = transaction.leaf_hashes(state.map_size, end)
            MapIntegration(item_map, state, end, leaves).finish()


class _TreeCheck:
    """The tree, rebuilt from the bytes of the entries."""

    def __init__(self, store: AuditStore, hears: Progress) -> None:
        self._store, self._hears = store, hears
        self._open: dict[int, tuple[int, bytes]] = {}
        self.entries = self.tiles = self.heads = 0
        self.failures: list[Failure] = []

    def run(self) -> None:
        """Rebuild everything, and compare tiles, roots of heads, and what the log states."""
        extent, frontier = self._store.extent(), Frontier()
        for start in range(0, extent.integrated, CHUNK):
            end = min(start + CHUNK, extent.integrated)
            leaves = self._leaves(start, end)
            if leaves is None:
                return
            self._append(frontier, leaves)
            self.entries = end
            self._hears("entries", end, extent.integrated)
        for level, (index, hashes) in self._open.items():
            self._compare(level, index, hashes)
        if self.tiles != extent.tiles:
            self._fail("tiles", None, f"{extent.tiles} tiles where the log has {self.tiles}")
        if (frontier.root(), b"".join(frontier.peaks)) != (extent.root, extent.peaks):
            self._fail("root", extent.integrated, "the stated root or edge is not the tree's")
        if extent.last_head > extent.integrated:
            self._fail("head", extent.last_head, "a head is signed beyond the integrated log")

    def _leaves(self, start: int, end: int) -> list[bytes] | None:
        rows = self._store.signed(start, end)
        if [row.log_index for row in rows] != list(range(start, end)):
            self._fail("index", start, f"the log has a hole before {end}: nothing is rebuilt")
            return None
        leaves = [bytes(leaf_hash(row.entry)) for row in rows]
        for row, leaf in zip(rows, leaves, strict=True):
            if row.leaf_hash != leaf:
                self._fail("leaf", row.log_index, "the stored leaf hash is not the entry's")
        return leaves

    def _append(self, frontier: Frontier, leaves: list[bytes]) -> None:
        start = frontier.size
        heads = self._store.heads(start + 1, start + len(leaves) + 1)
        roots = {head.size: head.root for head in heads}
        self.heads += len(heads)
        for leaf in leaves:
            frontier.append(leaf)
            claim = roots.get(frontier.size)
            if claim is not None and claim != frontier.root():
                self._fail("head", frontier.size, "its root is not the tree's at that size")
        for level, index, hashes in completed_tiles(start, leaves, self._edge):
            if len(hashes) == TILE_WIDTH * HASH_SIZE:
                self._open.pop(level, None)
                self._compare(level, index, hashes)
            else:
                self._open[level] = (index, hashes)

    def _edge(self, level: int) -> bytes:
        return self._open.get(level, (0, b""))[1]

    def _compare(self, level: int, index: int, hashes: bytes) -> None:
        self.tiles += 1
        if self._store.tiles(level, index, index + 1).get(index) != hashes:
            self._fail("tiles", None, f"tile {level}/{index} is not the entries'")

    def _fail(self, check: str, at: int | None, detail: str) -> None:
        self.failures.append(Failure(check, at, detail))
