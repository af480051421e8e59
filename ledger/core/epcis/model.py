"""Findings of the model layer: what our schema says, in words that help."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from functools import lru_cache
from itertools import islice
from typing import Final, cast

import orjson
from jsonschema_rs import ValidationError

from ledger.core.epcis.codes import finding
from ledger.core.epcis.finding import DocumentFinding
from ledger.core.epcis.schema import (
    CODE,
    OF_GS1,
    SCHEMAS,
    VALIDATORS,
    VOCABULARIES,
    WORDS,
    Schema,
)
from ledger.core.strict_json import JsonValue

_OF_KEYWORD: Final = {
    "required": "MISSING_MEMBER",
    "type": "WRONG_TYPE",
    "uniqueItems": "DUPLICATE_IN_LIST",
    "minItems": "EMPTY_LIST",
    "minProperties": "EMPTY_LIST",
    "additionalProperties": "UNKNOWN_MEMBER",
    "propertyNames": "UNKNOWN_MEMBER",
}
# Elements and members. Attack: each of a million faults takes two kB and 30 us to tell.
MAX_EXPLAINED: Final = 20_000
# The longest word of CBV has 26.
MAX_WORD_CHARACTERS: Final = 60
_OF_GS1: Final = re.compile(OF_GS1)
_CLOSE: Final = 0.75
_FEW_LETTERS: Final = 3
_CODE_FOR_MISSING: Final = {"@context": "MISSING_CONTEXT"}
_MESSAGES: Final = {
    "INVALID_URI": "This must be a URI (RFC 3986), with spaces and the like percent-encoded.",
    "INVALID_TIME": "A time is YYYY-MM-DDThh:mm:ss, a fraction if any, and Z or ±hh:mm;"
    " the date must exist.",
    "INVALID_TIME_ZONE_OFFSET": "The offset is +hh:mm or -hh:mm up to 14:00; never Z.",
    "INVALID_ACTION": "The action is ADD, OBSERVE or DELETE.",
    "INVALID_UOM": "A unit is a code of UN/ECE Recommendation 20: two or three capitals or digits.",
    "INVALID_HEX_BINARY": "This must be hexadecimal digits.",
    "INVALID_CONTEXT": "A context is a URI, an object, or a list of different ones of these.",
    "UNSUPPORTED_SCHEMA_VERSION": "JSON documents have schemaVersion 2.x.",
}


def pointer_of(base: str, path: list[str | int]) -> str:
    """Return the RFC 6901 pointer of a path below a base."""
    return base + "".join(f"/{str(one).replace('~', '~0').replace('/', '~1')}" for one in path)


def model_findings(
    kind: str, value: JsonValue, pointer: str, event: int | None = None
) -> list[DocumentFinding]:
    """Return what is wrong with a document or event by its schema.

    Args:
        kind: A key of schema.SCHEMAS.
        value: The document or event.
        pointer: Where it stands.
        event: Position of the event, None for a document.
    """
    validator = VALIDATORS[kind]
    if validator.is_valid(value):
        return []
    found: list[DocumentFinding] = []
    if orjson.dumps(value).count(b",") > MAX_EXPLAINED:
        message = "It is too large for more than its first fault to be told."
        try:
            validator.validate(value)
        except ValidationError as error:
            found = list(islice(_told(kind, error, pointer, event), 1))
        return [*found, finding("TOO_LARGE_TO_EXPLAIN", pointer, None, message, event)]
    return [
        one for error in validator.iter_errors(value) for one in _told(kind, error, pointer, event)
    ]


def _told(
    kind: str, error: ValidationError, pointer: str, event: int | None
) -> Iterator[DocumentFinding]:
    return _explain(error, _node(SCHEMAS[kind], error.schema_path), pointer, event)


def _node(schema: Schema, path: list[str | int]) -> Schema:
    """Return the subschema that holds the keyword which failed: ours has no references."""
    node: object = schema
    keywords = path[: path.index("propertyNames") + 1] if "propertyNames" in path else path
    for step in keywords[:-1]:
        node = cast("dict[str | int, object]", node)[step]
    return cast("Schema", node)


def _explain(
    error: ValidationError, node: Schema, base: str, event: int | None
) -> Iterator[DocumentFinding]:
    keyword = error.kind.name
    path = list(error.instance_path)
    instance = cast("JsonValue", error.instance)
    detail = error.kind.as_dict()
    if keyword == "required":
        name = str(detail["property"])
        code = _CODE_FOR_MISSING.get(name, "MISSING_MEMBER")
        yield finding(code, pointer_of(base, [*path, name]), None, f"{name} is missing.", event)
    elif keyword == "additionalProperties":
        for name in detail["unexpected"]:
            yield _unknown(pointer_of(base, [*path, name]), name, event)
    elif keyword == "propertyNames":
        for name in _strange_names(instance, node):
            yield _unknown(pointer_of(base, [*path, name]), name, event)
    elif keyword == "uniqueItems":
        yield from _twice(instance, pointer_of(base, path), event)
    elif keyword in ("minItems", "minProperties"):
        yield finding(
            "EMPTY_LIST", pointer_of(base, path), None, "This must not be empty.", event
        )  # fmt: skip
    else:
        yield _wrong_value(error, node, pointer_of(base, path), event)


def _unknown(pointer: str, name: str, event: int | None) -> DocumentFinding:
    message = (
        f"{name} is no member that the standard has here; an extension needs a prefix and a colon."
    )
    return finding("UNKNOWN_MEMBER", pointer, name, message, event)


def _strange_names(instance: JsonValue, node: Schema) -> list[str]:
    """Return the names that break `propertyNames`: the validator stops at the first."""
    known = cast("dict[str, object]", node.get("properties", {}))
    names = cast("dict[str, JsonValue]", instance)
    return [name for name in names if name not in known and not _IS_URI.is_valid(name)]


def _twice(items: JsonValue, pointer: str, event: int | None) -> Iterator[DocumentFinding]:
    seen: dict[bytes, int] = {}
    for i, item in enumerate(cast("list[JsonValue]", items)):
        first = seen.setdefault(orjson.dumps(item, option=orjson.OPT_SORT_KEYS), i)
        if first != i:
            message = f"This is a second time in the list, first at {first}."
            yield finding("DUPLICATE_IN_LIST", f"{pointer}/{i}", item, message, event)


def _wrong_value(
    error: ValidationError, node: Schema, pointer: str, event: int | None
) -> DocumentFinding:
    value = cast("JsonValue", error.instance)
    if error.kind.name == "type" and not (node.get(CODE) and isinstance(value, str)):
        types = " or ".join(error.kind.as_dict()["types"])
        return finding("WRONG_TYPE", pointer, value, f"This must be a JSON {types}.", event)
    if WORDS in node:
        return _wrong_word(value, str(node[WORDS]), pointer, event)
    code = str(node.get(CODE) or _OF_KEYWORD.get(error.kind.name, "INVALID_VALUE"))
    return finding(code, pointer, value, _MESSAGES.get(code, error.message), event)


def _wrong_word(value: JsonValue, name: str, pointer: str, event: int | None) -> DocumentFinding:
    if not isinstance(value, str):
        return finding("WRONG_TYPE", pointer, value, "This must be a JSON string.", event)
    words = VOCABULARIES[name]
    bare = words.bare(value)
    if bare == value and _OF_GS1.match(value):
        # Of any older or mistaken namespace of GS1: BizStep-shipping, :shipping.
        bare = value[max(value.rfind(one) for one in ":/-") + 1 :]
    if bare != value and bare in words.words:
        message = f"JSON spells this {name} as the bare word: {bare}."
        return finding("CBV_URI_IN_JSON", pointer, value, message, event)
    message = f"This is no {name} of CBV 2.0, and no URI of a vocabulary of your own."
    near = _nearest(value, name)
    hint = f" Is it {near}?" if near else ""
    return finding("UNKNOWN_CBV_WORD", pointer, value, message + hint, event)


# A partner's system writes the same wrong word into every event.
@lru_cache(maxsize=256)
def _nearest(value: str, vocabulary: str) -> str | None:
    """Return the word that was meant, if one is close; comparing costs the square of the length."""
    if len(value) > MAX_WORD_CHARACTERS:
        return None
    word = value.strip().rpartition(":")[2].lower().replace(" ", "_")
    # Attack: a wrong word in each of many events. Few words begin alike and are as long.
    by_small_letters = {
        one.lower(): one
        for one in sorted(VOCABULARIES[vocabulary].words)
        if one[0].lower() == word[:1] and abs(len(one) - len(word)) <= _FEW_LETTERS
    }
    near = get_close_matches(word, [*by_small_letters], n=1, cutoff=_CLOSE)
    return by_small_letters[near[0]] if near else None


_IS_URI: Final = type(VALIDATORS["ObjectEvent"])(
    {"type": "string", "format": "uri"}, validate_formats=True
)
