"""EPCIS 2.0 JSON as a schema of our own, run by jsonschema-rs with formats asserted.

Written from the member tables of EPCIS 2.0 sections 7.3, 7.4 and 10. What depends on the action or
on another member is a semantic rule (rules.py), so that each fault has one finding.
"""

from typing import Final

from jsonschema_rs import Draft7Validator

from ledger.core.epcis import vocabulary
from ledger.core.epcis.vocabulary import Words

Schema = dict[str, object]

CODE: Final = "code"
"""Member of a subschema: the finding's code where its value is wrong."""
WORDS: Final = "words"
"""Member of a subschema: name of the vocabulary that its value is from."""

VOCABULARIES: Final[dict[str, Words]] = {
    "business step": vocabulary.BIZ_STEP,
    "disposition": vocabulary.DISPOSITION,
    "business transaction type": vocabulary.BIZ_TRANSACTION,
    "source or destination type": vocabulary.SOURCE_DESTINATION,
    "error reason": vocabulary.ERROR_REASON,
    "component": vocabulary.COMPONENT,
    "measurement type": vocabulary.MEASUREMENT,
    "sensor alert": vocabulary.SENSOR_ALERT,
}
# A URI (RFC 3986), as a pattern: what extends the standard's names.
_URI_CHARACTERS = r"(?:[A-Za-z0-9\-._~:/?@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*"
EXTENSION: Final = rf"^[A-Za-z][A-Za-z0-9+.\-]*:{_URI_CHARACTERS}(?:#{_URI_CHARACTERS})?$"
# What the standard spells as bare words in JSON (EPCIS 2.0 section 10.2) has no second spelling.
OF_GS1: Final = (
    r"^(?:urn:epcglobal:cbv|https?://(?:ref|ns)\.gs1\.org/cbv/|https?://ns\.gs1\.org/voc/"
    r"|https?://(?:www\.|ref\.)?gs1\.org/voc/)"
)
_FOREIGN: Final = OF_GS1.replace("?:", "?!", 1)


def _leaf(code: str, **rule: object) -> Schema:
    return {"type": "string", **rule, CODE: code}


def _list(items: Schema, **rule: object) -> Schema:
    return {"type": "array", "items": items, **rule}


def _object(
    members: dict[str, Schema], required: tuple[str, ...] = (), *, extensions: bool = False
) -> Schema:
    """Return an object of these members, and of members named by a URI where it is extensible."""
    body: Schema = {"type": "object", "properties": members, "required": list(required)}
    if not extensions:
        return {**body, "additionalProperties": False}
    return {**body, "patternProperties": {EXTENSION: {}}, "additionalProperties": False}


def _words(name: str) -> Schema:
    foreign = {"type": "string", "format": "uri", "pattern": _FOREIGN}
    listed = {"enum": sorted(VOCABULARIES[name].words)}
    return {"anyOf": [listed, foreign], CODE: "UNKNOWN_CBV_WORD", WORDS: name}


URI: Final = _leaf("INVALID_URI", format="uri")
TIME: Final = _leaf("INVALID_TIME", format="date-time")
_TEXT: Final = _leaf("WRONG_TYPE")
_NUMBER: Final[Schema] = {"type": "number"}
_URIS: Final = _list(URI)
_ITEMS: Final = _list(URI, uniqueItems=True)
_CONTEXT: Final[Schema] = {
    "anyOf": [
        {"type": "string", "format": "uri"},
        {"type": "object"},
        _list(
            {"anyOf": [{"type": "string", "format": "uri"}, {"type": "object"}]}, uniqueItems=True
        ),
    ],
    CODE: "INVALID_CONTEXT",
}  # fmt: skip
_QUANTITIES: Final = _list(
    _object(
        {
            "epcClass": URI,
            "quantity": _NUMBER,
            "uom": _leaf("INVALID_UOM", pattern="^[A-Z0-9]{2,3}$"),
        },
        ("epcClass",),
    )
)
_PLACE: Final[Schema] = {"type": "object", "properties": {"id": URI}, "required": ["id"]}
_DISPOSITIONS: Final = _list(_words("disposition"), minItems=1, uniqueItems=True)
SENSOR_REPORT: Final[dict[str, Schema]] = {
        "type": _words("measurement type"),
        "exception": _words("sensor alert"),
        "time": TIME,
        "component": _words("component"),
        "stringValue": _TEXT,
        "booleanValue": {"type": "boolean"},
        "hexBinaryValue": _leaf("INVALID_HEX_BINARY", pattern="^[A-Fa-f0-9]+$"),
        "uom": _TEXT,
        **dict.fromkeys(
            (
                "deviceID", "deviceMetadata", "rawData", "dataProcessingMethod", "bizRules",
                "microorganism", "chemicalSubstance", "coordinateReferenceSystem", "uriValue",
            ),
            URI,
        ),
        **dict.fromkeys(
            ("value", "minValue", "maxValue", "meanValue", "sDev", "percRank", "percValue"),
            _NUMBER,
        ),
}  # fmt: skip
SENSOR_METADATA: Final[dict[str, Schema]] = {
    **dict.fromkeys(("time", "startTime", "endTime"), TIME),
    **dict.fromkeys(
        ("deviceID", "deviceMetadata", "rawData", "dataProcessingMethod", "bizRules"), URI
    ),
}
_SENSORS: Final = _list(
    _object(
        {
            "sensorMetadata": _object(SENSOR_METADATA, extensions=True),
            "sensorReport": _list(_object(SENSOR_REPORT, ("type",), extensions=True), minItems=1),
        },
        ("sensorReport",),
        extensions=True,
    )
)
_COMMON: Final[dict[str, Schema]] = {
    "@context": _CONTEXT,
    "type": {"type": "string"},
    "eventTime": TIME,
    "recordTime": TIME,
    "eventTimeZoneOffset": _leaf(
        "INVALID_TIME_ZONE_OFFSET",
        pattern="^[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00)$",
    ),
    "eventID": URI,
    "certificationInfo": {"anyOf": [URI, _URIS], CODE: "INVALID_URI"},
    "errorDeclaration": _object(
        {
            "declarationTime": TIME,
            "reason": _words("error reason"),
            "correctiveEventIDs": _URIS,
        },
        ("declarationTime",),
        extensions=True,
    ),
    "bizStep": _words("business step"),
    "disposition": _words("disposition"),
    "persistentDisposition": {
        **_object({"set": _DISPOSITIONS, "unset": _DISPOSITIONS}),
        "minProperties": 1,
    },
    "readPoint": _PLACE,
    "bizLocation": _PLACE,
    "bizTransactionList": _list(
        _object(
            {"type": _words("business transaction type"), "bizTransaction": URI},
            ("bizTransaction",),
        )
    ),
    "sourceList": _list(
        _object({"type": _words("source or destination type"), "source": URI}, ("type", "source"))
    ),
    "destinationList": _list(
        _object(
            {"type": _words("source or destination type"), "destination": URI},
            ("type", "destination"),
        )
    ),
    "sensorElementList": _SENSORS,
}
_ACTION: Final[dict[str, Schema]] = {
    "action": {"enum": ["ADD", "OBSERVE", "DELETE"], CODE: "INVALID_ACTION"}
}
_ILMD: Final[dict[str, Schema]] = {
    "ilmd": {"type": "object", "propertyNames": {"type": "string", "format": "uri"}}
}
_CHILDREN: Final[dict[str, Schema]] = {
    "parentID": URI, "childEPCs": _URIS, "childQuantityList": _QUANTITIES, **_ACTION,
}  # fmt: skip
MEMBERS: Final[dict[str, dict[str, Schema]]] = {
    "ObjectEvent": {"epcList": _ITEMS, "quantityList": _QUANTITIES, **_ACTION, **_ILMD},
    "AggregationEvent": _CHILDREN,
    "AssociationEvent": _CHILDREN,
    "TransactionEvent": {
        "parentID": URI, "epcList": _URIS, "quantityList": _QUANTITIES, **_ACTION,
    },
    "TransformationEvent": {
        "inputEPCList": _ITEMS, "inputQuantityList": _QUANTITIES, "outputEPCList": _ITEMS,
        "outputQuantityList": _QUANTITIES, "transformationID": URI, **_ILMD,
    },
}  # fmt: skip
"""The members of each event type beside those that all types have."""


