"""What an `@context` does to an event's names: read without ever fetching one.

EPCIS 2.0 section 10.2 lets a partner add contexts for extensions. One that gives a name of the
standard another meaning would make two readers see two events, so it is refused; what cannot be
known without the network is said and ignored.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, cast

import orjson

from ledger.core.epcis.document import STANDARD_CONTEXT, Event
from ledger.core.epcis.namespaces import STANDARD_PREFIXES
from ledger.core.epcis.schema import MEMBERS, SCHEMAS
from ledger.core.strict_json import JsonValue

KNOWN_CONTEXTS: Final = frozenset(
    [
        STANDARD_CONTEXT,
        "https://ref.gs1.org/standards/epcis/epcis-context.jsonld",
        "https://gs1.github.io/EPCIS/epcis-context.jsonld",
    ]
)
PREFIXES: Final = STANDARD_PREFIXES
EPCIS: Final = PREFIXES["epcis"]
# Those by which the standard's own names are defined.
_OWN_PREFIXES: Final = frozenset(["epcis", "cbv"])
_KEYWORDS: Final = {"id": "@id", "type": "@type"}
# Schemes whose names are whole URIs, not a prefix and a local name.
_CONTAINERS: Final = (dict, list)
_SCHEMES: Final = frozenset(["http", "https", "urn", "ni", "data", "tag", "did"])


def _terms() -> frozenset[str]:
    """Return every name that the standard gives a member or a type."""
    names: set[str] = set(SCHEMAS)
    pending: list[object] = [*SCHEMAS.values()]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            names.update(node.get("properties", ()))
            pending += node.values()
        elif isinstance(node, list):
            pending += node
    return frozenset(names - {"@context"})


TERMS: Final = _terms()
# What holds no extension in an event that its schema takes.
_CLOSED: Final = frozenset(
    ["@context", "certificationInfo", "persistentDisposition", "bizTransactionList", "sourceList",
     "destinationList", *(name for own in MEMBERS.values() for name in own if name != "ilmd")]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ContextFault:
    """One fault of a context; `path` leads to it from the context itself."""

    code: str
    path: str
    value: str
    message: str


@dataclass(frozen=True, slots=True)
class Context:
    """What a context binds, and its faults."""

    prefixes: frozenset[str]
    faults: tuple[ContextFault, ...]


def read_context(context: JsonValue) -> Context:
    """Return what a context binds; of a value that is no context, the standard's prefixes."""
    try:
        return _read(orjson.dumps(context))
    except orjson.JSONEncodeError:
        return Context(frozenset(PREFIXES), ())


@lru_cache(maxsize=1024)
def _read(encoded: bytes) -> Context:
    context = orjson.loads(encoded)
    parts = context if isinstance(context, list) else [context]
    prefixes, faults = set(PREFIXES), []
    known = False
    for i, part in enumerate(parts):
        path = f"/{i}" if isinstance(context, list) else ""
        if isinstance(part, str):
            known = known or part in KNOWN_CONTEXTS
            if part not in KNOWN_CONTEXTS:
                faults.append(_unknown(path, part))
        elif isinstance(part, dict):
            prefixes |= _bound(part)
            faults += _faults_of(part, path)
    if not known:
        message = f"The context of the standard is missing: {STANDARD_CONTEXT}."
        faults.append(ContextFault("MISSING_STANDARD_CONTEXT", "", encoded.decode(), message))
    return Context(frozenset(prefixes), tuple(faults))


def _unknown(path: str, address: str) -> ContextFault:
    message = "This context is not known and is never fetched; what it binds is ignored."
    return ContextFault("UNKNOWN_CONTEXT", path, address, message)


def _bound(part: dict[str, JsonValue]) -> set[str]:
    bound = set()
    for name, definition in part.items():
        target = _target(definition)
        if target and not name.startswith("@"):
            bound.add(name.partition(":")[0])
    return bound


def _target(definition: JsonValue) -> str:
    """Return what a definition maps its term to, "" for nothing."""
    if isinstance(definition, dict):
        definition = definition.get("@id")
    return definition if isinstance(definition, str) else ""


def _faults_of(part: dict[str, JsonValue], path: str) -> list[ContextFault]:
    faults = []
    for name, definition in part.items():
        here = f"{path}/{_escaped(name)}"
        target = _target(definition)
        if name in ("@import", "@propagate") and isinstance(definition, str):
            faults.append(_unknown(here, definition))
        elif _standard_target(name) is not None:
            if not _is_same(name, target):
                faults.append(_redefined(name, here, str(definition)))
        elif target.startswith("@") or _expanded(target).startswith(EPCIS):
            message = f"{name} becomes a second spelling of a name of the standard."
            faults.append(ContextFault("CONTEXT_ALIASES_STANDARD", here, target, message))
    return faults


