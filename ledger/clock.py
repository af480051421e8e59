"""The only reader of time; everything else is handed the time as an argument."""

import time

_NS_PER_MS = 1_000_000


def now_ms() -> int:
    """Return the present as milliseconds since 1970-01-01T00:00Z.

    The operating system may step this clock backwards: a caller that needs an order keeps its own.
    """
    return time.time_ns() // _NS_PER_MS
