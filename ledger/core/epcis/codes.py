"""Every code that checking a document can give: its layer, severity and rule; docs/findings.md."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import orjson

from ledger.core.epcis.finding import DocumentFinding, Severity


class Layer(StrEnum):
    """Which layer of the check finds it; a document goes through them in this order."""

    BYTES = "bytes"
    FORMAT = "format"
    MODEL = "model"
    SEMANTIC = "semantic"
    QUALITY = "quality"


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One code: its layer, its weight, and the standard and clause that it rests on."""

    layer: Layer
    severity: Severity
    rule: str


_ERROR, _HIGH, _MEDIUM = Severity.ERROR, Severity.HIGH, Severity.MEDIUM
_LOW, _INFO = Severity.LOW, Severity.INFO
_JSON = "EPCIS 2.0 section 10"
_XML = "EPCIS 1.2 and 2.0 section 9.5"
_RFC_JSON = "RFC 8259, RFC 7493"
_KEYS = "GS1 General Specifications section 7.9.1"
_TDS = "GS1 TDS 1.13, Digital Link URI Syntax 1.4"


def _rows(layer: Layer, rows: dict[str, tuple[Severity, str]]) -> dict[str, Code]:
    return {
        name: Code(layer=layer, severity=severity, rule=rule)
        for name, (severity, rule) in rows.items()
    }


