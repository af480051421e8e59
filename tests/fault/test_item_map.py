"""The item map in the database: it lags and never leads, and proofs go on while it grows."""

from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import text
from unbroken_verifier.item_map import verify_absence, verify_membership

from ledger.core.entries import Z
from ledger.core.errors import InvariantError, NotFoundError
from ledger.core.identifiers import item_key, key_key
from ledger.core.item_map import value_of
from ledger.core.signatures import address_of
from ledger.service import integrate
from ledger.service.fsck import Fsck
from ledger.service.map_ports import MapPath
from ledger.service.ports import Head
from ledger.store.audit_store import open_audit_store
from ledger.store.map_store import SqlMapStore
from tests.fakes.chain import FakeChain
from tests.fault.plant import Plant, Process
from tests.fault.trade import MAKER, SHOP
from tests.fault.whole_state import verify_whole_state

ABSENT = sha256(b"never issued").digest()


def round_of(process: Process, plant: Plant, at_ms: int) -> Head:
    """Take in the next documents, integrate and publish; nothing is anchored."""
    plant.take_in()
    process.sequencer().run(at_ms=at_ms)
    while process.integrator().run():
        pass
    head = process.publisher().run(at_ms=at_ms)
    assert head is not None
    return head


def rows(process: Process, query: str) -> list[Any]:
    with process.engine.connect() as connection:
        return list(connection.execute(text(query)).all())


def named_keys(process: Process) -> list[bytes]:
    return [row.item_key for row in rows(process, "SELECT DISTINCT item_key FROM item_rows")]


def verify_paths(store: SqlMapStore, keys: list[bytes], head: Head) -> dict[bytes, MapPath]:
    """Every chain of keys leads to the head's map root; returns the paths."""
    paths = store.paths([*keys, ABSENT], head.size)
    for key in keys:
        steps, path = store.chain(key, head.size), paths[key]
        if steps:
            verify_membership(head.map_root, key, value_of(key, steps), path.siblings)
        else:
            verify_absence(head.map_root, key, path.siblings, path.terminal)
    verify_absence(head.map_root, ABSENT, paths[ABSENT].siblings, paths[ABSENT].terminal)
    return paths


def test_every_published_head_goes_on_being_served(plant: Plant) -> None:
    process = Process(plant)
    heads = [round_of(process, plant, at_ms) for at_ms in range(1, 6)]
    assert len({head.map_root for head in heads} - {Z}) == len(heads)
    store, keys = SqlMapStore(process.engine), named_keys(process)
    parties = [one.party for one in (MAKER, SHOP)]
    signers = [key_key(address_of(one.private_key)) for one in (MAKER, SHOP)]
    for head in heads:
        verify_paths(store, [*keys, *parties, *signers], head)
    first, last = (
        {key for key in keys if store.chain(key, head.size)} for head in (heads[0], heads[-1])
    )
    assert first < last == set(keys)


def test_a_party_and_a_key_have_their_facts_as_steps(plant: Plant) -> None:
    process = Process(plant)
    head = round_of(process, plant, 1)
    store = SqlMapStore(process.engine)
    facts = dict(tuple(row) for row in rows(process, "SELECT log_index, kind FROM log_entries"))
    for signer in (MAKER, SHOP):
        party = [facts[index] for index, _ in store.chain(signer.party, head.size)]
        address = address_of(signer.private_key)
        key = [facts[index] for index, _ in store.chain(key_key(address), head.size)]
        assert (party, key) == ([3, 4], [4])


def test_a_chain_ends_at_the_size_that_is_asked_for(plant: Plant) -> None:
    process = Process(plant)
    head = round_of(process, plant, 1)
    store = SqlMapStore(process.engine)
    key = item_key("/01/04012345111118/21/10")
    steps = store.chain(key, head.size)
    assert len(steps) > 1
    assert store.chain(key, steps[-1][0]) == steps[:-1]
    assert store.chain(ABSENT, head.size) == []


def test_versions_go_when_two_final_heads_have_passed_them(plant: Plant, chain: FakeChain) -> None:
    plant.mine = lambda: chain.mine(3)
    process = Process(plant)
    old = round_of(process, plant, 1)
    store, keys, finals = SqlMapStore(process.engine), named_keys(process), []
    for _ in range(2):
        plant.take_in()
        plant.settle(process)
        final = process.log.last_head()
        assert final is not None
        finals.append(final)
        # A proof may have begun at the one before.
        for one in finals:
            verify_paths(store, keys, one)
    with pytest.raises(NotFoundError, match=f"size {old.size} is not kept"):
        store.paths(keys, old.size)
    head = round_of(process, plant, 2)
    for one in (*finals, head):
        verify_paths(store, keys, one)
    oldest = rows(process, "SELECT min(until) AS until FROM map_superseded")[0].until
    assert oldest > old.size
    # What holds at no served head is gone: one version a page, and those that are listed.
    pages, listed = (
        rows(process, f"SELECT count(*) AS n, count(DISTINCT prefix) AS d FROM {table}")[0]  # noqa: S608
        for table in ("map_pages", "map_superseded")
    )
    assert pages.n == pages.d + listed.n


