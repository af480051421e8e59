"""A named query over WebSocket: what comes, from where, and who is sent away."""

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
import pytest
from fastapi import FastAPI
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from api import websocket as module
from api.app import create_app
from api.websocket import IndexWatch, QuerySocket, QueryWatch
from ledger.bootstrap import Node
from ledger.core.errors import NotFoundError
from ledger.service.follow import Followers
from ledger.worker import Worker
from tests.fakes.memory_events import MemoryEvents
from tests.integration.conftest import serving
from tests.integration.partners import Partner, commission, new_item, ship

Captured = Callable[..., dict[str, Any]]
WAIT_S = 10.0


@pytest.fixture(scope="module")
def web(node: Node) -> Iterator[httpx.Client]:
    with serving(create_app(node)) as client:
        yield client


@pytest.fixture(scope="module")
def shipper(partner: Callable[..., Partner]) -> Partner:
    return partner("Socket")


@pytest.fixture
def query(web: httpx.Client) -> Iterator[str]:
    made = web.post("/epcis/queries", json={"name": "sock", "query": {"EQ_bizStep": ["shipping"]}})
    assert made.status_code == 201, made.text
    yield "/epcis/queries/sock/events"
    web.delete("/epcis/queries/sock")


def listening(web: httpx.Client, path: str, **options: Any) -> ClientConnection:  # noqa: ANN401
    url = str(web.base_url.join(path)).replace("http://", "ws://")
    return connect(url, open_timeout=WAIT_S, **options)


def index(worker: Worker) -> None:
    while worker.turn():
        pass


def events_of(message: str | bytes) -> list[dict[str, Any]]:
    document = orjson.loads(message)
    assert document["type"] == "EPCISQueryDocument"
    return list(document["epcisBody"]["queryResults"]["resultsBody"]["eventList"])


def position(message: str | bytes) -> int:
    return int(orjson.loads(message)["id"].removeprefix("urn:unbroken:log:"))


def test_new_events_that_match_arrive_and_can_be_gone_on_behind(
    web: httpx.Client, query: str, worker: Worker, captured: Captured, shipper: Partner
) -> None:
    old, first, second, third = (new_item() for _ in range(4))
    captured(shipper, ship(old))
    index(worker)
    with listening(web, f"{query}?stream=true") as listener:
        captured(shipper, commission(first), ship(first))
        index(worker)
        message = listener.recv(WAIT_S)
        assert [event["epcList"] for event in events_of(message)] == [[first]]
        captured(shipper, ship(second))
        index(worker)
        assert [one["epcList"] for one in events_of(listener.recv(WAIT_S))] == [[second]]
    captured(shipper, ship(third))
    index(worker)
    with listening(web, f"{query}?stream=true&after={position(message)}") as listener:
        told = [one["epcList"] for one in events_of(listener.recv(WAIT_S))]
        assert told == [[second], [third]]
        with pytest.raises(TimeoutError):
            listener.recv(0.6)


