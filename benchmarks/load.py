"""Load: `python -m benchmarks.load PORT CONNECTIONS FILE`, HTTP/1.1 keep-alive over bare sockets.

FILE holds requests, each behind its length in four bytes; every one is sent once, each connection
waiting for its answer before the next. A process of its own, so that its CPU is nobody's request.
Prints seconds taken and the answers by status, as JSON.
"""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import orjson
import uvloop

_LENGTH = b"content-length: "


def write_requests(file: Path, requests: Sequence[bytes]) -> None:
    """Write what a load process sends."""
    file.write_bytes(b"".join(len(raw).to_bytes(4, "big") + raw for raw in requests))


def request(method: str, path: str, port: int, body: bytes = b"", kind: str = "") -> bytes:
    """Return the bytes of one request."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    if kind:
        head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def _read(raw: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(raw):
        end = start + 4 + int.from_bytes(raw[start : start + 4], "big")
        yield raw[start + 4 : end]
        start = end


class _Connection(asyncio.Protocol):
    """One client: sends the next request when the last is answered."""

    def __init__(self, requests: Iterator[bytes], statuses: Counter[int]) -> None:
        self._requests, self._statuses = requests, statuses
        self._buffer = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        at = head.find(_LENGTH)
        length = int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._buffer) < end + 4 + length:
            return
        self._buffer = b""
        self._statuses[int(head[9:12])] += 1
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionResetError("the server hung up"))

    def _send(self) -> None:
        raw = next(self._requests, None)
        if raw is not None:
            self._transport.write(raw)
        elif not self.done.done():
            self.done.set_result(None)
            self._transport.close()


async def _run(port: int, connections: int, requests: Iterator[bytes]) -> dict[str, object]:
    statuses: Counter[int] = Counter()
    loop, began = asyncio.get_running_loop(), time.perf_counter()
    made = [
        await loop.create_connection(lambda: _Connection(requests, statuses), "127.0.0.1", port)
        for _ in range(connections)
    ]
    await asyncio.gather(*(connection.done for _, connection in made))
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "statuses": {str(code): n for code, n in statuses.items()}}


def main() -> None:
    """Send everything once."""
    port, connections, file = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    outcome = uvloop.run(_run(port, connections, _read(file.read_bytes())))
    print(orjson.dumps(outcome).decode())


if __name__ == "__main__":
    main()
