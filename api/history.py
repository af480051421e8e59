"""An item's events, the question that is asked most: plain ASGI, answered before the router.

It answers what it knows at first sight: one item by its usual spelling, JSON, no header that asks
for more, no second page, at least one event. All else, and every fault, is the general route's.
"""

from typing import Final
from urllib.parse import unquote_to_bytes

from api.asgi import Scope, Send
from api.epcis_paths import EPCIS_HEADERS, EVENTS
from api.errors import TOLD
from api.guard import NOSNIFF
from api.query_answers import document
from ledger.clock import now_ms
from ledger.core.epcis.epc_format import EpcFormat
from ledger.core.errors import LedgerError
from ledger.core.identifiers import canonical_path
from ledger.service.query import DEFAULT_PER_PAGE, EventQueries

_QUERY: Final = b"MATCH_anyEPC="
_PREFIX, _SUFFIX = "/epcis/epcs/", "/events"
_PREFIX_LENGTH, _SUFFIX_LENGTH = len(_PREFIX), len(_SUFFIX)
_JSON: Final = frozenset([b"*/*", b"application/json"])
_NAME: Final = b'"SimpleEventQuery"'
# In a list of values these divide; in a path they are escaped too.
_DIVIDERS: Final = b"&|,+"
_HEADERS: Final = [
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"gs1-epc-format", EpcFormat.ALWAYS_GS1_DIGITAL_LINK.value.encode()),
    *(
        (name.lower().encode(), EPCIS_HEADERS[name].encode())
        for name in ("GS1-EPCIS-Version", "GS1-CBV-Version")
    ),
    NOSNIFF,
]


class History:
    """Answers the events of an item."""

    def __init__(self, queries: EventQueries) -> None:
        """Take the service."""
        self._queries = queries

    async def answered(self, scope: Scope, send: Send) -> bool:
        """Answer a GET when it is one of these; tell whether it was."""
        path = _item(scope)
        if path is None:
            return False
        try:
            page = await self._queries.item(path, DEFAULT_PER_PAGE, now_ms())
        except TOLD:
            return False
        if not page.events or page.token is not None:
            return False
        body = document([event.rendered for event in page.events], _NAME, now_ms())
        headers = [(b"content-length", b"%d" % len(body)), *_HEADERS]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        return True


def _item(scope: Scope) -> str | None:
    """Return the path of the one item that a request asks for, None when it asks otherwise."""
    path: str = scope["path"]
    query: bytes = scope["query_string"]
    if path == EVENTS and query.startswith(_QUERY):
        raw = query[len(_QUERY) :]
    elif path.startswith(_PREFIX) and path.endswith(_SUFFIX) and not query:
        raw = scope["raw_path"][_PREFIX_LENGTH:-_SUFFIX_LENGTH]
    else:
        return None
    if any(divider in raw for divider in _DIVIDERS) or not _is_plain(scope):
        return None
    try:
        text = (raw if b"://" in raw else unquote_to_bytes(raw)).decode()
        found = canonical_path(text)
    except (UnicodeDecodeError, LedgerError):
        return None
    # A class or a pattern is no item; other keys take the general route.
    is_item = found.startswith("/00/") or (found.startswith("/01/") and "/21/" in found)
    return found if is_item else None


def _is_plain(scope: Scope) -> bool:
    for name, value in scope["headers"]:
        if name.startswith(b"gs1-") or (name == b"accept" and value not in _JSON):
            return False
    return True
