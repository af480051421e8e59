"""Tokens: what a handoff to an owner spends, so that selling twice convicts (docs/spec/tokens.md).

A token is a function of the item and of how its signer came to own it. Two handoffs of one key with
one token and two owners are a proof that needs no log. So a token is signed for one owner only, and
where it is not certain how an item was come by, nothing is claimed.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol, TypeVar

from ledger.core.commitment import ROLE_CHILD, ROLE_OBJECT, ROLE_OUTPUT, ROLE_PARENT, ItemName
from ledger.core.entries import FLAG_ERROR_DECLARATION, EventEntry, Op, Z
from ledger.core.errors import NotPermittedError

_HOLD, _VOID = b"unbroken/hold/v1\0", b"unbroken/void/v1\0"
SPENDING_ROLES = frozenset([ROLE_OBJECT, ROLE_PARENT, ROLE_CHILD])
# One physical thing each: SGTIN, the third-party form of it, ITIP piece, SSCC.
_SPENDABLE = re.compile(r"/(?:00/[0-9]{18}|01/[0-9]{14}/(?:21|235)/|8006/[0-9]{18}/21/)")


class SpentTokenError(NotPermittedError):
    """A second owner would be signed for an item that was handed to another already."""

    def __init__(
        self, path: str, first: "Deed", position: int | None = None, void: "Deed | None" = None
    ) -> None:
        """Name the item, its first owner, the entry that made it so, and a void that is nowhere."""
        self.path, self.first, self.position, self.void = path, first, position, void
        logged = "not logged yet" if first.index is None else f"log index {first.index}"
        where = "" if position is None else f"event {position}: "
        way_out = "void that handoff first, or record that the item came back"
        if void is not None:
            way_out = (
                f"its void {void.leaf_hash.hex()} was signed and is not known to be in the log:"
                " capture it first, and alone"
            )
        super().__init__(
            f"{where}{path} was handed to {first.label or first.entry.to_owner.hex()} by entry"
            f" {first.leaf_hash.hex()} ({logged}); no second owner is signed for it: {way_out}"
        )

    def at(self, position: int) -> "SpentTokenError":
        """Return the same of an event of a document, by its position."""
        return SpentTokenError(self.path, self.first, position, self.void)

    def named(self, owner: str) -> "SpentTokenError":
        """Return the same with the first owner's path, where it had none; "" tells none."""
        first = replace(self.first, label=self.first.label or owner)
        return SpentTokenError(self.path, first, self.position, self.void)


class Logged(Protocol):
    """An entry with its leaf hash."""

    @property
    def leaf_hash(self) -> bytes:
        """The leaf hash of the entry."""
        ...

    @property
    def entry(self) -> EventEntry:
        """The entry."""
        ...


class Named(NamedTuple):
    """One item row of an entry; `spends` is Z for no claim."""

    row_index: int
    item_key: bytes
    role: int
    spends: bytes


