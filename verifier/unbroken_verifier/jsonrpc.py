"""One JSON-RPC endpoint of a chain, chosen by the caller and not trusted further than its answer.

A slow, endless or garbled answer ends in `RpcError`, never in a verdict.
"""

import json
from http.client import HTTPException
from time import monotonic
from typing import Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from unbroken_verifier.canonical import JsonValue, parse_strict
from unbroken_verifier.errors import RefusedError, RpcError

MAX_ANSWER_BYTES = 1024 * 1024  # the largest answer asked for is a contract's code, under 50 kB
TIMEOUT_S = 15.0  # for one whole question; public endpoints answer in about a second
CHUNK_BYTES = 65536


class Rpc(Protocol):
    """A chain that answers questions; `name` tells people which."""

    @property
    def name(self) -> str:
        """Text for reports."""

    def call(self, method: str, params: list[JsonValue]) -> JsonValue:
        """The `result` of one JSON-RPC call.

        Raises:
            RpcError: no usable answer.
        """


class _NoRedirect(HTTPRedirectHandler):
    """A redirect would let one endpoint answer in the name of another."""

    def redirect_request(self, *_: object) -> None:
        return None


class HttpRpc:
    """JSON-RPC 2.0 over http or https."""

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        """Remembers the address; connects at each call.

        Raises:
            ValueError: not an http or https address (urllib would also open files).
        """
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("an RPC address is http://… or https://…")
        # Paths and user names of RPC addresses are access keys: reports show the host only.
        self.name = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
        self._url = url
        self._timeout_s = timeout_s
        self._opener = build_opener(_NoRedirect())

    def call(self, method: str, params: list[JsonValue]) -> JsonValue:
        """The `result` of one JSON-RPC call.

        Raises:
            RpcError: unreachable, too slow, too long, not JSON-RPC, or an error answer.
        """
        question = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        raw = self._post(json.dumps(question).encode())
        try:
            answer = parse_strict(raw)
        except RefusedError as error:
            raise RpcError(f"{self.name} answered {method} with no JSON") from error
        if not isinstance(answer, dict) or answer.get("id") != 1:
            raise RpcError(f"{self.name} answered {method} with no JSON-RPC")
        if answer.get("error") is not None or "result" not in answer:
            raise RpcError(f"{self.name} refused {method}: {_said(answer.get('error'))}")
        return answer["result"]

    def _post(self, body: bytes) -> bytes:
        headers = {"Content-Type": "application/json", "User-Agent": "unbroken-verify"}
        request = Request(self._url, data=body, headers=headers)  # noqa: S310  checked in __init__
        deadline = monotonic() + self._timeout_s
        answer = bytearray()
        try:
            with self._opener.open(request, timeout=self._timeout_s) as response:
                while chunk := response.read1(CHUNK_BYTES):
                    answer += chunk
                    if len(answer) > MAX_ANSWER_BYTES:
                        raise RpcError(f"{self.name} answers more than {MAX_ANSWER_BYTES} bytes")
                    # The socket's own timeout starts anew with each byte of a dripping answer.
                    if monotonic() > deadline:
                        raise RpcError(f"{self.name} takes more than {self._timeout_s:g} s")
        except HTTPError as error:
            error.close()
            raise RpcError(f"{self.name} answers with HTTP status {error.code}") from error
        except (URLError, HTTPException, OSError) as error:
            reason = getattr(error, "reason", None) or error
            raise RpcError(f"{self.name} cannot be reached: {_said(str(reason))}") from error
        return bytes(answer)


def _said(error: JsonValue) -> str:
    """An endpoint's own words, shortened to one harmless line."""
    words = error.get("message") if isinstance(error, dict) else error
    return "".join(c if c.isprintable() else " " for c in str(words))[:120]
