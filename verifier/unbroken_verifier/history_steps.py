"""Steps about completeness: chains against the item map, scope, absence.

The map of a head holds, for each key, how many entries name it and a hash over all of them. An
entry left out, put in, swapped or taken from another chain gives another value.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TypeAlias

from unbroken_verifier.bundle import Proof
from unbroken_verifier.case import Case, at, listed
from unbroken_verifier.eip712 import Z32
from unbroken_verifier.entry import KeyFact, Tombstone, decode_event
from unbroken_verifier.errors import RefusedError
from unbroken_verifier.event import CHILD, PARENT
from unbroken_verifier.identifiers import item_key, key_key, verify_item_path
from unbroken_verifier.item_map import chain_value, verify_absence, verify_membership
from unbroken_verifier.operation import Op
from unbroken_verifier.parts import Chain
from unbroken_verifier.scope import Act, Outside, verify_scope
from unbroken_verifier.tree import leaf_hash

Keys: TypeAlias = AbstractSet[bytes]
NONE: Keys = frozenset()


def chains(case: Case) -> str:
    """Chains are exactly those needed, complete by the map, and name what the file shows."""
    proof = case.proof
    things = _things(proof)
    wanted = {key: name for name, key in things.items()}
    for event in proof.events:
        party, signer = event.entry[36:68], event.entry[16:36]
        wanted[party] = f"party {party.hex()}"
        wanted[key_key(signer)] = f"key 0x{signer.hex()}"
    given = {chain.key for chain in proof.chains}
    if missing := wanted.keys() - given:
        raise RefusedError(f"there is no chain of {min(wanted[key] for key in missing)}")
    if unknown := given - wanted.keys():
        raise RefusedError(f"the chain of key {min(unknown).hex()} belongs to nothing in the file")
    leaves = _leaves(proof)
    for chain in proof.chains:
        with at(f"the chain of {wanted[chain.key]}"):
            _verify_chain(chain, leaves, proof)
    named = _named(proof.chains)
    _verify_shown(case, named, frozenset(things.values()))
    _verify_hidden(proof, named, frozenset(things.values()))
    steps = sum(len(chain.indexes) for chain in proof.chains)
    root = proof.head.map_root.hex()
    return f"{len(given)} chains of {steps} entries, each complete by map root {root}"


def scope(case: Case) -> str:
    """Every event belongs to the item's history; what is outside of it is outside."""
    proof = case.proof
    acts = [
        Act(
            when=(decoded.time, event.index),
            op=decoded.op,
            flags=decoded.flags,
            named=frozenset((item.role, item.item) for item in event.items),
        )
        for event, decoded in case.pairs
    ]
    named = _named(proof.chains)
    paths = {item_key(path): path for path in proof.containers}
    outside = []
    for sketch in proof.outside:
        with at(f"outside entry {sketch.index}"):
            entry = decode_event(sketch.entry)
            containers = frozenset(paths[key] for key in named[sketch.index])
        when = (entry.time, sketch.index)
        outside.append(Outside(when=when, op=entry.op, containers=containers))
    verify_scope(proof.item, proof.containers, acts, outside)
    return (
        f"{len(acts)} events name the item, a container while the item is in it, or a packing; "
        f"{len(outside)} entries of containers are outside"
    )


def complete(case: Case) -> str:
    """What is complete, and what is undisclosed or erased."""
    proof = case.proof
    blinded = {one.index for one in proof.blinded}
    lengths = {chain.key: chain.indexes for chain in proof.chains}
    own = lengths[item_key(proof.item)]
    told = [f"all {len(own)} entries that name the item {proof.item}, up to size {proof.head.size}"]
    if hidden := [index for index in own if index in blinded]:
        told.append(f"undisclosed but counted at index {listed(hidden)}")
        case.remarks.append(
            f"what the undisclosed entries at index {listed(hidden)} say: they are counted only, "
            "and one that packs or unpacks would change what the item was in"
        )
    unseen = _unseen_parents(case)
    for container in proof.containers:
        indexes = lengths[item_key(container)]
        told.append(f"all {len(indexes)} of container {container}")
        unseen += [index for index in indexes if index in blinded and index not in own]
    if unseen := sorted(set(unseen)):
        where = f"container at index {listed(unseen)} undisclosed"
        told.append(f"complete for the item's own chain; {where}")
        case.remarks.append(f"the item's time in containers: {where}")
    erased = [f"{event.index} ({case.registry.erased[event.index]})"
              for event in proof.events if event.index in case.registry.erased]  # fmt: skip
    if erased:
        told.append(f"erased on legal grounds: {'; '.join(erased[:10])}")
    return "; ".join(told)


