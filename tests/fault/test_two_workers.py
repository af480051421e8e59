"""Two workers on one database: neither sequences, signs nor anchors what the other does."""

import threading
from itertools import count

import pytest

from ledger.worker import STORE_AWAY
from tests.fakes.chain import FakeChain
from tests.fakes.trap import Trap, When
from tests.fault.anvil import Anvil
from tests.fault.plant import Plant, Process
from tests.fault.whole_state import verify_by_audit, verify_whole_state

MOST_POINTS = 100
ROUNDS = 6


@pytest.mark.parametrize(
    ("label", "when"),
    [("^(chain|sign)", "before"), ("^(chain|sign|commit)", "after")],
    ids=["before every call", "after every call and commit"],
)
def test_a_whole_turn_of_the_other_fits_between_any_two_points(
    plant: Plant, chain: FakeChain, label: str, when: When
) -> None:
    """Every point at which the first holds no lock; one log that goes on."""
    plant.mine = lambda: chain.mine(3)
    for point in count(1):
        assert point < MOST_POINTS
        plant.take_in()
        first, second = Process(plant, Trap()), Process(plant)
        other = second.worker()
        first.trap.arm(label, point, when)
        first.trap.instead = lambda turn=other.turn: [turn(), chain.mine(), turn()]
        plant.settle(first)
        first.end()
        second.end()
        if first.trap.sprung is None:
            break
    assert point > 5
    verify_whole_state(plant, chain)
    verify_by_audit(plant, chain)


@pytest.mark.chain
def test_two_at_once_on_a_real_chain(anvil_plant: Plant, anvil: Anvil) -> None:
    plant, stop, errors = anvil_plant, threading.Event(), list[BaseException]()

    def work() -> None:
        worker = Process(plant).worker()
        while not stop.is_set():
            try:
                worker.turn()
            except STORE_AWAY:
                continue
            except BaseException as error:  # noqa: BLE001 -- shown by the test
                errors.append(error)
                return

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(ROUNDS):
            plant.take_in()
            anvil.mine()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert errors == []
    plant.run_to_the_end()
    verify_whole_state(plant, anvil.records(plant.identity))
    verify_by_audit(plant, anvil.records(plant.identity))