def test_a_listener_may_begin_at_a_record_time_or_at_the_beginning(
    web: httpx.Client, query: str, worker: Worker, captured: Captured, shipper: Partner
) -> None:
    item = new_item()
    captured(shipper, ship(item))
    index(worker)
    found = web.get("/epcis/events", params={"MATCH_epc": item}).json()
    (event,) = found["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
    with listening(web, f"{query}?stream=true&initialRecordTime={event['recordTime']}") as listener:
        assert [one["epcList"] for one in events_of(listener.recv(WAIT_S))] == [[item]]
    with listening(web, f"{query}?stream=true&after=-1") as listener:
        assert [item] in [one["epcList"] for one in events_of(listener.recv(WAIT_S))]


def test_a_schedule_tells_empty_runs_where_it_was_asked_for(web: httpx.Client, query: str) -> None:
    with listening(web, f"{query}?second=*&reportIfEmpty=true") as listener:
        assert events_of(listener.recv(WAIT_S)) == []
        assert events_of(listener.recv(WAIT_S)) == []
    with listening(web, f"{query}?second=*") as listener, pytest.raises(TimeoutError):
        listener.recv(1.5)


@pytest.mark.parametrize(
    ("parameters", "status", "field"),
    [
        ("", 400, "stream"),
        ("stream=yes", 400, "stream"),
        ("stream=false", 400, "stream"),
        ("stream=true&second=5", 400, "stream"),
        ("stream=true&stream=true", 400, "stream"),
        ("second=61", 400, "schedule.second"),
        ("stream=true&reportIfEmpty=1", 400, "reportIfEmpty"),
        ("stream=true&initialRecordTime=now", 400, "initialRecordTime"),
        ("stream=true&after=x", 400, "after"),
        ("stream=true&after=-2", 400, "after"),
        ("stream=true&after=99999999999", 400, "after"),
        ("stream=true&after=1" + "0" * 30, 400, "after"),
        ("stream=true&after=0&initialRecordTime=2026-01-01T00:00:00Z", 400, "after"),
        ("stream=true&EQ_bizStep=shipping", 400, "EQ_bizStep"),
        ("stream=true" + "&second=1" * 30, 400, "query"),
    ],
)
def test_a_handshake_that_asks_for_nonsense_is_a_problem(
    web: httpx.Client, query: str, parameters: str, status: int, field: str
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        listening(web, f"{query}?{parameters}")
    answer = refused.value.response
    assert answer.status_code == status
    problem = orjson.loads(answer.body)
    assert problem["type"] == "epcisException:SubscriptionControlsException"
    assert problem["field"] == field


def test_keys_are_spelt_as_the_header_asks(
    web: httpx.Client, query: str, worker: Worker, captured: Captured, shipper: Partner
) -> None:
    headers = {"GS1-EPC-Format": "Never_Translates"}
    link = new_item()
    item = f"urn:epc:id:sgtin:4012340.011111.{link.rpartition('/')[2]}"
    with (
        listening(web, f"{query}?stream=true") as links,
        listening(web, f"{query}?stream=true", additional_headers=headers) as untouched,
    ):
        captured(shipper, ship(item))
        index(worker)
        (as_sent,) = events_of(untouched.recv(WAIT_S))
        (as_link,) = events_of(links.recv(WAIT_S))
    assert as_sent["epcList"] == [item]
    assert as_link["epcList"] == [link]
    assert as_sent["eventID"] == as_link["eventID"]
    with pytest.raises(InvalidStatus) as refused:
        listening(web, f"{query}?stream=true", additional_headers={"GS1-EPC-Format": "x"})
    assert orjson.loads(refused.value.response.body)["field"] == "GS1-EPC-Format"


def test_an_unknown_query_is_no_such_name(web: httpx.Client) -> None:
    with pytest.raises(InvalidStatus) as refused:
        listening(web, "/epcis/queries/none/events?stream=true")
    assert refused.value.response.status_code == 404
    assert orjson.loads(refused.value.response.body)["type"] == "epcisException:NoSuchNameException"


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example", "null", "http://127.0.0.1", "http://localhost:1",
        "http://127.0.0.1.evil.example", "file://",
    ],
)  # fmt: skip
def test_a_page_of_another_origin_is_sent_away(web: httpx.Client, query: str, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        listening(web, f"{query}?stream=true", additional_headers={"Origin": origin})
    assert refused.value.response.status_code == 403


def test_our_own_page_may_listen(web: httpx.Client, query: str) -> None:
    own = f"http://127.0.0.1:{web.base_url.port}"
    with listening(web, f"{query}?stream=true", additional_headers={"Origin": own}) as listener:
        assert listener.state.name == "OPEN"


def handshake(web: httpx.Client, *lines: str) -> bytes:
    """A handshake by hand: clients write Host themselves."""
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    head = ["GET /epcis/queries/sock/events?stream=true HTTP/1.1", "Connection: Upgrade",
            "Upgrade: websocket", "Sec-WebSocket-Version: 13", key, *lines, "", ""]  # fmt: skip
    with socket.create_connection(("127.0.0.1", web.base_url.port or 0), WAIT_S) as line:
        line.sendall("\r\n".join(head).encode())
        return line.recv(4096).split(b"\r\n")[0]


def test_a_name_that_was_rebound_to_this_machine_is_sent_away(
    web: httpx.Client, query: str
) -> None:
    assert query
    port = web.base_url.port
    assert b" 101 " in handshake(web, f"Host: localhost:{port}")
    assert b" 403 " in handshake(web, f"Host: evil.example:{port}")
    assert b" 403 " in handshake(
        web, f"Host: evil.example:{port}", f"Origin: http://evil.example:{port}"
    )
    assert b" 403 " in handshake(
        web, f"Host: localhost:{port}", f"Origin: http://evil.example:{port}"
    )
    assert b" 101 " not in handshake(web, f"Host: localhost:{port}", "Host: evil.example")


def drain(listener: ClientConnection) -> None:
    while True:
        listener.recv(WAIT_S)


def test_deleting_the_query_ends_its_listeners(web: httpx.Client, query: str) -> None:
    with listening(web, f"{query}?second=*&reportIfEmpty=true") as listener:
        listener.recv(WAIT_S)
        web.delete("/epcis/queries/sock")
        with pytest.raises(ConnectionClosed) as closed:
            drain(listener)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == module.QUERY_DELETED


@pytest.mark.parametrize("parameters", ["stream=true", "month=1&dayOfMonth=1"])
def test_a_listener_to_whom_nothing_comes_is_told_that_its_query_is_gone(
    web: httpx.Client, query: str, parameters: str
) -> None:
    with listening(web, f"{query}?{parameters}") as listener:
        with pytest.raises(TimeoutError):
            listener.recv(3 * module.POLL_S)
        web.delete("/epcis/queries/sock")
        began = time.monotonic()
        with pytest.raises(ConnectionClosed) as closed:
            listener.recv(WAIT_S)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == module.QUERY_DELETED
        # Two polls, and a machine with other work.
        assert time.monotonic() - began < 2 * module.POLL_S + 1


@pytest.mark.parametrize(
    ("path", "origin", "status"),
    [
        ("/epcis/queries/sock/events?stream=no", None, 400),
        ("/epcis/queries/none/events?stream=true", None, 404),
        ("/epcis/queries/sock/events?stream=true", "https://evil.example", 403),
        ("/epcis/none", None, 403),
    ],
)
def test_a_refusal_is_no_error_in_the_servers_log(
    web: httpx.Client, query: str, caplog: pytest.LogCaptureFixture, path: str,
    origin: str | None, status: int,
) -> None:  # fmt: skip
    assert query
    headers = {"Origin": origin} if origin else None
    logger = logging.getLogger("uvicorn.error")
    level = logger.level
    logger.addHandler(caplog.handler)
    logger.setLevel(logging.WARNING)
    try:
        with pytest.raises(InvalidStatus) as refused:
            listening(web, path, additional_headers=headers)
        # The server writes it after the line was closed.
        time.sleep(0.3)
    finally:
        logger.setLevel(level)
        logger.removeHandler(caplog.handler)
    assert refused.value.response.status_code == status
    assert [record.getMessage() for record in caplog.records] == []


def test_nothing_is_taken_from_a_listener(web: httpx.Client, query: str) -> None:
    with listening(web, f"{query}?stream=true") as listener:
        listener.send("SELECT 1")
        with pytest.raises(ConnectionClosed) as closed:
            listener.recv(WAIT_S)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == module.POLICY


class EmptyLog:
    """The log of a test whose events are in memory: nothing is recorded yet."""

    def sequenced(self) -> int:
        return 0

    def cursor_before(self, record_ms: int) -> int | None:
        return None if record_ms else -1


@dataclass(slots=True)
class Bench:
    """A socket over events in memory."""

    events: MemoryEvents
    socket: QuerySocket
    web: httpx.Client

    def listeners(self) -> int:
        return self.socket._listeners

    def until(self, count: int) -> None:
        deadline = time.monotonic() + WAIT_S
        while self.listeners() != count:
            assert time.monotonic() < deadline, self.listeners()
            time.sleep(0.01)


@pytest.fixture
def bench() -> Iterator[Bench]:
    events = MemoryEvents({"q": lambda _: True})
    store: Any = EmptyLog()
    served = QuerySocket(Followers(events, store), send_s=0.5)
    app = FastAPI()
    endpoint: Any = served
    app.router.add_websocket_route("/epcis/queries/{queryName}/events", endpoint)
    with serving(app) as web:
        yield Bench(events, served, web)


PATH = "/epcis/queries/q/events?stream=true"


def test_who_is_too_slow_is_sent_away_and_nothing_grows(bench: Bench) -> None:
    with contextlib.suppress(ConnectionClosed), connect(
        f"ws://127.0.0.1:{bench.web.base_url.port}{PATH}", max_queue=1, max_size=None,
        compression=None, close_timeout=0.5,
    ) as listener:  # fmt: skip
        bench.until(1)
        # The listener reads none; buffers of both sides and of the kernel hold a few.
        bench.events.add(30, size=4_000_000)
        bench.until(0)
        # The others were never read from the index.
        assert len(bench.events.asked) < 10
        listener.close()


def test_only_so_many_may_listen(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LISTENERS", 2)
    with listening(bench.web, PATH), listening(bench.web, PATH):
        with pytest.raises(InvalidStatus) as refused:
            listening(bench.web, PATH)
        assert refused.value.response.status_code == 503
    bench.until(0)
    with listening(bench.web, PATH):
        bench.until(1)


def test_a_listener_that_leaves_is_forgotten(bench: Bench) -> None:
    with listening(bench.web, PATH):
        bench.until(1)
    bench.until(0)
    gone = listening(bench.web, PATH)
    bench.until(1)
    gone.socket.close()
    bench.until(0)


async def _twice(watch: IndexWatch) -> tuple[int, int]:
    return await watch.indexed(), await watch.indexed()


async def _verified(watch: QueryWatch, *names: str) -> None:
    for name in names:
        await watch.verify(name)


def test_a_query_is_asked_for_once_an_interval_and_each_that_is_gone_is_told() -> None:
    events = MemoryEvents({"q": lambda _: True, "r": lambda _: True})
    asked: list[str] = []

    def verify(name: str) -> None:
        asked.append(name)
        events.verify_query(name)

    asyncio.run(_verified(QueryWatch(verify, interval_s=60), "q", "q", "r", "q"))
    assert asked == ["q", "r"]
    watch = QueryWatch(verify, interval_s=0)
    asyncio.run(_verified(watch, "q"))
    del events.queries["q"]
    with pytest.raises(NotFoundError):
        asyncio.run(_verified(watch, "q"))


def test_the_index_is_asked_once_an_interval_whoever_wants_to_know() -> None:
    asked = []
    watch = IndexWatch(lambda: asked.append(1) or len(asked), interval_s=60)
    assert asyncio.run(_twice(watch)) == (1, 1)