AnyLogged = TypeVar("AnyLogged", bound=Logged)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One entry about one item, as its party knows it.

    `index` is None until the ledger told it; `spends` is Z for no claim; `label` names the new
    owner to people; `is_own` is False for the handoff by which a previous owner gave the item.
    """

    leaf_hash: bytes
    entry: EventEntry
    role: int
    spends: bytes = Z
    index: int | None = None
    is_own: bool = True
    label: str = ""


def is_spendable(path: str) -> bool:
    """Tell whether a canonical path names a serialised item or an SSCC."""
    return _SPENDABLE.match(path) is not None


def hold_token(item_key: bytes, origin: bytes) -> bytes:
    """Return the token of an item that was come by in a way `origin` (formats 9, A)."""
    return hashlib.sha256(_HOLD + item_key + origin).digest()


def voided_origin(leaf_hash: bytes) -> bytes:
    """Return the origin of an item whose handoff leaf_hash was voided by its own signer."""
    return hashlib.sha256(_VOID + leaf_hash).digest()


def in_order(known: Iterable[Deed]) -> list[Deed]:
    """Return the deeds of one item in order of the log.

    An entry that waits for its index, or never got one, stands behind all that was known before
    it was signed.

    Args:
        known: Own and other parties' entries in the order in which they came to be known.
    """
    placed: list[tuple[int, bool, int, Deed]] = []
    last = -1
    for number, deed in enumerate(known):
        last = last if deed.index is None else max(last, deed.index)
        place = last if deed.index is None else deed.index
        placed.append((place, deed.index is None, number, deed))
    return [deed for *_, deed in sorted(placed, key=lambda one: one[:3])]


def voided_by(void: EventEntry, handoffs: Sequence[AnyLogged]) -> AnyLogged | None:
    """Return the one of a party's standing handoffs of an item that its VOID takes back.

    That which it refers to; else, of an error declaration, the last with the declaration's time
    and addressees; else the last.
    """
    last_first = reversed(handoffs)
    if void.refers != Z:
        return next((one for one in last_first if one.leaf_hash == void.refers), None)
    if void.flags & FLAG_ERROR_DECLARATION:
        like = _likeness(void)
        return next((one for one in last_first if _likeness(one.entry) == like), None)
    return next(last_first, None)


def _likeness(entry: EventEntry) -> tuple[int, bytes, bytes]:
    return (entry.time_ms, entry.to_owner, entry.to_possessor)


@dataclass(slots=True)
class Holding:
    """How a party came to own one item, as its deeds tell; `origin` is None when that is unknown.

    `spent` has the tokens that were signed, each with the deed that did it first; `unearned` the
    void origins whose void is not known to be in the log, each with handoff and void.
    """

    origin: bytes | None = None
    spent: dict[bytes, Deed] = field(default_factory=dict)
    unearned: dict[bytes, tuple[Deed, Deed]] = field(default_factory=dict)
    _is_new: bool = True
    _gone: bool = False
    _handoffs: list[Deed] = field(default_factory=list)

    def take(self, deed: Deed, *, is_safe: bool = False) -> None:
        """Take the next deed.

        Attack: a void that the ledger rejects leaves the handoff standing in the log. So one
        counts that has a log index, or that is_safe: no later handoff is logged without it.
        """
        entry = deed.entry
        if deed.spends != Z:
            self.spent.setdefault(deed.spends, deed)
        if not deed.is_own:
            self._is_new, self._handoffs = False, []
            self.unearned.clear()
            self._come(deed.leaf_hash)
        elif entry.op is Op.HANDOFF:
            self._is_new = False
            self._handoffs.append(deed)
            self._gone = self._gone or entry.to_owner != Z
        elif entry.op is Op.VOID:
            self._take_back(deed, counts=is_safe or deed.index is not None)
        elif entry.op is Op.RECEIVE:
            self._receive(entry)
        else:
            self._make(deed)

    def _come(self, origin: bytes | None) -> None:
        self.origin, self._gone = origin, False

    def _take_back(self, void: Deed, *, counts: bool) -> None:
        handoff = voided_by(void.entry, self._handoffs)
        if handoff is None:
            return
        origin = voided_origin(handoff.leaf_hash)
        if not counts:
            if handoff.entry.to_owner != Z:
                self.unearned[origin] = (handoff, void)
            return
        self._handoffs.remove(handoff)
        if handoff.entry.to_owner != Z:
            self.unearned.pop(origin, None)
            self._come(origin)

    def _receive(self, receipt: EventEntry) -> None:
        """Take back what had been handed on: by which handoff, only the ledger can tell.

        A receipt that is logged late, of a time before the handoff, brings nothing back.
        """
        self._is_new = False
        if self._gone and all(receipt.time_ms >= one.entry.time_ms for one in self._handoffs):
            self._come(None)
            self._handoffs = []
            self.unearned.clear()

    def _make(self, deed: Deed) -> None:
        op, role = deed.entry.op, deed.role
        if (op is Op.COMMISSION and role == ROLE_OBJECT) or (
            op is Op.TRANSFORM and role == ROLE_OUTPUT
        ):
            if self._is_new:
                self._come(Z)
        elif op is Op.PACK and role == ROLE_PARENT and (self.origin is None or self._gone):
            # Packed again after it left: the same number on a new pallet.
            self._come(deed.leaf_hash)


class Claims:
    """The claims of one party for the events of a document, in their order."""

    def __init__(self, deeds: Mapping[bytes, Iterable[Deed]], *, apart: bool = False) -> None:
        """Take the deeds of every item that a handoff of the document names, each in order.

        Args:
            deeds: By item key.
            apart: The ledger may reject one event of the document and log the next.
        """
        self._deeds = {key: list(known) for key, known in deeds.items()}
        self._apart, self._safe = apart, set[bytes]()
        self._holdings = {key: self._holding(known) for key, known in self._deeds.items()}

    def _holding(self, known: Iterable[Deed]) -> Holding:
        holding = Holding()
        for deed in known:
            holding.take(deed, is_safe=deed.leaf_hash in self._safe)
        return holding

    def spends(self, to_owner: bytes, items: Sequence[ItemName]) -> dict[int, bytes]:
        """Return the tokens of a handoff to an owner, by item row; none where none is certain.

        Raises:
            SpentTokenError: A token was signed for another owner.
        """
        spends = {}
        for index, item in enumerate(items):
            holding = self._holdings.get(item.item_key)
            if holding is None or holding.origin is None or item.role not in SPENDING_ROLES:
                continue
            token = hold_token(item.item_key, holding.origin)
            first = holding.spent.get(token)
            if first is not None and first.entry.to_owner != to_owner:
                void = next((void for _, void in holding.unearned.values()), None)
                raise SpentTokenError(item.path, first, void=void)
            spends[index] = token
        return spends

    def verify_earned(self, spends: Mapping[int, bytes], items: Sequence[ItemName]) -> None:
        """Raise if a handoff that was signed before came by an item through a void that is nowhere.

        Raises:
            SpentTokenError: The handoff that the void would take back stands in the log.
        """
        for index, token in spends.items():
            holding = self._holdings.get(items[index].item_key)
            for origin, (handoff, void) in (holding.unearned if holding else {}).items():
                if hold_token(items[index].item_key, origin) == token:
                    raise SpentTokenError(items[index].path, handoff, void=void)

    def note(
        self, entry: EventEntry, leaf_hash: bytes, items: Sequence[ItemName],
        spends: Mapping[int, bytes], label: str = "",
    ) -> None:  # fmt: skip
        """Take an entry that was just signed, for the events behind it.

        One that was signed before stays where it stood.
        """
        if not self._apart:
            self._safe.add(leaf_hash)
        for index, item in enumerate(items):
            known = self._deeds.get(item.item_key)
            if known is None:
                continue
            if any(one.leaf_hash == leaf_hash and one.role == item.role for one in known):
                self._holdings[item.item_key] = self._holding(known)
                continue
            token = spends.get(index, Z)
            known.append(
                Deed(leaf_hash=leaf_hash, entry=entry, role=item.role, spends=token, label=label)
            )
            self._holdings[item.item_key].take(known[-1], is_safe=leaf_hash in self._safe)
