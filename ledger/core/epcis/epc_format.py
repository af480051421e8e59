"""GS1 keys of an event as EPC URNs or as Digital Links: the GS1-EPC-Format header (EPCIS 2.0, 12).

Only what is a GS1 key is ever translated, and only where EPCIS has an identifier.
"""

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Final

from ledger.core.digital_links import to_digital_link, to_urn
from ledger.core.epcis.document import Document, Event
from ledger.core.prefix_lengths import PrefixLengths
from ledger.core.strict_json import JsonValue

Translation = Callable[[str], str]
Translator = Callable[[JsonValue, Translation], JsonValue]


class EpcFormat(StrEnum):
    """Values of the GS1-EPC-Format header."""

    NO_PREFERENCE = "No_Preference"
    ALWAYS_GS1_DIGITAL_LINK = "Always_GS1_Digital_Link"
    ALWAYS_EPC_URN = "Always_EPC_URN"
    NEVER_TRANSLATES = "Never_Translates"


_URN: Final = "urn:epc:"


def in_format(event: Event, wanted: EpcFormat, lengths: PrefixLengths) -> Event:
    """Return an event whose GS1 keys are in the format that was asked for.

    Args:
        event: As it is stored; it is not changed.
        wanted: The header's value.
        lengths: Company prefixes that are known; a Digital Link of another company stays one.
    """
    if wanted is EpcFormat.ALWAYS_GS1_DIGITAL_LINK:
        # What is a link already stays on the sender's domain.
        return _translated(event, lambda text: to_digital_link(text) if _is_urn(text) else text)
    if wanted is EpcFormat.ALWAYS_EPC_URN:
        return _translated(event, lambda text: to_urn(text, lengths))
    return event


def learn_prefixes(document: Document) -> PrefixLengths:
    """Return the company prefixes that a document's events and master data show by their URNs."""
    lengths = PrefixLengths()
    for event in document.events:
        learn_from_event(event, lengths)
    for identifier in _head_identifiers(document.members):
        lengths.learn(identifier)
    return lengths


def learn_from_event(event: Event, lengths: PrefixLengths) -> None:
    """Learn the company prefixes that one event shows."""
    for identifier in identifiers_of(event):
        lengths.learn(identifier)


def identifiers_of(event: Event) -> list[str]:
    """Return what stands where EPCIS has an identifier, in the order of the event."""
    found: list[str] = []

    def seen(text: str) -> str:
        found.append(text)
        return text

    _translated(event, seen)
    return found


def _is_urn(text: str) -> bool:
    return text[: len(_URN)].lower() == _URN


def _translated(event: Event, translation: Translation) -> Event:
    return {
        name: _TRANSLATORS[name](value, translation) if name in _TRANSLATORS else value
        for name, value in event.items()
    }


def _text(value: JsonValue, translation: Translation) -> JsonValue:
    return translation(value) if isinstance(value, str) else value


def _each(translator: Translator) -> Translator:
    def translate_each(value: JsonValue, translation: Translation) -> JsonValue:
        if not isinstance(value, list):
            return value
        return [translator(one, translation) for one in value]

    return translate_each


def _members(translators: dict[str, Translator]) -> Translator:
    def translate_members(value: JsonValue, translation: Translation) -> JsonValue:
        if not isinstance(value, dict):
            return value
        found = {
            name: translators[name](value[name], translation)
            for name in translators.keys() & value.keys()
        }
        return {**value, **found}

    return translate_members


_DEVICE: Final = _members({"deviceID": _text})
_QUANTITIES: Final = _each(_members({"epcClass": _text}))
# Where EPCIS has an identifier (EPCIS 2.0 section 7.3); all else is never looked at.
_TRANSLATORS: Final[dict[str, Translator]] = {
    "parentID": _text,
    "transformationID": _text,
    "epcList": _each(_text),
    "childEPCs": _each(_text),
    "inputEPCList": _each(_text),
    "outputEPCList": _each(_text),
    "quantityList": _QUANTITIES,
    "childQuantityList": _QUANTITIES,
    "inputQuantityList": _QUANTITIES,
    "outputQuantityList": _QUANTITIES,
    "readPoint": _members({"id": _text}),
    "bizLocation": _members({"id": _text}),
    "sourceList": _each(_members({"source": _text})),
    "destinationList": _each(_members({"destination": _text})),
    "bizTransactionList": _each(_members({"bizTransaction": _text})),
    "sensorElementList": _each(
        _members({"sensorMetadata": _DEVICE, "sensorReport": _each(_DEVICE)})
    ),
}


def _head_identifiers(members: Event) -> Iterator[str]:
    for name in ("sender", "receiver"):
        value = members.get(name)
        if isinstance(value, str):
            yield value
    header = members.get("epcisHeader")
    master = header.get("epcisMasterData") if isinstance(header, dict) else None
    yield from _vocabulary_identifiers(master)
    body = members.get("epcisBody")
    results = body.get("queryResults") if isinstance(body, dict) else None
    yield from _vocabulary_identifiers(
        results.get("resultsBody") if isinstance(results, dict) else None
    )


def _vocabulary_identifiers(holder: JsonValue) -> Iterator[str]:
    for vocabulary in _dicts(holder, "vocabularyList"):
        for element in _dicts(vocabulary, "vocabularyElementList"):
            children = element.get("children")
            for identifier in [
                element.get("id"),
                *(children if isinstance(children, list) else ()),
            ]:
                if isinstance(identifier, str):
                    yield identifier


def _dicts(holder: JsonValue, name: str) -> Iterator[Event]:
    listed = holder.get(name) if isinstance(holder, dict) else None
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict):
            yield one
