"""The CBV 2.0 event hash, an attribute by which partners name an event (docs/spec/event-hash.md).

Never a leaf and never a reason to refuse: without separators different events share a hash. The
ledger's own digest of an event is `ledger.core.commitment.event_digest`.
"""

import re
from hashlib import sha256
from typing import Final

from ledger.core.epcis.codes import finding
from ledger.core.epcis.document import Document, Event
from ledger.core.epcis.finding import DocumentFinding
from ledger.core.epcis.hash_order import EVENT_MEMBERS, LEFT_OUT, Member
from ledger.core.epcis.hash_values import written, written_extension
from ledger.core.epcis.namespaces import RDFS_COMMENT, Namespaces, namespaces_of
from ledger.core.strict_json import JsonValue

VERSION: Final = "CBV2.0"
# Text and attributes of an XML element that has more than text (docs/spec/epcis-xml.md).
TEXT_MEMBER: Final = "#text"
_ATTRIBUTE: Final = "@"

# Other algorithms and versions of the hash cannot be compared with this one.
_OURS = re.compile(rf"ni:///sha-256;([0-9A-Fa-f]{{64}})(?:\?ver={re.escape(VERSION)})?", re.ASCII)


def event_hash(event: Event, outer: JsonValue = None) -> str:
    """Return `ni:///sha-256;{hex}?ver=CBV2.0` of an event of any shape.

    Args:
        event: As in EPCIS 2.0 JSON.
        outer: `@context` of its document, for an event that has one of its own beside it.
    """
    return _named(event_prehash(event, outer))


def event_prehash(event: Event, outer: JsonValue = None) -> str:
    """Return the text whose SHA-256 names the event; the arguments are those of event_hash."""
    names = namespaces_of(outer, event.get("@context"))
    members = {name: value for name, value in event.items() if name not in LEFT_OUT}
    return _structure(members, EVENT_MEMBERS, names)


def hash_findings(document: Document) -> list[DocumentFinding]:
    """Return a finding for each eventID that says to be the event's hash and is not."""
    outer = document.members.get("@context")
    findings = []
    for i, (event, pointer) in enumerate(zip(document.events, document.pointers, strict=True)):
        given = event.get("eventID")
        match = _OURS.fullmatch(given) if isinstance(given, str) else None
        if match is None:
            continue
        right = event_hash(event, outer)
        if match[1].lower() not in right:
            message = f"The event's {VERSION} hash is {right}."
            findings.append(
                finding("EVENT_ID_HASH_MISMATCH", f"{pointer}/eventID", given, message, i)
            )
    return findings


def _named(prehash: str) -> str:
    digest = sha256(prehash.encode("utf-8", "surrogatepass")).hexdigest()
    return f"ni:///sha-256;{digest}?ver={VERSION}"


def _structure(value: Event, order: tuple[Member, ...], names: Namespaces) -> str:
    known = [_member(value[one.name], one, names) for one in order if one.name in value]
    in_order = {one.name for one in order}
    others = {name: one for name, one in value.items() if name not in in_order}
    return "".join(known) + _extensions(others, names)


def _member(value: JsonValue, member: Member, names: Namespaces) -> str:
    elements = value if isinstance(value, list) else [value]
    texts = sorted(filter(None, (_element(one, member, names) for one in elements)))
    return (member.name if member.listed and texts else "") + "".join(texts)


def _element(value: JsonValue, member: Member, names: Namespaces) -> str:
    """Return one element with its key, "" for one that says nothing."""
    if value is None:
        return ""
    if isinstance(value, dict):
        text = _structure(value, member.members, names)
    elif isinstance(value, list):
        text = "".join(sorted(_element(one, member, names) for one in value))
    else:
        text = written(value, member.kind, member.words, names)
        text = f"={text}" if text else ""
    return member.written + text if text else ""


def _extensions(members: Event, names: Namespaces) -> str:
    texts = [
        text
        for name, value in members.items()
        if name != "@context"
        and (expanded := names.expanded_name(name.removeprefix(_ATTRIBUTE))) != RDFS_COMMENT
        for text in _extension(expanded, value, names)
    ]
    return "".join(sorted(texts))


def _extension(name: str, value: JsonValue, names: Namespaces) -> list[str]:
    if value is None:
        return []
    if isinstance(value, list):
        return [text for one in value for text in _extension(name, one, names)]
    if isinstance(value, dict):
        inner = {key: one for key, one in value.items() if key != TEXT_MEMBER}
        text = _plain(name, value.get(TEXT_MEMBER), names)
        return [text + _extensions(inner, names)]
    return [_plain(name, value, names)]


def _plain(name: str, value: JsonValue, names: Namespaces) -> str:
    text = "" if value is None else written_extension(value, names)
    return f"{name}={text}" if text else name
