"""What subscriptions rely on, wherever the events of the index are: one rule a function."""

from collections.abc import Callable
from typing import Protocol

import orjson
import pytest

from ledger.core.errors import NotFoundError
from ledger.service.subscription_ports import EventSource


class Stand(Protocol):
    """A source with the queries `all` and `sevens`, which takes what ends in 7, and no events."""

    @property
    def source(self) -> EventSource: ...
    def add(self, count: int, size: int = 0) -> None:
        """Index so many events; each tells its log index as `n`."""

    def skip(self) -> None:
        """Index an entry that is no event."""


MANY = 10**9


def read(
    stand: Stand, name: str, after: int, up_to: int, limit: int = 100, most_bytes: int = MANY
) -> tuple[list[int], int]:
    batch = stand.source.matching(name, after, up_to, limit, most_bytes)
    for position, raw in batch.messages:
        assert orjson.loads(raw)["n"] == position
    return [position for position, _ in batch.messages], batch.reached


def a_query_that_is_not_there_is_told(stand: Stand) -> None:
    stand.source.verify_query("all")
    with pytest.raises(NotFoundError):
        stand.source.verify_query("none")
    with pytest.raises(NotFoundError):
        stand.source.matching("none", -1, 5, 10, MANY)


def the_index_counts_every_entry(stand: Stand) -> None:
    assert stand.source.indexed() == 0
    stand.add(3)
    stand.skip()
    assert stand.source.indexed() == 4


def nothing_is_read_to_the_end(stand: Stand) -> None:
    assert read(stand, "all", -1, -1) == ([], -1)
    stand.skip()
    assert read(stand, "all", -1, 0) == ([], 0)
    stand.add(5)
    assert read(stand, "sevens", -1, 5) == ([], 5)


def a_range_is_open_below_and_closed_above(stand: Stand) -> None:
    stand.add(5)
    assert read(stand, "all", -1, 4) == ([0, 1, 2, 3, 4], 4)
    assert read(stand, "all", 1, 3) == ([2, 3], 3)
    assert read(stand, "all", 4, 4) == ([], 4)


def what_matches_comes_in_order(stand: Stand) -> None:
    stand.add(20)
    assert read(stand, "sevens", -1, 19) == ([7, 17], 19)
    assert read(stand, "sevens", 7, 19) == ([17], 19)


def a_limit_ends_at_its_last_event(stand: Stand) -> None:
    stand.add(20)
    assert read(stand, "all", -1, 19, limit=3) == ([0, 1, 2], 2)
    assert read(stand, "sevens", -1, 19, limit=1) == ([7], 7)
    # As many as the limit: whether anything follows is not known.
    assert read(stand, "sevens", -1, 19, limit=2) == ([7, 17], 17)
    assert read(stand, "sevens", 17, 19, limit=2) == ([], 19)


def bytes_end_a_batch_but_never_before_its_first_event(stand: Stand) -> None:
    stand.add(4, size=1000)
    assert read(stand, "all", -1, 3, most_bytes=10) == ([0], 0)
    assert read(stand, "all", 0, 3, most_bytes=2500) == ([1, 2], 2)
    assert read(stand, "all", 2, 3, most_bytes=2500) == ([3], 3)


RULES: list[Callable[[Stand], None]] = [
    a_query_that_is_not_there_is_told,
    the_index_counts_every_entry,
    nothing_is_read_to_the_end,
    a_range_is_open_below_and_closed_above,
    what_matches_comes_in_order,
    a_limit_ends_at_its_last_event,
    bytes_end_a_batch_but_never_before_its_first_event,
]
