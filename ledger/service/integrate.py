"""Integrate: sequenced entries go into the tree and into custody, in one transaction.

It may lag the sequencer, never lead it; after a crash it starts again at `integrated`, and since
tree, states and findings are functions of the log, the second run writes what the first would have.
"""

from dataclasses import dataclass

from ledger.core.merkle import Frontier
from ledger.core.tiles import TILE_HEIGHT, completed_tiles
from ledger.service.integrate_custody import integrate_custody
from ledger.service.ports import LogStore

# Leaves per transaction: bounds memory and the time that readers see an older state.
MAX_LEAVES = 50_000


@dataclass(slots=True)
class Integrator:
    """Takes sequenced entries into tree and custody."""

    store: LogStore

    def run(self) -> int:
        """Integrate what is sequenced, at most MAX_LEAVES; return the number of leaves."""
        with self.store.integrating() as transaction:
            state = transaction.state()
            start, end = state.integrated, min(state.sequenced, state.integrated + MAX_LEAVES)
            if start == end:
                return 0
            leaves = transaction.leaf_hashes(start, end)
            frontier = Frontier(start, state.peaks)
            for leaf in leaves:
                frontier.append(leaf)

            def edge(level: int) -> bytes:
                return transaction.tile(level, (start >> level * TILE_HEIGHT) >> TILE_HEIGHT)

            transaction.write_tiles(list(completed_tiles(start, leaves, edge)))
            # A crash before the commit destroys nothing, and the next run destroys the same. Before
            # custody, so that no finding is made from what goes in this commit.
            transaction.erase(start, end)
            integrate_custody(transaction, start, end)
            transaction.advance(end, frontier.root(), frontier.peaks)
            return end - start
