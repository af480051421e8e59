"""A chain endpoint may be slow, mad or malicious: no answer of it becomes a verdict."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from unbroken_verifier.errors import RpcError
from unbroken_verifier.jsonrpc import MAX_ANSWER_BYTES, HttpRpc


class Asked(BaseHTTPRequestHandler):
    """A question with its body."""

    body: bytes


Answer = Callable[[Asked], None]


@contextmanager
def endpoint(answer: Answer) -> Iterator[str]:
    """The URL of a server that answers every POST so."""

    class Handler(Asked):
        def do_POST(self) -> None:
            self.body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                answer(self)
            except OSError:  # the client left, as it should
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/key/secret"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def saying(body: bytes, status: int = 200) -> Answer:
    def answer(handler: Asked) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def result(value: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "result": value}).encode()


def endless(handler: Asked) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(64):
        handler.wfile.write(b" " * (MAX_ANSWER_BYTES // 32))


def dripping(handler: Asked) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


def silent(handler: Asked) -> None:  # noqa: ARG001
    time.sleep(1.0)


def cut_short(handler: Asked) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"{")


def elsewhere(handler: Asked) -> None:
    handler.send_response(302)
    handler.send_header("Location", "file:///etc/hostname")
    handler.end_headers()


def test_a_result_is_handed_on() -> None:
    with endpoint(saying(result("0x7a69"))) as url:
        assert HttpRpc(url).call("eth_chainId", []) == "0x7a69"


BAD: dict[str, Answer] = {
    "garbage": saying(b"\xff\x00<html>"),
    "empty": saying(b""),
    "no object": saying(b"[]"),
    "another id": saying(b'{"jsonrpc":"2.0","id":2,"result":"0x1"}'),
    "no result": saying(b'{"jsonrpc":"2.0","id":1}'),
    "an error": saying(b'{"jsonrpc":"2.0","id":1,"error":{"code":3,"message":"\\u001b[2Jno"}}'),
    "an error and a result": saying(b'{"jsonrpc":"2.0","id":1,"error":{},"result":"0x1"}'),
    "duplicate members": saying(b'{"id":1,"result":"0x1","result":"0x2"}'),
    "deep": saying(b"[" * 100_000),
    "server error": saying(result("0x1"), 500),
    "redirect": elsewhere,
    "cut short": cut_short,
    "endless": endless,
    "dripping": dripping,
    "silent": silent,
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_answer_is_the_endpoints_fault(name: str) -> None:
    started = time.monotonic()
    with endpoint(BAD[name]) as url:
        with pytest.raises(RpcError) as caught:
            HttpRpc(url, timeout_s=0.3).call("eth_chainId", [])
        assert time.monotonic() - started < 5
    assert str(caught.value).isprintable()
    assert "secret" not in str(caught.value)


def test_nobody_there_is_unreachable() -> None:
    with endpoint(silent) as url:
        pass
    with pytest.raises(RpcError):
        HttpRpc(url, timeout_s=1).call("eth_chainId", [])


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://h/", "127.0.0.1:8545", "http://", ""])
def test_only_http_addresses_are_taken(url: str) -> None:
    with pytest.raises(ValueError, match="http"):
        HttpRpc(url)
