"""Acts on findings through crashes: each is logged once, and its case is what the log gives."""

import random
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from ledger.clock import now_ms
from ledger.core.entries import decode_fact
from ledger.core.finding_acts import Act, Cause, FindingAct, parse_finding_act, submit_acts
from ledger.core.signatures import address_of
from ledger.core.submission import Signer
from ledger.service.accept import Acceptor
from ledger.service.acts import accept_acts
from ledger.service.ports import Directory
from tests.case_replay import verify_cases
from tests.fakes.chain import FakeChain
from tests.fakes.trap import Killed, Trap, When
from tests.fault.plant import FOUNDED_MS, Plant, Process
from tests.fault.test_outbox import add_feed, told
from tests.fault.trade import MAKER, SHOP, _document, _event
from tests.fault.whole_state import verify_by_audit, verify_whole_state

ITEMS = [f"urn:epc:id:sgtin:4012345.011111.CASE{number}" for number in range(3)]
PATHS = [f"/01/04012345111118/21/CASE{number}" for number in range(3)]
CODE = "NOT_COMMISSIONED"
STEPS = {
    "sequencing": "commit log_state sequenced", "integration": "commit log_state integrated",
}  # fmt: skip


def send_acts(plant: Plant, signer: Signer, *acts: FindingAct, at_ms: int = FOUNDED_MS) -> None:
    """Take acts in as the API does."""
    domain, directory = plant.identity.domain(), Directory()
    directory.parties[signer.party] = True
    directory.keys[address_of(signer.private_key)] = (signer.party, True)
    acceptor = Acceptor(
        identity=plant.identity, directory=directory, vault=plant.vault, log_id=domain.log_id,
        separator=domain.separator(),
    )  # fmt: skip
    part = submit_acts(signer.private_key, signer.party, plant.identity, acts, at_ms)
    process = Process(plant)
    process.log.add_submission(accept_acts(acceptor, part, at_ms=at_ms))
    process.end()


def take_in(plant: Plant, *events: dict[str, object]) -> None:
    process = Process(plant)
    accepted = plant._accept(SHOP, _document(*events))
    process.log.add_submission(accepted)
    plant.acknowledge(accepted)
    process.end()


def act(what: Act, number: int = 0, **members: object) -> FindingAct:
    return FindingAct(act=what, item=PATHS[number], code=CODE, **members)  # type: ignore[arg-type]


def logged(plant: Plant) -> list[str]:
    process = Process(plant)
    with process.engine.connect() as connection:
        rows = connection.scalars(
            text("SELECT entry FROM log_entries WHERE kind = 7 ORDER BY log_index")
        ).all()
    process.end()
    return [parse_finding_act(decode_fact(row)).act.value for row in rows]


@pytest.fixture
def unpacked(plant: Plant) -> Plant:
    """Three packs that nobody commissioned were received."""
    take_in(plant, _event("OBSERVE", "receiving", 3, epcList=ITEMS))
    process = Process(plant)
    plant.settle(process)
    process.end()
    return plant


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_crash_loses_no_act_and_applies_none_twice(
    unpacked: Plant, chain: FakeChain, step: str, when: When
) -> None:
    acts = [act(Act.ACKNOWLEDGE), act(Act.RESOLVE, 1, cause=Cause.LATE_DATA)]
    send_acts(unpacked, MAKER, *acts)
    process = Process(unpacked, Trap())
    process.trap.arm(STEPS[step], 1, when)
    with pytest.raises(Killed):
        unpacked.settle(process)
    process.end()
    # The sender was answered, and sends it again all the same.
    send_acts(unpacked, MAKER, *acts)
    unpacked.run_to_the_end()
    assert logged(unpacked) == ["acknowledge", "resolve"]
    verify_whole_state(unpacked, chain)
    verify_by_audit(unpacked, chain)


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_error_at_integration_is_made_good(
    unpacked: Plant, chain: FakeChain, when: When
) -> None:
    send_acts(unpacked, MAKER, act(Act.MUTE, until=FOUNDED_MS + 60_000))
    process = Process(unpacked, Trap())
    error = psycopg.OperationalError("the connection was lost")
    process.trap.arm(STEPS["integration"], 1, when, error)
    unpacked.settle(process)
    process.end()
    verify_whole_state(unpacked, chain)


