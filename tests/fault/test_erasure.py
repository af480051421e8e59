"""A worker that is killed between a tombstone and the destruction of what it names."""

from itertools import count

import pytest
from sqlalchemy import text

from ledger.core.facts import tombstone
from ledger.service.register import Registrar
from tests.fakes.chain import FakeChain
from tests.fakes.trap import Killed, Trap, When
from tests.fault.plant import FOUNDED_MS, Plant, Process, key
from tests.fault.whole_state import verify_by_audit, verify_whole_state

MOST_POINTS = 30
ROUNDS = 8
# The statements that name a tombstone, destroy, or move the log; every other one is under test in
# test_every_statement.
STATEMENTS = r"sql .*(tombstones|= NULL|FROM epcis_|deliveries|UPDATE (epcis_index|log_state))"
# Not the pack that was destroyed by mistake: its declaration has to find it.
_LAST = text("SELECT max(log_index) FROM events WHERE event_id NOT LIKE 'urn:x:%'")
_LEFT = text("""
    SELECT t.event_index FROM tombstones t JOIN events v ON v.log_index = t.event_index
        JOIN log_entries e ON e.log_index = t.event_index
        JOIN submissions s ON s.id = e.submission_id
        JOIN capture_results r ON r.submission_id = s.id
        LEFT JOIN epcis_events q ON q.log_index = t.event_index
        LEFT JOIN custody_facts f ON f.log_index = t.event_index
    WHERE num_nonnulls(v.content, v.sealed_secret, v.event_digest, v.event_id, v.event_hash,
        s.document, s.sealed, r.reason, r.findings, q.log_index, f.log_index) > 0
""")


def erase(plant: Plant, index: int) -> None:
    """Queue the tombstone of an event, as the registrar's command does."""
    process = Process(plant)
    registrar = Registrar(
        store=process.log, identity=plant.identity, registrar_key=key("registrar"),
        vault=plant.vault,
    )  # fmt: skip
    registrar.submit([tombstone(FOUNDED_MS, registrar.address, index, "GDPR 17")], at_ms=FOUNDED_MS)
    process.end()


def last_event(plant: Plant) -> int:
    process = Process(plant)
    with process.engine.connect() as connection:
        index: int = connection.execute(_LAST).scalar_one()
    process.end()
    return index


@pytest.mark.parametrize(
    ("label", "when"),
    [(STATEMENTS, "before"), ("^commit", "after")],
    ids=["before every statement", "after every commit"],
)
def test_a_kill_anywhere_in_an_erasure_is_made_good_by_the_next_worker(
    plant: Plant, chain: FakeChain, label: str, when: When
) -> None:
    plant.mine = lambda: chain.mine(3)
    for _ in range(ROUNDS):
        plant.take_in()
    plant.run_to_the_end()
    for point in count(1):
        assert point < MOST_POINTS
        erase(plant, last_event(plant))
        process = Process(plant, Trap())
        process.trap.arm(label, point, when)
        try:
            plant.settle(process)
        except Killed:
            process.end()
            plant.run_to_the_end()
        if process.trap.sprung is None:
            break
    with process.trap.away(), process.engine.connect() as connection:
        assert connection.execute(_LEFT).all() == []
        assert connection.execute(text("SELECT count(*) FROM tombstones")).scalar_one() == point
    process.end()
    assert point > 5
    verify_whole_state(plant, chain)
    verify_by_audit(plant, chain)
