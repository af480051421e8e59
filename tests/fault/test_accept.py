"""The group commit of what partners send: nobody is answered before it is stored."""

import asyncio

import psycopg
import pytest

from ledger.service.ports import AcceptedSubmission
from ledger.store.intake import Intake
from tests.fakes.chain import FakeChain
from tests.fakes.cut_line import CutLine
from tests.fakes.trap import When
from tests.fault.plant import Plant
from tests.fault.whole_state import verify_whole_state


def _stored(plant: Plant) -> set[bytes]:
    with psycopg.connect(plant.database_url) as connection:
        rows = connection.execute("SELECT digest FROM submissions WHERE document IS NOT NULL")
        return {row[0] for row in rows}


async def _sent(intake: Intake, group: list[AcceptedSubmission]) -> list[BaseException | None]:
    return await asyncio.gather(*map(intake.add, group), return_exceptions=True)


@pytest.mark.parametrize(
    ("when", "kept"),
    [("before", False), ("after", True)],
    ids=["not stored", "stored"],
)
def test_a_commit_whose_answer_is_lost_is_an_error_and_a_resend_is_one_entry(
    plant: Plant, chain: FakeChain, when: When, *, kept: bool
) -> None:
    group = plant.accepted() + plant.accepted()

    async def run() -> None:
        async with CutLine(plant.database_url).open() as line:
            intake = Intake(line.url)
            await intake.start()
            line.cut = when
            first = await _sent(intake, group)
            assert all(isinstance(one, psycopg.Error) for one in first)
            assert _stored(plant) == ({one.digest for one in group} if kept else set())
            assert await _sent(intake, group + group[:1]) == [None] * (len(group) + 1)
            assert line.cuts == 1
            await intake.stop()

    asyncio.run(run())
    for one in group:
        plant.acknowledge(one)
    plant.run_to_the_end()
    verify_whole_state(plant, chain)


def test_a_database_that_is_away_is_an_error_for_each_sender_until_it_is_back(
    plant: Plant, chain: FakeChain
) -> None:
    """Nobody waits for ever, and the writer outlives any number of failed attempts."""
    group = plant.accepted()

    async def run() -> None:
        async with CutLine(plant.database_url).open() as line, asyncio.timeout(20):
            intake = Intake(line.url)
            await intake.start()
            line.cut, line.is_down = "before", True
            for _ in range(3):
                assert all(isinstance(one, psycopg.Error) for one in await _sent(intake, group))
            line.is_down = False
            assert await _sent(intake, group) == [None] * len(group)
            await intake.stop()

    asyncio.run(run())
    for one in group:
        plant.acknowledge(one)
    plant.run_to_the_end()
    verify_whole_state(plant, chain)


def test_a_stopped_intake_has_stored_whatever_it_acknowledged(plant: Plant) -> None:
    groups = [plant.accepted() for _ in range(8)]

    async def run() -> set[bytes]:
        intake = Intake(plant.database_url)
        await intake.start()
        waiting = {
            one.digest: asyncio.create_task(intake.add(one)) for group in groups for one in group
        }
        await asyncio.wait(waiting.values(), return_when=asyncio.FIRST_COMPLETED)
        await intake.stop()
        done = {digest for digest, task in waiting.items() if task.done() and not task.exception()}
        for task in waiting.values():
            task.cancel()
        return done

    assert asyncio.run(run()) <= _stored(plant)
