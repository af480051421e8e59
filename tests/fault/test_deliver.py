"""The delivery state machine over real PostgreSQL and real HTTP: order, retries, death, replay."""

import base64
import hashlib
import hmac
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, text

from ledger.core.errors import NotFoundError
from ledger.core.retries import RetryPolicy
from ledger.service.deliver import MAX_BODY, MAX_EVENTS, Deliverer
from ledger.service.subscribe import Subscriber
from ledger.service.vault import Vault
from ledger.store.database import open_engine
from ledger.store.subscription_store import SqlSubscriptionStore
from ledger.webhooks import WebhookSender
from tests.fakes.memory_events import MemoryEvents
from tests.fakes.receiver import Receiver, always, receiving
from tests.fakes.trap import Killed, Trap, When, trapped_engine
from tests.fault.conftest import CopyDatabase

START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z, a Thursday
TOKEN = "13df38d8275b13f05704629e5f1cf3d45d6132d5"
POLICY = RetryPolicy(first_ms=1_000, longest_ms=8_000, attempts=4)
VAULT = Vault(bytes(32))
SENDER = WebhookSender(allow_http=True, allow_private=True)
# Every write and every commit; a crash at a read is one before the next write.
WRITES = "^(commit|sql (INSERT|UPDATE|DELETE))"


@dataclass(slots=True)
class Stand:
    """One ledger's pushes on a clock of its own; `deliverer` may be made anew, as after a crash."""

    url: str
    receiver: Receiver
    events: MemoryEvents
    now_ms: int = START_MS
    engines: list[Engine] = field(default_factory=list)

    def store(self, trap: Trap | None = None) -> SqlSubscriptionStore:
        if trap is not None or not self.engines:
            made = open_engine(self.url) if trap is None else trapped_engine(self.url, trap)
            self.engines.append(made)
        return SqlSubscriptionStore(self.engines[0 if trap is None else -1])

    def subscriber(self) -> Subscriber:
        return Subscriber(
            store=self.store(), events=self.events, destinations=SENDER, vault=VAULT,
            now_ms=lambda: self.now_ms,
        )  # fmt: skip

    def deliverer(self, trap: Trap | None = None) -> Deliverer:
        return Deliverer(
            store=self.store(trap), events=self.events, sender=SENDER, vault=VAULT,
            now_ms=lambda: self.now_ms, chance=lambda: 0.0, policy=POLICY,
        )  # fmt: skip

    def subscribe(self, **members: object) -> str:
        given = {"dest": self.receiver.url, **members}
        if "schedule" not in given:
            given["stream"] = True
        return self.subscriber().subscribe("q", given).id

    def numbers(self) -> list[list[int]]:
        """The events of each distinct delivery that was acknowledged."""
        return [[event["n"] for event in one.events] for one in self.receiver.distinct()]

    def row(self, name: str) -> Any:  # noqa: ANN401 -- a row
        with self.engines[0].connect() as connection:
            query = text("SELECT * FROM subscriptions WHERE id = :id")
            return connection.execute(query, {"id": name}).one()


@contextmanager
def standing(url: str) -> Iterator[Stand]:
    """Make a stand over a database, whose subscriptions of an earlier one are gone."""
    with receiving() as receiver, ExitStack() as ends:
        made = Stand(url, receiver, MemoryEvents({"q": lambda _: True}))
        ends.callback(lambda: [engine.dispose() for engine in made.engines])
        made.store()
        with made.engines[0].begin() as connection:
            connection.execute(text("TRUNCATE subscriptions, notifications CASCADE"))
            connection.execute(
                text("INSERT INTO epcis_queries VALUES ('q', '{}', 0) ON CONFLICT DO NOTHING")
            )
        yield made


@pytest.fixture
def stand(copy_database: CopyDatabase) -> Iterator[Stand]:
    with standing(copy_database("empty")) as made:
        yield made


def run(stand: Stand, deliverer: Deliverer | None = None, turns: int = 5) -> None:
    deliverer = deliverer or stand.deliverer()
    for _ in range(turns):
        for name in deliverer.due(100):
            deliverer.run(name)


