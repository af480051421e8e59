"""What chains do to transactions, step by step on the fake chain."""

import sqlalchemy as sa

from ledger.service.anchor import REPLACE_AFTER_MS, Anchorer
from tests.fakes.chain import FakeChain, FakeRefusedError
from tests.fakes.trap import Trap
from tests.fault.plant import Plant, Process
from tests.fault.whole_state import verify_whole_state

START_MS = 1_800_000_000_000


def _states(plant: Plant, process: Process) -> list[str]:
    return [row[2] for row in plant.anchor_rows(process)]


def _bytes(process: Process) -> dict[int, bytes]:
    with process.engine.connect() as connection:
        return {row.id: row.raw for row in connection.execute(sa.text("SELECT * FROM anchors"))}


def _publish(plant: Plant, process: Process) -> None:
    plant.take_in()
    process.sequencer().run(at_ms=START_MS)
    process.integrator().run()
    process.publisher().run(at_ms=START_MS)


def _several_mined(plant: Plant, process: Process, chain: FakeChain, number: int) -> Anchorer:
    """Anchor `number` heads, each in a block of its own, none of them final."""
    anchorer = process.anchorer()
    for _ in range(number):
        _publish(plant, process)
        anchorer.run(at_ms=START_MS)
        chain.mine()
        anchorer.run(at_ms=START_MS)
    return anchorer


def test_several_anchors_undone_at_once_become_final_with_the_same_bytes(
    plant: Plant, chain: FakeChain
) -> None:
    chain.final_at = 0
    process = Process(plant)
    anchorer = _several_mined(plant, process, chain, 3)
    assert _states(plant, process) == ["mined"] * 3
    before = _bytes(process)
    chain.reorg(3)
    anchorer.run(at_ms=START_MS)
    # One in flight: the other two wait for their turn in the state they were seen in.
    assert _states(plant, process) == ["sent", "mined", "mined"]
    chain.final_at = None
    plant.settle(process)
    assert _bytes(process) == before
    assert _states(plant, process) == ["final"] * 3
    verify_whole_state(plant, chain)


def test_an_older_anchor_undone_while_a_newer_is_in_flight(plant: Plant, chain: FakeChain) -> None:
    chain.final_at = 0
    process = Process(plant)
    anchorer = _several_mined(plant, process, chain, 1)
    _publish(plant, process)
    anchorer.run(at_ms=START_MS)
    assert _states(plant, process) == ["mined", "sent"]
    before = _bytes(process)
    chain.reorg(1)
    chain.drop()
    chain.final_at = None
    plant.settle(process)
    assert _bytes(process) == before
    verify_whole_state(plant, chain)


def test_a_reverted_anchor_that_is_undone_leaves_no_gap(plant: Plant, chain: FakeChain) -> None:
    process, chain.final_at = Process(plant), 0
    anchorer = _several_mined(plant, process, chain, 1)
    _publish(plant, process)
    anchorer.run(at_ms=START_MS)
    chain.paused = True
    chain.mine()
    anchorer_states = []
    chain.paused = False
    while "failed" not in anchorer_states:
        anchorer.run(at_ms=START_MS)
        anchorer_states = _states(plant, process)
    assert anchorer_states[:2] == ["mined", "failed"]
    chain.reorg(1)
    chain.drop()
    chain.final_at = None
    plant.settle(process)
    verify_whole_state(plant, chain)


def test_a_final_anchor_that_vanishes_all_the_same_is_sent_again(
    plant: Plant, chain: FakeChain
) -> None:
    """A devnet that is killed forgets its last second, whatever it called final."""
    plant.take_in()
    process = Process(plant)
    plant.settle(process)
    before = _bytes(process)
    chain.reorg(len(chain.blocks) - 1)
    _publish(plant, process)
    plant.settle(process)
    assert before.items() <= _bytes(process).items()
    verify_whole_state(plant, chain)


def test_finality_that_stalls_keeps_anchors_mined_and_the_log_growing(
    plant: Plant, chain: FakeChain
) -> None:
    chain.final_at = 0
    process = Process(plant)
    anchorer = _several_mined(plant, process, chain, 3)
    chain.mine(50)
    anchorer.run(at_ms=START_MS)
    assert _states(plant, process) == ["mined"] * 3
    chain.final_at = None
    anchorer.run(at_ms=START_MS)
    assert _states(plant, process) == ["final"] * 3


def test_a_receipt_that_was_a_lie_is_forgotten(plant: Plant, chain: FakeChain) -> None:
    process = Process(plant)
    _publish(plant, process)
    anchorer = process.anchorer()
    anchorer.run(at_ms=START_MS)
    chain.mine()
    anchorer.run(at_ms=START_MS)
    assert _states(plant, process) == ["mined"]
    # The honest node knows no such block.
    chain.reorg(1)
    anchorer.run(at_ms=START_MS)
    assert _states(plant, process) == ["sent"]
    plant.settle(process)
    verify_whole_state(plant, chain)


