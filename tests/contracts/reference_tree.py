"""RFC 9162 section 2.1 as the text writes it: recursive, slow, obviously right."""

import hashlib
from collections.abc import Sequence


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _split(size: int) -> int:
    return 1 << (size - 1).bit_length() - 1


def leaves(count: int, mark: bytes = b"") -> list[bytes]:
    """Leaf hashes 0 … count - 1; another mark is another log."""
    return [hashlib.sha256(b"\x00" + mark + i.to_bytes(8, "big")).digest() for i in range(count)]


def root(hashes: Sequence[bytes]) -> bytes:
    """MTH of section 2.1.1."""
    if len(hashes) == 1:
        return hashes[0]
    k = _split(len(hashes))
    return _node(root(hashes[:k]), root(hashes[k:]))


def consistency_proof(old: int, hashes: Sequence[bytes]) -> list[bytes]:
    """PROOF of section 2.1.4.1."""
    return _subproof(old, hashes, whole=True)


def _subproof(old: int, hashes: Sequence[bytes], *, whole: bool) -> list[bytes]:
    if old == len(hashes):
        return [] if whole else [root(hashes)]
    k = _split(len(hashes))
    if old <= k:
        return [*_subproof(old, hashes[:k], whole=whole), root(hashes[k:])]
    return [*_subproof(old - k, hashes[k:], whole=False), root(hashes[:k])]
