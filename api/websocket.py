"""`GET /epcis/queries/{queryName}/events` as a WebSocket: events of a named query as they come.

Each message is one EPCIS query document, whose `id` names the position it reaches; whoever comes
back with `after` misses nothing. Nothing is queued for a listener: the next document is read when
the last one has left, and who takes too long is sent away.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import parse_qsl

from fastapi.concurrency import run_in_threadpool
from fastapi.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from api.asgi import Receive, Scope, Send
from api.epcis_paths import EPCIS_HEADERS
from api.errors import TOLD, problem
from ledger.clock import now_ms
from ledger.core.epcis.schedule import FIELDS
from ledger.core.errors import LedgerError, NotFoundError
from ledger.core.strict_json import JsonValue
from ledger.service.follow import Follower, Followers
from ledger.service.subscribe import Controls, parse_controls
from ledger.service.subscription_ports import SubscriptionControlsError

# Each looks into the index when that has moved, and holds one document in memory.
MAX_LISTENERS: Final = 100
# As often as the worker turns; shared by all listeners.
POLL_S: Final = 0.2
# For one document of a mebibyte, over a bad line.
SEND_S: Final = 30.0
CLOSE_S: Final = 2.0

POLICY: Final = 1008
TRY_LATER: Final = 1013
QUERY_DELETED: Final = 4404
# There are ten.
MAX_PARAMETERS: Final = 20
_AFTER: Final = "after"
_MAX_DIGITS: Final = 18


class BusyError(LedgerError):
    """This server has as many listeners as it takes."""


class IndexWatch:
    """How far the index is, asked for at most once an interval, whoever wants to know."""

    def __init__(self, read: Callable[[], int], interval_s: float = POLL_S) -> None:
        """Take what reads it, blocking."""
        self._read, self._interval_s = read, interval_s
        self._lock = asyncio.Lock()
        self._known, self._read_at = 0, -interval_s

    async def indexed(self) -> int:
        """Return how many entries of the log the index covered within the last interval."""
        async with self._lock:
            if time.monotonic() - self._read_at >= self._interval_s:
                self._known = await run_in_threadpool(self._read)
                self._read_at = time.monotonic()
            return self._known


class QueryWatch:
    """Whether queries are still there, each asked for at most once an interval."""

    def __init__(self, verify: Callable[[str], None], interval_s: float = POLL_S) -> None:
        """Take what raises for a query that is gone, blocking."""
        self._verify, self._interval_s = verify, interval_s
        self._lock = asyncio.Lock()
        self._seen_at: dict[str, float] = {}

    async def verify(self, name: str) -> None:
        """Raise unless there was a query of that name within the last interval.

        Raises:
            NotFoundError: There is none.
        """
        async with self._lock:
            if time.monotonic() - self._seen_at.get(name, -self._interval_s) < self._interval_s:
                return
            await run_in_threadpool(self._verify, name)
            if len(self._seen_at) >= MAX_LISTENERS:
                # Names of listeners that left.
                self._seen_at.clear()
            self._seen_at[name] = time.monotonic()


class QuerySocket:
    """The endpoint: plain ASGI, since a refusal has to see the line close."""

    def __init__(self, followers: Followers, send_s: float = SEND_S) -> None:
        """Take the service; send_s is how long a listener may take for one document."""
        self._followers, self._send_s = followers, send_s
        self._watch = IndexWatch(followers.indexed)
        self._queries = QueryWatch(followers.verify_query)
        self._listeners = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one listener until either side ends it."""
        websocket = WebSocket(scope, receive, send)
        try:
            follower = await self._begin(websocket)
        except TOLD as error:
            await websocket.send_denial_response(problem(websocket.url.path, error))
            await _until_closed(receive)
            return
        self._listeners += 1
        try:
            await websocket.accept(
                headers=[(name.encode(), value.encode()) for name, value in EPCIS_HEADERS.items()]
            )
            await self._serve(websocket, follower)
        except WebSocketDisconnect:
            return
        finally:
            self._listeners -= 1

    async def _begin(self, websocket: WebSocket) -> Follower:
        if self._listeners >= MAX_LISTENERS:
            raise BusyError(f"{MAX_LISTENERS} listen already; come back, or subscribe a webhook")
        controls, after = asked(websocket.scope["query_string"].decode("latin-1"))
        name = websocket.path_params["queryName"]
        epc_format = websocket.headers.get("gs1-epc-format")
        return await run_in_threadpool(
            self._followers.begin, name, controls, after, epc_format, now_ms()
        )

    async def _serve(self, websocket: WebSocket, follower: Follower) -> None:
        gone = asyncio.create_task(_until_gone(websocket))
        try:
            code, reason = await self._tell(websocket, follower, gone)
        finally:
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)
        if websocket.client_state is WebSocketState.CONNECTED:
            await _close(websocket, code, reason)

    async def _tell(
        self, websocket: WebSocket, follower: Follower, gone: "asyncio.Task[str]"
    ) -> tuple[int, str]:
        """Send document after document; return why it ended."""
        while not gone.done():
            try:
                # Whoever waits for events that never come is told too.
                await self._queries.verify(follower.query_name)
                document = None
                if follower.is_due(await self._watch.indexed(), now_ms()):
                    document = await run_in_threadpool(follower.next, now_ms())
                if document is None:
                    await asyncio.wait([gone], timeout=POLL_S)
                    continue
                async with asyncio.timeout(self._send_s):
                    await websocket.send_text(document.decode())
            except NotFoundError:
                return QUERY_DELETED, "the query was deleted"
            except TimeoutError:
                return POLICY, "too slow: come back, behind the last document that arrived"
            except TOLD:
                return TRY_LATER, "a part of the ledger cannot be reached"
        return POLICY, gone.result()


