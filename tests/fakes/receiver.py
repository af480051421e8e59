"""A receiver of webhooks: a real HTTP server on loopback that answers as a test tells it to."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Received:
    """One request, and the status that it was answered."""

    path: str
    headers: dict[str, str]
    body: bytes
    status: int

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def events(self) -> list[Any]:
        return list(
            orjson.loads(self.body)["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
        )


Answer = Callable[[BaseHTTPRequestHandler, bytes], int]
"""Returns the status; it may wait, or break the connection by raising."""


@dataclass(slots=True)
class Receiver:
    """What arrived, in order of arrival; `answer` may be changed at any time."""

    url: str
    answer: Answer
    requests: list[Received] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def acknowledged(self) -> list[Received]:
        with self.lock:
            return [one for one in self.requests if 200 <= one.status < 300]

    def distinct(self) -> list[Received]:
        """What was acknowledged, each delivery once; the same id must have the same bytes."""
        seen: dict[str, Received] = {}
        for one in self.acknowledged():
            assert seen.setdefault(one.id, one).body == one.body
        return list(seen.values())


def always(status: int) -> Answer:
    return lambda _handler, _body: status


@contextmanager
def receiving(answer: Answer | None = None) -> Iterator[Receiver]:
    """Run a receiver."""
    receiver = Receiver("", answer or always(204))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = receiver.answer(self, body)
            headers = {name.lower(): value for name, value in self.headers.items()}
            # Recorded before the answer: what the sender knows, the receiver knew.
            with receiver.lock:
                receiver.requests.append(Received(self.path, headers, body, status))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            if 300 <= status < 400:
                self.send_header("Location", receiver.url + "redirected")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A connection that a test broke is no news."""

    server = Server(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
