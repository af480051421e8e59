"""Any order and batching of steps gives the naive map, and paths that the verifier takes."""

from collections.abc import Collection
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unbroken_verifier.errors import RefusedError
from unbroken_verifier.item_map import verify_absence, verify_membership

from ledger.core.entries import Z
from ledger.core.item_map import map_leaf, map_proof, map_root, value_of
from ledger.core.map_pages import load_for_paths, load_pages, path_of, update_pages

# Some keys share long prefixes: as hashes they would not, unless somebody ground them.
KEYS = st.one_of(
    st.binary(min_size=32, max_size=32),
    st.integers(0, 600).map(lambda number: number.to_bytes(32)),
    st.integers(0, 600).map(
        lambda number: number.to_bytes(2) + sha256(b"%d" % number).digest()[2:]
    ),
    st.integers(0, 600).map(lambda number: b"\xab\xcd" + sha256(b"%d" % number).digest()[2:]),
)
STEPS = st.lists(KEYS, max_size=200)
CUTS = st.lists(st.integers(0, 200), max_size=6)


def naive_root(values: dict[bytes, bytes], keys: list[bytes], depth: int) -> bytes:
    """The definition of docs/spec/item-map.md, word for word."""
    if not keys:
        return Z
    if len(keys) == 1:
        return map_leaf(keys[0], values[keys[0]])
    halves: tuple[list[bytes], list[bytes]] = ([], [])
    for key in keys:
        halves[key[depth // 8] >> (7 - depth % 8) & 1].append(key)
    left, right = (naive_root(values, half, depth + 1) for half in halves)
    return sha256(b"\x01" + left + right).digest()


class Store:
    """Pages in memory, updated in batches; reads only what is asked for."""

    def __init__(self) -> None:
        self.pages: dict[bytes, bytes] = {}
        self.keys = 0
        self.root = Z

    def read(self, prefixes: Collection[bytes]) -> dict[bytes, bytes]:
        return {one: self.pages[one] for one in prefixes if one in self.pages}

    def take(self, steps: dict[bytes, list[tuple[int, bytes]]]) -> None:
        changes = update_pages(load_pages(self.read, steps), steps, self.root)
        self.pages |= changes.pages
        self.keys += changes.new_keys
        self.root = changes.root


def built(named: list[bytes], cuts: list[int]) -> tuple[Store, dict[bytes, bytes]]:
    """Log one entry for each key named, integrated in batches that end at cuts."""
    store, chains = Store(), dict[bytes, list[tuple[int, bytes]]]()
    ends = sorted({min(cut, len(named)) for cut in cuts} | {len(named)})
    start = 0
    for end in ends:
        batch: dict[bytes, list[tuple[int, bytes]]] = {}
        for index in range(start, end):
            step = (index, sha256(b"%d" % index).digest())
            batch.setdefault(named[index], []).append(step)
            chains.setdefault(named[index], []).append(step)
        store.take(batch)
        start = end
    return store, {key: value_of(key, steps) for key, steps in chains.items()}


@given(STEPS, CUTS)
def test_any_batching_gives_the_root_of_the_definition(named: list[bytes], cuts: list[int]) -> None:
    store, values = built(named, cuts)
    assert store.root == naive_root(values, sorted(values), 0) == map_root(values)
    assert store.keys == len(values)


@given(STEPS, CUTS, CUTS)
def test_the_pages_do_not_depend_on_the_batches(
    named: list[bytes], cuts: list[int], other: list[int]
) -> None:
    assert built(named, cuts)[0].pages == built(named, other)[0].pages


@given(STEPS, st.lists(KEYS, min_size=1, max_size=10))
def test_the_verifier_takes_every_path(named: list[bytes], asked: list[bytes]) -> None:
    store, values = built(named, [])
    for key in [*asked, *named[:10]]:
        proof = path_of(load_for_paths(store.read, [key]), key, store.root)
        assert proof == map_proof(values, key)
        if key in values:
            verify_membership(store.root, key, values[key], proof.siblings)
            with pytest.raises(RefusedError):
                verify_absence(store.root, key, proof.siblings, proof.terminal)
        else:
            verify_absence(store.root, key, proof.siblings, proof.terminal)
            with pytest.raises(RefusedError):
                verify_membership(store.root, key, Z, proof.siblings)


@given(STEPS.filter(bool), st.data())
def test_a_chain_with_a_step_changed_has_another_value(
    named: list[bytes], data: st.DataObject
) -> None:
    """Removed, repeated, swapped, or taken from another key: the map's value gives it away."""
    steps = [(index, sha256(key).digest()) for index, key in enumerate(named)]
    at = data.draw(st.integers(0, len(steps) - 1))
    key, other = bytes(32), b"\1" * 32
    right = value_of(key, steps)
    assert right != value_of(key, steps[:at] + steps[at + 1 :])
    assert right != value_of(key, [*steps[: at + 1], *steps[at:]])
    assert right != value_of(other, steps)
    if len(steps) > 1:
        assert right != value_of(key, [*steps[1:], steps[0]])