def _redefined(name: str, path: str, definition: str) -> ContextFault:
    if name in PREFIXES and name not in _OWN_PREFIXES:
        # GS1's own example of all fields binds cbvmda anew.
        message = f"The standard binds the prefix {name} to {PREFIXES[name]}."
        return ContextFault("CONTEXT_REBINDS_PREFIX", path, definition, message)
    message = f"{name} is a name of the standard; this context gives it another meaning."
    return ContextFault("CONTEXT_REDEFINES_STANDARD", path, definition, message)


def _standard_target(name: str) -> str | None:
    if name in _KEYWORDS:
        return _KEYWORDS[name]
    return PREFIXES.get(name) or (EPCIS + name if name in TERMS else None)


def _is_same(name: str, target: str) -> bool:
    return target == name or _expanded(target) == _standard_target(name)


def _expanded(target: str) -> str:
    prefix, _, local = target.partition(":")
    return PREFIXES[prefix] + local if prefix in PREFIXES else target


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def are_names_bound(event: Event, prefixes: frozenset[str]) -> bool:
    """Tell at once that name_faults has nothing to say of an event that its schema takes.

    False says nothing.
    """
    names: set[str] = {name for name in event if ":" in name}
    pending: list[JsonValue] = [
        value for name, value in event.items() if type(value) in _CONTAINERS and name not in _CLOSED
    ]
    for node in pending:
        inner: Iterable[JsonValue] = cast("list[JsonValue]", node)
        if isinstance(node, dict):
            names.update(node)
            inner = node.values()
        pending += [value for value in inner if type(value) in _CONTAINERS]
    return "@context" not in names and all(
        _is_bound(name, prefixes) for name in names if ":" in name
    )


def _is_bound(name: str, prefixes: frozenset[str]) -> bool:
    prefix, _, local = name.partition(":")
    return prefix in prefixes and prefix != "epcis" and local != ""


def name_faults(event: Event, prefixes: frozenset[str]) -> list[ContextFault]:
    """Return names whose meaning no context gives, one for each prefix.

    Args:
        event: Or the members of a document around its events. The path of a fault begins here.
        prefixes: What the contexts bind.
    """
    faults: dict[str, ContextFault] = {}
    pending: list[tuple[JsonValue, str]] = [(event, "")]
    while pending:
        node, path = pending.pop()
        if isinstance(node, dict):
            for name, value in node.items():
                if ":" in name:
                    _judge_name(name, f"{path}/{_escaped(name)}", prefixes, faults)
                elif name == "@context":
                    _judge_nested(value, path, faults)
                    continue
                if type(value) is not str:
                    pending.append((value, f"{path}/{_escaped(name)}"))
        elif isinstance(node, list):
            pending += [
                (one, f"{path}/{i}") for i, one in enumerate(node) if isinstance(one, dict | list)
            ]
    return [*faults.values()]


def _judge_nested(value: JsonValue, path: str, faults: dict[str, ContextFault]) -> None:
    if path:
        message = "A context below the first can change names; it is ignored."
        at = f"{path}/@context"
        faults[at] = ContextFault("NESTED_CONTEXT", at, str(value), message)


def _judge_name(
    name: str, path: str, prefixes: frozenset[str], faults: dict[str, ContextFault]
) -> None:
    # The reader of XML writes an attribute as a member that begins with @.
    prefix, _, local = name.removeprefix("@").partition(":")
    if not local:
        message = f"{name} is a prefix without a name."
        faults[name] = ContextFault("EXTENSION_WITHOUT_NAME", path, name, message)
        return
    if prefix in PREFIXES:
        if prefix == "epcis" and local in TERMS:
            message = f"{name} is {local} in another spelling; two readers may see two events."
            faults[name] = ContextFault("STANDARD_TERM_AS_EXTENSION", path, name, message)
        return
    if prefix in prefixes or local.startswith("//") or prefix.lower() in _SCHEMES:
        return
    message = f"No context binds the prefix {prefix}, so {name} has no meaning of its own."
    faults.setdefault(prefix, ContextFault("UNDEFINED_PREFIX", path, name, message))


def inherited(event: Event, members: dict[str, JsonValue]) -> bool:
    """Tell whether an event's context is the one it took over from its document."""
    return "@context" in event and event["@context"] is cast("object", members.get("@context", 0))
