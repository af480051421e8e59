"""G10: an item's evidence over HTTP, beside a trivial GET of the same app."""

import time
from collections.abc import Iterator
from itertools import cycle, islice

from benchmarks.bulk import fill
from benchmarks.ground import Ground
from benchmarks.load import request
from benchmarks.measure import PAIRS, Result, spread
from benchmarks.served import TRIVIAL
from benchmarks.server import Server, alternate, server
from ledger.clock import now_ms
from ledger.core.identifiers import canonical_path

FINAL_WITHIN_S = 60.0


def _anchor(our: Ground) -> int:
    """Publish and anchor the whole log; return its size when the anchor is final."""
    our.work()
    our.node.publisher().run(at_ms=now_ms())
    size, anchorer = our.node.log.state().integrated, our.node.anchorer()
    deadline = time.monotonic() + FINAL_WITHIN_S
    while time.monotonic() < deadline:
        anchorer.run(at_ms=now_ms())
        head = our.node.prover().store.final_head()
        if head is not None and head.size == size:
            return size
        time.sleep(0.2)
    raise AssertionError("the anchor did not become final")


def _gets(our: Server, count: int) -> list[bytes]:
    """Return requests for the evidence of the newest items; each is in one event."""
    return [_get(our, serial) for serial in islice(cycle(our.ground.newest), count)]


def _get(our: Server, serial: int) -> bytes:
    path = canonical_path(f"urn:epc:id:sgtin:4012345.011111.{serial}")
    return request("GET", f"/items{path}/proof", our.port)


def proofs(requests: int = 5_000, log: int = 33_000, pairs: int = PAIRS) -> Iterator[Result]:
    """G10: bundles are made for each request; nothing is cached."""
    our = server()
    fill(our.ground, log)
    size, fewer = _anchor(our.ground), max(requests // 10, 1)
    bundles, trivial = _gets(our, fewer), [request("GET", TRIVIAL, our.port)] * requests
    rounds = alternate([lambda: our.slice(bundles, 200), lambda: our.slice(trivial, 200)], pairs)
    median, low, high = spread([peer[0] / requests / (ours[0] / fewer) for ours, peer in rounds])
    cost = spread([ours[0] for ours, _ in rounds])[0] / fewer * 1e6
    walls = [max(one[at][1] for one in rounds) for at in range(2)]
    yield Result(
        goal="G10", what=f"evidence over HTTP at {size:,} entries / trivial GET of the same app",
        ratio=median, low=low, high=high, threshold=0.75,
        wall=f"{walls[0]:,.0f}/s, {walls[1]:,.0f}/s",
        note=f"{cost:,.0f} us a bundle: contents, disclosure and keys, not the path alone",
    )  # fmt: skip
