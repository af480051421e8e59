"""Incoming: how a party came by its items, as far as the log tells (docs/spec/tokens.md).

A client fills in tokens by it: by what the party itself signed about an item, and by the handoff
with which a previous owner gave it, which may name the container it came in.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ledger.core.commitment import ROLE_CHILD, ROLE_PARENT
from ledger.core.custody.steps import MAX_NESTING
from ledger.core.entries import FLAG_UNPACK_ALL, Op
from ledger.core.tokens import voided_by
from ledger.service.token_ports import ItemEntry, TokenStore

# An event names at most so many items that a token is asked for; a document may ask again.
MAX_ITEMS = 20_000
# Own entries told of one item: who did more with it has a journal, or makes no claim.
MAX_OWN = 64
# Stays in containers that are followed per item. Attack: packed in circles, or a thousand times.
MAX_STAYS = 64
Moment = tuple[int, int]
_FIRST: Moment = (-1, -1)
_LAST: Moment = (1 << 64, 1 << 64)


@dataclass(frozen=True, slots=True)
class Known:
    """What the log tells a party of one item.

    `own` are its own entries, by index; `received` is the last standing handoff to it by somebody
    else, of the item or of the container it came in.
    """

    own: Sequence[ItemEntry]
    received: ItemEntry | None


@dataclass(slots=True)
class Incoming:
    """Answers what a client's journal asks."""

    store: TokenStore

    def known(self, party: bytes, keys: Sequence[bytes]) -> list[Known]:
        """Return what the log tells party of each item, in the order of keys.

        Cost: a query for each level of containers, whatever the number of items.
        """
        entries = self._with_containers(keys)
        ground = _Ground(party, entries)
        return [ground.known(key) for key in keys]

    def _with_containers(self, keys: Sequence[bytes]) -> dict[bytes, list[ItemEntry]]:
        found: dict[bytes, list[ItemEntry]] = {}
        wanted = set(keys)
        for _ in range(MAX_NESTING + 1):
            if not wanted:
                break
            told = self.store.item_entries(wanted)
            found |= {key: told.get(key, []) for key in wanted}
            above = {one for key in wanted for entry in found[key] for one in _packed_in(entry)}
            wanted = above - found.keys()
        return found


@dataclass(slots=True)
class _Ground:
    """The entries about the asked items and their containers, by item; what is told of each."""

    party: bytes
    entries: Mapping[bytes, list[ItemEntry]]
    _voided: dict[tuple[bytes, bytes], set[bytes]] = field(default_factory=dict)
    _emptied: dict[bytes, list[Moment]] = field(default_factory=dict)

    def known(self, key: bytes) -> Known:
        own = {one.index: one for one in self.entries[key] if one.entry.party == self.party}
        received = None
        for holder, one in self._seen(key):
            if one.entry.op is Op.RECEIVE and one.entry.party == self.party:
                own.setdefault(one.index, one)
            elif self._is_gift(holder, one) and (received is None or received.index < one.index):
                received = one
        ordered = [own[index] for index in sorted(own)]
        return Known(ordered if len(own) <= MAX_OWN else (), received)

    def _is_gift(self, holder: bytes, one: ItemEntry) -> bool:
        entry = one.entry
        return (
            entry.op is Op.HANDOFF
            and entry.to_owner == self.party
            and entry.party != self.party
            and one.leaf_hash not in self._taken_back(holder, entry.party)
        )

    def _seen(self, key: bytes) -> Iterator[tuple[bytes, ItemEntry]]:
        """Yield the entries of an item, and of each container while the item was in it."""
        windows: dict[bytes, list[tuple[Moment, Moment]]] = {}
        queue = deque([(key, _FIRST, _LAST)])
        visits = 0
        while queue and visits < MAX_STAYS:
            holder, low, high = queue.popleft()
            if any(low >= a and high <= b for a, b in windows.get(holder, ())):
                continue
            visits += 1
            windows.setdefault(holder, []).append((low, high))
            for one in self.entries.get(holder, ()):
                if low <= _moment(one) <= high:
                    yield holder, one
            for parent, start, end in self._stays(holder):
                if max(low, start) <= min(high, end):
                    queue.append((parent, max(low, start), min(high, end)))

    def _stays(self, key: bytes) -> Iterator[tuple[bytes, Moment, Moment]]:
        """Yield (container, from, to): to the UNPACK of key, or of everything in the container."""
        own = self.entries.get(key, ())
        out = [_moment(one) for one in own if one.role == ROLE_CHILD and one.entry.op is Op.UNPACK]
        for pack in own:
            for parent in _packed_in(pack):
                start = _moment(pack)
                ends = [end for end in (*out, *self._empty(parent)) if end > start]
                yield parent, start, min(ends, default=_LAST)

    def _empty(self, parent: bytes) -> list[Moment]:
        if parent not in self._emptied:
            self._emptied[parent] = [
                _moment(one)
                for one in self.entries.get(parent, ())
                if one.entry.op is Op.UNPACK
                and one.role == ROLE_PARENT
                and one.entry.flags & FLAG_UNPACK_ALL
                and not one.lists_children
            ]
        return self._emptied[parent]

    def _taken_back(self, key: bytes, party: bytes) -> set[bytes]:
        """Return the leaf hashes of a party's handoffs of an item that it voided itself."""
        if (key, party) not in self._voided:
            standing: list[ItemEntry] = []
            voided: set[bytes] = set()
            for one in self.entries.get(key, ()):
                if one.entry.party != party:
                    continue
                if one.entry.op is Op.HANDOFF:
                    standing.append(one)
                elif one.entry.op is Op.VOID and (found := voided_by(one.entry, standing)):
                    standing.remove(found)
                    voided.add(found.leaf_hash)
            self._voided[key, party] = voided
        return self._voided[key, party]


def _packed_in(one: ItemEntry) -> tuple[bytes, ...]:
    return one.parents if one.role == ROLE_CHILD and one.entry.op is Op.PACK else ()


def _moment(one: ItemEntry) -> Moment:
    return (one.entry.time_ms, one.index)
