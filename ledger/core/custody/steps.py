"""Steps of custody: what one entry says of one item (formats sections 7 and 10)."""

from dataclasses import dataclass

from ledger.core import events
from ledger.core.custody.facts import EventFacts
from ledger.core.entries import Op, Z

ROLE_PARENT, ROLE_CHILD, ROLE_INPUT, ROLE_OUTPUT, ROLE_CLASS = 1, 2, 3, 4, 5
MAX_NESTING = events.MAX_NESTING
# Open shipments, and receipts that nothing explains, remembered per item: two are a finding
# already; bounds each scan.
MAX_OPEN = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One item row of one event entry; keys, parties and hashes are 32 bytes, Z = none.

    `signer` is an address, `facts` what the event's content says, None where it was erased.
    """

    log_index: int
    leaf_hash: bytes
    time_ms: int
    op: Op
    flags: int
    party: bytes
    to_owner: bytes
    to_possessor: bytes
    refers: bytes
    role: int
    item: bytes
    parents: tuple[bytes, ...]
    lists_children: bool
    signer: bytes = b""
    spends: bytes = Z
    facts: EventFacts | None = None
