"""The item map's part of integration: chains and pages of the keys that new entries name."""

from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import suppress
from functools import partial

from ledger.core.entries import decode_fact
from ledger.core.item_map import Step, erased_index, fact_keys
from ledger.core.map_pages import Changes, load_pages, update_pages
from ledger.service.integration_ports import LogState
from ledger.service.map_ports import MapTransaction

# Keys from which another process is worth its while: its bytes take a tenth of its hashing.
SHARED_KEYS = 2_000


class MapIntegration:
    """Entries on their way into the map: hashed beside custody where a pool is given.

    `entries` is how many they are.
    """

    def __init__(
        self, transaction: MapTransaction, state: LogState, end: int, leaves: Sequence[bytes],
        pool: Executor | None = None,
    ) -> None:  # fmt: skip
        """Read chains and pages of what the entries up to end name, and begin to hash.

        Args:
            transaction: The map's part of the integration transaction.
            state: Where the map is, and its root there.
            end: Where it will be.
            leaves: Leaf hashes of the entries.
            pool: Hashes large batches in another process.
        """
        start = state.map_size
        self.entries = end - start
        self._transaction, self._end = transaction, end
        transaction.lock()
        self._facts = _fact_steps(transaction, start, end)
        steps = _steps(transaction, start, end, leaves, self._facts)
        pages = load_pages(transaction.pages, steps)
        self._here: Callable[[], Changes] = partial(update_pages, pages, steps, state.map_root)
        self._there: Future[Changes] | None = None
        if pool is not None and len(steps) >= SHARED_KEYS:
            with suppress(BrokenExecutor):
                self._there = pool.submit(self._here)

    def finish(self) -> None:
        """Write what came out."""
        self._transaction.write(self._changes(), self._end, self._facts)

    def _changes(self) -> Changes:
        if self._there is not None:
            # Crash: the process is gone, killed for its memory perhaps; the log goes on without.
            with suppress(BrokenExecutor):
                return self._there.result()
        return self._here()


def _fact_steps(transaction: MapTransaction, start: int, end: int) -> list[tuple[bytes, int]]:
    """Return (key, index) of the steps that facts give."""
    found: list[tuple[bytes, int]] = []
    for index, entry in transaction.facts(start, end):
        fact = decode_fact(entry)
        erased = erased_index(fact)
        keys = dict.fromkeys(fact_keys(fact))
        if erased is not None:
            keys = dict.fromkeys(key for _, key in transaction.named(erased, erased + 1))
        found += [(key, index) for key in keys]
    return found


def _steps(
    transaction: MapTransaction, start: int, end: int, leaves: Sequence[bytes],
    facts: Sequence[tuple[bytes, int]],
) -> dict[bytes, list[Step]]:  # fmt: skip
    """Return the steps of every key, in order of index: one of an entry for each key it names."""
    steps: dict[bytes, list[Step]] = {}
    last: tuple[int, bytes] | None = None
    for row in transaction.named(start, end):
        if row != last:
            index, key = last = row
            steps.setdefault(key, []).append((index, leaves[index - start]))
    for key, index in facts:
        steps.setdefault(key, []).append((index, leaves[index - start]))
    for key in {key for key, _ in facts}:
        steps[key].sort()
    return steps
