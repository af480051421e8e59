"""Claiming: the events of a document get tokens and entries, in their order (docs/spec/tokens.md).

What is known of the items comes from the party's journal, and what the journal lacks from the
ledger. What it tells decides from which handoff a token comes; the token itself is made here. A
lie can take a claim away or have one refused; a token that the journal knows as spent stays spent.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ledger.core.drafts import Draft, refused_entry
from ledger.core.entries import Address, EventEntry, Op, Z, decode_event, entry_leaf_hash
from ledger.core.errors import MalformedError
from ledger.core.submission import SignedEvent, sealed
from ledger.core.tokens import (
    SPENDING_ROLES,
    Claims,
    Deed,
    Named,
    SpentTokenError,
    is_spendable,
)

_FIELD = "incoming"


class Pages(Protocol):
    """The journal of one party, inside a transaction."""

    def recorded(self, event_digest: bytes) -> dict[int, bytes] | None:
        """Return the tokens, by item row, with which an event was signed; None if it was not."""
        ...

    def deeds(self, keys: Collection[bytes]) -> dict[bytes, list[Deed]]:
        """Return what is known about items, each in order of the log."""
        ...

    def taken(self, entry: EventEntry, names: Iterable[Named]) -> tuple[bytes, Deed] | None:
        """Return the first item whose token party or key spent for another owner, and how."""
        ...

    def owner_path(self, owner: bytes) -> str:
        """Return the path by which a new owner was named once, "" for none."""
        ...

    def sign(
        self, entry: EventEntry, event_digest: bytes, names: Iterable[Named], label: str
    ) -> None:
        """Write down an entry that is about to be signed and sent."""
        ...

    def learn(self, index: int, raw: bytes, names: Iterable[Named], *, is_own: bool) -> None:
        """Write down an entry as the ledger tells it, with its log index."""
        ...

    def logged(self, index: int, leaf_hash: bytes) -> None:
        """Write down where the log has an entry that was signed here."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldEntry:
    """An entry of the log that a party's journal may lack, with the asked items it is about."""

    index: int
    raw: bytes
    names: list[Named]
    is_own: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedEvents:
    """The entries of a document, and why an event among them was not signed, by position."""

    events: list[SignedEvent] = field(default_factory=list)
    refused: dict[int, SpentTokenError] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentVoids:
    """The voids of a document that was sent: they count when the log has them.

    `leaves` are their leaf hashes by position, `items` what they name.
    """

    party: bytes
    leaves: Mapping[int, bytes]
    items: frozenset[bytes]

    def learn(self, results: Iterable[Mapping[str, Any]], pages: Pages) -> None:
        """Write down which of them were logged, as the results of the document's job tell."""
        for one in results:
            leaf, index = self.leaves.get(one["event"]), one.get("logIndex")
            if leaf is not None and index is not None:
                pages.logged(index, leaf)


def sent_voids(drafts: Sequence[Draft], made: SignedEvents, party: bytes) -> SentVoids:
    """Return the voids of a document that was signed."""
    signed = zip(drafts, made.events, strict=True)
    leaves, items = {}, set[bytes]()
    for place, (draft, event) in enumerate(signed):
        if draft.committed is not None and decode_event(event.entry).op is Op.VOID:
            leaves[place] = entry_leaf_hash(event.entry)
            items |= {one.item_key for one in draft.committed.items}
    return SentVoids(party=party, leaves=leaves, items=frozenset(items))


def asked_items(drafts: Sequence[Draft]) -> dict[bytes, str]:
    """Return key and path of every item for which the document may claim a token."""
    return {
        item.item_key: item.path
        for draft in drafts
        if draft.spends and draft.committed is not None
        for item in draft.committed.items
        if item.role in SPENDING_ROLES and is_spendable(item.path)
    }


