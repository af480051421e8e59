"""What answers look like. Times are ISO 8601 in UTC with milliseconds; bytes are lower-case hex."""

from datetime import datetime, timedelta, timezone
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017 -- banned-api sees datetime.UTC
ITEM = "/01/04012345111118/21/987"
_HASH = "5f" * 32
_ADDRESS = "0x" + "a1" * 20
_AT = "2026-01-02T10:00:00.000Z"

State = Literal["sequenced", "integrated", "published", "anchored", "final"]


def iso_time(time_ms: int) -> str:
    """Return ms since 1970 as ISO 8601."""
    moment = _EPOCH + timedelta(milliseconds=time_ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _example(value: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"example": value})


class DocumentFinding(BaseModel):
    """What is wrong with a document, where, and by which rule; without `event` it is the whole."""

    model_config = _example(
        {
            "code": "INVALID_TIME",
            "severity": "error",
            "pointer": "/epcisBody/eventList/0/eventTime",
            "message": "eventTime is a date and a time with their zone.",
            "value": "2026-01-02",
            "event": 0,
        }
    )
    code: str
    severity: str
    pointer: str
    message: str
    value: str | None = None
    rule: str | None = None
    event: int | None = None


class ParameterFault(BaseModel):
    """A parameter that breaks its rule."""

    field: str
    rule: str
    value: str | None = None


class Problem(BaseModel):
    """RFC 9457 problem; `field`, `rule` and `value` stand where input broke a rule.

    `errors` tells all that was found where that is more than one thing, or is about events.
    """

    model_config = _example(
        {
            "type": "unbroken:malformed",
            "title": "The input breaks its format",
            "status": 400,
            "detail": "identifier: check digit must be right, got '04012345111119'",
            "field": "identifier",
            "rule": "check digit must be right",
            "value": "04012345111119",
        }
    )
    type: str
    title: str
    status: int
    detail: str
    field: str | None = None
    rule: str | None = None
    value: str | None = None
    errors: list[DocumentFinding | ParameterFault] | None = None


class EventError(BaseModel):
    """RFC 9457 problem: why one event of a document was not logged."""

    type: str
    title: str
    status: int
    detail: str
    event: int
    errors: list[DocumentFinding] | None = None


class EventResult(BaseModel):
    """What became of one event of a document, by its position from 0.

    `findings` are codes: of custody, open now, and of those `details`, found when it was checked,
    that flag or refuse it (medium severity and above).
    """

    event: int
    verdict: Literal["accepted", "duplicate", "rejected"]
    code: str | None = None
    reason: str | None = None
    event_id: str | None = Field(None, serialization_alias="eventID")
    log_index: int | None = Field(None, serialization_alias="logIndex")
    state: State | None = None
    findings: list[str] | None = None
    details: list[DocumentFinding] | None = None


class CaptureJob(BaseModel):
    """An EPCIS capture job, with a result per event once the document is sequenced."""

    model_config = _example(
        {
            "captureID": "5f" * 16,
            "createdAt": _AT,
            "finishedAt": "2026-01-02T10:00:00.250Z",
            "running": False,
            "success": True,
            "captureErrorBehaviour": "rollback",
            "errors": [],
            "results": [
                {
                    "event": 0, "verdict": "accepted", "logIndex": 17, "state": "final",
                    "findings": ["DOUBLE_SHIP"],
                }
            ],
        }
    )  # fmt: skip
    capture_id: str = Field(serialization_alias="captureID")
    created_at: str = Field(serialization_alias="createdAt")
    finished_at: str | None = Field(None, serialization_alias="finishedAt")
    running: bool
    success: bool
    capture_error_behaviour: str = Field(serialization_alias="captureErrorBehaviour")
    errors: list[EventError]
    results: list[EventResult] | None = None
    findings: list[DocumentFinding] | None = None


class DryRunEvent(BaseModel):
    """What would become of one event."""

    event: int
    verdict: Literal["accept", "flag", "reject"]
    findings: list[DocumentFinding]


class DryRunResult(BaseModel):
    """What was found in a document of which nothing is stored."""

    model_config = _example(
        {
            "verdict": "accept",
            "events": [{"event": 0, "verdict": "accept", "findings": []}],
            "findings": [],
        }
    )
    verdict: Literal["accept", "flag", "reject"]
    events: list[DryRunEvent]
    findings: list[DocumentFinding]


class PartyName(BaseModel):
    """A party where it is mentioned; without name and path it is not registered."""

    party: str
    name: str | None = None
    path: str | None = None
    equivocated_at: int | None = None


