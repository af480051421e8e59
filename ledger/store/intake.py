"""Group commit of accepted submissions: one COPY and one commit for all that wait.

Nobody is answered before the commit. Groups form by themselves: while one commit runs, the next
group gathers, so a lone submission waits for nothing.
"""

import asyncio
from collections.abc import Sequence

import psycopg
from psycopg import AsyncConnection

from ledger.service.ports import AcceptedSubmission

# Bounds the memory of one COPY; the rest of the queue goes into the next group.
MAX_GROUP = 512
MAX_GROUP_BYTES = 32 * 1024 * 1024
_NAMES = tuple(AcceptedSubmission.__slots__)
_TYPES = (
    "bytea", "bytea", "bytea", "bytea", "int8", "int8", "bytea", "bytea", "bytea", "text", "text",
)  # fmt: skip
_COPY = f"COPY submissions ({', '.join(_NAMES)}) FROM STDIN (FORMAT BINARY)"
_INSERT = (
    f"INSERT INTO submissions ({', '.join(_NAMES)})"  # noqa: S608 -- names are our own columns
    f" VALUES ({', '.join(['%s'] * len(_NAMES))}) ON CONFLICT (digest) DO NOTHING"
)
_Waiting = tuple[AcceptedSubmission, "asyncio.Future[None]"]


class Intake:
    """Stores accepted submissions; one writer task and one connection."""

    def __init__(self, url: str) -> None:
        """Take a libpq URL; `start` connects."""
        self._url = url
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect and begin to write."""
        self._task = asyncio.create_task(self._run(await AsyncConnection.connect(self._url)))

    async def stop(self) -> None:
        """Stop writing; whoever still waits is cancelled, unacknowledged."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            while not self._queue.empty():
                self._queue.get_nowait()[1].cancel()

    async def add(self, accepted: AcceptedSubmission) -> None:
        """Store a submission durably; a digest that is stored already changes nothing.

        Raises:
            psycopg.Error: It is not stored; the sender may try again.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait((accepted, done))
        await done

    async def _run(self, connection: AsyncConnection) -> None:
        try:
            while True:
                group = await self._next_group()
                try:
                    # Here, so that a database that is still away fails this group, not the task.
                    if connection.closed:
                        connection = await AsyncConnection.connect(self._url)
                    await self._write(connection, [accepted for accepted, _ in group])
                except asyncio.CancelledError:
                    for _, done in group:
                        done.cancel()
                    raise
                except Exception as error:  # noqa: BLE001 -- the group fails, the writer goes on
                    _settle(group, error)
                else:
                    _settle(group)
        finally:
            await connection.close()

    async def _next_group(self) -> list[_Waiting]:
        group = [await self._queue.get()]
        size = 0
        while len(group) < MAX_GROUP and size < MAX_GROUP_BYTES and not self._queue.empty():
            group.append(self._queue.get_nowait())
            size += len(group[-1][0].document or b"")
        return group

    async def _write(
        self, connection: AsyncConnection, accepted: Sequence[AcceptedSubmission]
    ) -> None:
        rows = {row.digest: tuple(getattr(row, name) for name in _NAMES) for row in accepted}
        try:
            async with (
                connection.transaction(),
                connection.cursor() as cursor,
                cursor.copy(_COPY) as copy,
            ):
                copy.set_types(_TYPES)
                for row in rows.values():
                    await copy.write_row(row)
        except psycopg.errors.UniqueViolation:
            # A resend is in the group: store one by one, leaving out what is there.
            async with connection.transaction(), connection.cursor() as cursor:
                await cursor.executemany(_INSERT, rows.values())


def _settle(group: Sequence[_Waiting], error: Exception | None = None) -> None:
    for _, done in group:
        if done.done():
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
