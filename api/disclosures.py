"""Disclosures: chosen fields and items of one logged event, as evidence of its own."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.items import NO_STORE
from api.routing import GIVEN, problems
from ledger.service.disclose import MEDIA_TYPE, Discloser

_Event = Annotated[
    str,
    Path(
        description="Log index, eventID (percent-encoded), or leaf hash (`0x` and 64 hexadecimal"
        " digits).",
        examples=["1041"],
    ),
]
_Fields = Annotated[
    list[str],
    Query(
        alias="field",
        description="Name of a member, or JSON pointer (RFC 6901) of a row; may be repeated.",
        examples=[["readPoint"]],
    ),
]
_Items = Annotated[
    list[str],
    Query(
        alias="item",
        description="An item that the event names, in any spelling; may be repeated.",
        examples=[["/01/04012345111118/21/987"]],
    ),
]


class DisclosureRoutes:
    """The route under /disclosures."""

    def __init__(self, discloser: Discloser) -> None:
        """Take the service."""
        self._discloser = discloser

    def router(self) -> APIRouter:
        """Return the route."""
        router = APIRouter(tags=["Items"])
        disclosure = {
            "description": "The disclosure, canonical JSON (docs/spec/disclosure.md).",
            "content": {MEDIA_TYPE: {"schema": {"type": "object"}}},
        }
        router.add_api_route(
            "/disclosures/{event:path}", self.disclosure, methods=["GET"],
            response_description=GIVEN, response_class=Response,
            responses={200: disclosure, **problems(400, 404, 409, 422)},
        )  # fmt: skip
        return router

    def disclosure(self, event: _Event, fields: _Fields = [], items: _Items = []) -> Response:  # noqa: B006 -- FastAPI copies defaults
        """Give chosen rows of an event, and those that decide its operation, and no other."""
        content = self._discloser.disclose(event, fields, items)
        return Response(content, media_type=MEDIA_TYPE, headers=NO_STORE)
