"""What each parameter of SimpleEventQuery means: the fixed names. Families of names are apart."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from ledger.core.epcis.compared import STANDARD_PREFIXES, field, identity, is_uri, term
from ledger.core.epcis.conditions import (
    AtTime,
    Comparison,
    Condition,
    Field,
    HasField,
    HasNumber,
    HasTerm,
    Moment,
    NamesClass,
    NamesItem,
    Within,
)
from ledger.core.epcis.given import Given
from ledger.core.epcis.patterns import PathPattern, find_pattern, without_wildcard
from ledger.core.epcis.query_families import Parser, existence, extension, family
from ledger.core.epcis.units import compared
from ledger.core.epcis.vocabulary import (
    BIZ_STEP,
    DISPOSITION,
    ERROR_REASON,
    MEASUREMENT,
    Words,
)
from ledger.core.errors import MalformedError
from ledger.core.events import ACTIONS, EVENT_TYPES

# With a wildcard for its serial only, a pattern is the name of a class.
_CLASS = "urn:epc:idpat:"
ORDERS: Final = {"eventTime": Moment.EVENT_TIME, "recordTime": Moment.RECORD_TIME}


def _event_type(given: Given) -> HasField:
    types = []
    for text in given.texts():
        name = text.removeprefix("epcis:").removeprefix(STANDARD_PREFIXES["epcis"])
        if name not in EVENT_TYPES and not is_uri(name):
            raise given.refused("is one of the five event types or a URI", text)
        types.append(name)
    return HasField(Field.EVENT_TYPE, tuple(map(field, types)))


def _action(given: Given) -> HasField:
    for text in given.texts():
        if text not in ACTIONS:
            raise given.refused("is ADD, OBSERVE or DELETE", text)
    return HasField(Field.ACTION, tuple(given.texts()))


def _word_field(column: Field, words: Words) -> Callable[[Given], Condition]:
    return lambda given: HasField(column, tuple(map(field, given.words(words))))


def _word_term(name: str, words: Words) -> Callable[[Given], Condition]:
    return lambda given: HasTerm(tuple(term(name, one) for one in given.words(words)))


def _place(column: Field) -> Callable[[Given], Condition]:
    return lambda given: HasField(column, tuple(map(field, given.identities())))


def _within(column: Field) -> Callable[[Given], Condition]:
    return lambda given: Within(column, tuple(map(field, given.identities())))


def _uri_term(name: str) -> Callable[[Given], Condition]:
    return lambda given: HasTerm(tuple(term(name, one) for one in given.identities()))


def _name_term(name: str) -> Callable[[Given], Condition]:
    return lambda given: HasTerm(tuple(term(name, identity(one)) for one in given.texts()))


def _text_term(name: str) -> Callable[[Given], Condition]:
    return lambda given: HasTerm(tuple(term(name, one) for one in given.texts()))


def _hex_term(given: Given) -> Condition:
    for text in given.texts():
        if not re.fullmatch(r"([0-9A-Fa-f]{2})*", text, re.ASCII):
            raise given.refused("is hexadecimal, two digits a byte", text)
    return HasTerm(tuple(term("hexBinaryValue", text.lower()) for text in given.texts()))


def _boolean_term(given: Given) -> Condition:
    value = given.single()
    if value not in ("true", "false") and not isinstance(value, bool):
        raise given.refused("is true or false", value)
    return HasTerm((term("booleanValue", str(value).lower()),))


def _event_id(given: Given) -> HasField:
    return HasField(Field.EVENT_ID, tuple(map(field, given.texts())))


def _moment(moment: Moment, comparison: Comparison) -> Callable[[Given], Condition]:
    return lambda given: AtTime(moment, comparison, given.time_ms())


def _time_number(name: str, comparison: Comparison) -> Callable[[Given], Condition]:
    return lambda given: HasNumber(name, comparison, (float(given.time_ms()),))


def _items(*roles: int) -> Callable[[Given], Condition]:
    def parse(given: Given) -> Condition:
        paths, patterns = _matched(given, classes=False)
        return NamesItem(roles, paths, patterns)

    return parse


def _classes(*members: str) -> Callable[[Given], Condition]:
    def parse(given: Given) -> Condition:
        paths, patterns = _matched(given, classes=True)
        return NamesClass(members, paths, patterns)

    return parse


def _matched(given: Given, *, classes: bool) -> tuple[tuple[str, ...], tuple[PathPattern, ...]]:
    paths, patterns = [], []
    for text in given.texts():
        path = given.identity(text)
        if classes and path.startswith("/") and text.lower().startswith(_CLASS):
            paths.append(path)
            continue
        try:
            pattern = find_pattern(text, classes=classes)
        except MalformedError as error:
            raise given.refused(error.rule, text) from None
        if pattern is None:
            paths.append(given.identity(without_wildcard(text)))
        else:
            patterns.append(pattern)
    return tuple(paths), tuple(patterns)


def _number(name: str, comparison: Comparison) -> Callable[[Given], Condition]:
    return lambda given: HasNumber(
        name, comparison, tuple(map(compared, given.measures(comparison)))
    )


_ORDER_OF = {comparison.name: comparison for comparison in Comparison}
_GE_LT = {"GE": Comparison.GE, "LT": Comparison.LT}
FIXED: Final[Mapping[str, Parser]] = {
    "eventType": _event_type,
    "EQ_action": _action,
    "EQ_bizStep": _word_field(Field.BIZ_STEP, BIZ_STEP),
    "EQ_disposition": _word_field(Field.DISPOSITION, DISPOSITION),
    "EQ_persistentDisposition_set": _word_term("persistentDisposition.set", DISPOSITION),
    "EQ_persistentDisposition_unset": _word_term("persistentDisposition.unset", DISPOSITION),
    "EQ_readPoint": _place(Field.READ_POINT),
    "WD_readPoint": _within(Field.READ_POINT),
    "EQ_bizLocation": _place(Field.BIZ_LOCATION),
    "WD_bizLocation": _within(Field.BIZ_LOCATION),
    "EQ_transformationID": _name_term("transformationID"),
    # Roles of docs/spec/entry.md: epcList, parentID, childEPCs, inputEPCList, outputEPCList.
    "MATCH_epc": _items(0, 2),
    "MATCH_parentID": _items(1),
    "MATCH_inputEPC": _items(3),
    "MATCH_outputEPC": _items(4),
    "MATCH_anyEPC": _items(0, 1, 2, 3, 4),
    "MATCH_epcClass": _classes("epcClass"),
    "MATCH_inputEPCClass": _classes("inputEPCClass"),
    "MATCH_outputEPCClass": _classes("outputEPCClass"),
    "MATCH_anyEPCClass": _classes("epcClass", "inputEPCClass", "outputEPCClass"),
    "EQ_eventID": _event_id,
    "EXISTS_errorDeclaration": existence("errorDeclaration"),
    "EQ_errorReason": _word_term("errorReason", ERROR_REASON),
    "EQ_correctiveEventID": _text_term("correctiveEventID"),
    "EXISTS_sensorElementList": existence("sensorElementList"),
    "EQ_type": _word_term("type", MEASUREMENT),
    "EQ_deviceID": _uri_term("deviceID"),
    "EQ_dataProcessingMethod": _uri_term("dataProcessingMethod"),
    "EQ_bizRules": _uri_term("bizRules"),
    "EQ_microorganism": _uri_term("microorganism"),
    "EQ_chemicalSubstance": _uri_term("chemicalSubstance"),
    "EQ_stringValue": _text_term("stringValue"),
    "EQ_booleanValue": _boolean_term,
    "EQ_hexBinaryValue": _hex_term,
    "EQ_uriValue": _uri_term("uriValue"),
    **{f"{way}_eventTime": _moment(Moment.EVENT_TIME, op) for way, op in _GE_LT.items()},
    **{f"{way}_recordTime": _moment(Moment.RECORD_TIME, op) for way, op in _GE_LT.items()},
    **{
        f"{way}_{name}": _time_number(name, op)
        for name in ("startTime", "endTime", "time", "errorDeclarationTime")
        for way, op in _GE_LT.items()
    },
    # So spelt in query-schema 2.0.0; the OpenAPI document has it without the second underscore.
    **{
        f"{way}_errorDeclaration_Time": _time_number("errorDeclarationTime", op)
        for way, op in _GE_LT.items()
    },
    **{f"{way}_quantity": _number("quantity", op) for way, op in _ORDER_OF.items()},
    **{f"{way}_percRank": _number("percRank", op) for way, op in _ORDER_OF.items()},
}


def condition(given: Given) -> Condition | None:
    """Return the condition that a parameter sets, None when it sets none.

    Raises:
        QueryParameterError: the parameter does not exist, or does not take its value.
    """
    fixed = FIXED.get(given.name)
    return fixed(given) if fixed is not None else family(given)


def order(given: Given) -> Moment | str:
    """Return what `orderBy` names.

    Raises:
        QueryParameterError: it is no time and no extension.
    """
    name = given.single()
    if not isinstance(name, str):
        raise given.refused("is a field's name", name)
    return ORDERS.get(name) or extension(given, name)
