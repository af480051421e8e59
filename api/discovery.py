"""`OPTIONS` under /epcis: which methods, versions and limits a resource has."""

import re
from typing import Any

from fastapi import APIRouter, Depends, Response

from api.epcis_paths import (
    CAPTURE,
    EPCIS_HEADERS,
    EVENT,
    EVENTS,
    LIMITS,
    METHODS,
    PREFIX,
    QUERY_EVENTS,
    RESOURCE_EVENTS,
    allowed,
)
from api.negotiation import versions_are_taken
from api.routing import problems
from ledger.service.query import IDENTIFIERS

# Both behaviours can be asked for: `all` is the standard's word for a server that has them.
_CAPTURING = {**LIMITS, "GS1-Capture-Error-Behaviour": "all"}
# What an answer is where no header asks for anything else; all other values are taken too.
_SPELLING = {"GS1-EPC-Format": "Always_GS1_Digital_Link", "GS1-CBV-XML-Format": "Always_URN"}
_ANSWERING = dict.fromkeys((EVENT, QUERY_EVENTS, *RESOURCE_EVENTS.values()), _SPELLING)
_KEYS = {"GS1-EPC-Format": _SPELLING["GS1-EPC-Format"]}
_LISTED = dict.fromkeys((f"{PREFIX}/{one.value}" for one in IDENTIFIERS), _KEYS)
_ALSO = {**_ANSWERING, **_LISTED, CAPTURE: _CAPTURING, EVENTS: {**LIMITS, **_SPELLING}}


class _Options:
    """Answers for one path of the table."""

    def __init__(self, path: str) -> None:
        allow = {"Allow": allowed(path)}
        self._headers = {**allow, **EPCIS_HEADERS, **_ALSO.get(path, {})}

    async def options(self) -> Response:
        """Tell the methods, versions and limits of this resource, in headers."""
        return Response(status_code=204, headers=self._headers)


def _path_parameters(path: str) -> list[dict[str, Any]]:
    names = re.findall(r"\{(\w+)", path)
    return [
        {
            "name": name, "in": "path", "required": True, "schema": {"type": "string"},
            "description": "As the other methods of this path take it.",
        }
        for name in names
    ]  # fmt: skip


def discovery() -> APIRouter:
    """Return a route for each path of the table."""
    router = APIRouter(tags=["Discovery"], dependencies=[Depends(versions_are_taken)])
    for path in METHODS:
        described: Any = problems(406)
        router.add_api_route(
            path, _Options(path).options, methods=["OPTIONS"], status_code=204,
            response_class=Response, response_description="In the headers.", responses=described,
            openapi_extra={"parameters": _path_parameters(path)},
        )  # fmt: skip
    # GET answers there too.
    router.add_api_route(
        f"{PREFIX}/", _Options(PREFIX).options, methods=["OPTIONS"], status_code=204,
        response_class=Response, include_in_schema=False,
    )  # fmt: skip
    return router