def signed_events(
    drafts: Sequence[Draft], party: bytes, address: Address, pages: Pages | None = None,
    asked: Collection[bytes] = (), *, keep_going: bool = False,
) -> SignedEvents:  # fmt: skip
    """Return an entry for every event, written down in the journal.

    Args:
        drafts: The document's events.
        party: Who signs.
        address: Of its key.
        pages: Its journal; None claims nothing and writes nothing.
        asked: Keys of the items to claim tokens of.
        keep_going: Have a refused event refused by the ledger, alone, instead of raising.

    Raises:
        SpentTokenError: A second owner for a spent token.
    """
    made = SignedEvents()
    deeds = pages.deeds(asked) if pages is not None and asked else {}
    claims = Claims(deeds, apart=keep_going)
    for position, draft in enumerate(drafts):
        try:
            event = _signed(draft, party, address, pages, claims)
        except SpentTokenError as error:
            owner = pages.owner_path(error.first.entry.to_owner) if pages is not None else ""
            made.refused[position] = error.at(position).named(owner)
            if not keep_going:
                raise made.refused[position] from None
            event = sealed(draft, refused_entry(party, address), {})
        made.events.append(event)
    return made


def _signed(
    draft: Draft, party: bytes, address: Address, pages: Pages | None, claims: Claims
) -> SignedEvent:
    if pages is None or draft.committed is None or draft.meaning is None:
        return sealed(draft, draft.entry(party, address, Z, {}), {})
    items = draft.committed.items
    recorded = pages.recorded(draft.digest)
    spends = recorded or {}
    if recorded:
        claims.verify_earned(recorded, items)
    if recorded is None and draft.spends:
        spends = claims.spends(draft.meaning.to_owner, items)
    entry, label = draft.entry(party, address, Z, spends), draft.owner_path()
    names = [Named(i, one.item_key, one.role, spends.get(i, Z)) for i, one in enumerate(items)]
    if recorded is None and (taken := pages.taken(entry, names)):
        path = next(one.path for one in items if one.item_key == taken[0])
        raise SpentTokenError(path, taken[1])
    pages.sign(entry, draft.digest, names, label)
    signed = sealed(draft, entry, spends)
    claims.note(entry, entry_leaf_hash(signed.entry), items, spends, label)
    return signed


def told_entries(
    told: Mapping[str, Any], party: bytes, keys: Sequence[bytes]
) -> Iterator[ToldEntry]:
    """Read the ledger's answer about items, and take nothing in that cannot be true.

    Args:
        told: The answer; {} tells nothing.
        party: Who asked.
        keys: The items, in the order in which they were asked.

    Raises:
        MalformedError: The answer has another shape, or tells of entries that are none of ours.
    """
    if not told:
        return
    try:
        entries = {int(one["index"]): bytes.fromhex(one["entry"]) for one in told["entries"]}
        names: dict[int, list[Named]] = {index: [] for index in entries}
        for key, item in zip(keys, told["items"], strict=True):
            for one in [*item["own"], *([item["received"]] if item.get("received") else [])]:
                token = bytes.fromhex(one["spends"]) if one.get("spends") else Z
                # Row indexes are the signer's to know; nobody asks for those of a told entry.
                names[one["index"]].append(Named(-1, key, int(one["role"]), token))
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedError(_FIELD, f"is what docs/spec/tokens.md says: {error!r}") from error
    for index, raw in sorted(entries.items()):
        yield _told(index, raw, names[index], party)


def untold_items(told: Mapping[str, Any], keys: Sequence[bytes]) -> set[bytes]:
    """Return the items of which the ledger says that it cannot tell all: nothing may be claimed.

    Silence about what the party did is not the same as nothing done: the token may be spent.

    Raises:
        MalformedError: The answer has another shape.
    """
    try:
        items = [item.get("too_many", False) for item in told.get("items", [])]
    except (AttributeError, TypeError) as error:
        raise MalformedError(_FIELD, f"is what docs/spec/tokens.md says: {error!r}") from error
    return {key for key, too_many in zip(keys, items, strict=False) if too_many is not False}


def _told(index: int, raw: bytes, names: list[Named], party: bytes) -> ToldEntry:
    entry = decode_event(raw)
    if entry.party == party:
        return ToldEntry(index=index, raw=raw, names=names, is_own=True)
    if entry.op is not Op.HANDOFF or entry.to_owner != party:
        raise MalformedError(_FIELD, "tells of handoffs to the party that asks", raw.hex())
    received = [one._replace(spends=Z) for one in names]
    return ToldEntry(index=index, raw=raw, names=received, is_own=False)
