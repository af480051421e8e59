"""The OpenAPI document: what FastAPI derives, and the hot route that it does not see."""

from collections.abc import Sequence
from typing import Any

from fastapi.openapi.utils import get_openapi

from api.capture import MAX_BODY, PATH
from api.routing import problems

TITLE = "Unbroken"
# Of the interface, not of the program: it rises when an answer changes.
VERSION = "1.0.0"
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


def document(routes: Sequence[Any], version: str) -> dict[str, Any]:
    """Return the OpenAPI document of the application."""
    described = get_openapi(title=TITLE, version=version, description=DESCRIPTION, routes=routes)
    described["paths"] = {PATH: {"post": _capture()}, **described["paths"]}
    return described


def _capture() -> dict[str, Any]:
    answers = {
        str(status): {
            "description": answer["description"],
            "content": {
                media_type: {"schema": {"$ref": "#/components/schemas/Problem"}}
                for media_type in answer["content"]
            },
        }
        for status, answer in problems(400, 401, 403, 413, 415).items()
    }
    return {
        "tags": ["Capture"],
        "summary": "Capture",
        "operationId": "capture_epcis_capture_post",
        "description": "Take a signed EPCIS 2.0 JSON document: the part `document` is the document"
        " as its signer hashed it, the part `submission` what signs it (docs/spec/submission.md)."
        " Both need a Content-Type; `unbroken capture` makes them. The same submission again"
        f" answers the same job. At most {MAX_BODY // 2**20} MiB.",
        "requestBody": {"required": True, "content": {"multipart/form-data": _body()}},
        "responses": {"202": _accepted(), **answers},
    }


def _body() -> dict[str, Any]:
    return {
        "schema": {
            "type": "object",
            "required": ["submission", "document"],
            "additionalProperties": False,
            "properties": {"submission": {"type": "object"}, "document": {"type": "object"}},
        },
        "encoding": {
            "submission": {"contentType": "application/json"},
            "document": {"contentType": "application/json, application/ld+json"},
        },
        "example": {"submission": _SUBMISSION, "document": _DOCUMENT},
    }


def _accepted() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "description": "Stored durably, with its signature checked; the job tells the rest.",
        "headers": {
            "Location": {"schema": text, "example": f"{PATH}/{'5f' * 16}"},
            "GS1-EPCIS-Version": {"schema": text, "example": "2.0.0"},
            "GS1-CBV-Version": {"schema": text, "example": "2.0.0"},
        },
        "content": {"application/json": {"schema": {"type": "object"}, "example": {}}},
    }
