"""What stands before every route: only loopback names are answered, and every answer is fenced in.

HEAD is answered here, as GET without its content, wherever there is GET (RFC 9110 section 9.3.2).
Hot routes are answered here too: behind this layer come FastAPI's exit stacks, its router and
Starlette's, half of what such a request would cost in Python.

A web page that binds its own name to 127.0.0.1 (DNS rebinding) is sent away by the Host header. No
answer permits another origin to read it. Browsers let any page open a WebSocket and read it, so
there the Origin counts too: none, which is no browser's, or our own.
"""

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Protocol

import orjson

from api.asgi import Application, Message, Receive, Scope, Send

# One policy for pages and answers alike: our own files only, no frames, no forms.
_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    b" img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
NOSNIFF = (b"x-content-type-options", b"nosniff")
SECURITY_HEADERS: list[tuple[bytes, bytes]] = [
    NOSNIFF,
    (b"content-security-policy", _POLICY),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
]
FENCE = {name.decode(): value.decode() for name, value in SECURITY_HEADERS}
MISDIRECTED = 421
POLICY_VIOLATION = 1008
_GUARDED = ("http", "websocket")
# Clients name one or two hosts; an attacker may name any number.
MAX_KNOWN_HOSTS = 64


def is_loopback_host(host: str) -> bool:
    """Tell whether a Host header names this machine's loopback, with or without a port."""
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        name, port = host, "0"
    if not (port.isascii() and port.isdigit()):
        return False
    if name.lower() == "localhost":
        return True
    try:
        address = ip_address(name[1:-1] if name.startswith("[") and name.endswith("]") else name)
    except ValueError:
        return False
    return address.is_loopback and (address.version == 6) == name.startswith("[")  # noqa: PLR2004


def is_own_origin(headers: Sequence[tuple[bytes, bytes]], host: bytes) -> bool:
    """Tell whether a handshake comes from no browser, or from a page of this very server."""
    origins = [value for name, value in headers if name == b"origin"]
    return not origins or origins in ([b"http://" + host], [b"https://" + host])


class HotReads(Protocol):
    """Answers some requests at once."""

    async def answered(self, scope: Scope, send: Send) -> bool:
        """Answer a GET when it is one of these; tell whether it was."""
        ...


class Guard:
    """The outermost layer of the application that is ours."""

    def __init__(
        self, app: Application, *, hot_path: str, hot: Application, history: HotReads
    ) -> None:
        """Take the application that is guarded, and what answers hot requests.

        Args:
            app: It answers everything else.
            hot_path: Where a POST is for `hot`.
            hot: What answers it.
            history: What may answer a GET.
        """
        self._app, self._hot_path, self._hot, self._history = app, hot_path, hot, history
        self._known: dict[bytes, bool] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 421 to another host's requests, and add the security headers to every answer."""
        if scope["type"] not in _GUARDED:
            await self._app(scope, receive, send)
            return
        scope, send = _as_get(scope, send)
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        is_ours = len(hosts) == 1 and self._is_ours(hosts[0])
        if scope["type"] == "websocket":
            if is_ours and is_own_origin(scope["headers"], hosts[0]):
                await self._app(scope, receive, send)
            else:
                # Before it was accepted: the server answers 403.
                await send({"type": "websocket.close", "code": POLICY_VIOLATION})
            return
        if is_ours and await self._answered(scope, receive, send):
            return

        async def fenced(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *SECURITY_HEADERS]
            await send(message)

        if is_ours:
            await self._app(scope, receive, fenced)
        else:
            await _refuse(fenced)

    async def _answered(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Answer a hot request; tell whether it was one."""
        if scope["method"] == "GET":
            return await self._history.answered(scope, send)
        if scope["path"] == self._hot_path and scope["method"] == "POST":
            await self._hot(scope, receive, send)
            return True
        return False

    def _is_ours(self, host: bytes) -> bool:
        known = self._known.get(host)
        if known is None:
            known = is_loopback_host(host.decode("latin-1"))
            if len(self._known) < MAX_KNOWN_HOSTS:
                self._known[host] = known
        return known


def _as_get(scope: Scope, send: Send) -> tuple[Scope, Send]:
    """Return HEAD as a GET of whose answer only the header is sent, and all else as it is."""
    if scope.get("method") != "HEAD":
        return scope, send

    async def headers_only(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return {**scope, "method": "GET", "is_head": True}, headers_only


async def _refuse(send: Send) -> None:
    body = orjson.dumps(
        {
            "type": "unbroken:misdirected",
            "title": "This server does not answer to that name",
            "status": MISDIRECTED,
            "detail": "Host is localhost or a loopback address.",
        }
    )
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": MISDIRECTED, "headers": headers})
    await send({"type": "http.response.body", "body": body})
