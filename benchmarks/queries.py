"""G10: an item's events over HTTP with a million stored, beside a trivial GET of the same app.

The tables are filled directly: rows that the indexer made of four events, copied for each item with
its own serial. Nothing else of the log is there, and nothing else is read.
"""

import random
from collections.abc import Iterator
from dataclasses import replace

import orjson
from sqlalchemy import Connection, text

from benchmarks.ground import event
from benchmarks.load import request
from benchmarks.measure import PAIRS, Result, spread
from benchmarks.served import TRIVIAL
from benchmarks.server import Server, alternate, server
from ledger.core.epcis.document import STANDARD_CONTEXT
from ledger.core.epcis.index_terms import index_row
from ledger.core.epcis.master_data import MasterData
from ledger.core.events import event_time_ms
from ledger.core.gs1_keys import check_digit
from ledger.core.identifiers import item_key
from ledger.service.index import rendered
from ledger.service.query_ports import IndexedEvent
from ledger.store.bulk import copy_into
from ledger.store.index_store import SqlIndexing

SEED = 10
STEPS = ("commissioning", "shipping", "receiving", "dispensing")
# Behind every index that the log itself can have here.
FIRST_INDEX = 10**9
_SERIAL = b"999999999999"
_BATCH = 2_000
GTIN = "0401234501111" + check_digit("0401234501111")


def _templates() -> list[IndexedEvent]:
    """Return what the indexer makes of an item's four events."""
    made = []
    for hour, step in enumerate(STEPS):
        content = event(int(_SERIAL))
        content["bizStep"] = step
        content["epcList"] = [f"https://id.gs1.org{_path(int(_SERIAL))}"]
        content["eventTime"] = f"2026-01-02T1{hour}:00:00.000Z"
        content["eventID"] = f"urn:uuid:5b2c4a36-000{hour}-4000-8000-{_SERIAL.decode()}"
        read = orjson.loads(orjson.dumps({**content, "@context": [STANDARD_CONTEXT]}))
        time_ms = event_time_ms(read["eventTime"])
        made.append(
            IndexedEvent(
                log_index=0, record_ms=time_ms + 1000, event_ms=time_ms, party=bytes(32),
                event_id=read["eventID"], row=index_row(read),
                rendered=rendered(read, read["eventID"], time_ms + 1000),
            )
        )  # fmt: skip
    return made


def _path(serial: int) -> str:
    return f"/01/{GTIN}/21/{serial:012d}"


def _events(templates: list[IndexedEvent], items: range) -> Iterator[IndexedEvent]:
    wanted = _SERIAL.decode()
    for item in items:
        serial = f"{item:012d}"
        for step, template in enumerate(templates):
            terms = tuple(term.replace(wanted, serial) for term in template.row.terms)
            yield replace(
                template,
                # An item's events lie far apart in the log, as in life.
                log_index=FIRST_INDEX + step * 10**8 + item,
                event_id=template.event_id.replace(wanted, serial),
                row=replace(template.row, terms=terms),
                rendered=template.rendered.replace(_SERIAL, serial.encode()),
            )


def _fill(connection: Connection, items: range) -> None:
    """Store the events of new items, and what names them."""
    # The log's own rows are left out; without this each would be asked for.
    connection.execute(text("SET LOCAL session_replication_role = replica"))
    templates, index = _templates(), SqlIndexing(connection)
    for start in range(items.start, items.stop, _BATCH):
        some = range(start, min(start + _BATCH, items.stop))
        index.write(list(_events(templates, some)), MasterData())
        keys = [(item_key(_path(item)), _path(item)) for item in some]
        copy_into(connection, "items", ("item_key", "path"), ("bytea", "text"), keys)
        copy_into(
            connection, "item_rows", ("log_index", "row_index", "item_key", "role"),
            ("int8", "int4", "bytea", "int2"),
            [
                (FIRST_INDEX + step * 10**8 + item, 0, key, 0)
                for item, (key, _) in zip(some, keys, strict=True)
                for step in range(len(STEPS))
            ],
        )  # fmt: skip


def _grow(our: Server, stored: int, events: int) -> None:
    engine = our.ground.node.engine
    with engine.begin() as connection:
        _fill(connection, range(stored // len(STEPS), events // len(STEPS)))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # Without it the planner believes in empty tables: forty times the cost.
        connection.execute(text("VACUUM ANALYZE epcis_events, item_rows, items"))


def _histories(our: Server, count: int, events: int, *, by_path: bool) -> list[bytes]:
    """Return requests for the events of random items, in both ways to ask."""
    rng = random.Random(SEED)
    picked = [rng.randrange(events // len(STEPS)) for _ in range(count)]
    links = [f"https://id.gs1.org{_path(item)}" for item in picked]
    if by_path:
        escaped = [link.replace(":", "%3A").replace("/", "%2F") for link in links]
        return [request("GET", f"/epcis/epcs/{link}/events", our.port) for link in escaped]
    return [request("GET", f"/epcis/events?MATCH_anyEPC={link}", our.port) for link in links]


def queries(
    sizes: tuple[int, ...] = (10_000, 1_000_000), requests: int = 4_000, pairs: int = PAIRS
) -> Iterator[Result]:
    """G10: both ways to ask for an item's four events, at each number of stored events."""
    our, stored = server(), 0
    trivial = [request("GET", TRIVIAL, our.port)] * requests
    costs: dict[tuple[int, bool], float] = {}
    for size in sizes:
        _grow(our, stored, size)
        stored = size
        for by_path in (False, True):
            asked = _histories(our, requests, size, by_path=by_path)
            rounds = alternate(
                [
                    lambda asked=asked: our.slice(asked, 200),
                    lambda: our.slice(trivial, 200),
                ],
                pairs,
            )
            median, low, high = spread([peer[0] / ours[0] for ours, peer in rounds])
            costs[size, by_path] = spread([ours[0] for ours, _ in rounds])[0] / requests * 1e6
            walls = [max(one[at][1] for one in rounds) for at in range(2)]
            way = "/epcis/epcs/{epc}/events" if by_path else "/epcis/events?MATCH_anyEPC="
            yield Result(
                goal="G10", what=f"{way}, 4 events of {size:,} / trivial GET of the same app",
                ratio=median, low=low, high=high, threshold=0.4,
                wall=f"{walls[0]:,.0f}/s, {walls[1]:,.0f}/s",
                note=f"{costs[size, by_path]:,.0f} us a request, PostgreSQL included",
            )  # fmt: skip
    least, most = sizes[0], sizes[-1]
    growth = [costs[most, way] / costs[least, way] for way in (False, True)]
    yield Result(
        goal="G10", what=f"CPU of an item's events, {most:,} / {least:,} stored",
        ratio=spread(growth)[0], low=min(growth), high=max(growth), better="lower",
    )  # fmt: skip
