"""G15, G16: item map and custody of a million items, beside the bare hashing of the map's nodes.

The log's rows are written directly, as sequencing would: real entries of events with small real
contents, three to an item (commissioned, shipped, received), each kind in an order of its own, so
that every batch reaches all over the map. Only commitments are made up, which nothing here reads.
"""

import multiprocessing
import os
import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, text

from benchmarks.ground import Ground, ground
from benchmarks.measure import Result, cpu_of, cpu_of_tree, spread
from ledger.core import item_map, map_pages
from ledger.core.entries import EventEntry, Kind, Op, Z, entry_leaf_hash
from ledger.core.facts import clock
from ledger.core.gs1_keys import check_digit
from ledger.core.identifiers import item_key, party_key
from ledger.core.jcs import canonical_json
from ledger.core.merkle import inclusion_proof
from ledger.core.signatures import address_of
from ledger.core.tiles import TileReader
from ledger.service.integrate import Integrator
from ledger.store.bulk import copy_into
from ledger.store.map_store import MapTables, SqlMapStore
from ledger.store.proof_store import SqlProofStore

SEED = 15
STEPS = 3
BATCH = 50_000
GTIN = "0401234502222" + check_digit("0401234502222")
SHOP = party_key("/417/4012346000008")
T0 = 1_767_225_600_000
DAY_MS = 86_400_000
# A proof over the map is some 0.5 ms: so many make a slice that the kernel's ticks can tell.
PROOFS = 400
# Batches whose nodes are hashed bare, spread over the whole log.
MEASURED = 9
_KINDS = (
    (Op.COMMISSION, "ADD", "commissioning"),
    (Op.HANDOFF, "OBSERVE", "shipping"),
    (Op.RECEIVE, "OBSERVE", "receiving"),
)


def _path(item: int) -> str:
    return f"/01/{GTIN}/21/{item:012d}"


def _content(item: int, step: int, time_ms: int) -> bytes:
    _, action, biz_step = _KINDS[step]
    moment = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time_ms // 1000))
    return canonical_json(
        {
            "type": "ObjectEvent", "action": action, "bizStep": biz_step, "eventTime": moment,
            "eventTimeZoneOffset": "+00:00", "epcList": [f"https://id.gs1.org{_path(item)}"],
            "eventID": f"urn:x:{step}:{item}",
        }
    )  # fmt: skip


@dataclass(slots=True)
class Stand:
    """A log that grows by events of items, without partners."""

    ground: Ground
    items: int = 0
    rng: random.Random = field(default_factory=lambda: random.Random(SEED))

    def grow(self, items: int) -> int:
        """Log three events for each new item up to items; returns how many entries that is."""
        fresh = range(self.items, items)
        node, entries = self.ground.node, 0
        for step in range(STEPS):
            order = list(fresh)
            self.rng.shuffle(order)
            for start in range(0, len(order), BATCH):
                with node.engine.begin() as connection:
                    entries += self._log(connection, step, order[start : start + BATCH])
        self.items = items
        with node.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            # Without it the planner believes in empty tables.
            connection.execute(text("VACUUM ANALYZE"))
        return entries

    def _log(self, connection: Connection, step: int, items: Sequence[int]) -> int:
        """Write what the sequencer would of one batch: a clock, events, item rows, items."""
        # Foreign keys hold by construction.
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        start = int(connection.scalar(text("SELECT sequenced FROM log_state")) or 0)
        at_ms = T0 + (STEPS + 1) * DAY_MS + start
        clock_entry = clock(at_ms, self.ground.node.identity.head_signer)
        rows = [(start, Kind.CLOCK, clock_entry.encode(), None, None, None, None)]
        events, named, names = [], [], []
        for index, item in enumerate(items, start + 1):
            time_ms = T0 + step * DAY_MS + item % DAY_MS
            content = _content(item, step, time_ms)
            rows.append((index, Kind.EVENT, self._entry(step, time_ms, content), 1, 0, 1, b""))
            digest, key = sha256(content).digest(), item_key(_path(item))
            party = self.ground.signer.party if step < STEPS - 1 else SHOP
            events.append((index, party, digest, content, b"", bytes(32), f"urn:x:{step}:{item}",
                           digest, False))  # fmt: skip
            named.append((index, 0, key, 0))
            names.append((key, _path(item)))
        self._copy(connection, rows, events, named, names if step == 0 else [])
        connection.execute(
            text("UPDATE log_state SET sequenced = :size, clock_ms = :at"),
            {"size": start + len(rows), "at": at_ms},
        )
        return len(rows)

    def _entry(self, step: int, time_ms: int, content: bytes) -> bytes:
        signer = self.ground.signer
        party = signer.party if step < STEPS - 1 else SHOP
        shipped = step == 1
        return EventEntry(
            op=_KINDS[step][0], flags=0, time_ms=time_ms, signer=address_of(signer.private_key),
            party=party, on_behalf_of=party, to_owner=SHOP if shipped else Z,
            to_possessor=SHOP if shipped else Z, refers=Z, row_count=1,
            event_root=sha256(content).digest(), item_count=1, items_root=sha256(content).digest(),
        ).encode()  # fmt: skip

    def _copy(
        self, connection: Connection, rows: list[Any], events: list[Any], named: list[Any],
        names: list[Any],
    ) -> None:  # fmt: skip
        copy_into(
            connection, "log_entries",
            ("log_index", "kind", "entry", "leaf_hash", "submission_id", "position", "count",
             "submission_path"),
            ("int8", "int2", "bytea", "bytea", "int8", "int4", "int4", "bytea"),
            [(*row[:3], entry_leaf_hash(row[2]), *row[3:]) for row in rows],
        )  # fmt: skip
        copy_into(
            connection, "events",
            ("log_index", "party", "event_digest", "content", "sealed_secret", "items_secret",
             "event_id", "event_hash", "declares_error"),
            ("int8", "bytea", "bytea", "bytea", "bytea", "bytea", "text", "bytea", "bool"), events,
        )  # fmt: skip
        copy_into(
            connection, "item_rows", ("log_index", "row_index", "item_key", "role"),
            ("int8", "int4", "bytea", "int2"), named,
        )  # fmt: skip
        copy_into(connection, "items", ("item_key", "path"), ("bytea", "text"), names)


