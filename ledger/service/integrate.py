"""Integrate: sequenced entries go into the tree, the item map and custody, in one transaction.

It may lag the sequencer, never lead it; after a crash it starts again at `integrated`, and since
tree, map, states and findings are functions of the log, the second run writes what the first would
have. A log that is older than its map takes it up from entry 0, in steps beside its own.
"""

from concurrent.futures import Executor
from dataclasses import dataclass

from ledger.core.custody.settings import DEFAULT_SETTINGS, RuleSettings
from ledger.core.merkle import Frontier
from ledger.core.tiles import TILE_HEIGHT, completed_tiles
from ledger.service.integrate_cases import integrate_cases
from ledger.service.integrate_custody import integrate_custody
from ledger.service.integrate_map import MapIntegration
from ledger.service.integration_ports import IntegrationTransaction, LogState
from ledger.service.ports import LogStore

# Leaves per transaction: bounds memory and the time that readers see an older state.
MAX_LEAVES = 50_000


@dataclass(slots=True)
class Integrator:
    """Takes sequenced entries into tree, item map and custody; pool hashes large parts of the map.

    While it does, custody is made: on two cores the map of a large batch costs no time.
    """

    store: LogStore
    rules: RuleSettings = DEFAULT_SETTINGS
    pool: Executor | None = None

    def run(self) -> int:
        """Integrate what is sequenced, at most MAX_LEAVES; return how much there was to do.

        These are leaves or, where there are none, what earlier releases and other rules have left.
        """
        with self.store.integrating() as transaction:
            state = transaction.state()
            start, end = state.integrated, min(state.sequenced, state.integrated + MAX_LEAVES)
            leaves = transaction.leaf_hashes(start, end) if start < end else []
            mapped = self._begin_map(transaction, state, leaves, end)
            revisited = self._custody(transaction, state, end)
            if mapped is not None:
                mapped.finish()
            if start == end:
                return revisited + (0 if mapped is None else mapped.entries)
            _grow_tree(transaction, state, leaves)
            return end - start

    def _begin_map(
        self,
        transaction: IntegrationTransaction,
        state: LogState,
        leaves: list[bytes],
        end: int,
    ) -> MapIntegration | None:
        """Begin to take the next entries into the map, None where it has them all.

        It never leads: end is where tree and custody are when the transaction ends.
        """
        start, stop = state.map_size, min(end, state.map_size + MAX_LEAVES)
        if start >= stop:
            return None
        known = leaves if start == state.integrated else transaction.leaf_hashes(start, stop)
        return MapIntegration(transaction.item_map(), state, stop, known, self.pool)

    def _custody(self, transaction: IntegrationTransaction, state: LogState, end: int) -> int:
        """Evaluate custody and cases; return how many items it did that no entry touched."""
        start = state.integrated
        if start == end:
            revisited = integrate_custody(transaction, end, end, self.rules)
            if revisited:
                integrate_cases(transaction.cases(), end, state.clock_ms)
            return revisited
        # A crash before the commit destroys nothing, and the next run destroys the same. Before
        # custody, so that no finding is made from what goes in this commit.
        transaction.erase(start, end)
        integrate_custody(transaction, start, end, self.rules)
        integrate_cases(transaction.cases(), end, state.clock_ms)
        transaction.note_equivocations(start, end)
        return 0


def _grow_tree(transaction: IntegrationTransaction, state: LogState, leaves: list[bytes]) -> None:
    """Append leaves, and set how far everything is."""
    start = state.integrated
    frontier = Frontier(start, state.peaks)
    for leaf in leaves:
        frontier.append(leaf)

    def edge(level: int) -> bytes:
        return transaction.tile(level, (start >> level * TILE_HEIGHT) >> TILE_HEIGHT)

    transaction.write_tiles(list(completed_tiles(start, leaves, edge)))
    transaction.advance(start + len(leaves), frontier.root(), frontier.peaks)
