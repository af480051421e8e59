"""The item map (docs/spec/item-map.md): its function of the log, chains, roots and paths.

Everything here is a function of the entries alone and judges no entry: what contradicts is in the
map like all else. `map_pages` keeps the same map in pages.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ledger.core.entries import FactEntry, Kind, Z
from ledger.core.facts import fact_bytes
from ledger.core.identifiers import ADDRESS_BYTES, key_key

KEY_BITS = 256
Step = tuple[int, bytes]
"""One step of a chain: log index and leaf hash of an entry."""

_sha256 = hashlib.sha256
_CHAIN = b"unbroken/chain/v1\0"
_STEP = b"unbroken/step/v1\0"
_COUNT = b"unbroken/count/v1\0"
_FIRST_BIT = KEY_BITS - 1


class MapProof(NamedTuple):
    """Where the path of a key ends: siblings from root to leaf, and the leaf of another key there.

    `terminal` is (key', value'), or None for a member and where the subtree is empty.
    """

    siblings: tuple[bytes, ...]
    terminal: tuple[bytes, bytes] | None


class Subtree(NamedTuple):
    """The hash of a subtree, and whether it holds no leaf, one or several."""

    kind: int
    node: bytes


NONE, ONE, SEVERAL = 0, 1, 2
EMPTY = Subtree(NONE, Z)


def fact_keys(fact: FactEntry) -> tuple[bytes, ...]:
    """Return the keys that map function v1 gives an entry that names no items itself.

    Of a tombstone these are the keys of the entry that it names (`erased_index`).

    Raises:
        MalformedError: A key fact has no address.
    """
    if fact.kind == Kind.PARTY:
        return (fact.party,)
    if fact.kind == Kind.KEY:
        address = fact_bytes(fact.payload, "address", ADDRESS_BYTES)
        return (fact.party, key_key(address))
    return ()


def erased_index(fact: FactEntry) -> int | None:
    """Return the index of the entry that a tombstone names; None for every other fact."""
    index = fact.payload.get("index")
    return index if fact.kind == Kind.TOMBSTONE and isinstance(index, int) else None


def chain_start(key: bytes) -> bytes:
    """Return the head of a chain without steps."""
    return _sha256(_CHAIN + key).digest()


def chain_head(head: bytes, steps: Iterable[Step]) -> bytes:
    """Return the head after more steps."""
    for index, leaf in steps:
        head = _sha256(_STEP + head + index.to_bytes(8) + leaf).digest()
    return head


def chain_value(count: int, head: bytes) -> bytes:
    """Return what the map holds for a chain of count steps."""
    return _sha256(_COUNT + count.to_bytes(8) + head).digest()


def value_of(key: bytes, steps: Sequence[Step]) -> bytes:
    """Return what the map holds at key after all of its steps."""
    return chain_value(len(steps), chain_head(chain_start(key), steps))


def map_leaf(key: bytes, value: bytes) -> bytes:
    """Return the leaf hash of a key and its value."""
    return _sha256(b"\x00" + key + value).digest()


def join(left: Subtree, right: Subtree) -> Subtree:
    """Return the subtree above two: one leaf beside nothing is that leaf, however high it is."""
    if left.kind == NONE and right.kind != SEVERAL:
        return right
    if right.kind == NONE and left.kind != SEVERAL:
        return left
    return Subtree(SEVERAL, _sha256(b"\x01" + left.node + right.node).digest())


def subtree_root(keys: Sequence[bytes], leaves: Sequence[bytes], depth: int) -> Subtree:
    """Return the subtree of sorted keys that share their first depth bits; leaves are their hashes.

    One pass over the places where neighbours part: two hashes a key, for random keys.
    """
    if len(keys) < 2:  # noqa: PLR2004 -- a subtree with one leaf is that leaf
        return Subtree(ONE, leaves[0]) if keys else EMPTY
    sha256, waiting = _sha256, list[tuple[int, bytes]]()
    low, node, top = int.from_bytes(keys[0]), leaves[0], KEY_BITS
    for place in range(1, len(keys) + 1):
        if place < len(keys):
            number = int.from_bytes(keys[place])
            parting = KEY_BITS - (low ^ number).bit_length()
        else:
            number = parting = -1
        while waiting and waiting[-1][0] > parting:
            at, left = waiting.pop()
            if at + 1 < top != KEY_BITS:
                node = _lifted(node, low, top, at + 1)
            node, top = sha256(b"\x01" + left + node).digest(), at
        if parting >= 0:
            if parting + 1 < top != KEY_BITS:
                node = _lifted(node, low, top, parting + 1)
            waiting.append((parting, node))
            low, node, top = number, leaves[place], KEY_BITS
    return Subtree(SEVERAL, _lifted(node, low, top, depth))


def _lifted(node: bytes, key: int, top: int, depth: int) -> bytes:
    """Return at depth the subtree of key whose leaves, several, lie below `top`."""
    for bit in range(KEY_BITS - top, KEY_BITS - depth):
        pair = Z + node if key >> bit & 1 else node + Z
        node = _sha256(b"\x01" + pair).digest()
    return node


def subtree_path(
    keys: Sequence[bytes], leaves: Sequence[bytes], depth: int, key: bytes
) -> tuple[list[bytes], int | None]:
    """Return the siblings of key below depth, and the place of the leaf where its path ends."""
    siblings: list[bytes] = []
    low, high, number = 0, len(keys), int.from_bytes(key)
    while high - low > 1:
        bit = _FIRST_BIT - depth
        depth += 1
        middle = (int.from_bytes(keys[low]) >> bit | 1) << bit
        parting = bisect_left(keys, middle.to_bytes(32), low, high)
        if number >> bit & 1:
            other, low = (low, parting), parting
        else:
            other, high = (parting, high), parting
        siblings.append(subtree_root(keys[slice(*other)], leaves[slice(*other)], depth).node)
    return siblings, low if low < high else None


def folded(key: bytes, end: bytes, siblings: Sequence[bytes]) -> bytes:
    """Return the root to which the path of a key leads, whose end is a leaf hash or Z."""
    number, node = int.from_bytes(key), end
    for depth in range(len(siblings) - 1, -1, -1):
        right = number >> (_FIRST_BIT - depth) & 1
        pair = siblings[depth] + node if right else node + siblings[depth]
        node = _sha256(b"\x01" + pair).digest()
    return node


def map_root(values: Mapping[bytes, bytes]) -> bytes:
    """Return the root of a whole map from key to value."""
    keys = sorted(values)
    return subtree_root(keys, [map_leaf(key, values[key]) for key in keys], 0).node


def map_proof(values: Mapping[bytes, bytes], key: bytes) -> MapProof:
    """Return the path of a key, member or not, in a whole map from key to value; O(n) hashes."""
    keys = sorted(values)
    leaves = [map_leaf(one, values[one]) for one in keys]
    siblings, place = subtree_path(keys, leaves, 0, key)
    if place is None or keys[place] == key:
        return MapProof(tuple(siblings), None)
    return MapProof(tuple(siblings), (keys[place], values[keys[place]]))