CODES: Final[dict[str, Code]] = {
    **_rows(Layer.BYTES, {
        "UNREADABLE": (_ERROR, "EPCIS 2.0 section 10"),
        "NOT_JSON": (_ERROR, "RFC 8259"),
        "NOT_UTF8": (_ERROR, "RFC 8259 section 8.1"),
        "BYTE_ORDER_MARK": (_ERROR, "RFC 8259 section 8.1"),
        "DUPLICATE_MEMBER": (_ERROR, "RFC 7493 section 2.3"),
        "UNSAFE_NUMBER": (_ERROR, "RFC 7493 section 2.2"),
        "LONE_SURROGATE": (_ERROR, "RFC 7493 section 2.1"),
        "TOO_DEEP": (_ERROR, _RFC_JSON),
    }),
    **_rows(Layer.FORMAT, {
        "NO_EVENT_LIST": (_ERROR, "EPCIS 2.0 section 10"),
        "TOO_LARGE_TO_EXPLAIN": (_ERROR, "20,000 elements"),
        "NO_EVENTS": (_ERROR, "docs/spec/submission.md"),
        "NOT_AN_EVENT": (_ERROR, "EPCIS 2.0 section 10"),
        "UNKNOWN_EVENT_TYPE": (_ERROR, "EPCIS 2.0 section 7.4"),
        "MISPLACED_MEMBER": (_ERROR, "EPCIS 2.0 section 7.4"),
        "NULL_CONTEXT": (_ERROR, "EPCIS 2.0 section 10.2"),
        **dict.fromkeys(
            (
                "MISSING_ELEMENT", "MISSING_ATTRIBUTE", "UNKNOWN_ELEMENT", "UNKNOWN_ATTRIBUTE",
                "REPEATED_ELEMENT", "WRONG_ORDER", "WRONG_NAMESPACE", "UNEXPECTED_TEXT",
                "VALUE_NOT_CARRIED",
            ),
            (_ERROR, _XML),
        ),
        "ELEMENT_NOT_CARRIED": (_MEDIUM, _XML),
        **dict.fromkeys(
            (
                "DOCTYPE_IGNORED", "ELEMENT_KEPT", "MIXED_CONTENT", "QUANTITY_EVENT",
                "VALUE_ROUNDED",
            ),
            (_LOW, _XML),
        ),
        "CBV_WORD_IN_XML": (_MEDIUM, "CBV 1.2 and 2.0 section 7"),
        "TYPE_NOT_CARRIED": (_INFO, _XML),
    }),
    **_rows(Layer.MODEL, {
        "INVALID_VALUE": (_ERROR, _JSON),
        "WRONG_TYPE": (_ERROR, _JSON),
        "MISSING_MEMBER": (_ERROR, "EPCIS 2.0 sections 7.3, 7.4"),
        "MISSING_CONTEXT": (_ERROR, "EPCIS 2.0 section 10.2"),
        "INVALID_CONTEXT": (_ERROR, "EPCIS 2.0 section 10.2"),
        "UNKNOWN_MEMBER": (_ERROR, "EPCIS 2.0 section 10.2"),
        "UNSUPPORTED_SCHEMA_VERSION": (_ERROR, "EPCIS 2.0 section 9.5"),
        "INVALID_URI": (_ERROR, "RFC 3986"),
        "INVALID_TIME": (_ERROR, "EPCIS 2.0 section 7.3.2"),
        "INVALID_TIME_ZONE_OFFSET": (_ERROR, "EPCIS 2.0 section 7.4.1"),
        "INVALID_ACTION": (_ERROR, "EPCIS 2.0 section 7.3.2"),
        "INVALID_UOM": (_ERROR, "UN/ECE Recommendation 20"),
        "INVALID_HEX_BINARY": (_ERROR, "EPCIS 2.0 section 7.3.7"),
        "EMPTY_LIST": (_ERROR, "EPCIS 2.0 section 7.3"),
        "DUPLICATE_IN_LIST": (_ERROR, "EPCIS 2.0 section 10.2"),
        "UNKNOWN_CBV_WORD": (_ERROR, "CBV 2.0 section 7"),
        "CBV_URI_IN_JSON": (_ERROR, "EPCIS 2.0 section 10.2"),
    }),
    **_rows(Layer.SEMANTIC, {
        "MISSING_WHAT": (_ERROR, "EPCIS 2.0 section 7.4"),
        "MISSING_PARENT": (_ERROR, "EPCIS 2.0 sections 7.4.3, 7.4.6; TCR-54"),
        "MISSING_CHILDREN": (_ERROR, "EPCIS 2.0 sections 7.4.3, 7.4.6; TCR-54"),
        "MISSING_BIZ_TRANSACTION": (_ERROR, "EPCIS 2.0 section 7.4.4"),
        "MISSING_INPUTS": (_ERROR, "EPCIS 2.0 section 7.4.5"),
        "MISSING_OUTPUTS": (_ERROR, "EPCIS 2.0 section 7.4.5"),
        "ILMD_NOT_ALLOWED": (_ERROR, "EPCIS 2.0 section 7.3.6"),
        "QUANTITY_NOT_POSITIVE": (_ERROR, "EPCIS 2.0 section 7.3.3"),
        "QUANTITY_NOT_INTEGER": (_ERROR, "EPCIS 2.0 section 7.3.3"),
        "UOM_WITHOUT_QUANTITY": (_ERROR, "EPCIS 2.0 section 7.3.3"),
        "SENSOR_ATTRIBUTE_TWICE": (_ERROR, "EPCIS 2.0 section 7.3.7; TCR-53"),
        "SENSOR_ATTRIBUTE_REPEATED": (_MEDIUM, "EPCIS 2.0 section 7.3.7; TCR-53"),
        "SENSOR_TIME_AFTER_EVENT": (_MEDIUM, "GS1 conformance requirement M122"),
        "SENSOR_TIMES_REVERSED": (_MEDIUM, "EPCIS 2.0 section 7.3.7"),
        "SENSOR_VALUE_WITHOUT_UOM": (_LOW, "EPCIS 2.0 section 7.3.7"),
        "INVALID_IDENTIFIER": (_ERROR, _TDS),
        "INVALID_SERIAL": (_ERROR, "GS1 General Specifications sections 3.5, 7.11"),
        "INVALID_GTIN_CHECK_DIGIT": (_ERROR, _KEYS),
        "INVALID_SSCC_CHECK_DIGIT": (_ERROR, _KEYS),
        "INVALID_GLN_CHECK_DIGIT": (_ERROR, _KEYS),
        "INVALID_CHECK_DIGIT": (_MEDIUM, _KEYS),
        "UNKNOWN_EPC_SCHEME": (_MEDIUM, "GS1 TDS 1.13 section 6"),
        "SUSPECT_DIGITAL_LINK": (_MEDIUM, "Digital Link URI Syntax 1.4"),
        "CLASS_AMONG_INSTANCES": (_MEDIUM, "EPCIS 2.0 section 7.3.3"),
        "INSTANCE_AS_CLASS": (_MEDIUM, "EPCIS 2.0 section 7.3.3"),
        "DUPLICATE_IDENTIFIER": (_MEDIUM, "docs/spec/identifiers.md"),
        "HIERARCHY_CYCLE": (_HIGH, "EPCIS 2.0 section 7.4.3"),
        "HIERARCHY_DEPTH_EXCEEDED": (_MEDIUM, "at most 16 containers"),
        "PERSISTENT_DISPOSITION_MISPLACED": (_LOW, "EPCIS 2.0 section 7.4"),
        "PERSISTENT_DISPOSITION_CONTRADICTION": (_MEDIUM, "EPCIS 2.0 section 7.3.5"),
        "DECLARED_BEFORE_EVENT": (_MEDIUM, "EPCIS 2.0 section 7.4.1.2"),
        "CORRECTED_BY_ITSELF": (_MEDIUM, "EPCIS 2.0 section 7.4.1.2"),
        "UNKNOWN_CONTEXT": (_LOW, "EPCIS 2.0 section 10.2"),
        "MISSING_STANDARD_CONTEXT": (_MEDIUM, "EPCIS 2.0 section 10.2"),
        "CONTEXT_REDEFINES_STANDARD": (_ERROR, "JSON-LD 1.1 section 4.1.11"),
        "CONTEXT_REBINDS_PREFIX": (_MEDIUM, "JSON-LD 1.1 section 4.1.11"),
        "CONTEXT_ALIASES_STANDARD": (_MEDIUM, "JSON-LD 1.1 section 4.1"),
        "NESTED_CONTEXT": (_MEDIUM, "JSON-LD 1.1 section 4.1"),
        "EXTENSION_WITHOUT_NAME": (_MEDIUM, "EPCIS 2.0 section 10.2"),
        "UNDEFINED_PREFIX": (_MEDIUM, "EPCIS 2.0 section 10.2"),
        "STANDARD_TERM_AS_EXTENSION": (_MEDIUM, "EPCIS 2.0 section 10.2"),
        "EVENT_ID_HASH_MISMATCH": (_INFO, "CBV 2.0 section 8.9"),
        "EVENT_ID_REUSED": (_HIGH, "EPCIS 2.0 section 7.4.1"),
    }),
    **_rows(Layer.QUALITY, {
        "LEADING_ZERO_STRIPPED": (_MEDIUM, "Digital Link URI Syntax 1.4"),
        "FUTURE_EVENT_TIME": (_MEDIUM, "more than 300 s ahead"),
        "STALE_EVENT": (_INFO, "more than 365 days old"),
        "RECORD_TIME_IGNORED": (_INFO, "EPCIS 2.0 section 7.4.1; M5, M6"),
        "INVALID_DATE": (_MEDIUM, "CBV 2.0 section 9.2, xsd:date"),
        "MIXED_EXPIRY_SAME_LOT": (_MEDIUM, "one lot, one expiry"),
        "EVENTS_OUT_OF_ORDER": (_MEDIUM, "used before it came into being"),
        "DUPLICATE_TRANSMISSION": (_MEDIUM, "one event, one transmission"),
        "INPUT_AMONG_OUTPUTS": (_LOW, "EPCIS 2.0 section 7.4.5"),
        "FINDINGS_TRUNCATED": (_INFO, "50 findings of one code"),
    }),
}  # fmt: skip


def finding(
    code: str,
    pointer: str,
    value: object,
    message: str,
    event: int | None = None,
    *,
    severity: Severity | None = None,
) -> DocumentFinding:
    """Return a finding of one of CODES; its severity and rule come from the table."""
    row = CODES[code]
    return DocumentFinding(
        code=code,
        severity=severity or row.severity,
        pointer=pointer,
        value=None if value is None else shown(value),
        message=message,
        rule=row.rule,
        event=event,
    )


def _written(value: object) -> str:
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        return repr(value)


# A person reads it; a megabyte of a partner's text would hide the rest.
MAX_VALUE_CHARACTERS: Final = 200


def shown(value: object) -> str:
    """Return a value as text of bounded length."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    text = value if isinstance(value, str) else _written(value)
    return text if len(text) <= MAX_VALUE_CHARACTERS else f"{text[: MAX_VALUE_CHARACTERS - 1]}…"
