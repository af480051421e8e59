"""Where places are: coordinates from the master data in the header of a document.

EPCIS 2.0 section 6.1.1 and CBV: attributes `latitude` and `longitude` of a location, in degrees.
They have been written in several namespaces, GS1's own examples among them: the last word counts.
"""

import re
from collections.abc import Iterator, Mapping

from ledger.core.epcis.compared import field, identity
from ledger.core.strict_json import JsonValue

MAX_LATITUDE, MAX_LONGITUDE = 90.0, 180.0
_DEGREES = re.compile(r"[+-]?[0-9]{1,3}(?:\.[0-9]{1,30})?", re.ASCII)
_LAST_WORD = re.compile(r"[#/:\-]")


def coordinates(members: Mapping[str, JsonValue]) -> dict[str, tuple[float, float]]:
    """Return latitude and longitude by canonical path of the places that a document tells of.

    A place with one of the two alone, or with a value that is none, is left out; of a place that
    stands there twice the first counts.
    """
    found: dict[str, tuple[float, float]] = {}
    header = members.get("epcisHeader")
    data = header.get("epcisMasterData") if isinstance(header, dict) else None
    vocabularies = data.get("vocabularyList") if isinstance(data, dict) else None
    for vocabulary in _objects(vocabularies):
        for element in _objects(vocabulary.get("vocabularyElementList")):
            name, at = element.get("id"), _position(element)
            if isinstance(name, str) and at is not None:
                found.setdefault(field(identity(name)), at)
    return found


def _position(element: Mapping[str, JsonValue]) -> tuple[float, float] | None:
    told: dict[str, float] = {}
    for attribute in _objects(element.get("attributes")):
        name, value = attribute.get("id"), attribute.get("attribute")
        word = _LAST_WORD.split(name)[-1] if isinstance(name, str) else ""
        limit = {"latitude": MAX_LATITUDE, "longitude": MAX_LONGITUDE}.get(word)
        degrees = None if limit is None else _degrees(value, limit)
        if degrees is not None:
            told.setdefault(word, degrees)
    if len(told) == 1 or not told:
        return None
    return told["latitude"], told["longitude"]


def _degrees(value: JsonValue, limit: float) -> float | None:
    if isinstance(value, str) and _DEGREES.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > limit:
        return None
    return float(value)


def _objects(value: JsonValue) -> Iterator[dict[str, JsonValue]]:
    for one in value if isinstance(value, list) else []:
        if isinstance(one, dict):
            yield one
