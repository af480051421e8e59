"""The item map of docs/spec/item-map.md by its recursive definition."""

from hashlib import sha256

Z = bytes(32)
Map = dict[bytes, bytes]


def value_of(key: bytes, steps: list[tuple[int, bytes]]) -> bytes:
    """What the map holds for a key that these (index, leaf hash) name."""
    head = sha256(b"unbroken/chain/v1\x00" + key).digest()
    for index, leaf in steps:
        head = sha256(b"unbroken/step/v1\x00" + head + index.to_bytes(8, "big") + leaf).digest()
    return sha256(b"unbroken/count/v1\x00" + len(steps).to_bytes(8, "big") + head).digest()


def bit(key: bytes, depth: int) -> int:
    return key[depth // 8] >> (7 - depth % 8) & 1


def root_of(leaves: Map, depth: int = 0) -> bytes:
    if not leaves:
        return Z
    if len(leaves) == 1:
        ((key, value),) = leaves.items()
        return sha256(b"\x00" + key + value).digest()
    halves = ({}, {})  # type: tuple[Map, Map]
    for key, value in leaves.items():
        halves[bit(key, depth)][key] = value
    left, right = (root_of(half, depth + 1) for half in halves)
    return sha256(b"\x01" + left + right).digest()


def path_of(leaves: Map, wanted: bytes) -> tuple[list[bytes], Map]:
    """Siblings from the root to where the path of a key ends, and the one leaf there or none."""
    siblings: list[bytes] = []
    while len(leaves) > 1:
        depth = len(siblings)
        side = bit(wanted, depth)
        siblings.append(
            root_of({k: v for k, v in leaves.items() if bit(k, depth) != side}, depth + 1)
        )
        leaves = {k: v for k, v in leaves.items() if bit(k, depth) == side}
    return siblings, leaves
