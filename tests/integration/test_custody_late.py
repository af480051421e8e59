"""What changes without an entry that names it: in containers, at places, while contents lag."""

from typing import Any

import pytest
from sqlalchemy import text

from ledger.bootstrap import Node
from ledger.clock import now_ms
from ledger.core.facts import tombstone
from ledger.service import integrate as integration
from ledger.service import integrate_custody
from tests.custody_replay import derived, replayed
from tests.integration.partners import document
from tests.integration.test_custody_replay import (
    DAY,
    DOCKS,
    GLNS,
    PLACES,
    integrate,
    looking,
    send,
    signer,
    with_places,
)

PACK = "urn:epc:id:sgtin:4012345.011111.LATE{}"
CASE = "urn:epc:id:sscc:4012345.0000000077"
Event = dict[str, Any]


class Story:
    """Events of one pack and its case, each in a batch of its own."""

    def __init__(self, node: Node) -> None:
        self.node, self.at_ms = node, now_ms() + 40 * DAY
        self.pack = PACK.format(1)

    def tell(self, *events: Event, by: int = 0, places: bool = False) -> None:
        raw = document(*events)
        send(self.node, signer(self.node, by), with_places(raw) if places else raw)
        self.turn()

    def turn(self) -> None:
        self.at_ms += DAY
        integrate(self.node, self.at_ms)
        with looking(self.node) as connection:
            assert derived(connection) == replayed(connection)

    def erase_last(self) -> None:
        (index,) = self.column("SELECT max(log_index) FROM events WHERE content IS NOT NULL")
        registrar = self.node.registrar()
        registrar.submit([tombstone(now_ms(), registrar.address, index, "GDPR")], at_ms=now_ms())
        self.turn()

    def column(self, query: str) -> list[Any]:
        with looking(self.node) as connection:
            return list(connection.scalars(text(query)))

    def codes(self) -> set[str]:
        return set(self.column("SELECT code FROM findings")) - {"OVERDUE_RECEIPT"}


@pytest.fixture
def story(fresh_node: Node) -> Story:
    return Story(fresh_node)


def told(hour: int, step: str, *items: str, place: str = "", to: int | None = None) -> Event:
    event: Event = {
        "type": "ObjectEvent", "action": "OBSERVE", "bizStep": step, "epcList": list(items),
        "eventTime": f"2026-01-{1 + hour // 24:02}T{hour % 24:02}:00:00Z",
        "eventTimeZoneOffset": "+00:00",
    }  # fmt: skip
    if step == "commissioning":
        event["action"] = "ADD"
    if place:
        event["readPoint"] = {"id": place}
    if to is not None:
        party = f"https://id.gs1.org/417/{GLNS[to]}"
        event["destinationList"] = [{"type": "owning_party", "destination": party}]
    return event


def packed(hour: int, action: str, *children: str, place: str = "") -> Event:
    event = told(hour, "packing" if action == "ADD" else "unpacking", place=place)
    del event["epcList"]
    members = {"parentID": CASE, "childEPCs": list(children)}
    return event | {"type": "AggregationEvent", "action": action} | members


def test_the_content_of_a_containers_event_goes_for_what_is_inside(story: Story) -> None:
    story.tell(told(1, "commissioning", story.pack))
    story.tell(told(5, "shipping", story.pack, to=1))
    story.tell(packed(2, "ADD", story.pack))
    story.tell(told(3, "inspecting", CASE) | {"disposition": "stolen"})
    assert "STOLEN_IN_TRADE" in story.codes()
    story.erase_last()
    assert story.codes() == set()


def test_late_coordinates_of_a_containers_place_are_seen_inside(story: Story) -> None:
    story.tell(told(1, "commissioning", story.pack, place=PLACES[0]))
    story.tell(packed(2, "ADD", story.pack, place=PLACES[0]))
    story.tell(told(3, "inspecting", CASE, place=PLACES[1]))
    story.tell(told(4, "inspecting", story.pack, place=PLACES[0]))
    before = story.codes()
    story.tell(told(5, "commissioning", PACK.format(2)), places=True)
    assert story.codes() > before


@pytest.mark.parametrize("late", [False, True])
def test_a_dock_is_where_its_site_is(story: Story, late: bool) -> None:
    where = told(1, "commissioning", PACK.format(2))
    if not late:
        story.tell(where, places=True)
    story.tell(told(1, "commissioning", story.pack, place=DOCKS[0]))
    story.tell(told(2, "inspecting", story.pack, place=DOCKS[1]))
    if late:
        story.tell(where, places=True)
    assert story.codes() == {"IMPOSSIBLE_TRAVEL"}


def test_the_next_document_tells_where_a_place_is_when_the_first_is_erased(story: Story) -> None:
    story.tell(told(1, "commissioning", PACK.format(2)), places=True)
    story.erase_last()
    assert story.column("SELECT count(*) FROM places") == [0]
    story.tell(told(1, "commissioning", PACK.format(3)), places=True)
    moved = with_places(document(told(2, "commissioning", PACK.format(4)))).replace(
        b"40.5", b"41.5"
    )
    send(story.node, signer(story.node, 0), moved)
    story.turn()
    first = "SELECT latitude FROM places WHERE path LIKE '/414/4012345%' ORDER BY submission_id"
    assert story.column(first) == [40.5, 41.5]
    (index,) = story.column(
        "SELECT log_index FROM log_entries JOIN places USING (submission_id)"
        " ORDER BY submission_id LIMIT 1"
    )
    registrar = story.node.registrar()
    registrar.submit([tombstone(now_ms(), registrar.address, index, "GDPR")], at_ms=now_ms())
    story.turn()
    assert story.column(first) == [41.5]


def test_a_late_shipment_changes_what_a_void_takes_back_of_what_has_left(story: Story) -> None:
    story.tell(told(0, "commissioning", story.pack))
    story.tell(packed(1, "ADD", story.pack))
    story.tell(told(2, "shipping", CASE, to=1))
    story.tell(packed(3, "DELETE", story.pack))
    story.tell(told(10, "void_shipping", CASE))
    story.tell(told(12, "shipping", story.pack, to=2))
    assert story.codes() == set()
    story.tell(told(5, "shipping", CASE, to=2))
    assert "DOUBLE_SHIP" in story.codes()


RETURNED = (
    told(1, "commissioning", PACK.format(1)),
    told(2, "dispensing", PACK.format(1)),
    told(3, "receiving", PACK.format(1)) | {"disposition": "returned"},
)


def test_what_is_sequenced_behind_a_batch_is_not_yet_judged(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(integration, "MAX_LEAVES", 1)
    story.tell(*RETURNED)
    assert story.column("SELECT min(opened_index) FROM finding_history") == [None]
    ahead = "SELECT count(*) FROM finding_history WHERE evidence[array_length(evidence, 1)] >"
    assert story.column(f"{ahead} opened_index") == [0]


@pytest.mark.parametrize("step", [1, 4])
def test_an_upgrade_tells_no_false_alarm_and_ends(
    story: Story, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    for event in RETURNED:
        story.tell(event)
    with story.node.engine.begin() as connection:
        connection.execute(text(
            "TRUNCATE custody_facts, custody_quantities, stays, places, custody_waiting"
        ))  # fmt: skip
        older = "UPDATE custody_progress SET rules_digest = '', revised_to = NULL, facts_to = 0"
        connection.execute(text(older))
    monkeypatch.setattr(integrate_custody, "REVISITED", step)
    story.tell(told(1, "commissioning", PACK.format(2)))
    assert story.column("SELECT revised_to IS NULL FROM custody_progress") == [True]
    assert story.column("SELECT code FROM finding_history") == []
