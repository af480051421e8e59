"""The sender: to checked addresses, once, for so long and no longer; all on loopback."""

import datetime as dt
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ledger import webhooks
from ledger.core.errors import MalformedError
from ledger.webhooks import WebhookSender
from tests.fakes.receiver import Receiver, always, receiving

OPEN = {"allow_http": True, "allow_private": True}
Serve = Callable[[socket.socket], None]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@contextmanager
def answering(serve: Serve) -> Iterator[int]:
    """Accept connections on loopback and hand each to serve; return the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=one, args=(connection,), daemon=True).start()

        def one(connection: socket.socket) -> None:
            with connection:
                try:
                    connection.recv(65_536)
                    serve(connection)
                except OSError:
                    return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_a_body_arrives_byte_for_byte(receiver: Receiver) -> None:
    body = b'{"a": 1}\r\n\x00\xff'
    attempt = WebhookSender(**OPEN).send(f"{receiver.url}a?b=c", {"webhook-id": "x"}, body)
    assert (attempt.status, attempt.error) == (204, None)
    (one,) = receiver.requests
    assert (one.path, one.body, one.id) == ("/a?b=c", body, "x")
    assert one.headers["host"] == receiver.url.removeprefix("http://").rstrip("/")
    assert one.headers["accept-encoding"] == "identity"
    assert one.headers["user-agent"] == "unbroken-webhooks"


def test_the_connection_goes_to_the_address_that_was_checked(receiver: Receiver) -> None:
    port = int(receiver.url.rsplit(":", 1)[1].rstrip("/"))
    asked = []

    def resolve(host: str, given: int) -> list[str]:
        asked.append((host, given))
        return ["127.0.0.1"]

    # No resolver knows the name, so whoever asked again would not arrive.
    sender = WebhookSender(**OPEN, resolve=resolve)
    assert sender.send(f"http://receiver.example:{port}/x", {}, b"").status == 204
    assert asked == [("receiver.example", port)]
    assert receiver.requests[0].headers["host"] == f"receiver.example:{port}"


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["8.8.8.8", "::1"], ["169.254.169.254"],
        ["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"], ["10.1.2.3", "8.8.8.8"], ["fe80::1%eth0"],
    ],
    ids=str,
)  # fmt: skip
def test_one_closed_address_among_a_names_addresses_is_enough(
    receiver: Receiver, addresses: list[str]
) -> None:
    sender = WebhookSender(allow_http=True, allow_private=False, resolve=lambda *_: addresses)
    url = receiver.url.replace("127.0.0.1", "receiver.example")
    attempt = sender.send(url, {}, b"")
    assert attempt.status is None
    assert attempt.error is not None
    assert "public internet" in attempt.error
    # Which address a private name has is not the subscriber's to learn.
    assert not any(address in attempt.error for address in addresses)
    with pytest.raises(MalformedError):
        sender.verify(url)
    assert receiver.requests == []


def test_a_name_is_looked_up_again_at_each_attempt(receiver: Receiver) -> None:
    answers = iter([["8.8.8.8"], ["127.0.0.1"]])
    sender = WebhookSender(allow_http=True, allow_private=False, resolve=lambda *_: next(answers))
    url = receiver.url.replace("127.0.0.1", "receiver.example")
    sender.verify(url)
    attempt = sender.send(url, {}, b"")
    assert attempt.error is not None
    assert "public internet" in attempt.error
    assert receiver.requests == []


def test_a_name_that_no_resolver_can_ask_for_is_an_address_that_is_not_there() -> None:
    for host in ("a..b", "x" * 64, "\u2603" * 64):
        with pytest.raises(OSError, match="no name of the DNS"):
            webhooks.resolve(host, 443)


def no_address(*_: object) -> list[str]:
    raise socket.gaierror(8, "unknown name")


def test_a_name_without_an_address_may_be_named_and_is_tried_again() -> None:
    sender = WebhookSender(allow_http=False, allow_private=False, resolve=no_address)
    sender.verify("https://not-yet.example/")
    attempt = sender.send("https://not-yet.example/", {}, b"")
    assert attempt.status is None
    assert attempt.error is not None
    assert "unknown name" in attempt.error


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "https://localhost/", "https://10.0.0.1/"])
def test_what_is_not_allowed_is_not_looked_up(url: str) -> None:
    def resolve(*_: object) -> list[str]:
        raise AssertionError(url)

    sender = WebhookSender(allow_http=False, allow_private=False, resolve=resolve)
    assert sender.send(url, {}, b"").error is not None
    with pytest.raises(MalformedError):
        sender.verify(url)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(receiver: Receiver, status: int) -> None:
    receiver.answer = always(status)
    assert WebhookSender(**OPEN).send(receiver.url, {}, b"x").status == status
    assert len(receiver.requests) == 1


def test_no_proxy_is_taken_from_the_environment(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert WebhookSender(**OPEN).send(receiver.url, {}, b"").status == 204


def test_nobody_listens() -> None:
    attempt = WebhookSender(**OPEN).send("http://127.0.0.1:9/", {}, b"")
    assert attempt.status is None
    assert attempt.error is not None
    assert attempt.error.startswith("ConnectError")


@pytest.mark.parametrize(
    "serve",
    [
        lambda _line: None,
        lambda line: line.sendall(b"garbage\r\n\r\n"),
        lambda line: line.sendall(b"HTTP/1.1 abc OK\r\n\r\n"),
        lambda line: line.sendall(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 300_000 + b"\r\n\r\n"),
    ],
    ids=["hangs up", "no HTTP", "no status", "endless header"],
)
def test_what_is_no_answer_is_a_failure(serve: Serve) -> None:
    with answering(serve) as port:
        attempt = WebhookSender(**OPEN).send(f"http://127.0.0.1:{port}/", {}, b"")
    assert attempt.status is None
    assert attempt.error


def drip(line: socket.socket) -> None:
    """A header that never ends, one byte at a time: no single read waits long."""
    line.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    for _ in range(600):
        line.sendall(b"y")
        time.sleep(0.05)


@pytest.mark.parametrize("serve", [drip, lambda _line: time.sleep(10)], ids=["drips", "silent"])
def test_an_attempt_ends_however_slow_the_receiver(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "TOTAL_S", 0.5)
    began = time.monotonic()
    with answering(serve) as port:
        attempt = WebhookSender(**OPEN).send(f"http://127.0.0.1:{port}/", {}, b"")
        assert time.monotonic() - began < 3
    assert attempt.status is None
    assert attempt.error is not None
    assert "no answer within" in attempt.error


def test_an_endless_answer_is_not_read_to_its_end() -> None:
    sent = []

    def endless(line: socket.socket) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(2_000):
            line.sendall(b"10000\r\n" + b"z" * 65_536 + b"\r\n")
            sent.append(65_536)

    with answering(endless) as port:
        attempt = WebhookSender(**OPEN).send(f"http://127.0.0.1:{port}/", {}, b"")
    assert attempt.status == 200
    assert sum(sent) < 32 * 1024 * 1024


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate for one name, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, private = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return chain, private


@pytest.mark.parametrize(
    ("called", "passes"), [("receiver.example", True), ("other.example", False)]
)
def test_tls_is_of_the_name_though_the_connection_is_to_the_address(
    tmp_path: Path, called: str, *, passes: bool
) -> None:
    chain, private = certificate(tmp_path, "receiver.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, private)
    named = []
    context.sni_callback = lambda _line, name, _context: named.append(name)
    ready = threading.Event()

    def serve() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            ports.append(server.getsockname()[1])
            ready.set()
            connection, _ = server.accept()
            try:
                with context.wrap_socket(connection, server_side=True) as line:
                    line.recv(65_536)
                    line.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            except ssl.SSLError:
                connection.close()

    ports: list[int] = []
    thread = threading.Thread(target=serve)
    thread.start()
    assert ready.wait(5)
    sender = WebhookSender(**OPEN, resolve=lambda *_: ["127.0.0.1"])
    sender._tls.load_verify_locations(chain)
    attempt = sender.send(f"https://{called}:{ports[0]}/", {}, b"")
    thread.join(5)
    assert named == [called]
    assert (attempt.status == 204) is passes
    assert (attempt.error is None) is passes
