"""Times as text: ISO 8601 in UTC with milliseconds, as answers carry them."""

from datetime import datetime, timedelta, timezone
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017 -- banned-api sees datetime.UTC


def format_time(time_ms: int) -> str:
    """Return ms since 1970 as ISO 8601."""
    moment = _EPOCH + timedelta(milliseconds=time_ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