def test_a_stream_tells_each_event_once_and_in_order(stand: Stand) -> None:
    stand.events.add(3)
    stand.subscribe()
    deliverer = stand.deliverer()
    # Begins behind the log, which is empty here: the memory index is the log of this test.
    run(stand, deliverer)
    assert stand.numbers() == [[0, 1, 2]]
    run(stand, deliverer)
    stand.events.add(2)
    run(stand, deliverer)
    assert stand.numbers() == [[0, 1, 2], [3, 4]]
    assert len(stand.receiver.requests) == 2
    # What was told is not read again: Oliot re-sent it, FasTnT keeps a list of it.
    assert stand.events.asked == [(-1, 2), (2, 4)]


def test_the_document_and_its_headers(stand: Stand) -> None:
    stand.events.add()
    name = stand.subscribe(signatureToken=TOKEN)
    run(stand)
    (one,) = stand.receiver.requests
    document = orjson.loads(one.body)
    assert document["type"] == "EPCISQueryDocument"
    assert document["id"] == "urn:unbroken:log:0"
    assert document["creationDate"] == "2026-01-01T00:00:00.000Z"
    results = document["epcisBody"]["queryResults"]
    assert (results["queryName"], results["subscriptionID"]) == ("q", name)
    stamp = one.headers["webhook-timestamp"]
    mac = hmac.new(TOKEN.encode(), f"{stamp}.".encode() + one.body, hashlib.sha256).hexdigest()
    assert one.headers["gs1-signature"] == f"t={stamp},v1={mac}"
    assert int(stamp) == START_MS // 1000
    assert one.headers["gs1-epcis-version"] == "2.0.0"
    assert one.headers["content-type"] == "application/json"