def test_a_stuck_anchor_is_outbid_by_one_of_its_nonce(plant: Plant, chain: FakeChain) -> None:
    process = Process(plant)
    _publish(plant, process)
    anchorer = process.anchorer()
    anchorer.run(at_ms=START_MS)
    chain.base_fee *= 50
    chain.mine()
    anchorer.run(at_ms=START_MS + REPLACE_AFTER_MS - 1)
    assert _states(plant, process) == ["sent"]
    anchorer.run(at_ms=START_MS + REPLACE_AFTER_MS)
    assert _states(plant, process) == ["replaced", "sent"]
    assert len({row[1] for row in plant.anchor_rows(process)}) == 1
    chain.mine(4)
    anchorer.run(at_ms=START_MS + REPLACE_AFTER_MS)
    assert _states(plant, process) == ["replaced", "final"]
    verify_whole_state(plant, chain)


def test_the_replaced_one_is_honoured_when_it_is_mined(plant: Plant, chain: FakeChain) -> None:
    process = Process(plant)
    _publish(plant, process)
    anchorer = process.anchorer()
    anchorer.run(at_ms=START_MS)
    (first,) = chain.pool.values()
    anchorer.run(at_ms=START_MS + REPLACE_AFTER_MS)
    chain.pool = {first.tx_hash: first}
    chain.mine()
    anchorer.run(at_ms=START_MS + REPLACE_AFTER_MS)
    assert _states(plant, process) == ["mined", "replaced"]
    # And back: the reorganised chain takes the other one.
    first_hash = next(iter(chain.blocks[-1].mined))
    chain.reorg(1)
    dearer = next(raw for raw in _bytes(process).values() if raw != first.raw)
    chain.broadcast(dearer)
    chain.mine(4)
    assert chain.mined_in(first_hash, 0) is None
    anchorer.run(at_ms=START_MS + REPLACE_AFTER_MS)
    assert _states(plant, process) == ["replaced", "final"]
    verify_whole_state(plant, chain)


def test_an_undone_anchor_is_not_outbid_at_once(plant: Plant, chain: FakeChain) -> None:
    process = Process(plant)
    anchorer = _several_mined(plant, process, chain, 1)
    late = START_MS + 10 * REPLACE_AFTER_MS
    chain.reorg(1)
    anchorer.run(at_ms=late)
    anchorer.run(at_ms=late + 1)
    assert _states(plant, process) == ["sent"]


def test_a_crash_while_replacing_leaves_one_living_anchor(plant: Plant, chain: FakeChain) -> None:
    for label in ("commit anchors prepared", "chain broadcast", "chain replacement"):
        process = Process(plant, Trap())
        _publish(plant, process)
        process.anchorer().run(at_ms=START_MS)
        process.trap.arm(label, 1, "after", FakeRefusedError("down"))
        try:
            process.anchorer().run(at_ms=START_MS + REPLACE_AFTER_MS)
        except FakeRefusedError:
            process.end()
        assert process.trap.sprung
        plant.run_to_the_end()
        verify_whole_state(plant, chain)


def test_a_nonce_that_somebody_else_spent_frees_the_worker(plant: Plant, chain: FakeChain) -> None:
    process = Process(plant)
    _publish(plant, process)
    anchorer = process.anchorer()
    anchorer.run(at_ms=START_MS)
    chain.spend_nonce()
    anchorer.run(at_ms=START_MS + 1)
    assert _states(plant, process) == ["sent"]
    anchorer.run(at_ms=START_MS + REPLACE_AFTER_MS)
    assert _states(plant, process)[0] == "failed"
    plant.settle(process)
    verify_whole_state(plant, chain)


def test_an_anchor_that_was_copied_out_of_the_pool_is_final_all_the_same(
    plant: Plant, chain: FakeChain
) -> None:
    """Anybody may send our head first: ours reverts, but the record is there."""
    process = Process(plant)
    _publish(plant, process)
    anchorer = process.anchorer()
    anchorer.run(at_ms=START_MS)
    chain.copy_from_pool()
    chain.mine(3)
    assert chain.successes() == 0
    anchorer.run(at_ms=START_MS)
    assert _states(plant, process) == ["final"]
    verify_whole_state(plant, chain)


def test_a_clock_that_was_set_back_does_not_stop_anchoring(plant: Plant, chain: FakeChain) -> None:
    process = Process(plant)
    _several_mined(plant, process, chain, 1)
    _publish(plant, process)
    process.anchorer(interval_ms=60_000).run(at_ms=START_MS - 1)
    assert _states(plant, process) == ["mined", "sent"]


def test_a_block_that_is_undone_between_two_questions_is_not_final(plant: Plant) -> None:
    """Finality is asked first: a chain that reorganises in between cannot make a lie final."""

    class Hasty(FakeChain):
        def settled_number(self, state: str) -> int:
            found = super().settled_number(state)
            if state == "safe":
                self.reorg(3)
                self.mine(9)
            return found

    hasty = Hasty()
    plant.chain, plant.mine = hasty, hasty.mine
    process = Process(plant)
    _publish(plant, process)
    anchorer = process.anchorer(interval_ms=60_000)
    anchorer.run(at_ms=START_MS)
    hasty.mine(3)
    anchorer.run(at_ms=START_MS)
    assert _states(plant, process) == ["sent"]
