"""Audit: replay everything from the database and trust nothing derived.

Entries, signatures, rights, tree, heads and anchors; unless it is quick also contents, documents
and custody. Reads one snapshot, so it may run beside the worker. Memory is bounded by the chunks of
`audit_range`, 32 bytes a tile and 64 a key, whatever the length of the log.
"""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypedDict

from ledger.core.audit_signatures import Failure
from ledger.core.custody.settings import DEFAULT_SETTINGS, RuleSettings
from ledger.core.eip712 import keccak
from ledger.core.entries import decode_fact
from ledger.core.errors import InvariantError, LedgerError
from ledger.core.facts import LogIdentity
from ledger.core.map_pages import SLOTS
from ledger.core.merkle import HASH_SIZE, Frontier
from ledger.core.rights import Rights
from ledger.core.tiles import TILE_HEIGHT, TILE_WIDTH, completed_tiles
from ledger.service.audit_cases import audit_cases
from ledger.service.audit_content import SubmissionAudit
from ledger.service.audit_custody import (
    FIRST_BYTES,
    CustodyReport,
    audit_custody,
    audit_custody_whole,
    audit_facts,
)
from ledger.service.audit_map import MapPart, audit_map_part, join_map_parts
from ledger.service.audit_ports import AnchorRecords, AuditStore, Extent, OpenStore
from ledger.service.audit_range import CHUNK, Ground, RangeReport, audit_range
from ledger.service.vault import Vault

# Entries and submissions of one task of a process: a second of work, so starting it is nothing.
RANGE = 2 * CHUNK
SUBMISSIONS = 4_000
# A forged log fails everywhere; beyond this many failures only their number is kept.
MAX_FAILURES = 1_000
# Tasks of the custody replay, of a log that is longer than one range.
SLICES = 16

# What the fold of custody reads; where one of these failed it would find nonsense, or nothing.
_REPLAYED = frozenset(["index", "entry", "content", "items"])

Progress = Callable[[str, int, int], None]
"""Hears the stage and how much of it is done, out of how much."""


class FailedCheck(TypedDict, total=False):
    """One thing that does not hold; index is a log index or, of a head, its size."""

    check: str
    index: int
    detail: str


class AuditReport(TypedDict):
    """How much was checked, and what does not hold."""

    checked: dict[str, int]
    failed: list[FailedCheck]


