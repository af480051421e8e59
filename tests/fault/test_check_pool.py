"""A check that kills its process is answered; the others of its batch are checked all the same."""

import os
import time

import pytest

from ledger.check_pool import CheckPool

MIB = 1024**2


def check(what: str) -> str:
    if what == "dies":
        os.abort()
    if what == "loops":
        time.sleep(60)
    if what == "eats":
        return str(len(bytearray(3 * 1024 * MIB)))
    return what.upper()


def told(what: str) -> str:
    return f"{what} is refused"


@pytest.mark.parametrize("bad", ["dies", "loops"])
def test_what_kills_a_process_is_refused_and_the_rest_is_checked(bad: str) -> None:
    jobs = [("a",), (bad,), ("b",), ("c",)]
    with CheckPool(2, seconds=2.0) as pool:
        wanted = ["A", f"{bad} is refused", "B", "C"]
        assert list(pool.run(check, jobs, chunksize=2, instead=told)) == wanted
        # The pool goes on: the next batch knows nothing of it.
        assert list(pool.run(check, [("d",)], chunksize=1, instead=told)) == ["D"]


def test_a_check_may_not_take_all_memory() -> None:
    # It gets a MemoryError, which is its own rejection, as any error of a check is.
    with CheckPool(1, memory_bytes=2 * 1024 * MIB) as pool, pytest.raises(MemoryError):
        list(pool.run(check, [("eats",)], chunksize=1, instead=told))
