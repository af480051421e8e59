"""The item map in pages that a store keeps: a radix tree of tiles over buckets.

A page is named by the first nibbles of the keys below it, one a byte. A bucket holds up to
BUCKET_KEYS keys with their chains; a tile holds the 16 subtrees below it. A bucket that grows
beyond that becomes a tile. So the layout is a function of the set of keys, fits one key and 10^9
(six tiles above a bucket), and keys that were ground to begin alike only deepen their own corner.
The root is a tile always: sixteen parts of a map can be rebuilt apart.
"""

from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from ledger.core.entries import Z
from ledger.core.errors import InvariantError
from ledger.core.item_map import (
    EMPTY,
    NONE,
    ONE,
    SEVERAL,
    MapProof,
    Step,
    Subtree,
    chain_head,
    chain_start,
    chain_value,
    folded,
    join,
    map_leaf,
    subtree_path,
    subtree_root,
)

# Cost: a changed key re-hashes its bucket and rewrites 104 bytes a key of it; more tiles, smaller
# buckets. With 32 a bucket has 2 to 32 keys, and 15 where a million are spread.
BUCKET_KEYS = 32
SLOTS = 16
# Cost: a round trip to the store is dearer than asking for pages that are not there. A path of 10^9
# keys has seven pages; of many keys the upper ones are the same.
FEW_KEYS, AHEAD = 64, 8
ROOT = b""
_BUCKET, _TILE = b"\x00", b"\x01"
_KEY, _COUNT, _HEAD, _ENTRY = 32, 40, 72, 104
_TILE_HEAD = 5

Pages = Mapping[bytes, bytes]
ReadPages = Callable[[Collection[bytes]], Pages]


@dataclass(slots=True)
class Changes:
    """What a batch of steps makes of a map: its changed pages, its root, how many keys are new."""

    pages: dict[bytes, bytes] = field(default_factory=dict)
    root: bytes = Z
    new_keys: int = 0


def is_tile(page: bytes) -> bool:
    """Tell a tile from a bucket."""
    return page[:1] == _TILE


def bucket_entries(page: bytes) -> list[bytes]:
    """Return the entries of a bucket: key, u64 count, chain head, leaf hash; sorted by key."""
    return [page[i : i + _ENTRY] for i in range(1, len(page), _ENTRY)]


def tile_slots(page: bytes) -> list[Subtree]:
    """Return the sixteen subtrees of a tile."""
    present, single = int.from_bytes(page[1:3]), int.from_bytes(page[3:_TILE_HEAD])
    slots, at = [EMPTY] * SLOTS, _TILE_HEAD
    for slot in range(SLOTS):
        if present >> slot & 1:
            slots[slot] = Subtree(ONE if single >> slot & 1 else SEVERAL, page[at : at + 32])
            at += 32
    return slots


def tile(slots: Sequence[Subtree]) -> bytes:
    """Return the tile of sixteen subtrees."""
    present = sum(1 << i for i, slot in enumerate(slots) if slot.kind)
    single = sum(1 << i for i, slot in enumerate(slots) if slot.kind == ONE)
    nodes = [slot.node for slot in slots if slot.kind]
    return b"".join([_TILE, present.to_bytes(2), single.to_bytes(2), *nodes])


def tile_root(slots: Sequence[Subtree]) -> Subtree:
    """Return the subtree that a tile stands for."""
    level = list(slots)
    while len(level) > 1:
        level = [join(level[i], level[i + 1]) for i in range(0, len(level), 2)]
    return level[0]


def nibble(key: bytes, depth: int) -> int:
    """Return a nibble of a key, the first being 0."""
    byte = key[depth >> 1]
    return byte & 15 if depth & 1 else byte >> 4


def load_pages(read: ReadPages, keys: Collection[bytes]) -> dict[bytes, bytes]:
    """Read the pages on the paths of keys: of few at once as deep as paths go, else by levels."""
    asked: set[bytes] = set()
    if len(keys) <= FEW_KEYS:
        asked = {_prefix(key, depth) for key in keys for depth in range(AHEAD)}
    pages = dict(read(asked)) if asked else {}
    level = {ROOT: sorted(keys)}
    while level:
        if not asked.issuperset(level):
            pages.update(read(level.keys() - asked))
        below: dict[bytes, list[bytes]] = {}
        for prefix, group in level.items():
            page = pages.get(prefix, b"")
            if is_tile(page):
                present, depth = int.from_bytes(page[1:3]), len(prefix)
                for key in group:
                    slot = nibble(key, depth)
                    if present >> slot & 1:
                        below.setdefault(prefix + bytes([slot]), []).append(key)
        level = below
    return pages