def test_batches_are_bounded_by_number_and_by_bytes(stand: Stand) -> None:
    stand.events.add(MAX_EVENTS + 1)
    stand.events.add(3, size=MAX_BODY // 2)
    stand.subscribe()
    run(stand)
    count = MAX_EVENTS
    assert stand.numbers() == [
        list(range(count)), [count, count + 1], [count + 2], [count + 3],
    ]  # fmt: skip
    assert all(len(one.body) < MAX_BODY + 1000 for one in stand.receiver.requests)


def test_what_does_not_match_is_passed_over_once(stand: Stand) -> None:
    stand.events.queries["q"] = lambda raw: b'"n":7,' in raw
    stand.events.add(5)
    name, deliverer = stand.subscribe(), stand.deliverer()
    run(stand, deliverer)
    assert stand.row(name).cursor == 4
    assert deliverer.due(10) == []
    stand.events.add(5)
    run(stand, deliverer)
    assert stand.numbers() == [[7]]
    assert stand.events.asked == [(-1, 4), (4, 9)]


def test_a_failed_delivery_keeps_id_and_bytes_and_holds_back_what_follows(stand: Stand) -> None:
    stand.events.add(1)
    name, deliverer = stand.subscribe(), stand.deliverer()
    stand.receiver.answer = always(503)
    run(stand, deliverer)
    assert len(stand.receiver.requests) == 1
    assert stand.row(name).cursor == -1
    stand.events.add(2)
    run(stand, deliverer)
    assert len(stand.receiver.requests) == 1, "not before its time"
    stand.now_ms += 1_000
    run(stand, deliverer)
    stand.receiver.answer = always(200)
    stand.now_ms += 8_000
    run(stand, stand.deliverer())
    first, second, third, fourth = stand.receiver.requests
    assert first.id == second.id == third.id
    assert first.body == second.body == third.body
    assert first.headers["webhook-timestamp"] < third.headers["webhook-timestamp"]
    assert fourth.id != first.id
    assert stand.numbers() == [[0], [1, 2]]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_a_failure_and_is_not_followed(stand: Stand, status: int) -> None:
    stand.events.add(1)
    stand.subscribe()
    stand.receiver.answer = always(status)
    run(stand)
    assert [one.path for one in stand.receiver.requests] == ["/"]


def test_the_last_attempt_is_a_dead_letter_that_can_be_replayed(stand: Stand) -> None:
    stand.events.add(1)
    name, deliverer, subscriber = stand.subscribe(), stand.deliverer(), stand.subscriber()
    with pytest.raises(NotFoundError, match="no dead letter"):
        subscriber.replay(name)
    stand.receiver.answer = always(500)
    for _ in range(POLICY.attempts + 3):
        run(stand, deliverer)
        stand.now_ms += POLICY.longest_ms
    assert len(stand.receiver.requests) == POLICY.attempts
    (dead,) = subscriber.deliveries(name)
    assert (dead.state, dead.attempts, dead.status) == ("dead", POLICY.attempts, 500)
    assert stand.row(name).stopped
    assert stand.row(name).cursor == -1
    stand.events.add(1)
    stand.receiver.answer = always(200)
    run(stand, deliverer)
    assert len(stand.receiver.requests) == POLICY.attempts, "it has stopped"
    assert subscriber.replay(name) == dead.id
    run(stand, deliverer)
    assert stand.receiver.requests[POLICY.attempts].body == stand.receiver.requests[0].body
    assert stand.numbers() == [[0], [1]]
    assert stand.receiver.distinct()[0].id == dead.id
    assert not stand.row(name).stopped
    assert [one.state for one in subscriber.deliveries(name)] == ["delivered", "delivered"]


def test_a_receiver_that_is_gone_is_not_called_again(stand: Stand) -> None:
    stand.events.add(1)
    name = stand.subscribe()
    stand.receiver.answer = always(410)
    run(stand)
    stand.now_ms += 86_400_000
    run(stand)
    assert len(stand.receiver.requests) == 1
    assert stand.row(name).stopped


def test_a_receiver_that_finds_it_too_large_gets_smaller_batches(stand: Stand) -> None:
    stand.events.add(20)
    name = stand.subscribe()
    stand.receiver.answer = lambda _handler, body: 413 if len(orjson.loads(body)["epcisBody"][
        "queryResults"]["resultsBody"]["eventList"]) > 6 else 200  # fmt: skip
    run(stand)
    assert stand.numbers() == [list(range(i, i + 5)) for i in range(0, 20, 5)]
    assert stand.row(name).batch == 5


def test_an_event_that_a_receiver_never_takes_dies_and_loses_nothing(stand: Stand) -> None:
    stand.events.add(2)
    name = stand.subscribe()
    stand.receiver.answer = lambda _handler, body: 413 if b'"n":0' in body else 200
    for _ in range(POLICY.attempts + 2):
        run(stand)
        stand.now_ms += POLICY.longest_ms
    assert stand.row(name).stopped
    assert stand.row(name).cursor == -1


def test_one_slow_receiver_holds_nobody_else(stand: Stand) -> None:
    waiting = threading.Event()
    entered = threading.Event()

    def slow(_handler: object, _body: bytes) -> int:
        entered.set()
        waiting.wait(10)
        return 200

    stand.events.add(1)
    with receiving() as other:
        name = stand.subscribe()
        free = stand.subscribe(dest=other.url)
        stand.receiver.answer = slow
        thread = threading.Thread(target=stand.deliverer().run, args=(name,))
        thread.start()
        assert entered.wait(10)
        second = stand.deliverer()
        # Another process: the subscription is held, so nothing is sent twice.
        assert second.run(name) is False
        assert second.run(free) is True
        waiting.set()
        thread.join()
        assert len(stand.receiver.requests) == 1
        assert len(other.requests) == 1


def test_a_deleted_subscription_is_not_sent_again(stand: Stand) -> None:
    stand.events.add(1)
    name, subscriber = stand.subscribe(), stand.subscriber()
    stand.receiver.answer = always(500)
    run(stand)
    subscriber.unsubscribe(name, "q")
    stand.now_ms += 10_000
    run(stand)
    assert len(stand.receiver.requests) == 1
    with pytest.raises(NotFoundError):
        subscriber.find(name, "q")


def test_deleting_while_it_is_sent_is_harmless(stand: Stand) -> None:
    stand.events.add(1)
    name, subscriber = stand.subscribe(), stand.subscriber()

    def unsubscribing(_handler: object, _body: bytes) -> int:
        subscriber.unsubscribe(name, "q")
        return 200

    stand.receiver.answer = unsubscribing
    deliverer = stand.deliverer()
    deliverer.run(name)
    assert subscriber.subscriptions("q") == []
    assert deliverer.due(10) == []


HOUR_MS = 3_600_000


def test_a_schedule_tells_at_its_times_and_once_for_those_it_missed(stand: Stand) -> None:
    stand.events.add(2)
    name, deliverer = stand.subscribe(schedule={"minute": "0"}), stand.deliverer()
    assert stand.row(name).next_ms == START_MS + HOUR_MS
    run(stand, deliverer)
    assert stand.numbers() == []
    stand.now_ms += HOUR_MS
    run(stand, deliverer)
    assert stand.numbers() == [[0, 1]]
    assert stand.row(name).next_ms == START_MS + 2 * HOUR_MS
    stand.events.add(1)
    # Five hours without a dispatcher are one run.
    stand.now_ms += 5 * HOUR_MS + 1
    run(stand, deliverer)
    assert stand.numbers() == [[0, 1], [2]]
    assert stand.row(name).next_ms == START_MS + 7 * HOUR_MS
    stand.now_ms += HOUR_MS
    run(stand, deliverer)
    assert len(stand.receiver.requests) == 2, "nothing new, and nobody asked to hear that"


def test_an_empty_run_is_told_where_it_was_asked_for(stand: Stand) -> None:
    stand.subscribe(schedule={"minute": "0"}, reportIfEmpty=True)
    deliverer = stand.deliverer()
    stand.now_ms += HOUR_MS
    run(stand, deliverer)
    stand.events.add(MAX_EVENTS)
    stand.now_ms += HOUR_MS
    run(stand, deliverer)
    # Exactly a batch: the run ends with an empty look that is not told.
    assert stand.numbers() == [[], list(range(MAX_EVENTS))]
    stand.now_ms += HOUR_MS
    run(stand, deliverer)
    assert stand.numbers() == [[], list(range(MAX_EVENTS)), []]


def test_a_run_that_failed_in_its_middle_is_finished_before_the_next(stand: Stand) -> None:
    stand.events.add(MAX_EVENTS + 1)
    name, deliverer = stand.subscribe(schedule={"minute": "0"}), stand.deliverer()
    stand.receiver.answer = lambda _handler, body: 200 if b'"n":0,' in body else 500
    stand.now_ms += HOUR_MS
    run(stand, deliverer)
    assert stand.row(name).run_to == MAX_EVENTS
    stand.events.add(1)
    stand.receiver.answer = always(200)
    stand.now_ms += 1_000
    run(stand, stand.deliverer())
    assert stand.numbers() == [list(range(MAX_EVENTS)), [MAX_EVENTS]]
    stand.now_ms += HOUR_MS
    run(stand, stand.deliverer())
    assert stand.numbers()[2:] == [[MAX_EVENTS + 1]]


def scenario(stand: Stand, trap: Trap) -> None:
    """Two deliveries of a stream, one of them failing once, and a scheduled one."""
    deliverer = stand.deliverer(trap)
    run(stand, deliverer, turns=2)
    stand.now_ms += HOUR_MS
    run(stand, deliverer, turns=2)


def prepared(stand: Stand) -> tuple[str, str]:
    # The next query begins where the other ended, so each has a receiver's path of its own.
    stand.events.add(3)
    stream = stand.subscribe(dest=stand.receiver.url + "stream")
    scheduled = stand.subscribe(dest=stand.receiver.url + "scheduled", schedule={"minute": "0"})
    failed = []

    def once(handler: BaseHTTPRequestHandler, _body: bytes) -> int:
        if not failed and handler.path == "/stream":
            failed.append(1)
            return 503
        return 200

    stand.receiver.answer = once
    return stream, scheduled


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_at_any_point_loses_nothing_and_repeats_only_the_same_delivery(
    copy_database: CopyDatabase, when: When
) -> None:
    url, points = copy_database("empty"), []
    for nth in range(1, 200):
        trap = Trap()
        trap.arm(WRITES, nth, when)
        with standing(url) as stand:
            prepared(stand)
            try:
                scenario(stand, trap)
            except Killed:
                points.append(trap.sprung or "")
            for _ in range(3):
                stand.now_ms += HOUR_MS
                run(stand)
            verify(stand)
        if trap.sprung is None:
            break
    # Two prepared and one failed; two delivered, and the scheduled run begun.
    assert points.count("commit deliveries") == 3
    assert points.count("commit subscriptions") == 3


def verify(stand: Stand) -> None:
    """Each receiver has every event once, in order; repetitions are of one delivery in a row."""
    for path in ("/stream", "/scheduled"):
        requests = [one for one in stand.receiver.acknowledged() if one.path == path]
        ids = [one.id for one in requests]
        firsts = list(dict.fromkeys(ids))
        # A repetition follows its own delivery: nothing came in between.
        assert ids == [name for name in firsts for _ in range(ids.count(name))]
        bodies = {one.id: one for one in requests}
        told = [event["n"] for name in firsts for event in bodies[name].events]
        assert told == [0, 1, 2], path
        assert {one.body for one in requests} == {bodies[name].body for name in firsts}


def test_prune_forgets_old_arrivals_and_keeps_what_is_on_its_way(stand: Stand) -> None:
    stand.events.add(1)
    name, deliverer, subscriber = stand.subscribe(), stand.deliverer(), stand.subscriber()
    run(stand, deliverer)
    assert deliverer.prune() == 0
    stand.now_ms += 8 * 86_400_000
    stand.events.add(1)
    stand.receiver.answer = always(500)
    run(stand, deliverer)
    assert deliverer.prune() == 1
    assert [one.state for one in subscriber.deliveries(name)] == ["prepared"]


def feed(stand: Stand, **members: object) -> tuple[str, str]:
    made, secret = stand.subscriber().subscribe_feed({"url": stand.receiver.url, **members})
    return made.id, secret


def notify(stand: Stand, *types: str) -> None:
    with stand.engines[0].begin() as connection:
        for kind in types:
            body = orjson.dumps({"type": kind, "timestamp": "2026-01-01T00:00:00Z", "data": {}})
            connection.execute(
                text("INSERT INTO notifications (type, data) VALUES (:type, :data)"),
                {"type": kind, "data": body},
            )


def test_a_feed_tells_what_it_was_asked_for_signed_as_the_standard_says(stand: Stand) -> None:
    feed(stand)
    notify(stand, "anchor.mined")
    with receiving() as late:
        made, _ = stand.subscriber().subscribe_feed(
            {"url": late.url, "types": ["finding.opened", "anchor.final"]}
        )
        _, secret = feed(stand)
        notify(stand, "finding.opened", "finding.changed", "anchor.final")
        deliverer = stand.deliverer()
        run(stand, deliverer)
        kinds = [orjson.loads(one.body)["type"] for one in late.requests]
        assert kinds == ["finding.opened", "anchor.final"]
        assert len(stand.receiver.requests) == 4 + 3
        assert deliverer.prune() == 4, "read by all"
        assert deliverer.due(10) == []
    assert made.types == ("finding.opened", "anchor.final")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = 0
    for one in stand.receiver.requests:
        content = f"{one.id}.{one.headers['webhook-timestamp']}.".encode() + one.body
        mac = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        signed += one.headers["webhook-signature"] == f"v1,{mac}"
        assert "gs1-signature" not in one.headers
    assert signed == 3, "the second feed has a secret of its own"


def test_a_feed_behind_a_failing_receiver_waits_and_the_outbox_keeps(stand: Stand) -> None:
    feed(stand)
    notify(stand, "finding.opened", "finding.closed")
    stand.receiver.answer = always(500)
    deliverer = stand.deliverer()
    run(stand, deliverer)
    assert deliverer.prune() == 0
    stand.receiver.answer = always(200)
    stand.now_ms += 1_000
    run(stand, deliverer)
    kinds = [orjson.loads(one.body)["type"] for one in stand.receiver.distinct()]
    assert kinds == ["finding.opened", "finding.closed"]


def test_a_secret_is_sealed_for_its_subscription(stand: Stand) -> None:
    name = stand.subscribe(signatureToken=TOKEN)
    sealed = stand.row(name).sealed_secret
    assert TOKEN.encode() not in sealed
    assert VAULT.open(sealed, name.encode()) == TOKEN.encode()


def test_a_destination_that_is_no_longer_allowed_is_not_called(stand: Stand) -> None:
    stand.events.add(1)
    name = stand.subscribe()
    careful = WebhookSender(allow_http=True, allow_private=False)
    deliverer = replace(stand.deliverer(), sender=careful)
    deliverer.run(name)
    assert stand.receiver.requests == []
    (waiting,) = stand.subscriber().deliveries(name)
    assert waiting.error is not None
    assert "public internet" in waiting.error
