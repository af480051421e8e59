"""Parameters whose names are patterns: units, types of transactions, extensions, master data."""

import re
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from ledger.core.epcis.compared import decimal, find_time_ms, kept, qualified, spellings, term, word
from ledger.core.epcis.conditions import (
    Comparison,
    Condition,
    Field,
    HasAttribute,
    HasNumber,
    HasTerm,
)
from ledger.core.epcis.given import Given
from ledger.core.epcis.units import compared, in_base_unit
from ledger.core.epcis.vocabulary import BIZ_TRANSACTION, SOURCE_DESTINATION

Parser: TypeAlias = Callable[[Given], Condition | None]

_MEASURE = re.compile(
    r"(EQ|GT|GE|LT|LE)_(value|minValue|maxValue|meanValue|sDev|percValue|quantity)_([A-Z0-9]{2,4})",
    re.ASCII,
)
_LISTED = re.compile(r"EQ_(bizTransaction|source|destination)_(.+)")
_EXTENSION = re.compile(
    r"(EQ|GT|GE|LT|LE|EXISTS)_(INNER_)?"
    r"((?:ILMD|ERROR_DECLARATION|SENSORELEMENT|SENSORMETADATA|SENSORREPORT|readPoint|bizLocation)_)?"
    r"(.*[:#].*)"
)
# EPCIS 1.2 has EQATTR, query-schema 2.0.0 has EQ_ATTR.
_ATTRIBUTE = re.compile(r"(HASATTR|EQ_?ATTR)_(.+)")
_TYPES = {
    "bizTransaction": BIZ_TRANSACTION,
    "source": SOURCE_DESTINATION,
    "destination": SOURCE_DESTINATION,
}
_WITH_MASTER_DATA: Final[Mapping[str, Field]] = {
    "readPoint": Field.READ_POINT,
    "bizLocation": Field.BIZ_LOCATION,
    "bizStep": Field.BIZ_STEP,
    "disposition": Field.DISPOSITION,
}
# A spread is no temperature: 1 kelvin of it is 1.8 degrees Fahrenheit of it.
_DIFFERENCES = frozenset(["sDev"])


def measure_name(name: str, dimension: str) -> str:
    """Return the name of a number that was brought to the base unit of its dimension."""
    return f"{name}/{dimension}"


def family(given: Given) -> Condition | None:
    """Return the condition that a parameter sets, None when it sets none.

    Raises:
        QueryParameterError: the parameter does not exist, or does not take its value.
    """
    for pattern, parse in _FAMILIES:
        match = pattern.fullmatch(given.name)
        if match is not None:
            return parse(given, match)
    raise given.refused("must be a parameter of SimpleEventQuery", given.name)


def existence(name: str) -> Parser:
    """Return the parser of an EXISTS parameter, void in SOAP, integer in JSON, boolean in URLs."""

    def parse(given: Given) -> Condition | None:
        value = given.single()
        if value in (False, "false", "0"):
            return None
        if value not in (None, True, "", "true", "1", "null"):
            raise given.refused("is true, or nothing", value)
        return HasTerm((kept(name),))

    return parse


def extension(given: Given, name: str) -> str:
    """Return the name under which the index keeps an extension: `SECTION_namespace#local`.

    Raises:
        QueryParameterError: its prefix is not bound.
    """
    match = _EXTENSION.fullmatch(f"EQ_{name}")
    found = qualified(match[4], given.prefixes) if match else None
    if match is None or found is None:
        raise given.refused(
            "names an extension as prefix:name, its prefix bound by GS1-Extensions, or as"
            " namespace#name",
            name,
        )
    return extension_name(found, section=match[3] or "", inner=match[2] is not None)


def extension_name(name: str, *, section: str = "", inner: bool = False) -> str:
    """Return the name of an extension in a section (`ILMD_`), `inner` when inside another."""
    return f"{'INNER_' if inner else ''}{section}{name}"


def _measure(given: Given, match: re.Match[str]) -> Condition:
    comparison, name = Comparison[match[1]], match[2]
    found = [
        in_base_unit(number, match[3], difference=name in _DIFFERENCES)
        for number in given.measures(comparison)
    ]
    values = tuple(value for _, value in found)
    return HasNumber(measure_name(name, found[0][0]), comparison, values)


def _listed(given: Given, match: re.Match[str]) -> Condition:
    name, kind = match.groups()
    words = _TYPES[name]
    found = word(kind, words, given.prefixes)
    if found not in words.words and ":" not in found:
        raise given.refused("ends in a type of the vocabulary or a URI", given.name)
    return HasTerm(tuple(term(f"{name}/{found}", one) for one in given.identities()))


def _extension(given: Given, match: re.Match[str]) -> Condition | None:
    name = extension(given, given.name[len(match[1]) + 1 :])
    if match[1] == "EXISTS":
        return existence(name)(given)
    if match[1] == "EQ":
        return _equal(given, name)
    value, comparison = given.single(), Comparison[match[1]]
    time_ms, number = find_time_ms(value), decimal(value)
    if time_ms is not None:
        return HasNumber(kept(f"{name}@"), comparison, (float(time_ms),))
    if number is None:
        raise given.refused("is a number or a time", value)
    return HasNumber(kept(name), comparison, (compared(number),))


def _equal(given: Given, name: str) -> Condition:
    terms = []
    for value in given.values:
        if value is None or isinstance(value, list | dict):
            raise given.refused("is a list of texts, a number or a time", value)
        terms += [term(name, text) for text in spellings(value)]
    if not terms:
        raise given.refused("has at least one value")
    return HasTerm(tuple(terms))


def _attribute(given: Given, match: re.Match[str]) -> Condition:
    rest = match[2]
    name = next((one for one in _WITH_MASTER_DATA if rest.partition("_")[0] == one), None)
    if match[1] == "HASATTR":
        field = rest if name is None else name
        if field != rest:
            raise given.refused("is HASATTR_ and a field", given.name)
        names = [qualified(one, given.prefixes) or one for one in given.texts()]
        return HasAttribute(_field(given, field), tuple(map(kept, names)))
    field, _, attribute = rest.partition("_") if name else rest.rpartition("_")
    if not field or not attribute:
        raise given.refused("is EQATTR_, a field, _ and an attribute", given.name)
    named = qualified(attribute, given.prefixes) or attribute
    terms = tuple(term(named, value) for value in given.texts())
    return HasAttribute(_field(given, field), terms)


def _field(given: Given, name: str) -> Field | str:
    return _WITH_MASTER_DATA.get(name) or extension(given, name)


_FAMILIES: Final[tuple[tuple[re.Pattern[str], Callable[..., Condition | None]], ...]] = (
    (_MEASURE, _measure),
    (_LISTED, _listed),
    (_ATTRIBUTE, _attribute),
    (_EXTENSION, _extension),
)
