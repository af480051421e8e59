"""Integrate: sequenced entries go into the tree, the item map and custody, in one transaction.

It may lag the sequencer, never lead it; after a crash it starts again at `integrated`, and since
tree, map, states and findings are functions of the log, the second run writes what the first would
have. A log that is older than its map takes it up from entry 0, in steps beside its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.core.merkle import Frontier
from ledger.core.tiles import TILE_HEIGHT, completed_tiles
from ledger.service.integrate_custody import integrate_custody
from ledger.service.integrate_map import integrate_map
from ledger.service.integration_ports import IntegrationTransaction
from ledger.service.ports import LogStore

# Leaves per transaction: bounds memory and the time that readers see an older state.
MAX_LEAVES = 50_000


@dataclass(slots=True)
class Integrator:
    """Takes sequenced entries into tree, item map and custody."""

    store: LogStore

    def run(self) -> int:
        """Integrate what is sequenced, at most MAX_LEAVES; return the number of leaves."""
        with self.store.integrating() as transaction:
            state = transaction.state()
            start, end = state.integrated, min(state.sequenced, state.integrated + MAX_LEAVES)
            leaves = transaction.leaf_hashes(start, end) if start < end else []
            taken_up = _take_up_map(transaction, leaves, start, end)
            if start == end:
                return taken_up
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
            transaction.note_equivocations(start, end)
            transaction.advance(end, frontier.root(), frontier.peaks)
            return end - start


def _take_up_map(
    transaction: IntegrationTransaction, leaves: Sequence[bytes], start: int, end: int
) -> int:
    """Take the next entries below end into the map; return how many.

    It never leads: end is where tree and custody are when the transaction ends.
    """
    item_map = transaction.item_map()
    size = item_map.state().size
    stop = min(end, size + MAX_LEAVES)
    if size < stop:
        known = leaves if size == start else transaction.leaf_hashes(size, stop)
        integrate_map(item_map, size, stop, known)
    return max(0, stop - size)
