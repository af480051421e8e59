"""The whole state of a ledger, checked from its raw rows: what a crash may not have bent."""

from collections import deque
from typing import Any

from sqlalchemy import Connection, text

from ledger.core.eip712 import head_digest, keccak
from ledger.core.entries import Z, decode_fact
from ledger.core.item_map import fact_keys, value_of
from ledger.core.item_map import map_root as map_root_of
from ledger.core.map_pages import update_pages
from ledger.core.merkle import Frontier, leaf_hash, root_hash
from ledger.core.signatures import recover
from ledger.core.tiles import completed_tiles
from ledger.service.audit import Auditor
from ledger.store.audit_store import open_audit_store
from tests.case_replay import verify_cases
from tests.custody_replay import derived, replayed
from tests.fault.plant import Plant, Process, key


def verify_whole_state(plant: Plant, records: Any) -> None:  # noqa: ANN401 -- AnchorRecords
    """Check everything; the log must have come to rest and every anchor to be final."""
    process = Process(plant)
    with process.engine.connect() as connection:
        _verify_promises(connection, plant.acknowledged)
        leaves = _verify_log(connection)
        _verify_heads(connection, plant, leaves)
        _verify_map(connection, leaves)
        _verify_anchors(connection, records, len(leaves))
        _verify_custody(connection)
        verify_cases(connection)
    _verify_index(process)
    process.end()


def verify_by_audit(plant: Plant, records: Any) -> None:  # noqa: ANN401 -- AnchorRecords
    """Let the ledger's own audit replay contents, signatures, rights and custody too."""
    auditor = Auditor(
        open_store=lambda snapshot: open_audit_store(plant.database_url, snapshot),
        identity=plant.identity,
        storage_key=key("storage"),
        records=records,
    )
    assert auditor.run()["failed"] == []


def _verify_promises(connection: Connection, acknowledged: dict[bytes, tuple[int, int]]) -> None:
    """Check that every document is logged whole or rejected whole, and answered so."""
    logged = connection.execute(
        text(
            "SELECT s.digest, count(e.log_index) AS entries,"
            " (SELECT count(*) FROM capture_results r WHERE r.submission_id = s.id"
            "  AND r.verdict = 'accepted') AS answers,"
            " (SELECT count(*) FROM capture_results r WHERE r.submission_id = s.id"
            "  AND r.verdict = 'rejected') AS refusals,"
            " array_remove(array_agg(e.position ORDER BY e.position), NULL) AS positions"
            " FROM submissions s LEFT JOIN log_entries e ON e.submission_id = s.id"
            " WHERE s.media_type IS NOT NULL GROUP BY s.id, s.digest"
        )
    ).all()
    assert {row.digest: (row.entries, row.refusals) for row in logged} == acknowledged
    assert all(row.answers == row.entries for row in logged)
    assert all(row.positions == list(range(row.entries)) for row in logged)
    names = connection.execute(
        text(
            "SELECT event_id, count(*), count(DISTINCT event_hash) FROM events"
            " WHERE event_id IS NOT NULL GROUP BY event_id"
        )
    ).all()
    # The pack that was destroyed by mistake, and its declaration.
    assert {tuple(row)[1:] for row in names if row.event_id.startswith("urn:x:")} <= {(2, 1)}


def _verify_log(connection: Connection) -> list[bytes]:
    rows = connection.execute(
        text("SELECT log_index, leaf_hash, entry FROM log_entries ORDER BY log_index")
    ).all()
    leaves = [leaf_hash(row.entry) for row in rows]
    assert [row.log_index for row in rows] == list(range(len(rows)))
    assert [row.leaf_hash for row in rows] == leaves
    assert len(set(leaves)) == len(leaves)
    state = connection.execute(text("SELECT * FROM log_state")).one()
    assert (state.sequenced, state.integrated) == (len(leaves), len(leaves))
    assert state.root == root_hash(leaves)
    tiles = connection.execute(text("SELECT level, tile_index, hashes FROM tiles")).all()
    assert {tuple(tile) for tile in tiles} == set(completed_tiles(0, leaves, lambda _: b""))
    return leaves


