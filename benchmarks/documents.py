"""G4: signed documents of many events over HTTP, beside a raw COPY of the same events."""

import time
from collections.abc import Iterator, Sequence
from hashlib import sha256

import orjson
import psycopg

from benchmarks.ground import event
from benchmarks.load import request
from benchmarks.measure import PAIRS, Result, cpu_of, spread
from benchmarks.server import MULTIPART, Server, server
from ledger.client import multipart

EVENTS = 1_000
CONNECTIONS = 4
# A COPY takes so little that one of the same events would drown in the kernel's ticks of 10 ms.
REPEATS = 8
_TABLE = """
    CREATE TABLE IF NOT EXISTS benchmark_copy (
        id bigint PRIMARY KEY, hash bytea UNIQUE, item text, time timestamptz, body text
    );
    CREATE INDEX IF NOT EXISTS benchmark_copy_item ON benchmark_copy (item, time)
"""
Row = tuple[int, bytes, str, str, str]


def _rows(serials: Sequence[int]) -> list[Row]:
    rows = []
    for serial in serials:
        body = orjson.dumps(event(serial))
        item = f"urn:epc:id:sgtin:4012345.011111.{serial}"
        rows.append((serial, sha256(body).digest(), item, "2026-01-02T10:00:00Z", body.decode()))
    return rows


def _copy(our: Server, rows: Sequence[Row]) -> float:
    """Return the CPU seconds of a COPY, client and PostgreSQL."""
    with psycopg.connect(our.ground.node.database_url) as connection:
        connection.execute(_TABLE)
        connection.commit()

        def copy() -> None:
            with connection.cursor() as cursor, cursor.copy("COPY benchmark_copy FROM STDIN") as to:
                for row in rows:
                    to.write_row(row)
            connection.commit()

        before = our.ground.postgres_cpu()
        here, _ = cpu_of(copy)
        return here + our.ground.postgres_cpu() - before


def _capture(our: Server, documents: int) -> tuple[float, float]:
    """Return CPU and wall seconds from POST to integrated: API, worker and PostgreSQL."""
    requests = [
        request("POST", "/epcis/capture", our.port, multipart(part, body), MULTIPART)
        for part, body in our.ground.signed(documents, EVENTS)
    ]
    began = time.perf_counter()
    served, _ = our.slice(requests, 202, CONNECTIONS)
    database = our.ground.postgres_cpu()
    here, _ = cpu_of(our.ground.work)
    used = served + here + our.ground.postgres_cpu() - database
    return used, time.perf_counter() - began


def documents(count: int = 4, pairs: int = PAIRS) -> Iterator[Result]:
    """G4: one signature a document of 1,000 events."""
    our = server()
    our.ground.work()
    ratios, costs, walls = [], [], []
    for _ in range(pairs):
        used, wall = _capture(our, count)
        rows = _rows(our.ground.serials(count * EVENTS * REPEATS))
        ratios.append(_copy(our, rows) / REPEATS / used)
        costs.append(used / count / EVENTS * 1e6)
        walls.append(wall)
    median, low, high = spread(ratios)
    yield Result(
        goal="G4", what="bulk over HTTP, one signature for 1,000 events / raw COPY of them",
        ratio=median, low=low, high=high, threshold=0.5,
        wall=f"{count * EVENTS / min(walls):,.0f} events/s, one process a step",
        note=f"{spread(costs)[0]:.0f} us of CPU an event to integrated, custody included",
    )  # fmt: skip
