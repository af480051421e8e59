"""A worker that is killed at its first, second, third ... statement, and at every commit."""

from itertools import count

import pytest

from tests.fakes.chain import FakeChain
from tests.fakes.trap import Killed, Trap, When
from tests.fault.plant import Plant, Process
from tests.fault.whole_state import verify_by_audit, verify_whole_state

MOST_POINTS = 300
# Nothing heals by itself: rounds share no items, and the log only grows. What an earlier point bent
# is still bent when the whole state is checked.
CHECK_EVERY = 25
# Not the pool's question whether the connection is alive.
ANY = r"^(?!sql (SELECT 1)?$)"


# A round for each of some hundred statements: 100 s beside other work.
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("label", "when"),
    [(ANY, "before"), ("^(commit|chain broadcast)", "after")],
    ids=["before every point", "after every commit and broadcast"],
)
def test_a_kill_at_any_point_of_a_run_loses_nothing(
    plant: Plant, chain: FakeChain, label: str, when: When
) -> None:
    """One log that goes on: every round is killed one point later, until a round comes through."""
    plant.mine = lambda: chain.mine(3)
    for point in count(1):
        assert point < MOST_POINTS
        plant.take_in()
        process = Process(plant, Trap())
        process.trap.arm(label, point, when)
        try:
            plant.settle(process)
        except Killed:
            process.end()
            plant.run_to_the_end()
        if process.trap.sprung is None:
            break
        if point % CHECK_EVERY == 0:
            verify_whole_state(plant, chain)
    process.end()
    verify_whole_state(plant, chain)
    verify_by_audit(plant, chain)
    assert len(process.trap.passed) == point - 1 > 5
