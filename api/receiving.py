"""Bodies that carry a document: read within limits, split, and accepted."""

import asyncio
from collections.abc import Callable, Mapping
from functools import lru_cache

from fastapi.concurrency import run_in_threadpool

from api.asgi import Receive
from api.epcis_paths import MAX_BODY
from api.errors import (
    TooLargeError,
    UnsignedError,
    UnsupportedEncodingError,
    UnsupportedMediaTypeError,
)
from api.multipart import CaptureBody, boundary_of, split_capture
from api.negotiation import error_behaviour
from ledger.clock import now_ms
from ledger.core.epcis.read import is_xml
from ledger.core.errors import LedgerError, NotPermittedError
from ledger.service.accept import JSON_TYPES, MEDIA_TYPES, XML_TYPES, Acceptor, kind_of
from ledger.service.ports import AcceptedSubmission, Directory, ErrorBehaviour

# From here on checking takes over a millisecond, which other requests would wait for; below it a
# thread costs more than it saves.
INLINE_BODY = 64 * 1024
_MULTIPART = "multipart/form-data"


class Disconnected(Exception):  # noqa: N818 -- no error: the sender went away
    """The sender went away before its body was complete."""


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


class Receiver:
    """Takes the two-part body of a signed document."""

    def __init__(self, acceptor: Acceptor, directory: FreshDirectory) -> None:
        """Take the services."""
        self._acceptor, self._directory = acceptor, directory

    async def accepted(
        self, headers: Mapping[bytes, bytes], receive: Receive
    ) -> AcceptedSubmission:
        """Return the submission of a request, checked and not stored yet.

        Raises:
            LedgerError: It is refused.
            Disconnected: Its sender went away.
        """
        _verify_encoding(headers)
        boundary = _boundary(headers.get(b"content-type", b""))
        behaviour = error_behaviour(headers)
        body = await read_body(receive, headers.get(b"content-length", b""))
        parts = split_capture(body, boundary)
        _verify_media_type(parts.media_type, parts.document)
        try:
            return await self._accept(parts, behaviour)
        except NotPermittedError:
            # The key may have been registered since the directory was read.
            if not await self._directory.refresh():
                raise
        return await self._accept(parts, behaviour)

    async def _accept(self, parts: CaptureBody, behaviour: ErrorBehaviour) -> AcceptedSubmission:
        arguments = (parts.submission, parts.document, parts.media_type)
        size = len(parts.document) + len(parts.submission)
        # XML of this size takes several times as long.
        if size <= INLINE_BODY and kind_of(parts.media_type) in JSON_TYPES:
            return self._acceptor.accept(*arguments, at_ms=now_ms(), error_behaviour=behaviour)
        return await run_in_threadpool(
            self._acceptor.accept, *arguments, at_ms=now_ms(), error_behaviour=behaviour
        )


async def unsigned_document(headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
    """Return the document of a request that need not be signed: its body, or a part of it.

    Raises:
        LedgerError: It is refused.
        Disconnected: Its sender went away.
    """
    _verify_encoding(headers)
    content_type = headers.get(b"content-type", b"").decode("latin-1")
    length = headers.get(b"content-length", b"")
    if kind_of(content_type) == _MULTIPART:
        parts = split_capture(await read_body(receive, length), boundary_of(content_type))
        content_type, document = parts.media_type, parts.document
    elif kind_of(content_type) in MEDIA_TYPES:
        document = await read_body(receive, length)
    else:
        raise UnsupportedMediaTypeError("content-type", "is JSON, XML or a form", content_type)
    _verify_media_type(content_type, document)
    return document


def _verify_media_type(media_type: str, document: bytes) -> None:
    kind = kind_of(media_type)
    if kind not in MEDIA_TYPES:
        rule = f"is one of {', '.join(sorted(MEDIA_TYPES))}"
        raise UnsupportedMediaTypeError("document", rule, media_type)
    if (kind in XML_TYPES) != is_xml(document):
        raise UnsupportedMediaTypeError("document", "has the media type of its content", media_type)


def _verify_encoding(headers: Mapping[bytes, bytes]) -> None:
    # The signature is over the document as sent, and a bomb of 32 MiB would unpack to gigabytes.
    coding = headers.get(b"content-encoding", b"identity").decode("latin-1").strip()
    if coding.lower() not in {"", "identity"}:
        raise UnsupportedEncodingError("Content-Encoding", "is absent: send it as it is", coding)


# A client sends one content type with every capture.
@lru_cache(maxsize=64)
def _boundary(content_type: bytes) -> bytes:
    text = content_type.decode("latin-1")
    kind = kind_of(text)
    if kind == _MULTIPART:
        return boundary_of(text)
    if kind in MEDIA_TYPES:
        raise UnsignedError(
            "an EPCIS document is taken with the submission that signs it, as two parts of"
            " multipart/form-data: send it with `unbroken capture FILE --key NAME`"
        )
    raise UnsupportedMediaTypeError("content-type", f"is {_MULTIPART}", text)


def _capture_too_large() -> LedgerError:
    return TooLargeError(f"a capture has at most {MAX_BODY} bytes; send several")


async def read_body(
    receive: Receive, length: bytes, too_large: Callable[[], LedgerError] = _capture_too_large
) -> bytes:
    """Return the body.

    Raises:
        LedgerError: What too_large makes: it is, or says that it is, longer than MAX_BODY.
        Disconnected: It ended early.
    """
    if length.isdigit() and int(length[:16]) > MAX_BODY:
        raise too_large()
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        body: bytes = message.get("body", b"")
        if len(body) > MAX_BODY:
            raise too_large()
        return body
    chunks, size = [], 0
    while message["type"] == "http.request":
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > MAX_BODY:
            raise too_large()
        if not message.get("more_body"):
            return b"".join(chunks)
        message = await receive()
    raise Disconnected
