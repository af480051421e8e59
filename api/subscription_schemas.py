"""What answers about subscriptions look like."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

_ID = "df5a33e3-5aa3-4403-ae01-99b83234e27b"
_AT = "2026-01-02T10:00:00.000Z"
FeedType = Literal[
    "finding.opened", "finding.changed", "finding.closed", "case.acknowledged", "case.assigned",
    "case.resolved", "case.muted", "case.unmuted", "case.reopened", "anchor.mined", "anchor.final",
]  # fmt: skip


def _example(value: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"example": value})


class QuerySubscription(BaseModel):
    """A webhook that follows a named query; its token is never shown."""

    model_config = _example(
        {
            "subscriptionID": _ID,
            "queryName": "received",
            "dest": "https://client.example.com/queryCallback",
            "createdAt": _AT,
            "minRecordTime": _AT,
            "schedule": {"hour": "1", "minute": "5"},
            "epcFormat": "Always_GS1_Digital_Link",
            "reportIfEmpty": False,
            "stopped": False,
        }
    )
    subscription_id: str = Field(serialization_alias="subscriptionID")
    query_name: str = Field(serialization_alias="queryName")
    dest: str
    created_at: str = Field(serialization_alias="createdAt")
    last_notified_at: str | None = Field(None, serialization_alias="lastNotifiedAt")
    initial_record_time: str | None = Field(None, serialization_alias="initialRecordTime")
    min_record_time: str = Field(serialization_alias="minRecordTime")
    stream: Literal[True] | None = None
    schedule: dict[str, str | int] | None = None
    epc_format: str = Field(serialization_alias="epcFormat")
    report_if_empty: bool = Field(serialization_alias="reportIfEmpty")
    stopped: bool


class Webhook(BaseModel):
    """A webhook that is told of findings and anchors; `secret` is shown when it is made only."""

    model_config = _example(
        {
            "id": _ID,
            "url": "https://client.example.com/webhook",
            "types": ["finding.opened", "anchor.final"],
            "created_at": _AT,
            "stopped": False,
        }
    )
    id: str
    url: str
    types: list[FeedType]
    created_at: str
    last_notified_at: str | None = None
    stopped: bool
    secret: str | None = None


class Webhooks(BaseModel):
    """Every webhook, oldest first."""

    model_config = _example({"webhooks": []})
    webhooks: list[Webhook]


class Delivery(BaseModel):
    """One delivery: `prepared` until a 2xx, `dead` when all attempts failed."""

    model_config = _example(
        {
            "id": _ID,
            "state": "dead",
            "messages": 1,
            "attempts": 37,
            "status": 503,
            "created_at": _AT,
            "updated_at": _AT,
        }
    )
    id: str
    state: Literal["prepared", "delivered", "dead"]
    messages: int
    attempts: int
    status: int | None = None
    error: str | None = None
    next_attempt_at: str | None = None
    created_at: str
    updated_at: str


class Deliveries(BaseModel):
    """The latest deliveries of a subscription or webhook, newest first."""

    model_config = _example({"deliveries": []})
    deliveries: list[Delivery]


class Replayed(BaseModel):
    """The dead letter that is sent again."""

    model_config = _example({"id": _ID})
    id: str
