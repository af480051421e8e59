"""The tree against the recursive text of RFC 9162, and every damaged proof against it."""

from collections.abc import Iterator

import pytest

from ledger.core.errors import InvariantError, ProofError
from ledger.core.merkle import (
    EMPTY_ROOT,
    Frontier,
    Levels,
    consistency_nodes,
    consistency_proof,
    inclusion_nodes,
    inclusion_proof,
    leaf_hash,
    node_hash,
    range_nodes,
    root_from_inclusion,
    root_hash,
    verify_consistency,
    verify_inclusion,
)
from ledger.core.tiles import TILE_WIDTH, TileReader, completed_tiles, expand
from tests.contracts import reference_tree as reference
from tests.verifier.maker import path_of

SIZES = range(1, 101)
LEAVES = reference.leaves(100)
ROOTS = [EMPTY_ROOT, *(reference.root(LEAVES[:size]) for size in SIZES)]
OTHER = bytes(32)


def levels(leaves: list[bytes]) -> Levels:
    tree = Levels()
    tree.extend(leaves)
    return tree


def damaged(proof: list[bytes]) -> Iterator[list[bytes]]:
    """Every element with one bit flipped, left out, doubled or shortened; one more at each end."""
    for n, one in enumerate(proof):
        for wrong in ([bytes([one[0] ^ 1]) + one[1:]], [], [one, one], [one[:31]]):
            yield [*proof[:n], *wrong, *proof[n + 1 :]]
    yield [*proof, OTHER]
    yield [OTHER, *proof]


def test_published_hashes_of_rfc_6962_hold() -> None:
    assert root_hash([]) == EMPTY_ROOT
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert leaf_hash(b"").hex() == (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    )
    assert node_hash(b"N123", b"N456").hex() == (
        "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"
    )


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_every_leaf_of_every_small_tree_is_proved_and_no_damaged_proof_holds(size: int) -> None:
    tree, root = levels(LEAVES[:size]), ROOTS[size]
    assert tree.root() == root_hash(LEAVES[:size]) == root
    for index in range(size):
        proof = inclusion_proof(index, size, tree.read)
        assert proof == tree.inclusion_proof(index) == path_of(index, LEAVES[:size])
        verify_inclusion(index=index, size=size, leaf=LEAVES[index], proof=proof, root=root)
        for wrong in damaged(proof):
            with pytest.raises(ProofError):
                verify_inclusion(index=index, size=size, leaf=LEAVES[index], proof=wrong, root=root)


@pytest.mark.parametrize("size", [1, 2, 7, 64, 100], ids=str)
def test_an_inclusion_proof_holds_for_its_leaf_index_and_root_alone(size: int) -> None:
    tree, root = levels(LEAVES[:size]), ROOTS[size]
    for index in range(size):
        proof, leaf = tree.inclusion_proof(index), LEAVES[index]
        for at in {*range(-1, size + 1)} - {index}:
            with pytest.raises(ProofError):
                verify_inclusion(index=at, size=size, leaf=leaf, proof=proof, root=root)
        for other in (OTHER, leaf[:31], leaf + b"\0", b""):
            with pytest.raises(ProofError):
                verify_inclusion(index=index, size=size, leaf=other, proof=proof, root=root)
        with pytest.raises(ProofError):
            verify_inclusion(index=index, size=size, leaf=leaf, proof=proof, root=OTHER)


@pytest.mark.parametrize("new", SIZES, ids=str)
def test_every_small_tree_extends_its_past_and_no_damaged_proof_holds(new: int) -> None:
    tree = levels(LEAVES[:new])
    for old in range(1, new + 1):
        proof = consistency_proof(old, new, tree.read)
        assert proof == reference.consistency_proof(old, LEAVES[:new])
        roots = {"old_root": ROOTS[old], "new_root": ROOTS[new]}
        verify_consistency(old=old, new=new, proof=proof, **roots)
        for wrong in damaged(proof):
            with pytest.raises(ProofError):
                verify_consistency(old=old, new=new, proof=wrong, **roots)
        for name in roots:
            with pytest.raises(ProofError):
                verify_consistency(old=old, new=new, proof=proof, **{**roots, name: OTHER})


