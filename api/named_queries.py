"""Named queries: `/epcis/queries`, and the events of one."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from api.epcis_paths import EPCIS_HEADERS, NEXT_PAGE_TOKEN, QUERIES, QUERY, QUERY_EVENTS
from api.errors import AlreadyExistsError, UnsupportedMediaTypeError
from api.items import NO_STORE
from api.negotiation import JSON, verify_headers
from api.query_answers import answer, json_answer, next_page
from api.query_openapi import DEFINITION, EVENT_ANSWER, page_parameters, with_path
from api.query_request import asked, path_value, raw_path
from api.receiving import read_body
from api.routing import problems
from ledger.clock import now_ms
from ledger.core.epcis.given import QueryParameterError
from ledger.core.epcis.query import parse_extensions
from ledger.service.named_queries import (
    MAX_DEFINITION_BYTES,
    NamedQueries,
    QueryValidationError,
    defined_query,
    shown_definition,
)
from ledger.service.query import EventQueries

_HEADERS = {**EPCIS_HEADERS, **NO_STORE}
_JSON_TYPES = frozenset([JSON, "application/ld+json"])
_EVENTS = "/events"


@dataclass(slots=True)
class NamedQueryRoutes:
    """The routes of queries that have names."""

    named: NamedQueries
    queries: EventQueries

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["Queries"])
        listed: dict[str, Any] = {"parameters": page_parameters()}
        one: dict[str, Any] = {"parameters": with_path("queryName", [])}
        router.add_api_route(
            QUERIES, self.list, methods=["GET"], response_class=Response, openapi_extra=listed,
            responses=problems(400, 406, 414),
        )  # fmt: skip
        router.add_api_route(
            QUERIES, self.add, methods=["POST"], status_code=201, response_class=Response,
            openapi_extra={"requestBody": DEFINITION}, responses=problems(400, 406, 409, 413, 415),
        )  # fmt: skip
        router.add_api_route(
            QUERY, self.get, methods=["GET"], response_class=Response, openapi_extra=one,
            responses=problems(400, 404, 406, 414),
        )  # fmt: skip
        router.add_api_route(
            QUERY, self.delete, methods=["DELETE"], status_code=204, response_class=Response,
            openapi_extra=one, responses=problems(404, 406),
        )  # fmt: skip
        router.add_api_route(
            QUERY_EVENTS, self.events, methods=["GET"], response_class=Response,
            openapi_extra={"parameters": with_path("queryName", page_parameters())},
            responses={200: EVENT_ANSWER, **problems(400, 404, 406, 413, 414)},
        )  # fmt: skip
        router.add_api_route(
            NEXT_PAGE_TOKEN, self.release, methods=["DELETE"], response_class=Response,
            status_code=204, openapi_extra={"parameters": with_path("token", [])},
            responses=problems(406),
        )  # fmt: skip
        return router

    async def list(self, request: Request) -> Response:
        """List named queries by name."""
        wanted = asked(request.scope)
        wanted.verify_no_parameters()
        found, token, expires_ms = await self.named.page(
            per_page=wanted.per_page, token=wanted.token, at_ms=now_ms()
        )
        headers = {**_HEADERS, **next_page(token, expires_ms, wanted)}
        return json_answer([shown_definition(one) for one in found], 200, headers)

    async def add(self, request: Request) -> Response:
        """Give a query a name, under which it is asked and followed from then on."""
        headers = dict(request.scope["headers"])
        verify_headers(headers)
        content_type = headers.get(b"content-type", b"").decode("latin-1")
        if content_type.partition(";")[0].strip().lower() not in _JSON_TYPES:
            raise UnsupportedMediaTypeError("content-type", f"is {JSON}", content_type)
        raw = await read_body(request.receive, headers.get(b"content-length", b""), _too_long)
        prefixes = parse_extensions(headers.get(b"gs1-extensions", b"").decode("latin-1"))
        made = await self.named.add(raw, prefixes, at_ms=now_ms())
        if made is None:
            raise AlreadyExistsError("a query of that name exists; names are used once", {})
        location = {"Location": f"{QUERIES}/{quote(made.name, safe='')}"}
        return json_answer(shown_definition(made), 201, {**location, **_HEADERS})

    async def get(self, request: Request) -> Response:
        """Show the definition of a query."""
        wanted = asked(request.scope)
        wanted.verify_no_parameters()
        found = await self.named.get(_name(request, QUERIES))
        return json_answer(shown_definition(found), 200, _HEADERS)

    async def delete(self, request: Request) -> Response:
        """Forget a query; whoever follows it is not told of events any more."""
        asked(request.scope)
        await self.named.delete(_name(request, QUERIES))
        return Response(status_code=204, headers=_HEADERS)

    async def events(self, request: Request) -> Response:
        """Answer a named query."""
        wanted = asked(request.scope, has_xml=True)
        name = _name(request, QUERIES, _EVENTS)
        found = await self.named.get(name)
        for other in wanted.parameters:
            raise QueryParameterError(other, "is no parameter of a named query's events", other)
        page = await self.queries.page(
            defined_query(found), per_page=wanted.per_page, token=wanted.token, at_ms=now_ms()
        )
        return await answer(self.queries, page, wanted, found.name)

    async def release(self, _: Request) -> Response:
        """Release what a page token holds: nothing, since the token is all that there is."""
        return Response(status_code=204, headers=_HEADERS)


def _too_long() -> QueryValidationError:
    return QueryValidationError("definition", f"has at most {MAX_DEFINITION_BYTES} bytes")


def _name(request: Request, start: str, end: str = "") -> str:
    return path_value(raw_path(request.scope).removeprefix(f"{start}/").removesuffix(end))
