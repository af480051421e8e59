"""The item map's part of integration: chains and pages of the keys that new entries name."""

from collections.abc import Sequence

from ledger.core.entries import decode_fact
from ledger.core.item_map import Step, erased_index, fact_keys
from ledger.core.map_pages import load_pages, update_pages
from ledger.service.map_ports import MapTransaction


def integrate_map(
    transaction: MapTransaction, start: int, end: int, leaves: Sequence[bytes]
) -> None:
    """Take entries [start, end), whose leaf hashes are given, into the map."""
    facts = _fact_steps(transaction, start, end)
    steps = _steps(transaction, start, end, leaves, facts)
    changes = update_pages(load_pages(transaction.pages, steps), steps)
    transaction.write(changes, end, facts)


def _fact_steps(transaction: MapTransaction, start: int, end: int) -> list[tuple[bytes, int]]:
    """Return (key, index) of the steps that facts give."""
    found: list[tuple[bytes, int]] = []
    for index, entry in transaction.facts(start, end):
        fact = decode_fact(entry)
        erased = erased_index(fact)
        keys = dict.fromkeys(fact_keys(fact))
        if erased is not None:
            keys = dict.fromkeys(key for _, key in transaction.named(erased, erased + 1))
        found += [(key, index) for key in keys]
    return found


def _steps(
    transaction: MapTransaction, start: int, end: int, leaves: Sequence[bytes],
    facts: Sequence[tuple[bytes, int]],
) -> dict[bytes, list[Step]]:  # fmt: skip
    """Return the steps of every key, in order of index: one of an entry for each key it names."""
    steps: dict[bytes, list[Step]] = {}
    last: tuple[int, bytes] | None = None
    for row in transaction.named(start, end):
        if row != last:
            index, key = last = row
            steps.setdefault(key, []).append((index, leaves[index - start]))
    for key, index in facts:
        steps.setdefault(key, []).append((index, leaves[index - start]))
    for key in {key for key, _ in facts}:
        steps[key].sort()
    return steps
