"""docs/spec/item-map.md: what is in the item map, and what is not."""

from collections.abc import Iterable, Sequence
from hashlib import sha256

from unbroken_verifier.eip712 import Z32
from unbroken_verifier.errors import RefusedError
from unbroken_verifier.tree import leaf_hash, node_hash, verify_hashes

KEY_BITS = 256


def chain_value(key: bytes, steps: Iterable[tuple[int, bytes]]) -> bytes:
    """What the map holds for a key.

    Args:
        key: 32 bytes.
        steps: (log index, leaf hash) of every entry that names it, in log order.
    """
    head, count = sha256(b"unbroken/chain/v1\x00" + key).digest(), 0
    for index, leaf in steps:
        head = sha256(b"unbroken/step/v1\x00" + head + index.to_bytes(8, "big") + leaf).digest()
        count += 1
    return sha256(b"unbroken/count/v1\x00" + count.to_bytes(8, "big") + head).digest()


def verify_membership(root: bytes, key: bytes, value: bytes, siblings: Sequence[bytes]) -> None:
    """The map holds `value` at `key`.

    Args:
        root: the head's map root.
        key: 32 bytes, walked bit by bit, the most significant first.
        value: 32 bytes.
        siblings: from root to leaf.

    Raises:
        RefusedError: it does not, or the proof has another form.
    """
    verify_hashes([key, value])
    _verify_path(root, key, siblings, leaf_hash(key + value))


def verify_absence(
    root: bytes, key: bytes, siblings: Sequence[bytes], terminal: tuple[bytes, bytes] | None
) -> None:
    """The map holds nothing at `key`.

    Args:
        root: the head's map root.
        key: 32 bytes.
        siblings: from root to where the path of `key` ends.
        terminal: (key', value') of the one leaf there, None where the subtree is empty.

    Raises:
        RefusedError: that is not shown.
    """
    if terminal is None:
        end = Z32
    else:
        other, value = terminal
        verify_hashes([other, value])
        shared = KEY_BITS - len(siblings)
        if other == key or shared < 0 or _number(other) >> shared != _number(key) >> shared:
            raise RefusedError("the terminal leaf does not lie on the path of the key")
        end = leaf_hash(other + value)
    _verify_path(root, key, siblings, end)


def _verify_path(root: bytes, key: bytes, siblings: Sequence[bytes], end: bytes) -> None:
    verify_hashes([root, key, *siblings])
    if len(siblings) > KEY_BITS:
        raise RefusedError("more than 256 siblings")
    if siblings and siblings[-1] == Z32:
        # A subtree with one leaf is that leaf: nothing can stand beside an empty one at the end.
        raise RefusedError("the last sibling is empty")
    bits, node = _number(key), end
    for depth in range(len(siblings) - 1, -1, -1):
        if bits >> (KEY_BITS - 1 - depth) & 1:
            node = node_hash(siblings[depth], node)
        else:
            node = node_hash(node, siblings[depth])
    if node != root:
        raise RefusedError("the path does not lead to the map root")


def _number(key: bytes) -> int:
    return int.from_bytes(key, "big")
