"""Incoming: how a party came by its items, as far as the log tells (docs/spec/tokens.md).

A client fills in tokens by it: by what the party itself signed about an item, and by the handoff
with which a previous owner gave it, which may name the container it came in.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ledger.core.commitment import ROLE_CHILD, ROLE_PARENT
from ledger.core.custody.steps import MAX_NESTING
from ledger.core.entries import FLAG_UNPACK_ALL, Op
from ledger.core.tokens import voided_by
from ledger.service.token_ports import ItemEntry, ItemEntryStore

# An event names at most so many items that a token is asked for; a document may ask again.
MAX_ITEMS = 20_000
# Own entries, and handoffs to the party, of one item: who has more to do with it claims nothing.
MAX_OWN = 64
# Stays in containers that are followed per item. Attack: packed into a thousand, or a thousand
# times.
MAX_STAYS = 64
# Entries of one item or container that are read: a pack has tens, a returnable crate hundreds.
MAX_ENTRIES = 2_000
# Entries that are read for one question, some 1 kB each; those of 5,000 items, 50 of each.
MAX_READ = 250_000
Moment = tuple[int, int]
_FIRST: Moment = (-1, -1)
_LAST: Moment = (1 << 64, 1 << 64)


class _TooManyError(Exception):
    """More has to do with an item than is told."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the log tells a party of one item.

    `own` are its own entries, by index; `received` is the last standing handoff to it by somebody
    else, of the item or of the container it came in. `too_many`: there is more than is read, and
    nothing is told; a part would read as "never handed on" where the rest says otherwise.
    """

    own: Sequence[ItemEntry]
    received: ItemEntry | None
    too_many: bool = False


class _Stay(NamedTuple):
    """A time that an item spent in a container, seamless ones together."""

    start: Moment
    end: Moment
    parent: bytes


@dataclass(slots=True)
class Incoming:
    """Answers what a client's journal asks."""

    store: ItemEntryStore

    def known(self, party: bytes, keys: Sequence[bytes]) -> list[Known]:
        """Return what the log tells party of each item, in the order of keys.

        Cost: a query for each level of containers, whatever the number of items; the limits above.
        """
        ground = _Ground(party, self._with_containers(keys))
        told = {key: ground.known(key) for key in dict.fromkeys(keys)}
        return [told[key] for key in keys]

    def _with_containers(self, keys: Sequence[bytes]) -> dict[bytes, list[ItemEntry]]:
        """Return the entries of items and containers; those of which too many are, are absent."""
        found: dict[bytes, list[ItemEntry]] = {}
        asked, wanted, left = set[bytes](), dict.fromkeys(keys), MAX_READ
        for _ in range(MAX_NESTING + 1):
            if not wanted:
                break
            told = self.store.item_entries(wanted, MAX_ENTRIES, left)
            found |= told
            asked |= wanted.keys()
            left -= sum(map(len, told.values()))
            entries = (entry for several in told.values() for entry in several)
            above = dict.fromkeys(one for entry in entries for one in _packed_in(entry))
            wanted = {key: None for key in above if key not in asked}
        return found