def _prefix(key: bytes, depth: int) -> bytes:
    """Return the name of the page of a key at a depth."""
    return bytes([nibble(key, at) for at in range(depth)])


def update_pages(pages: Pages, steps: Mapping[bytes, Sequence[Step]], root: bytes) -> Changes:
    """Take steps into a map whose pages on their paths are given; pure, so it may run anywhere.

    Attack: a row of the store that is lost or altered, on the path of a key that is touched next,
    would go into the root that is signed. So what is loaded is hashed again, from root down.

    Raises:
        InvariantError: The pages are not those of the map of that root.
    """
    update = _Update(pages, steps)
    update.changes.root = update.page(ROOT, sorted(steps), root).node
    return update.changes


def update_part(
    pages: Pages, steps: Mapping[bytes, Sequence[Step]], prefix: bytes
) -> tuple[Changes, Subtree]:
    """Take steps into the part of a map below prefix, and return what it stands for too.

    For pages that the caller has made from the entries itself: nothing is hashed again.
    """
    update = _Update(pages, steps)
    subtree = update.page(prefix, sorted(steps), None)
    update.changes.root = subtree.node
    return update.changes, subtree


class _Update:
    """One batch of steps while it goes down the pages and up again."""

    def __init__(self, pages: Pages, steps: Mapping[bytes, Sequence[Step]]) -> None:
        self._pages, self._steps = pages, steps
        self.changes = Changes()

    def page(self, prefix: bytes, keys: Sequence[bytes], node: bytes | None) -> Subtree:
        """Take the steps of sorted keys into the page of a prefix; return its subtree.

        `node` is what the page stands for before; None when it is taken as it is.
        """
        page = self._pages.get(prefix)
        if page is None:
            page = tile([EMPTY] * SLOTS) if prefix == ROOT else _BUCKET
        if not is_tile(page):
            return self._bucket(prefix, keys, bucket_entries(page), node)
        slots, depth = tile_slots(page), len(prefix)
        if node is not None and tile_root(slots).node != node:
            raise _bent(prefix)
        for slot, group in groupby(keys, lambda key: nibble(key, depth)):
            below = None if node is None else slots[slot].node
            slots[slot] = self.page(prefix + bytes([slot]), list(group), below)
        self.changes.pages[prefix] = tile(slots)
        return tile_root(slots)

    def _bucket(
        self, prefix: bytes, keys: Sequence[bytes], entries: list[bytes], node: bytes | None
    ) -> Subtree:
        if node is not None:
            _verify_bucket(prefix, keys, entries, node)
        for key in keys:
            self._extend(entries, key)
        return self._place(prefix, entries)

    def _extend(self, entries: list[bytes], key: bytes) -> None:
        steps = self._steps[key]
        at = bisect_left(entries, key)
        if at < len(entries) and entries[at][:_KEY] == key:
            old = entries[at]
            count, head = int.from_bytes(old[_KEY:_COUNT]), old[_COUNT:_HEAD]
        else:
            count, head = 0, chain_start(key)
            entries.insert(at, b"")
            self.changes.new_keys += 1
        count, head = count + len(steps), chain_head(head, steps)
        leaf = map_leaf(key, chain_value(count, head))
        entries[at] = b"".join([key, count.to_bytes(8), head, leaf])

    def _place(self, prefix: bytes, entries: list[bytes]) -> Subtree:
        depth = len(prefix)
        if len(entries) <= BUCKET_KEYS:
            self.changes.pages[prefix] = b"".join([_BUCKET, *entries])
            return _bucket_root(entries, depth)
        slots = [EMPTY] * SLOTS
        for slot, group in groupby(entries, lambda entry: nibble(entry, depth)):
            slots[slot] = self._place(prefix + bytes([slot]), list(group))
        self.changes.pages[prefix] = tile(slots)
        return tile_root(slots)


