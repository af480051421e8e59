"""What tokens need from the outside: who handed what to whom, and which tokens were spent twice."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from ledger.core.entries import EventEntry
from ledger.service.proof_ports import ProofRow


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemEntry:
    """One event entry as an item sees it; `parents` are the containers named in it.

    `lists_children` tells whether it names any child.
    """

    index: int
    raw: bytes
    leaf_hash: bytes
    entry: EventEntry
    role: int
    spends: bytes
    parents: tuple[bytes, ...]
    lists_children: bool


class RetainedRow(NamedTuple):
    """One item row of a retained body, by its index; `spends` is Z for no claim."""

    item_key: bytes
    role: int
    spends: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RetainedBody:
    """What of an event is never erased: its item rows and the secret of their salts."""

    items_secret: bytes
    rows: list[RetainedRow]


class ItemEntryStore(Protocol):
    """The log as tokens see it, at one instant."""

    def item_entries(
        self, keys: Collection[bytes], most_each: int, most: int
    ) -> Mapping[bytes, list[ItemEntry]]:
        """Return the event entries that name items, of each by index.

        Absent: an item that more than most_each rows name; and, in the order of keys, those for
        which no room was left when `most` rows were taken.
        """
        ...


class EvidenceStore(Protocol):
    """What evidence of a double spend is made from."""

    def double_spend(self, item_key: bytes) -> tuple[int, int, bytes] | None:
        """Return both log indexes and the token of an item's first proven double spend."""
        ...

    def proof_rows(self, indexes: Collection[int]) -> list[ProofRow]:
        """Return signed entries by index, in order."""
        ...

    def retained(self, index: int) -> RetainedBody:
        """Return the retained body of an event."""
        ...