@dataclass(slots=True)
class Auditor:
    """Audits the log that `identity` names, against the home contract behind `records`.

    `preload` names the module of `open_store`, for the processes that share the work.
    """

    open_store: OpenStore
    identity: LogIdentity
    storage_key: bytes
    records: AnchorRecords
    preload: Sequence[str] = ()
    rules: RuleSettings = DEFAULT_SETTINGS

    def run(
        self, *, workers: int = 1, quick: bool = False, progress: Progress | None = None
    ) -> AuditReport:
        """Replay one snapshot of the log.

        Args:
            workers: Processes that share the work.
            quick: Leave out contents, documents, custody and recovery ids of signatures.
            progress: Hears how far it is.

        Raises:
            LedgerError: Database or chain cannot be reached. What is wrong in them is reported.
        """
        # Before the snapshot: the worker may anchor meanwhile, and every anchored head is stored.
        self.records.verify_code()
        on_chain = self.records.head()
        with ExitStack() as stack:
            store = stack.enter_context(self.open_store(None))
            extent = store.extent()
            # Starting a process takes longer than a range.
            ranges = max(1, -(-extent.sequenced // RANGE))
            run = stack.enter_context(tasks(min(workers, ranges), self.preload))
            replay = _Replay(self, store, extent, run, progress or _silence, quick=quick)
            return replay.run(on_chain)


def _silence(_stage: str, _done: int, _total: int) -> None:
    pass


Run = Callable[[Callable[..., Any], Iterable[tuple[Any, ...]]], Iterator[Any]]


@contextmanager
def tasks(workers: int, preload: Sequence[str] = ()) -> Iterator[Run]:
    """Give a function that runs tasks, here or in processes, and yields results in order."""
    if workers == 1:
        yield lambda task, arguments: (task(*one) for one in arguments)
        return
    context = multiprocessing.get_context("forkserver")
    # Imported once, not by each process: that takes as long as ten thousand signatures.
    context.set_forkserver_preload([__name__, *preload])
    with ProcessPoolExecutor(max_workers=workers, mp_context=context) as pool:

        def run(task: Callable[..., Any], arguments: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
            # A window of tasks, so that results wait in bounded memory.
            waiting = iter(arguments)
            begun: list[Future[Any]] = [
                pool.submit(task, *one) for one in islice(waiting, 2 * workers)
            ]
            while begun:
                yield begun.pop(0).result()
                begun += [pool.submit(task, *one) for one in islice(waiting, 1)]

        yield run


class _Replay:
    """One audit while it runs."""

    def __init__(
        self, auditor: Auditor, store: AuditStore, extent: Extent, run: Run, progress: Progress,
        *, quick: bool,
    ) -> None:  # fmt: skip
        self._auditor, self._store, self._run, self._progress = auditor, store, run, progress
        self._quick = quick
        self._extent = extent
        self._failures: list[Failure] = []
        self._checked = dict.fromkeys(
            ["entries", "events", "signatures", "heads", "anchors", "items", "submissions"], 0
        )
        self._rights = Rights(auditor.identity)

    def run(self, on_chain: tuple[int, bytes] | None) -> AuditReport:
        extent = self._extent
        self._check_anchors(on_chain)
        self._check_facts()
        snapshot = self._store.snapshot()
        ground = Ground(
            open_store=self._auditor.open_store, snapshot=snapshot,
            identity=self._auditor.identity, spans=self._rights.spans(),
            registrars=self._rights.registrars(), erased=self._rights.erased,
            storage_key=self._auditor.storage_key, extent=extent, quick=self._quick,
        )  # fmt: skip
        if extent.entries != extent.sequenced:
            self._fail(
                "index", None, f"{extent.entries} entries where {extent.sequenced} were given"
            )
        if extent.last_head > extent.integrated:
            self._fail("head", extent.last_head, "a head is signed beyond the integrated log")
        self._check_ranges(ground)
        if not self._quick:
            for what, index in self._store.stray_bodies():
                self._fail("items", index, f"{what} of an entry that is not there")
            self._check_submissions(snapshot)
            self._check_custody(snapshot)
            self._check_map(snapshot)
            self._failures += audit_cases(self._store)
            for address, index in self._store.stray_equivocations(extent.integrated):
                detail = f"key 0x{address} and what is told of its double spends do not fit"
                self._fail("equivocations", index, detail)
            for index, detail in self._store.mismatched_results():
                self._fail("results", index, detail)
        return self._report()

    def _check_anchors(self, on_chain: tuple[int, bytes] | None) -> None:
        """Compare the chain with the heads that are held to be final on it."""
        records, facts = self._auditor.records, self._store.final_anchors()
        for done, fact in enumerate(facts, 1):
            self._progress("anchors", done, len(facts))
            if records.record(fact.size) != keccak(fact.root + fact.map_root):
                self._fail(
                    "anchor", fact.size, "the chain has another record of this size, or none"
                )
        self._checked["anchors"] = len(facts)
        if on_chain is None:
            if facts:
                self._fail("anchor", None, "the log is not open on its chain")
            return
        size, root = on_chain
        heads = self._store.heads(size, size + 1)
        if size > self._extent.integrated or [head.root for head in heads] != [root]:
            self._fail("anchor", size, "the chain's head is not one of this log")

    def _check_facts(self) -> None:
        """Replay parties, keys, registrars, tombstones; the genesis entry is the log's own."""
        identity = self._auditor.identity
        for index, raw in self._store.facts(self._extent.sequenced):
            try:
                fact = decode_fact(raw)
                if index == 0:
                    if identity.entry(fact.time_ms).encode() != raw:
                        self._fail("entry", 0, "the genesis entry is another log's")
                else:
                    self._rights.apply(index, fact)
            except (LedgerError, KeyError) as error:
                self._fail("fact", index, str(error))
        parties, keys = self._store.directory()
        rights = self._rights
        made = {party: (*rights.paths[party], on) for party, on in rights.parties.items()}
        if made != parties or rights.keys != keys:
            self._fail("directory", None, "parties or keys are not what the log's facts give")
        registrars, tombstones = self._store.office_and_tombstones()
        if rights.registrars()[1:] != registrars or rights.erased != tombstones:
            self._fail("directory", None, "registrars or tombstones are not those of the log")

    def _check_ranges(self, ground: Ground) -> None:
        """Replay all entries, and join their tiles to the tree."""
        extent, checked = self._extent, self._checked
        tree = _Tree(extent, self._failures)
        clock = 0
        starts = range(0, extent.sequenced, RANGE)
        jobs = ((ground, start, min(start + RANGE, extent.sequenced)) for start in starts)
        for part in self._run(audit_range, jobs):
            self._failures += part.failures
            checked["entries"] = part.end
            checked["events"] += part.events
            checked["signatures"] += part.signatures
            checked["heads"] += len(part.heads)
            checked["items"] += part.items
            tree.add(part)
            if part.first_clock is not None:
                if part.first_clock < clock:
                    self._fail("clock", None, "the sequencer's clock went back between two ranges")
                clock = part.last_clock
            self._progress("entries", part.end, extent.sequenced)
        if clock != extent.clock_ms:
            self._fail("clock", None, "the last clock entry is not the one that the log states")
        tree.finish(self._store)

    def _check_submissions(self, snapshot: str) -> None:
        auditor, end = self._auditor, self._extent.last_submission + 1
        jobs = [
            (auditor.open_store, auditor.storage_key, auditor.identity, snapshot, start,
             min(start + SUBMISSIONS, end))
            for start in range(1, end, SUBMISSIONS)
        ]  # fmt: skip
        for (*_, done), audit in zip(jobs, self._run(_audit_submissions, jobs), strict=True):
            self._failures += audit.failures
            self._checked["submissions"] += audit.submissions
            self._progress("submissions", done, end)

    def _check_custody(self, snapshot: str) -> None:
        if any(one.check in _REPLAYED for one in self._failures):
            self._fail("custody", None, "not replayed: the entries or item rows behind it failed")
            return
        size, folded = self._extent.integrated, 0
        width = FIRST_BYTES // SLICES if size > RANGE else FIRST_BYTES
        jobs = (
            (self._auditor.open_store, snapshot, size, first, first + width, self._auditor.rules)
            for first in range(0, FIRST_BYTES, width)
        )
        found: CustodyReport
        for number, found in enumerate(self._run(audit_custody, jobs), 1):
            self._failures += found.failures
            folded += found.items
            self._progress("custody", number * width, FIRST_BYTES)
        spans = [(start, min(start + RANGE, size)) for start in range(0, size, RANGE)]
        facts = ((self._auditor.open_store, snapshot, *span) for span in spans)
        for failures in self._run(audit_facts, facts):
            self._failures += failures
        audit_custody_whole(self._store, size, self._auditor.rules, self._fail)
        self._checked["custody"] = folded

    def _check_map(self, snapshot: str) -> None:
        """Rebuild the item map, and compare its root with every head that claims one."""
        if any(one.check in {*_REPLAYED, "fact"} for one in self._failures):
            self._fail("map", None, "not rebuilt: the facts, entries or item rows behind it failed")
            return
        jobs = ((self._auditor.open_store, snapshot, slot) for slot in range(SLOTS))
        parts: list[MapPart] = []
        for part in self._run(audit_map_part, jobs):
            parts.append(part)
            self._progress("map", len(parts), SLOTS)
        self._failures += join_map_parts(self._store.item_map(), parts)
        self._checked["map"] = sum(part.keys for part in parts)

    def _fail(self, check: str, index: int | None, detail: str) -> None:
        self._failures.append(Failure(check, index, detail))

    def _report(self) -> AuditReport:
        if self._quick:
            for name in ("items", "submissions"):
                del self._checked[name]
        return report_of(self._checked, self._failures)


def report_of(checked: dict[str, int], failures: Sequence[Failure]) -> AuditReport:
    """Return the report of what was checked and of the first MAX_FAILURES failures."""
    failed = [_failed(one) for one in failures[:MAX_FAILURES]]
    more = len(failures) - len(failed)
    if more:
        failed.append({"check": "more", "detail": f"{more} more failures"})
    return {"checked": checked, "failed": failed}


def _failed(one: Failure) -> FailedCheck:
    if one.at is None:
        return {"check": one.check, "detail": one.detail}
    return {"check": one.check, "index": one.at, "detail": one.detail}


def _audit_submissions(
    open_store: OpenStore, storage_key: bytes, identity: LogIdentity, snapshot: str,
    start: int, end: int,
) -> SubmissionAudit:  # fmt: skip
    audit = SubmissionAudit(identity.domain(), [])
    with open_store(snapshot) as store:
        audit.run(Vault(storage_key), store, start, end)
    return audit


class _Tree:
    """The tree above the tiles of level 0: heads, upper tiles, what the log states of itself."""

    def __init__(self, extent: Extent, failures: list[Failure]) -> None:
        self._extent, self._failures = extent, failures
        self._roots: list[bytes] = []
        self._upper = Frontier()
        self._last_peaks: list[bytes] = []

    def add(self, part: RangeReport) -> None:
        """Take the tiles of the next range, and check its heads."""
        heads = iter(part.heads)
        head = next(heads, None)
        for root in [*part.tile_roots, None]:
            while head is not None and head.tiles == len(self._roots):
                if _root(self._upper, head.peaks) != head.root:
                    self._fail("head", head.size, "its root is not the tree's at that size")
                head = next(heads, None)
            if root is not None:
                self._upper.append(root)
                self._roots.append(root)
        self._last_peaks = part.last_peaks or self._last_peaks

    def finish(self, store: AuditStore) -> None:
        """Check upper tiles, their number, and root and edge of the integrated log."""
        extent, count = self._extent, -(-self._extent.integrated // TILE_WIDTH)
        for level, index, hashes in completed_tiles(0, list(self._roots), lambda _: b""):
            count += 1
            if store.tiles(level + 1, index, index + 1).get(index) != hashes:
                at = index << TILE_HEIGHT * (level + 2)
                self._fail("tiles", at, f"tile {level + 1}/{index} is not the entries'")
        if count != extent.tiles:
            self._fail("tiles", None, f"{extent.tiles} tiles where the log has {count}")
        edge = Frontier(extent.integrated, [*self._upper.peaks, *self._last_peaks]) if (
            len(self._upper.peaks) + len(self._last_peaks) == extent.integrated.bit_count()
        ) else None  # fmt: skip
        stated = [extent.peaks[i : i + HASH_SIZE] for i in range(0, len(extent.peaks), HASH_SIZE)]
        if edge is None or edge.root() != extent.root or edge.peaks != stated:
            self._fail("root", extent.integrated, "the stated root or edge is not the tree's")

    def _fail(self, check: str, index: int | None, detail: str) -> None:
        self._failures.append(Failure(check, index, detail))


def _root(upper: Frontier, peaks: list[bytes]) -> bytes:
    joined = [*upper.peaks, *peaks]
    if not joined:
        raise InvariantError("a head of size 0 cannot be stored")
    # Any size with that many bits: the fold of an edge depends on its peaks alone.
    return Frontier((1 << len(joined)) - 1, joined).root()