class ItemFinding(BaseModel):
    """An open finding; `evidence` are log indexes."""

    model_config = _example(
        {
            "code": "DOUBLE_SHIP",
            "severity": "high",
            "class": "suspicious",
            "evidence": [17, 23],
            "detail": "Shipped again with no receipt, void or return in between: 17, 23.",
        }
    )
    code: str
    severity: str
    finding_class: str = Field(serialization_alias="class")
    evidence: list[int]
    detail: str


class ItemEvent(BaseModel):
    """One entry of the log that names the item.

    `erased_by` is the log index of the tombstone where the entry's content is erased.
    """

    index: int
    op: str
    time: str
    state: State
    erased_by: int | None = None


class EquivocatedKey(BaseModel):
    """A key that signed two owners for one token, and the log index from which that is known."""

    address: str
    log_index: int


class Item(BaseModel):
    """Custody of an item; inside a container, holder and status are those of the outermost."""

    model_config = _example(
        {
            "item": ITEM,
            "item_key": _HASH,
            "status": "in_transit",
            "holder": {"party": _HASH, "name": "Asclepius Labs", "path": "/417/4012345000009"},
            "container": "/00/340123450000000017",
            "findings": [],
            "events": [{"index": 17, "op": "COMMISSION", "time": _AT, "state": "final"}],
        }
    )
    item: str
    item_key: str
    status: str
    holder: PartyName | None = None
    shipped_to: PartyName | None = None
    container: str | None = None
    condition: str | None = Field(
        default=None, description="What contents say of it: recalled, stolen … (docs/custody.md)."
    )
    findings: list[ItemFinding]
    events: list[ItemEvent]
    equivocated_keys: list[EquivocatedKey] | None = None


class SignedHead(BaseModel):
    """The last published head: EIP-712 `Head`; a `map_root` of zeros says "no map"."""

    size: int
    root: str
    map_root: str
    signature: str


class Sizes(BaseModel):
    """Entries that reached each state; `accepted` counts submissions that wait for an index.

    `mapped` entries are in the item map, without which no head is signed.
    """

    accepted: int
    sequenced: int
    integrated: int
    mapped: int
    published: int
    anchored: int
    final: int


class Log(BaseModel):
    """The log: what its first entry fixed, who signs its facts now, and how far it is.

    `registrar` is the first one, which the log's identity commits to and verifiers pin.
    """

    model_config = _example(
        {
            "log_id": _HASH,
            "origin": "unbroken.example/log",
            "registrar": _ADDRESS,
            "acting_registrar": _ADDRESS,
            "head_signer": _ADDRESS,
            "checkpoint_key": _HASH,
            "chain_id": 31337,
            "contract": _ADDRESS,
            "head": {"size": 29, "root": _HASH, "map_root": _HASH, "signature": _HASH * 2 + "1b"},
            "sizes": {
                "accepted": 0,
                "sequenced": 29,
                "integrated": 29,
                "mapped": 29,
                "published": 29,
                "anchored": 29,
                "final": 17,
            },
        }
    )
    log_id: str
    origin: str
    registrar: str
    acting_registrar: str
    head_signer: str
    checkpoint_key: str
    chain_id: int
    contract: str
    head: SignedHead | None = None
    sizes: Sizes


class PartyKey(BaseModel):
    """A signing key of a party; `equivocated_at`, if at all, as with `Key`."""

    address: str
    active: bool
    equivocated_at: int | None = None


class Party(BaseModel):
    """A registered party and its keys."""

    party: str
    path: str
    name: str
    active: bool
    keys: list[PartyKey]


class Parties(BaseModel):
    """Every registered party."""

    model_config = _example(
        {
            "parties": [
                {
                    "party": _HASH,
                    "path": "/417/4012345000009",
                    "name": "Asclepius Labs",
                    "active": True,
                    "keys": [{"address": _ADDRESS, "active": True}],
                }
            ]
        }
    )
    parties: list[Party]


class Key(BaseModel):
    """A signing key: `active` when the key and its party both are.

    `equivocated_at` is the log index from which it is proven that the key signed two owners for
    one token (`GET /items/{item}/evidence`).
    """

    model_config = _example(
        {
            "address": _ADDRESS,
            "party": _HASH,
            "path": "/417/4012345000009",
            "name": "Asclepius Labs",
            "active": True,
        }
    )
    address: str
    party: str
    path: str
    name: str
    active: bool
    equivocated_at: int | None = None


class Health(BaseModel):
    """Whether the ledger moves: ages are of the oldest submission that waits, 0 when none does."""

    model_config = _example(
        {"status": "ok", "database": True, "worker_lag_ms": 40, "oldest_unfinal_ms": 2300}
    )
    status: Literal["ok", "behind", "down"]
    database: bool
    worker_lag_ms: int | None = None
    oldest_unfinal_ms: int | None = None