@pytest.mark.parametrize("seed", range(6))
def test_cases_after_any_interleaving_are_those_of_the_log_replayed(
    plant: Plant, seed: int
) -> None:
    """Captures, acts, sequencing and integration in any order, some of them lost to crashes."""
    chosen = random.Random(seed)
    take_in(plant, _event("OBSERVE", "receiving", 3, epcList=ITEMS))
    for step in ("sequence", "integrate"):
        _step(plant, step)
    events = [
        _event("OBSERVE", "inspecting", 4, epcList=ITEMS[:1]),
        _event("ADD", "commissioning", 0, epcList=ITEMS[1:2]),
        _event("OBSERVE", "inspecting", 5, epcList=ITEMS[2:]),
        _event("ADD", "commissioning", 0, epcList=ITEMS[:1]),
    ]
    acts = [
        act(what, number, **members)
        for number in range(3)
        for what, members in (
            (Act.ACKNOWLEDGE, {}), (Act.ASSIGN, {"assignee": "Jo"}),
            (Act.RESOLVE, {"cause": Cause.OTHER}), (Act.REOPEN, {}),
            (Act.MUTE, {"until": FOUNDED_MS + 10_000}), (Act.UNMUTE, {}),
        )
    ]  # fmt: skip
    todo = [*((0, one) for one in range(len(events))), *((1, one) for one in range(len(acts)))]
    chosen.shuffle(todo)
    for kind, number in todo:
        if kind == 0:
            take_in(plant, events[number])
        else:
            send_acts(plant, chosen.choice([MAKER, SHOP]), acts[number], at_ms=FOUNDED_MS + number)
        for step in chosen.choices(["sequence", "integrate", "crash", "nothing"], k=2):
            _step(plant, step)
    for _ in range(3):
        _step(plant, "sequence")
        _step(plant, "integrate")
    process = Process(plant)
    with process.engine.connect() as connection:
        assert verify_cases(connection) >= 3
    process.end()
    assert len(logged(plant)) == len(acts)


def _step(plant: Plant, step: str) -> None:
    process = Process(plant, Trap())
    if step == "sequence":
        process.sequencer().run(at_ms=FOUNDED_MS)
    elif step == "integrate":
        process.integrator().run()
    elif step == "crash":
        process.trap.arm(STEPS["integration"], 1, "before")
        try:
            process.integrator().run()
        except Killed:
            process.end()
            return
    process.end()


def heard(plant: Plant) -> list[dict[str, Any]]:
    """What was told of the one rule: a pack that nobody made breaks others too."""
    return [one for one in told(plant) if one["data"]["code"] == CODE]


def test_feeds_are_told_of_acts_and_of_muted_cases_nothing_else(unpacked: Plant) -> None:
    add_feed(unpacked)
    until = now_ms() + 3_600_000
    send_acts(
        unpacked, MAKER, act(Act.ASSIGN, assignee="Jo", note="Today"),
        act(Act.MUTE, 1, until=until), act(Act.RESOLVE, 2, cause=Cause.THEFT),
        act(Act.ACKNOWLEDGE, 2), at_ms=now_ms(),
    )  # fmt: skip
    _step(unpacked, "sequence")
    _step(unpacked, "integrate")
    first, second, third = heard(unpacked)
    assert [one["type"] for one in (first, second, third)] == [
        "case.assigned", "case.muted", "case.resolved",
    ]  # fmt: skip
    assert first["data"]["item"] == PATHS[0]
    assert first["data"]["party"] == MAKER.party.hex()
    assert first["data"]["signer"] == f"0x{address_of(MAKER.private_key).hex()}"
    assert (first["data"]["assignee"], first["data"]["note"]) == ("Jo", "Today")
    assert second["data"]["muted_until"] == until
    assert (third["data"]["state"], third["data"]["cause"]) == ("resolved", "theft")
    # All three findings close: of the muted one nobody is told.
    take_in(unpacked, _event("ADD", "commissioning", 0, epcList=ITEMS))
    _step(unpacked, "sequence")
    _step(unpacked, "integrate")
    closed = [one["data"]["item"] for one in heard(unpacked) if one["type"] == "finding.closed"]
    assert sorted(closed) == [PATHS[0], PATHS[2]]
    take_in(unpacked, _event("OBSERVE", "inspecting", 6, epcList=ITEMS))
    send_acts(unpacked, SHOP, act(Act.UNMUTE, 1))
    _step(unpacked, "sequence")
    _step(unpacked, "integrate")
    assert heard(unpacked)[-1]["type"] == "case.unmuted"


def test_a_mute_is_over_when_the_log_says_so(unpacked: Plant) -> None:
    add_feed(unpacked)
    until = now_ms() + 3_600_000
    send_acts(unpacked, MAKER, act(Act.MUTE, until=until), at_ms=now_ms())
    _step(unpacked, "sequence")
    _step(unpacked, "integrate")
    take_in(unpacked, _event("ADD", "commissioning", 0, epcList=ITEMS[:1]))
    process = Process(unpacked)
    process.sequencer().run(at_ms=until)
    process.integrator().run()
    process.end()
    assert [one["type"] for one in heard(unpacked)] == ["case.muted", "finding.closed"]


def test_a_resolved_case_that_opens_again_is_told(unpacked: Plant) -> None:
    send_acts(unpacked, MAKER, act(Act.RESOLVE, cause=Cause.OTHER))
    _step(unpacked, "sequence")
    _step(unpacked, "integrate")
    add_feed(unpacked)
    take_in(unpacked, _event("OBSERVE", "inspecting", 4, epcList=ITEMS[:1]))
    _step(unpacked, "sequence")
    _step(unpacked, "integrate")
    assert [one["type"] for one in heard(unpacked)] == ["finding.changed", "case.reopened"]
