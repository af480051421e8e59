"""Events by query, by eventID and by what they name: `/epcis/events` and `/{x}/events`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from api.epcis_paths import EVENT, EVENTS, PREFIX, RESOURCE_EVENTS
from api.query_answers import answer
from api.query_openapi import EVENT_ANSWER, event_parameters, with_path
from api.query_request import Asked, asked, path_value, raw_path
from api.routing import problems
from ledger.clock import now_ms
from ledger.core.epcis.conditions import Condition, HasField
from ledger.core.epcis.given import Given
from ledger.core.epcis.query import Query, parse_query_string
from ledger.core.epcis.query_parameters import condition
from ledger.core.epcis.vocabulary import BIZ_STEP, DISPOSITION
from ledger.core.errors import MalformedError, NotFoundError
from ledger.core.events import EVENT_TYPES
from ledger.service.query import EventQueries, Page
from ledger.service.query_ports import Resource

# Each resource is a parameter of SimpleEventQuery with one value.
PARAMETER: Final[Mapping[Resource, str]] = {
    Resource.EVENT_TYPES: "eventType",
    Resource.EPCS: "MATCH_anyEPC",
    Resource.BIZ_STEPS: "EQ_bizStep",
    Resource.BIZ_LOCATIONS: "EQ_bizLocation",
    Resource.READ_POINTS: "EQ_readPoint",
    Resource.DISPOSITIONS: "EQ_disposition",
}
# EPCIS 2.0 section 12: standard values are there whether or not an event has them.
KNOWN: Final[Mapping[Resource, frozenset[str]]] = {
    **dict.fromkeys(Resource, frozenset[str]()),
    Resource.EVENT_TYPES: frozenset(EVENT_TYPES),
    Resource.BIZ_STEPS: BIZ_STEP.words,
    Resource.DISPOSITIONS: DISPOSITION.words,
}
_SUFFIX = "/events"


@dataclass(slots=True)
class QueryRoutes:
    """The routes that answer with events."""

    queries: EventQueries

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["Events"])
        told: dict[str, Any] = {
            "methods": ["GET"],
            "response_class": Response,
            "responses": {200: EVENT_ANSWER, **problems(400, 404, 406, 413, 414)},
        }
        router.add_api_route(
            EVENTS, self.events, **told, openapi_extra={"parameters": event_parameters()}
        )
        router.add_api_route(
            EVENT, self.event, **told,
            openapi_extra={"parameters": with_path("eventID", [])},
        )  # fmt: skip
        for resource, path in RESOURCE_EVENTS.items():
            name = path.partition("{")[2].partition(":")[0]
            router.add_api_route(
                path, _Of(self, resource).events, **told,
                name=f"{resource.value} events",
                openapi_extra={"parameters": with_path(name, event_parameters())},
            )  # fmt: skip
        return router

    async def events(self, request: Request) -> Response:
        """Answer a SimpleEventQuery whose parameters stand in the URL."""
        wanted = asked(request.scope, has_xml=True)
        return await answer(self.queries, await self.page(query_of(wanted), wanted), wanted)

    async def event(self, request: Request) -> Response:
        """Show the event of an eventID, with the error declarations that repeat it."""
        wanted = asked(request.scope, has_xml=True)
        wanted.verify_no_parameters()
        name = path_value(raw_path(request.scope).removeprefix(f"{EVENTS}/"))
        found = await self.queries.by_id(name)
        return await answer(self.queries, Page(found, None, 0), wanted)

    async def page(self, query: Query, wanted: Asked) -> Page:
        """Return the page of a query that a request asks for."""
        return await self.queries.page(
            query, per_page=wanted.per_page, token=wanted.token, at_ms=now_ms()
        )


@dataclass(slots=True)
class _Of:
    """The events of one resource."""

    routes: QueryRoutes
    resource: Resource

    async def events(self, request: Request) -> Response:
        """Answer with the events of this value, further narrowed by the parameters of a query."""
        wanted = asked(request.scope, has_xml=True)
        start = f"{PREFIX}/{self.resource.value}/"
        text = path_value(raw_path(request.scope).removeprefix(start).removesuffix(_SUFFIX))
        narrowed = condition_of(self.resource, text, wanted)
        page = await self.routes.page(query_of(wanted).narrowed(narrowed), wanted)
        if not page.events and wanted.token is None:
            await verify_exists(self.routes.queries, self.resource, narrowed)
        return await answer(self.routes.queries, page, wanted)


def query_of(wanted: Asked) -> Query:
    """Return the query in the URL of a request."""
    return parse_query_string(wanted.parameters, wanted.prefixes)


def condition_of(resource: Resource, text: str, wanted: Asked) -> Condition:
    """Return what an event of a resource's value fulfils.

    Raises:
        NotFoundError: It cannot be a value of the resource.
    """
    try:
        found = condition(Given(PARAMETER[resource], [text], wanted.prefixes))
    except MalformedError as error:
        raise NotFoundError(f"{resource.value}: {error.rule}, got {text[:120]!r}") from None
    if found is None:
        raise NotFoundError(f"{resource.value} has no {text[:120]!r}")
    return found


async def verify_exists(queries: EventQueries, resource: Resource, narrowed: Condition) -> None:
    """Raise unless the value is a standard one, however it was spelt, or an event has it.

    Raises:
        NotFoundError: No event has it.
    """
    if isinstance(narrowed, HasField) and KNOWN[resource].issuperset(narrowed.values):
        return
    if not await queries.store.count(Query(conditions=(narrowed,)), 1):
        raise NotFoundError("no event has this value")
