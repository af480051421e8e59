"""RFC 9162 section 2: the hash tree over SHA-256 that the log, rows and submissions share."""

from collections.abc import Sequence
from hashlib import sha256

from unbroken_verifier.errors import RefusedError

HASH_BYTES = 32


def leaf_hash(data: bytes) -> bytes:
    """Hash of a leaf (RFC 9162 2.1.1)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node (RFC 9162 2.1.1)."""
    return sha256(b"\x01" + left + right).digest()


def root_from_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Root that an inclusion path leads to (RFC 9162 2.1.3.2, up to its last comparison).

    Args:
        leaf: leaf hash.
        index: place of the leaf, from 0.
        size: number of leaves.
        path: siblings from leaf to root.

    Raises:
        RefusedError: index outside the tree, a path of another length, a hash not of 32 bytes.
    """
    if not 0 <= index < size:
        raise RefusedError(f"index {index} is outside a tree of {size}")
    verify_hashes([leaf, *path])
    first, last, root = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise RefusedError("the inclusion path is too long")
        if first & 1 or first == last:
            root = node_hash(sibling, root)
            first, last = _climb(first, last)
        else:
            root = node_hash(root, sibling)
        first, last = first >> 1, last >> 1
    if last:
        raise RefusedError("the inclusion path is too short")
    return root


def verify_inclusion(
    leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes
) -> None:
    """The leaf stands at `index` in the tree (size, root) (RFC 9162 2.1.3.2).

    Raises:
        RefusedError: it does not, or the proof has another form.
    """
    if root_from_path(leaf, index, size, path) != root:
        raise RefusedError(f"the inclusion path of index {index} does not lead to the root")


def verify_consistency(
    size1: int, size2: int, proof: Sequence[bytes], root1: bytes, root2: bytes
) -> None:
    """The tree (size2, root2) extends the tree (size1, root1) (RFC 9162 2.1.4.2).

    From size 0 to n > 0 there is nothing to prove: refused (docs/spec/log.md). Equal sizes need
    equal roots and an empty proof.

    Raises:
        RefusedError: it does not, or the proof has another form.
    """
    if size1 == size2 and not proof and root1 == root2:
        return
    if not 0 < size1 < size2 or not proof:
        raise RefusedError(f"no consistency proof from {size1} to {size2} has this form")
    verify_hashes([root1, root2, *proof])
    nodes = list(proof)
    if size1 & (size1 - 1) == 0:  # a complete subtree stands for itself
        nodes.insert(0, root1)
    first, last = size1 - 1, size2 - 1
    shared = (size1 & -size1).bit_length() - 1  # levels below the node that the proof starts at
    first, last = first >> shared, last >> shared
    old = new = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            raise RefusedError("the consistency proof is too long")
        if first & 1 or first == last:
            old, new = node_hash(node, old), node_hash(node, new)
            first, last = _climb(first, last)
        else:
            new = node_hash(new, node)
        first, last = first >> 1, last >> 1
    if last or old != root1 or new != root2:
        raise RefusedError(f"the consistency proof from {size1} to {size2} does not hold")


def _climb(first: int, last: int) -> tuple[int, int]:
    """Skips the levels where a right border has no sibling."""
    while not first & 1 and first:
        first, last = first >> 1, last >> 1
    return first, last


def verify_hashes(hashes: Sequence[bytes]) -> None:
    """Every hash has 32 bytes.

    Attack: with other lengths the boundary between two siblings could be moved.

    Raises:
        RefusedError: one has not.
    """
    if any(len(one) != HASH_BYTES for one in hashes):
        raise RefusedError("a hash has not 32 bytes")