def _hashed(stand: Stand) -> list[bytes]:
    """Return everything that the map will hash for the next batch, without writing anything."""
    hashed: list[bytes] = []
    hasher = item_map._sha256  # noqa: SLF001 -- the benchmark counts what it is given

    def noted(data: bytes) -> Any:  # noqa: ANN401 -- a hash object
        hashed.append(data)
        return hasher(data)

    with stand.ground.node.engine.connect() as connection:
        query = "SELECT sequenced, map_size, map_root FROM log_state, map_state"
        row = connection.execute(text(query)).one()
        start, end = row.map_size, min(row.sequenced, row.map_size + BATCH)
        tables, steps = MapTables(connection), dict[bytes, list[tuple[int, bytes]]]()
        for index, key in tables.named(start, end):
            steps.setdefault(key, []).append((index, bytes(32)))
        pages = map_pages.load_pages(tables.pages, steps)
        item_map._sha256 = noted  # type: ignore[assignment] # noqa: SLF001
        try:
            map_pages.update_pages(pages, steps, row.map_root)
        finally:
            item_map._sha256 = hasher  # noqa: SLF001
    return hashed


def _bare(hashed: Sequence[bytes]) -> None:
    for data in hashed:
        sha256(data).digest()


@dataclass(slots=True)
class Cost:
    """What batches took: CPU here, in the map's process and in PostgreSQL, and the wall."""

    events: int = 0
    here: float = 0.0
    hasher: float = 0.0
    database: float = 0.0
    wall: float = 0.0

    @property
    def cpu(self) -> float:
        """All of it."""
        return self.here + self.hasher + self.database

    def add(self, other: "Cost") -> None:
        """Take another batch's."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


def _one(stand: Stand, integrator: Integrator) -> Cost:
    """Integrate one batch."""
    database, tree = stand.ground.postgres_cpu(), cpu_of_tree(os.getpid())
    entries: list[int] = []
    here, wall = cpu_of(lambda: entries.append(integrator.run()))
    hasher = max(0.0, cpu_of_tree(os.getpid()) - tree - here)
    # The clock of a batch names no item.
    events = max(0, entries[0] - 1)
    return Cost(events, here, hasher, stand.ground.postgres_cpu() - database, wall)


def _integrate(stand: Stand, integrator: Integrator, entries: int) -> tuple[Cost, list[float]]:
    """Integrate everything; now and then the nodes of a batch are hashed bare, beside it."""
    total, ratios = Cost(), list[float]()
    batches = -(-entries // BATCH)
    every = max(1, batches // MEASURED)
    for batch in range(batches + 1):
        hashed = _hashed(stand) if batch % every == every - 1 else []
        bare = cpu_of(lambda hashed=hashed: _bare(hashed))[0]
        cost = _one(stand, integrator)
        if not cost.events:
            break
        if hashed:
            ratios.append(cost.cpu / bare)
        del hashed
        total.add(cost)
    return total, ratios


def _prove(stand: Stand, reader: SqlMapStore, size: int, count: int, *, whole: bool) -> int:
    """Make proofs of random items: chain and path, and whole with each entry's inclusion.

    Returns the bytes of the last one's hashes.
    """
    store = SqlProofStore(stand.ground.node.engine)
    read = TileReader(store.read_tile).at(size)
    length = 0
    for item in stand.rng.sample(range(stand.items), count):
        key = item_key(_path(item))
        steps = reader.chain(key, size)
        length = len(reader.paths([key], size)[key].siblings)
        for index, _ in steps if whole else ():
            length += len(inclusion_proof(index, size, read))
        if len(steps) != STEPS:
            raise AssertionError(f"{_path(item)} has {len(steps)} entries")
    return 32 * length


def _proof_costs(stand: Stand, pairs: int, *, whole: bool) -> tuple[list[float], int]:
    """Return CPU seconds a proof, PostgreSQL included, of each slice, and its bytes."""
    node = stand.ground.node
    reader, size = SqlMapStore(node.engine), node.log.state().map_size
    count, lengths, costs = min(PROOFS, stand.items // 2), list[int](), list[float]()
    _prove(stand, reader, size, count // 4, whole=whole)
    for _ in range(pairs):
        database = stand.ground.postgres_cpu()
        here, _ = cpu_of(lambda: lengths.append(_prove(stand, reader, size, count, whole=whole)))
        costs.append((here + stand.ground.postgres_cpu() - database) / count)
    return costs, max(lengths)


def custody(
    sizes: tuple[int, int] = (10_000, 1_000_000), pairs: int = MEASURED
) -> Iterator[Result]:
    """G15: integration of a log with so many items. G16: an item's proof at both sizes."""
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as hasher:
        yield from _measured(sizes, pairs, hasher)


