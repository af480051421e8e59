"""What evidence is made from."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from ledger.service.ports import Head


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainLink:
    """One event entry as the chain of an item sees it: which items it names, in which role."""

    index: int
    entry: bytes
    time_ms: int
    op: int
    flags: int
    items: tuple[tuple[bytes, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofRow:
    """A logged entry with the submission that signed it."""

    index: int
    entry: bytes
    issued_ms: int
    doc_hash: bytes
    signature: bytes
    count: int
    position: int
    path: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class EventBody:
    """Content and secrets of a logged event, its item rows and the tokens that they spend.

    Erased content and its secret are None; `items` are (item_key, role) in order of the rows.
    """

    content: bytes | None
    event_digest: bytes
    sealed_secret: bytes | None
    items_secret: bytes
    items: tuple[tuple[bytes, int], ...]
    spends: Mapping[int, bytes]


class ProofStore(Protocol):
    """What evidence is made from."""

    def final_head(self) -> Head | None:
        """Return the greatest head whose anchor is final."""
        ...

    def chain_links(self, item_key: bytes, size: int) -> list[ChainLink]:
        """Return the event entries below size that name an item, by index."""
        ...

    def proof_rows(self, indexes: Collection[int]) -> list[ProofRow]:
        """Return signed entries by index, in order."""
        ...

    def registrar_indexes(self, size: int) -> list[int]:
        """Return the indexes of genesis and of every registrar fact below size."""
        ...

    def event_bodies(self, indexes: Collection[int]) -> dict[int, EventBody]:
        """Return event bodies by index."""
        ...

    def item_paths(self, keys: Collection[bytes]) -> dict[bytes, str]:
        """Return the canonical paths of items that entries name, by key."""
        ...

    def item_known(self, item_key: bytes) -> bool:
        """Tell whether any entry names the item."""
        ...

    def events_of_id(self, event_id: str) -> list[int]:
        """Return the indexes of the events that have an eventID, or the hash that stands for it."""
        ...

    def event_of_leaf(self, leaf_hash: bytes) -> int | None:
        """Return the index of the event whose entry has a leaf hash."""
        ...

    def read_tile(self, level: int, index: int) -> bytes:
        """Return the stored hashes of a tile."""
        ...
