"""Where in a document's bytes a pointer leads: for people who have to mend the file.

Costs a pass in Python, so only commands ask for it, and only of bytes that the hardened reader has
taken: expat would follow entities.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from ledger.core.epcis.document import Document, Format

_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+', re.DOTALL)


def find_offsets(raw: bytes, document: Document, pointers: Iterable[str]) -> dict[str, int]:
    """Return the offset at which the value of each pointer begins, or what surrounds it.

    Args:
        raw: The bytes that were read.
        document: What they were read as.
        pointers: Into the JSON form of the document; "" is left out.
    """
    wanted = [pointer for pointer in dict.fromkeys(pointers) if pointer]
    known = _of_json(raw) if document.format is Format.JSON else _of_xml(raw, document, wanted)
    found = {}
    for pointer in wanted:
        near = pointer
        while near and near not in known:
            near = near.rpartition("/")[0]
        if near:
            found[pointer] = known[near]
    return found


def line_of(raw: bytes, offset: int) -> int:
    """Return the line of an offset, from 1."""
    return raw.count(b"\n", 0, offset) + 1


@dataclass(slots=True)
class _Frame:
    """A container that is open: its pointer, and what comes next in it."""

    pointer: str
    is_list: bool
    index: int = 0
    name: str | None = None


def _of_json(raw: bytes) -> dict[str, int]:
    """Return the offset of each member's name and each element, by pointer."""
    offsets: dict[str, int] = {}
    frames: list[_Frame] = []
    for token in _TOKEN.finditer(raw):
        sign = token[0]
        if sign in b":,":
            if sign == b"," and frames:
                frames[-1].index += 1
                frames[-1].name = None
        elif sign in b"]}":
            frames.pop()
        elif frames and not frames[-1].is_list and frames[-1].name is None:
            frames[-1].name = _escaped(sign)
            offsets[f"{frames[-1].pointer}/{frames[-1].name}"] = token.start()
        else:
            here = ""
            if frames:
                frame = frames[-1]
                here = f"{frame.pointer}/{frame.index if frame.is_list else frame.name}"
                offsets.setdefault(here, token.start())
            if sign in b"[{":
                frames.append(_Frame(here, sign == b"["))
    return offsets


def _escaped(name: bytes) -> str:
    return name[1:-1].decode("utf-8", "replace").replace("~", "~0").replace("/", "~1")


@dataclass(slots=True)
class _Element:
    """One element of XML: its local name, where its tag begins, and what it holds."""

    name: str
    offset: int
    children: "list[_Element]" = field(default_factory=list)


def _of_xml(raw: bytes, document: Document, wanted: list[str]) -> dict[str, int]:
    """Return the offsets of the elements that became what the pointers lead to."""
    root = _tree(raw)
    events: list[_Element] = []
    _collect_events(root, events)
    found: dict[str, int] = {}
    bases = sorted(zip(document.pointers, events, strict=False), key=lambda one: -len(one[0]))
    by_pointer = dict(bases)
    for pointer in wanted:
        base = _base_of(pointer, by_pointer)
        start = by_pointer[base] if base is not None else root
        steps = pointer[len(base or "") :].split("/")[1:]
        found[pointer] = _descend(start, steps).offset
    return found


def _base_of(pointer: str, events: dict[str, _Element]) -> str | None:
    near = pointer
    while near and near not in events:
        near = near.rpartition("/")[0]
    return near if near in events else None


def _tree(raw: bytes) -> _Element:
    top = _Element("", 0)
    stack = [top]
    parser = expat.ParserCreate()

    def start(name: str, _attributes: object) -> None:
        element = _Element(name.rpartition(":")[2], parser.CurrentByteIndex)
        stack[-1].children.append(element)
        stack.append(element)

    def end(_name: str) -> None:
        stack.pop()

    parser.StartElementHandler, parser.EndElementHandler = start, end
    try:
        parser.Parse(raw, True)  # noqa: FBT003 -- expat's own signature
    except expat.ExpatError:
        return top
    return top.children[0] if top.children else top


def _collect_events(element: _Element, events: list[_Element]) -> None:
    """Collect event elements in the order of the document; an event holds no other."""
    pending = [element]
    while pending:
        one = pending.pop()
        if one.name.endswith("Event") and one.name[0].isupper():
            events.append(one)
        else:
            pending += reversed(one.children)


def _descend(element: _Element, steps: list[str]) -> _Element:
    for step in steps:
        name = step.rpartition(":")[2]
        inner = _child(element, name)
        if inner is None:
            break
        element = inner
    return element


def _child(element: _Element, name: str) -> _Element | None:
    if name.isdecimal():
        position = int(name)
        return element.children[position] if position < len(element.children) else None
    # The body and the results begin with capitals in XML.
    name = name.lower()
    pending = list(element.children)
    while pending:
        one = pending.pop(0)
        if one.name.lower() == name:
            return one
        # Version 1.2 wraps what came later into `extension` and `baseExtension`.
        if one.name in ("extension", "baseExtension"):
            pending += one.children
    return None
