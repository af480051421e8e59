"""`GET /findings/stream`: nothing is lost over any number of reconnects, and little told twice."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import uvicorn
from sqlalchemy import text

from api.app import create_app
from api.event_stream import MAX_LISTENERS, EventStream, Followers
from ledger.bootstrap import Node
from ledger.service.case_ports import FindingFilter
from ledger.worker import Worker
from tests.integration.partners import (
    Partner,
    commission,
    event,
    new_item,
    path_of,
    ship,
)

Make = Callable[..., Partner]
Captured = Callable[..., dict[str, Any]]


@dataclass
class Told:
    """What a listener was told: (id, event, data) of each."""

    events: list[tuple[str | None, str, dict[str, Any]]] = field(default_factory=list)

    @property
    def last_id(self) -> str | None:
        return next((one for one, _, _ in reversed(self.events) if one), None)

    def kinds(self, item: str) -> list[tuple[str, str]]:
        path = path_of(item)
        return [(kind, data["code"]) for _, kind, data in self.events if data["item"] == path]


STAYING = {"Accept": "text/event-stream"}


@contextmanager
def listening(
    api: httpx.Client, last_id: str | None = None, **filters: str
) -> Iterator[Callable[[Callable[[Told], bool]], Told]]:
    """Listen; the function that is given returns when a condition holds for what was told."""
    headers = STAYING if last_id is None else {**STAYING, "Last-Event-ID": last_id}
    with api.stream("GET", "/findings/stream", headers=headers, params=filters) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines, told = answer.iter_lines(), Told()
        assert next(lines) == "retry: 2000"

        def until(done: Callable[[Told], bool]) -> Told:
            one: dict[str, str] = {}
            while not done(told):
                line = next(lines)
                if not line and "data" in one:
                    told.events.append((one.get("id"), one["event"], json.loads(one["data"])))
                    one = {}
                elif line and not line.startswith(":"):
                    name, _, value = line.partition(": ")
                    one[name] = value
            return told

        yield until


def test_a_listener_is_told_as_findings_open_change_and_close(
    api: httpx.Client, partner: Make, captured: Captured
) -> None:
    maker, item = partner("Maker"), new_item()
    with listening(api, code="DOUBLE_SHIP", item=item) as until:
        captured(maker, commission(item), ship(item, to=partner("A")))
        captured(maker, ship(item, to=partner("B"), at="2026-01-03T10:00:00Z"))
        captured(maker, ship(item, to=partner("C"), at="2026-01-04T10:00:00Z"))
        told = until(lambda seen: len(seen.events) == 2)
        assert told.kinds(item) == [
            ("finding.opened", "DOUBLE_SHIP"), ("finding.changed", "DOUBLE_SHIP"),
        ]  # fmt: skip
        (first, _, opened), (second, _, changed) = told.events
        assert first is not None
        assert int(first) == opened["index"] == max(opened["evidence"])
        assert second == str(changed["index"])
        assert opened["case"] == changed["case"]
        (listed,) = api.get("/findings", params={"item": item, "code": "DOUBLE_SHIP"}).json()[
            "findings"
        ]
        assert listed["changed_index"] == changed["index"]


def test_a_listener_that_comes_back_missed_nothing(
    api: httpx.Client, partner: Make, captured: Captured
) -> None:
    maker, buyer = partner("Maker"), partner("Buyer")
    items = [new_item() for _ in range(4)]
    last_id: str | None = None
    seen: dict[str, int] = {}
    with listening(api) as until:
        captured(maker, commission(*items), ship(*items, to=buyer))
        captured(maker, ship(*items, to=partner("B"), at="2026-01-03T10:00:00Z"))
        told = until(
            lambda one: (
                len([e for e in one.events if _is(e, items)]) == 4 and one.events[-1][0] is not None
            )
        )
        # Four at one index: the last of them alone says that they are complete.
        group = [e for e in told.events if _is(e, items)]
        index = str(group[0][2]["index"])
        ids = [one for one, _, data in told.events if str(data["index"]) == index]
        assert [one is None for one in ids] == [True] * (len(ids) - 1) + [False]
        last_id = told.last_id
    for _, _, data in group:
        seen[data["item"]] = 1
    more = [new_item() for _ in range(3)]
    for number, item in enumerate(more):
        # Nobody listens meanwhile.
        captured(maker, commission(item), ship(item, to=buyer))
        captured(maker, ship(item, to=partner("C"), at="2026-01-04T10:00:00Z"))
        with listening(api, last_id=last_id) as until:
            told = until(
                lambda one, item=item: (
                    any(_is(e, [item]) for e in one.events) and one.events[-1][0] is not None
                )
            )
            assert told.last_id is not None
            for _, _, data in [e for e in told.events if _is(e, items + more)]:
                seen[data["item"]] = seen.get(data["item"], 0) + 1
            last_id = told.last_id
        assert number + 1 == len([one for one in seen if one in map(path_of, more)])
    assert seen == dict.fromkeys(map(path_of, items + more), 1)


def _is(told: tuple[str | None, str, dict[str, Any]], items: list[str]) -> bool:
    return told[2]["code"] == "DOUBLE_SHIP" and told[2]["item"] in map(path_of, items)


def test_a_group_that_was_cut_is_told_again_whole(
    api: httpx.Client, partner: Make, captured: Captured
) -> None:
    maker, items = partner("Maker"), [new_item() for _ in range(3)]
    captured(maker, commission(*items), ship(*items, to=partner("A")))
    start = api.get("/log").json()["sizes"]["integrated"] - 1
    captured(maker, ship(*items, to=partner("B"), at="2026-01-03T10:00:00Z"))
    for count in (1, 2, 3):
        with listening(api, after=str(start), code="DOUBLE_SHIP", party=maker.gln) as until:
            told = until(lambda one, count=count: len(one.events) >= count)
            ids = [one for one, _, _ in told.events[:count]]
            assert [one is not None for one in ids] == [False, False, True][:count]


def test_what_is_found_later_at_an_index_is_told_to_who_has_that_index(
    api: httpx.Client, node: Node, partner: Make, captured: Captured, worker: Worker
) -> None:
    maker, item = partner("Maker"), new_item()
    captured(maker, commission(item), ship(item, to=partner("A")))
    captured(maker, ship(item, to=partner("B"), at="2026-01-03T10:00:00Z"))
    with listening(api, after="-1", item=item, code="DOUBLE_SHIP") as until:
        last_id = until(lambda one: len(one.events) == 1).last_id
    # As by other rules, while nothing is logged.
    with node.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE finding_history SET severity = 'medium' WHERE closed_index IS NULL"
                " AND code = 'DOUBLE_SHIP' AND item_key ="
                " (SELECT item_key FROM items WHERE path = :path)"
            ),
            {"path": path_of(item)},
        )
    captured(maker, commission(new_item()))
    with listening(api, last_id=last_id, item=item, code="DOUBLE_SHIP") as until:
        (later,) = until(lambda one: len(one.events) == 1).events
    assert (later[0], later[2]["severity"]) == (last_id, "medium")
    worker.turn()


def test_who_does_not_accept_a_stream_by_name_is_told_what_there_is(
    api: httpx.Client, partner: Make, captured: Captured
) -> None:
    maker, item = partner("Maker"), new_item()
    captured(maker, commission(item), ship(item, to=partner("A")))
    captured(maker, ship(item, to=partner("B"), at="2026-01-03T10:00:00Z"))
    answer = api.get("/findings/stream", params={"after": "-1", "item": item})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "event: finding.opened" in answer.text
    assert answer.text.endswith("with Accept: text/event-stream the line stays open\n\n")


def test_everything_is_told_from_the_beginning_and_by_filter(
    api: httpx.Client, partner: Make, captured: Captured
) -> None:
    maker, item = partner("Maker"), new_item()
    captured(maker, commission(item), ship(item, to=partner("A")))
    captured(maker, ship(item, to=partner("B"), at="2026-01-03T10:00:00Z"))
    void = event(
        action="OBSERVE", bizStep="void_shipping", epcList=[item],
        eventTime="2026-01-03T11:00:00Z",
    )  # fmt: skip
    captured(maker, void)
    with listening(api, after="-1", item=item, code="DOUBLE_SHIP") as until:
        told = until(lambda one: len(one.events) == 2)
    assert [kind for _, kind, _ in told.events] == ["finding.opened", "finding.closed"]
    assert told.events[1][2]["reason"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Last-Event-ID": "x"}, 400),
        ({"Last-Event-ID": "-1"}, 400),
        ({"Last-Event-ID": "9" * 19}, 400),
        ({"Accept": "application/json"}, 406),
    ],
    ids=str,
)
def test_what_is_asked_wrongly_is_told(
    api: httpx.Client, headers: dict[str, str], status: int
) -> None:
    assert api.get("/findings/stream", headers=headers).status_code == status


def test_head_asks_for_the_header_alone(api: httpx.Client) -> None:
    answer = api.head("/findings/stream")
    assert (answer.status_code, answer.content) == (200, b"")


def test_there_are_as_many_listeners_as_the_server_takes(node: Node) -> None:
    followers = Followers(node.cases())
    followers.listeners = MAX_LISTENERS
    with pytest.raises(Exception, match="listen already"):
        asyncio.run(followers.begin(None, None))


def test_who_reads_nothing_is_cut_off(node: Node, partner: Make, captured: Captured) -> None:
    maker, item = partner("Maker"), new_item()
    captured(maker, commission(item), ship(item, to=partner("A")))
    captured(maker, ship(item, to=partner("B"), at="2026-01-03T10:00:00Z"))
    followers = Followers(node.cases(), send_s=0.2)
    sent: list[bytes] = []

    async def send(message: Any) -> None:  # noqa: ANN401
        if b"data:" in message.get("body", b""):
            await asyncio.sleep(60)
        sent.append(message.get("body", b""))

    async def receive() -> Any:  # noqa: ANN401
        await asyncio.sleep(60)

    stream = EventStream(
        followers, FindingFilter(), 0, lambda one: {"index": one.index}, stays=True
    )
    asyncio.run(stream({"type": "http"}, receive, send))
    assert followers.listeners == 0
    # The header and the first words, and no end.
    assert sent == [b"", b"retry: 2000\n\n"]


def test_a_silent_line_is_kept_open(node: Node) -> None:
    followers = Followers(node.cases(), beat_s=0.3)
    beats: list[bytes] = []
    gone = threading.Event()

    async def send(message: Any) -> None:  # noqa: ANN401
        beats.append(message.get("body", b""))
        if beats.count(b":\n\n") == 2:
            gone.set()

    async def receive() -> Any:  # noqa: ANN401
        while not gone.is_set():  # noqa: ASYNC110 -- made before there is a loop
            await asyncio.sleep(0.05)
        return {"type": "http.disconnect"}

    begin = node.cases().changes_to()
    stream = EventStream(
        followers, FindingFilter(), begin, lambda one: {"index": one.index}, stays=True
    )
    asyncio.run(stream({"type": "http"}, receive, send))
    assert beats.count(b":\n\n") == 2


def test_a_server_that_stops_lets_its_listeners_go(node: Node) -> None:
    """Within the grace that it is given: a listener comes back to the next one."""
    config = uvicorn.Config(
        create_app(node), port=0, log_level="critical", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    with (
        httpx.Client(base_url=url) as client,
        client.stream("GET", "/findings/stream", headers=STAYING) as answer,
    ):
        lines = answer.iter_lines()
        assert next(lines) == "retry: 2000"
        server.should_exit = True
        thread.join(timeout=10)
        assert not thread.is_alive()
