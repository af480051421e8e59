"""The one clock counts milliseconds of the present."""

import time

from ledger.clock import now_ms


def test_now_lies_between_two_readings_of_the_system_clock() -> None:
    before = int(time.time() * 1000)
    now = now_ms()
    assert before <= now <= int(time.time() * 1000) + 1
