"""G6: every event signed, from bytes to the integrated log, beside bare signature checks."""

from collections.abc import Iterator

from benchmarks.ground import MEDIA_TYPE, Ground, ground
from benchmarks.measure import PAIRS, Result, cpu_of, spread
from benchmarks.raw_verify import verifying
from ledger.clock import now_ms
from ledger.service.ports import AcceptedSubmission


def _slice(our: Ground, events: int) -> tuple[list[float], float]:
    """Log events, each signed alone; return CPU seconds to accept, to store and log, in PostgreSQL.

    Wall seconds come apart, behind them.
    """
    sent = our.signed(events)
    acceptor = our.node.acceptor()
    taken: list[AcceptedSubmission] = []

    def accept() -> None:
        for part, body in sent:
            taken.append(acceptor.accept(part, body, MEDIA_TYPE, at_ms=now_ms()))

    before = our.postgres_cpu()
    steps = [cpu_of(accept), cpu_of(lambda: our.store(taken)), cpu_of(our.work)]
    parts = [steps[0][0], steps[1][0] + steps[2][0], our.postgres_cpu() - before]
    our.alone += events
    our.newest = range(our.used - events, our.used)
    return parts, sum(wall for _, wall in steps)


def bulk(events: int = 3_000, pairs: int = PAIRS) -> Iterator[Result]:
    """G6: accept, store, sequence and integrate events signed one by one; PostgreSQL included."""
    our, verify = ground(), verifying(events)
    our.work()
    ratios, walls, parts = [], [], []
    for _ in range(pairs):
        used, wall = _slice(our, events)
        ratios.append(cpu_of(verify)[0] / sum(used))
        walls.append(wall)
        parts.append(used)
    median, low, high = spread(ratios)
    split = ", ".join(f"{spread(part)[0] / events * 1e6:.0f}" for part in zip(*parts, strict=True))
    yield Result(
        goal="G6", what="bulk, every event signed / raw libsecp256k1 verify", ratio=median,
        low=low, high=high, threshold=0.45, wall=f"{events / min(walls):,.0f} events/s, one core",
        note=f"us of CPU an event to accept, to store and log, in PostgreSQL: {split}",
    )  # fmt: skip


def fill(our: Ground, events: int) -> None:
    """Bring the log to at least this many events, signed one by one."""
    our.work()
    while our.alone < events:
        _slice(our, min(3_000, events - our.alone))
