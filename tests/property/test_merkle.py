"""The ledger proves, the verifier checks: proofs of trees of random shape and growth."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unbroken_verifier import tree as verifier
from unbroken_verifier.errors import RefusedError

from ledger.core.errors import ProofError
from ledger.core.merkle import (
    Frontier,
    Levels,
    consistency_proof,
    inclusion_nodes,
    inclusion_proof,
    leaf_hash,
    root_hash,
    verify_consistency,
    verify_inclusion,
)

LEAF_DATA = st.lists(st.binary(max_size=90), min_size=1, max_size=300)
ENORMOUS = st.integers(1, 1 << 60)
# Roots of perfect trees whose leaves are all alike, by level.
PERFECT = [verifier.leaf_hash(b"")]
for _ in range(60):
    PERFECT.append(verifier.node_hash(PERFECT[-1], PERFECT[-1]))


@given(LEAF_DATA, st.data())
def test_the_verifier_accepts_what_the_ledger_proves(
    leaves: list[bytes], data: st.DataObject
) -> None:
    hashes = [leaf_hash(leaf) for leaf in leaves]
    size, old = len(hashes), data.draw(st.integers(1, len(hashes)))
    index = data.draw(st.integers(0, size - 1))
    tree = Levels()
    tree.extend(hashes)
    verifier.verify_inclusion(
        verifier.leaf_hash(leaves[index]), index, size, tree.inclusion_proof(index), tree.root()
    )
    verifier.verify_consistency(
        old, size, consistency_proof(old, size, tree.read), root_hash(hashes[:old]), tree.root()
    )


@given(LEAF_DATA, st.data())
def test_both_refuse_the_same_proofs(leaves: list[bytes], data: st.DataObject) -> None:
    hashes = [leaf_hash(leaf) for leaf in leaves]
    tree = Levels()
    tree.extend(hashes)
    root = tree.root()
    index, size = data.draw(st.integers(-1, 301)), data.draw(st.integers(0, 301))
    made = tree.inclusion_proof(data.draw(st.integers(0, len(hashes) - 1)))
    noise = st.sampled_from([*made, root, bytes(32), b"", bytes(31)])
    proof = data.draw(st.just(made) | st.lists(noise, max_size=10))
    leaf = data.draw(st.sampled_from([*hashes, root]))
    try:
        verifier.verify_inclusion(leaf, index, size, proof, root)
    except RefusedError:
        with pytest.raises(ProofError):
            verify_inclusion(index=index, size=size, leaf=leaf, proof=proof, root=root)
    else:
        verify_inclusion(index=index, size=size, leaf=leaf, proof=proof, root=root)


@given(st.integers(0, 40), st.integers(0, 40), st.data())
def test_both_refuse_the_same_consistency_proofs(old: int, new: int, data: st.DataObject) -> None:
    hashes = [leaf_hash(b"%d" % i) for i in range(40)]
    tree = Levels()
    tree.extend(hashes[:new])
    roots = {"old_root": root_hash(hashes[:old]), "new_root": root_hash(hashes[:new])}
    made = consistency_proof(old, new, tree.read) if 0 < old <= new else []
    noise = st.sampled_from([*made, *roots.values(), bytes(32), bytes(33)])
    proof = data.draw(st.just(made) | st.lists(noise, max_size=8))
    try:
        verifier.verify_consistency(old, new, proof, roots["old_root"], roots["new_root"])
    except RefusedError:
        with pytest.raises(ProofError):
            verify_consistency(old=old, new=new, proof=proof, **roots)
    else:
        verify_consistency(old=old, new=new, proof=proof, **roots)


@given(st.lists(st.integers(0, 40), max_size=20))
def test_the_root_does_not_depend_on_the_batches(batches: list[int]) -> None:
    tree, frontier, hashes = Levels(), Frontier(), []
    for number, count in enumerate(batches):
        batch = [leaf_hash(b"%d/%d" % (number, i)) for i in range(count)]
        tree.extend(batch)
        for leaf in batch:
            frontier.append(leaf)
        hashes += batch
        assert tree.root() == frontier.root() == root_hash(hashes)


def equal_leaves(level: int, index: int) -> bytes:
    """A tree of any size whose leaves are all alike: a node depends on its level only."""
    del index
    return PERFECT[level]


@given(ENORMOUS, ENORMOUS)
def test_proofs_of_enormous_logs_hold_and_need_few_reads(one: int, other: int) -> None:
    old, size = sorted((one, other))
    root = fold_root(size)
    assert sum(map(len, inclusion_nodes(old - 1, size))) <= 2 * size.bit_length()
    proof = inclusion_proof(old - 1, size, equal_leaves)
    verifier.verify_inclusion(PERFECT[0], old - 1, size, proof, root)
    verifier.verify_consistency(
        old, size, consistency_proof(old, size, equal_leaves), fold_root(old), root
    )


def fold_root(size: int) -> bytes:
    """The root of `equal_leaves` at a size, by its set bits from the smallest up."""
    peaks = [equal_leaves(level, 0) for level in range(size.bit_length()) if size >> level & 1]
    root = peaks[0]
    for peak in peaks[1:]:
        root = verifier.node_hash(peak, root)
    return root
