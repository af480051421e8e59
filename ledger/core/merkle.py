"""RFC 9162 section 2: tree hashing, inclusion and consistency proofs, over SHA-256.

Which nodes a proof needs is computed apart from fetching them: `inclusion_nodes` and
`consistency_nodes` name perfect subtrees as (level, index), level 0 being leaf hashes. `Levels`
keeps every node in memory; the store reads the same nodes from tiles.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import NewType

from ledger.core.errors import ProofError

LeafHash = NewType("LeafHash", bytes)
NodeHash = NewType("NodeHash", bytes)
RootHash = NewType("RootHash", bytes)
Node = tuple[int, int]
ReadNode = Callable[[int, int], bytes]

HASH_SIZE = 32
EMPTY_ROOT = RootHash(hashlib.sha256(b"").digest())
_sha256 = hashlib.sha256


def leaf_hash(leaf: bytes) -> LeafHash:
    """Return SHA-256(0x00 || leaf)."""
    return LeafHash(_sha256(b"\x00" + leaf).digest())


def node_hash(left: bytes, right: bytes) -> NodeHash:
    """Return SHA-256(0x01 || left || right)."""
    return NodeHash(_sha256(b"\x01" + left + right).digest())


def root_hash(leaf_hashes: Iterable[bytes]) -> RootHash:
    """Return the root over leaf hashes; n - 1 hashes, O(log n) memory beyond the input."""
    level = list(leaf_hashes)
    if not level:
        return EMPTY_ROOT
    while len(level) > 1:
        paired = [
            _sha256(b"\x01" + left + right).digest()
            for left, right in zip(level[::2], level[1::2], strict=False)
        ]
        if len(level) & 1:
            paired.append(level[-1])
        level = paired
    return RootHash(level[0])


class Frontier:
    """The right edge of a log: enough to append in O(1) amortised and to know the root.

    `peaks` are the roots of the perfect subtrees of `size`, largest first (one per set bit).
    """

    __slots__ = ("peaks", "size")

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        """Take up a stored edge.

        Raises:
            ValueError: The number of peaks is not the number of set bits of size.
        """
        if size < 0 or len(peaks) != size.bit_count():
            raise ValueError(f"{len(peaks)} peaks for size {size}")
        self.size = size
        self.peaks = list(peaks)

    def append(self, leaf: bytes) -> list[bytes]:
        """Append a leaf hash; return the nodes that it completes, level 0 upwards."""
        node = leaf
        completed = [node]
        size, peaks = self.size, self.peaks
        while size & 1:
            node = _sha256(b"\x01" + peaks.pop() + node).digest()
            completed.append(node)
            size >>= 1
        peaks.append(node)
        self.size += 1
        return completed

    def root(self) -> RootHash:
        """Return the root of the log up to here."""
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in self.peaks[-2::-1]:
            root = _sha256(b"\x01" + peak + root).digest()
        return RootHash(root)


def range_nodes(start: int, end: int) -> list[Node]:
    """Return the perfect subtrees that cover leaves [start, end) of a tree of size end."""
    nodes = []
    while start < end:
        level = (end - start).bit_length() - 1
        if start:
            level = min(level, (start & -start).bit_length() - 1)
        nodes.append((level, start >> level))
        start += 1 << level
    return nodes


def _fold(nodes: Sequence[bytes]) -> bytes:
    root = nodes[-1]
    for node in reversed(nodes[:-1]):
        root = _sha256(b"\x01" + node + root).digest()
    return root


def inclusion_nodes(index: int, size: int) -> list[list[Node]]:
    """Return, per proof element from leaf to root, the subtrees whose fold it is.

    Raises:
        ValueError: index is outside the tree.
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf index {index} outside tree of size {size}")
    return _path_nodes(index, 0, size)


def inclusion_proof(index: int, size: int, read: ReadNode) -> list[bytes]:
    """Return the audit path of a leaf (RFC 9162 2.1.3.1), leaf to root, at most 2 log2(size) reads.

    Raises:
        ValueError: index is outside the tree.
    """
    return [_fold([read(level, i) for level, i in nodes]) for nodes in inclusion_nodes(index, size)]


def consistency_nodes(old: int, new: int) -> list[list[Node]]:
    """Return, per element of the proof from old to new, the subtrees whose fold it is.

    Raises:
        ValueError: Not 0 < old <= new.
    """
    if not 0 < old <= new:
        raise ValueError(f"no consistency proof from size {old} to {new}")
    if old == new:
        return []
    level = (old & -old).bit_length() - 1
    start = (old >> level) - 1
    path = _path_nodes(start, level, new)
    return path if old & (old - 1) == 0 else [[(level, start)], *path]


def _path_nodes(index: int, level: int, size: int) -> list[list[Node]]:
    """Return the audit path of the complete node (level, index) in a tree of size leaves."""
    elements: list[list[Node]] = []
    last = (size - 1) >> level
    while last:
        sibling = index ^ 1
        if sibling < last:
            elements.append([(level, sibling)])
        elif sibling == last:
            elements.append(range_nodes(sibling << level, size))
        index, last, level = index >> 1, last >> 1, level + 1
    return elements


def consistency_proof(old: int, new: int, read: ReadNode) -> list[bytes]:
    """Return the proof that the tree of size new extends that of size old (RFC 9162 2.1.4.1).

    Raises:
        ValueError: Not 0 < old <= new.
    """
    return [_fold([read(level, i) for level, i in nodes]) for nodes in consistency_nodes(old, new)]