def _verify_bucket(
    prefix: bytes, keys: Sequence[bytes], entries: Sequence[bytes], node: bytes
) -> None:
    """Raise unless a bucket is what its tile says, as far as keys depend on it.

    The node holds leaves alone, so what a key goes on from is hashed to its leaf: its own entry, or
    beside a new key the two neighbours. A bent key with an old leaf stands next to the right one.
    """
    whole = all(len(entry) == _ENTRY for entry in entries)
    if not whole or _bucket_root(entries, len(prefix)).node != node:
        raise _bent(prefix)
    for key in keys:
        at = bisect_left(entries, key)
        found = at < len(entries) and entries[at][:_KEY] == key
        for one in entries[at : at + 1] if found else entries[max(at - 1, 0) : at + 1]:
            value = chain_value(int.from_bytes(one[_KEY:_COUNT]), one[_COUNT:_HEAD])
            if map_leaf(one[:_KEY], value) != one[_HEAD:]:
                raise _bent(prefix)


def _bent(prefix: bytes) -> InvariantError:
    name = "".join(f"{one:x}" for one in prefix)
    return InvariantError(
        f"page {name or 'root'} of the item map is missing or altered: run unbroken fsck"
    )


def _bucket_root(entries: Sequence[bytes], depth: int) -> Subtree:
    keys, leaves = _split(entries)
    return subtree_root(keys, leaves, 4 * depth)


def _split(entries: Sequence[bytes]) -> tuple[list[bytes], list[bytes]]:
    return [entry[:_KEY] for entry in entries], [entry[_HEAD:] for entry in entries]


def load_for_paths(read: ReadPages, keys: Collection[bytes]) -> dict[bytes, bytes]:
    """Read the pages that the paths of keys need: their own, and the leaf that one ends in."""
    pages = load_pages(read, keys)
    ends = {end for key in keys if (end := _foreign_end(pages, key)) is not None}
    missing = ends - pages.keys()
    return {**pages, **read(missing)} if missing else pages


def _foreign_end(pages: Pages, key: bytes) -> bytes | None:
    """Return the prefix of the bucket with the only leaf in the subtree where a path ends."""
    *_, prefix, slot = _walk(pages, key)
    return None if slot is None else prefix + bytes([slot])


def _walk(pages: Pages, key: bytes) -> tuple[list[bytes], bytes, int | None]:
    """Go down the tiles on the path of key.

    Returns siblings, the prefix of the last page, and the slot of the one leaf in which the path
    ends there: None when the path goes into the bucket of that prefix, or ends in nothing.
    """
    siblings: list[bytes] = []
    prefix = ROOT
    while is_tile(pages.get(prefix, b"")):
        slots = tile_slots(pages[prefix])
        wanted, low, high = nibble(key, len(prefix)), 0, SLOTS
        while high - low > 1:
            inside = tile_root(slots[low:high])
            if inside.kind != SEVERAL:
                return siblings, prefix, _only(slots, low, high)
            middle = (low + high) // 2
            other = (low, middle) if wanted >= middle else (middle, high)
            siblings.append(tile_root(slots[slice(*other)]).node)
            low, high = (middle, high) if wanted >= middle else (low, middle)
        if slots[wanted].kind != SEVERAL:
            return siblings, prefix, _only(slots, wanted, wanted + 1)
        prefix += bytes([wanted])
    return siblings, prefix, None


def _only(slots: Sequence[Subtree], low: int, high: int) -> int | None:
    return next((slot for slot in range(low, high) if slots[slot].kind != NONE), None)


def path_of(pages: Pages, key: bytes, root: bytes) -> MapProof:
    """Return the path of a key, member or not, from the pages of `load_for_paths`.

    Raises:
        InvariantError: A page is missing, or the path does not lead to root.
    """
    siblings, prefix, slot = _walk(pages, key)
    if slot is not None:
        prefix += bytes([slot])
    page = pages.get(prefix, b"")
    keys, leaves = _split([] if is_tile(page) else bucket_entries(page))
    below, place = subtree_path(keys, leaves, 4 * len(prefix), key)
    siblings += below
    end = EMPTY.node if place is None else leaves[place]
    if folded(key, end, siblings) != root:
        raise InvariantError(
            f"the item map's pages lead to another root than {root.hex()}: run unbroken fsck"
        )
    if place is None or keys[place] == key:
        return MapProof(tuple(siblings), None)
    entry = bucket_entries(page)[place]
    value = chain_value(int.from_bytes(entry[_KEY:_COUNT]), entry[_COUNT:_HEAD])
    return MapProof(tuple(siblings), (keys[place], value))