def _verify_heads(connection: Connection, plant: Plant, leaves: list[bytes]) -> None:
    heads = connection.execute(text("SELECT * FROM heads ORDER BY size")).all()
    assert heads[-1].size == len(leaves)
    frontier, roots = Frontier(), {}
    for size, leaf in enumerate(leaves, 1):
        frontier.append(leaf)
        roots[size] = frontier.root()
    for head in heads:
        assert head.root == roots[head.size]
        digest = head_digest(plant.identity.log_id(), head.size, head.root, head.map_root)
        assert recover(digest, head.signature) == plant.identity.head_signer


def _verify_map(connection: Connection, leaves: list[bytes]) -> None:
    """Check that the map is that of the entries, at its end and at every head."""
    heads = connection.execute(text("SELECT size, map_root FROM heads ORDER BY size")).all()
    chains: dict[bytes, list[tuple[int, bytes]]] = {}
    named = deque(_map_steps(connection))
    built, root = dict[bytes, bytes](), Z
    for size, map_root in heads:
        steps: dict[bytes, list[tuple[int, bytes]]] = {}
        while named and named[0][0] < size:
            index, key = named.popleft()
            steps.setdefault(key, []).append((index, leaves[index]))
            chains.setdefault(key, []).append((index, leaves[index]))
        changes = update_pages(built, steps, root)
        built |= changes.pages
        root = changes.root
        assert map_root == root != Z
    assert not named
    assert root == map_root_of({key: value_of(key, steps) for key, steps in chains.items()})
    state = connection.execute(text("SELECT * FROM map_state")).one()
    assert (state.map_size, state.map_root, state.map_keys) == (len(leaves), root, len(chains))
    newest = connection.execute(
        text("SELECT DISTINCT ON (prefix) prefix, page FROM map_pages ORDER BY prefix, size DESC")
    ).all()
    assert {tuple(row) for row in newest} == set(built.items())


def _map_steps(connection: Connection) -> list[tuple[int, bytes]]:
    """Return (index, key) by map function 1, once for each, from entries and item rows."""
    rows = connection.execute(text("SELECT log_index, item_key FROM item_rows")).all()
    facts = connection.execute(
        text("SELECT log_index, entry FROM log_entries WHERE kind = 3 OR kind = 4")
    ).all()
    keys = {tuple(row) for row in rows}
    keys |= {(index, key) for index, entry in facts for key in fact_keys(decode_fact(entry))}
    erased = connection.execute(
        text(
            "SELECT t.log_index, item_key FROM tombstones t JOIN item_rows r"
            " ON r.log_index = t.event_index"
        )
    ).all()
    keys |= {tuple(row) for row in erased}
    return sorted(keys)


def _verify_anchors(connection: Connection, records: Any, size: int) -> None:  # noqa: ANN401
    rows = connection.execute(
        text("SELECT a.*, h.root, h.map_root FROM anchors a JOIN heads h USING (size) ORDER BY id")
    ).all()
    final = [row for row in rows if row.state == "final"]
    assert {row.state for row in rows} <= {"final", "replaced", "failed"}
    assert len({row.nonce for row in final}) == len(final)
    assert len({row.size for row in final}) == len(final)
    for row in final:
        assert records.record(row.size) == keccak(row.root + row.map_root)
    assert records.head() == (size, final[-1].root)
    assert max(row.size for row in final) == size


def _verify_index(process: Process) -> None:
    """What queries read is what the log gives when it is read again from its beginning."""
    tables = ("epcis_index", "epcis_events", "epcis_numbers", "epcis_attributes", "epcis_children")

    def rows() -> dict[str, list[Any]]:
        with process.engine.connect() as connection:
            return {
                table: sorted(
                    repr(tuple(row))
                    for row in connection.execute(text(f"SELECT * FROM {table}"))  # noqa: S608
                )
                for table in tables
            }

    # It may lag: where a test turned other steps only, this is its first.
    while process.indexer().run():
        pass
    before = rows()
    with process.engine.begin() as connection:
        # By other rules: it is forgotten and made anew.
        connection.execute(text("UPDATE epcis_index SET version = version - 1"))
    while process.indexer().run():
        pass
    assert rows() == before
    with process.engine.connect() as connection:
        counted = "SELECT (SELECT count(content) FROM events) = (SELECT count(*) FROM epcis_events)"
        assert connection.execute(text(counted)).scalar_one()


def _verify_custody(connection: Connection) -> None:
    assert derived(connection) == replayed(connection)
