"""What the fold is told beside the log: the time, the settings, and where places are."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from ledger.core.custody.settings import DEFAULT_SETTINGS, RuleSettings

# As if every grace were over: what a replay without a clock finds. Nothing is overdue by it.
NO_CLOCK: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Place:
    """Coordinates of a site in master data, degrees."""

    lat: float
    lon: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """As-of time (the last clock entry), settings, places by canonical path of their SGLN.

    `products` = GTIN-14 by item key: needed only where the settings have temperature limits.
    `contents` = by container, who ever issued, got or gave what was packed into it; a container is
    missing where that was not looked up (`packers.shipped_by_others` tells for which it must be).
    """

    as_of_ms: int = NO_CLOCK
    settings: RuleSettings = DEFAULT_SETTINGS
    places: Mapping[str, Place] = field(default_factory=dict)
    products: Mapping[bytes, str] = field(default_factory=dict)
    contents: Mapping[bytes, Collection[bytes]] = field(default_factory=dict)

    def has_contents_of(self, container: bytes, party: bytes) -> bool:
        """Did party ever have to do with what is in a container? So it is where nobody looked."""
        known = self.contents.get(container)
        return known is None or party in known