async def _until_closed(receive: Receive) -> None:
    """Return when the line is closed behind a refusal.

    uvicorn logs an error for an application that returns before. It reports the beginning, its own
    answer and the line's end.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_S):
            for _ in range(3):
                await receive()


async def _until_gone(websocket: WebSocket) -> str:
    """Return when the listener has gone, or says something; nothing is taken from it."""
    message = await websocket.receive()
    return "nothing is taken here" if message["type"] == "websocket.receive" else ""


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    try:
        # Behind what it has not read yet: who reads nothing at all is cut off without a code.
        async with asyncio.timeout(CLOSE_S):
            await websocket.close(code, reason)
    except (TimeoutError, RuntimeError, WebSocketDisconnect):
        return


def asked(query: str) -> tuple[Controls, int | None]:
    """Read the parameters of a handshake: the standard's, and `after`, a position to go on behind.

    Raises:
        SubscriptionControlsError: One is unknown, stands twice or breaks its rule.
    """
    if query.count("&") >= MAX_PARAMETERS:
        raise SubscriptionControlsError("query", f"has at most {MAX_PARAMETERS} parameters")
    given: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in given:
            raise SubscriptionControlsError(name, "stands once", value)
        given[name] = value
    after = given.pop(_AFTER, None)
    schedule = {name: given.pop(name) for name in FIELDS if name in given}
    members: dict[str, JsonValue] = {"schedule": dict(schedule)} if schedule else {}
    for name, value in given.items():
        if name not in _CONTROLS:
            raise SubscriptionControlsError(name, "is a parameter of a standing query", name)
        members[name] = _CONTROLS[name](value)
    return parse_controls(members), None if after is None else _position(after)


def _flag(text: str) -> JsonValue:
    return {"true": True, "false": False}.get(text, text)


_CONTROLS: Final[Mapping[str, Callable[[str], JsonValue]]] = {
    "stream": _flag,
    "reportIfEmpty": _flag,
    # A plus that was not encoded reads as a blank.
    "initialRecordTime": lambda text: text.replace(" ", "+"),
}


def _position(text: str) -> int:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _MAX_DIGITS):
        raise SubscriptionControlsError(_AFTER, "is a position of the log, or -1", text)
    return int(text)
