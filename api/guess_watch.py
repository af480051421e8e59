"""Counts look-ups of packs that no entry names; one comparison for every other request."""

import asyncio
import logging

from fastapi.concurrency import run_in_threadpool

from api.asgi import Application, Message, Receive, Scope, Send
from api.items import item_path
from ledger.bootstrap import STORE_ERRORS
from ledger.core.errors import LedgerError
from ledger.service.guesses import Guessing
from ledger.service.prove import ABSENCE_MEDIA_TYPE

_PREFIX, _PROOF = b"/items/", "/proof"
_NOT_FOUND = 404
_ABSENCE = (b"content-type", ABSENCE_MEDIA_TYPE.encode())
# Of what was counted, so much is lost in a crash.
WRITE_S = 5.0
logger = logging.getLogger("unbroken.api")


class GuessWatch:
    """Stands before the application and looks at how questions about items are answered."""

    def __init__(self, app: Application, guessing: Guessing) -> None:
        """Take the application, and what counts."""
        self._app, self._guessing = app, guessing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application answer, and count where no entry names what was asked for."""
        if scope["type"] != "http" or not scope.get("raw_path", b"").startswith(_PREFIX):
            await self._app(scope, receive, send)
            return

        async def seen(message: Message) -> None:
            if message["type"] == "http.response.start" and _is_unknown(message):
                self._note(scope)
            await send(message)

        await self._app(scope, receive, seen)

    def _note(self, scope: Scope) -> None:
        raw = scope["raw_path"].decode("latin-1").partition("?")[0][len(_PREFIX) :]
        client = scope.get("client") or ("",)
        try:
            self._guessing.note(item_path(raw.removesuffix(_PROOF)), client[0])
        except LedgerError:
            return  # no item, so no guess at one


def _is_unknown(message: Message) -> bool:
    return message["status"] == _NOT_FOUND or _ABSENCE in message.get("headers", ())


async def keep_guesses(guessing: Guessing) -> None:
    """Store what was counted, for ever."""
    while True:
        await asyncio.sleep(WRITE_S)
        try:
            await run_in_threadpool(guessing.write)
        except STORE_ERRORS as error:
            logger.warning("failing look-ups were not counted: %s", error)