def test_a_consistency_proof_holds_for_its_sizes_alone() -> None:
    tree = levels(LEAVES)
    for old, new in [(1, 2), (3, 7), (6, 8), (64, 100), (65, 100), (99, 100)]:
        proof = consistency_proof(old, new, levels(LEAVES[:new]).read)
        for smaller, larger in {(old + 1, new), (old - 1, new), (new, old), (-old, new)}:
            with pytest.raises(ProofError):
                verify_consistency(
                    old=smaller,
                    new=larger,
                    old_root=ROOTS[old],
                    new_root=ROOTS[new],
                    proof=proof,
                )
    assert tree.size == len(LEAVES)


@pytest.mark.parametrize(
    ("old", "new", "old_root", "new_root", "proof", "holds"),
    [
        (0, 0, EMPTY_ROOT, EMPTY_ROOT, [], True),
        (0, 0, EMPTY_ROOT, EMPTY_ROOT, [OTHER], False),
        (-1, -1, ROOTS[1], ROOTS[1], [], False),
        (0, 0, EMPTY_ROOT, OTHER, [], False),
        (0, 1, EMPTY_ROOT, ROOTS[1], [], False),
        (0, 1, EMPTY_ROOT, ROOTS[1], [ROOTS[1]], False),
        (0, 2, ROOTS[2], ROOTS[2], [], False),
        (1, 0, ROOTS[1], EMPTY_ROOT, [], False),
        (5, 5, ROOTS[5], ROOTS[5], [], True),
        (5, 5, ROOTS[5], ROOTS[5], [OTHER], False),
        (5, 5, ROOTS[5], ROOTS[4], [], False),
        (5, 6, ROOTS[5], ROOTS[6], [], False),
        (4, 8, ROOTS[4], ROOTS[8], [], False),
    ],
    ids=range(13),
)
def test_size_zero_and_equal_sizes_need_no_proof_and_take_none(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: list[bytes], *, holds: bool
) -> None:
    given = {"old": old, "new": new, "old_root": old_root, "new_root": new_root, "proof": proof}
    if holds:
        verify_consistency(**given)  # type: ignore[arg-type]
    else:
        with pytest.raises(ProofError):
            verify_consistency(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 5), (5, 5), (1 << 70, 5)], ids=range(4))
def test_no_proof_is_made_for_a_leaf_outside_the_tree(index: int, size: int) -> None:
    tree = levels(LEAVES[:size])
    with pytest.raises(ValueError, match="outside"):
        inclusion_nodes(index, size)
    with pytest.raises(ValueError, match="outside"):
        tree.inclusion_proof(index)
    with pytest.raises(ProofError):
        root_from_inclusion(index, size, OTHER, [])


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 1), (2, 1), (-1, 1)], ids=range(4))
def test_no_consistency_proof_is_made_for_sizes_that_cannot_be(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="consistency"):
        consistency_nodes(old, new)


def test_a_frontier_knows_every_root_and_every_completed_node() -> None:
    frontier, tree = Frontier(), levels(LEAVES)
    assert frontier.root() == EMPTY_ROOT
    for index, leaf in enumerate(LEAVES):
        completed = frontier.append(leaf)
        assert completed == [tree.read(n, index >> n) for n in range(len(completed))]
        assert (index + 1) >> len(completed) << len(completed) != index + 1
        assert frontier.root() == ROOTS[index + 1]
        assert Frontier(frontier.size, frontier.peaks).root() == ROOTS[index + 1]


@pytest.mark.parametrize(("size", "peaks"), [(0, 1), (1, 0), (3, 1), (4, 2), (-1, 1)], ids=range(5))
def test_a_stored_frontier_of_another_size_is_refused(size: int, peaks: int) -> None:
    with pytest.raises(ValueError, match="peaks"):
        Frontier(size, [OTHER] * peaks)


@pytest.mark.parametrize("step", [1, 2, 3, 7, 31, 64, 99], ids=str)
def test_levels_are_the_same_however_they_grow(step: int) -> None:
    tree, size = Levels(), 0
    assert tree.root() == EMPTY_ROOT
    while size < len(LEAVES):
        tree.append(LEAVES[size])
        tree.extend(LEAVES[size + 1 : size + step])
        size = min(size + step, len(LEAVES))
        assert tree.size == size
        assert tree.root() == ROOTS[size]
        assert tree.inclusion_proof(size - 1) == path_of(size - 1, LEAVES[:size])
    tree.extend([])
    assert [tree.read(0, i) for i in range(size)] == LEAVES


