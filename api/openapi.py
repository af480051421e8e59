"""The OpenAPI document: what FastAPI derives, and the hot route that it does not see."""

from collections.abc import Sequence
from typing import Any

from fastapi.openapi.utils import get_openapi

from api.capture_event import WAIT_S
from api.epcis_paths import CAPTURE, EVENTS, MAX_BODY, MIN_VERSION, VERSION
from api.routing import problems
from api.schemas import DryRunEvent, DryRunResult
from ledger.core.submission import MAX_EVENTS
from ledger.service.accept import MEDIA_TYPES

TITLE = "Unbroken"
# Of the interface, not of the program: it rises when an answer changes.
INTERFACE_VERSION = "1.0.0"
DESCRIPTION = """The open ledger of custody for medicines and medical devices.

Signed GS1 EPCIS events go in at `/epcis/capture`; evidence that anyone can check comes out at
`/items/{item}/proof`. Errors are RFC 9457 problems. Every state an event passes has one word:
accepted, sequenced, integrated, published, anchored, final."""
_SUBMISSION = {
    "doc_salt": "00112233445566778899aabbccddeeff",
    "events": [{"entry": "VUJFMQEBAAA…", "event_secret": "5f" * 32}],
    "issuedAt": 1767348000000,
    "signature": "5f" * 65,
}
_DOCUMENT = {
    "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
    "type": "EPCISDocument",
    "schemaVersion": "2.0",
    "creationDate": "2026-01-02T10:00:00Z",
    "epcisBody": {
        "eventList": [
            {
                "type": "ObjectEvent",
                "eventTime": "2026-01-02T10:00:00Z",
                "eventTimeZoneOffset": "+00:00",
                "action": "ADD",
                "bizStep": "commissioning",
                "epcList": ["urn:epc:id:sgtin:4012345.011111.987"],
            }
        ]
    },
}


_TEXT = {"type": "string"}
_XML = "application/xml"


def document(routes: Sequence[Any], version: str) -> dict[str, Any]:
    """Return the OpenAPI document of the application."""
    described = get_openapi(title=TITLE, version=version, description=DESCRIPTION, routes=routes)
    schemas = described["components"]["schemas"]
    for model in (DryRunResult, DryRunEvent):
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schema.pop("$defs", None)
        schemas[model.__name__] = schema
    paths = described["paths"]
    for path, operation in ((CAPTURE, _capture()), (EVENTS, _capture_event())):
        paths[path] = {"post": operation, **paths.get(path, {})}
    return described


def _capture() -> dict[str, Any]:
    return {
        "tags": ["Capture"],
        "summary": "Capture",
        "operationId": "capture_epcis_capture_post",
        "description": "Take a signed EPCIS document, 2.0 in JSON or XML or 1.2 in XML: the part"
        " `document` is the document as its signer hashed it, the part `submission` what signs it"
        " (docs/spec/submission.md). Both need a Content-Type; `unbroken capture` makes them. The"
        f" same submission again answers the same job. At most {MAX_EVENTS:,} events and"
        f" {MAX_BODY // 2**20} MiB. With `dryRun=true` nothing is stored, no signature is needed"
        " and the document may be the whole body.",
        "parameters": [_DRY_RUN, *_VERSIONS, _BEHAVIOUR],
        "requestBody": _body(),
        "responses": {
            "200": _dry_run_result(),
            "202": _accepted("Stored durably, with its signature checked; the job tells the rest."),
            **_problems(400, 401, 403, 406, 413, 415),
        },
    }


def _capture_event() -> dict[str, Any]:
    created = {
        "description": "In the log: the event as it will be told, with its eventID and recordTime.",
        "headers": {**_location(f"{EVENTS}/urn:uuid:…"), **_ANSWERED},
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
    return {
        "tags": ["Capture"],
        "summary": "Capture one event",
        "operationId": "capture_event_epcis_events_post",
        "description": "Take one signed event, in the same form as a capture, and answer when it"
        f" has its place in the log. If that takes longer than {WAIT_S:.0f} s the answer is 202"
        " and the job tells the rest. The event that is there already is a 409, one that is"
        " rejected a 400 with what was found in `errors`. With `dryRun=true` nothing is stored.",
        "parameters": [_DRY_RUN, *_VERSIONS],
        "requestBody": _body(),
        "responses": {
            "200": _dry_run_result(),
            "201": created,
            "202": _accepted("Stored durably and not yet in the log."),
            **_problems(400, 401, 403, 406, 409, 413, 415),
        },
    }


def _problems(*statuses: int) -> dict[str, Any]:
    return {
        str(status): {
            "description": answer["description"],
            "content": {
                media_type: {"schema": {"$ref": "#/components/schemas/Problem"}}
                for media_type in answer["content"]
            },
        }
        for status, answer in problems(*statuses).items()
    }


def _header(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "schema": schema, "description": description}


_DRY_RUN = {
    "name": "dryRun",
    "in": "query",
    "schema": {"type": "boolean", "default": False},
    "description": "Check only.",
}
_VERSIONS = [
    _header(name, {**_TEXT, "example": VERSION}, f"{MIN_VERSION} to {VERSION} are taken.")
    for name in ("GS1-EPCIS-Version", "GS1-CBV-Version")
]
_BEHAVIOUR = _header(
    "GS1-Capture-Error-Behaviour",
    {**_TEXT, "enum": ["rollback", "proceed"], "default": "rollback"},
    "Whether one rejected event rejects all of its document.",
)
_ANSWERED = {
    name: {"schema": {**_TEXT, "example": VERSION}}
    for name in ("GS1-EPCIS-Version", "GS1-CBV-Version")
}


def _location(example: str) -> dict[str, Any]:
    return {"Location": {"schema": {**_TEXT, "example": example}}}


def _body() -> dict[str, Any]:
    anything = {"schema": {"type": "object"}, "example": _DOCUMENT}
    form = {
        "schema": {
            "type": "object",
            "required": ["submission", "document"],
            "additionalProperties": False,
            "properties": {"submission": {"type": "object"}, "document": {"type": "object"}},
        },
        "encoding": {
            "submission": {"contentType": "application/json"},
            "document": {"contentType": ", ".join(sorted(MEDIA_TYPES))},
        },
        "example": {"submission": _SUBMISSION, "document": _DOCUMENT},
    }
    content = {"multipart/form-data": form, "application/json": anything}
    return {"required": True, "content": {**content, _XML: {"schema": _TEXT}}}


def _dry_run_result() -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/DryRunResult"}
    return {
        "description": "Of a dry run: what was found.",
        "content": {"application/json": {"schema": schema}},
    }


def _accepted(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "headers": {**_location(f"{CAPTURE}/{'5f' * 16}"), **_ANSWERED},
        "content": {"application/json": {"schema": {"type": "object"}, "example": {}}},
    }
