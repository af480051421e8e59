"""Evidence that a signed map lacks an entry of its log (evidence.md), made from two files.

Readers here are the sender's side: what they let by, the verifier judges anew.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ledger.core.errors import MalformedError, ProofError
from ledger.core.evidence_files import FORMAT, OMISSION, Members, SignedHead, read_head
from ledger.core.identifiers import item_key
from ledger.core.jcs import canonical_json
from ledger.core.merkle import ReadNode, inclusion_proof, leaf_hash, verify_inclusion
from ledger.core.strict_json import JsonValue, parse_json

_FIELD = "omission"
# What of an item row belongs to the evidence, which names the item once.
_ROW = frozenset(["index", "salt", "role", "spends", "path"])
# Lists of a bundle whose elements are in chains.
_SHOWN = ("facts", "events", "outside")


@dataclass(frozen=True, slots=True)
class _Short:
    """A history, or the proof that there is none: what its head's map says of an item."""

    item: str
    members: Members
    chain: dict[int, bytes]

    def map_path(self) -> Members:
        """Return siblings, and the leaf at their end where the map has none of the item."""
        source = self.members
        if self.chain:
            source = _chain_of(self.item, self.members)
        return {name: source[name] for name in ("siblings", "terminal") if name in source}


def omission(shows: bytes, lacks: bytes, tree_at: Callable[[int], ReadNode]) -> bytes:
    """Return the file that convicts who signed the head of `lacks`.

    Args:
        shows: A file that shows an entry with its row of the item: a disclosure or a bundle.
        lacks: The bundle of the item, or the proof of its absence, that does not have it.
        tree_at: Returns the node reader of the log's tree at a size, as it is served now; asked
            only where the two files have different heads.

    Raises:
        MalformedError: They are other files, of two logs, or nothing is left out.
        ProofError: The entry is not in the tree of the head: that is a fork, no omission.
    """
    (log_id, shown_at), (other, head) = read_head(shows), read_head(lacks)
    if log_id != other:
        raise MalformedError(_FIELD, f"is of one log, here {log_id.hex()}", other.hex())
    try:
        short = _short(_members(lacks))
        event, row = _left_out(_members(shows), short, head.size)
        omitted: Members = {
            "index": event["index"], "entry": event["entry"],
            "inclusion": _inclusion(event, shown_at, head, tree_at),
            "row": {name: one for name, one in row.items() if name in _ROW},
        }  # fmt: skip
        return canonical_json(
            {
                "format": FORMAT,
                "kind": OMISSION,
                "item": short.item,
                "head": head.members(),
                "facts": [_list(short.members["facts"])[0]],
                "omitted": omitted,
                "chain": [
                    {"index": index, "leaf_hash": leaf.hex()}
                    for index, leaf in sorted(short.chain.items())
                ],
                **short.map_path(),
            }
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        rule = "is made from a file that shows the entry and one of the item that lacks it"
        raise MalformedError(_FIELD, f"{rule} ({error!r})") from error


def _short(members: Members) -> _Short:
    item = str(members["item"])
    if "siblings" in members:
        return _Short(item, members, {})
    leaves = {
        _index(one): leaf_hash(_entry(one))
        for name in _SHOWN
        for one in _objects(members.get(name, []))
    }
    hidden = _objects(members.get("blinded", []))
    known = leaves | {_index(one): bytes.fromhex(str(one["leaf_hash"])) for one in hidden}
    indexes = _list(_chain_of(item, members)["indexes"])
    return _Short(item, members, {index: known[index] for index in map(_number, indexes)})


def _left_out(members: Members, short: _Short, size: int) -> tuple[Members, Members]:
    """Return the first entry, with its row of the item, that the chain lacks."""
    for event in _objects(members["events"]):
        index = _index(event)
        if index >= size or short.chain.get(index) == leaf_hash(_entry(event)):
            continue
        for row in _objects(event["items"]):
            if row["item"] == short.item:
                return event, row
    rule = f"shows an entry below {size} that names {short.item} and that its history lacks"
    raise MalformedError(_FIELD, rule)


def _inclusion(
    event: Members, shown_at: SignedHead, head: SignedHead, tree_at: Callable[[int], ReadNode]
) -> JsonValue:
    if (shown_at.size, shown_at.root) == (head.size, head.root):
        return event["inclusion"]
    index = _index(event)
    path = inclusion_proof(index, head.size, tree_at(head.size))
    try:
        leaf = leaf_hash(_entry(event))
        verify_inclusion(index=index, size=head.size, leaf=leaf, proof=path, root=head.root)
    except ProofError as error:
        raise ProofError(
            f"entry {index} is not in the tree of {head.size} that this ledger serves: compare"
            " the two heads, which may be a fork"
        ) from error
    return [node.hex() for node in path]


def _chain_of(item: str, members: Members) -> Members:
    key = item_key(item).hex()
    for one in _objects(members["chains"]):
        if one["key"] == key:
            return one
    raise KeyError(key)


def _members(raw: bytes) -> Members:
    return _object(parse_json(raw))


def _objects(value: JsonValue) -> Iterator[Members]:
    return map(_object, _list(value))


def _object(value: JsonValue) -> Members:
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return value


def _list(value: JsonValue) -> list[JsonValue]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


def _number(value: JsonValue) -> int:
    if not isinstance(value, int):
        raise TypeError("not a number")
    return value


def _index(one: Members) -> int:
    return _number(one["index"])


def _entry(one: Members) -> bytes:
    return bytes.fromhex(str(one["entry"]))
