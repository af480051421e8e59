"""Schedules of standing queries: the next moment, by hand and against a search second by second."""

import random
from datetime import UTC, datetime

import pytest

from ledger.core.epcis.schedule import FIELDS, Schedule, parse_schedule
from ledger.core.errors import MalformedError

SEED = 20261125


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("members", "after", "expected"),
    [
        # The two examples of the standard's REST binding.
        ({"hour": "1", "minute": "5"}, "2026-11-25T01:04:59Z", "2026-11-25T01:05:00Z"),
        ({"hour": "1", "minute": "5"}, "2026-11-25T01:05:00Z", "2026-11-26T01:05:00Z"),
        ({"second": "0/30"}, "2026-11-25T10:00:00Z", "2026-11-25T10:00:30Z"),
        ({"second": "0/30"}, "2026-11-25T10:00:30Z", "2026-11-25T10:01:00Z"),
        # A field finer than all that are given is its least, a coarser one is any.
        ({"hour": "1"}, "2026-11-25T00:00:00Z", "2026-11-25T01:00:00Z"),
        ({"hour": "1"}, "2026-11-25T01:00:00Z", "2026-11-26T01:00:00Z"),
        ({"minute": 15}, "2026-11-25T10:15:00Z", "2026-11-25T11:15:00Z"),
        ({"hour": "1", "second": "5"}, "2026-11-25T01:00:05Z", "2026-11-25T01:01:05Z"),
        ({"dayOfMonth": "1"}, "2026-11-25T10:00:00Z", "2026-12-01T00:00:00Z"),
        ({"month": "2"}, "2026-11-25T10:00:00Z", "2027-02-01T00:00:00Z"),
        # 1 is Monday; 25 November 2026 is a Wednesday.
        ({"dayOfWeek": "1"}, "2026-11-25T10:00:00Z", "2026-11-30T00:00:00Z"),
        ({"dayOfWeek": "7"}, "2026-11-25T10:00:00Z", "2026-11-29T00:00:00Z"),
        # Both days count.
        ({"dayOfWeek": "5", "dayOfMonth": "13"}, "2026-11-25T00:00:00Z", "2027-08-13T00:00:00Z"),
        # Lists, both spellings of a range, steps, blanks behind commas.
        ({"minute": "[10-12],40"}, "2026-11-25T10:12:00Z", "2026-11-25T10:40:00Z"),
        ({"minute": "10-12, 40"}, "2026-11-25T10:40:00Z", "2026-11-25T11:10:00Z"),
        ({"minute": "*/20"}, "2026-11-25T10:39:59Z", "2026-11-25T10:40:00Z"),
        ({"minute": "5-15/5"}, "2026-11-25T10:10:00Z", "2026-11-25T10:15:00Z"),
        ({"second": "*"}, "2026-11-25T10:10:00Z", "2026-11-25T10:10:01Z"),
        # Ends of months, years and leap years.
        ({"dayOfMonth": "31"}, "2026-11-01T00:00:00Z", "2026-12-31T00:00:00Z"),
        ({"month": "2", "dayOfMonth": "29"}, "2026-11-25T00:00:00Z", "2028-02-29T00:00:00Z"),
        ({"month": "2", "dayOfMonth": "29"}, "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z"),
        ({"hour": "23", "minute": "59", "second": "59"}, "2026-12-31T23:59:59Z",
         "2027-01-01T23:59:59Z"),
    ],
    ids=str,
)  # fmt: skip
def test_the_next_moment(members: dict[str, object], after: str, expected: str) -> None:
    assert parse_schedule(members).next_after(ms(after)) == ms(expected)


def test_a_moment_counts_from_its_first_millisecond() -> None:
    each_second = parse_schedule({"second": "*"})
    assert each_second.next_after(999) == 1000
    assert each_second.next_after(1000) == 2000
    assert each_second.next_after(-1) == 0


def fits(schedule: Schedule, moment: datetime) -> bool:
    return (
        moment.second in schedule.seconds
        and moment.minute in schedule.minutes
        and moment.hour in schedule.hours
        and moment.day in schedule.days
        and moment.month in schedule.months
        and moment.isoweekday() in schedule.weekdays
    )


def test_no_moment_is_passed_over() -> None:
    chance = random.Random(SEED)
    begin = ms("2028-02-28T23:50:00Z") // 1000
    for _ in range(60):
        names = chance.sample(["second", "minute", "hour", "dayOfWeek"], chance.randint(1, 4))
        members = {
            name: ",".join(str(chance.randint(*FIELDS[name])) for _ in range(4)) for name in names
        }
        schedule = parse_schedule(members)
        start = begin + chance.randrange(1200)
        found = schedule.next_after(start * 1000)
        assert found is not None
        until = min(found // 1000, start + 4000)
        between = [
            second
            for second in range(start + 1, until + 1)
            if fits(schedule, datetime.fromtimestamp(second, UTC))
        ]
        assert between == ([found // 1000] if found // 1000 <= start + 4000 else []), members


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({}, "schedule"),
        ({"seconds": "1"}, "schedule.seconds"),
        ({"second": "60"}, "schedule.second"),
        ({"second": "-1"}, "schedule.second"),
        ({"second": ""}, "schedule.second"),
        ({"second": "1,"}, "schedule.second"),
        ({"second": "[5-1]"}, "schedule.second"),
        ({"second": "[1-5"}, "schedule.second"),
        ({"second": "*/0"}, "schedule.second"),
        ({"second": "1.0"}, "schedule.second"),
        ({"second": "\u0661"}, "schedule.second"),
        ({"second": True}, "schedule.second"),
        ({"second": None}, "schedule.second"),
        ({"second": 1.5}, "schedule.second"),
        ({"second": "1," * 200 + "1"}, "schedule.second"),
        ({"hour": "24"}, "schedule.hour"),
        ({"dayOfMonth": "0"}, "schedule.dayOfMonth"),
        ({"month": "13"}, "schedule.month"),
        ({"dayOfWeek": "0"}, "schedule.dayOfWeek"),
        ({"dayOfWeek": "8"}, "schedule.dayOfWeek"),
        ({"dayOfMonth": "30", "month": "2"}, "schedule"),
        ({"dayOfMonth": "31", "month": "4,6,9,11"}, "schedule"),
    ],
    ids=str,
)
def test_what_is_no_schedule_is_refused_by_field(members: dict[str, object], field: str) -> None:
    with pytest.raises(MalformedError) as refused:
        parse_schedule(members)
    assert refused.value.field == field
