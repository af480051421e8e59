"""Steps of an omission (docs/spec/evidence.md): a signed map lacks an entry of its own log.

Before them run those of a bundle about genesis, head and inclusion.
"""

from unbroken_verifier.case import Case
from unbroken_verifier.entry import decode_event
from unbroken_verifier.errors import RefusedError
from unbroken_verifier.event import item_row_bytes
from unbroken_verifier.evidence import Omitted
from unbroken_verifier.identifiers import item_key, verify_item_path
from unbroken_verifier.item_map import chain_value, verify_absence, verify_membership
from unbroken_verifier.tree import leaf_hash, verify_inclusion


def entry(case: Case) -> str:
    """What is left out is an event entry, and stands in the head's tree."""
    omitted, head = _omitted(case), case.proof.head
    case.entries.append(decode_event(omitted.entry))
    leaf = leaf_hash(omitted.entry)
    verify_inclusion(leaf, omitted.index, head.size, omitted.inclusion, head.root)
    return f"the event entry at index {omitted.index} is in the tree of {head.size}"


def items(case: Case) -> str:
    """The entry names the item."""
    omitted, item, (decoded,) = _omitted(case), case.proof.item, case.entries
    verify_item_path(item)
    row = item_row_bytes(omitted.salt, omitted.role, item_key(item), omitted.spends)
    verify_inclusion(
        leaf_hash(row),
        omitted.row_index,
        decoded.item_count,
        omitted.row_path,
        decoded.items_root,
    )
    return f"it names {item}"


def omission(case: Case) -> str:
    """The map that was signed with the tree has a chain of the item without the entry."""
    omitted, proof = _omitted(case), case.proof
    key, root = item_key(proof.item), proof.head.map_root
    steps = [(step.index, step.leaf_hash) for step in omitted.chain]
    if (omitted.index, leaf_hash(omitted.entry)) in steps:
        raise RefusedError("the chain has the entry")
    if steps:
        verify_membership(root, key, chain_value(key, steps), proof.siblings)
    else:
        verify_absence(root, key, proof.siblings, proof.terminal)
    return (
        f"key 0x{case.genesis.head_signer.hex()} signed a map of size {proof.head.size} that has "
        f"{len(steps)} entries of {proof.item} and lacks the one at index {omitted.index}"
    )


def _omitted(case: Case) -> Omitted:
    if case.evidence.omitted is None:
        raise RefusedError("omits nothing")
    return case.evidence.omitted
