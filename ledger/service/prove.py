"""Prove: the evidence bundle of one item (docs/spec/bundle.md)."""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

from ledger.core.commitment import (
    ItemName,
    Row,
    derive_items_secret,
    event_rows,
    item_names,
    item_rows,
    item_salt,
    row_data,
    row_salt,
)
from ledger.core.entries import FLAG_UNPACK_ALL, Op, Z, decode_event
from ledger.core.errors import InvariantError, MalformedError, NotAnchoredError, NotFoundError
from ledger.core.events import Event
from ledger.core.identifiers import canonical_path, item_key
from ledger.core.jcs import canonical_json
from ledger.core.merkle import Levels, ReadNode, inclusion_proof, leaf_hash
from ledger.core.strict_json import parse_json
from ledger.core.tiles import TileReader
from ledger.service.ports import Head
from ledger.service.proof_ports import ChainLink, EventBody, ProofRow, ProofStore
from ledger.service.vault import Vault

FORMAT = "unbroken/bundle/v1"
MEDIA_TYPE = "application/vnd.unbroken.bundle+json"
# docs/spec/bundle.md: a verifier takes no more.
MAX_CONTAINERS = 64
_NAMING_LISTS = {
    "epcList": 0, "childEPCs": 2, "inputEPCList": 3, "outputEPCList": 4,
    "quantityList": 5, "childQuantityList": 5, "inputQuantityList": 5, "outputQuantityList": 5,
}  # fmt: skip
_CHILD, _PARENT = 2, 1
Moment = tuple[int, int]
_FIRST: Moment = (-1, -1)
_LAST: Moment = (1 << 64, 1 << 64)


@dataclass(slots=True)
class _Scope:
    """What goes into a bundle: entries by index, the item and its containers while they hold it."""

    indexes: set[int] = field(default_factory=set)
    windows: dict[bytes, list[tuple[Moment, Moment]]] = field(default_factory=dict)

    def has(self, key: bytes, low: Moment, high: Moment) -> bool:
        """Tell whether everything about key from low to high is in already."""
        return any(start <= low and high <= end for start, end in self.windows.get(key, ()))


@dataclass(slots=True)
class Prover:
    """Makes bundles at the greatest finally anchored head."""

    store: ProofStore
    vault: Vault
    tiles: TileReader

    def prove(self, identifier: str) -> bytes:
        """Return the bundle of an item, given in any spelling, its canonical path included.

        Raises:
            MalformedError: The identifier claims a GS1 form and breaks it.
            NotFoundError: No entry names the item.
            NotAnchoredError: Entries name it, but no final anchor covers one.
        """
        if identifier.startswith("/"):
            identifier = f"https://id.gs1.org{identifier}"
        path = canonical_path(identifier.removeprefix("uri:"))
        key = item_key(path)
        head = self.store.final_head()
        links = self.store.chain_links(key, head.size) if head else []
        if head is None or not links:
            if self.store.item_known(key):
                raise NotAnchoredError(f"{path} is in the log, but no final anchor covers it yet")
            raise NotFoundError(f"no entry of the log names {path}")
        return canonical_json(self._bundle(path, head, self._collect(key, head.size)))

    def _collect(self, item: bytes, size: int) -> _Scope:
        """Take up an item's entries, and its containers' while they hold it (bundle.md, step 10).

        Attack: containers packed in circles. A container's times only shrink on the way up, so
        what is in already ends it; nested stays come largest first.
        """
        links = lru_cache(maxsize=None)(lambda key: self.store.chain_links(key, size))
        stays = lru_cache(maxsize=None)(lambda key: _stays(key, links))
        scope = _Scope()
        queue = deque([(item, _FIRST, _LAST)])
        while queue:
            key, low, high = queue.popleft()
            if scope.has(key, low, high):
                continue
            scope.windows.setdefault(key, []).append((low, high))
            scope.indexes |= {link.index for link in links(key) if low <= _moment(link) <= high}
            for stay in stays(key):
                start, end = max(low, stay.start), min(high, stay.end)
                if start <= end:
                    scope.indexes.add(stay.pack)
                    queue.append((stay.parent, start, end))
        return scope

    def _bundle(self, path: str, head: Head, scope: _Scope) -> dict[str, Any]:
        rows = self.store.proof_rows(scope.indexes)
        bodies = self.store.event_bodies(scope.indexes)
        read = self.tiles.at(head.size)
        parties = {decode_event(row.entry).party for row in rows}
        names: set[str] = set()
        events = []
        for row in rows:
            event = _proved(row, read, head.size)
            event |= self._disclosed(row, bodies[row.index], scope.windows.keys(), names)
            events.append(event)
        facts = self.store.fact_rows(parties, head.size)
        bundle: dict[str, Any] = {
            "format": FORMAT,
            "item": path,
            "head": _head(head),
            "facts": [_proved(row, read, head.size) for row in facts],
            "events": events,
        }
        if containers := sorted(names - {path}):
            if len(containers) > MAX_CONTAINERS:
                raise MalformedError("item", f"was in at most {MAX_CONTAINERS} containers", path)
            bundle["containers"] = containers
        return bundle

    def _disclosed(
        self, row: ProofRow, body: EventBody, keys: Collection[bytes], names: set[str]
    ) -> dict[str, Any]:
        event = parse_json(body.content)
        if not isinstance(event, dict):
            raise InvariantError(f"event {row.index} is stored as something else")
        secret = self.vault.open(body.sealed_secret, body.event_digest)
        items = item_names(event)
        names |= {item.path for item in items if item.item_key in keys}
        return {
            "rows": _event_part(event, secret, keys),
            "items": _item_part(items, secret, body.spends, keys),
        }


