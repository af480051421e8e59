"""Fsck names what does not fit the entries, and makes map and custody anew from them."""

from typing import Any

import pytest
from sqlalchemy import text

from ledger.core.entries import Z
from ledger.service.fsck import Fsck
from ledger.store.audit_store import open_audit_store
from ledger.store.map_store import SqlMapStore
from tests.fakes.chain import FakeChain
from tests.fakes.trap import Killed, Trap
from tests.fault.plant import Plant, Process
from tests.fault.test_item_map import named_keys, round_of, verify_paths
from tests.fault.test_map_audit import bend
from tests.fault.whole_state import verify_whole_state

DERIVED = (
    "map_state", "map_pages", "map_steps", "item_states", "findings", "stays", "custody_facts",
)  # fmt: skip


def fsck_of(process: Process) -> Fsck:
    url = process.plant.database_url
    return Fsck(open_store=lambda snapshot: open_audit_store(url, snapshot), log=process.log)


def contents(process: Process) -> dict[str, list[Any]]:
    with process.engine.connect() as connection:
        return {
            table: sorted(
                repr(tuple(row))
                for row in connection.execute(text(f"SELECT * FROM {table}"))  # noqa: S608
            )
            for table in DERIVED
        }


@pytest.fixture
def settled(plant: Plant, chain: FakeChain) -> Plant:
    """A log that has come to rest, with two final anchors, and a head after them."""
    plant.mine = lambda: chain.mine(3)
    process = Process(plant)
    for _ in range(2):
        plant.take_in()
        plant.settle(process)
    round_of(process, plant, 3)
    process.end()
    return plant


def checks(process: Process) -> set[str]:
    return {one["check"] for one in fsck_of(process).run()["failed"]}


def test_a_sound_log_has_nothing_to_repair(settled: Plant) -> None:
    process, heard = Process(settled), list[str]()
    report = fsck_of(process).run(progress=lambda stage, _done, _total: heard.append(stage))
    assert report["failed"] == []
    state = process.log.state()
    assert report["checked"]["entries"] == state.integrated
    assert report["checked"]["map"] > report["checked"]["custody"] > 0
    assert set(heard) == {"entries", "map", "custody"}


BENT = [
    ("UPDATE tiles SET hashes = sha256(hashes) || substring(hashes FROM 33)", "tiles"),
    ("INSERT INTO tiles VALUES (1, 0, sha256('x'))", "tiles"),
    ("UPDATE log_state SET root = sha256('x')", "root"),
    ("UPDATE heads SET root = sha256('x') WHERE size = (SELECT max(size) FROM heads)", "head"),
    ("UPDATE log_entries SET leaf_hash = sha256('x') WHERE log_index = 5", "leaf"),
    ("DELETE FROM log_entries WHERE log_index = 5", "index"),
    ("UPDATE heads SET map_root = sha256('x')", "map"),
    ("DELETE FROM map_pages", "map"),
    ("UPDATE item_states SET holder = sha256('x')", "custody"),
    ("INSERT INTO item_states (item_key, status, last_index, last_time) VALUES ('x', 'y', 0, 0)",
     "custody"),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "check"), BENT, ids=[one for one, _ in BENT])
def test_what_differs_is_named(settled: Plant, statement: str, check: str) -> None:
    bend(settled, statement)
    assert check in checks(Process(settled))


def test_a_repair_makes_map_and_custody_what_they_were(settled: Plant) -> None:
    process = Process(settled)
    before, keys = contents(process), named_keys(process)
    head = process.log.last_head()
    assert head is not None
    bend(
        settled,
        "UPDATE map_pages SET page = '\\x00'",
        "DELETE FROM map_steps",
        "UPDATE map_state SET map_root = sha256('x')",
        "UPDATE item_states SET holder = sha256('x')",
    )
    assert checks(process) >= {"map", "custody"}
    fsck_of(process).repair()
    assert fsck_of(process).run()["failed"] == []
    after = contents(process)
    # Versions begin where the repair cut them; what holds at served heads was compared above.
    assert {**after, "map_pages": []} == {**before, "map_pages": []}
    store = SqlMapStore(process.engine)
    verify_paths(store, keys, head)


def test_the_log_goes_on_after_a_repair(settled: Plant, chain: FakeChain) -> None:
    process = Process(settled)
    bend(settled, "DELETE FROM map_pages")
    fsck_of(process).repair()
    settled.take_in()
    settled.settle(process)
    verify_whole_state(settled, chain)


def test_a_wrong_head_is_not_repaired_away(settled: Plant) -> None:
    process = Process(settled)
    bend(
        settled,
        "UPDATE heads SET map_root = sha256('x') WHERE size IN (SELECT max(size) FROM heads)",
    )
    fsck_of(process).repair()
    assert checks(process) == {"map"}


def test_a_repair_that_is_killed_changes_nothing(settled: Plant) -> None:
    bend(settled, "UPDATE item_states SET holder = sha256('x')")
    process = Process(settled, Trap())
    before = contents(process)
    for statement in ("UPDATE map_state", "item_states", "custody_progress SET"):
        process.trap.arm(statement, 1, "after")
        with pytest.raises(Killed):
            fsck_of(process).repair()
        assert contents(process) == before


def test_a_log_whose_map_is_behind_is_sound(settled: Plant) -> None:
    """The map may lag: its heads are then compared up to where it is."""
    process = Process(settled)
    with process.engine.begin() as connection:
        for table in ("map_pages", "map_superseded", "map_steps"):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608
        connection.execute(
            text("UPDATE map_state SET map_size = 0, map_root = :zero, map_keys = 0"), {"zero": Z}
        )
    assert checks(process) == set()
