"""Server-sent events of findings: each listener reads the database at its own pace.

Nothing is queued: the next changes are read when the last ones have left. Who takes too long is cut
off, and comes back with the last id that it has.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson
from fastapi import Response
from fastapi.concurrency import run_in_threadpool

from api.asgi import Receive, Scope, Send
from api.errors import TOLD
from api.websocket import POLL_S, BusyError, IndexWatch
from ledger.service.case_ports import FindingFilter, ToldChange
from ledger.service.cases import Cases, Told

# Each asks the database when something has changed, and holds one page in memory.
MAX_LISTENERS: Final = 100
# A proxy lets go of a line that is silent for half a minute.
HEARTBEAT_S: Final = 15.0
# For one page of some 100 kB, over a bad line.
SEND_S: Final = 30.0
RETRY_MS: Final = 2_000
_NO_MORE: Final = b": that is all by now; with Accept: text/event-stream the line stays open\n\n"
_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    # nginx would keep events back until its buffer is full.
    (b"x-accel-buffering", b"no"),
]


class Followers:
    """Those who listen, and what they share: one question a moment, whether anything changed."""

    def __init__(self, cases: Cases, send_s: float = SEND_S, beat_s: float = HEARTBEAT_S) -> None:
        """Take the service; send_s is how long a listener may take for one page."""
        self.cases, self.send_s, self.beat_s = cases, send_s, beat_s
        self.watch = IndexWatch(cases.changes_to)
        self.listeners = 0

    async def begin(self, last_id: int | None, after: int | None) -> int:
        """Return where a listener begins.

        Raises:
            BusyError: There are too many.
        """
        if self.listeners >= MAX_LISTENERS:
            raise BusyError(f"{MAX_LISTENERS} listen already; come back, or subscribe a webhook")
        return await run_in_threadpool(self.cases.begin, last_id, after)


class EventStream(Response):
    """One listener's stream, until either side ends it."""

    def __init__(
        self, followers: Followers, wanted: FindingFilter, begin: int,
        shown: Callable[[ToldChange], Mapping[str, Any]], *, stays: bool,
    ) -> None:  # fmt: skip
        """Take what is wanted from where on, what writes a change, and who waits for more."""
        super().__init__()
        self._followers, self._wanted, self._at, self._shown = followers, wanted, begin, shown
        self._stays = stays

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the listener."""
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        if scope.get("is_head"):
            await send({"type": "http.response.body", "body": b""})
            return
        self._followers.listeners += 1
        gone = asyncio.create_task(_until_gone(receive))
        try:
            await self._tell(send, gone)
        except TimeoutError:
            # An end without the end of the content: the server cuts the line.
            return
        finally:
            self._followers.listeners -= 1
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)

    async def _tell(self, send: Send, gone: "asyncio.Task[None]") -> None:
        """Send page after page, and a comment where there is long nothing."""
        await self._send(send, f"retry: {RETRY_MS}\n\n".encode())
        silent_s = 0.0
        while not gone.done():
            try:
                told = await self._next()
            except TOLD:
                # The line closes; whoever comes back finds the ledger, or a problem that says why.
                break
            if told is not None and told.changes:
                await self._send(send, _page(told, self._shown))
                silent_s = 0.0
                continue
            if not self._stays:
                await self._send(send, _NO_MORE)
                break
            await asyncio.wait([gone], timeout=POLL_S)
            silent_s += POLL_S
            if silent_s >= self._followers.beat_s:
                await self._send(send, b":\n\n")
                silent_s = 0.0
        if not gone.done():
            await send({"type": "http.response.body", "body": b""})

    async def _next(self) -> Told | None:
        if await self._followers.watch.indexed() <= self._at:
            return None
        told = await run_in_threadpool(self._followers.cases.follow, self._wanted, self._at)
        self._at = told.reached
        return told

    async def _send(self, send: Send, body: bytes) -> None:
        async with asyncio.timeout(self._followers.send_s):
            await send({"type": "http.response.body", "body": body, "more_body": True})


def _page(told: Told, shown: Callable[[ToldChange], Mapping[str, Any]]) -> bytes:
    lines: list[bytes] = []
    for change, complete in zip(told.changes, told.ids, strict=True):
        if complete is not None:
            lines.append(b"id: %d\n" % complete)
        lines += [
            b"event: finding.", change.kind.encode(), b"\n",
            b"data: ", orjson.dumps(shown(change)), b"\n\n",
        ]  # fmt: skip
    return b"".join(lines)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
