"""What the routes of the application share."""

from typing import Any

from api.errors import PROBLEM_TYPE
from api.schemas import Problem

GIVEN = "What was asked for."
_REASONS = {
    400: "A part of the request breaks its format: `field`, `rule` and `value` say which.",
    401: "Not signed, or the signature does not prove its signer.",
    403: "The signer is not an active key of an active party.",
    404: "There is no such resource.",
    409: "It exists already; or the log names it and no final anchor covers it yet.",
    406: "What the headers ask for cannot be given.",
    413: "The body is too large, or the query or its answer.",
    414: "The URI is too long.",
    415: "The media type is not taken.",
    422: "A parameter breaks its rule.",
    503: "A part of the ledger cannot be reached; ask again after `Retry-After`.",
}

Responses = dict[int | str, dict[str, Any]]


def problems(*statuses: int) -> Responses:
    """Return the OpenAPI responses of the problems that a route answers with."""
    told: Responses = {status: _problem(_REASONS[status]) for status in (*statuses, 503)}
    return {**told, "default": _problem("Any other fault, a problem too.")}


def _problem(description: str) -> dict[str, Any]:
    return {"model": Problem, "description": description, "content": {PROBLEM_TYPE: {}}}
