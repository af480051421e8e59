"""G8, G9, G11: the Merkle log in memory, beside pymerkle."""

import random
from collections.abc import Callable, Iterator
from itertools import pairwise

from pymerkle import InmemoryTree, SqliteTree

from benchmarks.measure import PAIRS, Result, cpu_of, paired, spread
from ledger.core.merkle import Levels, leaf_hash

SEED = 9162


def _levels(size: int) -> Levels:
    tree = Levels()
    for start in range(0, size, 1000):
        tree.extend([leaf_hash(b"%d" % i) for i in range(start, min(start + 1000, size))])
    return tree


def inclusion(size: int = 1_000_000, proofs: int = 2_000, pairs: int = PAIRS) -> Iterator[Result]:
    """G8: inclusion proofs at size, ours at the current head, beside pymerkle's two trees."""
    ours = _levels(size)
    indexes = random.Random(SEED).sample(range(size), proofs)
    ours.inclusion_proof(0)
    peers: list[tuple[str, Callable[[], InmemoryTree | SqliteTree], float]] = [
        ("InmemoryTree", InmemoryTree, 10.0),
        ("SqliteTree warm", lambda: SqliteTree(":memory:"), 25.0),
    ]
    for name, make, threshold in peers:
        peer = make()
        for start in range(0, size, 100_000):
            entries = [b"%d" % i for i in range(start, min(start + 100_000, size))]
            if isinstance(peer, SqliteTree):
                peer.append_entries(entries)
            else:
                for entry in entries:
                    peer.append_entry(entry)
        peer.prove_inclusion(1)
        some = indexes[: proofs // 10]
        (median, low, high), our_wall, peer_wall = paired(
            lambda: [ours.inclusion_proof(i) for i in indexes],
            lambda peer=peer, some=some: [peer.prove_inclusion(i + 1) for i in some],
            pairs=pairs,
        )
        scale = proofs / len(some)
        yield Result(
            goal="G8", what=f"inclusion proofs at {size:,} / pymerkle {name}",
            ratio=median * scale, low=low * scale, high=high * scale, threshold=threshold,
            wall=f"{proofs / our_wall:,.0f}/s, {len(some) / peer_wall:,.0f}/s",
        )  # fmt: skip
        del peer


def appends(size: int = 1_000_000, batch: int = 10_000, pairs: int = PAIRS) -> Iterator[Result]:
    """G9: appends at size, data hashed, ours by 1,000 leaves, beside pymerkle one by one."""
    ours, peer = _levels(size), InmemoryTree()
    for i in range(size):
        peer.append_entry(b"%d" % i)
    entries = [b"more %d" % i for i in range(batch)]

    def append_ours() -> None:
        for start in range(0, batch, 1000):
            ours.extend([leaf_hash(entry) for entry in entries[start : start + 1000]])

    def append_peer() -> None:
        for entry in entries:
            peer.append_entry(entry)

    (median, low, high), our_wall, peer_wall = paired(append_ours, append_peer, pairs=pairs)
    yield Result(
        goal="G9", what=f"appends at {size:,} / pymerkle InmemoryTree",
        ratio=median, low=low, high=high, threshold=8.0,
        wall=f"{batch / our_wall:,.0f}/s, {batch / peer_wall:,.0f}/s",
    )  # fmt: skip


def growth(
    sizes: tuple[int, int] = (10_000, 1_000_000), work: int = 4_000, pairs: int = PAIRS
) -> Iterator[Result]:
    """G11: CPU of a proof and of an append at the greater size over that at the smaller."""
    small, large = _levels(sizes[0]), _levels(sizes[1])
    rng = random.Random(SEED)
    picked = {tree.size: [rng.randrange(tree.size) for _ in range(work)] for tree in (small, large)}

    def prove(tree: Levels, indexes: list[int]) -> Callable[[], object]:
        return lambda: [tree.inclusion_proof(i) for i in indexes]

    for tree in (small, large):
        tree.inclusion_proof(0)
    at_small, at_large = (prove(t, picked[t.size]) for t in (small, large))
    (median, low, high), *_ = paired(at_small, at_large, pairs=pairs)
    yield Result(
        goal="G11", what=f"CPU of an inclusion proof, {sizes[1]:,} / {sizes[0]:,} leaves",
        ratio=median, low=low, high=high, threshold=2.0, better="lower",
    )  # fmt: skip
    leaves = [leaf_hash(b"new %d" % i) for i in range(1000)]
    ratios = []
    for _ in range(pairs):
        costs = [cpu_of(lambda tree=tree: tree.extend(leaves))[0] for tree in (small, large)]
        ratios += [second / first for first, second in pairwise(costs)]
    median, low, high = spread(ratios)
    yield Result(
        goal="G11", what=f"CPU of an append, {sizes[1]:,} / {sizes[0]:,} leaves",
        ratio=median, low=low, high=high, threshold=2.0, better="lower",
    )  # fmt: skip
