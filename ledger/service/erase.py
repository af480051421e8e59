"""Erase: which event a tombstone may name, and which words name an event.

The tombstone is logged first, signed by the registrar; integration then destroys what it names, in
the transaction that takes the tombstone in (`IntegrationTransaction.erase`). A crash in between is
mended by the next integration: erasure follows from the log alone.
"""

import re
from typing import Protocol

from ledger.core.entries import Kind
from ledger.core.errors import MalformedError, NotFoundError, NotPermittedError

_INDEX = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
_LEAF = re.compile(r"(?:0x)?([0-9a-fA-F]{64})", re.ASCII)


class LoggedEvents(Protocol):
    """What the log knows of entries by name."""

    def indexes_of(self, event_id: str) -> list[int]:
        """Return the log indexes of the events that have an eventID."""
        ...

    def index_of_leaf(self, leaf_hash: bytes) -> int | None:
        """Return the log index of a leaf hash."""
        ...

    def kind_of(self, index: int) -> int | None:
        """Return the kind of an entry, None when the log has none there."""
        ...

    def tombstone_of(self, index: int) -> int | None:
        """Return the log index of the tombstone of an event, None when none names it."""
        ...


def find_erasable(log: LoggedEvents, named: str) -> int:
    """Return the log index of an event, named by it, by leaf hash or by eventID.

    Raises:
        NotFoundError: The log has no such event; of an erased one it has the eventID no more.
        MalformedError: Several events have that eventID.
        NotPermittedError: It is erased already, or no event.
    """
    index = _index(log, named)
    kind = log.kind_of(index)
    if kind is None:
        raise NotFoundError(f"the log has no entry {index}")
    if kind != Kind.EVENT:
        name = Kind(kind).name.lower()
        raise NotPermittedError(f"entry {index} is a fact of the log ({name}), and stays")
    tombstone = log.tombstone_of(index)
    if tombstone is not None:
        raise NotPermittedError(f"event {index} is erased: tombstone {tombstone}")
    return index


def _index(log: LoggedEvents, named: str) -> int:
    if _INDEX.fullmatch(named):
        return int(named)
    leaf = _LEAF.fullmatch(named)
    if leaf is not None:
        found = log.index_of_leaf(bytes.fromhex(leaf[1]))
        if found is None:
            raise NotFoundError(f"no entry has the leaf hash {leaf[1].lower()}")
        return found
    indexes = log.indexes_of(named)
    if not indexes:
        raise NotFoundError(f"no event that is not erased has the eventID {named}")
    if len(indexes) > 1:
        listed = ", ".join(map(str, indexes))
        raise MalformedError("EVENT", f"is one of the log indexes {listed}", named)
    return indexes[0]
