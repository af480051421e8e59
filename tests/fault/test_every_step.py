"""Each step of an event's life fails, undone or done, in a process that dies or lives on."""

import psycopg
import pytest

from tests.fakes.chain import FakeChain, FakeUnreachableError
from tests.fakes.trap import Killed, Trap, When
from tests.fault.plant import Plant, Process
from tests.fault.whole_state import verify_by_audit, verify_whole_state

STEPS = {
    "sequencing": "commit log_state sequenced",
    "integration": "commit log_state integrated",
    "indexing": "commit epcis_index",
    "sign head": "sign head",
    "head insert": "commit heads",
    "sign anchor": "chain sign",
    "anchor prepare": "commit anchors prepared",
    "broadcast": "chain broadcast",
    "mark sent": "commit anchors sent",
    "receipt read": "chain mined_in",
    "finality read": "chain settled_number",
    "mark mined": "commit anchors mined",
    "mark safe": "commit anchors safe",
    "mark final": "commit anchors final",
}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_crash_at_a_step_loses_nothing_and_repeats_nothing(
    plant: Plant, chain: FakeChain, step: str, when: When
) -> None:
    plant.take_in()
    process = Process(plant, Trap())
    process.trap.arm(STEPS[step], 1, when)
    with pytest.raises(Killed):
        plant.settle(process)
    process.end()
    plant.take_in()
    plant.run_to_the_end()
    verify_whole_state(plant, chain)
    verify_by_audit(plant, chain)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_an_error_at_a_step_is_made_good_by_the_next_turns(
    plant: Plant, chain: FakeChain, step: str, when: When
) -> None:
    plant.take_in()
    process = Process(plant, Trap())
    error = (
        FakeUnreachableError("timeout")
        if "chain" in STEPS[step]
        else psycopg.OperationalError("the connection was lost")
    )
    process.trap.arm(STEPS[step], 1, when, error)
    plant.settle(process)
    assert process.trap.sprung is not None
    process.end()
    verify_whole_state(plant, chain)
    assert len(chain.blocks[-1].heads) == chain.successes()
