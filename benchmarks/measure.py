"""Paired measurement: A B A B in one process, CPU time, median of the ratios with their spread.

Wall figures move by 2.5 on a shared machine, paired CPU ratios by a few per cent: only ratios are
judged, wall figures are printed for people.
"""

import gc
import os
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

PAIRS = 11
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One goal's line: ratio = median, low and high = quartiles; better says which way is good.

    without says why there is no ratio: quoted.
    """

    goal: str
    what: str
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    threshold: float | None = None
    better: str = "higher"
    wall: str = ""
    note: str = ""
    without: str = ""

    @property
    def verdict(self) -> str:
        """Reached, not reached, or what else the line is."""
        if self.ratio is None:
            return self.without
        if self.threshold is None:
            return "measured"
        higher = self.better == "higher"
        good = self.ratio >= self.threshold if higher else self.ratio <= self.threshold
        return "reached" if good else "not reached"

    def as_row(self) -> dict[str, object]:
        """Return the JSON row."""
        return {**asdict(self), "verdict": self.verdict}


def cpu_of(work: Callable[[], object]) -> tuple[float, float]:
    """Return CPU and wall seconds of this process while it works; collection is off meanwhile."""
    gc.collect()
    gc.disable()
    try:
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        return time.process_time() - cpu, time.perf_counter() - wall
    finally:
        gc.enable()


def paired(
    ours: Callable[[], object], peer: Callable[[], object], *, pairs: int = PAIRS
) -> tuple[tuple[float, float, float], float, float]:
    """Return (median, lower, upper quartile) of peer CPU / our CPU, and the best wall seconds.

    Each call must do the same number of units, or the caller scales.
    """
    ratios, our_walls, peer_walls = [], [], []
    for _ in range(pairs):
        our_cpu, our_wall = cpu_of(ours)
        peer_cpu, peer_wall = cpu_of(peer)
        ratios.append(peer_cpu / our_cpu)
        our_walls.append(our_wall)
        peer_walls.append(peer_wall)
    return spread(ratios), min(our_walls), min(peer_walls)


def spread(values: Iterable[float]) -> tuple[float, float, float]:
    """Return median and quartiles."""
    ordered = list(values)
    if len(ordered) < 2:  # noqa: PLR2004 -- quartiles need two
        return ordered[0], ordered[0], ordered[0]
    low, median, high = statistics.quantiles(ordered, n=4, method="inclusive")
    return median, low, high


def cpu_of_tree(pid: int) -> float:
    """Return CPU seconds of a process and its live descendants (/proc, ticks of 10 ms)."""
    children: dict[int, list[int]] = {}
    used: dict[int, float] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        number = int(entry.name)
        children.setdefault(int(fields[1]), []).append(number)
        used[number] = sum(map(int, fields[11:15])) / _TICKS
    total, queue = 0.0, [pid]
    while queue:
        number = queue.pop()
        total += used.get(number, 0.0)
        queue += children.get(number, [])
    return total


def postmaster_of(folder: Path) -> int:
    """Return the process id of the PostgreSQL whose data is in folder."""
    return int((folder / "postmaster.pid").read_text().splitlines()[0])