class _Stay(NamedTuple):
    """One stay of an item in a container, and the PACK that begins it."""

    parent: bytes
    start: Moment
    end: Moment
    pack: int


def _moment(link: ChainLink) -> Moment:
    return (link.time_ms, link.index)


def _stays(key: bytes, links: Callable[[bytes], list[ChainLink]]) -> list[_Stay]:
    """Return every stay of key, in order: to the first UNPACK of key or unpack-all of its parent.

    The entries that end one are in scope while the container is, or nothing depends on them.
    """
    own = [link for link in links(key) if (key, _CHILD) in link.items]
    taken_out = sorted(_moment(link) for link in own if link.op == Op.UNPACK)
    emptied = lru_cache(maxsize=None)(lambda parent: _emptied(parent, links(parent)))
    stays = []
    for pack in own:
        for parent in _parents(pack) if pack.op == Op.PACK else ():
            start = _moment(pack)
            end = min(_first_after(start, taken_out), _first_after(start, emptied(parent)))
            stays.append(_Stay(parent, start, end, pack.index))
    return sorted(stays, key=attrgetter("start"))


def _emptied(parent: bytes, links: Iterable[ChainLink]) -> list[Moment]:
    unpacked = (link for link in links if link.op == Op.UNPACK and link.flags & FLAG_UNPACK_ALL)
    return sorted(_moment(link) for link in unpacked if parent in _parents(link))


def _parents(link: ChainLink) -> list[bytes]:
    return [item for item, role in link.items if role == _PARENT]


def _first_after(start: Moment, moments: Sequence[Moment]) -> Moment:
    place = bisect_right(moments, start)
    return moments[place] if place < len(moments) else _LAST


def _head(head: Head) -> dict[str, Any]:
    shown = {"size": head.size, "root": head.root.hex(), "signature": head.signature.hex()}
    return shown if head.map_root == Z else {**shown, "map_root": head.map_root.hex()}


def _proved(row: ProofRow, read: ReadNode, size: int) -> dict[str, Any]:
    submission: dict[str, Any] = {
        "count": row.count,
        "position": row.position,
        "path": [row.path[i : i + 32].hex() for i in range(0, len(row.path), 32)],
        "issued_at": row.issued_ms,
        "signature": row.signature.hex(),
    }
    if row.doc_hash != Z:
        submission["doc_hash"] = row.doc_hash.hex()
    return {
        "index": row.index,
        "entry": row.entry.hex(),
        "inclusion": [node.hex() for node in inclusion_proof(row.index, size, read)],
        "submission": submission,
    }


def _tree(data: Iterable[bytes]) -> Levels:
    tree = Levels()
    tree.extend([leaf_hash(one) for one in data])
    return tree


def _event_part(event: Event, secret: bytes, keys: Collection[bytes]) -> list[dict[str, Any]]:
    rows = event_rows(event)
    tree = _tree(row_data(rows, secret))
    return [
        {
            "index": i,
            "salt": row_salt(secret, i).hex(),
            "pointer": row.pointer,
            "value": row.value.decode(),
            "path": [node.hex() for node in tree.inclusion_proof(i)],
        }
        for i, row in enumerate(rows)
        if _is_disclosed(row, keys)
    ]


def _is_disclosed(row: Row, keys: Collection[bytes]) -> bool:
    """Tell whether a row names no item, or one of keys."""
    member = row.pointer.split("/")[1]
    if row.pointer != "/parentID" and (member not in _NAMING_LISTS or row.pointer.count("/") == 1):
        return True
    value = parse_json(row.value)
    identifier = value.get("epcClass") if isinstance(value, dict) else value
    return item_key(canonical_path(str(identifier))) in keys


def _item_part(
    items: list[ItemName], secret: bytes, spends: Mapping[int, bytes], keys: Collection[bytes]
) -> list[dict[str, Any]]:
    items_secret = derive_items_secret(secret)
    tree = _tree(item_rows(items, items_secret, spends))
    part = []
    for i, item in enumerate(items):
        if item.item_key not in keys:
            continue
        shown: dict[str, Any] = {
            "index": i,
            "salt": item_salt(items_secret, i).hex(),
            "role": item.role,
            "item": item.path,
            "path": [node.hex() for node in tree.inclusion_proof(i)],
        }
        if i in spends:
            shown["spends"] = spends[i].hex()
        part.append(shown)
    return part