def event_schema(kind: str) -> Schema:
    """Return the schema of one event type."""
    own = MEMBERS[kind]
    required = ("type", "eventTime", "eventTimeZoneOffset", *(["action"] * ("action" in own)))
    return _object({**_COMMON, **own}, required, extensions=True)


_VOCABULARY_LIST: Final = _list(
    {
        "type": "object",
        "properties": {
            "type": URI,
            "vocabularyElementList": _list(
                {
                    "type": "object",
                    "properties": {
                        "id": URI,
                        "attributes": _list(
                            {
                                "type": "object",
                                "properties": {
                                    "id": URI,
                                    "attribute": {"type": ["number", "string", "object"]},
                                },
                                "required": ["id"],
                            }
                        ),
                        "children": _URIS,
                    },
                    "required": ["id"],
                }
            ),
        },
        "required": ["type"],
    }
)
_DOCUMENT: Final[dict[str, Schema]] = {
    "@context": _CONTEXT,
    "id": URI,
    "type": {"type": "string"},
    "schemaVersion": _leaf("UNSUPPORTED_SCHEMA_VERSION", pattern=r"^\d+(\.\d+)*$"),
    "creationDate": TIME,
}
_LISTS: Final[dict[str, Schema]] = {
    "eventList": {"type": "array"}, "vocabularyList": _VOCABULARY_LIST,
}  # fmt: skip


def document_schema(kind: str) -> Schema:
    """Return the schema of a document around its event list, which may be absent here."""
    if kind == "EPCISQueryDocument":
        results = _object(
            {
                "queryName": _TEXT,
                "subscriptionID": _TEXT,
                "resultsBody": _object(_LISTS, extensions=True),
            },
            ("queryName", "resultsBody"),
            extensions=True,
        )
        body = _object({"queryResults": results}, ("queryResults",), extensions=True)
        return _object(
            {**_DOCUMENT, "epcisBody": body}, ("@context", "type", "epcisBody"), extensions=True
        )
    master_data: Schema = {"type": "object", "properties": {"vocabularyList": _VOCABULARY_LIST}}
    header = _object({"epcisMasterData": master_data}, extensions=True)
    return _object(
        {
            **_DOCUMENT,
            **dict.fromkeys(("instanceIdentifier", "sender", "receiver"), _TEXT),
            "epcisHeader": header,
            "epcisBody": {"type": "object", "properties": {"eventList": {"type": "array"}}},
        },
        ("@context", "type", "schemaVersion", "creationDate", "epcisBody"),
        extensions=True,
    )


DOCUMENT_KINDS: Final = ("EPCISDocument", "EPCISQueryDocument")
SCHEMAS: Final[dict[str, Schema]] = {
    **{kind: event_schema(kind) for kind in MEMBERS},
    **{kind: document_schema(kind) for kind in DOCUMENT_KINDS},
}
VALIDATORS: Final = {
    kind: Draft7Validator(schema, validate_formats=True) for kind, schema in SCHEMAS.items()
}
