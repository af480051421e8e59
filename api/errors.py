"""Errors on the wire: RFC 9457 problems, one table of statuses.

Under /epcis the types are those of EPCIS 2.0's REST bindings (`epcisException:…`), elsewhere ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from api.epcis_paths import LIMITS, PREFIX, allowed_methods, with_head
from api.guard import FENCE
from api.negotiation import NotAcceptableError
from api.query_request import UriTooLongError
from ledger.bootstrap import STORE_ERRORS
from ledger.core.epcis.given import QueryParameterError
from ledger.core.epcis.query import QueryTooComplexError
from ledger.core.errors import (
    LedgerError,
    LimitError,
    MalformedError,
    NotAnchoredError,
    NotFoundError,
    NotPermittedError,
    ProofError,
    SignatureError,
)
from ledger.service.findings import MAX_FINDINGS, RefusedError, finding_members
from ledger.service.named_queries import NoSuchNameError, QueryValidationError
from ledger.service.query import QueryTooLargeError
from ledger.service.subscription_ports import SubscriptionControlsError

PROBLEM_TYPE = "application/problem+json"
# Longer values help nobody to find them, and may be a whole document.
MAX_SHOWN = 120
# A head is published within a second and final after the chain's own delay; asking sooner is idle.
RETRY_ANCHOR_S = 5
RETRY_STORE_S = 2


class TooLargeError(LedgerError):
    """A body is longer than this server takes."""


class UnsupportedMediaTypeError(MalformedError):
    """A body has a media type that is not taken here."""


class UnsupportedEncodingError(UnsupportedMediaTypeError):
    """A body has a content coding; the answer says what is taken (RFC 9110 section 15.5.16)."""

    headers: Mapping[str, str] = {"Accept-Encoding": "identity"}


class AlreadyExistsError(LedgerError):
    """What was to be made is there; `headers` say where."""

    def __init__(self, text: str, headers: Mapping[str, str]) -> None:
        """Take what to tell, and the headers that go with it."""
        super().__init__(text)
        self.headers = headers


class RejectedEventError(LedgerError):
    """The one event of a request was rejected at its log index, for these findings."""

    def __init__(self, text: str, errors: Sequence[Mapping[str, Any]]) -> None:
        """Take the reason, and the findings as they are kept."""
        super().__init__(text)
        self.errors = errors


class UnsignedError(LedgerError):
    """A document came without the submission that signs it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of error is told; `epcis` is its type under /epcis, which knows no 422."""

    status: int
    word: str
    epcis: str
    title: str
    headers: Mapping[str, str] = field(default_factory=dict)
    epcis_status: int | None = None


_CHALLENGE = {"WWW-Authenticate": 'Unbroken-Submission realm="epcis"'}
_UNAVAILABLE = Kind(
    503, "unavailable", "ImplementationException", "A part of the ledger cannot be reached",
    {"Retry-After": str(RETRY_STORE_S)},
)  # fmt: skip
_INTERNAL = Kind(500, "internal", "ImplementationException", "The ledger failed")
_NOT_FOUND = Kind(404, "not-found", "NoSuchResourceException", "There is no such resource")
_TOO_LARGE = Kind(413, "too-large", "CaptureLimitExceededException", "The body is too large")
_NOT_ACCEPTABLE = Kind(
    406, "not-acceptable", "NotAcceptableException", "What is asked for cannot be given"
)
_MEDIA_TYPE = Kind(
    415, "media-type", "UnsupportedMediaTypeException", "This media type is not taken here"
)
PROBLEMS: Mapping[type[Exception] | int, Kind] = {
    MalformedError: Kind(400, "malformed", "ValidationException", "The input breaks its format"),
    UnsupportedMediaTypeError: _MEDIA_TYPE,
    LimitError: _TOO_LARGE,
    SubscriptionControlsError: Kind(
        400, "subscription", "SubscriptionControlsException", "This is no subscription"
    ),
    RejectedEventError: Kind(400, "rejected", "ValidationException", "The event was rejected"),
    AlreadyExistsError: Kind(
        409, "already-exists", "ResourceAlreadyExistsException", "The resource exists already"
    ),
    NotAcceptableError: _NOT_ACCEPTABLE,
    QueryParameterError: Kind(
        400, "query-parameter", "QueryParameterException", "A query's parameter breaks its rule"
    ),
    QueryValidationError: Kind(
        400, "query", "QueryValidationException", "This is no definition of a query"
    ),
    QueryTooComplexError: Kind(
        413, "query-too-complex", "QueryTooComplexException", "The query is too complex"
    ),
    QueryTooLargeError: Kind(
        413, "query-too-large", "QueryTooLargeException", "Too many events match"
    ),
    UriTooLongError: Kind(414, "uri-too-long", "URITooLongException", "The URI is too long"),
    NoSuchNameError: Kind(404, "no-such-name", "NoSuchNameException", "No query has that name"),
    SignatureError: Kind(
        401, "signature", "SecurityException", "The signature does not prove its signer", _CHALLENGE
    ),
    UnsignedError: Kind(
        401, "unsigned", "SecurityException", "The document is not signed", _CHALLENGE
    ),
    NotPermittedError: Kind(
        403, "not-permitted", "SecurityException", "The signer may not do this"
    ),
    NotFoundError: _NOT_FOUND,
    NotAnchoredError: Kind(
        409, "not-anchored", "ImplementationException", "No final anchor covers this yet",
        {"Retry-After": str(RETRY_ANCHOR_S)},
    ),
    TooLargeError: _TOO_LARGE,
    ProofError: _INTERNAL,
    LedgerError: _UNAVAILABLE,
    **dict.fromkeys(STORE_ERRORS, _UNAVAILABLE),
    RequestValidationError: Kind(
        422, "invalid-request", "ValidationException", "A parameter breaks its rule",
        epcis_status=400,
    ),
    400: Kind(400, "malformed", "ValidationException", "The request breaks its format"),
    404: _NOT_FOUND,
    406: _NOT_ACCEPTABLE,
    405: Kind(405, "method", "ImplementationException", "This method is not taken here"),
    413: _TOO_LARGE,
    415: _MEDIA_TYPE,
    414: Kind(414, "uri-too-long", "URITooLongException", "The URI is too long"),
    500: _INTERNAL,
}  # fmt: skip

# Everything that the ledger raises on purpose, and a database that fails.
TOLD: tuple[type[Exception], ...] = (LedgerError, *STORE_ERRORS)


def install(app: FastAPI, routers: Sequence[APIRouter]) -> None:
    """Answer every error of app, whose routes are those of the routers, with a problem."""
    app.state.own_routes = [
        one for router in routers for one in router.routes if isinstance(one, APIRoute)
    ]
    for kind in PROBLEMS:
        app.add_exception_handler(kind, _handle)
    app.add_exception_handler(Exception, _handle)


async def _handle(request: Request, error: Exception) -> Response:
    answer = problem(request.url.path, error)
    if answer.status_code == HTTPStatus.METHOD_NOT_ALLOWED and not _is_epcis(request.url.path):
        answer.headers["Allow"] = _allowed(request)
    return answer


def _allowed(request: Request) -> str:
    """Return the `Allow` of a path that several routes may serve, each with a method of its own."""
    own: Sequence[APIRoute] = request.app.state.own_routes
    serving = [one for one in own if one.path_regex.match(request.url.path)]
    return with_head(list(dict.fromkeys(name for one in serving for name in one.methods or ())))


def problem(path: str, error: Exception) -> Response:
    """Return the problem that tells of an error; what is not ours to tell stays in the log."""
    kind, is_epcis = _kind(error), _is_epcis(path)
    status = (kind.epcis_status if is_epcis else None) or kind.status
    members: dict[str, Any] = {
        "type": f"epcisException:{kind.epcis}" if is_epcis else f"unbroken:{kind.word}",
        "title": kind.title,
        "status": status,
        "detail": _detail(error, kind, path),
        **_members(error),
    }
    headers = {**kind.headers, **(getattr(error, "headers", None) or {})}
    if status == HTTPStatus.METHOD_NOT_ALLOWED and "Allow" in headers:
        # One path may be served by several routes, of which the router names the first only.
        headers["Allow"] = allowed_methods(path) or with_head(headers["Allow"].split(", "))
    if is_epcis and kind is _TOO_LARGE:
        headers |= LIMITS
    if kind is _INTERNAL:
        # Sent from outside the guard.
        headers |= FENCE
    return JSONResponse(members, status, headers, PROBLEM_TYPE)


def _is_epcis(path: str) -> bool:
    return path == PREFIX or path.startswith(f"{PREFIX}/")


def _kind(error: Exception) -> Kind:
    known = PROBLEMS.get(getattr(error, "status_code", 0))
    if known is not None:
        return known
    return next((PROBLEMS[cls] for cls in type(error).__mro__ if cls in PROBLEMS), _INTERNAL)


def _detail(error: Exception, kind: Kind, path: str) -> str:
    if kind is _INTERNAL:
        return "The fault is in the ledger's log; it is not in what you sent."
    if isinstance(error, STORE_ERRORS):
        return "Nothing was stored or changed; send the same bytes again."
    if isinstance(error, LedgerError):
        return _shown(str(error), 1000)
    if isinstance(error, RequestValidationError):
        return "; ".join(f"{fault['field']}: {fault['rule']}" for fault in _faults(error))
    return _shown(f"{path}: {getattr(error, 'detail', kind.title)}", 1000)


def _members(error: Exception) -> dict[str, Any]:
    if isinstance(error, RejectedEventError):
        return {"errors": list(error.errors)}
    if isinstance(error, MalformedError):
        findings = error.findings[:MAX_FINDINGS] if isinstance(error, RefusedError) else ()
        errors = {"errors": [finding_members(one) for one in findings]} if findings else {}
        return {**_fault(error.field, error.rule, error.value), **errors}
    if isinstance(error, RequestValidationError):
        faults = _faults(error)
        return {**faults[0], "errors": faults}
    return {}


def _faults(error: RequestValidationError) -> Sequence[dict[str, str]]:
    return [
        _fault(".".join(map(str, fault["loc"][1:])), fault["msg"], fault.get("input"))
        for fault in error.errors()
    ]


def _fault(name: str, rule: str, value: object) -> dict[str, str]:
    shown = value.decode(errors="replace") if isinstance(value, bytes) else shown_json(value)
    members = {"field": name, "rule": rule}
    return members if shown is None else {**members, "value": _shown(str(shown), MAX_SHOWN)}


def shown_json(value: object) -> object:
    """Return a value as JSON has it, a text as it is; what is no JSON as itself."""
    if isinstance(value, str) or value is None:
        return value
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # an integer of more than 64 bits among them
        return value


def _shown(text: str, length: int) -> str:
    """Return text that UTF-8 can carry, cut to length."""
    return text[:length].encode(errors="backslashreplace").decode()
