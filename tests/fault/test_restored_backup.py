"""A database that is older than what was signed or anchored: nothing more may be signed."""

import psycopg
import pytest
from sqlalchemy import text

from ledger.core.errors import InvariantError
from tests.fakes.chain import FakeChain
from tests.fault.conftest import CopyDatabase, name_of
from tests.fault.plant import Plant, Process


def _restored(plant: Plant, copy_database: CopyDatabase, backup: str) -> Plant:
    return Plant(
        database_url=copy_database(name_of(backup)), chain=plant.chain, mine=plant.mine,
        identity=plant.identity, rounds=10,
    )  # fmt: skip


@pytest.fixture
def backup(plant: Plant, copy_database: CopyDatabase) -> str:
    """A copy made when a first head was anchored; afterwards the log went on."""
    plant.take_in()
    plant.run_to_the_end()
    plant.close()
    url = copy_database(name_of(plant.database_url))
    plant.take_in()
    plant.run_to_the_end()
    plant.close()
    return url


def _head_count(plant: Plant) -> int:
    with psycopg.connect(plant.database_url) as connection:
        row = connection.execute("SELECT count(*) FROM heads").fetchone()
    assert row is not None
    return int(row[0])


def test_a_worker_does_not_start_behind_the_chain(
    plant: Plant, copy_database: CopyDatabase, backup: str
) -> None:
    restored = _restored(plant, copy_database, backup)
    worker = Process(restored).worker()
    with pytest.raises(InvariantError, match="newer backup or a mirror"):
        worker.verify_not_behind()
    restored.close()


def test_growth_beyond_the_anchored_size_does_not_hide_it(
    plant: Plant, copy_database: CopyDatabase, backup: str
) -> None:
    """The sizes fit again, the roots do not."""
    restored = _restored(plant, copy_database, backup)
    for _ in range(3):
        restored.take_in()
    process = Process(restored)
    process.sequencer().run(at_ms=0)
    process.integrator().run()
    assert process.log.state().integrated > (plant.chain.anchored_head() or (0, b""))[0]
    before = _head_count(restored)
    with pytest.raises(InvariantError, match="restored backup"):
        process.worker().verify_not_behind()
    with pytest.raises(InvariantError, match="restored backup"):
        process.anchorer().run(at_ms=0)
    assert _head_count(restored) == before
    restored.close()


def test_a_fork_of_the_anchored_size_is_not_taken_for_the_log(
    plant: Plant, copy_database: CopyDatabase, backup: str
) -> None:
    """A head of that size is published, with another root."""
    restored = _restored(plant, copy_database, backup)
    restored.take_in()
    process = Process(restored)
    process.sequencer().run(at_ms=0)
    process.integrator().run()
    head = process.publisher().run(at_ms=0)
    assert head is not None
    assert head.size == (plant.chain.anchored_head() or (0, b""))[0]
    with pytest.raises(InvariantError, match="restored backup"):
        process.worker().verify_not_behind()
    restored.close()


def test_a_log_behind_its_last_signed_head_signs_nothing(plant: Plant, chain: FakeChain) -> None:
    plant.take_in()
    plant.run_to_the_end()
    process = Process(plant)
    with process.engine.begin() as connection:
        connection.execute(text("UPDATE log_state SET integrated = integrated - 1"))
    with pytest.raises(InvariantError, match="was signed but the log has"):
        process.publisher().verify_not_behind()
    with pytest.raises(InvariantError, match="was signed but the log has"):
        process.publisher().run(at_ms=0)
    assert chain.successes() == 1


def test_no_second_root_of_a_size_is_signed(plant: Plant) -> None:
    plant.take_in()
    plant.run_to_the_end()
    process = Process(plant)
    with process.engine.begin() as connection:
        connection.execute(text("UPDATE log_state SET root = sha256('another')"))
    with pytest.raises(InvariantError, match="does not extend"):
        process.publisher().run(at_ms=0)


def test_no_head_is_signed_over_damaged_tiles(plant: Plant) -> None:
    """The frontier goes on from its peaks; only the proof shows that the tiles left it."""
    plant.take_in()
    plant.run_to_the_end()
    process = Process(plant)
    with process.engine.begin() as connection:
        connection.execute(text("ALTER TABLE tiles DISABLE TRIGGER ALL"))
        connection.execute(text("UPDATE tiles SET hashes = overlay(hashes PLACING 'x' FROM 3)"))
    plant.take_in()
    process.sequencer().run(at_ms=0)
    process.integrator().run()
    with pytest.raises(InvariantError, match="does not extend"):
        process.publisher().run(at_ms=0)


def test_a_head_stored_by_another_worker_is_the_same_head(plant: Plant) -> None:
    plant.take_in()
    process = Process(plant)
    process.sequencer().run(at_ms=0)
    process.integrator().run()
    head = process.publisher().run(at_ms=0)
    assert head is not None
    process.log.add_head(head)
    other = type(head)(
        size=head.size, root=bytes(32), map_root=head.map_root, signature=head.signature,
        note=head.note, published_ms=0,
    )  # fmt: skip
    with pytest.raises(InvariantError, match="two roots"):
        process.log.add_head(other)
