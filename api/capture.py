"""`POST /epcis/capture`: the hot path, plain ASGI, whose CPU per request the benchmarks gate.

It stands before the application's handlers of errors, so it tells its own.
"""

from typing import Protocol

from api.asgi import Receive, Scope, Send
from api.dry_run import DryRun
from api.epcis_paths import CAPTURE, EPCIS_HEADERS
from api.errors import TOLD, problem
from api.guard import FENCE, NOSNIFF
from api.negotiation import is_dry_run, verify_headers
from api.receiving import Disconnected, Receiver
from ledger.service.accept import capture_id
from ledger.service.ports import AcceptedSubmission

_ANSWER = b"{}"
_HEADERS = [
    (b"content-type", b"application/json"),
    (b"content-length", str(len(_ANSWER)).encode()),
    # Those that the standard gives this answer; the server spends a microsecond on each.
    *(
        (name.lower().encode(), EPCIS_HEADERS[name].encode())
        for name in ("GS1-EPCIS-Version", "GS1-CBV-Version")
    ),
    # Of the guard's headers what an empty object needs.
    NOSNIFF,
]


class Intake(Protocol):
    """Where accepted submissions become durable."""

    async def add(self, accepted: AcceptedSubmission) -> None:
        """Return when it is stored."""
        ...


class Capture:
    """The endpoint, an ASGI application."""

    def __init__(self, receiver: Receiver, intake: Intake, dry_run: DryRun) -> None:
        """Take the services."""
        self._receiver, self._intake, self._dry_run = receiver, intake, dry_run

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one submission: 202 when it is stored durably, or a problem."""
        headers = dict(scope["headers"])
        try:
            verify_headers(headers)
            if scope["query_string"] and is_dry_run(scope["query_string"]):
                answer = await self._dry_run.answer(headers, receive)
                answer.headers.update(FENCE)
                await answer(scope, receive, send)
                return
            accepted = await self._receiver.accepted(headers, receive)
            await self._intake.add(accepted)
        except Disconnected:
            return
        except TOLD as error:
            refusal = problem(CAPTURE, error)
            refusal.headers.update(FENCE)
            await refusal(scope, receive, send)
            return
        location = (b"location", f"{CAPTURE}/{capture_id(accepted.digest)}".encode())
        await send({"type": "http.response.start", "status": 202, "headers": [location, *_HEADERS]})
        await send({"type": "http.response.body", "body": _ANSWER})
