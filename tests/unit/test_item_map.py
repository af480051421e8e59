"""The item map from the ledger's code: vectors, the keys that entries give, and what pages hold."""

import json
from collections.abc import Collection
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ledger.core.entries import Address, FactEntry, Kind, Z
from ledger.core.errors import InvariantError, MalformedError
from ledger.core.facts import clock, key_added, party_added
from ledger.core.identifiers import key_key, party_key
from ledger.core.item_map import (
    chain_head,
    chain_start,
    chain_value,
    erased_index,
    fact_keys,
    folded,
    map_leaf,
    map_proof,
    map_root,
    value_of,
)
from ledger.core.map_pages import (
    BUCKET_KEYS,
    ROOT,
    bucket_entries,
    is_tile,
    load_for_paths,
    load_pages,
    nibble,
    path_of,
    update_pages,
)

VECTORS = json.loads(
    (Path(__file__).resolve().parents[1] / "vectors" / "log" / "item_map.json").read_text()
)
REGISTRAR, ADDRESS = Address(b"\1" * 20), Address(b"\2" * 20)
PARTY_PATH = "/417/4012345000009"
PARTY = party_key(PARTY_PATH)
RIGHT = [case for case in VECTORS["cases"] if case["ok"]]


def end_of(case: dict[str, Any]) -> bytes:
    """The hash in which the path of a case ends."""
    if case["value"] is not None:
        return map_leaf(bytes.fromhex(case["key"]), bytes.fromhex(case["value"]))
    if case["terminal"] is None:
        return Z
    terminal = case["terminal"]
    return map_leaf(bytes.fromhex(terminal["key"]), bytes.fromhex(terminal["value"]))


@pytest.mark.parametrize("case", RIGHT, ids=[f"{i}-{c['desc']}" for i, c in enumerate(RIGHT)])
def test_a_path_of_the_vectors_leads_to_their_root(case: dict[str, Any]) -> None:
    siblings = [bytes.fromhex(one) for one in case["siblings"]]
    root = folded(bytes.fromhex(case["key"]), end_of(case), siblings)
    assert root.hex() == VECTORS["root"]


def test_a_chain_is_what_the_formats_say() -> None:
    key, leaf = b"k" * 32, b"l" * 32
    first = sha256(b"unbroken/chain/v1\0" + key).digest()
    second = sha256(b"unbroken/step/v1\0" + first + (7).to_bytes(8, "big") + leaf).digest()
    value = sha256(b"unbroken/count/v1\0" + (1).to_bytes(8, "big") + second).digest()
    assert chain_start(key) == first
    assert chain_head(first, [(7, leaf)]) == second
    assert chain_value(1, second) == value == value_of(key, [(7, leaf)])
    assert map_leaf(key, value) == sha256(b"\0" + key + value).digest()


def fact_of(kind: Kind, party: bytes = Z, **payload: Any) -> FactEntry:  # noqa: ANN401
    return FactEntry(kind=kind, time_ms=1, signer=REGISTRAR, party=party, payload=payload)


FACTS = [
    (party_added(1, REGISTRAR, PARTY_PATH, "Maker"), (PARTY,)),
    (fact_of(Kind.PARTY, PARTY, fact="suspend"), (PARTY,)),
    (key_added(1, REGISTRAR, PARTY, ADDRESS, bytes(65)), (PARTY, key_key(ADDRESS))),
    (fact_of(Kind.KEY, PARTY, fact="revoke", address=ADDRESS.hex()), (PARTY, key_key(ADDRESS))),
    (fact_of(Kind.REGISTRAR, registrar=ADDRESS.hex()), ()),
    (fact_of(Kind.TOMBSTONE, index=3, legal_basis="GDPR article 17"), ()),
    (fact_of(Kind.FINDING_ACT, PARTY, index=3), ()),
    (clock(1, REGISTRAR), ()),
]


@pytest.mark.parametrize(
    ("fact", "keys"), FACTS, ids=[f"{i}-{fact.kind.name}" for i, (fact, _) in enumerate(FACTS)]
)
def test_a_fact_gives_the_keys_of_map_function_1(fact: FactEntry, keys: tuple[bytes]) -> None:
    assert fact_keys(fact) == keys


def test_only_a_tombstone_names_an_erased_entry() -> None:
    erased = {fact.kind: erased_index(fact) for fact, _ in FACTS}
    assert {kind for kind, index in erased.items() if index is not None} == {Kind.TOMBSTONE}
    assert erased[Kind.TOMBSTONE] == 3


def test_a_key_fact_without_an_address_gives_no_keys() -> None:
    with pytest.raises(MalformedError):
        fact_keys(fact_of(Kind.KEY, PARTY))


def number_key(number: int) -> bytes:
    return sha256(b"%d" % number).digest()


def pages_of(keys: Collection[bytes]) -> tuple[dict[bytes, bytes], bytes]:
    """A map with one step for each key, integrated at once."""
    changes = update_pages({}, {key: [(1, bytes(32))] for key in keys}, Z)
    return changes.pages, changes.root


