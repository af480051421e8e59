"""Subscriptions: webhooks that follow named queries (EPCIS 2.0), and those of the ledger itself."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Request, Response
from fastapi.concurrency import run_in_threadpool

from api import subscription_schemas as schemas
from api.epcis_paths import EPCIS_HEADERS, SUBSCRIPTION, SUBSCRIPTIONS
from api.errors import TooLargeError, UnsupportedMediaTypeError
from api.items import NO_STORE
from api.negotiation import json_is_asked
from api.routing import GIVEN, problems
from ledger.core.strict_json import JsonValue, parse_json
from ledger.core.times import format_time
from ledger.service.subscribe import FEED_TYPES, Subscriber
from ledger.service.subscription_ports import Delivery, Subscription, SubscriptionControlsError

WEBHOOKS = "/webhooks"
# A destination, a token and a schedule; thrice that is somebody's mistake.
MAX_BODY = 16 * 1024
_JSON_TYPES = frozenset(["application/json", "application/ld+json"])
_ID = "df5a33e3-5aa3-4403-ae01-99b83234e27b"
_QueryName = Annotated[str, Path(alias="queryName", examples=["received"])]
_SubscriptionId = Annotated[str, Path(alias="subscriptionID", examples=[_ID])]
_EpcFormat = Annotated[
    str | None, Header(alias="GS1-EPC-Format", description="How GS1 keys are spelt in deliveries.")
]
_WebhookId = Annotated[str, Path(alias="id", examples=[_ID])]


class SubscriptionRoutes:
    """The routes of both kinds."""

    def __init__(self, subscriber: Subscriber) -> None:
        """Take the service."""
        self._subscriber = subscriber

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter()
        self._add_queries(router)
        self._add_webhooks(router)
        return router

    def _add_queries(self, router: APIRouter) -> None:
        shared: dict[str, Any] = {
            "tags": ["Subscriptions"],
            "dependencies": [Depends(json_is_asked)],
            "response_model_exclude_none": True,
        }
        router.add_api_route(
            SUBSCRIPTIONS, self.subscribe, methods=["POST"], status_code=201, **shared,
            response_model=schemas.QuerySubscription, response_description="Subscribed.",
            responses={**_located(), **problems(400, 404, 406, 413, 415)},
            openapi_extra=_body(_QUERY),
        )  # fmt: skip
        router.add_api_route(
            SUBSCRIPTIONS, self.subscriptions, methods=["GET"], response_description=GIVEN,
            response_model=list[schemas.QuerySubscription], responses=problems(404, 406), **shared,
        )  # fmt: skip
        router.add_api_route(
            SUBSCRIPTION, self.subscription, methods=["GET"], response_description=GIVEN,
            response_model=schemas.QuerySubscription, responses=problems(404, 406), **shared,
        )  # fmt: skip
        router.add_api_route(
            SUBSCRIPTION, self.unsubscribe, methods=["DELETE"], status_code=204,
            response_class=Response, response_description="Unsubscribed.",
            responses=problems(404, 406), **shared,
        )  # fmt: skip

    def _add_webhooks(self, router: APIRouter) -> None:
        shared: dict[str, Any] = {"tags": ["Webhooks"], "response_model_exclude_none": True}
        one = f"{WEBHOOKS}/{{id}}"
        router.add_api_route(
            WEBHOOKS, self.add_webhook, methods=["POST"], status_code=201, **shared,
            response_model=schemas.Webhook, response_description="Made, and its secret.",
            responses={**_located(), **problems(400, 413, 415)}, openapi_extra=_body(_FEED),
        )  # fmt: skip
        router.add_api_route(
            WEBHOOKS, self.webhooks, methods=["GET"], response_description=GIVEN,
            response_model=schemas.Webhooks, responses=problems(), **shared,
        )  # fmt: skip
        router.add_api_route(
            one, self.webhook, methods=["GET"], response_description=GIVEN,
            response_model=schemas.Webhook, responses=problems(404), **shared,
        )  # fmt: skip
        router.add_api_route(
            one, self.delete_webhook, methods=["DELETE"], status_code=204,
            response_class=Response, response_description="Gone.", responses=problems(404),
            **shared,
        )  # fmt: skip
        router.add_api_route(
            f"{one}/deliveries", self.deliveries, methods=["GET"], response_description=GIVEN,
            response_model=schemas.Deliveries, responses=problems(404), **shared,
        )  # fmt: skip
        router.add_api_route(
            f"{one}/replay", self.replay, methods=["POST"], status_code=202,
            response_model=schemas.Replayed, response_description="It will be sent again.",
            responses=problems(404), **shared,
        )  # fmt: skip

    async def subscribe(
        self,
        request: Request,
        response: Response,
        query_name: _QueryName,
        epc_format: _EpcFormat = None,
    ) -> schemas.QuerySubscription:
        """Subscribe a webhook to a named query: give `stream: true` or a `schedule`.

        What is sent, how it is signed and what is tried again: docs/subscriptions.md.
        """
        members = _members(request, await _read(request))
        made = await run_in_threadpool(self._subscriber.subscribe, query_name, members, epc_format)
        response.headers.update(EPCIS_HEADERS)
        response.headers["Location"] = f"{request.url.path}/{made.id}"
        return _query_subscription(made)

    def subscriptions(
        self, response: Response, query_name: _QueryName
    ) -> list[schemas.QuerySubscription]:
        """Show the active subscriptions of a query."""
        response.headers.update({**EPCIS_HEADERS, **NO_STORE})
        return [_query_subscription(one) for one in self._subscriber.subscriptions(query_name)]

    def subscription(
        self, response: Response, query_name: _QueryName, subscription_id: _SubscriptionId
    ) -> schemas.QuerySubscription:
        """Show one subscription; `stopped` when it waits for its dead letter to be replayed."""
        response.headers.update({**EPCIS_HEADERS, **NO_STORE})
        return _query_subscription(self._subscriber.find(subscription_id, query_name))

    def unsubscribe(self, query_name: _QueryName, subscription_id: _SubscriptionId) -> Response:
        """End a subscription."""
        self._subscriber.unsubscribe(subscription_id, query_name)
        return Response(status_code=204, headers=dict(EPCIS_HEADERS))

    async def add_webhook(self, request: Request, response: Response) -> schemas.Webhook:
        """Have findings and anchors told to a URL, as Standard Webhooks."""
        members = _members(request, await _read(request))
        made, secret = await run_in_threadpool(self._subscriber.subscribe_feed, members)
        response.headers.update({"Location": f"{WEBHOOKS}/{made.id}", **NO_STORE})
        return _webhook(made, secret)

    def webhooks(self, response: Response) -> schemas.Webhooks:
        """Show every webhook of findings and anchors."""
        response.headers.update(NO_STORE)
        found = self._subscriber.subscriptions(None)
        return schemas.Webhooks(webhooks=[_webhook(one) for one in found])

    def webhook(self, response: Response, webhook_id: _WebhookId) -> schemas.Webhook:
        """Show one webhook."""
        response.headers.update(NO_STORE)
        return _webhook(self._subscriber.find(webhook_id, None))

    def delete_webhook(self, webhook_id: _WebhookId) -> Response:
        """End a webhook."""
        self._subscriber.unsubscribe(webhook_id, None)
        return Response(status_code=204)

    def deliveries(self, response: Response, webhook_id: _WebhookId) -> schemas.Deliveries:
        """Show the latest deliveries of a webhook, or of a subscription to a query."""
        response.headers.update(NO_STORE)
        found = self._subscriber.deliveries(webhook_id)
        return schemas.Deliveries(deliveries=[_delivery(one) for one in found])

    def replay(self, webhook_id: _WebhookId) -> schemas.Replayed:
        """Send the dead letter of a webhook or subscription again, and go on behind it."""
        return schemas.Replayed(id=self._subscriber.replay(webhook_id))


async def _read(request: Request) -> bytes:
    """Return the body; it is refused before it is read further than its limit."""
    raw = bytearray()
    async for piece in request.stream():
        raw += piece
        if len(raw) > MAX_BODY:
            raise TooLargeError(f"a subscription has at most {MAX_BODY} bytes")
    return bytes(raw)


def _members(request: Request, raw: bytes) -> Mapping[str, JsonValue]:
    # Attack: a page elsewhere may post other types to this machine without asking first.
    given = request.headers.get("content-type", "")
    if given.partition(";")[0].strip().lower() not in _JSON_TYPES:
        raise UnsupportedMediaTypeError("content-type", "is application/json", given)
    members = parse_json(raw)
    if not isinstance(members, dict):
        raise SubscriptionControlsError("subscription", "is an object")
    return members


def _query_subscription(one: Subscription) -> schemas.QuerySubscription:
    schedule = None if one.schedule is None else parse_json(one.schedule.encode())
    since = (one.notified_ms, one.initial_ms, one.created_ms)
    return schemas.QuerySubscription.model_validate(
        {
            "subscription_id": one.id,
            "query_name": one.query_name,
            "dest": one.dest,
            "created_at": format_time(one.created_ms),
            "last_notified_at": _time(one.notified_ms),
            "initial_record_time": _time(one.initial_ms),
            "min_record_time": _time(next(ms for ms in since if ms is not None)),
            "stream": True if schedule is None else None,
            "schedule": schedule,
            "epc_format": one.epc_format.value,
            "report_if_empty": one.report_if_empty,
            "stopped": one.stopped,
        }
    )


def _webhook(one: Subscription, secret: str | None = None) -> schemas.Webhook:
    return schemas.Webhook.model_validate(
        {
            "id": one.id,
            "url": one.dest,
            "types": list(one.types),
            "created_at": format_time(one.created_ms),
            "last_notified_at": _time(one.notified_ms),
            "stopped": one.stopped,
            "secret": secret,
        }
    )


def _delivery(one: Delivery) -> schemas.Delivery:
    waits = one.state == "prepared" and one.attempts > 0
    return schemas.Delivery(
        id=one.id,
        state=one.state,
        messages=one.messages,
        attempts=one.attempts,
        status=one.status,
        error=one.error,
        next_attempt_at=format_time(one.next_ms) if waits else None,
        created_at=format_time(one.created_ms),
        updated_at=format_time(one.updated_ms),
    )


def _time(time_ms: int | None) -> str | None:
    return None if time_ms is None else format_time(time_ms)


def _located() -> dict[int | str, dict[str, Any]]:
    return {201: {"headers": {"Location": {"schema": {"type": "string"}}}}}


_TEXT: dict[str, Any] = {"type": "string"}
_FIELDS = ("second", "minute", "hour", "dayOfMonth", "month", "dayOfWeek")
_QUERY: dict[str, Any] = {
    "type": "object",
    "required": ["dest"],
    "additionalProperties": False,
    "properties": {
        "dest": {**_TEXT, "format": "uri"},
        "signatureToken": {**_TEXT, "minLength": 1, "maxLength": 256},
        "stream": {"type": "boolean", "enum": [True]},
        "schedule": {
            "type": "object",
            "additionalProperties": False,
            "minProperties": 1,
            "properties": dict.fromkeys(_FIELDS, _TEXT),
        },
        "reportIfEmpty": {"type": "boolean", "default": False},
        "initialRecordTime": {**_TEXT, "format": "date-time"},
    },
    "example": {
        "dest": "https://client.example.com/queryCallback",
        "signatureToken": "13df38d8275b13f05704629e5f1cf3d45d6132d5",
        "stream": True,
    },
}
_FEED: dict[str, Any] = {
    "type": "object",
    "required": ["url"],
    "additionalProperties": False,
    "properties": {
        "url": {**_TEXT, "format": "uri"},
        "types": {"type": "array", "minItems": 1, "items": {**_TEXT, "enum": list(FEED_TYPES)}},
        "secret": {**_TEXT, "description": "`whsec_` and the base64 of 24 to 64 bytes."},
    },
    "example": {"url": "https://client.example.com/webhook", "types": ["finding.opened"]},
}


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