def test_an_unpublished_version_is_not_kept(plant: Plant) -> None:
    process = Process(plant)
    plant.take_in()
    process.sequencer().run(at_ms=1)
    process.integrator().run()
    size = process.log.state().map_size
    plant.take_in()
    process.sequencer().run(at_ms=2)
    process.integrator().run()
    assert rows(process, "SELECT * FROM map_superseded") == []
    with pytest.raises(NotFoundError):
        SqlMapStore(process.engine).paths([ABSENT], size)


def test_a_log_that_is_older_than_its_map_enters_it_in_steps(
    plant: Plant, chain: FakeChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after the upgrade of a release that had no map: no head until all of it is there."""
    process = Process(plant)
    plant.take_in()
    plant.settle(process)
    whole = process.log.state()
    with process.engine.begin() as connection:
        for table in ("map_pages", "map_superseded", "map_steps"):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608
        connection.execute(
            text("UPDATE map_state SET map_size = 0, map_root = :zero, map_keys = 0"), {"zero": Z}
        )
    monkeypatch.setattr(integrate, "MAX_LEAVES", 3)
    plant.take_in()
    process.sequencer().run(at_ms=9)
    sizes = []
    while process.integrator().run():
        state = process.log.state()
        assert state.map_size <= state.integrated
        sizes.append(state.map_size)
        if state.map_size < state.integrated:
            assert process.publisher().run(at_ms=9) is None
    assert sizes == sorted(set(sizes))
    assert sizes[0] == 3
    assert process.log.state().map_size == process.log.state().sequenced > whole.map_size
    plant.settle(process)
    process.end()
    verify_whole_state(plant, chain)


def test_no_head_is_published_of_a_size_that_integration_has_left(plant: Plant) -> None:
    """Another worker integrates between the signature and its insert: the head is let go."""
    process, other = Process(plant), Process(plant)
    plant.take_in()
    process.sequencer().run(at_ms=1)
    process.integrator().run()
    publisher = process.publisher()
    state = process.log.state()
    plant.take_in()
    other.sequencer().run(at_ms=2)

    class Late:
        """The checkpoint key, while another worker goes on."""

        def sign(self, message: bytes, /) -> bytes:
            other.integrator().run()
            return signer.sign(message)

    signer, publisher.note_signer = publisher.note_signer, Late()
    assert publisher.run(at_ms=1) is None
    assert rows(process, f"SELECT * FROM heads WHERE size = {state.integrated}") == []  # noqa: S608
    publisher.note_signer = signer
    head = publisher.run(at_ms=2)
    assert head is not None
    verify_paths(SqlMapStore(process.engine), named_keys(process), head)


def repair(process: Process) -> None:
    url = process.plant.database_url
    Fsck(open_store=lambda snapshot: open_audit_store(url, snapshot), log=process.log).repair()


def test_no_head_is_published_of_a_map_that_a_repair_has_made_anew(plant: Plant) -> None:
    """Signed over the root of bent pages, while fsck brings the right one back at that size."""
    process, other = Process(plant), Process(plant)
    plant.take_in()
    process.sequencer().run(at_ms=1)
    process.integrator().run()
    publisher = process.publisher()
    with process.engine.begin() as connection:
        connection.execute(text("UPDATE map_state SET map_root = sha256('x')"))

    class Late:
        """The checkpoint key, while an operator repairs."""

        def sign(self, message: bytes, /) -> bytes:
            repair(other)
            return signer.sign(message)

    signer, publisher.note_signer = publisher.note_signer, Late()
    assert publisher.run(at_ms=1) is None
    assert rows(process, "SELECT * FROM heads") == []
    publisher.note_signer = signer
    head = publisher.run(at_ms=2)
    assert head is not None
    verify_paths(SqlMapStore(process.engine), named_keys(process), head)


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM map_pages WHERE prefix <> ''",
        "UPDATE map_pages SET page = set_byte(page, 80, get_byte(page, 80) # 1) WHERE prefix <> ''",
        "UPDATE map_state SET map_root = sha256('x')",
    ],
)
def test_a_damaged_map_stops_the_worker_before_it_signs(plant: Plant, damage: str) -> None:
    process = Process(plant)
    head = round_of(process, plant, 1)
    with process.engine.begin() as connection:
        connection.execute(text(damage))
    plant.take_in()
    process.sequencer().run(at_ms=2)
    with pytest.raises(InvariantError, match="run unbroken fsck"):
        process.integrator().run()
    assert process.log.state().integrated == head.size
    process = Process(plant)
    repair(process)
    process.integrator().run()
    head = process.publisher().run(at_ms=3)
    assert head is not None
    verify_paths(SqlMapStore(process.engine), named_keys(process), head)
