"""What there is: the top-level resources, and the values that events have."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.epcis_paths import EPCIS_HEADERS, PREFIX, RESOURCES
from api.items import NO_STORE
from api.queries import KNOWN, condition_of, verify_exists
from api.query_answers import json_answer, next_page
from api.query_openapi import (
    collection_answer,
    epc_format_parameter,
    page_parameters,
    with_path,
)
from api.query_request import asked, path_value, raw_path
from api.routing import problems
from ledger.clock import now_ms
from ledger.core.digital_links import ORIGIN
from ledger.core.epcis.document import STANDARD_CONTEXT
from ledger.core.epcis.epc_format import EpcFormat
from ledger.service.query import IDENTIFIERS, EventQueries
from ledger.service.query_ports import Resource
from ledger.service.spelling import spelt_values

TOP_LEVEL: Final = ("events", *(one.value for one in Resource), "capture", "queries")
_OTHER = "uri:"


@dataclass(slots=True)
class ResourceRoutes:
    """The routes that answer with collections."""

    queries: EventQueries

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["Discovery"])
        told: dict[str, Any] = {"methods": ["GET"], "response_class": Response}
        listed = {**told, "responses": {200: collection_answer(), **problems(400, 406, 414)}}
        one = {**told, "responses": {200: collection_answer(), **problems(400, 404, 406, 414)}}
        router.add_api_route(PREFIX, self.top, **listed)
        router.add_api_route(f"{PREFIX}/", self.top, **told, include_in_schema=False)
        for resource, path in RESOURCES.items():
            name = path.partition("{")[2].partition(":")[0]
            served = _Of(self, resource)
            shaped = [epc_format_parameter()] if resource in IDENTIFIERS else []
            router.add_api_route(
                f"{PREFIX}/{resource.value}", served.values, **listed, name=resource.value,
                openapi_extra={"parameters": [*page_parameters(), *shaped]},
            )  # fmt: skip
            router.add_api_route(
                path, served.value, **one,
                name=f"one of {resource.value}", openapi_extra={"parameters": with_path(name, [])},
            )  # fmt: skip
        return router

    async def top(self, request: Request) -> Response:
        """List the top-level resources."""
        wanted = asked(request.scope)
        wanted.verify_no_parameters()
        return collection(TOP_LEVEL)


@dataclass(slots=True)
class _Of:
    """The values of one resource."""

    routes: ResourceRoutes
    resource: Resource

    async def values(self, request: Request) -> Response:
        """List the values that events have, a page at a time."""
        wanted = asked(request.scope)
        wanted.verify_no_parameters()
        found = await self.routes.queries.values(
            self.resource, KNOWN[self.resource], per_page=wanted.per_page,
            token=wanted.token, at_ms=now_ms(),
        )  # fmt: skip
        headers = next_page(found.token, found.expires_ms, wanted)
        shown = [_uri(value) for value in found.values]
        if self.resource in IDENTIFIERS:
            headers = {**headers, "GS1-EPC-Format": wanted.epc_format.value}
            if wanted.epc_format is not EpcFormat.ALWAYS_GS1_DIGITAL_LINK:
                sent = await self.routes.queries.sent_with(self.resource, found.values)
                shown = await run_in_threadpool(spelt_values, shown, wanted.epc_format, sent)
        return collection(shown, headers)

    async def value(self, request: Request) -> Response:
        """List what there is of one value: its events."""
        wanted = asked(request.scope)
        wanted.verify_no_parameters()
        start = f"{PREFIX}/{self.resource.value}/"
        text = path_value(raw_path(request.scope).removeprefix(start))
        narrowed = condition_of(self.resource, text, wanted)
        await verify_exists(self.routes.queries, self.resource, narrowed)
        return collection(["events"])


def collection(members: object, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer of a collection."""
    body = {"@context": STANDARD_CONTEXT, "type": "Collection", "member": members}
    return json_answer(body, 200, {**EPCIS_HEADERS, **NO_STORE, **(headers or {})})


def _uri(value: str) -> str:
    """Return a value as events have it: paths are kept without the domain they stand on."""
    if value.startswith("/"):
        return ORIGIN + value
    return value.removeprefix(_OTHER)