def test_a_bucket_becomes_a_tile_when_it_is_full() -> None:
    alike = [b"\x12\x34" + number_key(i)[2:] for i in range(BUCKET_KEYS + 1)]
    pages, _ = pages_of(alike[:-1])
    assert set(pages) == {ROOT, b"\1"}
    pages, _ = pages_of(alike)
    # Two bytes alike are four nibbles of tiles, each with one slot.
    tiles = {prefix for prefix, page in pages.items() if is_tile(page)}
    assert tiles == {ROOT, b"\1", b"\1\2", b"\1\2\3", b"\1\2\3\4"}
    assert sum(len(bucket_entries(p)) for k, p in pages.items() if k not in tiles) == len(alike)


def test_keys_that_differ_in_their_last_bit_only_still_have_paths() -> None:
    low, high = bytes(32), bytes(31) + b"\1"
    others = [bytes(31) + bytes([i]) for i in range(2, 2 + BUCKET_KEYS)]
    pages, root = pages_of([low, high, *others])
    values = {key: value_of(key, [(1, bytes(32))]) for key in [low, high, *others]}
    assert root == map_root(values)
    proof = path_of(pages, low, root)
    assert len(proof.siblings) == 256
    assert proof == map_proof(values, low)


def test_an_empty_map_has_the_root_that_says_no_map() -> None:
    assert map_root({}) == Z
    assert update_pages({}, {}, Z).root == Z
    assert path_of({}, number_key(1), Z) == map_proof({}, number_key(1)) == ((), None)


def test_a_bent_page_serves_no_path() -> None:
    keys = [number_key(i) for i in range(100)]
    pages, root = pages_of(keys)
    victim = next(prefix for prefix, page in pages.items() if not is_tile(page) and prefix)
    key = bucket_entries(pages[victim])[0][:32]
    bent = {**pages, victim: pages[victim][:-1] + bytes([pages[victim][-1] ^ 1])}
    missing = {prefix: page for prefix, page in pages.items() if prefix != victim}
    assert path_of(load_for_paths(lambda _: pages, [key]), key, root)
    for damaged in (bent, missing):
        with pytest.raises(InvariantError, match="another root"):
            path_of(damaged, key, root)


def bent_at(page: bytes, place: int) -> bytes:
    return page[:place] + bytes([page[place] ^ 1]) + page[place + 1 :]


def prefix_of(key: bytes, depth: int) -> bytes:
    return bytes(nibble(key, at) for at in range(depth))


def ways_to_damage(pages: dict[bytes, bytes], key: bytes) -> dict[str, dict[bytes, bytes]]:
    """What can be lost or altered of the pages on the path of a key that the map has."""
    path = [one for one in pages if is_tile(pages[one]) and one == prefix_of(key, len(one))]
    bucket = next(one for one in pages if key in pages[one])
    tile = max(path, key=len)
    at = pages[bucket].index(key)
    damaged = {
        "the bucket is lost": {k: v for k, v in pages.items() if k != bucket},
        "a tile is lost": {k: v for k, v in pages.items() if k != tile},
        "the root is lost": {k: v for k, v in pages.items() if k != ROOT},
        "an entry is lost": pages | {bucket: pages[bucket][:at] + pages[bucket][at + 104 :]},
        "an entry is cut short": pages | {bucket: pages[bucket][:-1]},
    }
    parts = {"key": 31, "count": 39, "head": 40, "leaf": 72}
    for name, place in parts.items():
        damaged[f"the {name} is bent"] = pages | {bucket: bent_at(pages[bucket], at + place)}
    for one in (tile, ROOT):
        damaged[f"tile {one.hex()} is bent"] = pages | {one: bent_at(pages[one], 40)}
    return damaged


ALIKE = [b"\x12" + number_key(i)[1:] for i in range(BUCKET_KEYS + 9)]
MAPPED = [*ALIKE, *map(number_key, range(200))]
DAMAGE = ways_to_damage(pages_of(MAPPED)[0], ALIKE[3])


@pytest.mark.parametrize("what", DAMAGE)
def test_nothing_is_taken_into_damaged_pages(what: str) -> None:
    """A row of the store lost or altered before an integration must not reach a signed root."""
    pages, root = pages_of(MAPPED)
    step = {ALIKE[3]: [(9, bytes(32))]}
    assert update_pages(pages, step, root).new_keys == 0
    with pytest.raises(InvariantError, match="run unbroken fsck"):
        update_pages(load_pages(lambda asked: reading(DAMAGE[what], asked), step), step, root)


def reading(pages: dict[bytes, bytes], asked: Collection[bytes]) -> dict[bytes, bytes]:
    return {one: pages[one] for one in asked if one in pages}


def test_nothing_is_taken_into_the_pages_of_another_map() -> None:
    pages, root = pages_of(MAPPED)
    _, other = pages_of(MAPPED[1:])
    assert other != root
    with pytest.raises(InvariantError, match="page root"):
        update_pages(pages, {ALIKE[3]: [(9, bytes(32))]}, other)
