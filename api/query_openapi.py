"""How the query interface is described in the OpenAPI document: parameters, headers, answers."""

from typing import Any, Final

from api.query_request import MAX_TOKEN, PER_PAGE, TOKEN
from ledger.core.epcis.document import STANDARD_CONTEXT
from ledger.core.epcis.epc_format import EpcFormat
from ledger.core.epcis.query import CONTROLS
from ledger.core.epcis.query_parameters import FIXED
from ledger.service.named_queries import MAX_NAME_BYTES
from ledger.service.query import DEFAULT_PER_PAGE, MAX_PER_PAGE

_TEXT: Final = {"type": "string"}
_FAMILIES: Final = """Names that depend on a unit, a type or an extension are taken too:
`GE_value_CEL`, `EQ_bizTransaction_po`, `EQ_ILMD_cbvmda:lotNumber`, `EXISTS_INNER_ex:field`,
`HASATTR_readPoint` (docs/epcis-rest.md lists them)."""
_EXAMPLES: Final = {
    "eventType": "ObjectEvent",
    "EQ_action": "OBSERVE",
    "EQ_bizStep": "shipping",
    "EQ_disposition": "in_transit",
    "MATCH_anyEPC": "urn:epc:id:sgtin:4012345.011111.987",
    "orderBy": "eventTime",
    "orderDirection": "DESC",
}
_DOCUMENT: Final = {
    "@context": [STANDARD_CONTEXT],
    "type": "EPCISQueryDocument",
    "schemaVersion": "2.0",
    "creationDate": "2026-01-02T10:05:00.000Z",
    "epcisBody": {
        "queryResults": {"queryName": "SimpleEventQuery", "resultsBody": {"eventList": []}}
    },
}
EVENT_ANSWER: Final[dict[str, Any]] = {
    "description": "An EPCIS query document; `Link` names the next page while there is one.",
    "content": {
        "application/json": {"schema": {"type": "object"}, "example": _DOCUMENT},
        "application/ld+json": {"schema": {"type": "object"}},
        "application/xml": {"schema": _TEXT},
        "text/xml": {"schema": _TEXT},
    },
}
DEFINITION: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["name", "query"],
                "additionalProperties": False,
                "properties": {
                    "name": {**_TEXT, "minLength": 1, "maxLength": MAX_NAME_BYTES},
                    "query": {"type": "object"},
                    "@context": {},
                },
            },
            "example": {
                "name": "shipments",
                "query": {"eventType": ["ObjectEvent"], "EQ_bizStep": ["shipping"]},
            },
        }
    },
}


def collection_answer() -> dict[str, Any]:
    """Return the description of a collection."""
    example = {"@context": STANDARD_CONTEXT, "type": "Collection", "member": ["events"]}
    schema = {"schema": {"type": "object"}, "example": example}
    return {"description": "A collection.", "content": {"application/json": schema}}


def _parameter(name: str, where: str, schema: dict[str, Any], text: str) -> dict[str, Any]:
    example = {"example": _EXAMPLES[name]} if name in _EXAMPLES else {}
    return {"name": name, "in": where, "schema": schema, "description": text, **example}


def page_parameters() -> list[dict[str, Any]]:
    """Return the parameters of a page."""
    size = {"type": "integer", "minimum": 1, "default": DEFAULT_PER_PAGE}
    return [
        _parameter(PER_PAGE, "query", size, f"Most entries of a page, {MAX_PER_PAGE} at most."),
        _parameter(TOKEN, "query", {**_TEXT, "maxLength": MAX_TOKEN}, "From `Link`."),
    ]


def epc_format_parameter() -> dict[str, Any]:
    """Return the header that says how GS1 keys are spelt."""
    formats = {**_TEXT, "enum": [one.value for one in EpcFormat]}
    return _parameter("GS1-EPC-Format", "header", formats, "How GS1 keys are spelt in the answer.")


def event_parameters() -> list[dict[str, Any]]:
    """Return the parameters of an event query in a URL, and the headers that shape its answer."""
    return [
        *page_parameters(),
        epc_format_parameter(),
        _parameter("GS1-Extensions", "header", _TEXT, f"prefix=namespace, … {_FAMILIES}"),
        *(_parameter(name, "query", _TEXT, "SimpleEventQuery.") for name in (*FIXED, *CONTROLS)),
    ]


def with_path(name: str, parameters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the parameters with one that stands in the path."""
    text = "Percent-encoded."
    return [{**_parameter(name, "path", _TEXT, text), "required": True}, *parameters]
