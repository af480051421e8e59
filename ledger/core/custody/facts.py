"""What the content of an event tells custody beyond its entry: makes findings, never state.

Content can be erased, and then these facts are gone with it; the fold goes on without them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The temperatures of one sensor element, degrees Celsius, from `start_ms` to `end_ms`."""

    start_ms: int
    end_ms: int
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFacts:
    """What one event says; texts are bare CBV words or what stands there, "" where nothing does.

    `place` is the canonical path of the read point, else of the business location; `expiry_ms` the
    end of the last day; `original` the log index of the event that had this eventID before, by
    (time, hash), with other content; `quantities` by class key, what the event says of it.
    """

    step: str = ""
    disposition: str = ""
    place: str = ""
    lot: str = ""
    expiry_ms: int | None = None
    original: int | None = None
    alarm: bool = False
    readings: tuple[Reading, ...] = ()
    quantities: Mapping[bytes, float] = field(default_factory=dict)
