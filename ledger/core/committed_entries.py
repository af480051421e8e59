"""The one entry that an event, its secret and its signer determine (docs/spec/entry.md)."""

from collections.abc import Mapping, Sequence

from ledger.core import commitment
from ledger.core.entries import Address, EventEntry, Op, Z
from ledger.core.errors import MalformedError
from ledger.core.events import Event, operation


def event_entry(
    event: Event,
    event_secret: bytes,
    party: bytes,
    address: Address,
    refers: bytes,
    spends: Mapping[int, bytes],
) -> EventEntry:
    """Return the entry that an event, its secret and its signer determine.

    Raises:
        MalformedError: The event cannot be committed to, or a token stands where none may.
    """
    committed = commitment.commit(event, event_secret, spends)
    return committed_entry(committed, event, party, address, refers, spends)


def committed_entry(
    committed: commitment.Commitment,
    event: Event,
    party: bytes,
    address: Address,
    refers: bytes,
    spends: Mapping[int, bytes],
) -> EventEntry:
    """Return the entry of an event whose commitment is made already; raises as event_entry."""
    meaning = operation(event, party)
    if refers != Z and meaning.op not in {Op.VOID, Op.RECEIVE}:
        raise MalformedError("refers", "only a VOID or a RECEIVE refers", refers.hex())
    _check_spends(meaning.op, meaning.to_owner, committed.items, spends)
    return EventEntry(
        op=meaning.op,
        flags=meaning.flags,
        time_ms=meaning.time_ms,
        signer=address,
        party=party,
        on_behalf_of=party,
        to_owner=meaning.to_owner,
        to_possessor=meaning.to_possessor,
        refers=refers,
        row_count=len(committed.rows),
        event_root=committed.event_root,
        item_count=len(committed.items),
        items_root=committed.items_root,
    )


def _check_spends(
    op: Op, to_owner: bytes, items: Sequence[commitment.ItemName], spends: Mapping[int, bytes]
) -> None:
    for index, token in spends.items():
        if not 0 <= index < len(items) or len(token) != len(Z) or token == Z:
            raise MalformedError("spends", "names item rows with 32-byte tokens", index)
        if op != Op.HANDOFF or to_owner == Z or items[index].role > 2:  # noqa: PLR2004
            raise MalformedError("spends", "only a HANDOFF to an owner spends", index)
