"""Server goals: CPU of the API's process tree and of PostgreSQL, a slice of requests at a time."""

import atexit
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import orjson

from benchmarks.ground import Ground, ground
from benchmarks.load import write_requests
from benchmarks.measure import cpu_of_tree
from ledger.client import BOUNDARY, multipart
from ledger.settings import child_environment

CONNECTIONS = 128
START_TIMEOUT_S = 40.0
SLICE_TIMEOUT_S = 120.0
MULTIPART = f"multipart/form-data; boundary={BOUNDARY.decode()}"


@dataclass(slots=True)
class Server:
    """The API in a process of its own, over this process's ledger."""

    ground: Ground
    port: int
    pid: int
    requests: Path

    def cpu(self) -> float:
        """Return the CPU seconds of the API and of PostgreSQL so far."""
        return cpu_of_tree(self.pid) + self.ground.postgres_cpu()

    def slice(
        self, requests: Sequence[bytes], status: int, connections: int = CONNECTIONS
    ) -> tuple[float, float]:
        """Send every request once; return CPU seconds and requests a second.

        Raises:
            AssertionError: One was answered with another status.
        """
        write_requests(self.requests, requests)
        command = [sys.executable, "-m", "benchmarks.load", str(self.port), str(connections)]
        before = self.cpu()
        done = subprocess.run(
            [*command, self.requests], check=True, stdout=subprocess.PIPE, timeout=SLICE_TIMEOUT_S
        )
        used = self.cpu() - before
        outcome = orjson.loads(done.stdout)
        if outcome["statuses"] != {str(status): len(requests)}:
            raise AssertionError(f"expected {status} only: {outcome['statuses']}")
        return used, len(requests) / outcome["seconds"]


def alternate(
    slices: Sequence[Callable[[], tuple[float, float]]], pairs: int
) -> list[list[tuple[float, float]]]:
    """Run the slices in turn, pairs times after one round to warm up; return rounds."""
    for one in slices:
        one()
    return [[one() for one in slices] for _ in range(pairs)]


def capture_body(sent: tuple[bytes, bytes]) -> bytes:
    """Return the body of a capture request."""
    return multipart(*sent)


@cache
def server() -> Server:
    """Return the server of this process; it ends with the process."""
    our = ground()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    options = f"--loop uvloop --http httptools --no-access-log --log-level warning --port {port}"
    with ExitStack() as stack:
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "--factory", "benchmarks.served:create",
             *options.split()],
            env=child_environment(our.node.settings),
        )  # fmt: skip
        stack.callback(process.wait)
        stack.callback(process.terminate)
        _await(port, process)
        atexit.register(stack.pop_all().close)
    return Server(
        ground=our, port=port, pid=process.pid, requests=our.node.settings.home / "requests"
    )


def _await(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the API does not answer")