def root_from_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> RootHash:
    """Return the root to which an audit path leads (RFC 9162 2.1.3.2).

    Raises:
        ProofError: index is outside the tree, or the proof has a wrong number or size of hashes.
    """
    if not 0 <= index < size:
        raise ProofError(f"leaf index {index} outside tree of size {size}")
    if any(len(sibling) != HASH_SIZE for sibling in proof) or len(leaf) != HASH_SIZE:
        raise ProofError("a proof hash is not 32 bytes")
    fn, sn, node = index, size - 1, leaf
    for sibling in proof:
        if sn == 0:
            raise ProofError("proof has more hashes than the tree has levels")
        if fn & 1 or fn == sn:
            node = _sha256(b"\x01" + sibling + node).digest()
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            node = _sha256(b"\x01" + node + sibling).digest()
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise ProofError("proof has fewer hashes than the tree has levels")
    return RootHash(node)


def verify_inclusion(
    *, index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes
) -> None:
    """Check that a leaf hash is at index of the tree with root.

    Raises:
        ProofError: The proof is malformed or leads to another root.
    """
    calculated = root_from_inclusion(index, size, leaf, proof)
    if calculated != root:
        raise ProofError(f"calculated root {calculated.hex()}, expected {root.hex()}")


def verify_consistency(
    *, old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the tree (new, new_root) extends (old, old_root) (RFC 9162 2.1.4.2).

    Size 0 is consistent with nothing but itself: a head of size 0 commits to nothing.

    Raises:
        ProofError: The proof is malformed or leads to other roots.
    """
    if old == new >= 0:
        if proof or old_root != new_root:
            raise ProofError("equal sizes need equal roots and an empty proof")
        return
    if not 0 < old < new or not proof:
        raise ProofError(f"no proof leads from size {old} to {new}")
    if any(len(h) != HASH_SIZE for h in (old_root, new_root, *proof)):
        raise ProofError("a proof hash is not 32 bytes")
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if _roots_from_consistency(old, new, path) != (old_root, new_root):
        raise ProofError(f"proof does not lead from the root at {old} to the root at {new}")


def _roots_from_consistency(old: int, new: int, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Return the roots at old and new; path begins with the largest subtree that ends at old."""
    level = (old & -old).bit_length() - 1
    fn, sn = (old - 1) >> level, (new - 1) >> level
    first = second = path[0]
    for node in path[1:]:
        if sn == 0:
            raise ProofError("proof has more hashes than the tree has levels")
        if fn & 1 or fn == sn:
            first = _sha256(b"\x01" + node + first).digest()
            second = _sha256(b"\x01" + node + second).digest()
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            second = _sha256(b"\x01" + second + node).digest()
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise ProofError("proof has fewer hashes than the tree has levels")
    return first, second


class Levels:
    """Every node of a log in memory, 64 bytes a leaf: for audits, tests and small logs.

    Level l holds the roots of the perfect subtrees of 2^l leaves, 32 bytes each.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._levels: list[bytearray] = [bytearray()]
        self._edge: tuple[int, list[bytes]] = (-1, [])

    @property
    def size(self) -> int:
        """Number of leaves."""
        return len(self._levels[0]) >> 5

    def append(self, leaf: bytes) -> None:
        """Append one leaf hash; O(1) amortised."""
        self.extend((leaf,))

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Append leaf hashes; one hash a leaf amortised, whatever the size."""
        levels = self._levels
        levels[0] += b"".join(leaves)
        for level, below in enumerate(levels, 1):
            if level == len(levels):
                levels.append(bytearray())
            start, end = len(levels[level]) << 1, len(below) & -64
            if start == end:
                break
            pairs = bytes(below[start:end])
            levels[level] += b"".join(
                [_sha256(b"\x01" + pairs[k : k + 64]).digest() for k in range(0, len(pairs), 64)]
            )

    def read(self, level: int, index: int) -> bytes:
        """Return the root of the perfect subtree (level, index)."""
        return bytes(self._levels[level][index << 5 : (index + 1) << 5])

    def root(self) -> RootHash:
        """Return the root of all leaves."""
        size = self.size
        if not size:
            return EMPTY_ROOT
        return RootHash(_fold([self.read(*node) for node in range_nodes(0, size)]))

    def inclusion_proof(self, index: int) -> list[bytes]:
        """Return the audit path of a leaf at the current size; about log2(size) slices.

        The folds of the right edge are kept between calls, so no node is hashed twice.

        Raises:
            ValueError: index is outside the tree.
        """
        size = self.size
        if not 0 <= index < size:
            raise ValueError(f"leaf index {index} outside tree of size {size}")
        if self._edge[0] != size:
            self._edge = (size, self._right_edge(size))
        proof, last = [], size - 1
        for level, folded in zip(self._levels, self._edge[1], strict=False):
            sibling = index ^ 1
            if sibling < last:
                start = sibling << 5
                proof.append(bytes(level[start : start + HASH_SIZE]))
            elif sibling == last:
                proof.append(folded)
            index >>= 1
            last >>= 1
        return proof

    def _right_edge(self, size: int) -> list[bytes]:
        """Return, per level below the root, the fold of the rightmost (maybe partial) node."""
        return [
            _fold([self.read(*node) for node in range_nodes(((size - 1) >> level) << level, size)])
            for level in range((size - 1).bit_length())
        ]
