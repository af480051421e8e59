"""`POST /epcis/capture`: the hot path, plain ASGI, whose CPU per request the benchmarks gate.

It stands before the application's handlers of errors, so it tells its own.
"""

import asyncio
from collections.abc import Callable
from functools import lru_cache
from typing import Protocol

from fastapi.concurrency import run_in_threadpool

from api.asgi import Receive, Scope, Send
from api.errors import TOLD, TooLargeError, UnsignedError, UnsupportedMediaTypeError, problem
from api.guard import FENCE, NOSNIFF
from api.multipart import CaptureBody, boundary_of, split_capture
from ledger.clock import now_ms
from ledger.core.errors import NotPermittedError
from ledger.service.accept import JSON_TYPES, Acceptor, capture_id
from ledger.service.ports import AcceptedSubmission, Directory

PATH = "/epcis/capture"
# A day's events of a plant in one document have about 10 MB; the body is held three times over.
MAX_BODY = 32 * 1024 * 1024
# From here on checking takes over a millisecond, which other requests would wait for; below it a
# thread costs more than it saves.
INLINE_BODY = 64 * 1024
VERSIONS = [(b"gs1-epcis-version", b"2.0.0"), (b"gs1-cbv-version", b"2.0.0")]
_ANSWER = b"{}"
_HEADERS = [
    (b"content-type", b"application/json"),
    (b"content-length", str(len(_ANSWER)).encode()),
    *VERSIONS,
    # Of the guard's headers what an empty object needs: the server spends a microsecond on each.
    NOSNIFF,
]
_MULTIPART = "multipart/form-data"


class Disconnected(Exception):  # noqa: N818 -- no error: the sender went away
    """The sender went away before its body was complete."""


class Intake(Protocol):
    """Where accepted submissions become durable."""

    async def add(self, accepted: AcceptedSubmission) -> None:
        """Return when it is stored."""
        ...


class FreshDirectory:
    """Keeps the acceptor's directory fresh."""

    def __init__(self, acceptor: Acceptor, read: Callable[[], Directory]) -> None:
        """Take the acceptor and what reads the directory, blocking."""
        self._acceptor, self._read = acceptor, read
        self._lock = asyncio.Lock()
        self._begun = 0

    async def refresh(self) -> bool:
        """Read the directory as it is from now on; tell whether it changed.

        Callers share a read that begins after they asked, so that a flood of unknown signers costs
        one query at a time.
        """
        asked, before = self._begun, self._acceptor.directory
        async with self._lock:
            if self._begun == asked:
                self._begun += 1
                self._acceptor.directory = await run_in_threadpool(self._read)
        return self._acceptor.directory != before


class Capture:
    """The endpoint, an ASGI application; errors are raised and told by the app's handlers."""

    def __init__(self, acceptor: Acceptor, intake: Intake, directory: FreshDirectory) -> None:
        """Take the services."""
        self._acceptor, self._intake, self._directory = acceptor, intake, directory

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one submission: 202 when it is stored durably, or a problem."""
        try:
            accepted = await self._stored(scope, receive)
        except Disconnected:
            return
        except TOLD as error:
            answer = problem(PATH, error)
            answer.headers.update(FENCE)
            await answer(scope, receive, send)
            return
        location = (b"location", f"{PATH}/{capture_id(accepted.digest)}".encode())
        await send({"type": "http.response.start", "status": 202, "headers": [location, *_HEADERS]})
        await send({"type": "http.response.body", "body": _ANSWER})

    async def _stored(self, scope: Scope, receive: Receive) -> AcceptedSubmission:
        content_type = length = b""
        for name, value in scope["headers"]:
            if name == b"content-type":
                content_type = value
            elif name == b"content-length":
                length = value
        boundary = _boundary(content_type)
        body = await _read_body(receive, length)
        accepted = await self._accepted(split_capture(body, boundary))
        await self._intake.add(accepted)
        return accepted

    async def _accepted(self, parts: CaptureBody) -> AcceptedSubmission:
        if parts.media_type.partition(";")[0].strip().lower() not in JSON_TYPES:
            raise UnsupportedMediaTypeError(
                "document", "is application/json or application/ld+json", parts.media_type
            )
        try:
            return await self._accept(parts)
        except NotPermittedError:
            # The key may have been registered since the directory was read.
            if not await self._directory.refresh():
                raise
        return await self._accept(parts)

    async def _accept(self, parts: CaptureBody) -> AcceptedSubmission:
        if len(parts.document) + len(parts.submission) <= INLINE_BODY:
            return self._acceptor.accept(
                parts.submission, parts.document, parts.media_type, at_ms=now_ms()
            )
        return await run_in_threadpool(
            self._acceptor.accept,
            parts.submission,
            parts.document,
            parts.media_type,
            at_ms=now_ms(),
        )


# A client sends one content type with every capture.
@lru_cache(maxsize=64)
def _boundary(content_type: bytes) -> bytes:
    text = content_type.decode("latin-1")
    kind = text.partition(";")[0].strip().lower()
    if kind == _MULTIPART:
        return boundary_of(text)
    if kind in JSON_TYPES:
        raise UnsignedError(
            "an EPCIS document is taken with the submission that signs it, as two parts of"
            " multipart/form-data: send it with `unbroken capture FILE --key NAME`"
        )
    raise UnsupportedMediaTypeError("content-type", f"is {_MULTIPART}", text)


async def _read_body(receive: Receive, length: bytes) -> bytes:
    """Return the body.

    Raises:
        TooLargeError: It is, or says that it is, longer than MAX_BODY.
        Disconnected: It ended early.
    """
    if length.isdigit() and int(length[:16]) > MAX_BODY:
        raise _too_large()
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        body: bytes = message.get("body", b"")
        if len(body) > MAX_BODY:
            raise _too_large()
        return body
    chunks, size = [], 0
    while message["type"] == "http.request":
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > MAX_BODY:
            raise _too_large()
        if not message.get("more_body"):
            return b"".join(chunks)
        message = await receive()
    raise Disconnected


def _too_large() -> TooLargeError:
    return TooLargeError(f"a capture has at most {MAX_BODY} bytes; send several")