def _measured(sizes: tuple[int, int], pairs: int, hasher: ProcessPoolExecutor) -> Iterator[Result]:
    stand, integrator = Stand(ground()), Integrator(ground().node.log, pool=hasher)
    costs: dict[tuple[int, bool], tuple[list[float], int]] = {}
    total, ratios = Cost(), list[float]()
    for size in sizes:
        total, ratios = _integrate(stand, integrator, stand.grow(size))
        for whole in (False, True):
            costs[size, whole] = _proof_costs(stand, pairs, whole=whole)
    _verify_states(stand)
    yield from _speed(sizes[1], total, ratios)
    for whole in (False, True):
        yield _growth(sizes, costs, whole=whole)


def _verify_states(stand: Stand) -> None:
    """Custody was made: every item is where its three events bring it."""
    with stand.ground.node.engine.connect() as connection:
        query = text("SELECT status, count(*) FROM item_states GROUP BY status")
        made = dict(connection.execute(query).tuples().all())
    if made != {"held": stand.items}:
        raise AssertionError(f"{stand.items} items, states {made}")


def _speed(items: int, total: Cost, ratios: Sequence[float]) -> Iterator[Result]:
    each = 1e6 / total.events
    here, hasher, database = (one * each for one in (total.here, total.hasher, total.database))
    # Python waits for PostgreSQL and the other way round; the map is hashed beside both.
    rate = 1e6 / max(here + database, hasher)
    yield Result(
        goal="G15", what=f"item-events a second of CPU on the longest path, {items:,} items / 4000",
        ratio=rate / 4_000, low=rate / 4_000, high=rate / 4_000, threshold=1.0,
        wall=f"{total.events / total.wall:,.0f}/s",
        note=f"{total.events:,} of them; us of CPU an item-event here, in the map's process, in"
        f" PostgreSQL: {here:,.0f}, {hasher:,.0f}, {database:,.0f}",
    )  # fmt: skip
    median, low, high = spread(ratios)
    yield Result(
        goal="G15", what="CPU of map and custody / bare hashing of the map's nodes", ratio=median,
        low=low, high=high, better="lower",
    )  # fmt: skip


def _growth(
    sizes: tuple[int, int], costs: dict[tuple[int, bool], tuple[list[float], int]], *, whole: bool
) -> Result:
    (few, _), (many, length) = costs[sizes[0], whole], costs[sizes[1], whole]
    median, low, high = spread([after / before for before, after in zip(few, many, strict=True)])
    what = "chain, map path and inclusion of its entries" if whole else "chain and map path"
    return Result(
        goal="G16", what=f"CPU of an item's proof ({what}), {sizes[1]:,} / {sizes[0]:,} items",
        ratio=median, low=low, high=high, threshold=2.0, better="lower",
        wall=f"{spread(many)[0] * 1e6:,.0f} and {spread(few)[0] * 1e6:,.0f} us",
        note=f"{length:,} bytes of hashes",
    )  # fmt: skip