@pytest.mark.parametrize("end", [1, 2, 63, 64, 100], ids=str)
def test_range_nodes_cover_a_range_once_with_complete_nodes(end: int) -> None:
    for start in range(end + 1):
        covered = [
            leaf
            for level, i in range_nodes(start, end)
            for leaf in range(i << level, (i + 1) << level)
        ]
        assert covered == list(range(start, end))


class Tiles:
    """Tiles of a log that grows in batches; what `completed_tiles` yields replaces what was."""

    def __init__(self) -> None:
        self.stored: dict[tuple[int, int], bytes] = {}
        self.size = 0
        self.reads: list[tuple[int, int]] = []

    def extend(self, leaves: list[bytes]) -> None:
        for level, index, hashes in completed_tiles(self.size, leaves, self._edge):
            before = self.stored.get((level, index), b"")
            assert hashes.startswith(before)
            assert len(hashes) > len(before)
            self.stored[level, index] = hashes
        self.size += len(leaves)

    def _edge(self, level: int) -> bytes:
        index = (self.size >> 8 * level) // TILE_WIDTH
        return self.stored.get((level, index), b"")

    def read(self, level: int, index: int) -> bytes:
        self.reads.append((level, index))
        return self.stored[level, index]


BATCHES = {
    "one at a time over the first tile": [1] * 260,
    "to the edge, then one": [255, 1, 1],
    "a whole tile at once": [256, 256],
    "odd": [100, 300, 7, 1, 505],
    "over the second level": [65_535, 1, 1],
    "over the second level at once": [65_000, 1_100],
}


@pytest.mark.parametrize("batches", BATCHES.values(), ids=BATCHES)
def test_tiles_hold_every_node_of_the_log_however_it_grew(batches: list[int]) -> None:
    leaves = [leaf_hash(b"%d" % i) for i in range(sum(batches))]
    tiles, tree, start = Tiles(), Levels(), 0
    for count in batches:
        tiles.extend(leaves[start : start + count])
        tree.extend(leaves[start : start + count])
        start += count
    size = tiles.size
    for (level, index), hashes in tiles.stored.items():
        first = index * TILE_WIDTH
        expected = [tree.read(8 * level, first + i) for i in range(len(hashes) // 32)]
        assert hashes == b"".join(expected)
    assert sum(len(tile) for (level, _), tile in tiles.stored.items() if level == 0) == 32 * size
    reader = TileReader(tiles.read)
    for old in {1, 2, 255, 256, 257, size // 2, size - 1, size} & set(range(1, size + 1)):
        read = reader.at(size)
        assert inclusion_proof(old - 1, size, read) == tree.inclusion_proof(old - 1)
        proof = consistency_proof(old, size, read)
        verify_consistency(
            old=old,
            new=size,
            old_root=root_hash(leaves[:old]),
            new_root=tree.root(),
            proof=proof,
        )


def test_tiles_of_a_grown_log_still_prove_its_earlier_sizes() -> None:
    leaves = [leaf_hash(b"%d" % i) for i in range(700)]
    tiles = Tiles()
    tiles.extend(leaves)
    reader = TileReader(tiles.read)
    for size in (1, 2, 255, 256, 257, 511, 512, 513, 699, 700):
        root = root_hash(leaves[:size])
        for index in {0, size // 2, size - 1}:
            proof = inclusion_proof(index, size, reader.at(size))
            verify_inclusion(index=index, size=size, leaf=leaves[index], proof=proof, root=root)


def test_a_tile_is_read_once_at_each_width() -> None:
    tiles = Tiles()
    tiles.extend([leaf_hash(b"%d" % i) for i in range(300)])
    reader = TileReader(tiles.read)
    for _ in range(2):
        for index in range(300):
            inclusion_proof(index, 300, reader.at(300))
    assert sorted(tiles.reads) == [(0, 0), (0, 1), (1, 0)]


def test_a_tile_that_is_too_short_is_no_silent_zero() -> None:
    tiles = Tiles()
    tiles.extend(LEAVES)
    tiles.stored[0, 0] = tiles.stored[0, 0][:-1]
    with pytest.raises(InvariantError, match="0/0"):
        TileReader(tiles.read).at(100)(0, 99)


def test_a_tile_expands_to_its_complete_nodes_only() -> None:
    tree = levels(LEAVES[:5])
    nodes = expand(b"".join(LEAVES[:5]))
    assert nodes == [[tree.read(n, i) for i in range(5 >> n)] for n in range(3)]
    assert expand(LEAVES[0]) == [[LEAVES[0]]]
