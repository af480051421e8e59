"""What is asked in a URL, before any route: no NUL, no unknown parameter, none twice.

Attack: a filter that is misspelt and ignored shows everything, to whoever was to see a part.
"""

from typing import Final
from urllib.parse import parse_qsl, unquote_to_bytes

from fastapi import Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query
from fastapi.routing import APIRoute

from api.asgi import Application, Receive, Scope, Send
from api.epcis_paths import PREFIX
from api.errors import problem
from ledger.core.errors import MalformedError

POLICY_VIOLATION: Final = 1008
# Escaped, as it comes: a server hands out no raw one.
_NUL = b"%00"


class NoNul:
    """Refuses a URL with a NUL, which PostgreSQL takes in no text and no name has."""

    def __init__(self, app: Application) -> None:
        """Take the application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 400 to such a URL, and let the application answer any other."""
        field = _place_of_nul(scope) if scope["type"] in ("http", "websocket") else None
        if field is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        else:
            error = MalformedError(field, "must not hold the character NUL", "%00")
            await problem(scope["path"], error)(scope, receive, send)


def _place_of_nul(scope: Scope) -> str | None:
    if "\0" in scope["path"]:
        return "path"
    query: bytes = scope.get("query_string", b"")
    if _NUL not in query:
        return None
    pieces = (piece.partition(b"=") for piece in query.split(b"&"))
    name = next((name for name, _, value in pieces if _NUL in name + value), b"")
    return unquote_to_bytes(name).replace(b"\0", b"").decode(errors="replace") or "query"


async def verify_parameters(request: Request) -> None:
    """Check that a route of ours knows every parameter of a query, and that none is given twice.

    Raises:
        MalformedError: It does not, or a parameter of one value has several.
    """
    route = request.scope.get("route")
    if not isinstance(route, APIRoute) or route.path.startswith(PREFIX):
        return
    known = {
        field.alias: field.field_info
        for field in get_flat_params(route.dependant)
        if isinstance(field.field_info, Query)
    }
    seen: set[str] = set()
    given = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    for name, value in given:
        if name not in known:
            told = ", ".join(sorted(known)) or "none"
            raise MalformedError(name, f"is no parameter here; there are: {told}", value)
        if name in seen and not _is_repeated(known[name]):
            raise MalformedError(name, "stands once", value)
        seen.add(name)


def _is_repeated(info: Query) -> bool:
    return getattr(info.annotation, "__origin__", None) is list