@dataclass(slots=True)
class _Ground:
    """The entries about the asked items and their containers, by item; what is told of each.

    What depends on a container alone is computed once for all that was in it.
    """

    party: bytes
    entries: Mapping[bytes, list[ItemEntry]]
    _telling: dict[bytes, tuple[list[Moment], list[ItemEntry]]] = field(default_factory=dict)
    _stayed: dict[bytes, list[_Stay]] = field(default_factory=dict)
    _emptied: dict[bytes, list[Moment]] = field(default_factory=dict)

    def known(self, key: bytes) -> Known:
        try:
            return self._known(key)
        except _TooManyError:
            return Known((), None, too_many=True)

    def _known(self, key: bytes) -> Known:
        own = {one.index: one for one in self._of(key) if one.entry.party == self.party}
        gifts: dict[int, ItemEntry] = {}
        for one in self._seen(key):
            if one.entry.party == self.party:
                own.setdefault(one.index, one)
            else:
                gifts[one.index] = one
            if max(len(own), len(gifts)) > MAX_OWN:
                raise _TooManyError
        if len(own) > MAX_OWN:
            raise _TooManyError
        return Known([own[index] for index in sorted(own)], gifts[max(gifts)] if gifts else None)

    def _of(self, key: bytes) -> list[ItemEntry]:
        if key not in self.entries:
            raise _TooManyError
        return self.entries[key]

    def _seen(self, key: bytes) -> Iterator[ItemEntry]:
        """Yield what tells of an item, and of each container while the item was in it."""
        windows: dict[bytes, list[tuple[Moment, Moment]]] = {}
        queue = deque([(key, _FIRST, _LAST)])
        visits = 0
        while queue:
            holder, low, high = queue.popleft()
            if any(low >= a and high <= b for a, b in windows.get(holder, ())):
                continue
            visits += 1
            windows.setdefault(holder, []).append((low, high))
            moments, telling = self._tells(holder)
            yield from telling[bisect_left(moments, low) : bisect_right(moments, high)]
            for start, end, parent in self._stays(holder):
                if start > high or visits + len(queue) > MAX_STAYS:
                    break
                if end >= low:
                    queue.append((parent, max(low, start), min(high, end)))
            if visits + len(queue) > MAX_STAYS:
                raise _TooManyError

    def _tells(self, key: bytes) -> tuple[list[Moment], list[ItemEntry]]:
        """Return the party's receipts of an item and the standing handoffs to it, by moment."""
        if key not in self._telling:
            entries = self._of(key)
            taken_back = _taken_back(entries)
            telling = [
                one
                for one in entries
                if (one.entry.op is Op.RECEIVE and one.entry.party == self.party)
                or (self._is_gift(one) and one.leaf_hash not in taken_back)
            ]
            telling.sort(key=_moment)
            self._telling[key] = ([_moment(one) for one in telling], telling)
        return self._telling[key]

    def _is_gift(self, one: ItemEntry) -> bool:
        entry = one.entry
        return entry.op is Op.HANDOFF and entry.to_owner == self.party != entry.party

    def _stays(self, key: bytes) -> list[_Stay]:
        """Return the stays of key in containers, in order of their beginnings.

        Each lasts to the UNPACK of key, or of everything in the container.
        """
        if key not in self._stayed:
            own = [one for one in self._of(key) if one.role == ROLE_CHILD]
            out = sorted(_moment(one) for one in own if one.entry.op is Op.UNPACK)
            packs: dict[bytes, list[Moment]] = defaultdict(list)
            for pack in own:
                for parent in _packed_in(pack):
                    packs[parent].append(_moment(pack))
            self._stayed[key] = sorted(
                stay
                for parent, starts in packs.items()
                for stay in _joined(parent, sorted(starts), out, self._empty(parent))
            )
        return self._stayed[key]

    def _empty(self, parent: bytes) -> list[Moment]:
        if parent not in self._emptied:
            self._emptied[parent] = sorted(
                _moment(one)
                for one in self._of(parent)
                if one.entry.op is Op.UNPACK
                and one.role == ROLE_PARENT
                and one.entry.flags & FLAG_UNPACK_ALL
                and not one.lists_children
            )
        return self._emptied[parent]


def _joined(
    parent: bytes, starts: Sequence[Moment], out: Sequence[Moment], emptied: Sequence[Moment]
) -> Iterator[_Stay]:
    """Yield the stays in one container that begin at `starts`; one that lasts begins no other."""
    until = _FIRST
    for start in starts:
        if start > until:
            until = min(_first_after(start, out), _first_after(start, emptied))
            yield _Stay(start, until, parent)


def _first_after(start: Moment, moments: Sequence[Moment]) -> Moment:
    place = bisect_right(moments, start)
    return moments[place] if place < len(moments) else _LAST


def _taken_back(entries: Sequence[ItemEntry]) -> set[bytes]:
    """Return the leaf hashes of the handoffs of an item that their signers voided themselves."""
    standing: dict[bytes, list[ItemEntry]] = defaultdict(list)
    voided: set[bytes] = set()
    for one in entries:
        mine = standing[one.entry.party]
        if one.entry.op is Op.HANDOFF:
            mine.append(one)
        elif one.entry.op is Op.VOID and (found := voided_by(one.entry, mine)):
            mine.remove(found)
            voided.add(found.leaf_hash)
    return voided


def _packed_in(one: ItemEntry) -> tuple[bytes, ...]:
    return one.parents if one.role == ROLE_CHILD and one.entry.op is Op.PACK else ()


def _moment(one: ItemEntry) -> Moment:
    return (one.entry.time_ms, one.index)
