"""Where an item is in its life, and who holds it."""

from dataclasses import dataclass
from enum import StrEnum

# last_index and last_time of an item that no entry names.
NEVER = -1


class Status(StrEnum):
    """Where an item is in its life."""

    UNKNOWN = "unknown"
    COMMISSIONED = "commissioned"
    HELD = "held"
    IN_TRANSIT = "in_transit"
    DISPENSED = "dispensed"
    DESTROYED = "destroyed"
    DECOMMISSIONED = "decommissioned"
    CONSUMED = "consumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemState:
    """Custody of one item up to the last entry of its own; in transit the holder is who shipped it.

    `status` follows from entries alone. `condition` is what only the content of events can tell
    (docs/custody.md): recalled, stolen, locked …; None where nothing is said or it was erased.
    """

    status: Status
    holder: bytes | None
    shipped_to: bytes | None
    container: bytes | None
    last_index: int
    last_time: int
    condition: str | None = None
