"""When a standing query runs (EPCIS 2.0, QuerySchedule): six lists of numbers, in UTC.

A moment fits when each of its six values is in the list of that field. A field that is left out
takes any value, except that one finer than every field given takes its least: `{"hour": "1"}` is
01:00:00 each day, not each of that hour's 3,600 seconds. Both days count when both are given.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from ledger.core.errors import MalformedError

FIELDS: Final = {
    "second": (0, 59),
    "minute": (0, 59),
    "hour": (0, 23),
    "dayOfMonth": (1, 31),
    "month": (1, 12),
    "dayOfWeek": (1, 7),
}
"""Fields and their ranges; a week begins with Monday, 1."""

# 29 February meets each day of the week within 40 years, whatever century lies between.
HORIZON_DAYS: Final = 40 * 366
# Sixty numbers with commas and room; longer ones only cost time.
MAX_TEXT: Final = 200

_COARSER_FIRST = ("month", "dayOfMonth", "dayOfWeek", "hour", "minute", "second")
_RANK = {"month": 0, "dayOfMonth": 1, "dayOfWeek": 1, "hour": 2, "minute": 3, "second": 4}
_MS_PER_DAY = 86_400_000
_EPOCH = date(1970, 1, 1).toordinal()
# The standard's number and [low-high]; cron's *, low-high and steps, which its own examples use.
_ELEMENT = re.compile(
    r"(?:(?P<any>\*)|\[(?P<low>\d{1,2})-(?P<high>\d{1,2})\]"
    r"|(?P<first>\d{1,2})(?:-(?P<last>\d{1,2}))?)(?:/(?P<step>\d{1,2}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The moments of a standing query; each list is sorted and not empty."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    def next_after(self, at_ms: int) -> int | None:
        """Return the first moment later than at_ms, None when none comes within 40 years.

        Cost: one step a day until a day fits, then at most 24 + 60 + 60.
        """
        day, within = divmod(at_ms, _MS_PER_DAY)
        ordinal, second = day + _EPOCH, within // 1000 + 1
        if self._fits(ordinal):
            found = self._within_day(second)
            if found is not None:
                return day * _MS_PER_DAY + found * 1000
        for later in range(1, HORIZON_DAYS):
            if ordinal + later > date.max.toordinal():
                break
            if self._fits(ordinal + later):
                first = (self.hours[0] * 60 + self.minutes[0]) * 60 + self.seconds[0]
                return (day + later) * _MS_PER_DAY + first * 1000
        return None

    def _fits(self, ordinal: int) -> bool:
        day = date.fromordinal(ordinal)
        return (
            day.month in self.months and day.day in self.days and day.isoweekday() in self.weekdays
        )

    def _within_day(self, second: int) -> int | None:
        """Return the first fitting second of a day that is not before `second`."""
        for hour in self.hours:
            if (hour + 1) * 3600 <= second:
                continue
            for minute in self.minutes:
                begin = (hour * 60 + minute) * 60
                if begin + 60 <= second:
                    continue
                for one in self.seconds:
                    if begin + one >= second:
                        return begin + one
        return None


def parse_schedule(members: Mapping[str, object], field: str = "schedule") -> Schedule:
    """Read a schedule's members: text, or a JSON integer for a single number.

    Raises:
        MalformedError: A field is unknown or malformed, none is given, or no moment ever fits.
    """
    for name in members:
        if name not in FIELDS:
            raise MalformedError(f"{field}.{name}", f"is one of {', '.join(FIELDS)}", name)
    if not members:
        raise MalformedError(field, f"has at least one of {', '.join(FIELDS)}")
    finest = max(_RANK[name] for name in members)
    values = {
        name: _parse(f"{field}.{name}", members[name], *FIELDS[name])
        if name in members
        else _left_out(name, finest)
        for name in _COARSER_FIRST
    }
    schedule = Schedule(
        seconds=tuple(values["second"]),
        minutes=tuple(values["minute"]),
        hours=tuple(values["hour"]),
        days=frozenset(values["dayOfMonth"]),
        months=frozenset(values["month"]),
        weekdays=frozenset(values["dayOfWeek"]),
    )
    if schedule.next_after(0) is None:
        raise MalformedError(field, "names a day that the calendar has", dict(members))
    return schedule


def _left_out(name: str, finest: int) -> list[int]:
    low, high = FIELDS[name]
    return [low] if _RANK[name] > finest else list(range(low, high + 1))


def _parse(field: str, given: object, low: int, high: int) -> list[int]:
    rule = f"is numbers from {low} to {high}, ranges [a-b], steps a/n or *, with commas between"
    text = str(given) if isinstance(given, int) and not isinstance(given, bool) else given
    if not isinstance(text, str) or len(text) > MAX_TEXT:
        raise MalformedError(field, rule, given)
    found: set[int] = set()
    for part in text.split(","):
        values = list(_element(part.strip(" "), low, high))
        if not values:
            raise MalformedError(field, rule, text)
        found.update(values)
    return sorted(found)


def _element(text: str, low: int, high: int) -> Iterator[int]:
    """Yield the numbers of one element; none when it is not one."""
    match = _ELEMENT.fullmatch(text)
    if match is None:
        return
    begin, end, step = low, high, int(match["step"] or 1)
    if match["any"] is None:
        begin = int(match["low"] or match["first"])
        until = match["high"] or match["last"]
        # As cron has it: `a/n` runs to the end of the field, `a` alone does not.
        end = int(until) if until else high if match["step"] else begin
    if step and low <= begin <= end <= high:
        yield from range(begin, end + 1, step)
