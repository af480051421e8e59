"""When a failed delivery is tried again: exponential back-off with jitter, then never."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How long and how often; `delay_ms` is pure, chance is an argument."""

    first_ms: int
    longest_ms: int
    attempts: int

    def delay_ms(self, failed: int, chance: float) -> int | None:
        """Return the pause after the failed-th attempt, None when that was the last.

        Half of it is fixed and half is chance in [0, 1), so that receivers which came back are not
        met by all their deliveries at one moment.
        """
        if failed >= self.attempts:
            return None
        # The exponent is bounded first: attempts may be any number.
        whole = min(self.first_ms << min(failed - 1, 62), self.longest_ms)
        return whole // 2 + int(whole / 2 * chance)


# From a second to six hours: 37 attempts last three to five and a half days, over any weekend.
WEBHOOK_RETRIES: Final = RetryPolicy(first_ms=1_000, longest_ms=21_600_000, attempts=37)
