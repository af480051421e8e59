"""What feeds are told is committed with the change that it tells of, in order, once."""

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from ledger.service.custody_ports import Change, FindingChange, OpenFinding
from ledger.store.outbox import announce_anchor, announce_findings
from tests.fakes.chain import FakeChain
from tests.fakes.trap import Killed, Trap, When
from tests.fault.plant import FOUNDED_MS, Plant, Process
from tests.fault.trade import SHOP, _document, _event

ITEM = "urn:epc:id:sgtin:4012345.011111.OUTBOX"


def add_feed(plant: Plant) -> None:
    process = Process(plant)
    with process.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO subscriptions (id, kind, types, dest, epc_format, report_if_empty,"
                " created_ms, cursor, batch, stopped)"
                " VALUES ('feed', 'feed', '{}', '', '', false, 0, 0, 1, false)"
            )
        )
    process.end()


def told(plant: Plant) -> list[dict[str, Any]]:
    process = Process(plant)
    with process.engine.connect() as connection:
        rows = connection.scalars(text("SELECT data FROM notifications ORDER BY id"))
        found = [orjson.loads(row) for row in rows]
    process.end()
    return found


def take_in(plant: Plant, *events: dict[str, Any]) -> None:
    process = Process(plant)
    process.log.add_submission(plant._accept(SHOP, _document(*events)))
    process.sequencer().run(at_ms=FOUNDED_MS)
    process.end()


def kinds(plant: Plant) -> list[tuple[str, str]]:
    return [(one["type"], one["data"]["code"]) for one in told(plant)]


def integrate(plant: Plant, trap: Trap | None = None) -> None:
    process = Process(plant, trap)
    try:
        process.integrator().run()
    finally:
        process.end()


@pytest.fixture
def fed(plant: Plant) -> Iterator[Plant]:
    integrate(plant)
    add_feed(plant)
    return plant


def test_a_finding_opens_changes_and_closes(fed: Plant) -> None:
    take_in(fed, _event("OBSERVE", "receiving", 3, epcList=[ITEM]))
    integrate(fed)
    assert kinds(fed) == [("finding.opened", "NOT_COMMISSIONED")]
    (opened,) = told(fed)
    assert opened["data"]["item"] == "/01/04012345111118/21/OUTBOX"
    assert opened["timestamp"].endswith("Z")
    take_in(fed, _event("OBSERVE", "inspecting", 4, epcList=[ITEM]))
    integrate(fed)
    seen = kinds(fed)
    assert seen[1:] in ([], [("finding.changed", "NOT_COMMISSIONED")])
    take_in(fed, _event("ADD", "commissioning", 0, epcList=[ITEM]))
    integrate(fed)
    assert kinds(fed)[len(seen) :] == [("finding.closed", "NOT_COMMISSIONED")]


def test_without_a_feed_nothing_is_written(plant: Plant) -> None:
    take_in(plant, _event("OBSERVE", "receiving", 3, epcList=[ITEM]))
    integrate(plant)
    assert told(plant) == []


def test_a_right_trade_tells_nothing(fed: Plant) -> None:
    fed.take_in()
    process = Process(fed)
    process.sequencer().run(at_ms=FOUNDED_MS)
    process.end()
    integrate(fed)
    assert told(fed) == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_of_the_integration_tells_it_once(fed: Plant, when: When) -> None:
    take_in(fed, _event("OBSERVE", "receiving", 3, epcList=[ITEM]))
    for label in ("INSERT INTO notifications", "commit log_state integrated"):
        trap = Trap()
        trap.arm(label, 1, when)
        with contextlib.suppress(Killed):
            integrate(fed, trap)
        integrated = when == "after" and label.startswith("commit")
        assert len(told(fed)) == int(integrated), label
    integrate(fed)
    assert kinds(fed) == [("finding.opened", "NOT_COMMISSIONED")]


def test_ids_are_committed_in_order(fed: Plant) -> None:
    first, second, done = Process(fed), Process(fed), threading.Event()
    finding = OpenFinding(
        bytes(32), "NOT_COMMISSIONED", "high", "suspicious", "x", (1,), backdated=False
    )
    opened = [FindingChange(Change.OPENED, finding)]

    def late() -> None:
        with second.engine.begin() as connection:
            announce_findings(connection, opened, Counter(), 0, cap=10)
        done.set()

    with first.engine.begin() as connection:
        connection.execute(text("INSERT INTO items VALUES (:key, '/x')"), {"key": bytes(32)})
    with first.engine.begin() as connection:
        announce_findings(connection, opened, Counter(), 0, cap=10)
        thread = threading.Thread(target=late)
        thread.start()
        # The second waits for the commit of the first: whoever reads sees no gap that fills later.
        assert not done.wait(0.5)
        assert told(fed) == []
    thread.join(10)
    assert len(told(fed)) == 2
    first.end()
    second.end()


@pytest.fixture
def anchored(fed: Plant, chain: FakeChain) -> Plant:
    """One anchor on its way."""
    process = Process(fed)
    process.publisher().run(at_ms=FOUNDED_MS)
    process.anchorer().run(at_ms=FOUNDED_MS)
    process.end()
    assert chain
    return fed


@pytest.mark.parametrize(
    ("moves", "expected"),
    [
        ([("mined", 5), ("safe", 5), ("final", 5)], ["mined", "final"]),
        ([("mined", 5), ("mined", 5)], ["mined"]),
        ([("final", 5)], ["mined", "final"]),
        ([("safe", 5), ("final", 5)], ["mined", "final"]),
        # A reorganisation: in another block it is mined again.
        ([("mined", 5), ("sent", None), ("mined", 6), ("final", 6)], ["mined", "mined", "final"]),
        ([("mined", 5), ("mined", 6)], ["mined", "mined"]),
        ([("failed", None)], []),
    ],
)
def test_an_anchor_is_told_when_it_is_mined_and_when_it_is_final(
    anchored: Plant, moves: list[tuple[str, int | None]], expected: list[str]
) -> None:
    process = Process(anchored)
    (row,) = process.anchors.signed_from(31337, anchored.chain.wallet, 0)
    for state, number in moves:
        block = None if number is None else (number, bytes([number]) * 32)
        process.anchors.move(row.id, state, at_ms=FOUNDED_MS, block=block)
    process.end()
    assert [one["type"] for one in told(anchored)] == [f"anchor.{word}" for word in expected]
    assert {one["data"]["size"] for one in told(anchored)} <= {row.size}


def test_an_unknown_anchor_tells_nothing(fed: Plant) -> None:
    process = Process(fed)
    with process.engine.begin() as connection:
        announce_anchor(connection, 99, "final", (1, bytes(32)), FOUNDED_MS)
    process.end()
    assert told(fed) == []
