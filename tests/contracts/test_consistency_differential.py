"""Solidity and Python accept the same proofs: both are compared with the RFC's own recursion."""

import random
from itertools import combinations

import pytest

from ledger.core.errors import ProofError
from ledger.core.merkle import Levels, consistency_proof, verify_consistency
from tests.contracts import reference_tree
from tests.contracts.anchored_log import AnchoredLog, simulated_anchor

pytestmark = pytest.mark.chain

SEED = 9162


def _agree(
    log: AnchoredLog, old: tuple[int, bytes], new: tuple[int, bytes], proof: list[bytes]
) -> bool:
    """Return whether both accept; fail when they differ."""
    rejected = simulated_anchor(log, old, new, proof)
    try:
        verify_consistency(old=old[0], new=new[0], old_root=old[1], new_root=new[1], proof=proof)
    except ProofError:
        assert rejected == "InconsistentHead"
        return False
    assert rejected is None
    return True


def _random_pairs(count: int) -> list[tuple[int, int]]:
    generator = random.Random(SEED)
    pairs = []
    for _ in range(count):
        new = generator.randrange(2, 600)
        pairs.append((generator.randrange(1, new), new))
    return pairs


def test_solidity_and_python_accept_every_true_proof(log: AnchoredLog) -> None:
    pairs = [*combinations(range(1, 12), 2), *_random_pairs(80)]
    levels = Levels()
    levels.extend(reference_tree.leaves(600))
    for old, new in pairs:
        hashes = reference_tree.leaves(new)
        proof = reference_tree.consistency_proof(old, hashes)
        assert consistency_proof(old, new, levels.read) == proof
        old_root, new_root = reference_tree.root(hashes[:old]), reference_tree.root(hashes)
        assert _agree(log, (old, old_root), (new, new_root), proof)


def test_solidity_and_python_refuse_the_same_damage(log: AnchoredLog) -> None:
    generator = random.Random(SEED + 1)
    for old, new in _random_pairs(25):
        hashes = reference_tree.leaves(new)
        proof = reference_tree.consistency_proof(old, hashes)
        roots = reference_tree.root(hashes[:old]), reference_tree.root(hashes)
        place = generator.randrange(len(proof))
        damaged = [
            [*proof[:place], bytes(32), *proof[place + 1 :]],
            proof[:-1],
            proof[1:],
            [*proof, proof[-1]],
            [proof[0], *proof],
            [roots[0], *proof],
            proof[::-1],
        ]
        for other in damaged:
            if other != proof:
                assert not _agree(log, (old, roots[0]), (new, roots[1]), other)
        assert not _agree(log, (old, roots[1]), (new, roots[0]), proof)


def test_solidity_and_python_agree_on_wrong_sizes(log: AnchoredLog) -> None:
    refused = 0
    for old, new in _random_pairs(25):
        hashes = reference_tree.leaves(new)
        proof = reference_tree.consistency_proof(old, hashes)
        roots = reference_tree.root(hashes[:old]), reference_tree.root(hashes)
        sizes = [(old - 1, new), (old + 1, new), (old, new + 1), (old, 2 * new), (2 * old, 2 * new)]
        for other_old, other_new in sizes:
            if 0 < other_old < other_new:
                # A proof can be true for other sizes too: what counts is that both say the same.
                refused += not _agree(log, (other_old, roots[0]), (other_new, roots[1]), proof)
    assert refused


def test_solidity_and_python_refuse_sizes_without_the_left_half(log: AnchoredLog) -> None:
    # The proof of the right halves, then the left half: one element more than those sizes have.
    for old, new in combinations(range(17, 32), 2):
        hashes = reference_tree.leaves(new)
        proof = reference_tree.consistency_proof(old, hashes)
        roots = reference_tree.root(hashes[:old]), reference_tree.root(hashes)
        assert not _agree(log, (old - 16, roots[0]), (new - 16, roots[1]), proof)


def test_another_log_with_a_true_signature_is_refused(log: AnchoredLog) -> None:
    for old, new in _random_pairs(15):
        mine, other = reference_tree.leaves(new), reference_tree.leaves(new, b"fork")
        old_root = reference_tree.root(mine[:old])
        for hashes in (other, mine[: old - 1] + other[old - 1 :]):
            proof = reference_tree.consistency_proof(old, hashes)
            assert not _agree(log, (old, old_root), (new, reference_tree.root(hashes)), proof)