def absence(case: Case) -> str:
    """The map of the head holds nothing for the item."""
    proof = case.proof
    verify_item_path(proof.item)
    root, key = proof.head.map_root, item_key(proof.item)
    verify_absence(root, key, proof.siblings, proof.terminal)
    return f"none of the {proof.head.size} entries names {proof.item}"


def _things(proof: Proof) -> dict[str, bytes]:
    """Item and containers, by the words for them."""
    if not proof.item:
        return {}
    things = {f"container {path}": item_key(path) for path in proof.containers}
    return {f"item {proof.item}": item_key(proof.item), **things}


def _leaves(proof: Proof) -> dict[int, bytes]:
    shown = {one.index: leaf_hash(one.entry) for one in proof.facts + proof.events + proof.outside}
    return shown | {one.index: one.leaf_hash for one in proof.blinded}


def _named(chains: Sequence[Chain]) -> dict[int, Keys]:
    """Log index to the keys of the file that the entry there names, by the chains."""
    named: dict[int, set[bytes]] = {}
    for chain in chains:
        for index in chain.indexes:
            named.setdefault(index, set()).add(chain.key)
    return {index: frozenset(keys) for index, keys in named.items()}


def _verify_chain(chain: Chain, leaves: Mapping[int, bytes], proof: Proof) -> None:
    steps = []
    for index in chain.indexes:
        if index not in leaves:
            raise RefusedError(f"index {index} is nowhere in the file")
        steps.append((index, leaves[index]))
    if chain.indexes[-1] >= proof.head.size:
        raise RefusedError(f"index {chain.indexes[-1]} is beyond the head")
    value = chain_value(chain.key, steps)
    verify_membership(proof.head.map_root, chain.key, value, chain.siblings)


def _verify_shown(case: Case, named: Mapping[int, Keys], things: Keys) -> None:
    """What an entry names is what the chains say that it names.

    Raises:
        RefusedError: an entry lacks in a chain, or is in one whose key it does not show.
    """
    proof = case.proof
    shown = {proof.facts[0].index: NONE}
    for event in proof.events:
        shown[event.index] = frozenset(item_key(item.item) for item in event.items) & things
    known = frozenset(chain.key for chain in proof.chains)
    for proved, (header, fact) in zip(proof.facts[1:], case.facts, strict=True):
        if isinstance(fact, Tombstone):
            shown[proved.index] = _erased_keys(fact, named, things)
        elif isinstance(fact, KeyFact):
            shown[proved.index] = {header.party} | ({key_key(fact.address)} & known)
        else:
            shown[proved.index] = {header.party} - {Z32}
    for index, keys in shown.items():
        if keys != named.get(index, NONE):
            raise RefusedError(f"index {index} is not in the chains of exactly what it names")


def _verify_hidden(proof: Proof, named: Mapping[int, Keys], things: Keys) -> None:
    """Sketches are in chains of containers only, blinded entries not in those of keys or parties.

    Attack: a revocation counted as an undisclosed entry of its key.
    """
    containers = things - {item_key(proof.item)}
    for counted, allowed in ((proof.outside, containers), (proof.blinded, things)):
        for one in counted:
            if not NONE < named.get(one.index, NONE) <= allowed:
                raise RefusedError(f"index {one.index} may not be hidden: its chains show it")


def _erased_keys(fact: Tombstone, named: Mapping[int, Keys], things: Keys) -> Keys:
    keys = named.get(fact.index, NONE)
    if not NONE < keys <= things:
        raise RefusedError(f"a tombstone names index {fact.index}, no entry of the item")
    return keys


def _unseen_parents(case: Case) -> list[int]:
    """Indexes of PACK entries that show a child of the bundle, but not in what."""
    unseen = []
    for event, decoded in case.pairs:
        roles = {item.role for item in event.items}
        hidden = decoded.item_count > len(event.items)
        if decoded.op == Op.PACK and CHILD in roles and PARENT not in roles and hidden:
            unseen.append(event.index)
    return unseen
